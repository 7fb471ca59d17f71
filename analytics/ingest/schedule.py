"""How often each monitor checks, day by day, and how many checks were due: from the footers of the raw days alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["DAY_MS", "TRACK", "find_schedules", "interval_changes", "usual_intervals"]

DAY_MS = 86_400_000
TRACK = ["service", "region", "monitor"]
FloatArray = npt.NDArray[np.float64]
ALIKE = 0.25
"""Intervals that differ by less are the same schedule; people who change one at least halve or double it."""

WINDOW_DAYS, SUSTAINED_DAYS = 7, 5
"""An interval is a new schedule when so many of a week's days keep it: a bad day or weekend of a monitor is none."""

FEW_BURSTS, BURSTS, MUCH_LONGER = 10, 0.1, 10
"""Checks come in bursts where at least so many pauses, and this share of them (bursts of up to ten checks), are this many times as long as
the median one."""

SPANNED = 0.5
"""Part of the usual interval (at most a day) that the checks of a day must span to tell another one: two within a second tell none."""

KEPT_SHARE = 0.9
"""Share of its checks that a day must have to tell its interval: where many are missing the median pause is no schedule."""


def usual_intervals(runs: pd.DataFrame) -> pd.Series:
    """Usual time between two rows of the key of each run, their median over whole runs and the pauses between them; ms."""
    group = runs.groupby(["kind", "service", "region", "label"], sort=True).ngroup().rename("group")
    ordered = runs.assign(group=group).sort_values(["group", "first"])
    pauses = ordered["first"] - ordered.groupby("group")["last"].shift()
    inside = pd.DataFrame({"group": ordered["group"], "interval": ordered["interval_ms"], "weight": ordered["n"] - 1})
    between = pd.DataFrame({"group": ordered["group"], "interval": pauses, "weight": 1}).dropna()
    both = pd.concat([inside[inside["weight"] > 0], between[between["interval"] > 0]]).sort_values(["group", "interval"])
    usual = _weighted_median(both, both["weight"])
    # Of checks that come in bursts most pauses are within them: then the pause of most of the time is the schedule.
    is_long = both["interval"] > MUCH_LONGER * both["group"].map(usual)
    n_long, n = (weight.groupby(both["group"]).sum() for weight in (both["weight"].where(is_long, 0), both["weight"]))
    is_bursty = (n_long >= FEW_BURSTS) & (n_long >= BURSTS * n)
    usual = usual.where(~is_bursty, _weighted_median(both, both["interval"] * both["weight"]))
    return group.map(usual).fillna(DAY_MS).astype("int64")


def _weighted_median(pauses: pd.DataFrame, weight: pd.Series) -> pd.Series:
    """Interval of each group that half of the weight does not exceed; `pauses` are sorted by group and interval."""
    seen, half = weight.groupby(pauses["group"]).cumsum(), weight.groupby(pauses["group"]).transform("sum") / 2
    return pauses[seen >= half].groupby("group")["interval"].first()


