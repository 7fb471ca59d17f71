"""Figures of drifts: where and when, one drift against its reference, its quantiles and its day before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analytics import words
from analytics.plots import marks, style
from analytics.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["chapters", "plot_drift", "plot_profile", "plot_quantiles", "plot_severity"]

NOTABLE = 25.0
"""Severity from which a square is coloured and says its number."""

LARGEST_PT = 15.0
"""Side of the square of severity 100, points; less where there are so many weeks that squares would touch."""

GRID_PT = 360.0
"""Width that the longest names leave for the squares, points."""

TONES = {"regression": "worse", "improvement": "good", "neutral": "violet"}
"""Direction of a drift -> its colour; each figure says the direction in words as well."""


SCATTERED = ("spread", "tail")
"""Kinds of drift that the middle of the values does not show."""


def plot_severity(weeks: pd.DataFrame, *, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Grid of service and region by week: a square grows with the severity of what was open then; what is grave now stands on top.

    Parameters
    ----------
    weeks : DataFrame
        Columns `service, region, week` (its start, or that of several) and `severity` (-100 to 100; negative: better). Rows without any
        severity are left out; of more than 40 the gravest are drawn.
    """
    cells = weeks.assign(row=style.row_names(weeks), size=weeks.severity.abs())
    names, n_all = _ranked(cells)
    cells = cells[cells.row.isin(names)]
    place = {name: index for index, name in enumerate(names)}
    length = cells.week.drop_duplicates().sort_values().diff().min() if cells.week.nunique() > 1 else pd.Timedelta(days=7)
    with style.use():
        ax = style.own_axes(ax, height=0.6 + 0.24 * max(len(names), 2))
        x = style.as_days(cells.week) + length / pd.Timedelta(days=2)
        y = cells.row.map(place).to_numpy(float)
        size = cells["size"].to_numpy(float)
        is_notable, is_nothing = size >= NOTABLE, size < 1
        is_better = cells.severity.to_numpy(float) < 0
        largest = min(LARGEST_PT, GRID_PT / max(cells.week.nunique(), 1))
        for colour, drawn in (
            ("axis", ~is_notable & ~is_nothing),
            ("worse", is_notable & ~is_better),
            ("good", is_notable & is_better),
        ):
            sides = largest * np.sqrt(size[drawn] / 100)
            ax.scatter(x[drawn], y[drawn], s=sides**2, marker="s", color=COLOURS[colour], lw=0)
        newest = cells.week == cells.week.max()
        for left, height, severity in zip(x[is_notable & newest], y[is_notable & newest], cells.severity[is_notable & newest], strict=True):
            _number(ax, left, height, severity)
        marks.rows(ax, names)
        ax.hlines(range(len(names)), 0, 1, transform=ax.get_yaxis_transform(), color=COLOURS["grid"], lw=0.8, zorder=0)
        if len(cells):
            style.time_axis(ax, zone, cells.week.min(), cells.week.max() + length)
        if n_all > len(names):
            style.note(ax, f"the {len(names)} of {n_all} with the gravest drifts")
    return ax


def _ranked(cells: pd.DataFrame) -> tuple[list[str], int]:
    """Names of the rows to draw, the worst now before the best, then those that were; and how many rows had any severity."""
    is_now = cells.week == cells.week.max()
    parts = {"now": cells["size"].where(is_now, 0.0), "ever": cells["size"], "is_better": is_now & (cells.severity < 0)}
    rows = pd.DataFrame({"row": cells.row, **parts}).groupby("row", as_index=False).max()
    notable = rows[rows["ever"] >= 1] if (rows["ever"] >= 1).any() else rows
    ordered = notable.assign(is_over=notable["now"] < 1).sort_values(
        ["is_over", "is_better", "now", "ever", "row"], ascending=[True, True, False, False, True]
    )
    return ordered["row"].head(style.MAX_ROWS).tolist(), len(notable)


def _number(ax: Axes, x: float, y: float, severity: float) -> None:
    ax.annotate(
        words.fixed(severity, 0), (x, y), (11, 0), textcoords="offset points", va="center", fontsize=8.5, fontweight="bold",
        color=COLOURS["worse" if severity > 0 else "good"], annotation_clip=False,
    )  # fmt: skip


