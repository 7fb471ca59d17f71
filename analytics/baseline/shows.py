"""Baselines as tables for people and as rows for figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import words
from analytics.baseline import follow
from analytics.baseline.example import Example
from analytics.baseline.fit import Learnt
from analytics.baseline.known import Known
from analytics.calendars import DAY_MS
from analytics.panel import Panels

__all__ = [
    "LADDER", "confidence_rows", "course", "course_rows", "is_flat", "ladder_table", "learnt_from", "left_out_hours", "left_out_table",
    "marks",
    "newest", "season_table", "unit", "week", "week_rows",
]  # fmt: skip

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

LADDER = ((2.5, "a level"), (6.5, "a level and the hours of the day"), (20.5, "working days and weekends by the hour"))
"""Days of history below which a baseline mainly tells this; with more it also tells single hours of the week that repeat."""

FULL = "every hour of the week"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
QUARTER = pd.Timedelta(weeks=13)
HOURS = ["unusual_h", "masked_h", "held_h"]
LEFT_OUT_COLUMNS = ["service", "region", "day", *HOURS]


def newest(known: Known, signals: Panels) -> pd.DataFrame:
    """Newest baseline of each series, with its names."""
    rows = known.table[known.table["valid_to"].isna()]
    names = (
        pd.concat([ref.series[follow.KEYS] for ref in signals], ignore_index=True) if len(signals) else pd.DataFrame(columns=follow.KEYS)
    )
    return names.merge(rows, on="series_id").sort_values(["service", "region", "signal"], ignore_index=True)


def ladder_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How many series know what: rungs of the ladder, the shortest history first."""
    limits = [0.0, *[days for days, _ in LADDER], np.inf]
    names = [*[name for _, name in LADDER], FULL]
    rung = pd.cut(rows["n_days"], limits, labels=names)
    grouped = rows.assign(knows=rung).groupby("knows", observed=True)
    table = grouped.agg(series=("series_id", "size"), n_days=("n_days", "median"), confidence=("confidence", "median"))
    return table.reset_index().astype({"knows": "object"})


def confidence_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Least confidence among the series of each service and region, the least sure first."""
    least = rows.sort_values("confidence").drop_duplicates(["service", "region"])
    columns = ["service", "region", "signal", "confidence", "n_days", "n_excluded", "n"]
    return least.sort_values(["confidence", "service", "region"], ignore_index=True)[columns]


def season_table(seasons: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Seasons by signal and period: how many series have them, how strong they are."""
    named = seasons.merge(rows[["series_id", "signal"]], on="series_id")
    total = rows.groupby("signal", observed=True)["series_id"].size()
    grouped = named.groupby(["signal", "period_s"], observed=True)
    table = grouped.agg(series=("series_id", "size"), strength=("strength", "median"), strongest=("strength", "max")).reset_index()
    table = table.assign(of=table["signal"].map(total).astype(int))
    return table.sort_values(["series", "strength"], ascending=False, ignore_index=True)[
        ["signal", "period_s", "series", "of", "strength", "strongest"]
    ]


def left_out_hours(known: Known) -> pd.DataFrame:
    """Hours of the newest histories that were not learnt from, by service, region and day (UTC); of its signals the most.

    They are unusual, masked, or held: a drift was open then, or they are older than one that was accepted.
    """
    parts = [_left_out(window, group, learnt) for window, version in known.newest for group, learnt in version.groups]
    if not parts:
        return pd.DataFrame(columns=LEFT_OUT_COLUMNS)
    joined = pd.concat(parts, ignore_index=True)
    by_signal = joined.groupby(["service", "region", "signal", "day"], as_index=False, observed=True)[HOURS].sum()
    return by_signal.groupby(["service", "region", "day"], as_index=False, observed=True)[HOURS].max()


