"""Building blocks that the figures share: lines with bands, grids of cells, bars in time. All keep a figure small.

A line needs at most two points per pixel column, equal neighbours in a grid are one rectangle, bars closer than a pixel are one bar,
and all shapes of one colour are one path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.plots import style
from analytics.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Tone", "bars_in_time", "decimate", "events", "grid_map", "key", "line_with_band", "lone_points", "rows"]

TITLE_WIDTH = 1 / 130
"""Width of a letter of 7.5 points as a part of the figure's."""

MAX_RECTANGLES = 1200
"""More become a picture: beyond this a path weighs more than the pixels it fills."""


@dataclass(frozen=True)
class Tone:
    """How one class of cells or bars looks, and what it is called in the key."""

    name: str
    colour: str
    alpha: float = 1.0


def decimate(x: NDArray[Any], y: NDArray[Any], *, columns: int = 200) -> tuple[NDArray[Any], NDArray[Any]]:
    """The lowest and highest point of each of `columns` pixel columns, in order: the same picture from at most 2 x `columns` points.

    Parameters
    ----------
    x : array, shape (n,)
        Sorted, times or numbers.
    y : float array, shape (n,)
        NaN interrupts the line; a column without any value stays an interruption.
    """
    if len(x) <= 2 * columns:
        return x, y
    column = _columns(x, columns)
    present = np.flatnonzero(np.isfinite(y))
    order = present[np.lexsort((y[present], column[present]))]
    first = np.flatnonzero(np.diff(column[order], prepend=-1))
    last = np.append(first[1:], len(order)) - 1
    absent = np.flatnonzero(~np.isin(column, column[present]))
    absent = absent[np.diff(column[absent], prepend=-1) != 0] if len(absent) else absent
    kept = np.unique(np.concatenate([order[first], order[last[: len(first)]], absent]).astype(np.intp))
    return x[kept], y[kept]


def _columns(x: NDArray[Any], columns: int) -> NDArray[np.intp]:
    place = (x - x[0]).astype(np.float64)
    return np.minimum((place / place[-1] * columns).astype(np.intp), columns - 1)


def line_with_band(
    ax: Axes,
    time: NDArray[Any],
    value: NDArray[np.float64],
    *,
    low: NDArray[np.float64] | None = None,
    high: NDArray[np.float64] | None = None,
    colour: str = "ink",
    band: str = "band",
    is_dashed: bool = False,
) -> None:
    """A line over time (UTC without zone, sorted) with, where given, the band between `low` and `high` behind it."""
    if low is not None and high is not None:
        # Lowest low and highest high per column: a thinned band must never look narrower than it is.
        below, above = decimate(time, low), decimate(time, high)
        ax.fill(np.concatenate([below[0], above[0][::-1]]), np.concatenate([below[1], above[1][::-1]]), color=COLOURS[band], lw=0)
    dashes: Any = (0, (4, 2)) if is_dashed else "solid"
    ax.plot(*decimate(time, value), color=COLOURS[colour], lw=1.1, ls=dashes)


def events(ax: Axes, declared: pd.DataFrame) -> None:
    """A triangle where something was declared (columns `start, title`), with its title where that does not cover the title before."""
    bottom, (first, last) = ax.get_ylim()[0], ax.get_xlim()
    free = -np.inf
    for event in declared.sort_values("start").itertuples():
        at = style.as_days(pd.DatetimeIndex([event.start]))[0]
        ax.plot([at], [bottom], marker="^", ms=6, color=COLOURS["violet"], clip_on=False, zorder=4)
        half = TITLE_WIDTH * len(str(event.title)) * (last - first) / 2
        if at - half < free:
            continue
        free = at + half
        ax.annotate(str(event.title), (at, bottom), (0, 7), textcoords="offset points", ha="center", fontsize=7.5,
                    color=COLOURS["violet"], bbox={"facecolor": COLOURS["paper"], "alpha": 0.75, "lw": 0, "pad": 0.5})  # fmt: skip


def lone_points(ax: Axes, time: NDArray[Any], value: NDArray[np.float64], *, colour: str = "ink") -> None:
    """Dots for the values that no line joins, because those before and after them are missing."""
    is_there = np.concatenate([[False], np.isfinite(value), [False]])
    is_lone = is_there[1:-1] & ~is_there[:-2] & ~is_there[2:]
    if is_lone.any():
        ax.plot(time[is_lone], value[is_lone], ".", ms=3.5, color=COLOURS[colour])


def grid_map(ax: Axes, level: NDArray[np.intp], *, tones: Sequence[Tone], edges: NDArray[np.float64], labels: Sequence[str]) -> None:
    """A grid of cells, one row per label: `level` is an index into `tones`, or -1 for a cell that stays empty.

    Parameters
    ----------
    level : int array, shape (n_rows, n_columns)
    edges : float array, shape (n_columns + 1,)
        Where the columns begin and end on the horizontal axis.
    """
    if _n_runs(level) > MAX_RECTANGLES:
        _draw_picture(ax, level, tones, edges)
    else:
        for index, tone in enumerate(tones):
            _draw_rectangles(ax, _runs(level == index, edges), tone)
    rows(ax, labels)


