"""Figures of anomalies: where and on which day, one anomaly against what was expected, what a budget costs."""

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

__all__ = ["chapters", "plot_anomaly", "plot_budgets", "plot_days"]

NOTABLE = 25.0
LARGEST_PT = 14.0
RATE_TICKS = [digit * 10.0**power for power in range(-4, 4) for digit in (1, 2, 5)]
TONES = {"regression": "worse", "improvement": "good", "neutral": "violet"}
"""Direction of an anomaly -> its colour; each figure says the direction in words as well."""


def plot_days(days: pd.DataFrame, *, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Grid of services by day: a square grows with the severity of the gravest alarm.

    Parameters
    ----------
    days : DataFrame
        Columns `service, day, severity` (0: none); of more than 40 services those with the gravest alarms are drawn.
    """
    cells = days.assign(row=style.row_names(days.assign(region="")))
    names, n_all = style.worst_rows(cells.row, cells.severity)
    cells = cells[cells.row.isin(names)]
    place = {name: index for index, name in enumerate(names)}
    with style.use():
        ax = style.own_axes(ax, height=0.6 + 0.24 * max(len(names), 2))
        x, y = style.as_days(cells.day) + 0.5, cells.row.map(place).to_numpy(float)
        size = cells.severity.to_numpy(float)
        for colour, drawn in (("series", (size > 0) & (size < NOTABLE)), ("worse", size >= NOTABLE)):
            sides = np.maximum(LARGEST_PT * np.sqrt(size[drawn] / 100), 3.0)
            ax.scatter(x[drawn], y[drawn], s=sides**2, marker="s", color=COLOURS[colour], lw=0)
        marks.rows(ax, names)
        ax.hlines(np.arange(len(names)), 0, 1, transform=ax.get_yaxis_transform(), color=COLOURS["grid"], lw=0.6, zorder=0)
        if len(cells):
            style.time_axis(ax, zone, cells.day.min(), cells.day.max() + pd.Timedelta(days=1))
        if n_all > len(names):
            style.note(ax, f"the {len(names)} of {n_all} with the gravest alarms")
    return ax


def plot_budgets(realised: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """A row for each budget: what it allows (a tick) and what came (a dot in its interval), in a week of a service.

    Parameters
    ----------
    realised : DataFrame
        Columns `budget, rate, low, high`.
    """
    with style.use():
        ax = style.own_axes(ax, height=0.9 + 0.36 * len(realised))
        place = np.arange(len(realised))
        marks.rows(ax, [f"budget {words.number(budget)}" for budget in realised.budget])
        ax.set_xscale("log")
        # A rate of nothing lies at the left end of a logarithmic axis.
        floor = 0.5 * float(min(realised.budget.min(), realised.low[realised.low > 0].min()))
        low, rate, high = (np.maximum(realised[name].to_numpy(float), floor) for name in ("low", "rate", "high"))
        ax.hlines(place, low, high, color=COLOURS["series"], lw=2)
        ax.plot(rate, place, "o", ms=6, color=COLOURS["series"])
        ax.plot(realised.budget, place, "|", ms=16, mew=2, color=COLOURS["worse"])
        ax.set_xlim(floor, 2 * max(high.max(), realised.budget.max()))
        ticks = [tick for tick in RATE_TICKS if floor <= tick <= ax.get_xlim()[1]]
        ax.set_xticks(ticks, [words.number(tick) for tick in ticks])
        ax.minorticks_off()
        ax.set_xlabel("alarms in a week of a service")
    return ax


def plot_anomaly(
    course: pd.DataFrame, anomaly: Any, *, unit: str, spans: pd.DataFrame, events: pd.DataFrame, zone: str = "UTC", ax: Axes | None = None
) -> Axes:
    """A series against the band of what was expected; its strange stretches are shaded, the moment it was known is a line.

    Parameters
    ----------
    course : DataFrame
        Columns `time, value, expected, low, high`, sorted by time.
    anomaly : row of table `anomalies`
        Its `detected_at` and `direction` are drawn; of `signal` availability the course is the share of checks that fail.
    spans : DataFrame
        Columns `start, end`: strange stretches of the series.
    events : DataFrame
        Those with `start` within the course are marked with their title.
    """
    tone = TONES[anomaly.direction]
    with style.use():
        ax = style.own_axes(ax, height=2.9)
        time = course.time.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        parts = {name: course[name].to_numpy(float) for name in ("value", "expected", "low", "high")}
        marks.line_with_band(ax, time, parts["expected"], low=parts["low"], high=parts["high"], colour="series", is_dashed=True)
        marks.line_with_band(ax, time, parts["value"])
        for span in spans.itertuples():
            ax.axvspan(*style.as_days(pd.DatetimeIndex([span.start, span.end])),
                       color=COLOURS["calm-wash" if tone == "violet" else f"{tone}-wash"], lw=0, zorder=0)  # fmt: skip
        (known,) = style.as_days(pd.DatetimeIndex([anomaly.detected_at]))
        ax.axvline(known, color=COLOURS[tone], lw=1.2)
        is_late = (known - ax.dataLim.x0) > 0.6 * (ax.dataLim.x1 - ax.dataLim.x0)
        ax.annotate(
            f"known {words.moment(anomaly.detected_at, zone)}", (known, 1), (-6 if is_late else 6, -6), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="right" if is_late else "left", va="top", fontsize=8.5, fontweight="bold", color=COLOURS[tone],
        )  # fmt: skip
        ax.margins(y=0.12)
        if parts["low"].min() >= 0:
            ax.set_ylim(bottom=max(ax.get_ylim()[0], 0.0))
        marks.events(ax, events)
        ax.set_ylabel(unit)
        if anomaly.signal == "availability":
            ax.yaxis.set_major_formatter(lambda share, _: words.percent(share))
        style.time_axis(ax, zone, course.time.iloc[0], course.time.iloc[-1])
    return ax


def chapters(courses: Sequence[Any], *, zone: str) -> list[dict[str, Any]]:
    """Anomalies one by one, as `reporting.chapters` takes them.

    `courses` have what `plot_anomaly` draws, and the sentences that go with it.
    """
    return [
        {
            "anchor": one.anomaly.anomaly_id,
            "heading": one.heading,
            "text": one.text,
            "figures": [
                {
                    "drawing": plot_anomaly(one.course, one.anomaly, unit=one.unit, spans=one.spans, events=one.events, zone=zone),
                    "title": one.name,
                    "caption": "Solid: what came. Dashed, with its band that holds 19 of 20 steps: what was expected. Shaded: strange. "
                    "Triangles: declared events.",
                    "alt": one.alt,
                    "data": one.data,
                    "formats": {"time": "moment"},
                    "zone": zone,
                }
            ],
        }
        for one in courses
    ]
