"""Figures of promises and budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from analytics import words
from analytics.plots import marks, style
from analytics.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_budgets", "plot_burn_down", "plot_compliance", "plot_outages"]

MAX_MONTHS = 14
SHORT_FROM = 6
"""With more months than this, cells hold the bare number."""

STATES = {
    "kept": ("calm-wash", "ink"),
    "at risk": ("worse-wash", "worse"),
    "missed": ("bad-wash", "bad"),
    "too little data": ("paper", "muted"),
    "unmeasured": ("paper", "muted"),
}
"""Verdict -> colour of the cell, colour of its text. Missed also carries a mark, so that it does not depend on colour."""

OUTAGES = (
    marks.Tone("not confirmed", "axis"),
    marks.Tone("excluded: maintenance or prober", "series", 0.55),
    marks.Tone("counts", "bad"),
)


def plot_compliance(compliance: pd.DataFrame, *, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Grid of service and region by month: the share of good checks and the verdict.

    Parameters
    ----------
    compliance : DataFrame
        Rows of `slo_compliance` of one `objective_kind`; of more than 40 rows the worst are drawn, of more than 14 months the last.
    """
    months = sorted(compliance.period_start.unique())[-MAX_MONTHS:]
    cells = compliance[compliance.period_start.isin(months)].assign(row=style.row_names(compliance))
    names, n_all = style.worst_rows(cells.row, (cells.objective - cells.compliance).fillna(0.0))
    cells = cells[cells.row.isin(names)]
    place, column = {name: i for i, name in enumerate(names)}, {month: j for j, month in enumerate(months)}
    with style.use():
        ax = style.own_axes(ax, height=0.5 + 0.27 * max(len(names), 2))
        is_short = len(months) > SHORT_FROM
        level = np.full((len(names), len(months)), -1, dtype=np.intp)
        for cell in cells.itertuples():
            i, j = place[cell.row], column[cell.period_start]
            level[i, j] = list(STATES).index(cell.state)
            weight: Literal["bold", "normal"] = "bold" if cell.state in ("missed", "at risk") else "normal"
            said = _share(cell.compliance, cell.objective, cell.state, is_short=is_short)
            ax.text(
                j,
                i,
                said,
                ha="center",
                va="center",
                fontsize=7 if is_short else 8.5,
                fontweight=weight,
                color=COLOURS[STATES[cell.state][1]],
            )
        tones = [marks.Tone(state, wash) for state, (wash, _) in STATES.items()]
        marks.grid_map(ax, level, tones=tones, edges=np.arange(len(months) + 1.0) - 0.5, labels=names)
        ax.set_xticks(range(len(months)), [_month(month, zone, is_short=is_short) for month in months])
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.vlines(np.arange(len(months) - 1) + 0.5, *ax.get_ylim(), color=COLOURS["paper"], lw=3)
        ax.set_xlim(-0.5, max(len(months), 1) - 0.5)
        ax.spines["top"].set_visible(False)
        remarks = ["share of good checks, %"] * is_short + [f"the worst {len(names)} of {n_all}"] * (n_all > len(names))
        if remarks:
            style.note(ax, "; ".join(remarks))
    return ax


