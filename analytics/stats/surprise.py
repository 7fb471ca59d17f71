"""How strange each point of a series is, known at that point: what was expected, how far off it is, and by what spread that is judged.

Five views of one series, each a signed strength in robust standard deviations:

- `forecast`: the next value from the last ones, their medians and the usual course of the day, by a robust regression learnt daily.
- `course`: the usual course of the day about the median of the last day. It is not dragged along by an event shorter than half a day, so
  that a whole event stays visible; a change that lasts is the new level half a day later.
- `run`: forecast residuals added up over hours, for a small change that stays.
- `pulse`: a value that came and went within minutes, seen from both sides; told a step or two later than the others would.
- `pattern`: how unlike all that has been the course of the last hours is, whatever its values (`stats.pattern`).

All are functions of the values before and at the point, so that a truncated, a longer and a growing series have the same strengths, to the
last bit. What is remembered of a series is small (`Past`): a week of values as 32-bit numbers, spreads by patches of hours, sums.
Constants without a reason beside them ranked events best on the development series (plug-in `anomaly`); changed by a third, none of
them moved the recall at one false alarm a week by more than 0.04, most by less than 0.02.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from analytics.stats import pattern, regression, rest, robust, trailing
from analytics.stats.past import Past, pieces
from analytics.stats.spread import FEW, after_gap, spread
from analytics.stats.steps import COURSE_DAYS, DAY_S, SPREAD_STEPS, Steps, steps_of

__all__ = ["DETECTORS", "Surprise", "surprises"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Noise = Callable[[FloatArray], FloatArray]

DETECTORS = ("forecast", "course", "run", "pulse", "pattern")

SHORTEST_S = 180
"""Finer values are judged as means of three minutes: what is over in one is nothing to be woken for, and single values are mostly noise."""
CELLS = 100_000
"""Values looked at together: a window of 24 of each is 20 MB."""
FEW_STEPS = 4
"""Fewer steps a day have no course."""

COURSE_WEIGHT = 0.8
"""The course of a day is known worse than the next value: its strengths count less."""
PULSE_S = 600
"""Time after which a value that came back is told at the latest."""
PATTERN_WEIGHT = 12.0
"""Strength of a course that is a spread further from all others than courses usually are."""
RUN_HALF_LIFE_H, RUN_BOUND = 5.0, 10.0
"""Half-life of a run, and the strength by which one point adds to it at most, so that a run is more than one odd point."""
STILL_APART = 0.5
"""Spreads from the course of the day by which values still show what a run has added up: less than a single value is off by chance."""
BACK = 2.0
"""Spreads from the course of the day beyond which a forecast follows something that is going on: 19 of 20 values lie within."""
STRONGEST = 1000.0
"""Strengths beyond are all the same; a series that never moved has no spread to tell them apart."""

LEAST_CHANGE = 0.01
"""Smallest spread, as a share of the level: changes of a few percent are of no interest, however still a series is."""

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
    strength : float array, shape (n_series, n_times); of the strongest detector but for `pattern`, whose tail is another
    by_detector : float array, shape (n_detectors, n_series, n_times); in the order of `DETECTORS`. Of `pattern` it is negative once the
        course has been stranger: what is strange passes away
    expected, scale : float arrays, shape (n_series, n_times); of the forecast, in the unit of the values
    usual : float array, shape (n_series, n_times); the course of the day about the level of the last one: no event drags it along
    """

    strength: FloatArray
    by_detector: FloatArray
    expected: FloatArray
    scale: FloatArray
    usual: FloatArray


