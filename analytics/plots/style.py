"""The look of all figures: colours, the style context, axes in the reader's time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics import calendars, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "MAX_ROWS", "as_days", "note", "own_axes", "row_names", "time_axis", "use", "worst_rows"]

COLOURS = {
    "ink": "#1b2330",
    "muted": "#566170",
    "axis": "#c9d0da",
    "grid": "#e4e8ee",
    "paper": "#ffffff",
    "series": "#2b5c9e",
    "band": "#d5e3f6",
    "worse": "#b4500f",
    "worse-wash": "#fdf0e6",
    "bad": "#a81e5b",
    "bad-wash": "#fbe9f1",
    "good": "#14704f",
    "good-wash": "#e6f4ee",
    "calm-wash": "#eef1f5",
    "violet": "#6b5ca5",
}
"""Name of the CSS variable -> colour in the light page. A figure uses only these, so that one figure serves light, dark and print."""

WIDTH_IN = 8.6
NAME_WIDTH = 42
"""Letters of a row's name: a longer one would leave no room for the figure."""

YEARS_ONLY_DAYS = 1100
"""Beyond three years only years are marked."""

MAX_ROWS = 40
"""More rows than a reader takes in: the worst are drawn and the figure says so."""


def use() -> AbstractContextManager[None]:
    """Context in which matplotlib draws in the style of the reports, whatever the machine's own settings are."""
    import matplotlib.style

    # `after_reset`: a reader's own matplotlibrc must not change a published figure.
    return matplotlib.style.context(Path(__file__).with_name("analytics.mplstyle"), after_reset=True)


def own_axes(ax: Axes | None, *, height: float = 3.2) -> Axes:
    """The axes given, or new ones of a page's width and `height` inches on a figure of their own (no pyplot: nothing to close)."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    axes: Axes = Figure(figsize=(WIDTH_IN, height)).subplots()
    return axes


def note(ax: Axes, text: str) -> None:
    """A quiet remark below the axes: what was left out, how many."""
    ax.annotate(
        text,
        (1, 0),
        # Below the name of the axis, where it has one.
        (0, -38 if ax.get_xlabel() else -22),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="top",
        color=COLOURS["muted"],
        fontsize=8.5,
    )


def row_names(frame: pd.DataFrame) -> pd.Series:
    """'checkout · eu-west' of each row of a table, long names shortened.

    Regions joined (empty text) or the only one are left out, 'all' stands for no service.
    """
    service = frame.service.astype("object").where(frame.service.notna(), "all")
    service = service.map(words.short_names(service.unique(), width=NAME_WIDTH)).astype("object")
    region = frame.region.astype("object").where(frame.region.notna(), "").replace("default", "")
    return (service + " · " + region).str.removesuffix(" · ")


def worst_rows(names: pd.Series, badness: pd.Series) -> tuple[list[str], int]:
    """At most `MAX_ROWS` names with the largest sum of `badness`, in the order of the alphabet, and how many names there are."""
    total = badness.groupby(names.to_numpy(), sort=True).sum()
    return sorted(total.sort_values(ascending=False, kind="stable").index[:MAX_ROWS]), len(total)


def as_days(times: pd.Series | pd.DatetimeIndex) -> NDArray[np.float64]:
    """Times as matplotlib counts them: days since 1970, UTC."""
    naive = pd.DatetimeIndex(times).tz_convert("UTC").tz_localize(None)
    return naive.to_numpy().astype("datetime64[ms]").astype(np.int64) / 86_400_000


def time_axis(ax: Axes, zone: str, start: pd.Timestamp, end: pd.Timestamp) -> None:
    """The horizontal axis from `start` to `end`, with marks at whole local hours, days, Mondays, months or years.

    matplotlib's own date marks bunch at the ends of months and are worded in the locale of the machine.
    """
    from matplotlib.dates import date2num

    ticks, labels = _ticks(start, end, zone)
    ax.set_xlim(date2num(_naive(start)), date2num(_naive(end)))
    ax.set_xticks([date2num(_naive(tick)) for tick in ticks], labels)
    if end - start <= pd.Timedelta(days=7):
        ax.set_xlabel(zone)


def _naive(time: pd.Timestamp) -> pd.Timestamp:
    return time.tz_convert("UTC").tz_localize(None)


def _ticks(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> tuple[list[pd.Timestamp], list[str]]:
    first, last = start.tz_convert(zone), end.tz_convert(zone)
    days = (end - start) / pd.Timedelta(days=1)
    if days > YEARS_ONLY_DAYS:
        marks = pd.DatetimeIndex([pd.Timestamp(year, 1, 1, tz=zone) for year in range(first.year, last.year + 1)])
        return _inside(marks, first, last, lambda t: str(t.year))
    if days <= 3:
        hours = next(step for step in (1, 2, 3, 6, 12) if days * 24 / step <= 9 or step == 12)
        marks = pd.date_range(first.ceil("h", ambiguous=True, nonexistent="shift_forward"), last, freq="h")
        # By the clock on the wall: a day with a clock change has 23 or 25 hours.
        marks = marks[marks.hour % hours == 0]
        return _inside(marks, first, last, lambda t: words.moment(t, zone) if t.hour == 0 else f"{t.hour:02d}:{t.minute:02d}")
    if days <= 100:
        step = next(step for step in (1, 2, 7, 14) if days / step <= 11 or step == 14)
        marks = calendars.midnights(start, end, zone).tz_convert(zone)
        marks = marks[::step] if step < 7 else marks[marks.day_of_week == 0][:: step // 7]
        return _inside(marks, first, last, lambda t: words.day(t, zone))
    months = next(step for step in (1, 2, 3, 6, 12, 24) if days / 30.4 / step <= 12 or step == 24)
    begin = pd.Timestamp(first.year, 1, 2, tz="UTC")
    marks = pd.DatetimeIndex([period.start for period in calendars.months(begin, end, zone)][::months]).tz_convert(zone)
    if months >= 12:
        return _inside(marks, first, last, lambda t: str(t.year))
    return _inside(
        marks, first, last, lambda t: f"{words.MONTHS[t.month - 1]}{words.NBSP}{t.year}" if t.month <= months else words.MONTHS[t.month - 1]
    )


def _inside(
    marks: pd.DatetimeIndex, first: pd.Timestamp, last: pd.Timestamp, label: Callable[[pd.Timestamp], str]
) -> tuple[list[pd.Timestamp], list[str]]:
    kept = [mark for mark in marks if first <= mark <= last]
    return kept, [label(mark) for mark in kept]
