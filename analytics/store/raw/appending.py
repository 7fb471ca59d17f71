"""New rows of a source into its store: once each, whatever order or however often they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics import tables
from analytics.store.files import digest, parquet_bytes, write_atomically
from analytics.store.raw.encoding import TIMED, described, encode, runs_in_file
from analytics.store.raw.reading import RawDay, kind_folder, raw_days, read_raw
from analytics.store.raw.rows import key_order, runs_of, taken, times_of

__all__ = ["Appended", "Sifted", "add_raw", "append_raw", "compact_raw", "sift_raw", "write_raw", "write_raw_day"]

DAY_MS = 86_400_000
DUPLICATE = "duplicate: the first is kept"
SAME_FETCH = "contradicts a row of the same fetch: the first is kept; is a column that tells them apart not used?"
STORED = "contradicts a stored row: the first is kept"


@dataclass(frozen=True)
class Appended:
    """What an append did: rows stored, rows that were there already, rows refused (schema of raw kind `quarantine`)."""

    n_new: int
    n_repeated: int
    refused: pa.Table


@dataclass(frozen=True)
class Sifted:
    """Rows on their way into the store.

    Attributes
    ----------
    new : those that are not stored yet, sorted by key within each day
    n_repeated : those that are stored already
    duplicates, contradictions : those refused (schema of raw kind `quarantine`): said before with the same values, or with others
    """

    new: pa.Table
    n_repeated: int
    duplicates: pa.Table
    contradictions: pa.Table


def write_raw_day(source: str, kind: str, day: date, rows: pa.Table) -> None:
    """Store a whole day at once, replacing what was there; rows need not be sorted.

    Raises
    ------
    ValueError
        If a row is of another day, or a key is repeated.
    """
    table = tables.RAW[kind]
    rows = _conform(rows, table)
    order, repeated = key_order(rows, table)
    if repeated.any():
        raise ValueError(f"{source}/{kind} {day}: {int(repeated.sum())} repeated keys ({', '.join(table.key)})")
    days = np.unique(times_of(rows) // DAY_MS)
    if len(days) and (len(days) > 1 or days[0] != _epoch_day(day)):
        raise ValueError(f"{source}/{kind} {day}: rows of {len(days)} days, first {np.datetime64(int(days[0]), 'D')}")
    folder = kind_folder(source, kind)
    write_atomically(folder / f"{day}.parquet", encode(taken(rows, order), table))
    for segment in folder.glob(f"{day}.*.seg.parquet"):
        segment.unlink()


def append_raw(source: str, kind: str, rows: pa.Table) -> Appended:
    """Add rows to a source: stored once, whatever order or however often they come.

    Rows of kind `quarantine` have no key and are stored as they are, once per content.
    """
    table = tables.RAW[kind]
    if not table.key:
        content = encode(_conform(rows, table), table)
        if len(rows):
            write_atomically(kind_folder(source, kind) / f"{digest(content)[:16]}.parquet", content)
        return Appended(len(rows), 0, tables.schema(table).empty_table())
    sifted = sift_raw(source, kind, rows)
    add_raw(source, kind, sifted.new)
    return Appended(len(sifted.new), sifted.n_repeated, pa.concat_tables([sifted.duplicates, sifted.contradictions]))


def sift_raw(source: str, kind: str, rows: pa.Table, *, afresh: bool = False) -> Sifted:
    """Tell rows that are new from those that were said before, among themselves and (unless `afresh`) in the store; nothing is written."""
    table = tables.RAW[kind]
    rows = _conform(rows, table)
    order, repeated = key_order(rows, table)
    first = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(order))))[repeated]
    equal = _equal(rows, order[repeated], order[first], table)
    duplicates, contradicting = (rows.take(pa.array(order[repeated][chosen])) for chosen in (equal, ~equal))
    contradictions = [_refused(contradicting, source, kind, SAME_FETCH)]
    stored = {} if afresh else {raw_day.day: raw_day for raw_day in raw_days(source, kind)}
    new, n_repeated = [], 0
    for day, part in _by_day(taken(rows, order[~repeated])):
        if day in stored:
            part, n_same, contradicting = _unknown_rows(part, stored[day], table)
            n_repeated += n_same
            contradictions.append(_refused(contradicting, source, kind, STORED))
        new.append(part)
    return Sifted(
        pa.concat_tables([rows.slice(0, 0), *new]).unify_dictionaries(),
        n_repeated,
        _refused(duplicates, source, kind, DUPLICATE),
        pa.concat_tables(contradictions),
    )


def add_raw(source: str, kind: str, rows: pa.Table) -> None:
    """Store rows that `sift_raw` has found to be new: one segment per day."""
    table = tables.RAW[kind]
    for day, part in _by_day(rows):
        content = encode(part.unify_dictionaries().combine_chunks(), table)
        write_atomically(kind_folder(source, kind) / f"{day}.{digest(content)[:12]}.seg.parquet", content)


def _by_day(rows: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    epoch_days = times_of(rows) // DAY_MS
    days = np.unique(epoch_days).tolist()
    for epoch_day in days:
        yield date(1970, 1, 1) + timedelta(days=epoch_day), rows.filter(pa.array(epoch_days == epoch_day)) if len(days) > 1 else rows


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
            write_atomically(whole, encode(read_raw(raw_day), tables.RAW[kind]))
            for path in raw_day.paths:
                if path != whole:
                    path.unlink()
    return merged


def write_raw(source: str, kind: str, rows: pa.Table) -> None:
    """Store a small table without days (services, regions, events, dependencies), replacing what was there."""
    table = tables.RAW[kind]
    checked = tables.validate(rows.to_pandas(), table)
    write_atomically(kind_folder(source, kind).with_suffix(".parquet"), parquet_bytes(described(checked, table)))


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


def _unknown_rows(part: pa.Table, stored: RawDay, table: tables.Table) -> tuple[pa.Table, int, pa.Table]:
    """Rows that are not stored yet, the number of those stored with equal values, the rows that contradict a stored one."""
    known_runs: dict[tuple[str, ...], tuple[int, int]] = {}
    for run in (run for path in stored.paths for run in runs_in_file(path, table)):
        low, high = known_runs.get(run.keys, (run.first, run.last))
        known_runs[run.keys] = (min(low, run.first), max(high, run.last))
    mine = runs_of(part, table)
    if not any(run.keys in known_runs and run.first <= known_runs[run.keys][1] and run.last >= known_runs[run.keys][0] for run in mine):
        return part, 0, part.slice(0, 0)
    known = read_raw(stored)
    both = pa.concat_tables([known, part]).unify_dictionaries().combine_chunks()
    order, repeated = key_order(both, table)
    second, first = order[repeated], order[np.flatnonzero(repeated) - 1]
    same = _equal(both, second, first, table)
    fresh = np.setdiff1d(np.arange(len(known), len(both)), second)
    return both.take(pa.array(fresh)), int(same.sum()), both.take(pa.array(second[~same]))


def _equal(rows: pa.Table, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], table: tables.Table) -> npt.NDArray[np.bool_]:
    """Whether rows `one` and rows `other`, of equal keys, have equal values."""
    same = np.ones(len(one), bool)
    for name in (name for name in table.names if name not in table.key) if len(one) else ():
        ours, theirs = (_plain(rows.column(name).take(pa.array(chosen))) for chosen in (one, other))
        equal = pc.equal(ours, theirs).fill_null(False).to_numpy(zero_copy_only=False)
        same &= equal | (ours.is_null().to_numpy(zero_copy_only=False) & theirs.is_null().to_numpy(zero_copy_only=False))
    return same


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """One array; of labels, whose dictionaries have been unified, the codes."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    return array.indices if pa.types.is_dictionary(array.type) else array


def _refused(rows: pa.Table, source: str, kind: str, reason: str) -> pa.Table:
    times = times_of(rows)
    places = [datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds") for ms in times.tolist()]
    shown = [json.dumps(row, default=str, ensure_ascii=False)[:200] for row in rows.to_pylist()]
    n = len(rows)
    return pa.table(
        {"source": [source] * n, "kind": [kind] * n, "place": places, "reason": [reason] * n, "row": shown},
        schema=pa.schema([(field.name, pa.string()) for field in tables.schema(tables.RAW["quarantine"])]),
    ).cast(tables.schema(tables.RAW["quarantine"]))


def _epoch_day(day: date) -> int:
    return (day - date(1970, 1, 1)).days
