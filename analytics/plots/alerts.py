"""Figure of alerts: when, of which service, how urgent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analytics.plots import marks, style
from analytics.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_timeline"]

TONES = (
    marks.Tone("told to nobody", "axis"),
    marks.Tone("info", "series", 0.55),
    marks.Tone("warning", "worse"),
    marks.Tone("critical", "bad"),
)
LEVELS = ("silent", "info", "warning", "critical")
TICKED_FROM = 0.02
"""Bars that long, as a part of the width, have a tick."""
MAX_TICKS = 400
"""More moments than that are not told apart in the width of a page."""


def plot_timeline(alerts: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Bars in time, a row per service: how urgent an alert was; a tick on the longer ones marks when somebody was told.

    Parameters
    ----------
    alerts : DataFrame
        Columns `service, start, detected_at, end, level` (info, warning, critical or silent); of more than 40 services those with the most
        time in urgent alerts are drawn.
    """
    # Rows have no region of their own: an alert may be of several.
    rows = alerts.assign(
        row=style.row_names(alerts.assign(region=None)), level=alerts.level.map({name: i for i, name in enumerate(LEVELS)})
    )
    names, n_all = style.worst_rows(rows.row, (rows.end - rows.start) / pd.Timedelta(seconds=1) * rows.level**2)
    shown = rows[rows.row.isin(names)].sort_values(["level", "start"], kind="stable")
    place = shown.row.map({name: index for index, name in enumerate(names)}).to_numpy(float)
    with style.use():
        ax = style.own_axes(ax, height=0.8 + 0.24 * max(len(names), 2))
        if len(shown):
            bars = np.column_stack([place, style.as_days(shown.start), style.as_days(shown.end)])
            width = (end - start) / pd.Timedelta(days=1)
            marks.bars_in_time(ax, bars, shown.level.to_numpy(np.intp), tones=TONES, labels=names, width=width)
            # On a bar hardly longer than itself a tick would hide how urgent it is.
            is_ticked = (shown.level > 0).to_numpy() & (bars[:, 2] - bars[:, 1] > TICKED_FROM * width)
            known = style.as_days(shown.detected_at)[is_ticked]
            if len(known) <= MAX_TICKS:
                ax.plot(known, place[is_ticked], "|", ms=9, mew=1.2, color=COLOURS["ink"])
        style.time_axis(ax, zone, start, end)
        marks.key(ax, TONES[::-1])
        if n_all > len(names):
            style.note(ax, f"the {len(names)} of {n_all} services with the most urgent alerts")
    return ax
