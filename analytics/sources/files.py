"""Kind `files`: checks or metrics in CSV, TSV, JSON lines or Parquet, one file, a pattern or a folder."""

from __future__ import annotations

import glob
import json
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from analytics import tables
from analytics.sources.base import Batch, Discovery, Options, SourceError, checked_options, did_you_mean, inside, refuse
from analytics.sources.columns import CHECK_ROLES, METRIC_ROLES, Mapped, latency_unit, map_columns
from analytics.sources.numbers import Decimal, recognise_decimal, to_numbers
from analytics.sources.readers import Block, Position, begins_as, read_blocks
from analytics.sources.tabular import Held, Signal, Table, to_checks, to_metrics
from analytics.sources.times import recognise
from analytics.sources.values import KUMA_STATES, MS_PER, STATES, standard_unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Files", "FilesOptions", "WideSignal"]

SHOWN = 80
"""Characters of a row that cannot be read in a message."""

ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")


@dataclass(frozen=True)
class _Seen:
    """A file as it was read: its size and time of change, and the end of its last whole row."""

    stamp: list[int]
    until: Position | None

    @classmethod
    def of(cls, values: dict[str, Any]) -> _Seen:
        return cls(values["stamp"], None if values["until"] is None else Position(**values["until"]))


class WideSignal(Options):
    """A column of a wide table that is a signal."""

    column: str
    unit: str


class FilesOptions(Options):
    """Options of kind `files`."""

    path: str = Field(description="file, pattern (data/*.csv.gz) or folder; relative to the project")
    holds: Literal["checks", "metrics"] = Field("checks", description="what a row is")
    columns: dict[str, str | list[str]] = Field(
        {}, description="role -> column, where the guess is wrong; several columns are joined by '/'"
    )
    units: dict[str, str] = Field({}, description="`latency: s|ms|us|ns`, or signal -> unit, where names do not say it")
    unit: str = Field("", description="unit of all values of a long table of metrics without a unit column")
    timezone: str | None = Field(None, description="IANA zone of times that are written without one")
    time_format: str | None = Field(None, description="how times are written (strptime), where they are neither ISO 8601 nor numbers")
    states: Literal["kuma"] | dict[str | int, str] = Field(
        {}, description="word or number -> up, down, pending, maintenance, unknown; or 'kuma'"
    )
    signals: dict[str, WideSignal] = Field({}, description="signal -> column and unit, for a wide table of metrics")
    service: str | None = Field(None, description="service of all rows, where no column says it")
    region: str | None = Field(None, description="region of all rows, where no column says it")
    monitor: str | None = Field(None, description="monitoring instance of all rows; the source's name unless given")
    decimal: Decimal | None = Field(None, description="decimal sign of numbers written as text, where it is not plain: '.' or ','")
    encoding: str = Field("utf-8", description="how text is written")
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="what separates the columns, where it is not , ; | or a tab"
    )