def plot_budgets(budgets: pd.DataFrame, *, at_risk_left: float, ax: Axes | None = None) -> Axes:
    """Bars of the error budget that is left, with its interval, the least left on top.

    Parameters
    ----------
    budgets : DataFrame
        Rows of `error_budgets` of one period and one `objective_kind`; of more than 40 the least left are drawn.
    at_risk_left : float
        Below this share a budget is at risk (parameter of the stage).
    """
    ordered = budgets.assign(row=style.row_names(budgets)).sort_values(["left_share", "row"], kind="stable")
    shown = ordered.head(style.MAX_ROWS)
    with style.use():
        ax = style.own_axes(ax, height=0.6 + 0.24 * max(len(shown), 2))
        # Beyond -150 % the exact length says nothing more; the number does.
        low, high = max(-1.5, min(0.0, shown.left_low.min())), 1.0
        for i, budget in enumerate(shown.itertuples()):
            colour = "bad" if budget.left_share < 0 else "worse" if budget.left_share < at_risk_left else "series"
            ax.barh(i, max(budget.left_share, low), height=0.5, color=COLOURS[colour], alpha=0.85, lw=0)
            ax.hlines(i, max(budget.left_low, low), min(budget.left_high, high), color=COLOURS["ink"], lw=1.2)
            if budget.left_low < low:
                ax.plot([low + 0.01 * (high - low)], [i], "<", ms=5, color=COLOURS["ink"])
            left, ends = (
                words.percent(budget.left_share, 0),
                words.interval(budget.left_low, budget.left_high, lambda x: words.percent(x, 0)),
            )
            quiet: dict[str, Any] = {"color": COLOURS["muted"]} if colour == "series" else {"color": COLOURS[colour], "fontweight": "bold"}
            ax.annotate(
                f"{left} {ends}",
                (1, i),
                (8, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                **quiet,
            )
        ax.axvline(0, color=COLOURS["ink"], lw=0.8)
        ax.axvline(at_risk_left, color=COLOURS["worse"], lw=0.8, ls=(0, (3, 3)))
        ax.set_yticks(range(len(shown)), shown.row)
        ax.set_ylim(max(len(shown), 1) - 0.4, -0.6)
        ax.set_xlim(low, high)
        _percent_axis(ax, "x", low)
        ax.grid(visible=False, axis="y")
        ax.grid(visible=True, axis="x")
        ax.set_xlabel("part of the error budget that is left")
        if len(ordered) > len(shown):
            style.note(ax, f"the {len(shown)} of {len(ordered)} with the least left")
    return ax


def plot_burn_down(burn: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Lines of the budget left over the period `[start, end)`, against an even spend (dashed).

    Parameters
    ----------
    burn : DataFrame
        Columns `service, time, left_share`; at most six lines are told apart by their labels, the worst is drawn strong.
    """
    lines = sorted(((group.left_share.iloc[-1], name, group) for name, group in burn.groupby("service", sort=True)), key=lambda x: x[:2])
    lowest = min([0.0, *[group.left_share.min() for _, _, group in lines]])
    with style.use():
        ax = style.own_axes(ax)
        limits = [time.tz_convert("UTC").tz_localize(None) for time in (start, end)]
        ax.plot(limits, [1, 0], color=COLOURS["muted"], lw=1, ls=(0, (4, 3)))
        for index, (left, _, group) in reversed(list(enumerate(lines[:6]))):
            colour = "bad" if left < 0 else "ink" if index == 0 else "series"
            time = group.time.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
            marks.line_with_band(ax, time, group.left_share.to_numpy(), colour=colour)
            ax.plot(time[-1:], group.left_share.iloc[-1:], "o", ms=4, color=COLOURS[colour])
        ax.axhline(0, color=COLOURS["ink"], lw=0.8)
        style.time_axis(ax, zone, start, end)
        floor = max(lowest, -2.0)
        ax.set_ylim(floor - 0.05, 1.05)
        _percent_axis(ax, "y", floor)
        ax.set_ylabel("budget left")
        _label_ends(ax, lines[:6], floor)
        if len(lines) > 6:
            style.note(ax, f"the 6 of {len(lines)} with the least left")
    return ax


def _label_ends(ax: Axes, lines: list[tuple[float, str, pd.DataFrame]], floor: float) -> None:
    """Names at the ends of the lines, pushed apart so that none covers another."""
    room = 0.055 * (1.1 - floor)
    heights: list[float] = []
    for left, _, _ in lines:
        heights.append(max(max(left, floor), heights[-1] + room if heights else floor))
    for height, (left, name, group) in zip(heights, lines, strict=True):
        end = style.as_days(group.time.iloc[-1:])[0]
        colour = COLOURS["bad" if left < 0 else "muted"]
        ax.annotate(
            f"{name} {words.percent(left, 0)}", (end, height), (8, 0), xycoords="data", textcoords="offset points",
            va="center", fontsize=8.5, color=colour, annotation_clip=False,
            bbox={"facecolor": COLOURS["paper"], "alpha": 0.9, "lw": 0, "pad": 0.5},
        )  # fmt: skip


def plot_outages(outages: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp, zone: str = "UTC", ax: Axes | None = None) -> Axes:
    """Bars in time, a row per service and region: outages that count, that were excluded, that were not confirmed.

    `outages` is the table of that name; one that is not over yet ends at `end`. Of more than 40 rows those longest down are drawn.
    """
    until = outages.end.fillna(end)
    seconds = (until - outages.start) / pd.Timedelta(seconds=1)
    rows = outages.assign(row=style.row_names(outages), until=until)
    names, n_all = style.worst_rows(rows.row, seconds * (outages.is_confirmed & outages.excluded_reason.isna()))
    shown = rows[rows.row.isin(names)]
    tone_of = np.select([shown.excluded_reason.notna(), shown.is_confirmed.astype(bool)], [1, 2], default=0)
    with style.use():
        ax = style.own_axes(ax, height=0.8 + 0.2 * max(len(names), 2))
        if len(shown):
            bars = np.column_stack(
                [shown.row.map({n: i for i, n in enumerate(names)}), style.as_days(shown.start), style.as_days(shown.until)]
            )
            width = (end - start) / pd.Timedelta(days=1)
            marks.bars_in_time(ax, bars.astype(float), tone_of.astype(np.intp), tones=OUTAGES, labels=names, width=width)
        style.time_axis(ax, zone, start, end)
        marks.key(ax, [OUTAGES[index] for index in reversed(range(len(OUTAGES))) if (tone_of == index).any()])
        if n_all > len(names):
            style.note(ax, f"the {len(names)} of {n_all} rows that were down longest")
    return ax


def _percent_axis(ax: Axes, which: Literal["x", "y"], lowest: float) -> None:
    step = 0.25 if lowest > -0.8 else 0.5
    ticks = np.arange(np.ceil(lowest / step) * step, 1.01, step)
    labels = [words.percent(float(tick), 0) for tick in ticks]
    (ax.set_xticks if which == "x" else ax.set_yticks)(ticks, labels)


def _share(compliance: float, objective: float, state: str, *, is_short: bool) -> str:
    """What stands in a cell; a missed objective is never rounded up to it."""
    if state == "too little data":
        return "few" if is_short else state
    if pd.isna(compliance):
        return "–" if is_short else "not measured"
    digits = next(
        (digits for digits in (2, 3, 4) if state != "missed" or words.percent(compliance, digits) != words.percent(objective, digits)), 5
    )
    text = words.percent(compliance, digits)
    return ("▾ " if state == "missed" else "") + (text.removesuffix(words.NBSP + "%") if is_short else text)


def _month(time: pd.Timestamp, zone: str, *, is_short: bool) -> str:
    name, _, year = words.month(time, zone).partition(words.NBSP)
    return f"{name[:3]}\n{year}" if is_short else f"{name} {year}"
