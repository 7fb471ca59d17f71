"""Every table and every stage of the project: the one place where columns are named.

A `Table` says which columns a table has, in which unit, what identifies a row and which stage writes it. A `Stage` says which
tables a stage reads; what it writes follows from the tables that name it as their producer. `validate` is called on every
save, so that a wrong table is refused where it is made and not where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "RAW",
    "SERIES_SIGNALS",
    "STAGES",
    "TABLES",
    "Column",
    "Stage",
    "Table",
    "schema",
    "schema_type",
    "stage_of",
    "validate",
    "writes",
]

FORMAT_VERSION = 1

Kind = Literal["time", "text", "label", "float", "float32", "integer", "boolean", "texts"]
"""Column types: `label` is text that repeats (dictionary-coded), `texts` a list of text, `time` milliseconds in UTC."""


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means, its unit, whether it may be empty, which values it may have."""

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    optional: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: who writes it, what identifies a row, what a row is."""

    name: str
    producer: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    version: int = FORMAT_VERSION

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


@dataclass(frozen=True)
class Stage:
    """One stage of the chain: its number (that of its notebook), its question, the tables and panels it reads."""

    name: str
    number: int | None
    title: str
    question: str
    reads: tuple[str, ...] = ()
    panels_read: tuple[str, ...] = ()
    panels_written: tuple[str, ...] = ()


STATES = ("up", "down", "pending", "maintenance", "unknown")
ORIGINS = ("check", "change")
EVENT_KINDS = ("maintenance", "deploy", "config", "launch", "flag", "incident", "holiday", "certificate", "provider", "other")
TRUTH_KINDS = (
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
)
ROLES = ("service", "data_store", "external", "client_view", "prober")

SERIES_SIGNALS = {
    "latency_ms": "ms",
    "latency_p95_ms": "ms",
    "availability": "fraction",
    "requests": "count",
}
"""Signals with a fixed meaning and unit; every other metric keeps its own name and unit."""

_TIME = Column("time", "time", "start of the check or sample")
_SERVICE = Column("service", "label", "stable id of the service")
_REGION = Column("region", "label", "vantage point or place; 'default' where the source knows none")

_SERVICES = (
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
_REGIONS = (
    Column("region", "text", "vantage point or place"),
    Column("zone", "text", "IANA time zone of its users", optional=True),
    Column("holidays", "text", "calendar code: country or country-subdivision (DE, CH-ZH)", optional=True),
)
_EVENTS = (
    Column("event_id", "text", "stable id"),
    Column("start", "time", "when it began"),
    Column("end", "time", "when it was over; empty: a moment, or not over yet", optional=True),
    Column("kind", "label", "what it was", choices=EVENT_KINDS),
    Column("service", "label", "the service it concerns; empty: all", optional=True),
    Column("region", "label", "the region it concerns; empty: all", optional=True),
    Column("title", "text", "one line to show", optional=True),
    Column("source", "label", "who said so", optional=True),
)
_DEPENDENCIES = (
    Column("caller", "text", "the service that calls"),
    Column("callee", "text", "the service that is called"),
    Column("origin", "label", "who says so", choices=("declared", "traced")),
    Column("first_seen", "time", "first call seen", optional=True),
    Column("last_seen", "time", "last call seen", optional=True),
    Column("calls", "float", "calls seen", "count", optional=True),
    Column("errors", "float", "failed calls seen", "count", optional=True),
    Column("p90_ms", "float", "90th percentile of the call's duration", "ms", optional=True),
)
_TRUTH = (
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
_QUARANTINE = (
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
                _TIME,
                _SERVICE,
                _REGION,
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
                _TIME,
                _SERVICE,
                _REGION,
                Column("signal", "label", "name of the metric, with its unit where the unit is fixed"),
                Column("value", "float", "the sample"),
                Column("unit", "label", "unit of the value"),
            ),
        ),
        Table("services", "sources", "what a source knows of a service", ("service",), _SERVICES),
        Table("regions", "sources", "what a source knows of a region", ("region",), _REGIONS),
        Table("events", "sources", "something declared to have happened", ("event_id",), _EVENTS),
        Table("dependencies", "sources", "who calls whom", ("caller", "callee", "origin"), _DEPENDENCIES),
        Table("quarantine", "sources", "a row that was refused at the edge", (), _QUARANTINE),
        Table("truth", "simulate", "what was made to happen in a simulated world; never read by a stage", ("truth_id",), _TRUTH),
    )
}
"""What sources hand over and `data/raw/<source>/<kind>` holds. Whether a check `is_up` is `state == "up"`, stored once."""

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("services", "ingest", "what is monitored", ("service",), _SERVICES),
        Table("regions", "ingest", "where from", ("region",), _REGIONS),
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
            "a run of failed checks",
            ("service", "region", "start"),
            (
                Column("service", "label", "the service"),
                Column("region", "label", "the region"),
                Column("start", "time", "first failed check"),
                Column("end", "time", "first success after it; empty: not over yet", optional=True),
                Column("n_failed", "integer", "failed checks"),
                Column("is_confirmed", "boolean", "k of n consecutive checks failed (project.accounting)"),
                Column(
                    "excluded_reason",
                    "label",
                    "why it does not count against the service",
                    optional=True,
                    choices=("maintenance", "prober"),
                ),
            ),
        ),
        Table("events", "ingest", "something declared to have happened", ("event_id",), _EVENTS),
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
        Table("dependencies", "ingest", "who calls whom", ("caller", "callee", "origin"), _DEPENDENCIES),
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
                        "duplicates",
                        "clock_skew",
                        "prober_outage",
                        "constant",
                        "always_down",
                        "irregular",
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
            _QUARANTINE,
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
                Column("n_expected", "float", "checks that the usual interval would have given"),
            ),
        ),
        Table(
            "slo_compliance",
            "slo",
            "was the promise kept in this period",
            ("service", "region", "objective_kind", "period_start"),
            (
                Column("service", "label", "the service"),
                Column("region", "label", "the region; 'all' joins them"),
                Column("objective_kind", "label", "which promise", choices=("availability", "latency")),
                Column("period_start", "time", "start of the calendar month in the reader's zone"),
                Column("period_end", "time", "its end"),
                Column("is_complete", "boolean", "the period is over"),
                Column("objective", "float", "share promised; empty: nothing was promised", "fraction", optional=True),
                Column("n", "integer", "checks that count; for latency: steps with a median"),
                Column("n_bad", "integer", "of these, bad"),
                Column("n_excluded", "integer", "checks (or steps) that do not count: masked, or said to be maintenance, pending, unknown"),
                Column("compliance", "float", "share of good checks", "fraction", optional=True),
                Column("compliance_low", "float", "lower end of its 95 % interval", "fraction", optional=True),
                Column("compliance_high", "float", "upper end of its 95 % interval", "fraction", optional=True),
                Column("measured_share", "float", "share of the period's time so far that was measured", "fraction"),
                Column("state", "label", "verdict", choices=("kept", "at risk", "missed", "unmeasured", "no promise")),
            ),
        ),
        Table(
            "error_budgets",
            "slo",
            "how much failure the promise still allows this period",
            ("service", "region", "objective_kind", "period_start"),
            (
                Column("service", "label", "the service"),
                Column("region", "label", "the region; 'all' joins them"),
                Column("objective_kind", "label", "which promise", choices=("availability", "latency")),
                Column("period_start", "time", "start of the calendar month in the reader's zone"),
                Column("budget_s", "float", "time that may be bad: of what was measured and, in a running period, of what is to come", "s"),
                Column("spent_s", "float", "time that was bad: share of bad checks of the measured time", "s"),
                Column("left_share", "float", "share of the budget left; negative: overspent", "fraction"),
                Column("left_low", "float", "lower end of its 95 % interval", "fraction"),
                Column("left_high", "float", "upper end of its 95 % interval", "fraction"),
                Column("burn_rate", "float", "spent so far against an even spend; 1: exactly used up at the end"),
                Column("burn_rate_recent", "float", "the same over the last days (slo.recent_days) of a running period", optional=True),
                Column("exhausted_at", "time", "when it was, or at the recent rate will be, used up", optional=True),
            ),
        ),
    )
}

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("simulate", None, "Simulate", "What would a service landscape with known faults look like?"),
        Stage("ingest", 5, "Data quality", "What was measured, and can it be trusted?", panels_written=("signals",)),
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
            reads=("services", "regions", "series", "quality_flags", "coverage", "outages", "events", "slo_compliance", "error_budgets"),
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


def schema(table: Table) -> pa.Schema:
    """Arrow schema of a table as it is stored."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "time": pa.timestamp("ms", tz="UTC"),
        "text": pa.string(),
        "label": pa.dictionary(pa.int32(), pa.string()),
        "float": pa.float64(),
        "float32": pa.float32(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "texts": pa.list_(pa.string()),
    }
    return pa.schema([pa.field(column.name, types[column.kind], nullable=True) for column in table.columns])


