"""How strange each point of a series is, known at that point: what was expected, how far off it is, and by what spread that is judged.

Three views of one series, each a signed strength in robust standard deviations:

- `forecast`: the next value from the last ones, their medians and the usual course of the day, by a robust regression learnt daily.
- `course`: the usual course of the day about the median of the last day. It is not dragged along by an event shorter than half a day, so
  that a whole event stays visible; a change that lasts is the new level half a day later.
- `run`: forecast residuals that add up over hours (a small change that stays).
"""

from __future__ import annotations

from dataclasses import dataclass
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
COURSE_DAYS = 7
"""Days that the course of the day is the median of: three may be wrong."""
LEARNT_DAYS = 14
"""Days that the regression remembers; with 7 it was noisier, the weekly terms being seen once."""
FEW = 12
"""Residuals from which a spread is known well enough to judge by."""
SPREAD_STEPS = 24
"""Least number of residuals behind each local spread: the standard error of a mean absolute deviation of 24 is 15 %."""
HUBER = 1.5
"""Residuals beyond this many spreads have bounded influence: 96 % efficiency at the normal."""
REACH = 3.0
"""The last values count as far off by no more than this many mean deviations: an odd one neither is expected to stay nor surprises by
being over."""
RIDGE = 1.0
"""Weight of the prior coefficients, in values: a day of 5-minute values outweighs it 288 times."""
MEAN_DEVIATION = 1.2533
"""Standard deviation over mean absolute deviation of a normal variable."""
LEAST_CHANGE = 0.01
"""Smallest spread, as a share of the level: changes of one percent are of no interest, however still a series is."""


@dataclass(frozen=True)
class Surprise:
    """Strengths in spreads, positive above what was expected; NaN where a value is missing or too little is known.

    Attributes
    ----------
    strength : float array, shape (n_series, n_times); the one of the strongest detector
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
    """Steps in a day and an hour, and the local step number of each point."""

    day: int
    hour: int
    local: IntArray


def surprises(values: FloatArray, local_step: IntArray, *, step_s: int) -> Surprise:
    """Strength of each point, from the points before it.

    Parameters
    ----------
    values : float array, shape (n_series, n_times)
        On a regular grid; NaN is missing.
    local_step : int array, shape (n_times,)
        Number of the step on the local clock, which jumps where the clock is changed.
    """
    values = np.asarray(values, dtype=np.float64)
    together = -(-SHORTEST_S // step_s)
    if together == 1:
        return _judged(values, local_step, step_s)
    # Blocks begin where the clock says, not where the series does.
    lead = int(local_step[0] % together)
    blocks = _block_means(values, lead, together)
    first_step = local_step[0] // together
    block_step = np.concatenate([[first_step], local_step[together - lead :: together] // together])[: blocks.shape[1]]
    found = _judged(blocks, block_step, step_s * together)
    return Surprise(
        *(
            _spread_out(part, lead, together, values)
            for part in (found.strength, found.by_detector, found.expected, found.scale, found.usual)
        )
    )


def _block_means(values: FloatArray, lead: int, together: int) -> FloatArray:
    """Means of blocks of columns, the first of which lacks `lead` columns; shape (n_series, n_blocks)."""
    n_blocks = -(-(lead + values.shape[1]) // together)
    padded = np.full((len(values), n_blocks * together), np.nan)
    padded[:, lead : lead + values.shape[1]] = values
    return robust.mean(padded.reshape(len(values), n_blocks, together))


def _spread_out(part: FloatArray, lead: int, together: int, values: FloatArray) -> FloatArray:
    """What is known of blocks at each column: from the last column of a block on it is that block's, before that the one before."""
    nothing = np.full((*part.shape[:-1], 1), np.nan)
    known = np.repeat(np.concatenate([nothing, part], axis=-1), together, axis=-1)
    column = np.arange(values.shape[1]) + lead + 1
    return np.where(np.isfinite(values), known[..., column], np.nan)


