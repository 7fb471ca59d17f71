"""Every table and every stage of the project: the one place where columns are named.

A `Table` says which columns a table has, in which unit, what identifies a row and which stage writes it. A `Stage` says which
tables a stage reads; what it writes follows from the tables that name it as their producer. `validate` is called on every
save, so that a wrong table is refused where it is made and not where it is used.
"""

from __future__ import annotations

from analytics.tables.alerts import ALERTS, FINDING_STATES, FINDINGS, LEVELS, SILENCED_BY, SILENCES
from analytics.tables.anomalies import ANOMALIES, FEEDBACK, SUPPRESSED_BY
from analytics.tables.baseline import BASELINE, REBASELINES
from analytics.tables.columns import Column, Stage, Table
from analytics.tables.drift import DRIFT, DRIFT_DIRECTIONS, DRIFT_KINDS, DRIFT_STATES, SURE_Q
from analytics.tables.ingest import INGEST
from analytics.tables.raw import EVENT_KINDS, IN_FUTURE, LATENCIES, ORIGINS, RAW, ROLES, SERIES_SIGNALS, STATES, TRUTH_KINDS
from analytics.tables.slo import SLO
from analytics.tables.validation import picked, schema, schema_type, validate

__all__ = [
    "DECISIONS",
    "DRIFT",
    "DRIFT_DIRECTIONS",
    "DRIFT_KINDS",
    "DRIFT_STATES",
    "EVENT_KINDS",
    "FINDINGS",
    "FINDING_STATES",
    "IN_FUTURE",
    "LATENCIES",
    "LEVELS",
    "ORIGINS",
    "RAW",
    "ROLES",
    "SERIES_SIGNALS",
    "SILENCED_BY",
    "STAGES",
    "STATES",
    "SUPPRESSED_BY",
    "SURE_Q",
    "TABLES",
    "TRUTH_KINDS",
    "Column",
    "Stage",
    "Table",
    "picked",
    "schema",
    "schema_type",
    "stage_of",
    "validate",
    "writes",
]

TABLES: dict[str, Table] = {table.name: table for table in (*INGEST, *BASELINE, *DRIFT, *ANOMALIES, *ALERTS, *SLO)}

DECISIONS: dict[str, Table] = {table.name: table for table in (REBASELINES, FEEDBACK, SILENCES)}
"""What people decide: small files `data/decisions/<name>.csv` in git."""

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("simulate", None, "Simulate", "What would a service landscape with known faults look like?"),
        Stage("ingest", 5, "Data quality", "What was measured, and can it be trusted?", panels_written=("signals",)),
        Stage(
            "baseline",
            10,
            "Baselines",
            "What is normal for each service?",
            reads=("services", "regions", "series", "masks", "events"),
            panels_read=("signals",),
        ),
        Stage(
            "drift",
            15,
            "Drift",
            "What has quietly become worse (or better), since when, how badly?",
            reads=("services", "regions", "series", "events", "dependencies", "masks", "coverage", "baselines", "changes", "change_course"),
            panels_read=("signals",),
            models_read=("baseline",),
        ),
        Stage(
            "anomalies",
            20,
            "Anomalies",
            "What was strange, how strange, and is it worth waking someone?",
            reads=("services", "regions", "series", "events", "masks", "coverage", "outages"),
            panels_read=("signals",),
        ),
        Stage(
            "alerts",
            42,
            "Alerts",
            "Which findings must someone know about?",
            reads=(
                "services",
                "series",
                "events",
                "dependencies",
                "masks",
                "gaps",
                "drifts",
                "drift_members",
                "anomalies",
                "anomaly_course",
                "suppressed",
            ),
        ),
        Stage(
            "slo",
            55,
            "Objectives",
            "Were the promises kept; how much error budget is left?",
            reads=("services", "regions", "series", "outages", "masks", "events", "coverage"),
            panels_read=("signals",),
        ),
        Stage(
            "summary",
            65,
            "Summary",
            "The one page for the person with one minute",
            reads=(
                "services",
                "regions",
                "series",
                "quality_flags",
                "coverage",
                "outages",
                "events",
                "drifts",
                "drift_members",
                "alerts",
                "slo_compliance",
                "error_budgets",
            ),
            panels_read=("signals",),
        ),
    )
}


def writes(stage: str) -> list[str]:
    """Names of the tables that a stage writes, in the order of `TABLES`."""
    return [table.name for table in TABLES.values() if table.producer == stage]


def stage_of(name: str) -> Stage:
    """The stage of that name; a wrong name is an error that names the nearest one."""
    if name in STAGES:
        return STAGES[name]
    import difflib

    near = difflib.get_close_matches(name, STAGES, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "there are: " + ", ".join(STAGES)
    raise ValueError(f"stage '{name}' does not exist; {hint}")