def surprises(
    values: FloatArray,
    local_step: IntArray,
    *,
    step_s: int,
    noise: Noise | None = None,
    days: rest.Days | None = None,
    past: Past | None = None,
) -> Surprise:  # fmt: skip
    """Strength of each point, from it and the points before it.

    Parameters
    ----------
    values : float array, shape (n_series, n_times)
        On a regular grid; NaN is missing.
    local_step : int array, shape (n_times,)
        Number of the step on the local clock (local time over `step_s`), which jumps where the clock is changed.
    noise : standard deviation that single values have at some levels at least, whatever has been seen; None: unknown
    days : kind of the local day of each column; None where no calendar is known
    past : what is known of the columns before; moves on

    Raises
    ------
    ValueError
        If there is not one local step for each column.
    """
    if values.ndim != 2 or local_step.shape != values.shape[1:]:
        raise ValueError(f"values of shape {values.shape} need (n_series, n_times) and local steps (n_times,); got {local_step.shape}")
    past = Past() if past is None else past
    together = -(-SHORTEST_S // step_s)
    judge = _judged if together == 1 else _of_fine
    noise = _unknown_noise if noise is None else noise
    at_once = max(CELLS // max(1, len(values)), round(DAY_S / step_s))
    parts = [_nothing(len(values))]
    for first in range(0, values.shape[1], at_once):
        some = slice(first, first + at_once)
        kinds = None if days is None else days.at(some)
        parts.append(judge(values[:, some].astype(np.float64), local_step[some], step_s, noise, kinds, past))
    names = [part.name for part in fields(Surprise)]
    return Surprise(**{name: np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names})


def _unknown_noise(level: FloatArray) -> FloatArray:
    return np.zeros_like(level)


def _nothing(n_series: int, n_times: int = 0) -> Surprise:
    """Columns of which nothing is known."""
    nothing = np.full((n_series, n_times), np.nan)
    return Surprise(nothing, np.full((len(DETECTORS), n_series, n_times), np.nan), nothing, nothing, nothing)


def _of_fine(
    values: FloatArray, local_step: IntArray, step_s: int, noise: Noise, days: rest.Days | None, past: Past
) -> Surprise:  # fmt: skip
    """Surprise of values so fine that the means of blocks of them are judged, as it is known at each of them."""
    together = -(-SHORTEST_S // step_s)
    # Blocks begin where the clock says, not where the series does: the first one may lack its first columns.
    begun = past.shared("begun", np.full(local_step[0] % together, local_step[0]))
    block = past.array("block", np.full((len(values), together), np.nan))
    local, whole = np.concatenate([begun, local_step]), np.concatenate([block[:, : len(begun)], values], axis=1)
    n_blocks = len(local) // together
    over = n_blocks * together
    past.share("begun", local[over:])
    if days is not None:
        days = days.after(rest.Days.remembered("begun", len(begun), past))
        days.at(slice(over, None)).remember("begun", past)
        days = days.at(slice(0, over, together))
    block = np.full_like(block, np.nan)
    block[:, : len(local) - over] = whole[:, over:]
    past.keep("block", block)
    found = _nothing(len(values))
    if n_blocks:
        means = trailing.mean([whole[:, first:over:together] for first in range(together)])
        local_block = local[:over:together] // together
        found = _judged(means, local_block, step_s * together, lambda level: noise(level) / np.sqrt(together), days, past)
    # In the last column of a block that block is known, before it the one before.
    at = (np.arange(len(local_step)) + len(begun) + 1) // together
    return Surprise(**{part.name: _known(part.name, getattr(found, part.name), at, values, past.part("shown")) for part in fields(found)})


def _known(name: str, part: FloatArray, at: IntArray, values: FloatArray, past: Past) -> FloatArray:
    """What is known at each column of blocks, of which so many are over then."""
    # The series first, as all that is remembered.
    last = past.array(name, np.full((len(values), *part.shape[:-2], 1), np.nan))
    whole = np.concatenate([np.moveaxis(last, 0, -2), part], axis=-1)
    past.keep(name, np.moveaxis(whole[..., -1:], -2, 0))
    return np.where(np.isfinite(values), whole[..., at], np.nan)


def _judged(
    values: FloatArray, local_step: IntArray, step_s: int, noise: Noise, days: rest.Days | None, past: Past
) -> Surprise:  # fmt: skip
    """Surprise at the cadence of the values."""
    steps = steps_of(local_step, step_s, past, days)
    level = _median_before("level", values, max(steps.day, SPREAD_STEPS), past)
    about = past.joined("about", (values - level).astype(np.float32), steps.week)
    course = _same_time(about, steps)
    usual = level + (course if steps.day >= FEW_STEPS else 0.0)
    recent = past.joined("filled", _filled(values, level, course, past).astype(np.float32), steps.week)
    short = _last(recent, max(3, steps.hour), values.shape[1])
    least = np.maximum(LEAST_CHANGE * np.abs(short), noise(short))
    nearest, is_open = None, None
    if steps.by_kind is not None:
        nearest = rest.nearest(values, recent, steps.by_kind, window=max(steps.day, SPREAD_STEPS), past=past.part("rest"))
        usual, is_open = np.where(nearest.is_odd, nearest.usual, usual), nearest.is_open

    by_course = values - usual
    course_scale = np.maximum(spread(by_course, steps, past.part("course"), is_open), least)
    change, last_kept = _expected_change(values, recent, short, [level, course, about], nearest, steps, past)
    expected = short + change
    residual = values - expected
    scale = after_gap(values, np.maximum(spread(residual, steps, past.part("forecast"), is_open), least), course_scale, past)

    forecast = _bounded_ratio(residual, scale)
    apart = COURSE_WEIGHT * _bounded_ratio(by_course, course_scale)
    run = _run(forecast, trailing.age(np.isfinite(values), past) > 0, steps, past.part("run"), is_open)
    # What was added up fades over hours; once the values are back it says nothing.
    run = np.where(_still_apart(np.sign(run) * apart, steps, past), run, 0 * run)
    # A value that came back to the course of the day was odd for what came before it, and is no pulse.
    is_back = (np.abs(expected - usual) > BACK * course_scale) & (np.abs(by_course) < np.abs(expected - usual) / 2)
    singles = np.stack([forecast, apart, run, _pulse(forecast, np.where(is_back, np.nan, forecast), last_kept, step_s, past)])
    strange = _pattern(values, level, recent, steps, step_s, past.part("pattern"))
    return Surprise(_strongest(singles), np.concatenate([singles, strange[None]]), expected, scale, usual)


def _median_before(name: str, values: FloatArray, window: int, past: Past) -> FloatArray:
    """Median of about the last `window` values before each."""
    whole = past.joined(name, values.astype(np.float32), trailing.reach(window) + 1)
    return trailing.median(whole[:, :-1], window)


def _last(whole: FloatArray, window: int, n_times: int) -> FloatArray:
    """The same of the last columns of many."""
    return trailing.median(whole[:, whole.shape[1] - n_times - trailing.reach(window) - 1 : -1], window)


def _same_time(whole: FloatArray, steps: Steps) -> FloatArray:
    """Median of the same time of the last days; NaN where a day has too few steps to have a course."""
    if steps.day < FEW_STEPS:
        return np.full((len(whole), len(steps.ago)), np.nan, np.float32)
    return trailing.median_at(whole, steps.ago)


def _filled(values: FloatArray, level: FloatArray, course: FloatArray, past: Past) -> FloatArray:
    """Values, and in gaps the last deviation from the usual course carried on."""
    usual = np.nan_to_num(level) + np.nan_to_num(course)
    return np.where(np.isfinite(values), values, usual + trailing.carried(values - usual, past))


def _expected_change(
    values: FloatArray,
    recent: FloatArray,
    short: FloatArray,
    course: list[FloatArray],
    nearest: rest.Nearest | None,
    steps: Steps,
    past: Past,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Difference of the next value from the median of the last hour, by a regression on what was known before, and what it keeps of the
    last value."""
    unit = trailing.fading_mean(np.abs(values - short), SPREAD_STEPS, past.part("unit"))[:, :-1]
    unit = np.fmax(unit, LEAST_CHANGE * np.abs(short) + np.finfo(float).tiny)
    known = _known_before(recent, short, course, REACH * unit, steps, past)
    if nearest is not None and steps.by_kind is not None:
        known[-4:] = _by_kind(known[-4:], nearest, short, steps.by_kind)
    design = np.nan_to_num(_bounded_ratio(np.stack([*known, unit]), unit))
    block = max(SPREAD_STEPS, steps.day)
    goal = _bounded_ratio(values - short, unit)
    if nearest is not None:
        # What is likely follows the last values there, and would seem to tell more than it does.
        goal = np.where(nearest.is_open, np.nan, goal)
    predicted, kept = regression.predicted(
        goal, design, block=block, first=steps.first, coefficients=FIRST_COEFFICIENTS, past=past.part("regression")
    )
    return unit * predicted, kept


def _bounded_ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Ratio of at most `STRONGEST` in size: a series that has been 0 so far has no unit to speak of."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.where((part == 0) & (whole == 0), 0.0, np.clip(part / whole, -STRONGEST, STRONGEST))


def _known_before(
    recent: FloatArray, short: FloatArray, course: list[FloatArray], far: FloatArray, steps: Steps, past: Past
) -> list[FloatArray]:  # fmt: skip
    """What the next value may depend on, each as a difference from the median of the last hour."""
    level, daily, about = course
    n_times = short.shape[1]
    end = recent.shape[1]
    last = [np.clip(recent[:, end - n_times - lag : end - lag] - short, -far, far) for lag in (1, 2, 3)]
    hours = _last(recent, max(FEW, 4 * steps.hour), n_times) - short
    usual = _same_time(recent, steps)
    usual = np.where(np.isfinite(usual), usual, short).astype(np.float64)
    before = past.joined("usual", usual, 1)[:, :-1]
    # Where the value of that day is missing, the usual one of its time.
    days = [trailing.median_at(about, steps.ago[:, [day]]) for day in (0, 6)]
    ago = [level - short + np.where(np.isfinite(one), one, daily) for one in days]
    return [*last, hours, usual - short, usual - before, *ago]


def _by_kind(usual: list[FloatArray], nearest: rest.Nearest, short: FloatArray, found: rest.References) -> list[FloatArray]:
    """What is usual, how it changes, and the values of a day and a week ago: what is likely by the kind of the day on a holiday and the day
    after it, and where such a day was that day."""
    apart = nearest.likely - short
    likely = [apart, nearest.likely - nearest.before, apart, apart]
    here = [nearest.is_odd, nearest.is_odd, *(nearest.is_odd | found.is_left_out[:, day] for day in (0, COURSE_DAYS - 1))]
    return [np.where(place & np.isfinite(one), one, term) for place, one, term in zip(here, likely, usual, strict=True)]


def _run(strength: FloatArray, has_begun: BoolArray, steps: Steps, past: Past, is_open: BoolArray | None = None) -> FloatArray:
    """Forecast residuals added up with weights that fade over hours since a series began, in their own spread."""
    half_life = max(1.0, RUN_HALF_LIFE_H * steps.hour)
    kept = 0.5 ** (1 / half_life)
    bounded = np.where(has_begun, np.clip(np.nan_to_num(strength), -RUN_BOUND, RUN_BOUND), np.nan)
    # Of independent values of unit variance the fading mean has the variance (1 - kept) / (1 + kept).
    total = trailing.fading_mean(bounded, half_life, past)[:, 1:] * np.sqrt((1 + kept) / (1 - kept))
    return np.where(np.isfinite(strength), total / np.fmax(spread(total, steps, past, is_open), 0.5), np.nan)


def _still_apart(apart: FloatArray, steps: Steps, past: Past) -> BoolArray:
    """Whether most values of the last half an hour were apart from the course of the day, to the side that is counted as positive."""
    window = max(3, steps.hour // 2)
    whole = past.joined("apart", apart.astype(np.float32), trailing.reach(window))
    return np.asarray(trailing.median(whole, window) >= STILL_APART)


def _pulse(strength: FloatArray, odd: FloatArray, kept: FloatArray, step_s: int, past: Past) -> FloatArray:
    """Strength of a value one or two steps ago that was odd for what came before and for what came after it.

    Where the next value keeps a part of the last, a pulse is seen twice: as it comes, and the other way round as it goes. The residuals
    together tell it better than the first alone, by up to the root of two.
    """
    n_lags, n_times = PULSE_S // step_s, strength.shape[1]
    best = np.where(np.isfinite(strength), 0.0, np.nan)
    if n_lags == 0:
        return best
    whole = past.joined("residuals", odd, n_lags)
    kept = np.clip(kept, 0, 1)
    for lag in range(1, n_lags + 1):
        came = whole[:, n_lags - lag :][:, :n_times]
        both = (came - kept * strength) / np.hypot(1, kept)
        # What was as strong when it came has been told.
        best = np.where((np.abs(both) > np.abs(came)) & (np.abs(both) > np.abs(best)), both, best)
    return best


def _pattern(values: FloatArray, level: FloatArray, recent: FloatArray, steps: Steps, step_s: int, past: Past) -> FloatArray:
    """How much further than usual the course of the last hours is from all before; negative once it has been further within its length."""
    reach = pattern.reach(step_s)
    whole = recent[:, recent.shape[1] - values.shape[1] - reach + 1 :]
    distance = pattern.distances(whole, values - level, level, least=LEAST_CHANGE, step_s=step_s, past=past)
    further = PATTERN_WEIGHT * np.fmax(distance - _week_mean(distance, steps, step_s, past.part("usual")), 0)
    before = past.joined("further", np.nan_to_num(further).astype(np.float32), reach)
    most = sliding_window_view(before[:, :-1], reach, axis=1).max(axis=2)
    return np.where(np.isfinite(values), np.where(further.astype(np.float32) >= most, further, -further), np.nan)


def _week_mean(size: FloatArray, steps: Steps, step_s: int, past: Past) -> FloatArray:
    """Median of the means of the quarters of days of the last week; NaN where none is known."""
    found = np.empty(size.shape)
    block = max(FEW, steps.day // 4)
    none = np.full((len(size), 7 * max(steps.day, FEW) // block), np.nan, np.float32)
    for start, stop, begun in pieces(steps.first, size.shape[1], block):
        found[:, start:stop] = robust.median(past.array("means", none))[:, None]
        over = past.finished("quarter", size[:, start:stop].astype(np.float32), begun, block)
        if over is not None:
            past.pushed("means", robust.mean(over), none)
    return found


def _strongest(by_detector: FloatArray) -> FloatArray:
    """Strength of the strongest detector, of those that know enough; NaN where the forecast judges nothing."""
    best = np.nan_to_num(np.abs(by_detector)).argmax(axis=0)[None]
    return np.where(np.isfinite(by_detector[0]), np.take_along_axis(by_detector, best, axis=0)[0], np.nan)
