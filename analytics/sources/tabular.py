"""Blocks of foreign rows to checks and metrics: vectorised, each refused row with its place and reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics import tables
from analytics.sources.base import Batch, SourceError, labels, refuse
from analytics.sources.columns import Mapped
from analytics.sources.numbers import Decimal, to_numbers
from analytics.sources.readers import Block
from analytics.sources.times import TimeForm, Times, parse_times
from analytics.sources.values import DOWN, STATES, UP, Coded, as_shares, coded, latencies, no_number, standard_unit, states, status_codes

__all__ = ["Held", "Signal", "Table", "to_checks", "to_metrics"]

MAX_STATUS_UP = 400
MIN_STATUS_UP = 200


@dataclass(frozen=True)
class Signal:
    """A column of a wide table that is a signal: its name, the unit it is stored in, the factor to it."""

    column: str
    name: str
    unit: str
    factor: float


@dataclass(frozen=True)
class Table:
    """How a foreign table is read: columns by role, the form of its times, units and constants."""

    source: str
    mapped: Mapped
    time_form: TimeForm
    constants: Mapping[str, str] = field(default_factory=dict)
    latency_unit: str = "ms"
    state_words: Mapping[str, str] = field(default_factory=dict)
    signals: Sequence[Signal] = ()
    signal_units: Mapping[str, str] = field(default_factory=dict)
    decimal: Decimal = "."


class Held:
    """Rows of a file's blocks that only its other rows can date: hours that a clock change repeats. They are read at the end, together."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._places: list[str] = []

    def add(self, block: Block, rows: npt.NDArray[np.int64]) -> None:
        self._tables.append(block.table.take(pa.array(rows)))
        self._places += [block.place(row) for row in rows.tolist()]

    def block(self) -> Block | None:
        """All of them in the order of the file; None where there are none."""
        if not self._tables:
            return None
        same = all(table.schema.equals(self._tables[0].schema) for table in self._tables)
        table = pa.concat_tables(self._tables) if same else pa.concat_tables(self._tables, promote_options="permissive")
        return Block(table, self._places.__getitem__)


class _Rows:
    """A block being converted: which rows are refused, and why (the first reason counts).

    With `held`, rows whose time only other blocks can tell are put there instead; without, the block is all there is.
    """

    def __init__(self, block: Block, how: Table, kind: str, held: Held | None) -> None:
        self.block, self.how, self.kind, self.held = block, how, kind, held
        self.n = block.table.num_rows
        self.bad: dict[int, str] = {}
        self.undecided = np.zeros(0, np.int64)

    def column(self, role: str) -> pa.ChunkedArray | None:
        name = self.how.mapped.first(role)
        return None if name is None else self.block.table.column(name)

    def refuse(self, bad: Mapping[int, str]) -> None:
        for row, reason in bad.items():
            self.bad.setdefault(row, reason)

    def label(self, role: str, default: str | None) -> Coded:
        """A column of labels; several columns are joined by '/'. Empty ones get the default, or stay empty."""
        names = self.how.mapped.roles.get(role, [])
        if not names:
            return _constant(self.how.constants.get(role, default), self.n)
        parts = [coded(self.block.table.column(name)) for name in names]
        result = parts[0]
        for part in parts[1:]:
            result = _joined(result, part)
        if default is None or (result.codes >= 0).all():
            return result
        place = result.names.index(default) if default in result.names else len(result.names)
        return Coded(
            result.names if place < len(result.names) else [*result.names, default], np.where(result.codes < 0, place, result.codes)
        )

    def required_label(self, role: str) -> Coded:
        result = self.label(role, None)
        self.refuse(dict.fromkeys(np.flatnonzero(result.codes < 0).tolist(), f"{role} is empty"))
        return result

    def times(self, *keys: Coded) -> Times:
        series = np.zeros(self.n, np.int64)
        # Only clock times need the series: repeated hours are told apart by the order of its rows.
        for key in keys if self.how.time_form.zone else ():
            series = series * (len(key.names) + 1) + key.codes + 1
        column = self.column("time")
        if column is None:
            raise SourceError(f"source '{self.how.source}': no column of times")
        times = parse_times(column, self.how.time_form, series, is_whole=self.held is None)
        self.refuse(times.bad)
        self.undecided = times.undecided
        return times

    def batch(self, columns: Sequence[pa.Array]) -> Batch:
        rows = pa.table(list(columns), schema=tables.schema(tables.RAW[self.kind]))
        if self.held is not None and len(self.undecided):
            self.held.add(self.block, np.setdiff1d(self.undecided, list(self.bad)))
        if self.bad or len(self.undecided):
            keep = np.ones(self.n, bool)
            keep[list(self.bad)] = False
            keep[self.undecided] = False
            rows = rows.filter(pa.array(keep))
        refused = [(self.block.place(row), self.bad[row], self._shown(row)) for row in sorted(self.bad)]
        return Batch(self.kind, rows, refuse(self.how.source, self.kind, [*self.block.broken, *refused]))

    def _shown(self, row: int) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(
            ["" if (value := column[row].as_py()) is None else value for column in self.block.table.columns]
        )
        return text.getvalue()


