"""What the sources said: `data/raw/<source>/<kind>`, one Parquet file per UTC day, sorted by key.

New rows come as segments beside the day's file; once a day is over they are merged into it. A row is stored once: what was stored
before is kept, a repetition adds nothing, a contradiction is handed back as refused. Every file lists its runs (one key, its first
and last time, its number of rows), so that the question "is this row there already?" rarely has to open a column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics import session, tables
from analytics.store.files import digest, open_parquet, parquet_bytes, write_atomically

__all__ = [
    "Appended",
    "RawDay",
    "Run",
    "append_raw",
    "compact_raw",
    "cursor",
    "raw_days",
    "raw_sources",
    "read_raw",
    "read_raw_table",
    "set_cursor",
    "write_raw",
    "write_raw_day",
]

Read = TypeVar("Read")
RAW_FORMAT = 1
DAY_MS = 86_400_000
HUNDREDTHS = 100.0
TIMED = ("checks", "metrics")


@dataclass(frozen=True)
class Run:
    """Consecutive rows of one key (service, region, monitor or signal) in one file.

    Attributes
    ----------
    first, last : times of the first and last row, ms since 1970
    n : rows
    interval_ms : median time between two of them, 0 for a single row
    unit : unit of a metric's first row, empty for checks
    """

    keys: tuple[str, ...]
    first: int
    last: int
    n: int
    interval_ms: int = 0
    unit: str = ""


@dataclass(frozen=True)
class RawDay:
    """One UTC day of one kind of one source: its files, and a hash that changes when they do."""

    source: str
    kind: str
    day: date
    paths: tuple[Path, ...]

    @property
    def key(self) -> str:
        return _listed_again(self, lambda day: digest(*day.paths))

    @property
    def runs(self) -> list[Run]:
        """Runs of its rows: from the footer alone once the day is one file, else as if it were."""
        return _listed_again(self, _runs_of_day)


@dataclass(frozen=True)
class Appended:
    """What an append did: rows stored, rows that were there already, rows refused (schema of raw kind `quarantine`)."""

    n_new: int
    n_repeated: int
    refused: pa.Table


def raw_sources() -> list[str]:
    """Sources that have raw data, in the order of their names."""
    folder = session.root() / "data" / "raw"
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".") if folder.is_dir() else []


def raw_days(source: str, kind: str) -> list[RawDay]:
    """Days of a kind (checks or metrics) that are stored, oldest first."""
    folder = _folder(source, kind)
    days: dict[date, list[Path]] = {}
    for path in sorted(folder.glob("*.parquet")) if folder.is_dir() else []:
        days.setdefault(_day_of(path), []).append(path)
    return [RawDay(source, kind, day, tuple(paths)) for day, paths in sorted(days.items())]


def read_raw(raw_day: RawDay, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of one day, sorted by key, the first of repeated ones kept; only `columns` where given.

    Segments that have been merged since the day was listed are read from the file that they were merged into.
    """
    return _listed_again(raw_day, partial(_read_day, columns=columns))


def _listed_again(raw_day: RawDay, read: Callable[[RawDay], Read]) -> Read:
    """What `read` finds in a day; its files are listed once more if a collector has merged them meanwhile."""
    try:
        return read(raw_day)
    except FileNotFoundError:
        days = [day for day in raw_days(raw_day.source, raw_day.kind) if day.day == raw_day.day]
        if not days or days[0].paths == raw_day.paths:
            raise
        return read(days[0])


def _runs_of_day(raw_day: RawDay) -> list[Run]:
    table = tables.RAW[raw_day.kind]
    if len(raw_day.paths) == 1:
        return _runs(raw_day.paths[0], table)
    return _run_table(_read_day(raw_day, [*table.key, *(["unit"] if "unit" in table.names else [])]), table)


def _read_day(raw_day: RawDay, columns: Sequence[str] | None = None) -> pa.Table:
    table = tables.RAW[raw_day.kind]
    wanted = list(columns or table.names)
    if len(raw_day.paths) == 1:
        return _read_file(raw_day.paths[0], table, wanted)
    needed = list(dict.fromkeys([*wanted, *table.key]))
    merged = pa.concat_tables([_read_file(path, table, needed) for path in raw_day.paths]).unify_dictionaries().combine_chunks()
    order, repeated = _order(merged, table)
    return merged.take(pa.array(order[~repeated])).select(wanted)