def find_schedules(runs: pd.DataFrame) -> pd.DataFrame:
    """Usual interval of each monitor of a service and region, and the checks that were due, on each day from its first to its last.

    The interval is the median of the monitor's whole life. Days that keep another one, `SUSTAINED_DAYS` of `WINDOW_DAYS` that begin or
    end with the day, have that one.

    Parameters
    ----------
    runs : frame with service, region, monitor, first, last, n, interval_ms (median of the run), usual_ms (result of `usual_intervals`)

    Returns
    -------
    frame with service, region, monitor, day (ms), interval_ms, n_due
    """
    daily = runs.assign(day=runs["first"] // DAY_MS * DAY_MS).groupby([*TRACK, "day"], as_index=False, sort=True)
    seen = daily.agg(
        first=("first", "min"), last=("last", "max"), n=("n", "sum"), interval_ms=("interval_ms", "max"), usual_ms=("usual_ms", "first")
    )
    days = _every_day(seen)
    number = days.groupby(TRACK, sort=False).ngroup().to_numpy()
    interval = days["usual_ms"].to_numpy(float)
    own = days["interval_ms"].where(days["interval_ms"] > 0).to_numpy(float)
    differs = np.bincount(number, weights=np.abs(own / interval - 1) > ALIKE) >= SUSTAINED_DAYS
    span = (days["last"] - days["first"]).to_numpy(float)
    is_kept = (days["n"].to_numpy(float) * own >= KEPT_SHARE * (span + own)) & (span >= SPANNED * np.minimum(interval, DAY_MS))
    bounds = np.append(np.flatnonzero(np.diff(number, prepend=-1)), len(number))
    for track in np.flatnonzero(differs):
        mine = slice(bounds[track], bounds[track + 1])
        interval[mine] = _day_by_day(own[mine], is_kept[mine], interval[mine])
    scheduled = days.assign(interval_ms=interval.astype(np.int64))
    return scheduled.assign(n_due=_due(scheduled))[[*TRACK, "day", "interval_ms", "n_due"]]


def _every_day(seen: pd.DataFrame) -> pd.DataFrame:
    """The days of each monitor from its first to its last, those without a check too."""
    lives = seen.groupby(TRACK, as_index=False, sort=True).agg(begin=("day", "min"), end=("day", "max"), usual_ms=("usual_ms", "first"))
    n_days = ((lives.pop("end") - lives["begin"]) // DAY_MS + 1).to_numpy(np.int64)
    number = np.arange(n_days.sum()) - np.repeat(np.cumsum(n_days) - n_days, n_days)
    grid = lives.loc[lives.index.repeat(n_days)].reset_index(drop=True)
    grid["day"] = grid.pop("begin") + number * DAY_MS
    return grid.merge(seen.drop(columns="usual_ms"), on=[*TRACK, "day"], how="left")


def _day_by_day(own: FloatArray, is_kept: npt.NDArray[np.bool_], usual: FloatArray) -> FloatArray:
    """Interval of each day of one monitor, shape (n_days,), from the medians `own` of its days (NaN: fewer than two checks).

    Of the schedules kept before and after a day the nearer to its own median: a window that looks to both sides would blur the change.
    """
    edge = np.full(WINDOW_DAYS - 1, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([edge, np.where(is_kept, own, np.nan), edge]), WINDOW_DAYS)
    ranked = np.sort(windows, axis=1)
    n_known = np.isfinite(ranked).sum(axis=1)
    median = ranked[np.arange(len(ranked)), np.maximum(n_known - 1, 0) // 2]
    is_schedule = (np.abs(windows / median[:, None] - 1) <= ALIKE).sum(axis=1) >= SUSTAINED_DAYS
    schedule = np.where(is_schedule, median, np.nan)
    before, after = schedule[: len(own)], schedule[WINDOW_DAYS - 1 :]
    far_before, far_after = (np.nan_to_num(np.abs(np.log(side / own)), nan=np.inf) for side in (before, after))
    chosen = np.where((far_after < far_before) | np.isnan(before), after, before)
    return np.where(np.abs(chosen / usual - 1) > ALIKE, chosen, usual)


def _due(days: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Checks that were due on each day: those from its first to its last, and those that are missing in the pauses beside and over it.

    A pause misses one check less than it has intervals, so that a check a little early or late, on the other side of midnight, is due
    where it came.
    """
    tracks = [days[name] for name in TRACK]
    interval, day, first, last = (days[name].to_numpy(float) for name in ("interval_ms", "day", "first", "last"))
    last_before = days["last"].groupby(tracks, sort=False).ffill().groupby(tracks, sort=False).shift().to_numpy(float)
    first_after = days["first"].groupby(tracks, sort=False).bfill().groupby(tracks, sort=False).shift(-1).to_numpy(float)
    has_checks = np.isfinite(first)
    came = np.rint((last - first) / interval) + 1
    before = _missing(last_before, np.where(has_checks, first, first_after), interval, day)
    after = np.where(has_checks, _missing(last, first_after, interval, day), 0)
    return (np.nan_to_num(came) + before + after).astype(np.int64)


def _missing(begin: FloatArray, end: FloatArray, interval: FloatArray, day: FloatArray) -> FloatArray:
    """Checks missing on each day in a pause from a check at `begin` to the next at `end`; none where there is no such check."""
    n_missing = np.maximum(np.rint((end - begin) / interval) - 1, 0)
    until, before = (np.clip((moment - begin) // interval, 0, n_missing) for moment in (day + DAY_MS - 1, day - 1))
    return np.nan_to_num(until - before)


def interval_changes(schedules: pd.DataFrame) -> pd.DataFrame:
    """Days on which a monitor begins to check at another interval: service, region, monitor, day, before_ms, interval_ms."""
    before = schedules.groupby(TRACK, sort=False)["interval_ms"].shift()
    return schedules.assign(before_ms=before)[(schedules["interval_ms"] / before - 1).abs() > ALIKE].reset_index(drop=True)
