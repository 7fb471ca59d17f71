"""Rows of raw data in memory: their order by key, those that repeat a key, their runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics import tables

__all__ = ["Run", "key_order", "runs_of", "taken", "times_of"]


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


def times_of(rows: pa.Table) -> npt.NDArray[np.int64]:
    """Times of rows, ms since 1970."""
    return rows.column("time").cast(pa.int64()).to_numpy()


def key_order(rows: pa.Table, table: tables.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Row numbers sorted by key, and which of them repeat the row before (in the order in which they came)."""
    groups = np.zeros(len(rows), np.int64)
    for name in table.key:
        if name != "time":
            codes, size = _sorted_codes(rows.column(name))
            groups = groups * size + codes
    times = times_of(rows)
    if len(rows) == 0:
        return np.zeros(0, np.int64), np.zeros(0, bool)
    span = int(times.max() - times.min()) + 1
    packed = groups * span + (times - times.min())
    order = np.arange(len(rows)) if (packed[1:] > packed[:-1]).all() else np.argsort(packed, kind="stable")
    ordered = packed[order]
    return order, np.concatenate([[False], ordered[1:] == ordered[:-1]])


def _sorted_codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], int]:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], column.type)
    if array.null_count:
        raise ValueError("a key column holds empty values; refuse such rows at the source")
    ranks = np.argsort(np.argsort(np.array(array.dictionary.to_pylist(), dtype=object))) if len(array.dictionary) else np.zeros(0, np.int64)
    return ranks[array.indices.to_numpy(zero_copy_only=False)].astype(np.int64), max(1, len(ranks))


def taken(rows: pa.Table, order: npt.NDArray[np.int64]) -> pa.Table:
    """Rows in that order; rows that came in it already are not copied."""
    return rows if len(order) == len(rows) and (order == np.arange(len(rows))).all() else rows.take(pa.array(order))


def runs_of(rows: pa.Table, table: tables.Table) -> list[Run]:
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
    times = times_of(rows)
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