def write_raw_day(source: str, kind: str, day: date, rows: pa.Table) -> None:
    """Store a whole day at once, replacing what was there; rows need not be sorted.

    Raises
    ------
    ValueError
        If a row is of another day, or a key is repeated.
    """
    table = tables.RAW[kind]
    rows = _conform(rows, table)
    order, repeated = _order(rows, table)
    if repeated.any():
        raise ValueError(f"{source}/{kind} {day}: {int(repeated.sum())} repeated keys ({', '.join(table.key)})")
    days = np.unique(_times(rows) // DAY_MS)
    if len(days) and (len(days) > 1 or days[0] != _epoch_day(day)):
        raise ValueError(f"{source}/{kind} {day}: rows of {len(days)} days, first {np.datetime64(int(days[0]), 'D')}")
    folder = _folder(source, kind)
    write_atomically(folder / f"{day}.parquet", _encode(_taken(rows, order), table))
    for segment in folder.glob(f"{day}.*.seg.parquet"):
        segment.unlink()


def append_raw(source: str, kind: str, rows: pa.Table) -> Appended:
    """Add rows to a source: stored once, whatever order or however often they come.

    Rows of kind `quarantine` have no key and are stored as they are, once per content.
    """
    table = tables.RAW[kind]
    rows = _conform(rows, table)
    nothing = tables.schema(tables.RAW["quarantine"]).empty_table()
    if not table.key:
        content = _encode(rows, table)
        if len(rows):
            write_atomically(_folder(source, kind) / f"{digest(content)[:16]}.parquet", content)
        return Appended(len(rows), 0, nothing)
    if not len(rows):
        return Appended(0, 0, nothing)
    order, repeated = _order(rows, table)
    refused = [_refused(rows.take(pa.array(order[repeated])), source, kind, "duplicate: the first is kept")] if repeated.any() else []
    kept = _taken(rows, order[~repeated])
    epoch_days = _times(kept) // DAY_MS
    n_new = n_known = 0
    stored = {raw_day.day: raw_day for raw_day in raw_days(source, kind)}
    days = np.unique(epoch_days)
    for epoch_day in days:
        day = date(1970, 1, 1) + timedelta(days=int(epoch_day))
        part = kept.filter(pa.array(epoch_days == epoch_day)) if len(days) > 1 else kept
        if day in stored:
            part, n_same, contradicting = _unknown_rows(part, stored[day], table)
            n_known += n_same
            if len(contradicting):
                refused.append(_refused(contradicting, source, kind, "contradicts a stored row: the first is kept"))
        if len(part):
            content = _encode(part, table)
            write_atomically(_folder(source, kind) / f"{day}.{digest(content)[:12]}.seg.parquet", content)
            n_new += len(part)
    return Appended(n_new, n_known, pa.concat_tables(refused) if refused else nothing)


def compact_raw(source: str, *, before: date) -> int:
    """Merge the segments of days before `before` into one file per day; the number of days merged.

    The day's file is complete before a segment is removed: a run killed in between leaves rows twice, which readers drop.
    """
    merged = 0
    for kind in TIMED:
        for raw_day in raw_days(source, kind):
            if raw_day.day >= before or not any(".seg." in path.name for path in raw_day.paths):
                continue
            whole = raw_day.paths[0].with_name(f"{raw_day.day}.parquet")
            merged += 1
            if len(raw_day.paths) == 1:
                raw_day.paths[0].rename(whole)  # A single segment has the very bytes of the day's file.
                continue
            write_atomically(whole, _encode(read_raw(raw_day), tables.RAW[kind]))
            for path in raw_day.paths:
                if path != whole:
                    path.unlink()
    return merged


def write_raw(source: str, kind: str, rows: pa.Table) -> None:
    """Store a small table without days (services, regions, events, dependencies), replacing what was there."""
    table = tables.RAW[kind]
    checked = tables.validate(rows.to_pandas(), table)
    write_atomically(_folder(source, kind).with_suffix(".parquet"), parquet_bytes(_described(checked, table)))


def read_raw_table(source: str, kind: str) -> pa.Table:
    """A small table of a source, empty where the source has none."""
    table = tables.RAW[kind]
    folder = _folder(source, kind)
    paths = [folder.with_suffix(".parquet")] if table.key else sorted(folder.glob("*.parquet")) if folder.is_dir() else []
    parts = [_read_file(path, table, table.names) for path in paths if path.is_file()]
    return pa.concat_tables(parts) if parts else tables.schema(table).empty_table()


def cursor(source: str) -> dict[str, Any]:
    """How far a source has been collected; empty if never."""
    path = session.root() / "data" / "raw" / source / "cursor.json"
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is damaged ({error}); delete it to collect from the beginning (rows already stored are not stored twice)"
        ) from error