def plot_drift(
    course: pd.DataFrame,
    drift: Any,
    *,
    unit: str,
    label: str,
    events: pd.DataFrame,
    masks: pd.DataFrame,
    zone: str = "UTC",
) -> Figure:
    """A series against what its reference expects, the residual in units of its scale below; the drift is shaded from its onset.

    Parameters
    ----------
    course : DataFrame
        Columns `time, value, expected, low, high, residual, least, most`, sorted by time; low and high are the 5 % and 95 % of the
        reference, least and most those of what came.
    drift : row of table `drifts`
        Its `start`, `start_low`, `start_high`, `end` and `direction` are drawn; of one whose `kind` is spread or tail also what the middle
        of the values does not show, their `least` and `most`.
    label : what stands at the onset, e.g. "+18 % [15, 21]"
    events, masks : DataFrames
        Those with `start` within the course are marked: events by a tick with their title, masks by a grey stretch.
    """
    from matplotlib.figure import Figure

    with style.use():
        figure = Figure(figsize=(style.WIDTH_IN, 3.9))
        top, strip = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        time = _naive(course.time)
        marks.line_with_band(top, time, course.expected.to_numpy(float), low=course.low.to_numpy(float), high=course.high.to_numpy(float),
                             colour="series", is_dashed=True)  # fmt: skip
        marks.line_with_band(top, time, course.value.to_numpy(float))
        marks.lone_points(top, time, course.value.to_numpy(float))
        if drift.kind in SCATTERED:
            for end in (course.least, course.most):
                top.plot(*marks.decimate(time, end.to_numpy(float)), color=COLOURS["muted"], lw=0.7)
        _fit(top, course, drift.kind)
        _shade(top, drift, course.time.iloc[-1], label, zone)
        _strip(strip, time, course.residual.to_numpy(float), TONES[drift.direction])
        for mask in masks.itertuples():
            for axes in (top, strip):
                axes.axvspan(*style.as_days(pd.DatetimeIndex([mask.start, mask.end])), color=COLOURS["axis"], alpha=0.45, lw=0)
        marks.events(top, events)
        top.set_ylabel(unit)
        if drift.kind == "availability":
            top.yaxis.set_major_formatter(lambda share, _: words.percent(share))
        strip.set_ylabel("residual,\nspreads")
        figure.align_ylabels()
        style.time_axis(strip, zone, course.time.iloc[0], course.time.iloc[-1])
    return figure


def _fit(ax: Axes, course: pd.DataFrame, kind: str) -> None:
    """Limits that hold the band and all but the most extreme values: one outage must not flatten the weeks around it."""
    ends = [course.least, course.most] if kind in SCATTERED else []
    came = [values.quantile([0.02, 0.98]) for values in (course.value, *ends)]
    # Nor must a band that has run away: of that only what most of the time is.
    shown = np.concatenate([course.low.quantile([0.02, 0.98]), course.high.quantile([0.02, 0.98]), *came]).astype(float)
    if not np.isfinite(shown).any():
        return
    low, high = np.nanmin(shown), np.nanmax(shown)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_ylim(low - room, high + 2.5 * room)


def _shade(ax: Axes, drift: Any, newest: pd.Timestamp, label: str, zone: str) -> None:
    tone = TONES[drift.direction]
    ends = pd.DatetimeIndex([drift.start, newest if pd.isna(drift.end) else drift.end, drift.start_low, drift.start_high])
    start, end, low, high = style.as_days(ends)
    wash = COLOURS[f"{tone}-wash" if tone != "violet" else "calm-wash"]
    ax.axvspan(start, end, color=wash, lw=0, zorder=0)
    ax.axvline(start, color=COLOURS[tone], lw=1.2)
    ax.plot([low, high], [ax.get_ylim()[1]] * 2, color=COLOURS[tone], lw=3, solid_capstyle="butt", clip_on=False)
    # Where there is more room: a drift of yesterday has none to its right.
    is_late = (start - ax.dataLim.x0) > 0.6 * (ax.dataLim.x1 - ax.dataLim.x0)
    ax.annotate(
        f"since {words.moment(drift.start, zone)}\n{label}", (start, 1), (-6 if is_late else 6, -6), xycoords=("data", "axes fraction"),
        textcoords="offset points", ha="right" if is_late else "left", va="top", fontsize=8.5, fontweight="bold", color=COLOURS[tone],
        bbox={"facecolor": COLOURS["paper"] if is_late else wash, "alpha": 0.75, "lw": 0, "pad": 1},
    )  # fmt: skip


def _strip(ax: Axes, time: Any, residual: Any, tone: str) -> None:
    """Residuals as bars from zero, in the tone of the drift where they point its way."""
    x, y = marks.decimate(time, residual)
    ax.fill_between(x, np.where(y > 0, y, 0.0), 0, color=COLOURS[tone if tone != "good" else "series"], lw=0, alpha=0.85)
    ax.fill_between(x, np.where(y < 0, y, 0.0), 0, color=COLOURS["series" if tone != "good" else tone], lw=0, alpha=0.85)
    finite = np.abs(residual[np.isfinite(residual)])
    ax.set_ylim(*(np.array([-1, 1]) * max(4.0, 1.1 * float(np.quantile(finite, 0.995)) if len(finite) else 4.0)))
    ax.axhline(0, color=COLOURS["axis"], lw=0.8)