class Files:
    """Checks or metrics from files; a file is read again only when it has changed, and text that has only grown from its old end on."""

    late_s = None

    def __init__(self, name: str, options: dict[str, Any], *, root: Path) -> None:
        self.name = name
        self.options = checked_options(FilesOptions, options, name=name)
        self._root = root
        self._seen: dict[str, _Seen] = {}
        self._check_words()

    def discover(self) -> Discovery:
        paths = self._paths()
        # The first and the last file speak for all: `fetch` looks at each.
        says: dict[str, str] = {}
        for path in dict.fromkeys((paths[0], paths[-1])):
            block = next(self._blocks(path))
            for said in self._understand(block, path)[1]:
                says.setdefault(said.partition(", median")[0], said)
        return Discovery([f"{len(paths)} file{'s' * (len(paths) > 1)}: {self.options.path}", *says.values()])

    def resume(self, state: dict[str, Any]) -> None:
        # What was read with other options has to be read again.
        same_options = state.get("options") == self._options_text()
        self._seen = {path: _Seen.of(values) for path, values in state.get("files", {}).items()} if same_options else {}

    def state(self) -> dict[str, Any]:
        there = {str(path) for path in self._paths()}
        return {"files": {path: asdict(seen) for path, seen in self._seen.items() if path in there}, "options": self._options_text()}

    def meaning(self) -> dict[str, Any]:
        options: dict[str, Any] = json.loads(self._options_text())
        # One signal more of a wide table changes nothing of the others.
        signals = options.pop("signals")
        return options | {f"signals.{name}": signal for name, signal in signals.items()}

    def was_rewritten(self, state: dict[str, Any]) -> bool:
        return not all(_goes_on(Path(path), _Seen.of(values)) for path, values in state.get("files", {}).items())

    def fetch(self, start: pd.Timestamp | None, end: pd.Timestamp) -> Iterator[Batch]:
        for path in self._paths():
            before, stamp = self._seen.get(str(path)), _stamp(path)
            if before is None or before.stamp != stamp:
                until = yield from self._fetch_file(path, before.until if before else None, start, end)
                self._seen[str(path)] = _Seen(stamp, until)

    def _fetch_file(
        self, path: Path, since: Position | None, start: pd.Timestamp | None, end: pd.Timestamp
    ) -> Generator[Batch, None, Position | None]:
        """The rows of a file; returns where to go on when it has grown, None where it must be read from its beginning."""
        # The first rows of a file say how it is read, also when only its last ones are.
        how = self._understand(next(self._blocks(path)), path)[0] if since else None
        held, until, is_refused_until_later = Held(), since, False
        for block in self._blocks(path, since):
            how = how or self._understand(block, path)[0]
            until = block.until
            for batch in self._batches(block, how, held):
                within = _within(batch, start, end, self.name)
                is_refused_until_later |= len(within.rejected) > len(batch.rejected)
                yield within
        if how is not None and (rest := held.block()) is not None:
            yield from (_within(batch, start, end, self.name) for batch in self._batches(rest, how, None))
        # Rows to come may tell which of two hours clock times mean.
        return None if is_refused_until_later or (how is not None and how.time_form.zone) else until

    def _batches(self, block: Block, how: Table, held: Held | None) -> list[Batch]:
        block = _with_all_columns(block, how)
        return [to_checks(block, how, held)] if self.options.holds == "checks" else to_metrics(block, how, held)

    def _paths(self) -> list[Path]:
        given = inside(self._root, self.options.path)
        if given.is_dir():
            found = sorted(path for path in given.iterdir() if path.name.lower().removesuffix(".gz").endswith(ENDINGS) and path.is_file())
        else:
            found = [Path(path) for path in sorted(glob.glob(str(given), recursive=True))] if glob.has_magic(str(given)) else [given]
        if not found or not found[0].is_file():
            beside = sorted(path.name for path in given.parent.iterdir()) if given.parent.is_dir() else []
            hint = did_you_mean(given.name, beside, what="beside it are") if beside else f"the folder {given.parent} does not exist either"
            raise SourceError(f"source '{self.name}': there is no file {given}; {hint}")
        return found

    def _blocks(self, path: Path, since: Position | None = None) -> Iterator[Block]:
        try:
            yield from read_blocks(path, encoding=self.options.encoding, delimiter=self.options.delimiter, since=since)
        except PermissionError as error:
            raise SourceError(f"source '{self.name}': {path} may not be read ({error.strerror}); change its permissions") from error

    def _options_text(self) -> str:
        return self.options.model_dump_json(exclude={"path"})

    def _check_words(self) -> None:
        for word, state in ({} if self.options.states == "kuma" else dict(self.options.states)).items():
            if state not in STATES:
                raise SourceError(f"source '{self.name}': states: {word}: '{state}' is no state; {did_you_mean(state, STATES)}")
        unit = self.options.units.get("latency")
        if unit is not None and unit not in MS_PER:
            raise SourceError(f"source '{self.name}': units: latency: '{unit}' is no unit of time; {did_you_mean(unit, MS_PER)}")

    def _understand(self, block: Block, path: Path) -> tuple[Table, list[str]]:
        """How the rows of a file are read, from its names and first rows, and the sentences that say so."""
        options, where = self.options, f"source '{self.name}', {path.name}"
        mapped = self._mapped(block, where)
        time_form = recognise(_sample(block, mapped, "time"), timezone=options.timezone, format=options.time_format, where=where)
        says = [*mapped.says, time_form.says]
        decimal = self._decimal(block, mapped, where)
        says += ["numbers: 1,5 is one and a half (decimal comma)"] if decimal == "," else []
        unit, said = self._latency_unit(block, mapped, decimal, where) if options.holds == "checks" else ("ms", [])
        signals, more = self._signals(block, where)
        constants = {key: value for key in ("service", "region", "monitor", "unit") if (value := getattr(options, key))}
        words = KUMA_STATES if options.states == "kuma" else {str(word): state for word, state in options.states.items()}
        how = Table(self.name, mapped, time_form, constants, unit, words, signals, options.units, decimal)
        return how, says + said + more

    def _mapped(self, block: Block, where: str) -> Mapped:
        columns, options = block.table.column_names, self.options
        if not columns and block.broken:
            place, reason, text = block.broken[0]
            raise SourceError(f"{where}: no row can be read; the first, {place}, {reason}: {text[:SHOWN]}")
        is_checks = options.holds == "checks"
        roles: tuple[str, ...] = CHECK_ROLES if is_checks else METRIC_ROLES[:3] if options.signals else METRIC_ROLES
        roles = tuple(role for role in roles if role == "time" or not getattr(options, role, None) or role in options.columns)
        mapped = map_columns(columns, options.columns, roles=roles, where=where, numeric_status=_status_columns(block.table))
        if "origin" in mapped.roles and "origin" not in options.columns and not _says_origin(block.table.column(mapped.roles["origin"][0])):
            del mapped.roles["origin"]
        needed = ["time", *(["service"] if options.service is None else []), *([] if is_checks or options.signals else ["signal", "value"])]
        for role in needed:
            if role not in mapped.roles:
                other = f", or give it for all rows by `{role}: NAME`" if role == "service" else ""
                raise SourceError(
                    f"{where}: no column looks like the {role}; there are {', '.join(columns)}; "
                    f"name it by `columns: {{{role}: ...}}`{other}"
                )
        for role, names in mapped.roles.items():
            for name in names:
                if pa.types.is_nested(kind := block.table.column(name).type):
                    raise SourceError(f"{where}: column '{name}' ({role}) holds {kind}; expected one text, number or time a row")
        if is_checks and "up" not in mapped.roles and "status_code" not in mapped.roles:
            raise SourceError(
                f"{where}: no column says whether a check was up; there are {', '.join(columns)}; name it by `columns: {{up: ...}}` or "
                "`columns: {status_code: ...}`, or read the file as metrics (`holds: metrics`)"
            )
        return mapped

    def _decimal(self, block: Block, mapped: Mapped, where: str) -> Decimal:
        """The decimal sign of the columns of numbers: a comma in one of them is that of all."""
        named = [name for role in ("latency", "value") if (name := mapped.first(role))]
        columns = [*named, *(wide.column for wide in self.options.signals.values() if wide.column in block.table.column_names)]
        found = [recognise_decimal(block.table.column(name), name=name, given=self.options.decimal, where=where) for name in columns]
        return "," if "," in found else "."

    def _latency_unit(self, block: Block, mapped: Mapped, decimal: Decimal, where: str) -> tuple[str, list[str]]:
        column = mapped.first("latency")
        if column is None:
            return "ms", ["latency: not measured"]
        values, _ = to_numbers(block.table.column(column), decimal)
        median = float(np.median(positive)) if len(positive := values[np.isfinite(values) & (values > 0)]) else None
        # A column of durations says itself what its numbers count.
        kind = block.table.column(column).type
        unit = kind.unit if pa.types.is_duration(kind) else self.options.units.get("latency") or latency_unit(column)
        seen = "no value in the first rows" if median is None else f"median {median:g}"
        if unit is None:
            raise SourceError(
                f"{where}: the unit of latency column '{column}' is not known ({seen}); say it by `units: {{latency: ms}}` (or s, us, ns), "
                f"or name the column {column}_ms"
            )
        change = "ms, as stored" if unit == "ms" else f"{unit} -> ms"
        return unit, [f"latency: {change}, {seen}{' ' + unit if median is not None else ''}"]

    def _signals(self, block: Block, where: str) -> tuple[list[Signal], list[str]]:
        signals, says = [], []
        for name, wide in self.options.signals.items():
            if wide.column not in block.table.column_names:
                raise SourceError(
                    f"{where}: signals: {name}: no column '{wide.column}'; {did_you_mean(wide.column, block.table.column_names)}"
                )
            unit, factor = standard_unit(name, wide.unit, where=where)
            signals.append(Signal(wide.column, name, unit, factor))
            says.append(f"{name} = {wide.column}, {wide.unit}" + (f" -> {unit}" if unit != wide.unit else ""))
        return signals, says


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _goes_on(path: Path, seen: _Seen) -> bool:
    """Whether a file is as it was read, or has only grown since."""
    if not path.is_file():
        return False
    return _stamp(path) == seen.stamp or (seen.until is not None and begins_as(path, seen.until))


