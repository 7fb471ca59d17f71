"""Tables of stage `ingest`."""

from __future__ import annotations

from analytics.tables.columns import Column, Table
from analytics.tables.raw import DEPENDENCIES, EVENTS, ORIGINS, QUARANTINE, REGIONS, SERVICES

__all__ = ["INGEST"]

INGEST = (
    Table("services", "ingest", "what is monitored", ("service",), SERVICES),
    Table("regions", "ingest", "where from", ("region",), REGIONS),
    Table(
        "series",
        "ingest",
        "one signal of one service in one region",
        ("series_id",),
        (
            Column("series_id", "text", "stable hash of service, region and signal"),
            Column("service", "label", "the service"),
            Column("region", "label", "the region"),
            Column("signal", "label", "what is measured"),
            Column("unit", "label", "unit of its values"),
            Column("step_s", "integer", "time between two values", "s"),
            Column("origin", "label", "regular checks, or rows written on change only", choices=ORIGINS),
            Column("first", "time", "first step with a value"),
            Column("last", "time", "last step with a value"),
            Column("n", "integer", "steps with a value"),
            Column("missing_share", "float", "share of steps without a value between first and last", "fraction"),
            Column("block", "integer", "block of services its panel is stored in"),
        ),
    ),
    Table(
        "outages",
        "ingest",
        "failed checks in a row; of several monitors at the same time one",
        ("service", "region", "start"),
        (
            Column("service", "label", "the service"),
            Column("region", "label", "the region"),
            Column("start", "time", "first failed check"),
            Column("end", "time", "first success after it, or where checks pause; empty: not over yet", optional=True),
            Column("n_failed", "integer", "failed checks"),
            Column("is_confirmed", "boolean", "k of n consecutive checks of a monitor failed, or k monitors saw it (project.accounting)"),
            Column("unmeasured_s", "float", "time inside it in which the checks paused", "s"),
            Column(
                "excluded_reason",
                "label",
                "why it does not count against the service",
                optional=True,
                choices=("maintenance", "prober"),
            ),
        ),
    ),
    Table("events", "ingest", "something declared to have happened", ("event_id",), EVENTS),
    Table(
        "masks",
        "ingest",
        "a stretch that baselines must not learn from and detectors must not judge",
        ("service", "region", "start", "reason"),
        (
            Column("service", "label", "the service; empty: all", optional=True),
            Column("region", "label", "the region; empty: all", optional=True),
            Column("start", "time", "from"),
            Column("end", "time", "until"),
            Column("reason", "label", "why", choices=("maintenance", "incident", "prober")),
            Column("source", "label", "who said so", optional=True),
        ),
    ),
    Table("dependencies", "ingest", "who calls whom", ("caller", "callee", "origin"), DEPENDENCIES),
    Table(
        "quality_flags",
        "ingest",
        "something about the data that a reader must know",
        ("flag", "service", "region", "start"),
        (
            Column(
                "flag",
                "label",
                "what is wrong",
                choices=(
                    "gap",
                    "metric_gap",
                    "metric_stopped",
                    "duplicates",
                    "clock_skew",
                    "prober_outage",
                    "constant",
                    "always_down",
                    "irregular",
                    "interval_changed",
                    "change_only",
                    "unit_jump",
                    "too_few",
                ),
            ),
            Column("service", "label", "the service; empty: all", optional=True),
            Column("region", "label", "the region; empty: all", optional=True),
            Column("start", "time", "from"),
            Column("end", "time", "until"),
            Column("n", "integer", "checks or steps concerned"),
            Column("severity", "label", "can the series still be trusted", choices=("info", "warning", "critical")),
            Column("text", "text", "a sentence"),
        ),
    ),
    Table(
        "quarantine",
        "ingest",
        "a row that was refused",
        (),
        QUARANTINE,
    ),
    Table(
        "coverage",
        "ingest",
        "how much of each day was measured",
        ("service", "region", "day"),
        (
            Column("service", "label", "the service"),
            Column("region", "label", "the region"),
            Column("day", "time", "UTC day"),
            Column("n_checks", "integer", "checks judged up or down"),
            Column("n_up", "integer", "successful checks"),
            Column("n_excluded", "integer", "checks in maintenance, pending or unknown"),
            Column("n_expected", "float", "checks that were due: of each monitor one every usual interval"),
        ),
    ),
)
