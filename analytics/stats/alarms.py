"""From strengths to alarms: how often so strong a thing happens by itself, and what to tell at a given number of false alarms a week.

Nobody labels points, so the tail is learnt from what is usual. The largest strength of each quarter of a day has a median that half of the
quarters reach, whatever the cadence and however strengths hang together in time: a strength with a known rate of episodes. Beyond it rates
fall like a power, as those of Student's t do; its degrees of freedom show in the bulk of the points, where anomalies are too few to matter,
and in the upper half of the quarters. There something strange would make the tail too heavy: of the strongest quarters it is only counted
that they lay above a limit, not how far. What a short history cannot tell comes from a prior.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.stats import robust

__all__ = ["false_rates", "p_values", "raised", "scores"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

WEEK_S = 7 * 86_400
BLOCK_S, BLOCK_STEPS = 6 * 3600, 12
"""Length of a block: short against what people call an episode apart from another, long enough to hold a dozen points."""
MEMORY_S = 28 * 86_400
"""What the tail is learnt from: four weeks know the weekend four times."""
RENEWED = 4
"""Blocks after which the bulk is looked at again: once a day."""

USUAL_PEAK = 3.2
"""Median of the largest strength in a quarter of a day of the uneventful development series at 5 minutes (eight of ten: 2.9 to 3.4);
that of 36 independent values of Student's t with 5 degrees of freedom is 3.4."""
USUAL_INDEX, LIGHTEST_INDEX = 2.0, 4.5
"""Power with which rates fall. Lighter tails are not believed: on the uneventful development series rates fell from 4 to 0.3 a week with a
power of 4.2. The first guess is that of short hourly series, the heaviest."""
PEAK_BLOCKS, INDEX_BLOCKS = 8.0, 350.0
"""Weight of the prior in blocks: two days for the usual peak, twelve weeks for the index, which is known much worse."""
BULK_POINTS = 2000.0
"""Weight of the prior in points for the shape of the bulk: a week at 5 minutes, three months at one hour."""
BULK = np.array([0.7, 0.9])
"""Quantiles whose ratio shows the degrees of freedom: a tenth of the points may be strange."""
CENSORED = 0.15
"""Share of the strongest blocks of which only the number counts."""
LEAST_PEAK = 2.0
"""No block counts as quieter: a series that hardly moves is not one of which every change must be told."""


def false_rates(strength: FloatArray, *, step_s: int, alike: IntArray | None = None) -> FloatArray:
    """Episodes a week that reach the strength of each point while nothing is wrong, told by the blocks before the point's own.

    Parameters
    ----------
    strength : float array, shape (n_series, n_times)
        In spreads, of either sign; NaN is not judged.
    alike : int array, shape (n_series,), optional
        Series with the same number have tails of a kind: what a series has not shown yet is taken from all of them together. Without it
        each stands for itself.

    Returns
    -------
    float array, shape (n_series, n_times); NaN where not judged, infinite for a strength of 0

    References
    ----------
    Coles (2001), An Introduction to Statistical Modeling of Extreme Values, ch. 3 and 4 (block maxima, rates of exceedance). Hill (1975),
    A simple general approach to inference about the tail of a distribution, Annals of Statistics 3(5); with censoring it is the
    estimate of an exponential rate: events over exposure.
    """
    size = np.abs(strength)
    steps = max(round(BLOCK_S / step_s), BLOCK_STEPS)
    remembered = max(4, round(MEMORY_S / (steps * step_s)))
    peak, index = (np.repeat(one, steps, axis=1)[:, : size.shape[1]] for one in _tails(size, steps, remembered, alike))
    with np.errstate(divide="ignore", over="ignore"):
        return _per_week(steps, step_s) * (size / peak) ** -index


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