def validate(frame: pd.DataFrame, table: Table) -> pa.Table:
    """Frame as an Arrow table in the order, types and units of `table`, sorted by its key.

    Raises
    ------
    ValueError
        For missing, unknown or wrongly typed columns, empty values where none may be, values outside `choices` and repeated
        keys; the message names the table, the column, the first bad value and what would be right.
    """
    import pandas as pd
    import pyarrow as pa

    missing = [name for name in table.names if name not in frame.columns]
    unknown = [str(name) for name in frame.columns if name not in table.names]
    if missing or unknown:
        said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has unknown {', '.join(unknown)}"] * bool(unknown)
        raise ValueError(f"table '{table.name}' {' and '.join(said)}; its columns are {', '.join(table.names)}")
    # Categories sort in an order of their own, and rows without a key have none: both must not reach the bytes.
    plain = {name: "object" for name in table.names if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    ordered = frame[table.names].reset_index(drop=True).astype(plain)
    if len(ordered):
        for column in table.columns:
            _check_text(ordered[column.name], column, table.name)
        ordered = ordered.sort_values(list(table.key or table.names), kind="stable", na_position="first")
    arrays = [_column_array(ordered[column.name], column, table.name) for column in table.columns]
    result = pa.Table.from_arrays(arrays, schema=schema(table))
    _check_key(ordered, table)
    return result


def _check_text(values: pd.Series, column: Column, table: str) -> None:
    if column.kind not in ("text", "label"):
        return
    wrong = [value for value in values.dropna().unique() if not isinstance(value, str)]
    if wrong:
        raise ValueError(f"table '{table}', column '{column.name}': expected text, got {wrong[0]!r} ({type(wrong[0]).__name__})")


def _column_array(values: pd.Series, column: Column, table: str) -> pa.Array:
    import pandas as pd
    import pyarrow as pa

    where = f"table '{table}', column '{column.name}'"
    empty = values.isna()
    if empty.any() and not column.optional and column.kind not in ("float", "float32"):
        raise ValueError(f"{where}: {int(empty.sum())} of {len(values)} values are empty, first in row {int(values.index[empty].min())}")
    if column.kind == "time" and len(values):
        if not isinstance(values.dtype, pd.DatetimeTZDtype):
            raise ValueError(f"{where}: times need a zone (datetime64[ms, UTC]), got {values.dtype}")
        values = values.dt.tz_convert("UTC").astype("datetime64[ms, UTC]")
    if column.choices and len(values):
        wrong = values[~empty & ~values.isin(column.choices)]
        if len(wrong):
            raise ValueError(f"{where}: '{wrong.iloc[0]}' is none of {', '.join(column.choices)}")
    target = schema_type(column)
    try:
        if column.kind == "label":
            # Categories in the order of the alphabet: the bytes must not depend on which value came first.
            return pa.array(pd.Categorical(values.astype("object"), categories=sorted(values.dropna().astype(str).unique()))).cast(target)
        return pa.array(values.astype("object") if column.kind in ("text", "texts") else values, from_pandas=True).cast(target)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{where}: expected {column.kind}, got {values.dtype} ({error})") from error


def schema_type(column: Column) -> pa.DataType:
    """Arrow type of a column."""
    return schema(Table("", "", "", (), (column,))).field(0).type


def _check_key(ordered: pd.DataFrame, table: Table) -> None:
    if not table.key:
        return
    repeated = ordered.duplicated(list(table.key))
    if repeated.any():
        first = ordered.loc[repeated, list(table.key)].iloc[0].to_dict()
        raise ValueError(f"table '{table.name}': {int(repeated.sum())} repeated keys ({', '.join(table.key)}), first {first}")