def _constant(name: str | None, n: int) -> Coded:
    return Coded([], np.full(n, -1)) if name is None else Coded([name], np.zeros(n, np.int64))


def _joined(left: Coded, right: Coded) -> Coded:
    pairs = np.where((left.codes >= 0) & (right.codes >= 0), left.codes * max(1, len(right.names)) + right.codes, -1)
    used, codes = np.unique(pairs, return_inverse=True)
    empty = int(used[0] == -1) if len(used) else 0
    names = [f"{left.names[pair // len(right.names)]}/{right.names[pair % len(right.names)]}" for pair in used[empty:].tolist()]
    return Coded(names, codes - empty)


def _label_array(column: Coded) -> pa.DictionaryArray:
    missing = column.codes < 0
    return labels(column.names, pa.array(column.codes.astype(np.int32), mask=missing if missing.any() else None))


def _time_array(times: Times) -> pa.Array:
    return pa.array(times.ms).cast(pa.timestamp("ms", tz="UTC"))


def to_checks(block: Block, how: Table, held: Held | None = None) -> Batch:
    """Checks of a block: state from a state column, else from the status code; no latency unless up."""
    rows = _Rows(block, how, "checks", held)
    service, region = rows.required_label("service"), rows.label("region", "default")
    monitor = rows.label("monitor", how.source)
    times = rows.times(service, region, monitor)
    codes = _status(rows)
    found = _states(rows, codes)
    latency = _latency(rows, found == UP)
    origin = rows.label("origin", "check")
    wrong = [code for code, name in enumerate(origin.names) if name not in tables.ORIGINS]
    rows.refuse(
        {
            row: f"origin '{origin.names[origin.codes[row]]}' is neither check nor change"
            for row in np.flatnonzero(np.isin(origin.codes, wrong)).tolist()
        }
    )
    return rows.batch(
        [
            _time_array(times),
            _label_array(service),
            _label_array(region),
            _label_array(monitor),
            labels(STATES, np.where(found < 0, 0, found)),
            pa.array(latency, mask=np.isnan(latency)),
            pa.array(codes, mask=codes == 0),
            _label_array(rows.label("error", None)),
            _label_array(origin),
        ]
    )


def _status(rows: _Rows) -> npt.NDArray[np.int64]:
    column = rows.column("status_code")
    if column is None:
        return np.zeros(rows.n, np.int64)
    codes, bad = status_codes(coded(column))
    rows.refuse(bad)
    return codes