def set_cursor(source: str, values: dict[str, Any]) -> None:
    """Remember how far a source has been collected."""
    write_atomically(
        session.root() / "data" / "raw" / source / "cursor.json", (json.dumps(values, indent=1, sort_keys=True) + "\n").encode()
    )


def _folder(source: str, kind: str) -> Path:
    if kind not in tables.RAW:
        raise ValueError(f"raw kind '{kind}' does not exist; there are {', '.join(tables.RAW)}")
    if not source or source != Path(source).name or source.startswith("."):
        raise ValueError(f"source '{source}' cannot be a folder's name; use letters, digits, '-' and '_'")
    return session.root() / "data" / "raw" / source / kind


def _day_of(path: Path) -> date:
    try:
        return date.fromisoformat(path.name[:10])
    except ValueError as error:
        raise ValueError(
            f"{path} is not named like a day of raw data (2026-03-01.parquet); move it away and collect it through a source of kind 'files'"
        ) from error


def _conform(rows: pa.Table, table: tables.Table) -> pa.Table:
    target = tables.schema(table)
    missing = [name for name in target.names if name not in rows.column_names]
    if missing:
        raise ValueError(f"raw {table.name}: columns {', '.join(missing)} are missing; they are {', '.join(target.names)}")
    rows = rows.select(target.names)
    try:
        columns = [_to_type(rows.column(field.name), field.type) for field in target]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"raw {table.name}: {error}; expected {target}") from error
    return pa.table(columns, schema=target).unify_dictionaries().combine_chunks()