def _n_runs(level: NDArray[np.intp]) -> int:
    return int((np.diff(level, axis=1, prepend=-1) != 0).sum())


def _runs(is_on: NDArray[np.bool_], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equal neighbours as (row, begin, end)."""
    steps = np.diff(is_on.astype(np.int8), axis=1, prepend=0, append=0)
    row, begin = np.nonzero(steps == 1)
    _, end = np.nonzero(steps == -1)
    return np.column_stack([row.astype(float), edges[begin], edges[end]])


def _draw_rectangles(ax: Axes, bars: NDArray[np.float64], tone: Tone, *, height: float = 0.84) -> None:
    """All rectangles (row, begin, end) of one tone as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not len(bars):
        return
    row, begin, end = bars.T
    low, high = row - height / 2, row + height / 2
    corners = np.stack([[begin, low], [end, low], [end, high], [begin, high], [begin, low]]).transpose(2, 0, 1).reshape(-1, 2)
    codes = np.tile([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], len(bars))
    ax.add_patch(PathPatch(Path(corners, codes), facecolor=COLOURS[tone.colour], alpha=tone.alpha, lw=0))


def _draw_picture(ax: Axes, level: NDArray[np.intp], tones: Sequence[Tone], edges: NDArray[np.float64]) -> None:
    from matplotlib.colors import to_rgba

    # A picture cannot follow light and dark: the quiet first tone becomes a grey that suits both.
    quiet = (0.55, 0.6, 0.67, 0.3)
    table = np.array([quiet, *[to_rgba(COLOURS[tone.colour], tone.alpha) for tone in tones[1:]], (0, 0, 0, 0)])
    pixels = (table[level] * 255).round().astype(np.uint8)
    ax.imshow(pixels, aspect="auto", interpolation="none", extent=(edges[0], edges[-1], len(level) - 0.5, -0.5))


def rows(ax: Axes, labels: Sequence[str]) -> None:
    """The vertical axis of a grid: one row per label, the first on top."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(max(len(labels), 1) - 0.4, -0.6)
    ax.tick_params(axis="y", labelsize=8.5 if len(labels) <= 24 else 7.5)
    ax.grid(visible=False)
    ax.spines["bottom"].set_visible(False)


def bars_in_time(
    ax: Axes, bars: NDArray[np.float64], tone_of: NDArray[np.intp], *, tones: Sequence[Tone], labels: Sequence[str], width: float
) -> None:
    """Bars along time, one row per label.

    Parameters
    ----------
    bars : float array, shape (n, 3)
        Row, begin and end, in the numbers of the horizontal axis.
    tone_of : int array, shape (n,)
        Index into `tones`.
    width : float
        Length of the whole axis: bars shorter than a 400th of it are drawn that long, so that no outage is invisible.
    """
    shortest = width / 400
    for index, tone in enumerate(tones):
        _draw_rectangles(ax, _joined(bars[tone_of == index], shortest), tone, height=0.62)
    rows(ax, labels)
    ax.hlines(np.arange(len(labels)) + 0.5, 0, 1, transform=ax.get_yaxis_transform(), color=COLOURS["grid"], lw=0.6)


def _joined(bars: NDArray[np.float64], shortest: float) -> NDArray[np.float64]:
    """Bars at least `shortest` long; those that touch are one, with a growing tolerance while there are too many to draw."""
    if not len(bars):
        return bars
    ordered = bars[np.lexsort((bars[:, 1], bars[:, 0]))].copy()
    ordered[:, 2] = np.maximum(ordered[:, 2], ordered[:, 1] + shortest)
    tolerance = 0.0
    while True:
        row, begin = ordered[:, 0], ordered[:, 1]
        # Rows lie far apart on this line, so that one running maximum serves all of them.
        apart = (np.ptp(ordered[:, 1:]) + 2 * tolerance + 1) * row
        reach = np.maximum.accumulate(ordered[:, 2] + apart)
        starts = np.flatnonzero(np.append(True, begin[1:] + apart[1:] > reach[:-1] + tolerance))
        joined = np.column_stack([row[starts], begin[starts], np.maximum.reduceat(ordered[:, 2], starts)])
        if len(joined) <= MAX_RECTANGLES:
            return joined
        ordered, tolerance = joined, max(2 * tolerance, shortest)


def key(ax: Axes, tones: Sequence[Tone]) -> None:
    """The key of a grid or of bars, above its left end: that is what a phone shows first."""
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=COLOURS[tone.colour], alpha=tone.alpha, lw=0, label=tone.name) for tone in tones]
    ax.legend(
        handles=patches, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(patches), handlelength=0.9, handleheight=0.9,
        columnspacing=1.4, handletextpad=0.5, borderaxespad=0.2, labelcolor=COLOURS["muted"], fontsize=8.5,
    )  # fmt: skip
