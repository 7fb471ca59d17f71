"""From strengths to alarms: how often so strong a thing happens by itself, and what to tell at a given number of false alarms a week.

Nobody labels points, so the tail is learnt from what is usual. The largest strength of each quarter of a day has a median that half of the
quarters reach, whatever the cadence and however strengths hang together in time: a strength with a known rate of episodes. Beyond it rates
fall like a power, as those of Student's t do; its degrees of freedom show in the bulk of the points, where anomalies are too few to matter,
and in the upper half of the quarters. There something strange would make the tail too heavy: of the strongest quarters it is only counted
that they lay above a limit, not how far. What a short history cannot tell comes from a prior.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.stats.past import Past, pieces

__all__ = ["Rates", "false_rates", "p_values", "raised", "rates", "scores"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

WEEK_S = 7 * 86_400
BLOCK_S, BLOCK_STEPS = 6 * 3600, 12
"""Length of a block: short against what people call an episode apart from another, long enough to hold a dozen points."""
MEMORY_S = 28 * 86_400
"""What the tail is learnt from: four weeks know the weekend four times. In the bulk weights halve in half of it."""
DAY_BLOCKS = 4
"""Blocks after which tails are learnt anew: once a day, of coarse values after 48 steps."""

USUAL_PEAK = 3.2
"""Median of the largest strength in a quarter of a day of the uneventful development series at 5 minutes (eight of ten: 2.9 to 3.4);
that of 36 independent values of Student's t with 5 degrees of freedom is 3.4."""
USUAL_INDEX, LIGHTEST_INDEX = 2.0, 4.5
"""Power with which rates fall. Lighter tails are not believed: on the uneventful development series rates fell from 4 to 0.3 a week with a
power of 4.2. The first guess is that of short hourly series, the heaviest."""
PEAK_BLOCKS, INDEX_BLOCKS = 8.0, 350.0
"""Weight of the prior in blocks: two days for the usual peak, twelve weeks for the index, which is known much worse."""
BULK_POINTS = 1400.0
"""Weight of the prior in points for the shape of the bulk: five days at 5 minutes, two months at one hour. The bulk fades over two weeks:
it never holds more than 20 days."""
BULK = np.array([0.7, 0.9])
"""Quantiles whose ratio shows the degrees of freedom: a tenth of the points may be strange."""
LEAST_SIZE, PER_OCTAVE, N_BINS = 2.0**-6, 12, 146
"""Sizes are counted in bins from the least one on, a twelfth of an octave each (6 %) up to 64; what is smaller or larger has one each.
Interpolated, quantiles of normal values are exact to 0.3 %."""
CENSORED = 0.15
"""Share of the strongest blocks of which only the number counts."""
PATTERN_SHARE = 0.6
"""Weight of what only the course of hours shows beside single values: on the uneventful development series it is found less often than
its rates say, so that both together still happen as often as they say."""
LEAST_PEAK = 2.0
"""No block counts as quieter: a series that hardly moves is not one of which every change must be told."""


def false_rates(
    strength: FloatArray, *, step_s: int, alike: IntArray | None = None, is_open: BoolArray | None = None, past: Past | None = None
) -> FloatArray:  # fmt: skip
    """Episodes a week that reach the strength of each point while nothing is wrong, told by the days before the point's own.

    Parameters
    ----------
    strength : float array, shape (n_series, ..., n_times)
        In spreads, of either sign; NaN is not judged. Each row has a tail of its own.
    alike : int array, shape (n_series,), optional
        Series with the same number have tails of a kind: what a series has not shown yet is taken from all of them together. Without it
        each stands for itself.
    is_open : bool array, shape (n_times,), optional
        Points of which nothing is learnt: they are judged more leniently than others.
    past : what is known of the columns before; moves on

    Returns
    -------
    float array, same shape; NaN where not judged, infinite for a strength of 0

    References
    ----------
    Coles (2001), An Introduction to Statistical Modeling of Extreme Values, ch. 3 and 4 (block maxima, rates of exceedance). Hill (1975),
    A simple general approach to inference about the tail of a distribution, Annals of Statistics 3(5); with censoring it is the
    estimate of an exponential rate: events over exposure.
    """
    past = Past() if past is None else past
    size = np.abs(strength).astype(np.float32)
    learnt = size if is_open is None else np.where(is_open, np.float32(np.nan), size)
    rows, n_times = size.shape[:-1], size.shape[-1]
    kinds = np.arange(rows[0]) if alike is None else alike
    steps = max(round(BLOCK_S / step_s), BLOCK_STEPS)
    day = DAY_BLOCKS * steps
    remembered = max(1, round(MEMORY_S / (day * step_s))) * DAY_BLOCKS
    rate, (peak, index) = np.empty(size.shape), _tails(past, rows, remembered, kinds)
    for start, stop, begun in pieces(past.passed(n_times), n_times, day):
        here = size[..., start:stop].astype(np.float64)
        with np.errstate(divide="ignore", over="ignore"):
            rate[..., start:stop] = _per_week(steps, step_s) * (here / peak[..., None]) ** -index[..., None]
        over = past.finished("day", learnt[..., start:stop], begun, day)
        if over is not None:
            _remember(over, remembered, past)
            peak, index = _tails(past, rows, remembered, kinds)
    return rate


