"""Since when is a series different: its levels and slopes, found as the shortest description of the whole series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Segmentation", "change_points", "segment"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

ALPHA = 0.5
"""Change points that the prior expects in a series. Simulated share of series without a change in which one is found: at most 1 % in
white noise, 4 % in AR(0.5), 8 % in AR(0.8) and AR(0.9) noise of 100 to 1000 samples, 6 % with Student's t(3); 16 % of 30 samples of AR
noise. Noise beyond `LONGEST_MEMORY` is cut more often (AR(0.95): 12 % of 100, 27 % of 1000 samples). A tenth of alpha: a third of that."""

MIN_LENGTH = 3
"""Shortest regime, samples: one or two odd values are outliers (patches of two survive a median of five)."""

MEMORIES = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Trial autocorrelations at lag 1. Neighbours differ by so little that noise of one is described as the next with a few bits a regime."""

LONGEST_MEMORY = 0.9
"""Noise that takes more than 10 samples to forget is a level to who looks at it."""

N_SCALES = 12
"""Trial noise scales for each memory, at most a factor of 2.3 apart."""

N_BLOCKS = 100
"""Blocks that tell the long-run variance: enough to know it to a quarter (1.17 / sqrt(100) is the error of a spread from medians)."""

MAX_CANDIDATES = 512
"""Positions looked at together; more change nothing in series of 800 samples, and time and memory grow with the square."""

SPIKE_SCALES = 5.0
"""A normal value is so far from the median of its neighbours once in two million samples."""

SPIKE_SHARE = 0.05
"""More values than this share, however extreme, are how the series is, not spikes in it."""

SMALLEST_SCALE = 1e-4
"""Variance of the noise, as a part of that of the series, below which no description need go: 1 % of the spread is not looked at."""


@dataclass(frozen=True)
class Segmentation:
    """Regimes of one series and what separates them.

    Attributes
    ----------
    change_points : int array, shape (n_changes,)
        First sample of each new regime.
    low, high : int arrays, shape (n_changes,)
        Interval of each change point, both ends included.
    start, end : int arrays, shape (n_changes + 1,)
        Each regime is samples [start, end).
    level : float array, shape (n_changes + 1,)
        Value in the middle of the regime, in the unit of the series; NaN where nothing was measured.
    slope : float array, shape (n_changes + 1,)
        Change per sample; 0 where a level describes the regime better.
    is_slope : bool array, shape (n_changes + 1,)
    memory : float
        Autocorrelation of the noise at lag 1.
    scale : float
        Standard deviation of the noise around the regimes.
    """

    change_points: IntArray
    low: IntArray
    high: IntArray
    start: IntArray
    end: IntArray
    level: FloatArray
    slope: FloatArray
    is_slope: BoolArray
    memory: float
    scale: float

    def line(self) -> FloatArray:
        """Levels and slopes drawn over all samples, shape (n_times,)."""
        lengths = self.end - self.start
        middle = np.repeat((self.start + self.end - 1) / 2, lengths)
        return np.repeat(self.level, lengths) + np.repeat(self.slope, lengths) * (np.arange(len(middle)) - middle)


def change_points(values: npt.ArrayLike) -> IntArray:
    """First sample of each new regime of a series: `segment` at its defaults."""
    return segment(values).change_points


