"""Figures of what is normal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analytics import words
from analytics.plots import marks, style
from analytics.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_confidence", "plot_course", "plot_left_out", "plot_week"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEK_TONES = (
    marks.Tone("lowest fifth", "series", 0.08),
    marks.Tone("", "series", 0.27),
    marks.Tone("middle", "series", 0.46),
    marks.Tone("", "series", 0.7),
    marks.Tone("highest fifth", "series", 0.97),
)
LEFT_OUT = (
    marks.Tone("masked", "axis"),
    marks.Tone("drift open", "violet", 0.6),
    marks.Tone("up to 3 h unusual", "worse", 0.5),
    marks.Tone("more", "bad"),
)
MANY_HOURS = 3.0
MOST_SPREADS = 8.0
"""Residuals beyond this many spreads are drawn at the edge: their size tells nothing more."""


def plot_course(course: pd.DataFrame, declared: pd.DataFrame, *, unit: str, zone: str = "UTC") -> Figure:
    """Observed values on the band of what was expected, what was declared, and below it the residuals.

    Parameters
    ----------
    course : DataFrame
        `time, value, expected, p05, p95, p99, residual`, one row per step.
    declared : DataFrame
        `start, end, text` of masks and events; those without an end are a line.
    """
    from matplotlib.figure import Figure

    with style.use():
        figure = Figure(figsize=(style.WIDTH_IN, 4.4))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        if course.empty:
            return figure
        time = course.time.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        held = course.p95.notna().to_numpy()
        marks.line_with_band(
            above, time[held], course.expected.to_numpy()[held], low=course.p05.to_numpy()[held], high=course.p95.to_numpy()[held],
            colour="series", is_dashed=True,
        )  # fmt: skip
        above.plot(*marks.decimate(time, course.p99.to_numpy()), color=COLOURS["worse"], lw=0.8)
        above.plot(*marks.decimate(time, course.value.to_numpy()), color=COLOURS["ink"], lw=0.7)
        marks.lone_points(above, time, course.value.to_numpy())
        _declared(above, declared)
        # A few spikes would press the band flat; how far they reach stands in the strip below.
        usual = [*course.p99.dropna(), *course.value.dropna().quantile([0.995])]
        lowest = min([0.0, *course.value.dropna(), *course.p05.dropna()])
        above.set_ylim(lowest, 1.3 * max(usual) if max(usual, default=0.0) > 0 else 1.0)
        above.set_ylabel(unit or "value")
        size = np.clip(course.residual.to_numpy(), -MOST_SPREADS, MOST_SPREADS)
        below.plot(*marks.decimate(time, size), color=COLOURS["muted"], lw=0.6)
        below.axhline(0, color=COLOURS["ink"], lw=0.8)
        below.set_ylabel("residual,\nspreads")
        style.time_axis(below, zone, course.time.iloc[0], course.time.iloc[-1])
    return figure


def _declared(ax: Axes, declared: pd.DataFrame) -> None:
    begin, end = ax.get_xlim()
    named: set[str] = set()
    for mark in declared.itertuples():
        start = max(style.as_days(pd.DatetimeIndex([mark.start]))[0], begin)
        stop = start if pd.isna(mark.end) else min(style.as_days(pd.DatetimeIndex([mark.end]))[0], end)
        if stop > start:
            ax.axvspan(start, stop, color=COLOURS["axis"], alpha=0.55, lw=0)
        else:
            ax.axvline(start, color=COLOURS["violet"], lw=0.9, ls=(0, (3, 2)))
        if mark.text not in named:
            ax.annotate(
                str(mark.text), (start, 1), (2, -9), xycoords=("data", "axes fraction"), textcoords="offset points",
                fontsize=8, color=COLOURS["muted"],
            )  # fmt: skip
        named.add(mark.text)


def plot_week(week: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The usual week as a grid of days by hours, in fifths from the lowest to the highest value (`hour, expected`)."""
    with style.use():
        ax = style.own_axes(ax, height=2.6)
        level = np.full((7, 24), -1, dtype=np.intp)
        if len(week):
            values = week.expected.to_numpy()
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            fifth = np.floor(5 * (values - low) / (high - low)) if high > low else np.full(168, 2.0)
            level = np.clip(np.nan_to_num(fifth), 0, 4).astype(np.intp).reshape(7, 24)
        marks.grid_map(ax, level, tones=WEEK_TONES, edges=np.arange(25.0), labels=DAYS)
        ax.set_xticks(range(0, 25, 3), [f"{hour}:00" for hour in range(0, 25, 3)])
        ax.set_xlim(0, 24)
        ax.set_xlabel("local hour")
        marks.key(ax, [WEEK_TONES[0], WEEK_TONES[2], WEEK_TONES[4]])
    return ax


