"""Figures of what was measured: coverage by day, gaps and other flags in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analytics.plots import marks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_coverage", "plot_gaps"]

MEASURED = (
    marks.Tone("99 % or more", "grid"),
    marks.Tone("90 to 99 %", "worse", 0.35),
    marks.Tone("below 90 %", "worse", 0.8),
    marks.Tone("nothing", "bad"),
)
SEVERITIES = (marks.Tone("info", "axis"), marks.Tone("warning", "worse", 0.75), marks.Tone("critical", "bad"))


def plot_coverage(coverage: pd.DataFrame, *, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Grid of service and region by day: the share of the expected checks that came. `coverage` is the table of that name.

    Of more than 40 rows those with the most missing checks are drawn, and the figure says so.
    """
    came = (coverage.n_checks + coverage.n_excluded).astype("float64")
    cells = pd.DataFrame({"row": style.row_names(coverage), "day": coverage.day, "came": came, "expected": coverage.n_expected})
    names, n_all = style.worst_rows(cells.row, (cells.expected - cells.came).clip(lower=0))
    cells = cells[cells.row.isin(names)]
    days = pd.date_range(cells.day.min(), cells.day.max(), freq="D") if len(cells) else pd.DatetimeIndex([])
    share = (cells.assign(share=cells.came / cells.expected).pivot(index="row", columns="day", values="share")).reindex(
        index=names, columns=days
    )
    values = share.to_numpy(dtype="float64")
    level = np.select([np.isnan(values), values >= 0.99, values >= 0.9, values > 0], [-1, 0, 1, 2], default=3)
    with style.use():
        ax = style.own_axes(ax, height=0.75 + 0.17 * max(len(names), 3))
        if len(cells):
            first = style.as_days(days[:1])[0]
            marks.grid_map(ax, level.astype(np.intp), tones=MEASURED, edges=first + np.arange(len(days) + 1.0), labels=names)
            style.time_axis(ax, zone, days[0], days[-1] + pd.Timedelta(days=1))
        marks.key(ax, MEASURED)
        if n_all > len(names):
            style.note(ax, f"the {len(names)} of {n_all} rows with the most missing checks")
    return ax


def plot_gaps(flags: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Bars in time from `start` to `end`, a row per service and region, by severity.

    `flags` is `quality_flags`, or those rows of it that matter.
    """
    length = (flags.end - flags.start) / pd.Timedelta(seconds=1)
    names, n_all = style.worst_rows(style.row_names(flags), length)
    shown = flags.assign(row=style.row_names(flags))
    shown = shown[shown.row.isin(names)]
    tone_of = shown.severity.astype("object").map({tone.name: index for index, tone in enumerate(SEVERITIES)}).to_numpy(dtype=np.intp)
    with style.use():
        ax = style.own_axes(ax, height=0.8 + 0.2 * max(len(names), 2))
        if len(shown):
            bars = np.column_stack(
                [shown.row.map({n: i for i, n in enumerate(names)}), style.as_days(shown.start), style.as_days(shown.end)]
            )
            width = (end - start) / pd.Timedelta(days=1)
            marks.bars_in_time(ax, bars.astype(float), tone_of, tones=SEVERITIES, labels=names, width=width)
        style.time_axis(ax, zone, start, end)
        marks.key(ax, [tone for index, tone in enumerate(SEVERITIES) if (tone_of == index).any()])
        if n_all > len(names):
            style.note(ax, f"the {len(names)} of {n_all} rows with the longest flags")
    return ax