def segment(
    values: npt.ArrayLike,
    *,
    alpha: float = ALPHA,
    min_length: int = MIN_LENGTH,
    longest_memory: float = LONGEST_MEMORY,
    level: float = 0.95,
) -> Segmentation:
    """Cut a series into regimes of constant level or constant slope.

    The segmentation is the one that makes the series most probable, or, which is the same, its description shortest. Within a regime
    the series is a level or a line plus AR(1) noise, whose scale and memory are unknown but the same everywhere; noise of different
    regimes is independent. Level and slope have normal priors as wide as the series varies (a unit-information prior, whose cost is
    that of the modified BIC: log of the regime's length, more for a low noise), so that each regime takes a slope only where that pays;
    each sample begins a regime with probability `alpha / n`. For each trial memory and scale the best segmentation is exact, by dynamic
    programming over all positions; long series over the positions where means of neighbouring windows of dyadic width differ most,
    and each change point is then put at its best place among all samples between its neighbours.

    Noise that AR(1) does not describe (white noise on a slow wander) has a larger long-run variance than its innovations: in series of 200
    samples or more it is estimated from differences of block means, and all that a regime costs is multiplied by what it is larger.

    Spikes are left out: up to two values far from the median of the five around them (at an end: of the five there). Missing values are
    passed over with the time they took.
    The interval of a change point holds the places that a likelihood ratio does not refute, the two regimes being fitted anew for each.
    A change within a gap is reported at the first sample after it, with an interval that begins in the gap.

    Parameters
    ----------
    values : float array, shape (n_times,)
        NaN is missing.
    alpha : float
        Change points expected before the series is seen; the smaller, the fewer are found in noise: see `ALPHA` for what is realised.
    min_length : int
        Shortest regime, in samples that are not missing; at least 2.
    longest_memory : float
        Largest autocorrelation at lag 1 that noise may have: what wanders more slowly is a change of level. Below 1.
    level : float
        Nominal coverage of the intervals.

    Raises
    ------
    ValueError
        For values of another shape, or options out of their range.

    References
    ----------
    Zhang & Siegmund (2007), A modified Bayes information criterion with applications to the analysis of comparative genomic
    hybridization data, Biometrics 63, 22-32 (what a level costs). Fearnhead (2006), Exact and efficient Bayesian inference for multiple
    changepoint problems, Statistics and Computing 16, 203-213 (recursion over independent regimes with priors). Davis, Lee &
    Rodriguez-Yam (2006), Structural break estimation for nonstationary time series models, JASA 101, 223-239 (description length with
    autoregressive noise). Chakar, Lebarbier, Levy-Leduc & Robin (2017), A robust approach for estimating change-points in the mean of
    an AR(1) process, Bernoulli 23, 1408-1447. Prais & Winsten (1954), Cowles Commission discussion paper 383 (first sample of AR(1)
    noise). Cho & Kirch (2022), Two-stage data segmentation permitting multiscale change points, heavy tails and dependence, Annals of
    the Institute of Statistical Mathematics 74, 653-684 (candidates, then a criterion). Eo & Morley (2015), Likelihood-ratio-based
    confidence sets for the timing of structural breaks, Quantitative Economics 6, 463-497 (intervals). Wu & Zhao (2007), Inference of
    trends in time series, JRSS B 69, 391-410 (long-run variance from block means). Lavielle & Moulines (2000), Least-squares estimation
    of an unknown number of shifts in a time series, Journal of Time Series Analysis 21, 33-59 (penalties for dependent noise).
    """
    values = np.asarray(values, np.float64)
    _check(values, alpha, min_length, longest_memory, level)
    series = _without_spikes(values)
    fit = _best_fit(series, alpha, min_length, longest_memory) if len(series.y) >= 2 * min_length and series.variance > 0 else None
    return _whole(len(values), series) if fit is None else _described(len(values), series, fit, min_length, level)


def _check(values: FloatArray, alpha: float, min_length: int, longest_memory: float, level: float) -> None:
    if values.ndim != 1:
        raise ValueError(f"values: one series of shape (n_times,) expected, got shape {values.shape}; call once for each series")
    if not (alpha > 0 and min_length >= 2 and 0 <= longest_memory < 1 and 0 < level < 1):
        raise ValueError(
            f"alpha {alpha}, min_length {min_length}, longest_memory {longest_memory}, level {level}: "
            "expected alpha > 0, min_length >= 2, 0 <= longest_memory < 1, 0 < level < 1"
        )


class _Series(NamedTuple):
    """What is described: place, time within [-1/2, 1/2], value from the mean, all of shape (n,); mean, variance of the values."""

    at: IntArray
    time: FloatArray
    y: FloatArray
    mean: float
    variance: float


def _without_spikes(values: FloatArray) -> _Series:
    at = np.flatnonzero(np.isfinite(values))
    at = at[~_is_spike(values[at])]
    if not len(at):
        return _Series(at, at.astype(np.float64), np.zeros(0), np.nan, 0.0)
    # Times from the middle and values from the mean: sums of squares then lose no digits.
    y = values[at]
    middle, extent = (at[0] + at[-1]) / 2, max(at[-1] - at[0], 1)
    return _Series(at, (at - middle) / extent, y - y.mean(), float(y.mean()), float(y.var()) if np.ptp(y) > 0 else 0.0)


