"""Series of one step in one week: their values and counts, on the way to panel files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analytics import panel, store
from analytics.ingest.schedule import DAY_MS
from analytics.ingest.survey import CHECK_SIGNALS

__all__ = ["Grid", "codes_of", "empty_grids", "extents", "fill_metrics", "holes", "panel_files"]

IntArray = npt.NDArray[np.int64]
# Sums per step; every other metric is averaged.
SUMMED = ("requests",)


@dataclass(frozen=True)
class Grid:
    """Series of one step in one week, filled day by day.

    Attributes
    ----------
    layout : one row per row of the panel (see `survey.Survey.layout`)
    rows : the rows that hold each signal that comes from checks, in the order of service and region
    values, n_checks : shape (n_series, steps of a week)
    """

    step_s: int
    layout: pd.DataFrame
    rows: dict[str, IntArray]
    values: npt.NDArray[np.float32]
    n_checks: npt.NDArray[np.int32]

    @property
    def per_day(self) -> int:
        return DAY_MS // (self.step_s * 1000)


def empty_grids(layout: pd.DataFrame) -> list[Grid]:
    """A grid without a value for each step of the series."""
    return [_empty_grid(int(step), rows.reset_index(drop=True)) for step, rows in layout.groupby("step_s", sort=True)]


def _empty_grid(step_s: int, layout: pd.DataFrame) -> Grid:
    shape = (len(layout), panel.WEEK_MS // (step_s * 1000))
    from_checks = layout["kind"] == "checks"
    rows = {signal: np.flatnonzero((from_checks & (layout["signal"] == signal)).to_numpy()) for signal in CHECK_SIGNALS}
    return Grid(step_s, layout, rows, np.full(shape, np.nan, np.float32), np.zeros(shape, np.int32))


def codes_of(rows: pa.Table, name: str) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Labels of a dictionary column in one piece, and the label number of each row."""
    array = rows.column(name).chunk(0)
    return array.dictionary.to_pylist(), array.indices.to_numpy(zero_copy_only=False)


def fill_metrics(rows: pa.Table, grids: list[Grid], monday_ms: int) -> None:
    """Mean (or sum) per step of every metric of one day."""
    keys = {name: codes_of(rows, name) for name in ("service", "region", "signal")}
    time = rows.column("time").cast(pa.int64()).to_numpy() - monday_ms
    value = rows.column("value").to_numpy()
    combined = np.zeros(len(rows), np.int64)
    for names, codes in keys.values():
        combined = combined * len(names) + codes
    groups, group_of_row = np.unique(combined, return_inverse=True)
    first_row = np.zeros(len(groups), np.int64)
    first_row[group_of_row[::-1]] = np.arange(len(rows))[::-1]
    for grid in grids:
        wanted = {
            (row.service, row.region, row.signal): number
            for number, row in enumerate(grid.layout.itertuples(index=False))
            if row.kind == "metrics"
        }
        row_of_group = np.array(
            [wanted.get(tuple(names[codes[first]] for names, codes in keys.values()), -1) for first in first_row], np.int64
        )
        row = row_of_group[group_of_row]
        here = (row >= 0) & np.isfinite(value)
        if not here.any():
            continue
        n_times = grid.values.shape[1]
        cell = row[here] * n_times + time[here] // (grid.step_s * 1000)
        filled, inverse = np.unique(cell, return_inverse=True)
        counts = np.bincount(inverse)
        sums = np.bincount(inverse, weights=value[here])
        is_summed = grid.layout["signal"].isin(SUMMED).to_numpy()[filled // n_times]
        grid.values.reshape(-1)[filled] = np.where(is_summed, sums, sums / counts)
        grid.n_checks.reshape(-1)[filled] = counts


def panel_files(grid: Grid, monday_ms: int) -> Iterator[tuple[str, bytes]]:
    """The panel files of a filled grid as (name, bytes), one per block of services."""
    for block, rows in grid.layout.groupby("block", sort=True):
        index = rows.index.to_numpy()
        content = store.encode_panel(rows, monday_ms, grid.step_s, grid.values[index], grid.n_checks[index])
        yield store.panel_file_name(int(block), grid.step_s, monday_ms), content


def extents(grid: Grid, monday_ms: int) -> pd.DataFrame:
    """Series with a value: series_id, first, last, n, low, high."""
    present = np.isfinite(grid.values)
    n_times = present.shape[1]
    step_ms = grid.step_s * 1000
    some = present.any(axis=1)
    return pd.DataFrame(
        {
            "series_id": grid.layout["series_id"],
            "first": monday_ms + present.argmax(axis=1) * step_ms,
            "last": monday_ms + (n_times - 1 - present[:, ::-1].argmax(axis=1)) * step_ms,
            "n": present.sum(axis=1),
            # They leave out what is missing, without a copy.
            "low": np.fmin.reduce(grid.values, axis=1),
            "high": np.fmax.reduce(grid.values, axis=1),
        }
    )[some]


def holes(grid: Grid, monday_ms: int, *, gap_factor: float) -> pd.DataFrame:
    """Pauses of metrics between two steps with a value, longer than `gap_factor` usual intervals: series_id, start, end."""
    metrics = np.flatnonzero(grid.layout["kind"] == "metrics")
    step_ms = grid.step_s * 1000
    row, step = np.nonzero(np.isfinite(grid.values[metrics]))
    usual = np.maximum(grid.layout["interval_ms"].to_numpy()[metrics], step_ms)
    is_wide = (np.diff(row) == 0) & (np.diff(step) * step_ms > gap_factor * usual[row[1:]])
    return pd.DataFrame(
        {
            "series_id": grid.layout["series_id"].iloc[metrics[row[1:][is_wide]]],
            "start": monday_ms + (step[:-1][is_wide] + 1) * step_ms,
            "end": monday_ms + step[1:][is_wide] * step_ms,
        }
    )