def _judged(values: FloatArray, local_step: IntArray, step_s: int) -> Surprise:
    """Surprise at the cadence of the values."""
    steps = _Steps(max(1, round(DAY_S / step_s)), max(1, round(HOUR_S / step_s)), local_step)
    before = trailing.lagged(values, 1)
    level = trailing.median(before, max(steps.day, SPREAD_STEPS))
    course = _same_time(values - level, steps)
    filled = _filled(values, level, course)
    short = trailing.median(trailing.lagged(filled, 1), max(3, steps.hour))
    smallest = LEAST_CHANGE * np.abs(short)

    usual = level + np.where(np.isfinite(course), course, np.nan)
    by_course = values - usual
    course_scale = np.maximum(_spread(by_course, steps), smallest)

    expected = _forecast(values, filled, short, level, _same_time(values, steps), steps)
    residual = values - expected
    scale = np.maximum(_spread(residual, steps), smallest)
    scale = _after_gap(values, scale, course_scale)
    forecast = residual / scale
    by_detector = np.stack([forecast, COURSE_WEIGHT * by_course / course_scale, _run(forecast, steps)])
    by_detector = np.clip(by_detector, -STRONGEST, STRONGEST)
    return Surprise(_strongest(by_detector), by_detector, expected, scale, usual)


COURSE_WEIGHT = 0.8
RUN_HOURS = 5.0
STRONGEST = 1000.0
RUN_CLIP = 10.0


def _same_time(values: FloatArray, steps: _Steps, ahead: int = 0) -> FloatArray:
    if steps.day < 4:
        return np.where(np.isfinite(trailing.lagged(values, 1)), 0.0, np.nan)
    return trailing.same_time(values, steps.local, steps_per_day=steps.day, days=COURSE_DAYS, ahead=ahead)


def _filled(values: FloatArray, level: FloatArray, course: FloatArray) -> FloatArray:
    """Values, and in gaps the last deviation from the usual course carried on."""
    usual = np.nan_to_num(level) + np.nan_to_num(course)
    return np.where(np.isfinite(values), values, usual + trailing.carried(values - usual))