def _is_spike(y: FloatArray) -> BoolArray:
    if len(y) < 5:
        return np.zeros(len(y), np.bool_)
    medians = np.median(np.lib.stride_tricks.sliding_window_view(y, 5), axis=1)
    distance = np.abs(y - medians[np.clip(np.arange(len(y)) - 2, 0, len(medians) - 1)])
    scale = max(_spread(distance), _spread(np.diff(y)) / np.sqrt(2), 1e-12 * np.ptp(y))
    rarest = np.sort(distance)[-1 - int(np.ceil(SPIKE_SHARE * len(y)))]
    return distance > max(SPIKE_SCALES * scale, rarest)


def _spread(x: FloatArray) -> float:
    """Standard deviation of normal values from their median absolute deviation from 0."""
    return float(1.4826 * np.median(np.abs(x))) if len(x) else 0.0


class _Moments(NamedTuple):
    """Sums over the whitened samples of regimes; `one`, `time` and `y` are what is multiplied, `gaps` the log of variances at gaps."""

    one_one: FloatArray
    one_time: FloatArray
    time_time: FloatArray
    one_y: FloatArray
    time_y: FloatArray
    y_y: FloatArray
    gaps: FloatArray


class _Whitened:
    """A series without the memory of its noise: sums over any regime in constant time.

    Within a regime a sample is replaced by its difference from what the noise of the sample before lets expect, divided by the standard
    deviation of that difference in units of the innovations'; the first by itself, in units of the noise's standard deviation.
    """

    def __init__(self, series: _Series, memory: float) -> None:
        decay = memory ** np.diff(series.at).astype(np.float64)
        unit = np.sqrt((1 - memory**2) / (1 - decay**2))
        plain = (np.ones(len(series.y)), series.time, series.y)
        one, time, self.y = (np.append(0.0, (x[1:] - decay * x[:-1]) * unit) for x in plain)
        pairs = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2))
        white = (one, time, self.y)
        self._sums = [np.append(0.0, np.cumsum(white[a] * white[b])) for a, b in pairs]
        self._sums.append(np.append([0.0, 0.0], np.cumsum(-2 * np.log(unit))))
        self._first = [(1 - memory**2) * plain[a] * plain[b] for a, b in pairs]
        self._first.append(np.zeros(len(series.y)))
        self.time, self.memory, self.inflation = series.time, memory, _inflation(self.y[1:])

    def moments(self, start: IntArray, end: IntArray) -> _Moments:
        """Sums over regimes [start, end), broadcast together."""
        return _Moments(*(total[end] - (total[start + 1] - first[start]) for total, first in zip(self._sums, self._first, strict=True)))

    def span(self, start: IntArray, end: IntArray) -> FloatArray:
        """Time from the first to the last sample of regimes [start, end); infinite for a single one, which then tells no slope."""
        span = self.time[end - 1] - self.time[start]
        return np.where(span > 0, span, np.inf)


class _Fit(NamedTuple):
    """A segmentation: length of the description, first samples of the regimes, which are slopes, the series without that memory."""

    length: float
    starts: IntArray
    is_slope: BoolArray
    white: _Whitened


def _best_fit(series: _Series, alpha: float, min_length: int, longest_memory: float) -> _Fit:
    places, price = _candidates(series.y), 2 * np.log(len(series.y) / alpha)
    memories = [memory for memory in MEMORIES if memory <= longest_memory]
    fits = [_shortest(_Whitened(series, memory), places, series.variance, price, min_length) for memory in memories]
    best = min(fits, key=lambda fit: fit.length)
    return best if len(places) > len(series.y) else _relocated(best, len(series.y), min_length)