def _left_out(window: follow.Window, group: follow.Group, learnt: Learnt) -> pd.DataFrame:
    """Hours of single cells that were left out of the baselines of a group that are the newest of their series."""
    start_ms, cell_s = window.refs[0].start_ms, max(3600, window.refs[0].step_s)
    is_newest = window.until[group.rows] == 0
    row, column = np.nonzero((learnt.unusual | learnt.masked) & is_newest[:, None])
    names = window.series.iloc[group.rows[row]].reset_index(drop=True)
    time_ms = start_ms + column * cell_s * 1000
    is_held = _touched(names["series_id"], time_ms, cell_s * 1000, window.held) & learnt.masked[row, column]
    kinds = {"unusual_h": ~learnt.masked[row, column], "masked_h": learnt.masked[row, column] & ~is_held, "held_h": is_held}
    day = pd.to_datetime(time_ms // DAY_MS * DAY_MS, unit="ms", utc=True).as_unit("ms")
    hours = {name: np.where(is_kind, cell_s / 3600, 0.0) for name, is_kind in kinds.items()}
    return names[["service", "region", "signal"]].assign(day=day, **hours)


def _touched(names: pd.Series, time_ms: IntArray, cell_ms: int, stretches: pd.DataFrame) -> BoolArray:
    """Which cells of series lie in, or at the edge of, a stretch of theirs: series_id, start_ms, end_ms."""
    touched = np.zeros(len(names), bool)
    places = names.groupby(names, observed=True).indices
    for name, start_ms, end_ms in zip(stretches["series_id"], stretches["start_ms"], stretches["end_ms"], strict=True):
        mine = places.get(name, np.empty(0, np.intp))
        touched[mine] |= (time_ms[mine] > start_ms - cell_ms) & (time_ms[mine] < end_ms + cell_ms)
    return touched


def left_out_table(hours: pd.DataFrame) -> pd.DataFrame:
    """Left-out time by service and region, the most unusual first, then the most that was held or masked."""
    total = hours.groupby(["service", "region"], as_index=False, observed=True)[HOURS].sum()
    worst = hours.sort_values("unusual_h", kind="stable").drop_duplicates(["service", "region"], keep="last")
    table = total.merge(worst[["service", "region", "day"]], on=["service", "region"])
    table = table.assign(unusual_s=3600 * table["unusual_h"], masked_s=3600 * table["masked_h"], held_s=3600 * table["held_h"])
    return table.sort_values(
        ["unusual_s", "held_s", "masked_s", "service", "region"], ascending=[False, False, False, True, True], ignore_index=True
    )[["service", "region", "unusual_s", "held_s", "masked_s", "day"]]


def course_rows(example: Example | None) -> pd.DataFrame:
    """The course of an example by the hour, for reading."""
    if example is None:
        return pd.DataFrame(columns=["time", "value", "expected", "p05", "p95", "p99"])
    hourly = example.course.set_index("time")[["value", "expected", "p05", "p95", "p99"]].resample("6h").median()
    return hourly.reset_index()


def week_rows(example: Example | None) -> pd.DataFrame:
    """The usual week of an example: a row for each hour, a column for each day; none if all hours are alike."""
    if example is None or example.week.empty or is_flat(example):
        return pd.DataFrame(columns=["hour", *DAYS])
    table = pd.DataFrame(example.week["expected"].to_numpy().reshape(7, 24).T, columns=list(DAYS))
    return table.assign(hour=[f"{hour}{words.NBSP}h" for hour in range(24)])[["hour", *DAYS]]


def is_flat(example: Example) -> bool:
    """Whether all hours of the usual week are alike: there is no course to see."""
    return bool(np.ptp(example.week["expected"].to_numpy()) == 0)


def course(example: Example | None) -> pd.DataFrame:
    """The course of an example; empty without one."""
    columns = ["time", "value", "expected", "p05", "p95", "p99", "residual"]
    return pd.DataFrame(columns=columns) if example is None else example.course


def marks(example: Example | None) -> pd.DataFrame:
    """What was declared of an example; empty without one."""
    return pd.DataFrame(columns=["start", "end", "text"]) if example is None else example.marks


def week(example: Example | None) -> pd.DataFrame:
    """The usual week of an example; empty without one."""
    return pd.DataFrame(columns=["hour", "expected", "p95"]) if example is None else example.week


def unit(example: Example | None) -> str:
    """The unit of an example's axis."""
    return "" if example is None or example.series["unit"] in ("", "1") else words.axis(example.series["signal"], example.series["unit"])


def learnt_from(known: Known, now: pd.Timestamp) -> pd.Timestamp:
    """Where the histories of the newest baselines begin, those of the last quarter: a drift that is open keeps a baseline for long."""
    rows = known.table[known.table["valid_to"].isna()]
    return now - pd.Timedelta("1D") if rows.empty else max(rows["learnt_from"].min(), now - QUARTER)