def plot_left_out(hours: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Days from `start` on of which something was not learnt from, a row per service and region.

    `hours` has `service, region, day, unusual_h, masked_h, held_h`; of more than 40 rows those with the most unusual hours are drawn.
    """
    late = hours[hours.day >= start.floor("D")]
    rows = late.assign(row=style.row_names(late)) if len(late) else late.assign(row=[])
    names, n_all = style.worst_rows(rows.row, rows.unusual_h + 0.01 * (rows.masked_h + rows.held_h)) if len(rows) else ([], 0)
    shown = rows[rows.row.isin(names)]
    tone_of = np.select([shown.unusual_h > MANY_HOURS, shown.unusual_h > 0, shown.held_h > shown.masked_h], [3, 2, 1], default=0)
    with style.use():
        ax = style.own_axes(ax, height=0.8 + 0.2 * max(len(names), 2))
        if len(shown):
            begin = style.as_days(pd.DatetimeIndex(shown.day))
            bars = np.column_stack([shown.row.map({name: place for place, name in enumerate(names)}), begin, begin + 1])
            marks.bars_in_time(
                ax, bars.astype(float), tone_of.astype(np.intp), tones=LEFT_OUT, labels=names, width=(end - start) / pd.Timedelta("1D")
            )
        style.time_axis(ax, zone, start, end)
        marks.key(ax, LEFT_OUT)
        if n_all > len(names):
            style.note(ax, f"the {len(names)} of {n_all} rows of which most was unusual")
    return ax


def plot_confidence(confidence: pd.DataFrame, *, sure: float, ax: Axes | None = None) -> Axes:
    """Least confidence of each service and region, the least sure on top (`service, region, signal, confidence, n_days`)."""
    shown = confidence.assign(row=style.row_names(confidence)).head(style.MAX_ROWS) if len(confidence) else confidence
    with style.use():
        ax = style.own_axes(ax, height=0.6 + 0.22 * max(len(shown), 2))
        for place, one in enumerate(shown.itertuples()):
            colour = "worse" if one.confidence < sure else "series"
            ax.hlines(place, 0, one.confidence, color=COLOURS["grid"], lw=1.2)
            ax.plot([one.confidence], [place], "o", ms=5, color=COLOURS[colour])
            said = f"{words.percent(one.confidence, 0)} · {one.signal}, {words.number(one.n_days, 2)} d"
            ax.annotate(
                said, (1, place), (8, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center", fontsize=8.5,
                color=COLOURS["muted"],
            )  # fmt: skip
        ax.axvline(sure, color=COLOURS["worse"], lw=0.8, ls=(0, (3, 3)))
        ax.set_yticks(range(len(shown)), shown.row if len(shown) else [])
        ax.set_ylim(max(len(shown), 1) - 0.4, -0.6)
        ax.set_xlim(0, 1)
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1], [words.percent(tick, 0) for tick in (0.0, 0.25, 0.5, 0.75, 1.0)])
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("confidence: the share of noise in the variance of a future value")
        if len(confidence) > len(shown):
            style.note(ax, f"the {len(shown)} of {len(confidence)} least sure")
    return ax