def _candidates(y: FloatArray) -> IntArray:
    """Where regimes may begin or end, 0 and n among them: everywhere, or where neighbouring windows differ most.

    Of each width the best place of the best blocks is taken, a block being as long as a window; a quarter of the places is spread evenly,
    for slopes.
    """
    n = len(y)
    if n < MAX_CANDIDATES:
        return np.arange(n + 1)
    total = np.append(0.0, np.cumsum(y))
    found = [np.linspace(0, n, MAX_CANDIDATES // 4 + 1).astype(np.int64)]
    widths = 4 * 2 ** np.arange(int(np.log2(n / 16)) + 1)
    n_each = (MAX_CANDIDATES - len(found[0])) // len(widths)
    for width in widths:
        n_blocks = (n - 2 * width + 1) // width
        middle = width + np.arange(n_blocks * width)
        contrast = np.abs(total[middle + width] - 2 * total[middle] + total[middle - width]).reshape(n_blocks, width)
        peak = contrast.argmax(axis=1) + np.arange(n_blocks) * width
        found.append(middle[peak[np.argsort(-contrast.max(axis=1), kind="stable")[:n_each]]])
    return np.unique(np.concatenate(found))


def _shortest(white: _Whitened, places: IntArray, variance: float, price: float, min_length: int) -> _Fit:
    """The best segmentation of one memory of the noise."""
    end, start = np.tril_indices(len(places), -1)  # every pair of places, those with the same end together
    m, span = white.moments(places[start], places[end]), white.span(places[start], places[end])
    slope_info = 12 / span**2 * (m.time_time - m.one_time**2 / m.one_one)
    slope_y2 = 12 / span**2 * (m.time_y - m.one_time * m.one_y / m.one_one) ** 2
    scales, inflation = _scales(white), white.inflation
    costs = np.empty((len(scales), len(end)))
    is_slope = np.empty(costs.shape, np.bool_)
    for k, scale in enumerate(scales):
        ratio = scale / variance
        slope_gain = slope_y2 / (slope_info + ratio) / scale - inflation * np.log1p(slope_info / ratio)
        is_slope[k] = slope_gain > 0
        level_cost = (m.y_y - m.one_y**2 / (m.one_one + ratio)) / scale + inflation * np.log1p(m.one_one / ratio)
        costs[k] = level_cost - np.maximum(slope_gain, 0.0) + m.gaps
    costs += inflation * price - np.log(1 - white.memory**2)
    lengths, last = _cheapest_chain(costs, places, min_length)
    n = len(white.time)
    # One more parameter, known to 1 / sqrt(n), where there is a memory.
    lengths += n * np.log(2 * np.pi * scales) + np.log(n) * (white.memory > 0)
    k = int(lengths.argmin())
    edges = _chain(last[k])
    pairs = edges[1:] * (edges[1:] - 1) // 2 + edges[:-1]
    return _Fit(float(lengths[k]), places[edges[:-1]], is_slope[k, pairs], white)


def _inflation(innovations: FloatArray) -> float:
    """How many times larger than their variance the long-run variance of innovations is, at least 1: from differences of block means.

    Medians of differences hardly see a few steps or a slope.
    """
    width = len(innovations) // N_BLOCKS
    spread = _spread_around(np.diff(innovations))
    if width < 2 or spread == 0:
        return 1.0
    blocks = innovations[len(innovations) % width :].reshape(-1, width).mean(axis=1)
    return max(1.0, width * (_spread_around(np.diff(blocks)) / spread) ** 2)


def _spread_around(x: FloatArray) -> float:
    return _spread(x - np.median(x)) if len(x) else 0.0


def _scales(white: _Whitened) -> FloatArray:
    """Trial variances of the innovations: from half of what differences of neighbours show to that of a series without a change."""
    n = len(white.time)
    highest = float(white.moments(np.array([0]), np.array([n])).y_y[0]) / n
    lowest = 0.5 * _spread(np.diff(white.y[1:])) ** 2 / 2
    return np.geomspace(np.clip(lowest, SMALLEST_SCALE * highest, highest), highest, N_SCALES)


def _cheapest_chain(costs: FloatArray, places: IntArray, min_length: int) -> tuple[FloatArray, IntArray]:
    """Cost of the cheapest chain of regimes to the last place, and the place before each; shapes (n_scales,), (n_scales, n_places).

    `costs[k, j * (j - 1) // 2 + i]` is that of the regime from place i to place j.
    """
    best = np.full((len(costs), len(places)), np.inf)
    best[:, 0] = 0.0
    last = np.zeros(best.shape, np.int64)
    n_usable = np.searchsorted(places, places - min_length, side="right")
    for j, usable in enumerate(n_usable):
        if usable:
            first = j * (j - 1) // 2
            chains = best[:, :usable] + costs[:, first : first + usable]
            last[:, j] = chains.argmin(axis=1)
            best[:, j] = chains.min(axis=1)
    return best[:, -1], last


def _chain(last: IntArray) -> IntArray:
    edges = [len(last) - 1]
    while edges[-1] > 0:
        edges.append(int(last[edges[-1]]))
    return np.array(edges[::-1])


def _relocated(fit: _Fit, n: int, min_length: int) -> _Fit:
    """Each change point at its best place between its neighbours, from the first to the last, twice: the second time they have moved."""
    starts = fit.starts.copy()
    for _ in range(2):
        for k in range(1, len(starts)):
            first, misfit = _profile(fit._replace(starts=starts), k, n, min_length)
            starts[k] = first + int(misfit.argmin())
    return fit._replace(starts=starts)


def _profile(fit: _Fit, k: int, n: int, min_length: int) -> tuple[int, FloatArray]:
    """First place that regime k may begin at, and the sum of squares of it and its neighbour for all places from there."""
    edges = np.append(fit.starts, n)
    places = np.arange(edges[k - 1] + min_length, edges[k + 1] - min_length + 1)
    before = _misfit(fit.white.moments(edges[k - 1 : k], places), fit.is_slope[k - 1 : k])
    return int(places[0]), before + _misfit(fit.white.moments(places, edges[k + 1 : k + 2]), fit.is_slope[k : k + 1])


def _misfit(m: _Moments, is_slope: BoolArray) -> FloatArray:
    """Sum of squares around the level or line of each regime."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (m.time_y - m.one_time * m.one_y / m.one_one) ** 2 / (m.time_time - m.one_time**2 / m.one_one)
    return np.asarray(np.maximum(m.y_y - m.one_y**2 / m.one_one - np.where(is_slope, slope, 0.0), 0.0))


def _described(n_times: int, series: _Series, fit: _Fit, min_length: int, level: float) -> Segmentation:
    n, at = len(series.y), series.at
    ends = np.append(fit.starts[1:], n)
    m = fit.white.moments(fit.starts, ends)
    misfit = float(_misfit(m, fit.is_slope).sum())
    variance = max(misfit / n, SMALLEST_SCALE * series.variance)
    refuted = -2 * np.log(1 - np.sqrt(level)) * variance * fit.white.inflation
    low, high = [], []
    for k in range(1, len(fit.starts)):
        first, profile = _profile(fit, k, n, min_length)
        kept = first + np.flatnonzero(profile <= profile.min() + refuted)
        low.append(at[kept[0] - 1] + 1)
        high.append(at[kept[-1]])
    change = at[fit.starts[1:]]
    start, end = np.append(0, change), np.append(change, n_times)
    slope, value = _lines(series, m, fit.is_slope, (start + end - 1) / 2)
    return Segmentation(
        change, np.array(low, np.int64), np.array(high, np.int64), start, end, value, slope, fit.is_slope,
        fit.white.memory, float(np.sqrt(misfit / n / (1 - fit.white.memory**2))),
    )  # fmt: skip


def _lines(series: _Series, m: _Moments, is_slope: BoolArray, middle: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slope per sample and value in the middle of each regime."""
    centre = m.one_time / m.one_one
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(is_slope, (m.time_y - centre * m.one_y) / (m.time_time - centre * m.one_time), 0.0)
    extent = max(int(series.at[-1] - series.at[0]), 1)
    time = (middle - (series.at[0] + series.at[-1]) / 2) / extent
    return slope / extent, series.mean + m.one_y / m.one_one + slope * (time - centre)


def _whole(n_times: int, series: _Series) -> Segmentation:
    """One level: too short to say more, or constant."""
    none, one = np.zeros(0, np.int64), np.zeros(1)
    spread = float(np.sqrt(series.variance)) if len(series.y) else np.nan
    return Segmentation(
        none, none, none, np.zeros(1, np.int64), np.array([n_times]), np.array([series.mean]), one, np.zeros(1, np.bool_), 0.0, spread
    )