def _states(rows: _Rows, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    column = rows.column("up")
    if column is None:
        return np.where((codes >= MIN_STATUS_UP) & (codes < MAX_STATUS_UP), UP, DOWN)
    if pa.types.is_boolean(column.type) and column.null_count == 0:
        return np.where(column.to_numpy(), UP, DOWN)
    found, bad = states(coded(column), rows.how.state_words)
    rows.refuse(bad)
    return found


def _latency(rows: _Rows, is_up: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    column = rows.column("latency")
    if column is None:
        return np.full(rows.n, np.nan)
    latency, bad = latencies(column, rows.how.latency_unit, is_up, decimal=rows.how.decimal)
    rows.refuse(bad)
    return latency


def to_metrics(block: Block, how: Table, held: Held | None = None) -> list[Batch]:
    """Samples of a block, from a long table (signal, value, unit) or from the signal columns of a wide one."""
    if not how.signals:
        return [_long_metrics(block, how, held)]
    # Broken and undecided rows are those of all signals, and told once.
    others = None if held is None else Held()
    return [
        _wide_metrics(block, how, signal, held) if position == 0 else _wide_metrics(Block(block.table, block.place), how, signal, others)
        for position, signal in enumerate(how.signals)
    ]


def _long_metrics(block: Block, how: Table, held: Held | None) -> Batch:
    rows = _Rows(block, how, "metrics", held)
    service, region = rows.required_label("service"), rows.label("region", "default")
    signal, unit = rows.required_label("signal"), rows.label("unit", None)
    times = rows.times(service, region, signal)
    values = _values(rows, how.mapped.first("value") or "").copy()
    units = np.zeros(rows.n, np.int64)
    names: list[str] = []
    for code, signal_name in enumerate(signal.names):
        for unit_code in np.unique(unit.codes[signal.codes == code]).tolist():
            here = (signal.codes == code) & (unit.codes == unit_code)
            said = unit.names[unit_code] if unit_code >= 0 else how.signal_units.get(signal_name, how.constants.get("unit", ""))
            if not said:
                reason = f"signal '{signal_name}' has no unit; say it by `units: {{{signal_name}: percent}}`"
                rows.refuse(dict.fromkeys(np.flatnonzero(here).tolist(), reason))
                continue
            stored, factor = standard_unit(signal_name, said, where=f"source '{how.source}'")
            names += [stored] * (stored not in names)
            units[here] = names.index(stored)
            shares, bad = as_shares(signal_name, values[here] * factor)
            values[here] = shares
            places = np.flatnonzero(here)
            rows.refuse({int(places[row]): reason for row, reason in bad.items()})
    return rows.batch(
        [
            _time_array(times),
            _label_array(service),
            _label_array(region),
            _label_array(signal),
            pa.array(values),
            labels(names or [""], units),
        ]
    )


def _wide_metrics(block: Block, how: Table, signal: Signal, held: Held | None) -> Batch:
    rows = _Rows(block, how, "metrics", held)
    service, region = rows.required_label("service"), rows.label("region", "default")
    times = rows.times(service, region)
    values, bad = as_shares(signal.name, _values(rows, signal.column, optional=True) * signal.factor)
    rows.refuse(bad)
    n = rows.n
    batch = rows.batch(
        [
            _time_array(times),
            _label_array(service),
            _label_array(region),
            labels([signal.name], np.zeros(n, np.int64)),
            pa.array(values),
            labels([signal.unit], np.zeros(n, np.int64)),
        ]
    )
    return Batch(batch.kind, batch.rows.filter(pc.invert(pc.is_nan(batch.rows.column("value")))), batch.rejected)


def _values(rows: _Rows, column: str, *, optional: bool = False) -> npt.NDArray[np.float64]:
    """Numbers of a column of samples. An empty cell of a wide table is no sample; a long row without value is refused."""
    values, bad = to_numbers(rows.block.table.column(column), rows.how.decimal)
    rows.refuse({row: f"{column} {no_number(text, rows.how.decimal)}" for row, text in bad.items()})
    rows.refuse(dict.fromkeys(np.flatnonzero(np.isinf(values)).tolist(), f"{column} is infinite"))
    if not optional:
        rows.refuse(dict.fromkeys(np.flatnonzero(np.isnan(values)).tolist(), f"{column} is empty"))
    return values