def plot_quantiles(quantiles: pd.DataFrame, *, unit: str, direction: str, ax: Axes | None = None) -> Axes:
    """Each quantile before and after: a grey dot for the reference, a coloured one for the current, joined.

    Parameters
    ----------
    quantiles : DataFrame
        Columns `quantile` (a fraction), `reference`, `current` in `unit`.
    direction : of the drift, for the colour
    """
    tone = COLOURS[TONES[direction]]
    with style.use():
        ax = style.own_axes(ax, height=0.7 + 0.3 * len(quantiles))
        y = np.arange(len(quantiles))
        before, after = quantiles.reference.to_numpy(float), quantiles.current.to_numpy(float)
        ax.hlines(y, np.minimum(before, after), np.maximum(before, after), color=COLOURS["axis"], lw=2.5)
        ax.plot(before, y, "o", ms=7, color=COLOURS["muted"], label="reference")
        ax.plot(after, y, "D", ms=6.5, color=tone, label="since the onset")
        for height, old, new in zip(y, before, after, strict=True):
            said = words.signed(new / old - 1, lambda x: words.percent(x, 0)) if old > 0 else ""
            ax.annotate(
                said, (1, height), (6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                va="center", fontsize=8.5, color=tone,
            )  # fmt: skip
        ax.set_yticks(y, [f"p{100 * level:g}" for level in quantiles["quantile"]])
        ax.set_ylim(len(quantiles) - 0.4, -0.6)
        ax.grid(visible=False, axis="y")
        ax.grid(visible=True, axis="x")
        ax.set_xlabel(unit)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2, labelcolor=COLOURS["muted"], fontsize=8.5)
    return ax


def plot_profile(profile: pd.DataFrame, *, unit: str, direction: str, ax: Axes | None = None) -> Axes:
    """The usual day by local hour: before (dashed) and since the onset.

    `profile` has the columns `hour` (0 to 23), `reference` and `current`, in `unit`.
    """
    tone = TONES[direction]
    with style.use():
        ax = style.own_axes(ax, height=2.6)
        hour = profile.hour.to_numpy(float) + 0.5
        ax.plot(hour, profile.reference, color=COLOURS["series"], ls=(0, (4, 2)), lw=1.3)
        ax.plot(hour, profile.current, color=COLOURS[tone], lw=1.6)
        for name, column, colour in (("reference", "reference", "series"), ("since the onset", "current", tone)):
            at = int(np.nanargmax(profile[column])) if profile[column].notna().any() else 0
            ax.annotate(name, (hour[at], profile[column].iloc[at]), (0, 6), textcoords="offset points", ha="center",
                        fontsize=8.5, color=COLOURS[colour])  # fmt: skip
        ax.set_xlim(0, 24)
        ax.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
        ax.margins(y=0.15)
        ax.set_ylabel(unit)
        ax.set_xlabel("local time of the region")
    return ax


def chapters(courses: Sequence[Any], *, zone: str) -> list[dict[str, Any]]:
    """Drifts one by one, as `reporting.chapters` takes them: the course and the quantiles of each, of a changed day its profile too.

    `courses` have what `plot_drift`, `plot_quantiles` and `plot_profile` draw, and the sentences that go with it.
    """
    return [
        {"anchor": one.drift.drift_id, "heading": one.heading, "text": one.text, "figures": _figures(one, zone)} for one in courses
    ]  # fmt: skip


def _figures(one: Any, zone: str) -> list[dict[str, Any]]:
    name = " · ".join([one.series["service"], one.series["region"], one.series["signal"]])
    is_share = one.series["signal"] == "availability"
    unit = "checks that fail" if is_share else words.axis(one.series["signal"], one.series["unit"])
    drawn = plot_drift(one.course, one.drift, unit=unit, label=one.label, events=one.events, masks=one.masks, zone=zone)
    figures = [
        {
            "drawing": drawn,
            "title": name,
            "caption": "Solid: what came. Dashed, with its band from 5 to 95 %: what the reference expected. Below: the residual in "
            "spreads. Shaded: the drift; the bar above it: where its onset may lie. Grey: masked. Triangles: declared changes."
            + (" Thin: 5 and 95 % of what came." if one.drift.kind in SCATTERED else ""),
            "alt": one.alt,
            "data": one.days,
            "formats": {"day": "day"},
            "zone": zone,
        }
    ]
    if is_share:
        return figures
    before, now = (words.number(one.quantiles[part].iloc[0]) for part in ("reference", "current"))
    figures.append(
        {
            "drawing": plot_quantiles(one.quantiles, unit=one.series["unit"], direction=one.drift.direction),
            "title": "Before and since",
            "caption": "Quantiles of the weeks that the reference was learnt from, and of the time since the onset.",
            "alt": f"Quantiles of {name} in the reference and since the onset; the median went from {before} to {now} "
            f"{one.series['unit']}.",
            "data": one.quantiles,
        }
    )
    if one.drift.kind == "season":
        figures.append(
            {
                "drawing": plot_profile(one.profile, unit=one.series["unit"], direction=one.drift.direction),
                "title": "The usual day",
                "caption": "Median by local hour, in the weeks of the reference and since the onset.",
                "alt": f"The usual day of {name} in the reference and since the onset: it now spans "
                f"{words.number(one.profile.current.min())} to {words.number(one.profile.current.max())} {one.series['unit']}.",
                "data": one.profile,
            }
        )
    return figures


def _naive(times: pd.Series) -> Any:
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