def _tails(size: FloatArray, steps: int, remembered: int, alike: IntArray | None) -> tuple[FloatArray, FloatArray]:
    """Median peak and index in force in each block, shapes (n_series, n_blocks)."""
    peaks = np.log(_block_peaks(size, steps))
    n_blocks = peaks.shape[1] + 1
    usual, index = np.empty((2, len(size), n_blocks))
    for block in range(n_blocks):
        first = max(0, block - remembered)
        if block % RENEWED == 0:
            prior = _bulk_index(size[:, first * steps : block * steps])
        known = np.full(len(size), np.log(USUAL_PEAK)), prior
        if alike is not None:
            known = _pooled(peaks[:, first:block], alike, prior)
        usual[:, block], index[:, block] = _tail(np.sort(peaks[:, first:block], axis=1), *known)
    return usual, index


def _pooled(peaks: FloatArray, alike: IntArray, index: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logarithm of the median peak and index of all series alike, as prior of each, shapes (n_series,)."""
    found = np.empty((2, len(peaks)))
    for kind in np.unique(alike):
        rows = alike == kind
        usual = np.array([np.log(USUAL_PEAK)])
        peak, tail = _tail(np.sort(peaks[rows].ravel())[None], usual, np.array([index[rows].mean()]))
        found[:, rows] = np.log(peak), tail
    return found[0], found[1]


def _block_peaks(size: FloatArray, steps: int) -> FloatArray:
    """Largest of each whole block, at least `LEAST_PEAK`; NaN where less than half of it is judged."""
    whole = size.shape[1] // steps
    blocks = size[:, : whole * steps].reshape(len(size), whole, steps)
    judged = np.isfinite(blocks)
    largest = np.where(judged, blocks, 0).max(axis=2, initial=LEAST_PEAK)
    return np.where(2 * judged.sum(axis=2) >= steps, largest, np.nan)


def _bulk_index(size: FloatArray) -> FloatArray:
    """Degrees of freedom of Student's t with the ratio of quantiles that the points have, shape (n_series,)."""
    degrees, ratios = _student_ratios()
    if not size.shape[1]:
        return np.full(len(size), USUAL_INDEX)
    low, high = robust.quantiles(size, BULK).T
    count = np.isfinite(size).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.minimum(np.log(high / low), ratios[0])
    trust = count / (count + BULK_POINTS)
    usual = np.interp(USUAL_INDEX, degrees, ratios)
    # Where all is 0 nothing is known; where only most is, the tail is as heavy as any.
    ratio = np.where(np.isfinite(own), trust * own + (1 - trust) * usual, usual)
    return np.minimum(np.interp(-ratio, -ratios, degrees), LIGHTEST_INDEX)


@lru_cache(maxsize=1)
def _student_ratios() -> tuple[FloatArray, FloatArray]:
    """Degrees of freedom, and the logarithm of the ratio of the bulk's quantiles of the size of such a variable."""
    from scipy.special import stdtrit

    degrees = np.array([1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 12, 30])
    low, high = (stdtrit(degrees, (1 + level) / 2) for level in BULK)
    return degrees, np.log(high / low)


def _tail(ranked: FloatArray, prior_peak: FloatArray, prior_index: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median peak and index from the sorted logarithms of block peaks, missing ones last."""
    count = np.isfinite(ranked).sum(axis=1)
    own, limit = (_of_rank(ranked, count, share) for share in (0.5, 1 - CENSORED))
    usual = (count * own + PEAK_BLOCKS * prior_peak) / (count + PEAK_BLOCKS)
    beyond = np.minimum(ranked, limit[:, None]) - own[:, None]
    upper = np.isfinite(ranked) & (beyond > 0)
    counted = (upper & (ranked <= limit[:, None])).sum(axis=1)
    exposure = np.where(upper, beyond, 0).sum(axis=1)
    return np.exp(usual), (counted + INDEX_BLOCKS) / (exposure + INDEX_BLOCKS / prior_index)


def _of_rank(ranked: FloatArray, count: IntArray, share: float) -> FloatArray:
    """Value of that rank among the present ones; the usual peak where none is."""
    if not ranked.shape[1]:
        return np.full(len(ranked), np.log(USUAL_PEAK))
    place = np.rint(share * np.maximum(count - 1, 0)).astype(np.int64)
    return np.where(count > 0, np.take_along_axis(ranked, place[:, None], axis=1)[:, 0], np.log(USUAL_PEAK))