def _sample(block: Block, mapped: Mapped, role: str) -> pa.ChunkedArray:
    return block.table.column(mapped.roles[role][0])


def _with_all_columns(block: Block, how: Table) -> Block:
    """JSON lines may lack a field in a whole block."""
    needed = [name for names in how.mapped.roles.values() for name in names] + [signal.column for signal in how.signals]
    missing = [name for name in needed if name not in block.table.column_names]
    if not missing:
        return block
    table = block.table
    for name in missing:
        table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return replace(block, table=table)


def _status_columns(table: pa.Table) -> list[str]:
    """Columns that look like HTTP status codes: numbers of which most lie from 100 to 599."""
    found = []
    for position, name in enumerate(table.column_names):
        if "status" in name.lower() or "code" in name.lower() or name.lower() == "state":
            values, bad = to_numbers(table.column(position).slice(0, 1000))
            values = values[np.isfinite(values) & (values != 0)]
            if len(values) and not bad and ((values >= 100) & (values < 600)).all():
                found.append(name)
    return found


def _says_origin(column: pa.ChunkedArray) -> bool:
    values = {str(value) for value in column.slice(0, 1000).to_pylist() if value is not None}
    return values <= set(tables.ORIGINS)


def _within(batch: Batch, start: pd.Timestamp | None, end: pd.Timestamp, source: str) -> Batch:
    """Rows of [start, end); a time after the end is one of the future and refused."""
    times = batch.rows.column("time")
    if not len(times):
        return batch
    limits = pc.min_max(times)
    rows, rejected = batch.rows, batch.rejected
    if limits["max"].as_py() >= end.to_pydatetime():
        late = pc.greater_equal(times, pa.scalar(end.to_pydatetime(), times.type))
        reason = f"lies after {end:%Y-%m-%d %H:%M} UTC, {tables.IN_FUTURE}"
        shown = [
            (f"{row['service']} {row['time']:%Y-%m-%dT%H:%M:%S}Z", reason, ",".join(map(str, row.values())))
            for row in rows.filter(late).to_pylist()
        ]
        rejected = pa.concat_tables([rejected, refuse(source, batch.kind, shown)]).unify_dictionaries()
        rows = rows.filter(pc.invert(late))
    if start is not None and limits["min"].as_py() < start.to_pydatetime():
        rows = rows.filter(pc.greater_equal(rows.column("time"), pa.scalar(start.to_pydatetime(), times.type)))
    return Batch(batch.kind, rows, rejected)