def _remember(day: FloatArray, remembered: int, past: Past) -> None:
    """The bulk of a day that is over, and the largest of each of its blocks."""
    rows = day.shape[:-1]
    kept = 0.5 ** (2 * DAY_BLOCKS / remembered)
    bulk = past.array("bulk", np.zeros((*rows, N_BINS), np.float32))
    past.keep("bulk", (kept * bulk + _histogram(day)).astype(np.float32))
    blocks = day.reshape(*rows, DAY_BLOCKS, -1)
    judged = np.isfinite(blocks)
    largest = np.log(np.maximum(np.where(judged, blocks, 0).max(axis=-1), LEAST_PEAK))
    newest = np.where(2 * judged.sum(axis=-1) >= blocks.shape[-1], largest, np.nan)
    peaks = past.array("peaks", np.full((*rows, remembered), np.nan))
    past.keep("peaks", np.concatenate([peaks[..., DAY_BLOCKS:], newest], axis=-1))


def _histogram(size: FloatArray) -> FloatArray:
    """How many sizes lie in each bin, shape (..., N_BINS)."""
    rows = size.reshape(-1, size.shape[-1])
    row, column = np.nonzero(np.isfinite(rows))
    with np.errstate(divide="ignore"):
        place = np.floor(PER_OCTAVE * np.log2(rows[row, column].astype(np.float64) / LEAST_SIZE)) + 1
    bins = np.clip(place, 0, N_BINS - 1).astype(np.int64)
    counted = np.bincount(row * N_BINS + bins, minlength=len(rows) * N_BINS)
    return counted.reshape(*size.shape[:-1], N_BINS).astype(np.float32)


class Rates(NamedTuple):
    """Rates of finds of both kinds, single values and whole courses; arrays of shape (n_series, n_times), NaN where not judged.

    Attributes
    ----------
    per_week : episodes a week that are as strange as each point while nothing is wrong
    news : the same, but that a course counts only while it is getting stranger: that it passes away is nothing to tell
    is_pattern : points whose course is rarer than their value
    """

    per_week: FloatArray
    news: FloatArray
    is_pattern: BoolArray


def rates(
    strength: FloatArray,
    pattern: FloatArray,
    *,
    step_s: int,
    alike: IntArray | None = None,
    is_open: BoolArray | None = None,
    past: Past | None = None,
) -> Rates:
    """Rates of values and of courses, each by a tail of its own, and of both together.

    Chance finds of both add up. The weighted harmonic mean of p-values bounds that of the least of them however they hang together.

    Parameters
    ----------
    strength, pattern : float arrays, shape (n_series, n_times)
        Of the strongest detector of single values; of the course, negative while it passes away.
    alike, is_open, past : see `false_rates`

    References
    ----------
    Wilson (2019), The harmonic mean p-value for combining dependent tests, PNAS 116(4).
    """
    both = false_rates(np.stack([strength, pattern], axis=1), step_s=step_s, alike=alike, is_open=is_open, past=past)
    single, course = both[:, 0], both[:, 1] / PATTERN_SHARE
    course = np.where(np.isfinite(course), course, np.inf)
    return Rates(_either(single, course), _either(single, np.where(pattern > 0, course, np.inf)), course < single)


