"""History -> what is normal: location by hour of the week, quantiles of the residual, and how sure both are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import expected
from analytics.calendars import DAY_MS, HOUR_MS, Clock
from analytics.expected import HOURS_PER_PART, LEVELS, PART_OF_WEEK, PARTS_OF_DAY, SUNDAY, Baselines, Kind
from analytics.stats import robust, tails, weekly

__all__ = ["Learnt", "fit", "learn"]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Counts = npt.NDArray[np.integer[Any]]

N_PARTS = 2 * PARTS_OF_DAY
PASSES = 2
"""Times that unusual hours are looked for from a course learnt without those found before; a third time finds the same."""

MIDMEAN_VARIANCE = 1.2
"""Variance of a midmean of normal values over that of their mean (`stats.robust`)."""


def fit(values: FloatArray, clock: Clock, *, kind: Kind, is_excluded: BoolArray | None = None, n_checks: Counts | None = None) -> Baselines:
    """Baselines of some series of one kind from their history.

    Parameters
    ----------
    values : float array, shape (n_series, n_times)
        In the unit of each series; NaN is missing.
    clock : what the times read on the clocks of the region
    kind : scale to learn on
    is_excluded : bool array, shape (n_series, clock.n_cells)
        Hours of the clock (steps, where they are longer) that must not be learnt from; none by default. Hours far from the usual course
        are left out besides, and so are holidays, which only tell how much they are like Sundays.

    n_checks : int array, shape (n_series, n_times)
        Checks behind each value of a share (kind logit), one each by default.

    Raises
    ------
    ValueError
        If shapes do not agree.
    """
    return learn(values, clock, kind=kind, is_excluded=is_excluded, n_checks=n_checks).baselines


@dataclass(frozen=True)
class Learnt:
    """Baselines, and the cells that were left out: because they were unusual, because they were masked; bool, shape (n_series, n_cells)."""

    baselines: Baselines
    unusual: BoolArray
    masked: BoolArray


def learn(values: FloatArray, clock: Clock, *, kind: Kind, is_excluded: BoolArray | None = None, n_checks: Counts | None = None) -> Learnt:
    """As `fit`, and what was left out of it."""
    masked = np.zeros((len(values), clock.n_cells), bool) if is_excluded is None else is_excluded
    if values.shape[1] != len(clock.local_ms) or masked.shape != (len(values), clock.n_cells):
        raise ValueError(
            f"values {values.shape}, clock of {len(clock.local_ms)} times, is_excluded {masked.shape}: expected (n_series, n_times), "
            f"n_times and (n_series, {clock.n_cells})"
        )
    grid = _Grid.of(clock)
    observed = expected.transform(values, kind)
    if kind == "logit":
        cells, checks = _shares(grid, observed, n_checks)
    else:
        cells, checks = grid.cells(observed, robust.midmean), None
    days = grid.days(np.where(masked | grid.is_holiday, np.nan, cells))
    week, unusual = _learn(days, grid.day_of_week) if checks is None else _learn_shares(days, grid.days(checks), grid.day_of_week)
    left_out = masked | grid.of_days(unusual)
    baselines = replace(
        _nothing_yet(kind, week, clock), holiday_weight=_holiday_weight(grid.days(np.where(masked, np.nan, cells)), week, grid)
    )
    residual = observed - expected.at(baselines, clock)
    has_value = np.isfinite(residual)
    learnt = has_value & ~grid.steps(left_out | grid.is_holiday)
    residual[~learnt] = np.nan
    n = learnt.sum(axis=1)
    part = PART_OF_WEEK[(clock.hour_of_week // HOURS_PER_PART).astype(np.int64)]
    pooled = np.sort(residual, axis=1)
    # Most steps of a share are alike: its quartiles say nothing.
    scale = np.sqrt(robust.mean(residual**2)) if kind == "logit" else robust.ranked_spread(pooled)
    together = _togetherness(week, scale, clock)
    baselines = replace(
        baselines,
        quantiles=tails.by_group(residual, part, pooled, n_groups=N_PARTS, levels=LEVELS, together=together).astype(np.float32),
        scale=scale.astype(np.float32),
        widening=_widening(days, unusual, week, grid.day_of_week, scale).astype(np.float32),
        n=n,
        n_excluded=(has_value & grid.steps(left_out)).sum(axis=1),
        n_days=(n * (clock.step_s * 1000 / DAY_MS)).astype(np.float32),
    )
    return Learnt(baselines, grid.of_days(unusual), masked)


@dataclass(frozen=True)
class _Grid:
    """Where cells lie in local days: two hours that fall on the same place when clocks go back count as one, the later.

    Attributes
    ----------
    clock : of the steps
    place : int array, shape (n_cells * hours per cell,); number of the local hour from the first midnight on
    day_of_week : int array, shape (n_days,); 0 is Monday
    is_holiday : bool array, shape (n_cells,)
    """

    clock: Clock
    place: IntArray
    day_of_week: IntArray
    is_holiday: BoolArray

    @classmethod
    def of(cls, clock: Clock) -> _Grid:
        hours_per_cell = max(1, clock.step_s // 3600)
        first_of_cell = np.maximum(np.arange(clock.n_cells) * clock.steps_per_cell - clock.lead, 0)
        hour = clock.local_ms[first_of_cell] // HOUR_MS
        first_day = hour[0] // 24
        place = (hour[:, None] + np.arange(hours_per_cell)).ravel() - first_day * 24
        n_days = int(place.max()) // 24 + 1
        # 1970-01-01 was a Thursday.
        return cls(clock, place, (first_day + np.arange(n_days) + 3) % 7, clock.is_holiday[first_of_cell])

    def cells(self, steps: FloatArray, joined: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """One value per cell, shape (n_series, n_cells): the steps of each `joined` along the last axis."""
        clock = self.clock
        if clock.steps_per_cell == 1:
            return steps
        after = clock.n_cells * clock.steps_per_cell - clock.lead - steps.shape[1]
        padded = np.pad(steps, ((0, 0), (clock.lead, after)), constant_values=np.nan) if clock.lead or after else steps
        return joined(padded.reshape(len(steps), clock.n_cells, clock.steps_per_cell))

    def days(self, cells: FloatArray) -> FloatArray:
        """Cells laid out as days of 24 hours, shape (n_series, n_days, 24); NaN where there is none."""
        hours = np.full((len(cells), len(self.day_of_week) * 24), np.nan, cells.dtype)
        hours[:, self.place] = np.repeat(cells, len(self.place) // cells.shape[1], axis=1)
        return hours.reshape(len(cells), -1, 24)

    def of_days(self, days: BoolArray) -> BoolArray:
        """Inverse of `days`, shape (n_series, n_cells)."""
        return days.reshape(len(days), -1)[:, self.place[:: len(self.place) // self.clock.n_cells]]

    def steps(self, cells: BoolArray) -> BoolArray:
        """What holds for a cell, for each of its steps, shape (n_series, n_times)."""
        clock = self.clock
        return np.repeat(cells, clock.steps_per_cell, axis=1)[:, clock.lead : clock.lead + len(clock.local_ms)]


def _learn(days: FloatArray, day_of_week: IntArray) -> tuple[weekly.Week, BoolArray]:
    """The usual week, and the hours left out of it, shape (n_series, n_days, 24)."""
    course = weekly.first_course(days, day_of_week)
    for _ in range(PASSES):
        unusual = weekly.unusual_hours(days, day_of_week, course)
        week = weekly.fit_week(np.where(unusual, np.nan, days), day_of_week)
        course = week.location.reshape(-1, 7, 24)
    return week, unusual


def _shares(grid: _Grid, steps: FloatArray, n_checks: Counts | None) -> tuple[FloatArray, FloatArray]:
    """Share of successes in each cell, all its checks counted alike, and how many they are, shape (n_series, n_cells)."""
    weight = np.where(np.isfinite(steps), 1.0 if n_checks is None else n_checks, 0.0)
    checks = grid.cells(weight, lambda split: np.nansum(split, axis=-1))
    good = grid.cells(np.nan_to_num(steps) * weight, lambda split: np.nansum(split, axis=-1))
    return np.where(checks > 0, good / np.maximum(checks, 1), np.nan), checks


def _learn_shares(days: FloatArray, checks: FloatArray, day_of_week: IntArray) -> tuple[weekly.Week, BoolArray]:
    """As `_learn` for shares; what never failed may yet fail, in half a check."""
    unusual = weekly.unusual_shares(days, checks)
    week = weekly.fit_week(np.where(unusual, np.nan, days), day_of_week)
    least = 0.5 / (np.nansum(np.where(unusual, 0, checks), axis=(1, 2)) + 1)
    return replace(week, location=np.clip(week.location, least[:, None], 1 - least[:, None])), unusual


def _nothing_yet(kind: Kind, week: weekly.Week, clock: Clock) -> Baselines:
    """Baselines that know the location only."""
    n_series = len(week.location)
    location = expected.log_odds(week.location) if kind == "logit" else week.location
    ones, none = np.ones(n_series, np.float32), np.zeros(n_series, np.int64)
    return Baselines(
        kind=kind,
        location=location.astype(np.float32),
        quantiles=np.full((n_series, N_PARTS, len(LEVELS)), np.nan, np.float32),
        scale=np.full(n_series, np.nan, np.float32),
        widening=ones,
        error=np.sqrt(week.error).astype(np.float32),
        holiday_weight=ones,
        n=none,
        n_excluded=none,
        n_days=np.zeros(n_series, np.float32),
        learnt_from_ms=none + clock.start_ms,
        learnt_to_ms=none + clock.start_ms + len(clock.local_ms) * clock.step_s * 1000,
    )


def _holiday_weight(days: FloatArray, week: weekly.Week, grid: _Grid) -> npt.NDArray[np.float32]:
    """How much holidays are like Sundays, 0 to 1, shape (n_series,); 1 without history: the noise of a day pulls towards it."""
    location = week.location.reshape(-1, 7, 24)
    holiday = grid.of_days(np.zeros(days.shape, bool)) | grid.is_holiday
    here = np.isfinite(grid.days(np.where(holiday, 1.0, np.nan))) & np.isfinite(days)
    own = location[:, grid.day_of_week]
    towards = np.where(here, location[:, [SUNDAY]] - own, 0)
    found = np.where(here, days - own, 0)
    prior = 24 * np.nan_to_num(week.noise) + np.finfo(float).tiny
    weight = ((towards * found).sum(axis=(1, 2)) + prior) / ((towards**2).sum(axis=(1, 2)) + prior)
    return np.clip(weight, 0, 1).astype(np.float32)


def _togetherness(week: weekly.Week, scale: FloatArray, clock: Clock) -> FloatArray:
    """Steps that say as much as one independent step, shape (n_series,): residuals of a part of a day share the slow part of the noise.

    The variance of an hour beyond what the scatter of its steps explains is shared; parts of different days are taken as independent.
    """
    per_part = HOURS_PER_PART * 3600 / clock.step_s
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = np.clip(week.noise / scale**2 - MIDMEAN_VARIANCE / clock.steps_per_cell, 0, 1)
    return 1 + np.nan_to_num(shared) * max(per_part - 1, 0)


def _widening(days: FloatArray, unusual: BoolArray, week: weekly.Week, day_of_week: IntArray, scale: FloatArray) -> FloatArray:
    """Spread of residuals to come over that of those learnt from, shape (n_series,).

    What was learnt from lies closer to the location than what comes: by the location's error, and because the location followed it.
    """
    off = np.where(unusual, np.nan, days - week.location.reshape(-1, 7, 24)[:, day_of_week]).reshape(len(days), -1)
    inside = robust.mean(off**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        extra = np.maximum(week.noise + week.error - inside, 0) / scale**2
    return np.sqrt(1 + np.where(np.isfinite(extra), extra, 0))