def _to_type(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if column.type != wanted:
        labels = pa.types.is_dictionary(wanted) and not pa.types.is_dictionary(column.type)
        column = column.cast(pa.string()).dictionary_encode().cast(wanted) if labels else column.cast(wanted)
    # One way to say "no value": a NaN would differ from itself, and a repeated row would contradict the first.
    return pc.if_else(pc.is_nan(column), pa.scalar(None, wanted), column) if pa.types.is_floating(wanted) else column


def _times(rows: pa.Table) -> npt.NDArray[np.int64]:
    return rows.column("time").cast(pa.int64()).to_numpy()


def _order(rows: pa.Table, table: tables.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Row numbers sorted by key, and which of them repeat the row before (in the order in which they came)."""
    groups = np.zeros(len(rows), np.int64)
    for name in table.key:
        if name != "time":
            codes, size = _sorted_codes(rows.column(name))
            groups = groups * size + codes
    times = _times(rows)
    if len(rows) == 0:
        return np.zeros(0, np.int64), np.zeros(0, bool)
    span = int(times.max() - times.min()) + 1
    packed = groups * span + (times - times.min())
    order = np.arange(len(rows)) if (packed[1:] > packed[:-1]).all() else np.argsort(packed, kind="stable")
    ordered = packed[order]
    return order, np.concatenate([[False], ordered[1:] == ordered[:-1]])


def _taken(rows: pa.Table, order: npt.NDArray[np.int64]) -> pa.Table:
    """Rows in that order; rows that came in it already are not copied."""
    return rows if len(order) == len(rows) and (order == np.arange(len(rows))).all() else rows.take(pa.array(order))


def _sorted_codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], int]:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], column.type)
    if array.null_count:
        raise ValueError("a key column holds empty values; refuse such rows at the source")
    ranks = np.argsort(np.argsort(np.array(array.dictionary.to_pylist(), dtype=object))) if len(array.dictionary) else np.zeros(0, np.int64)
    return ranks[array.indices.to_numpy(zero_copy_only=False)].astype(np.int64), max(1, len(ranks))


def _unknown_rows(part: pa.Table, stored: RawDay, table: tables.Table) -> tuple[pa.Table, int, pa.Table]:
    """Rows that are not stored yet, the number of those stored with equal values, the rows that contradict a stored one."""
    known_runs: dict[tuple[str, ...], tuple[int, int]] = {}
    for run in (run for path in stored.paths for run in _runs(path, table)):
        low, high = known_runs.get(run.keys, (run.first, run.last))
        known_runs[run.keys] = (min(low, run.first), max(high, run.last))
    mine = _run_table(part, table)
    if not any(run.keys in known_runs and run.first <= known_runs[run.keys][1] and run.last >= known_runs[run.keys][0] for run in mine):
        return part, 0, part.slice(0, 0)
    known = read_raw(stored)
    both = pa.concat_tables([known, part]).unify_dictionaries().combine_chunks()
    order, repeated = _order(both, table)
    second, first = order[repeated], order[np.flatnonzero(repeated) - 1]
    values = [name for name in table.names if name not in table.key]
    same = np.ones(len(second), bool)
    for name in values:
        ours, theirs = (_plain(both.column(name).take(pa.array(rows))) for rows in (second, first))
        equal = pc.equal(ours, theirs).fill_null(False).to_numpy(zero_copy_only=False)
        same &= equal | (ours.is_null().to_numpy(zero_copy_only=False) & theirs.is_null().to_numpy(zero_copy_only=False))
    fresh = np.setdiff1d(np.arange(len(known), len(both)), second)
    return both.take(pa.array(fresh)), int(same.sum()), both.take(pa.array(second[~same]))


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """One array; of labels, whose dictionaries have been unified, the codes."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    return array.indices if pa.types.is_dictionary(array.type) else array


def _refused(rows: pa.Table, source: str, kind: str, reason: str) -> pa.Table:
    from datetime import UTC, datetime

    times = _times(rows)
    places = [datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds") for ms in times.tolist()]
    shown = [json.dumps(row, default=str, ensure_ascii=False)[:200] for row in rows.to_pylist()]
    n = len(rows)
    return pa.table(
        {"source": [source] * n, "kind": [kind] * n, "place": places, "reason": [reason] * n, "row": shown},
        schema=pa.schema([(field.name, pa.string()) for field in tables.schema(tables.RAW["quarantine"])]),
    ).cast(tables.schema(tables.RAW["quarantine"]))


def _run_table(rows: pa.Table, table: tables.Table) -> list[Run]:
    """Runs of rows that are sorted by key."""
    if not len(rows):
        return []
    names = [name for name in table.key if name != "time"]
    codes = [rows.column(name).combine_chunks() for name in names]
    codes = [array.chunk(0) if isinstance(array, pa.ChunkedArray) else array for array in codes]
    change = np.zeros(len(rows), bool)
    change[0] = True
    for array in codes:
        indices = array.indices.to_numpy(zero_copy_only=False)
        change[1:] |= indices[1:] != indices[:-1]
    starts = np.flatnonzero(change)
    stops = np.append(starts[1:], len(rows))
    times = _times(rows)
    labels = [array.take(pa.array(starts)).cast(pa.string()).to_pylist() for array in codes]
    intervals = _median_intervals(times, starts, stops)
    units = rows.column("unit").take(pa.array(starts)).cast(pa.string()).to_pylist() if "unit" in rows.column_names else [""] * len(starts)
    return [
        Run(tuple(label[i] for label in labels), int(times[start]), int(times[stop - 1]), int(stop - start), int(intervals[i]), units[i])
        for i, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ]


def _median_intervals(times: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Median step between the times of each run, 0 for runs of one row."""
    steps = np.diff(times, append=times[-1:])
    intervals = np.zeros(len(starts), np.int64)
    several = np.flatnonzero(stops - starts > 1)
    if not len(several):
        return intervals
    # A run's last step leads into the next run: repeating the one before keeps it out of minimum and maximum.
    inner = steps.copy()
    inner[stops[several] - 1] = steps[stops[several] - 2]
    low, high = np.minimum.reduceat(inner, starts)[several], np.maximum.reduceat(inner, starts)[several]
    intervals[several] = low
    for run in several[low != high]:
        intervals[run] = np.median(steps[starts[run] : stops[run] - 1])
    return intervals


def _runs(path: Path, table: tables.Table) -> list[Run]:
    said = _checked_metadata(open_parquet(path), path, table)
    return [Run(tuple(keys), *rest) for keys, *rest in json.loads(said[b"runs"])]


def _described(rows: pa.Table, table: tables.Table) -> pa.Table:
    described = {"analytics_raw": table.name, "analytics_format": str(RAW_FORMAT)}
    if table.name in TIMED:
        described["runs"] = json.dumps([list(vars(run).values()) for run in _run_table(rows, table)], ensure_ascii=False)
    return rows.replace_schema_metadata(described)


def _encode(rows: pa.Table, table: tables.Table) -> bytes:
    """Bytes of sorted rows: labels in the order of the alphabet, times as differences, latency in hundredths where that loses nothing."""
    rows = _described(_alphabetical(rows, table), table)
    encodings = {"time": "DELTA_BINARY_PACKED"} if "time" in rows.column_names else {}
    for name in ("latency_ms", "value"):
        if name in rows.column_names:
            packed = _hundredths(rows.column(name)) if name == "latency_ms" else None
            encodings[name] = "BYTE_STREAM_SPLIT" if packed is None else "DELTA_BINARY_PACKED"
            if packed is not None:
                field = pa.field(name, pa.int32(), metadata={"per_ms": str(int(HUNDREDTHS))})
                rows = rows.set_column(rows.column_names.index(name), field, packed)
    labels = [column.name for column in table.columns if column.kind == "label"]
    return parquet_bytes(
        rows, row_group_size=1 << 20, use_dictionary=labels, column_encoding=encodings, write_statistics=["time"] if encodings else False
    )


def _alphabetical(rows: pa.Table, table: tables.Table) -> pa.Table:
    """Dictionaries with just the labels in use, sorted: the bytes must not depend on where the rows came from."""
    for position, column in enumerate(table.columns):
        if column.kind == "label":
            array = rows.column(column.name).combine_chunks()
            if isinstance(array, pa.ChunkedArray):
                array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
            renewed = _renewed(array)
            rows = rows.set_column(position, pa.field(column.name, renewed.type), renewed)
    return rows


def _renewed(array: pa.DictionaryArray) -> pa.DictionaryArray:
    if array.null_count == len(array):
        return pa.DictionaryArray.from_arrays(pa.nulls(len(array), pa.int32()), pa.array([], pa.string()))
    used = np.flatnonzero(np.bincount(array.indices.drop_null().to_numpy(), minlength=len(array.dictionary)))
    labels = np.array(array.dictionary.to_pylist(), dtype=object)[used]
    order = np.argsort(labels)
    if len(used) == len(array.dictionary) and (order == np.arange(len(used))).all():
        return array
    rank = np.zeros(len(array.dictionary), np.int32)
    rank[used[order]] = np.arange(len(used))
    return pa.DictionaryArray.from_arrays(pa.array(rank).take(array.indices), pa.array(labels[order].tolist(), pa.string()))


def _hundredths(latency: pa.ChunkedArray) -> pa.Array | None:
    """Latency as whole hundredths of a millisecond, or None if that would lose precision."""
    missing = latency.is_null().to_numpy() if latency.null_count else None
    values = latency.to_numpy()
    present = values if missing is None else np.where(missing, 0.0, values)
    whole = np.rint(present * HUNDREDTHS)
    if not (np.abs(whole) < 2**31).all() or (whole / HUNDREDTHS != present).any():
        return None
    return pa.array(whole.astype(np.int32), mask=missing)


def _checked_metadata(file: pq.ParquetFile, path: Path, table: tables.Table) -> dict[bytes, bytes]:
    """What a file says of itself, if it is one of this project's and this code can read it."""
    said: dict[bytes, bytes] = file.metadata.metadata or {}
    if said.get(b"analytics_raw") != table.name.encode():
        raise ValueError(f"{path} holds no raw {table.name} of this project; move it away and collect it through a source of kind 'files'")
    if int(said[b"analytics_format"]) > RAW_FORMAT:
        raise ValueError(f"{path} has format {int(said[b'analytics_format'])}, this code reads up to {RAW_FORMAT}; update the code")
    return said


def _read_file(path: Path, table: tables.Table, columns: list[str]) -> pa.Table:
    file = open_parquet(path)
    _checked_metadata(file, path, table)
    content = file.read(columns=columns, use_threads=False).select(columns)
    if "latency_ms" in columns and pa.types.is_integer(content.schema.field("latency_ms").type):
        position = content.column_names.index("latency_ms")
        latency = pc.divide(content.column("latency_ms").cast(pa.float64()), HUNDREDTHS)
        content = content.set_column(position, pa.field("latency_ms", pa.float64()), latency)
    target = tables.schema(table)
    return content.cast(pa.schema([target.field(name) for name in columns]))


def _epoch_day(day: date) -> int:
    return (day - date(1970, 1, 1)).days
