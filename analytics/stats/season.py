"""Which periods a series really has: lines of its spectrum that stand out of noise of any colour, and what part of the variance is theirs.

The null hypothesis is noise with a smooth spectrum, not white noise: slow wander has large low frequencies and no season.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.stats import robust

__all__ = ["Season", "find_seasons"]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

HARMONICS = (1, 2, 4, 8, 16)
"""Numbers of lines that are summed: a smooth season has one or two, a short pulse many."""

PADDING = 4
"""Points of the spectrum per independent one: a line between two of them keeps 95 % of its power."""

COST_OF_LINE = 4.0
"""Power over noise that a line must have to be counted to a period: one of noise has 1, and more than this in 2 % of cases."""

FEWEST_CYCLES = 2
MOST_SEASONS = 4
FEWEST_VALUES = 48

BAND_SIZE = 16
"""Fewest ordinates that tell the height of the noise; bands double in width from there on."""

MEDIAN_EFFICIENCY = 0.48
"""Ordinates whose mean knows an exponential scale as well as the median of one ordinate does (1 / (2 ln 2)^2 = 0.52, less for small n)."""

CLIP = 5.0
"""Largest change counted, in spreads: a spike or a level shift is one event and no season."""


LEAST_STRENGTH = 0.05
"""A season with less of the variance may be real and is of no use: mostly what an uneven strong one leaves."""

ENOUGH_OF_IT = 0.9
"""Part of what a period explains that a divisor of it must explain to stand for it."""

MOST_OF_ALL = 0.75
"""Part of all that varies from which on a usual period needs no comparison with longer ones: of a pulse that comes every other time, or
more rarely, it explains a half at most."""

COMMON = 0.25
"""Least part of the variance of a long period that short ones in it must have in common to be a season: seven that have nothing in common
reach a seventh."""


@dataclass(frozen=True)
class Season:
    """A period that a series has.

    Attributes
    ----------
    period : its length in steps
    strength : part of the variance about its slow course (an eighth of the history) that is the season's, 0 to 1
    p_value : of noise having such lines anywhere among the periods looked at
    """

    period: int
    strength: float
    p_value: float


def find_seasons(values: FloatArray, *, usual: Sequence[int] = (), alpha: float = 0.01) -> list[list[Season]]:
    """Seasons of each series, strongest first; in noise a part `alpha` of series has one by mistake.

    Parameters
    ----------
    values : float array, shape (n_series, n_times)
        NaN is missing; filled linearly.
    usual : ints
        Periods in steps that are likely beforehand (a day, a week): half of `alpha` is theirs, the rest is shared by all other periods up
        to half of the history.
    alpha : float
        False finds per series of noise at most; simulated, 0.1 to 0.5 % on white noise, AR(1) noise up to 0.95 and noise on slow wander.

    References
    ----------
    Fisher (1929), Tests of significance in harmonic analysis, Proc. R. Soc. A 125. Vaughan (2005), A simple test for periodic signals in
    red noise, Astronomy & Astrophysics 431 (lines against a fitted noise spectrum).
    """
    found: list[list[Season]] = [[] for _ in values]
    known = np.flatnonzero(np.isfinite(values).sum(axis=1) >= FEWEST_VALUES)
    spans = np.array([_span(row) for row in values[known]]).reshape(-1, 2)
    for first, stop in np.unique(spans, axis=0):
        rows = known[(spans == (first, stop)).all(axis=1)]
        for row, seasons in zip(rows.tolist(), _of_one_span(values[rows, first:stop], usual, alpha), strict=True):
            found[row] = seasons
    return found


def _span(values: FloatArray) -> tuple[int, int]:
    """From where to where a series lasts, in pieces: one that began late must not look like one that was flat before."""
    present = np.flatnonzero(np.isfinite(values))
    first, last = int(present[0]), int(present[-1])
    start = -(-first // FEWEST_VALUES) * FEWEST_VALUES
    return (start if last - start >= FEWEST_VALUES else first), len(values) - (len(values) - 1 - last) // FEWEST_VALUES * FEWEST_VALUES


def _of_one_span(values: FloatArray, usual: Sequence[int], alpha: float) -> list[list[Season]]:
    """Seasons of series that last from the first to the last column."""
    found: list[list[Season]] = [[] for _ in values]
    # Spectra need a value everywhere; courses are folded from what is there.
    is_there = np.isfinite(values)
    left = _filled(values)
    original = left.copy()
    candidates = _Candidates.of(values.shape[1], usual)
    active = np.arange(len(values))
    for number in range(MOST_SEASONS):
        about, p_value = candidates.best(left[active], alpha, is_first=number == 0)
        hit = p_value <= alpha
        active = active[hit]
        about = about[hit]
        period = np.empty_like(about)
        for length in np.unique(about):
            period[about == length] = _refined(left[active[about == length]], is_there[active[about == length]], int(length), usual)
        for row, length, chance in zip(active.tolist(), period.tolist(), p_value[hit].tolist(), strict=True):
            found[row].append(Season(length, 0.0, chance))
        for length in np.unique(period):
            rows = active[period == length]
            left[rows] -= _profile(_detrended(left[rows], is_there[rows], int(length)), int(length))
        if not len(active):
            break
    return [_measured(*parts) for parts in zip(original, is_there, found, strict=True)]


@dataclass(frozen=True)
class _Candidates:
    """Periods looked at, and where in the padded spectrum their lines lie.

    Attributes
    ----------
    period : int array, shape (n_candidates,), in steps
    n_tests : float array, shape (n_candidates,); how many share the part of alpha that a candidate has
    line : int array, shape (n_candidates, most harmonics); index into the padded spectrum, 0 where there is no such line
    n_padded : length of the padded series
    """

    period: IntArray
    n_tests: FloatArray
    line: IntArray
    n_padded: int

    @classmethod
    def of(cls, n_times: int, usual: Sequence[int]) -> _Candidates:
        longest = n_times // FEWEST_CYCLES
        likely = sorted({period for period in usual if 3 <= period <= longest})
        # Beyond, neighbours differ by less than the sixteenth line can tell.
        dense = np.arange(3, min(longest, int(np.sqrt(16 * n_times))) + 1, dtype=np.int64)
        sparse = 16 * n_times / np.arange(16 * n_times // (dense[-1] + 1), 16 * n_times // longest - 1, -1)
        others = np.setdiff1d(np.concatenate([dense, np.rint(sparse[sparse <= longest]).astype(np.int64)]), likely)
        period = np.concatenate([likely, others]).astype(np.int64)
        n_tests = np.where(np.isin(period, likely), 2 * max(1, len(likely)), (2 if likely else 1) * len(others)) * len(HARMONICS)
        n_padded = 1 << int(np.ceil(np.log2(PADDING * n_times)))
        cycles = np.arange(1, HARMONICS[-1] + 1) / period[:, None]
        return cls(period, n_tests.astype(float), np.where(cycles <= 0.5, np.rint(cycles * n_padded), 0).astype(np.int64), n_padded)

    def best(self, values: FloatArray, alpha: float, *, is_first: bool) -> tuple[IntArray, FloatArray]:
        """Strongest significant candidate of each series, else one of the others; its p-value among all candidates."""
        from scipy.special import betainc

        whitened = _whitened(values)
        ratio, band, size = _over_noise(whitened, self.n_padded)
        if not is_first:
            # A season that is not the same every time leaves a hill around its lines, on which chance makes more lines.
            ratio = ratio / _hills(ratio, self.n_padded / values.shape[1])
        total = self._summed(ratio)
        # A mean of H exponential ordinates over their scale known from m others: Fisher's F with 2 H and 2 m degrees of freedom. By
        # chance it exceeds 1 in three of ten or more: how often exactly matters only beyond.
        lines, others = np.array(HARMONICS, float), self._known_by(band, size)
        p_value, asked = np.ones_like(total), total > lines
        shape, others = (np.broadcast_to(part, total.shape)[asked] for part in (lines, others))
        p_value[asked] = betainc(others, shape, others / (others + total[asked]))
        p_value *= self.n_tests[:, None]
        # The noise may rise towards low frequencies faster than it is known: a line also stands out of its two neighbours.
        beside = max(1, round(self.n_padded / values.shape[1]))
        near = self._summed((np.roll(ratio, beside, axis=1) + np.roll(ratio, -beside, axis=1)) / 2)
        asked = p_value <= alpha
        twice, near, clear = (np.broadcast_to(part, asked.shape)[asked] for part in (2 * np.array(HARMONICS, float), near, total))
        p_value[asked] = np.maximum(p_value[asked], betainc(twice, twice / 2, 2 * near / (2 * near + clear + np.finfo(float).tiny)))
        p_value[:, (self.line == 0)[:, np.array(HARMONICS) - 1]] = np.inf
        best = p_value.min(axis=2)
        # Very small p-values are all 0: of those that are significant the one whose lines hold most power above noise is it.
        power = (total - COST_OF_LINE * np.array(HARMONICS)).max(axis=2)
        place = np.where(best <= alpha, power, -best).argmax(axis=1)
        return self.period[place], np.minimum(best[np.arange(len(values)), place], 1)

    def _known_by(self, band: IntArray, size: FloatArray) -> FloatArray:
        """Ordinates that the noise under the first 1, 2, 4 … lines is known from: errors of bands are independent."""
        lines = np.array(HARMONICS, float)
        inside = (band[self.line] == np.arange(len(size))[:, None, None]) & (self.line > 0)
        per_band = np.cumsum(inside, axis=2)[..., np.array(HARMONICS) - 1]
        return lines**2 / np.maximum((per_band**2 / size[:, None, None]).sum(axis=0), np.finfo(float).tiny)

    def _summed(self, spectrum: FloatArray) -> FloatArray:
        """Sums of the first 1, 2, 4 … lines of each candidate, shape (n_series, n_candidates, len(HARMONICS))."""
        return np.cumsum(spectrum[:, self.line] * (self.line > 0), axis=2)[..., np.array(HARMONICS) - 1]


def _filled(values: FloatArray) -> FloatArray:
    times = np.arange(values.shape[1])
    rows = [np.interp(times, times[present], row[present]) for row, present in zip(values.astype(float), np.isfinite(values), strict=True)]
    return np.array(rows)


def _whitened(values: FloatArray) -> FloatArray:
    """Each value less what the one before lets expect, cut where it is too large for more than one event."""
    centred = values - values.mean(axis=1, keepdims=True)
    power = (centred**2).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        carried = np.clip(np.nan_to_num((centred[:, 1:] * centred[:, :-1]).sum(axis=1, keepdims=True) / power), 0, 1)
    change = centred[:, 1:] - carried * centred[:, :-1]
    change -= robust.median(change)[:, None]
    spread = robust.mad(change)[:, None]
    limit = np.where(spread > 0, CLIP * spread, np.inf)
    return np.clip(change, -limit, limit)


def _over_noise(whitened: FloatArray, n_padded: int) -> tuple[FloatArray, IntArray, FloatArray]:
    """Padded periodogram over the noise around each frequency; band of each frequency; ordinates that each band's noise is known from."""
    n_times = whitened.shape[1]
    power = np.abs(np.fft.rfft(whitened - whitened.mean(axis=1, keepdims=True), n_padded, axis=1)) ** 2 / n_times
    n_bands = max(1, int(np.log2(n_times / 2 / BAND_SIZE + 1)))
    edges = np.minimum(1 + BAND_SIZE * (2 ** np.arange(n_bands + 1) - 1), n_times // 2)
    edges[-1] = n_times // 2
    frequency = np.arange(power.shape[1]) * (n_times / n_padded)
    centre, height, size = [], [], []
    for first, stop in itertools.pairwise(edges.tolist()):
        ordinates = power[:, np.rint(np.arange(first, stop) * n_padded / n_times).astype(np.int64)]
        centre.append(np.log(np.sqrt(first * (stop - 1.0))))
        height.append(np.log(np.median(ordinates, axis=1) / np.log(2) + np.finfo(float).tiny))
        size.append(MEDIAN_EFFICIENCY * (stop - first))
    noise = _along(np.log(np.maximum(frequency, 1)), np.array(centre), np.array(height).T)
    band = np.clip(np.searchsorted(edges, frequency, side="right") - 1, 0, len(size) - 1)
    return power / np.exp(noise), band, np.array(size)


HILL_ORDINATES = 17
"""Ordinates that tell whether a line stands on a hill; lines of a season seen three times are fewer than half of them."""


def _hills(ratio: FloatArray, spacing: float) -> FloatArray:
    """Local height of a periodogram that is level on the whole, at least 1, shape as `ratio`."""
    from scipy.ndimage import median_filter

    place = np.arange(ratio.shape[1]) / spacing
    ordinates = ratio[:, np.rint(np.arange(int(place[-1]) + 1) * spacing).astype(np.int64)]
    height = median_filter(ordinates, size=(1, HILL_ORDINATES), mode="nearest") / np.log(2)
    return np.maximum(height[:, np.minimum(np.rint(place).astype(np.int64), height.shape[1] - 1)], 1)


def _along(place: FloatArray, centre: FloatArray, height: FloatArray) -> FloatArray:
    """Heights between and beyond the centres, linear; beyond the first, where slow noise grows, they may rise but not fall."""
    if len(centre) == 1:
        return np.repeat(height, len(place), axis=1)
    right = np.clip(np.searchsorted(centre, place), 1, len(centre) - 1)
    part = (place - centre[right - 1]) / (centre[right] - centre[right - 1])
    between = height[:, right - 1] + np.clip(part, 0, 1) * (height[:, right] - height[:, right - 1])
    rise = np.maximum(height[:, 0] - height[:, 1], 0) / (centre[1] - centre[0])
    return between + rise[:, None] * np.maximum(centre[0] - place, 0)


def _refined(values: FloatArray, is_there: BoolArray, about: int, usual: Sequence[int]) -> IntArray:
    """Whole period near `about` that explains most of each series, a usual one first; a part of it if that explains nearly as much."""
    cycles = values.shape[1] / about
    low, high = about * (1 - 0.5 / cycles), about * (1 + 0.5 / cycles)
    found = np.zeros(len(values), np.int64)
    # The lines of a marked season leak into those beside them, so that a multiple of its period may seem to have more of them.
    for length in sorted(period for period in usual if 3 <= period <= high):
        rows = np.flatnonzero(found == 0)
        rows = rows[_explained(values[rows], is_there[rows], length) >= MOST_OF_ALL]
        if rows.size:
            found[rows] = _shortest(values[rows], is_there[rows], np.array([length]), usual)
    rows = np.flatnonzero(found == 0)
    if rows.size:
        likely = [period for period in usual if low <= period <= high]
        near = np.array(likely or range(max(2, int(np.ceil(low))), max(int(high), about) + 1))
        found[rows] = _shortest(values[rows], is_there[rows], near, usual)
    return found


def _shortest(values: FloatArray, is_there: BoolArray, near: IntArray, usual: Sequence[int]) -> IntArray:
    """The one of some periods that explains most of each series, or a part of it."""
    explained = np.stack([_explained(values, is_there, int(length)) for length in near])
    period, whole = near[explained.argmax(axis=0)], explained.max(axis=0)
    # Upwards: a part that is found is shorter than what is still to come.
    for length in np.unique(period):
        rows = np.flatnonzero(period == length)
        for shorter in [int(length) // parts for parts in range(int(length) // 3, 1, -1) if length % parts == 0]:
            enough = _explained(values[rows], is_there[rows], shorter) >= ENOUGH_OF_IT * whole[rows]
            if shorter in usual:
                enough |= np.array([_rows_agree(values[row], is_there[row], shorter, int(length)) for row in rows], bool)
            period[rows[enough]] = shorter
            rows = rows[~enough]
    return period


def _explained(values: FloatArray, is_there: BoolArray, period: int) -> FloatArray:
    """Part of the variance of each series that phases of a period explain, less what they would of noise (adjusted R squared)."""
    cycles = values.shape[1] // period
    whole = slice(0, cycles * period)
    around_it = (values - _trend(values, period))[:, whole]
    folded, known = (
        part.reshape(len(values), cycles, period) for part in (np.where(is_there[:, whole], around_it, 0.0), is_there[:, whole])
    )
    count, total = known.sum(axis=1), folded.sum(axis=1)
    n, phases = count.sum(axis=1), (count > 0).sum(axis=1)
    off = np.where(known, folded - (total / np.maximum(count, 1))[:, None], 0.0)
    within = np.einsum("rcp,rcp->r", off, off)
    around = np.einsum("rcp,rcp->r", folded, folded) - total.sum(axis=1) ** 2 / np.maximum(n, 1)
    return 1 - within / np.maximum(n - phases, 1) / np.maximum(around / np.maximum(n - 1, 1), np.finfo(float).tiny)


def _rows_agree(values: FloatArray, is_there: BoolArray, short: int, long: int) -> bool:
    """Whether the short periods inside a long one have a course in common, more than when each begins at another phase."""
    rows = _profile(_detrended(values, is_there, long), long)[:long].reshape(-1, short)
    shifts = np.unique(np.linspace(1, short - 1, 23).astype(np.int64))
    phase = np.arange(short)
    turned = [np.mean([rows[row, (phase + row * shift) % short] for row in range(len(rows))], axis=0).var() for shift in shifts]
    common = rows.mean(axis=0).var()
    return bool(common > max(turned) and common >= COMMON * rows.var())


def _detrended(values: FloatArray, is_there: BoolArray, period: int) -> FloatArray:
    """Values less their `_trend`; NaN where nothing was measured."""
    return np.where(is_there, values - _trend(values, period), np.nan)


def _trend(values: FloatArray, period: int) -> FloatArray:
    """Mean of the values over one period around, at the ends over the first and last whole one."""
    n_times = values.shape[-1]
    total = np.zeros((*values.shape[:-1], n_times + 1))
    np.cumsum(values, axis=-1, out=total[..., 1:])
    means = (total[..., period:] - total[..., :-period]) / period
    first = np.clip(np.arange(n_times) - period // 2, 0, n_times - period)
    return np.take(means, first, axis=-1)


def _profile(series: FloatArray, period: int) -> FloatArray:
    """Course of the season, repeated over all times: the midmean of each phase over the cycles."""
    n_times = series.shape[-1]
    cycles = -(-n_times // period)
    padded = np.full((*series.shape[:-1], cycles * period), np.nan)
    padded[..., :n_times] = series
    course = np.nan_to_num(robust.midmean(np.swapaxes(padded.reshape(*series.shape[:-1], cycles, period), -1, -2)))
    course -= course.mean(axis=-1, keepdims=True)
    return np.tile(course, cycles)[..., :n_times]


def _measured(values: FloatArray, is_there: BoolArray, seasons: list[Season]) -> list[Season]:
    """Seasons with their strength, strongest first; short ones that only were parts of a longer one are dropped."""
    unique = {season.period: season for season in reversed(seasons)}
    longer = [(short, long) for short in unique for long in unique if long > short and long % short == 0]
    dropped = {short for short, long in longer if not _rows_agree(values, is_there, short, long)}
    kept = sorted(unique.keys() - dropped)
    if not kept:
        return []
    # Whole periods, an eighth of the history or more: what is slower than that is the slow course.
    series = _detrended(values, is_there, kept[-1] * -(-len(values) // (8 * kept[-1])))
    variance = {}
    for period in kept:
        course = _profile(series, period)
        series = series - course
        spread = robust.mad(series)
        calm = np.clip(series, -CLIP * spread, CLIP * spread) if spread > 0 else series
        cycles = len(series) / period
        noise = float(np.nanvar(calm)) * cycles / (cycles - 1)
        variance[period] = max(course.var() - noise / cycles, 0.0)
    total = sum(variance.values()) + noise
    measured = [replace(unique[period], strength=float(variance[period] / total) if total > 0 else 1.0) for period in kept]
    return sorted((one for one in measured if one.strength >= LEAST_STRENGTH), key=lambda season: -season.strength)
