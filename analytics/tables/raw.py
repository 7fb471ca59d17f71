"""What sources hand over and `data/raw` holds."""

from __future__ import annotations

from typing import Literal, get_args

from analytics.tables.columns import Column, Table

__all__ = [
    "DEPENDENCIES",
    "EVENTS",
    "EVENT_KINDS",
    "IN_FUTURE",
    "ORIGINS",
    "QUARANTINE",
    "RAW",
    "REGIONS",
    "ROLES",
    "SERIES_SIGNALS",
    "SERVICES",
    "STATES",
    "TRUTH_KINDS",
    "TruthKind",
]

STATES = ("up", "down", "pending", "maintenance", "unknown")
ORIGINS = ("check", "change")
EVENT_KINDS = ("maintenance", "deploy", "config", "launch", "flag", "incident", "holiday", "certificate", "provider", "other")
TruthKind = Literal[
    "level",
    "spread",
    "tail",
    "season",
    "creep",
    "availability",
    "incident",
    "regional_outage",
    "flapping",
    "spike",
    "surge",
    "prober_outage",
    "gap",
    "maintenance",
    "deploy",
    "disk_full",
    "certificate",
    "holiday",
]
TRUTH_KINDS: tuple[str, ...] = get_args(TruthKind)
ROLES = ("service", "data_store", "external", "client_view", "prober")

LATENCIES = ("latency_ms", "latency_p95_ms")
"""Response times of checks: those that succeeded. They have no value while all checks fail."""
SERIES_SIGNALS = {
    "latency_ms": "ms",
    "latency_p95_ms": "ms",
    "availability": "fraction",
    "requests": "count",
}
"""Signals with a fixed meaning and unit; every other metric keeps its own name and unit."""

IN_FUTURE = "in the future of its collection"
"""How the reason of a refused row ends whose time had not come yet: the clock of its monitor, or of the collector, is wrong."""

TIME = Column("time", "time", "start of the check or sample")
SERVICE = Column("service", "label", "stable id of the service")
REGION = Column("region", "label", "vantage point or place; 'default' where the source knows none")

SERVICES = (
    Column("service", "text", "stable id"),
    Column("name", "text", "name to show", optional=True),
    Column("owner", "text", "who is asked", optional=True),
    Column("tags", "text", "free labels, separated by blanks", optional=True),
    Column("role", "label", "what it is; only a service has promises to keep", choices=ROLES),
    Column("parent", "text", "the service it is part of", optional=True),
    Column("objective", "float", "share of successful checks that was promised", "fraction", optional=True),
    Column("latency_objective_ms", "float", "response time that was promised", "ms", optional=True),
    Column("expected_interval_s", "float", "declared time between two checks", "s", optional=True),
)
REGIONS = (
    Column("region", "text", "vantage point or place"),
    Column("zone", "text", "IANA time zone of its users", optional=True),
    Column("holidays", "text", "calendar code: country or country-subdivision (DE, CH-ZH)", optional=True),
)
EVENTS = (
    Column("event_id", "text", "stable id"),
    Column("start", "time", "when it began"),
    Column("end", "time", "when it was over; empty: a moment, or not over yet", optional=True),
    Column("kind", "label", "what it was", choices=EVENT_KINDS),
    Column("service", "label", "the service it concerns; empty: all", optional=True),
    Column("region", "label", "the region it concerns; empty: all", optional=True),
    Column("title", "text", "one line to show", optional=True),
    Column("source", "label", "who said so", optional=True),
)
DEPENDENCIES = (
    Column("caller", "text", "the service that calls"),
    Column("callee", "text", "the service that is called"),
    Column("origin", "label", "who says so", choices=("declared", "traced")),
    Column("first_seen", "time", "first call seen", optional=True),
    Column("last_seen", "time", "last call seen", optional=True),
    Column("calls", "float", "calls seen", "count", optional=True),
    Column("errors", "float", "failed calls seen", "count", optional=True),
    Column("p90_ms", "float", "90th percentile of the call's duration", "ms", optional=True),
)
TRUTH = (
    Column("truth_id", "text", "kind and number in the order of time"),
    Column("kind", "label", "what was made to happen", choices=TRUTH_KINDS),
    Column("service", "label", "the service it happened to; empty: all", optional=True),
    Column("region", "label", "the region it happened in; empty: all", optional=True),
    Column("start", "time", "when it began"),
    Column("end", "time", "when it was over; empty: it outlasts the data", optional=True),
    Column("signal", "label", "the signal that shows it; empty: none", optional=True),
    Column(
        "effect", "float", "relative change of latency or requests (creep: at its end), or share of checks: failing, in the tail, missing"
    ),
    Column("text", "text", "a sentence"),
    Column("root_service", "label", "where an incident started", optional=True),
    Column("group_id", "text", "the same for all rows of one incident, one release or one regional outage"),
)
QUARANTINE = (
    Column("source", "label", "configured source"),
    Column("kind", "label", "what the row should have been"),
    Column("place", "text", "file and line, query and series, or day"),
    Column("reason", "label", "why it was refused"),
    Column("row", "text", "the row as it came, shortened"),
)

RAW: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "checks",
            "sources",
            "one probe result",
            ("service", "region", "monitor", "time"),
            (
                TIME,
                SERVICE,
                REGION,
                Column("monitor", "label", "the monitoring instance that measured"),
                Column("state", "label", "pending and maintenance are not failures", choices=STATES),
                Column("latency_ms", "float", "response time; empty if the check failed or was not timed", "ms", optional=True),
                Column("status_code", "integer", "status of the answer", optional=True),
                Column("error", "label", "what the monitor said", optional=True),
                Column("origin", "label", "on schedule, or written because the state changed", choices=ORIGINS),
            ),
        ),
        Table(
            "metrics",
            "sources",
            "one sample of any other metric",
            ("service", "region", "signal", "time"),
            (
                TIME,
                SERVICE,
                REGION,
                Column("signal", "label", "name of the metric, with its unit where the unit is fixed"),
                Column("value", "float", "the sample"),
                Column("unit", "label", "unit of the value"),
            ),
        ),
        Table("services", "sources", "what a source knows of a service", ("service",), SERVICES),
        Table("regions", "sources", "what a source knows of a region", ("region",), REGIONS),
        Table("events", "sources", "something declared to have happened", ("event_id",), EVENTS),
        Table("dependencies", "sources", "who calls whom", ("caller", "callee", "origin"), DEPENDENCIES),
        Table("quarantine", "sources", "a row that was refused at the edge", (), QUARANTINE),
        Table("truth", "simulate", "what was made to happen in a simulated world; never read by a stage", ("truth_id",), TRUTH),
    )
}
"""What sources hand over and `data/raw/<source>/<kind>` holds. Whether a check `is_up` is `state == "up"`, stored once."""