def _either(one: FloatArray, other: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.asarray(1 / (1 / one + 1 / other))


def p_values(rate: FloatArray) -> FloatArray:
    """Chance that a week in which nothing is wrong brings something as strong."""
    return -np.expm1(-rate)


def scores(rate: FloatArray) -> FloatArray:
    """Score from 0 to 100: 50 for what happens once a week by itself, 67 for every fourth week, 91 for every second year.

    A fixed function of the p-value, taken from the rate because a p-value near 1 has no digits left.
    """
    return 100 / (1 + np.sqrt(rate))


def raised(rate: FloatArray, *, budget_per_week: float) -> BoolArray:
    """Points to tell, such that a week in which nothing is wrong has `budget_per_week` runs of them on average."""
    with np.errstate(invalid="ignore"):
        return rate <= budget_per_week


def _per_week(steps: int, step_s: int) -> float:
    """Rate at which the median of the largest of a block is reached."""
    return float(np.log(2) * WEEK_S / (steps * step_s))


def _tails(past: Past, rows: tuple[int, ...], remembered: int, kinds: IntArray) -> tuple[FloatArray, FloatArray]:
    """Median peak and index of each row, in force until a day is over."""
    bulk = past.array("bulk", np.zeros((*rows, N_BINS), np.float32))
    peaks = past.array("peaks", np.full((*rows, remembered), np.nan))
    prior = np.stack([np.full(rows, np.log(USUAL_PEAK)), _bulk_index(bulk)])
    views = [(slice(None), *place) for place in np.ndindex(rows[1:])]
    for kind, view in itertools.product(np.unique(kinds), views):
        here = (kinds == kind, *view[1:])
        if here[0].sum() > 1:
            prior[:, *here] = _pooled(peaks[here], bulk[here])
    return _tail(np.sort(peaks, axis=-1), *prior)


def _pooled(peaks: FloatArray, bulk: FloatArray) -> FloatArray:
    """Logarithm of the median peak and index of series that are alike, shape (2, 1): what each of them is supposed to have."""
    # Series that have not begun have no say, not even in the last digit.
    ranked = np.sort(peaks[np.isfinite(peaks)])[None]
    peak, index = _tail(ranked, np.array([np.log(USUAL_PEAK)]), _bulk_index(bulk.sum(axis=0, keepdims=True)))
    return np.stack([np.log(peak), index])


def _bulk_index(bulk: FloatArray) -> FloatArray:
    """Degrees of freedom of Student's t with the ratio of quantiles that the points have, one for each row.

    Parameters
    ----------
    bulk : float array, shape (..., N_BINS)
        How many points there are of each size.
    """
    degrees, ratios = _student_ratios()
    count = bulk.sum(axis=-1, dtype=np.float64)
    low, high = (_quantile(bulk, float(level)) for level in BULK)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.minimum(np.log(high / low), ratios[0])
    trust = count / (count + BULK_POINTS)
    usual = np.interp(USUAL_INDEX, degrees, ratios)
    # Where all is 0 nothing is known; where only most is, the tail is as heavy as any.
    ratio = np.where(np.isfinite(own), trust * own + (1 - trust) * usual, usual)
    return np.minimum(np.interp(-ratio, -ratios, degrees), LIGHTEST_INDEX)


def _quantile(bulk: FloatArray, level: float) -> FloatArray:
    """Quantile of counted sizes, one for each row; 0 in the bin of the smallest."""
    below = np.cumsum(bulk, axis=-1, dtype=np.float64)
    wanted = level * below[..., -1]
    place = (below >= wanted[..., None]).argmax(axis=-1)
    above, inside = (np.take_along_axis(part, place[..., None], axis=-1)[..., 0] for part in (below, bulk))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = 1 - (above - wanted) / inside
    return np.where(place > 0, LEAST_SIZE * 2 ** ((place - 1 + part) / PER_OCTAVE), 0.0)


@functools.lru_cache(maxsize=1)
def _student_ratios() -> tuple[FloatArray, FloatArray]:
    """Degrees of freedom, and the logarithm of the ratio of the bulk's quantiles of the size of such a variable."""
    from scipy.special import stdtrit

    degrees = np.array([1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 12, 30])
    low, high = (stdtrit(degrees, (1 + level) / 2) for level in BULK)
    return degrees, np.log(high / low)


def _tail(ranked: FloatArray, prior_peak: FloatArray, prior_index: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median peak and index from the sorted logarithms of block peaks, missing ones last."""
    count = np.isfinite(ranked).sum(axis=-1)
    own, limit = (_of_rank(ranked, count, share) for share in (0.5, 1 - CENSORED))
    usual = (count * own + PEAK_BLOCKS * prior_peak) / (count + PEAK_BLOCKS)
    beyond = np.minimum(ranked, limit[..., None]) - own[..., None]
    upper = np.isfinite(ranked) & (beyond > 0)
    counted = (upper & (ranked <= limit[..., None])).sum(axis=-1)
    exposure = np.where(upper, beyond, 0).sum(axis=-1)
    return np.exp(usual), (counted + INDEX_BLOCKS) / (exposure + INDEX_BLOCKS / prior_index)


def _of_rank(ranked: FloatArray, count: IntArray, share: float) -> FloatArray:
    """Value of that rank among the present ones; the usual peak where none is."""
    if not ranked.shape[-1]:
        return np.full(count.shape, np.log(USUAL_PEAK))
    place = np.rint(share * np.maximum(count - 1, 0)).astype(np.int64)
    return np.where(count > 0, np.take_along_axis(ranked, place[..., None], axis=-1)[..., 0], np.log(USUAL_PEAK))
