"""How strange each point of a series is, known at that point: what was expected, how far off it is, and by what spread that is judged.

Three views of one series, each a signed strength in robust standard deviations:

- `forecast`: the next value from the last ones, their medians and the usual course of the day, by a robust regression learnt daily.
- `course`: the usual course of the day about the median of the last day. It is not dragged along by an event shorter than half a day, so
  that a whole event stays visible; a change that lasts is the new level half a day later.
- `run`: forecast residuals added up over hours, for a small change that stays.

All are functions of the values before and at the point, so that a truncated, a longer and a growing series have the same strengths.
Constants without a reason beside them ranked events best on the development series (plug-in `anomaly`); changed by a third, none of
them moved the recall at one false alarm a week by more than 0.04, most by less than 0.02.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.stats import robust, trailing

__all__ = ["DETECTORS", "Surprise", "surprises"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

DETECTORS = ("forecast", "course", "run")

DAY_S, HOUR_S = 86_400, 3600
SHORTEST_S = 180
"""Finer values are judged as means of three minutes: what is over in one is nothing to be woken for, and single values are mostly noise."""
CELLS = 100_000
"""Values looked at together: a window of 24 of each is 20 MB."""
COURSE_DAYS = (1, 2, 3, 4, 5, 6, 7)
"""Days that the course of the day is the median of: three may be wrong."""
FEW_STEPS = 4
"""Fewer steps a day have no course."""

COURSE_WEIGHT = 0.8
"""The course of a day is known worse than the next value: its strengths count less."""
RUN_HALF_LIFE_H, RUN_BOUND = 5.0, 10.0
"""Half-life of a run, and the strength by which one point adds to it at most, so that a run is more than one odd point."""
STRONGEST = 1000.0
"""Strengths beyond are all the same; a series that never moved has no spread to tell them apart."""

FEW = 12
"""Residuals from which a spread is known well enough to judge by."""
SPREAD_STEPS = 24
"""Least number of residuals behind a local spread: the standard error of a mean absolute deviation of 24 normal values is 15 %."""
MEAN_DEVIATION = 1.2533
"""Standard deviation over mean absolute deviation of a normal variable."""
BOUND = 4.0
"""Residuals count in the local spread up to so many spreads of the week: an event must not hide the next one."""
WEEK_PART, NEAR_PART, TIME_PART, HEAVY_PART = 0.5, 0.7, 0.8, 0.25
"""Parts of the spreads of the last week, the last hours, this time of the day, and of the mean size of residuals (large where most are
nothing and some are huge), of which the largest is taken. Below 1, as the largest of several estimates is too large on average."""
LEAST_CHANGE = 0.01
"""Smallest spread, as a share of the level: changes of a few percent are of no interest, however still a series is."""

LEARNT_BLOCKS = 17
"""Blocks that the regression remembers: the quarters of the first day, then days, two weeks in all; in one the weekly term is seen once."""
HUBER = 1.5
"""Residuals beyond this many spreads have bounded influence (96 % efficiency at the normal: Huber 1981, Robust Statistics)."""
RIDGE = 1.0
"""Weight of the first coefficients, in values: a day of 5-minute values outweighs it 288 times."""
REACH = 3.0
"""The last values count as far off by no more than this many mean deviations: an odd one is neither expected to stay nor does its end
surprise."""
FIRST_COEFFICIENTS = (0.4, 0.1, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0)
"""Before anything is learnt: half way from the median of the last hour to the last values."""


@dataclass(frozen=True)
class Surprise:
    """Strengths in spreads, positive above what was expected; NaN where a value is missing or too little is known.

    Attributes
    ----------
    strength : float array, shape (n_series, n_times); of the strongest detector
    by_detector : float array, shape (n_detectors, n_series, n_times); in the order of `DETECTORS`
    expected, scale : float arrays, shape (n_series, n_times); of the forecast, in the unit of the values
    usual : float array, shape (n_series, n_times); the course of the day about the level of the last one: no event drags it along
    """

    strength: FloatArray
    by_detector: FloatArray
    expected: FloatArray
    scale: FloatArray
    usual: FloatArray


@dataclass(frozen=True)
class _Steps:
    """Steps in a day and in an hour, and the number of each step on the local clock."""

    day: int
    hour: int
    local: IntArray


def surprises(values: FloatArray, local_step: IntArray, *, step_s: int) -> Surprise:
    """Strength of each point, from it and the points before it.

    Parameters
    ----------
    values : float array, shape (n_series, n_times)
        On a regular grid; NaN is missing.
    local_step : int array, shape (n_times,)
        Number of the step on the local clock (local time over `step_s`), which jumps where the clock is changed.

    Raises
    ------
    ValueError
        If there is not one local step for each column.
    """
    if values.ndim != 2 or local_step.shape != values.shape[1:]:
        raise ValueError(f"values of shape {values.shape} need (n_series, n_times) and local steps (n_times,); got {local_step.shape}")
    nothing = np.full(values.shape, np.nan)
    found = Surprise(nothing, np.full((len(DETECTORS), *values.shape), np.nan), nothing.copy(), nothing.copy(), nothing.copy())
    rows_at_once = max(1, CELLS // max(1, values.shape[1]))
    for first in range(0, len(values) if values.size else 0, rows_at_once):
        rows = slice(first, first + rows_at_once)
        some = _of_some(values[rows].astype(np.float64), local_step, step_s)
        for part in fields(found):
            getattr(found, part.name)[..., rows, :] = getattr(some, part.name)
    return found


def _of_some(values: FloatArray, local_step: IntArray, step_s: int) -> Surprise:
    """Surprise of so few series that windows of all of them fit in memory."""
    together = -(-SHORTEST_S // step_s)
    if together == 1:
        return _judged(values, local_step, step_s)
    # Blocks begin where the clock says, not where the series does.
    lead = int(local_step[0] % together)
    blocks = _block_means(values, lead, together)
    firsts = np.maximum(np.arange(blocks.shape[1]) * together - lead, 0)
    found = _judged(blocks, local_step[firsts] // together, step_s * together)
    return Surprise(**{part.name: _spread_out(getattr(found, part.name), lead, together, values) for part in fields(found)})


def _block_means(values: FloatArray, lead: int, together: int) -> FloatArray:
    """Means of blocks of columns, the first of which lacks `lead` columns, shape (n_series, n_blocks)."""
    n_blocks = -(-(lead + values.shape[1]) // together)
    padded = np.full((len(values), n_blocks * together), np.nan)
    padded[:, lead : lead + values.shape[1]] = values
    return robust.mean(padded.reshape(len(values), n_blocks, together))


def _spread_out(part: FloatArray, lead: int, together: int, values: FloatArray) -> FloatArray:
    """What is known of blocks at each column: in the last column of a block that block, before it the one before."""
    nothing = np.full((*part.shape[:-1], 1), np.nan)
    known = np.repeat(np.concatenate([nothing, part], axis=-1), together, axis=-1)
    return np.where(np.isfinite(values), known[..., np.arange(values.shape[1]) + lead + 1], np.nan)


def _judged(values: FloatArray, local_step: IntArray, step_s: int) -> Surprise:
    """Surprise at the cadence of the values."""
    steps = _Steps(max(1, round(DAY_S / step_s)), max(1, round(HOUR_S / step_s)), local_step)
    level = trailing.median(trailing.lagged(values, 1), max(steps.day, SPREAD_STEPS))
    course = _same_time(values - level, steps)
    usual = level + (course if steps.day >= FEW_STEPS else 0.0)
    filled = _filled(values, level, course)
    short = trailing.median(trailing.lagged(filled, 1), max(3, steps.hour))
    least = LEAST_CHANGE * np.abs(short)

    by_course = values - usual
    course_scale = np.maximum(_spread(by_course, steps), least)
    expected = short + _expected_change(values, filled, short, level, steps)
    residual = values - expected
    scale = _after_gap(values, np.maximum(_spread(residual, steps), least), course_scale)

    forecast = _bounded_ratio(residual, scale)
    apart = COURSE_WEIGHT * _bounded_ratio(by_course, course_scale)
    by_detector = np.stack([forecast, apart, _run(forecast, steps)])
    return Surprise(_strongest(by_detector), by_detector, expected, scale, usual)


def _same_time(values: FloatArray, steps: _Steps, ahead: int = 0) -> FloatArray:
    """Median of the same time of the last days; NaN where a day has too few steps to have a course."""
    if steps.day < FEW_STEPS:
        return np.full_like(values, np.nan)
    return trailing.same_time(values, steps.local, days=COURSE_DAYS, steps_per_day=steps.day, ahead=ahead)


def _filled(values: FloatArray, level: FloatArray, course: FloatArray) -> FloatArray:
    """Values, and in gaps the last deviation from the usual course carried on."""
    usual = np.nan_to_num(level) + np.nan_to_num(course)
    return np.where(np.isfinite(values), values, usual + trailing.carried(values - usual))


def _spread(residual: FloatArray, steps: _Steps) -> FloatArray:
    """Spread known before each point: the largest of those of the last week, the last hours and this time of the day."""
    size = np.abs(residual)
    smooth = max(steps.hour, SPREAD_STEPS)
    week = robust.NORMAL_CONSISTENCY * _week_median(size, steps)
    near = MEAN_DEVIATION * _mean_before(np.fmin(size, BOUND * week), 2 * smooth)
    heavy = MEAN_DEVIATION * _mean_before(size, _week(steps))
    by_time = robust.NORMAL_CONSISTENCY * _same_time(trailing.median(size, smooth), steps, ahead=smooth // 2)
    return np.fmax(np.fmax(WEEK_PART * week, NEAR_PART * near), np.fmax(TIME_PART * by_time, HEAVY_PART * heavy))


def _week(steps: _Steps) -> int:
    """Steps of a week, or what a spread needs."""
    return 7 * max(steps.day, FEW)


def _mean_before(size: FloatArray, half_life: float) -> FloatArray:
    """Fading mean of the sizes before each point; NaN where they are few."""
    before = trailing.lagged(size, 1)
    return np.where(np.cumsum(np.isfinite(before), axis=1) >= FEW, trailing.fading_mean(before, half_life), np.nan)


def _week_median(size: FloatArray, steps: _Steps) -> FloatArray:
    """Median of the last week, renewed twice a day; NaN where it is known of few values."""
    found = np.full_like(size, np.nan)
    block = max(FEW, steps.day // 2)
    for start in range(block, size.shape[1], block):
        past = size[:, max(0, start - _week(steps)) : start]
        known = np.isfinite(past).sum(axis=1, keepdims=True) >= FEW
        found[:, start : start + block] = np.where(known, robust.median(past)[:, None], np.nan)
    return found


def _after_gap(values: FloatArray, scale: FloatArray, far: FloatArray) -> FloatArray:
    """Scale of a forecast from the last present value: over a gap it grows like a random walk until it is that of the course of the day."""
    column = np.arange(values.shape[1])
    last = np.maximum.accumulate(np.where(np.isfinite(values), column, -1), axis=1)
    missing = np.nan_to_num(column - 1 - trailing.lagged(last.astype(float), 1))
    return np.where(missing > 0, np.hypot(scale, np.fmin(np.sqrt(missing) * scale, np.fmax(far, scale))), scale)


def _expected_change(values: FloatArray, filled: FloatArray, short: FloatArray, level: FloatArray, steps: _Steps) -> FloatArray:
    """Difference of the next value from the median of the last hour, by a regression on what was known before."""
    unit = trailing.lagged(trailing.fading_mean(np.abs(values - short), SPREAD_STEPS), 1)
    unit = np.fmax(unit, LEAST_CHANGE * np.abs(short) + np.finfo(float).tiny)
    known = _known_before(filled, short, level, REACH * unit, steps)
    design = np.nan_to_num(_bounded_ratio(np.stack([*known, unit], axis=2), unit[:, :, None]))
    return unit * _regress(_bounded_ratio(values - short, unit), design, max(SPREAD_STEPS, steps.day))


def _bounded_ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Ratio of at most `STRONGEST` in size: a series that has been 0 so far has no unit to speak of."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.where((part == 0) & (whole == 0), 0.0, np.clip(part / whole, -STRONGEST, STRONGEST))


def _known_before(filled: FloatArray, short: FloatArray, level: FloatArray, reach: FloatArray, steps: _Steps) -> list[FloatArray]:
    """What the next value may depend on, each as a difference from the median of the last hour."""
    recent = [np.clip(trailing.lagged(filled, lag) - short, -reach, reach) for lag in (1, 2, 3)]
    hours = trailing.median(trailing.lagged(filled, 1), max(FEW, 4 * steps.hour)) - short
    usual = _same_time(filled, steps)
    usual = np.where(np.isfinite(usual), usual, short)
    about = filled - level
    ago = [level - short + trailing.same_time(about, steps.local, days=(day,), steps_per_day=steps.day) for day in (1, 7)]
    return [*recent, hours, usual - short, usual - trailing.lagged(usual, 1), *ago]


def _regress(target: FloatArray, design: FloatArray, block: int) -> FloatArray:
    """Predictions, shape (n_series, n_times), from coefficients that are learnt anew before each block of columns.

    Sums of products of a block are kept, not its rows; rows far off have bounded weight, by their residual when they came.
    """
    n_series, n_times, width = design.shape
    first = RIDGE * np.broadcast_to(FIRST_COEFFICIENTS, (n_series, width))
    predicted = np.empty((n_series, n_times))
    kept: list[tuple[FloatArray, FloatArray]] = []
    starts = [start for start in (*range(0, block, max(1, block // 4)), *range(block, n_times, block)) if start < n_times]
    for start, stop in itertools.pairwise([*starts, n_times]):
        rows, goal = design[:, start:stop], target[:, start:stop]
        gram = sum((one for one, _ in kept), RIDGE * np.broadcast_to(np.eye(width), (n_series, width, width)))
        moment = sum((one for _, one in kept), first)
        # Not a matrix product, whose rounding depends on how many rows there are.
        predicted[:, start:stop] = (rows * np.linalg.solve(gram, moment[:, :, None])[:, None, :, 0]).sum(axis=2)
        kept = [*kept[1 - LEARNT_BLOCKS :], _products(rows, goal, goal - predicted[:, start:stop])]
    return predicted


def _products(rows: FloatArray, goal: FloatArray, residual: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted sums of products of a block: of the rows with themselves, and with the goal."""
    size = np.abs(residual)
    spread = robust.NORMAL_CONSISTENCY * robust.median(size)[:, None] + np.finfo(float).eps
    weight = np.nan_to_num(1 / np.maximum(1, size / (HUBER * spread)))
    turned = np.swapaxes(rows * weight[:, :, None], 1, 2)
    return turned @ rows, (turned @ np.nan_to_num(goal)[:, :, None])[:, :, 0]


def _run(strength: FloatArray, steps: _Steps) -> FloatArray:
    """Forecast residuals added up with weights that fade over hours, in their own spread."""
    bounded = np.clip(np.nan_to_num(strength), -RUN_BOUND, RUN_BOUND)
    half_life = max(1.0, RUN_HALF_LIFE_H * steps.hour)
    kept = 0.5 ** (1 / half_life)
    # Of independent values of unit variance the fading mean has the variance (1 - kept) / (1 + kept).
    total = trailing.fading_mean(bounded, half_life) * np.sqrt((1 + kept) / (1 - kept))
    return np.where(np.isfinite(strength), total / np.fmax(_spread(total, steps), 0.5), np.nan)


def _strongest(by_detector: FloatArray) -> FloatArray:
    """Strength of the strongest detector, of those that know enough; NaN where the forecast judges nothing."""
    best = np.nan_to_num(np.abs(by_detector)).argmax(axis=0)[None]
    return np.where(np.isfinite(by_detector[0]), np.take_along_axis(by_detector, best, axis=0)[0], np.nan)