def _spread(residual: FloatArray, steps: _Steps) -> FloatArray:
    """Spread before each point: the largest of those of the last week, the last hours and this time of the day."""
    size = np.abs(residual)
    week = robust.NORMAL_CONSISTENCY * _long_median(size, steps)
    near_window = max(2 * steps.hour, 2 * SPREAD_STEPS)
    bounded = np.fmin(size, 4 * week)
    near = MEAN_DEVIATION * _known(trailing.lagged(trailing.fading_mean(bounded, near_window), 1), size)
    smooth = max(steps.hour, SPREAD_STEPS)
    by_time = robust.NORMAL_CONSISTENCY * _same_time(trailing.median(size, smooth), steps, ahead=smooth // 2)
    heavy = MEAN_DEVIATION * _known(trailing.lagged(trailing.fading_mean(size, 7 * steps.day), 1), size)
    return np.fmax(np.fmax(0.5 * week, 0.7 * near), np.fmax(0.8 * by_time, 0.25 * heavy))


def _known(spread: FloatArray, size: FloatArray) -> FloatArray:
    count = np.cumsum(np.isfinite(trailing.lagged(size, 1)), axis=1)
    return np.where(count >= FEW, spread, np.nan)


def _long_median(size: FloatArray, steps: _Steps) -> FloatArray:
    """Median of the last week, renewed eight times a day."""
    out = np.full_like(size, np.nan)
    block = max(FEW, steps.day // 8)
    for start in range(block, size.shape[1], block):
        past = size[:, max(0, start - 7 * steps.day) : start]
        known = np.isfinite(past).sum(axis=1, keepdims=True) >= FEW
        out[:, start : start + block] = np.where(known, robust.median(past)[:, None], np.nan)
    return out


def _after_gap(values: FloatArray, scale: FloatArray, far: FloatArray) -> FloatArray:
    """Scale of a forecast from the last present value: it grows like a random walk until it is that of the course of the day."""
    place = np.where(np.isfinite(values), np.arange(values.shape[1]), -1)
    last = trailing.lagged(np.maximum.accumulate(place, axis=1).astype(float), 1)
    missing = np.nan_to_num(np.arange(values.shape[1]) - last - 1)
    return np.where(missing > 0, np.sqrt(scale**2 + np.fmin(missing * scale**2, np.fmax(far, scale) ** 2)), scale)


def _forecast(values: FloatArray, filled: FloatArray, short: FloatArray, level: FloatArray, usual: FloatArray, steps: _Steps) -> FloatArray:
    """Next value by a regression on what was known before, all relative to the median of the last hour."""
    now = np.where(np.isfinite(usual), usual, short)
    back = [trailing.lagged(filled, lag) for lag in (1, 2, 3)]
    long = trailing.median(back[0], max(12, 4 * steps.hour))
    before = trailing.lagged(now, 1)
    about = filled - level
    columns = [
        *back,
        long,
        now,
        short + now - before,
        level + trailing.lagged(about, steps.day),
        level + trailing.lagged(about, 7 * steps.day),
    ]
    rough = trailing.fading_mean(np.abs(values - short), SPREAD_STEPS)
    unit = np.fmax(trailing.lagged(rough, 1), LEAST_CHANGE * np.abs(short) + 1e-12)
    offset = [column - short for column in columns]
    offset[:3] = [np.clip(one, -REACH * unit, REACH * unit) for one in offset[:3]]
    design = np.nan_to_num(np.stack([*offset, unit], axis=2) / unit[:, :, None])
    return short + unit * _regress((values - short) / unit, design, max(4, steps.day))


PRIOR = (0.4, 0.1, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0)
"""Coefficients before anything is learnt: half way from the last hour's median to the last values."""


def _regress(target: FloatArray, design: FloatArray, block: int) -> FloatArray:
    """Predictions from coefficients that are learnt anew before each block, rows far off having bounded weight."""
    n_series, n_times, width = design.shape
    prior = np.asarray(PRIOR)
    kept: list[tuple[FloatArray, FloatArray]] = []
    predicted = np.empty((n_series, n_times))
    starts = [*range(0, min(block, n_times), max(1, block // 4)), *range(block, n_times, block)]
    for start, stop in zip(starts, [*starts[1:], n_times][: len(starts)], strict=True):
        rows, goal = design[:, start:stop], target[:, start:stop]
        gram = sum((one[0] for one in kept), RIDGE * np.eye(width) + np.zeros((n_series, 1, 1)))
        moment = sum((one[1] for one in kept), RIDGE * np.broadcast_to(prior, (n_series, width)))
        coefficients = np.linalg.solve(gram, moment[:, :, None])
        predicted[:, start:stop] = (rows @ coefficients)[:, :, 0]
        kept = [*kept[-(LEARNT_DAYS + 3) :], _weighted(rows, goal, goal - predicted[:, start:stop])]
    return predicted


def _weighted(rows: FloatArray, goal: FloatArray, residual: FloatArray) -> tuple[FloatArray, FloatArray]:
    present = np.isfinite(residual)
    size = np.where(present, np.abs(residual), np.nan)
    spread = robust.NORMAL_CONSISTENCY * robust.median(size)[:, None] + 1e-9
    with np.errstate(invalid="ignore"):
        weight = np.where(present, 1 / np.maximum(1, size / (HUBER * spread)), 0.0)
    scaled = rows * weight[:, :, None]
    return np.swapaxes(scaled, 1, 2) @ rows, (np.swapaxes(scaled, 1, 2) @ np.nan_to_num(goal)[:, :, None])[:, :, 0]


def _run(strength: FloatArray, steps: _Steps) -> FloatArray:
    """Forecast residuals added up with weights that fade over hours, in their own spread."""
    bounded = np.clip(np.nan_to_num(strength), -RUN_CLIP, RUN_CLIP)
    half_life = max(1.0, RUN_HOURS * steps.hour)
    kept = 0.5 ** (1 / half_life)
    total = trailing.fading_mean(bounded, half_life) * np.sqrt((1 + kept) / (1 - kept))
    spread = np.fmax(_spread(total, steps), 0.5)
    return np.where(np.isfinite(strength), total / spread, np.nan)


def _strongest(by_detector: FloatArray) -> FloatArray:
    size = np.nan_to_num(np.abs(by_detector))
    best = size.argmax(axis=0)[None]
    strongest = np.take_along_axis(by_detector, best, axis=0)[0]
    return np.where(np.isfinite(by_detector[0]), strongest, np.nan)
