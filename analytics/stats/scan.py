"""Is a series still what it was? Windows of many lengths, compared with the learning stretch, in five channels at once.

`learn_reference` says how each channel varies while nothing changes, `score` gives the evidence of each bin against that
(`stats.changes` turns it into changes). Nothing uses a later bin than the one it judges.

The evidence is that of a generalised likelihood ratio over the length of the window (Lai 1995, Sequential changepoint detection in quality
control and dynamical systems, JRSS B 57(4)): the largest log likelihood ratio of a window that ends here, plus the logarithm of its
length, since there are fewer long windows that could be large by chance.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.stats.bins import shrunk_profile
from analytics.stats.channels import Channels
from analytics.stats.longrun import window_variance

__all__ = [
    "KINDS",
    "Evidence",
    "Frame",
    "Reference",
    "events_and_trials",
    "learn_reference",
    "likelihood_ratio",
    "lower_median",
    "mean_change",
    "one_series",
    "over",
    "score",
    "score_from",
    "shape_change",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

KINDS = ("level", "spread", "tail", "season", "availability")
LEVEL, SPREAD, TAIL, SEASON, AVAILABILITY = range(len(KINDS))

WINDOWS_H = (3, 6, 12, 24, 48, 96, 168, 336)
"""Lengths of the windows: each about twice the last, so that any change fills most of one of them."""
SHORTEST_H = (12, 12, 6, 48, 3)
"""Shortest window of each kind. Incidents last up to hours, an odd day is no other shape of the day, and failures are counted in runs."""
FILLED = 0.5
"""Share of its bins that a window must hold to say something."""

BOUND = 2.5
"""Values of bins are bounded this many robust standard deviations from their median: an incident of four hours cannot alarm by itself,
and the mean of normal values keeps 99 % of its efficiency (Huber 1964)."""
CONSTANT_LIMIT = 0.01
"""Bound of a series whose values are mostly the same, on the scale of its residuals; ten standard deviations if they all are."""
WANDER = (0.35, 0.05)
"""Share of the variance of a bin that usually wanders from hour to hour: of level, of spread. Centres of the prior of `longrun`."""
DEGREES_PER_DAY = 2
"""Degrees of freedom that a day of the learning stretch gives a variance: windows shorter than a day know more than one per day."""
GUARD_H = 48
"""Windows up to which a change must not be explained by a day of the other type: a holiday is at least half of them."""
USUAL_DISPERSION, DISPERSION_DAYS = 1.2, 10
"""Variance over mean of daily counts before any day was seen, and the days that this weighs."""
IMPROVEMENT = 5.0
"""Evidence that fewer failures, fewer slow answers or less spread need beyond what more of them need: good news can wait."""
OFFSET = (2.6, 3.9, 3.1, 7.9, 0.4)
"""Evidence at which quiet series pass for changed equally often by all kinds, but for their shares of the false alarms: about a third for
the level, a tenth for the spread, a fifth for each other (`benchmarks/drift_null.py`)."""
RELEARNT_DAYS = 2
"""Days from which on what follows an acceptance can be compared with."""

NORMAL_CONSISTENCY = 1.4826


@dataclass(frozen=True)
class Reference:
    """How the channels of each series vary while nothing changes.

    Attributes
    ----------
    windows : int array, shape (n_windows,)
        Lengths in bins.
    bins_per_day : bins in a day
    n_bins, degrees : bins of the learning stretch, the first ones of the channels; degrees of freedom that it gives a variance
    accepted : bin of the acceptance after which the means are learnt again, if there was one
    median, limit : float arrays, shape (2, n_series)
        Of level and spread: what values are bounded about, and how far from it.
    variance : float array, shape (2, n_series, n_windows)
        Of means of bounded values over windows.
    day_profile : float array, shape (2, n_series, bins_per_day)
        Variance by time of day over the usual one.
    precision : float array, shape (n_series, 2, 2)
        Inverse covariance of the amplitude and phase of one day.
    dispersion : float array, shape (2, n_series)
        Variance over mean of daily counts, of slow runs and of failures.
    """

    windows: IntArray
    bins_per_day: int
    n_bins: int
    degrees: float
    accepted: int | None
    median: FloatArray
    limit: FloatArray
    variance: FloatArray
    day_profile: FloatArray
    precision: FloatArray
    dispersion: FloatArray

    def select(self, rows: IntArray | slice) -> Reference:
        """The reference of these series."""
        parts = {name: getattr(self, name)[:, rows] for name in ("median", "limit", "variance", "day_profile", "dispersion")}
        return replace(self, precision=self.precision[rows], **parts)


@dataclass(frozen=True)
class Evidence:
    """Evidence of each kind of change, bin by bin.

    Attributes
    ----------
    statistic : float array, shape (n_series, n_kinds, n_bins)
        About minus the logarithm of how often a quiet series shows as much, on one scale for all kinds; -inf where nothing can be said.
    window : int array, same shape
        Which of the windows says most.
    first : bin of the channels that the first column stands for
    channels, reference : what it was computed from
    """

    statistic: FloatArray
    window: IntArray
    first: int
    channels: Channels
    reference: Reference


def learn_reference(channels: Channels, n_bins: int) -> Reference:
    """Noise of each channel in its learning stretch, the first `n_bins` bins."""
    day = channels.bins_per_day
    values = np.stack([channels.level, channels.spread])[:, :, :n_bins]
    median = lower_median(values)
    limit = BOUND * NORMAL_CONSISTENCY * lower_median(np.abs(values - median[..., None]))
    limit = np.where(limit == 0, CONSTANT_LIMIT, limit)
    bounded = np.clip(values - median[..., None], -limit[..., None], limit[..., None])
    centred = bounded - _mean(bounded)[..., None]
    windows = np.array([round(length * day / 24) for length in WINDOWS_H if length * day >= 24], dtype=np.int64)
    variance = np.stack([window_variance(part, windows, bins_per_day=day, usual_share=w) for part, w in zip(centred, WANDER, strict=True)])
    return Reference(
        windows=windows,
        bins_per_day=day,
        n_bins=n_bins,
        degrees=DEGREES_PER_DAY * n_bins / day,
        accepted=None,
        median=median,
        limit=limit,
        variance=np.where(variance > 0, variance, (limit[..., None] / 10) ** 2),
        day_profile=np.stack([shrunk_profile(part**2, channels.time_of_day[:n_bins], day) for part in centred]),
        precision=_precision(centred[0] * channels.amplitude[:, :n_bins], centred[0] * channels.phase[:, :n_bins], day),
        dispersion=np.stack([_dispersion(counts[:, :n_bins], day) for counts in (channels.slow, channels.failures)]),
    )


def lower_median(values: FloatArray) -> FloatArray:
    """Lower median over the last axis, NaN without a value."""
    ordered = np.sort(values, axis=-1)
    n = np.isfinite(ordered).sum(axis=-1)
    middle = np.take_along_axis(ordered, (np.maximum(n - 1, 0) // 2)[..., None], axis=-1)[..., 0]
    return np.where(n > 0, middle, np.nan)


def _mean(values: FloatArray) -> FloatArray:
    present = np.isfinite(values)
    n = present.sum(axis=-1)
    return np.where(n > 0, np.where(present, values, 0.0).sum(axis=-1) / np.maximum(n, 1), np.nan)


def _running(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sum and count of the values present before each bin, one more than there are bins."""
    present = np.isfinite(values)
    totals, counts = (np.zeros((*values.shape[:-1], values.shape[-1] + 1)) for _ in range(2))
    np.cumsum(np.where(present, values, 0.0), axis=-1, out=totals[..., 1:])
    np.cumsum(present, axis=-1, dtype=np.float64, out=counts[..., 1:])
    return totals, counts


def _precision(amplitude: FloatArray, phase: FloatArray, day: int) -> FloatArray:
    """Inverse covariance of the means of a day, from the days that begin in any bin; two degrees are lost to fitting the shape."""
    totals, counts = _running(np.stack([amplitude, phase]))
    days = (totals[..., day:] - totals[..., :-day]) / np.maximum(counts[..., day:] - counts[..., :-day], 1)
    days = days - days.mean(axis=-1, keepdims=True)
    n_days = amplitude.shape[1] / day
    covariance = np.einsum("isb,jsb->sij", days, days) / days.shape[-1] * n_days / max(n_days - 2, 1)
    ridge = 1e-9 * np.trace(covariance, axis1=1, axis2=2) + 1e-300
    return np.linalg.inv(covariance + ridge[:, None, None] * np.eye(2))


def _dispersion(counts: FloatArray, day: int) -> FloatArray:
    """Variance over mean of daily counts, pulled to the usual one as if by `DISPERSION_DAYS` days; never below 1, that of Poisson."""
    n_days = counts.shape[1] // day
    daily = np.nan_to_num(counts[:, : n_days * day]).reshape(len(counts), n_days, day).sum(axis=2)
    mean = daily.mean(axis=1)
    ratio = np.where(mean > 0, ((daily - mean[:, None]) ** 2).sum(axis=1) / max(n_days - 1, 1) / np.maximum(mean, 1e-12), 1.0)
    return np.maximum(1.0, (n_days * ratio + DISPERSION_DAYS * USUAL_DISPERSION) / (n_days + DISPERSION_DAYS))


class _Sums(NamedTuple):
    """Sums and counts in windows, and in the bins compared with."""

    total: FloatArray
    n: FloatArray
    usual: FloatArray
    n_usual: FloatArray


@dataclass(frozen=True)
class Frame:
    """Windows that end with each of some bins, and the bins they are compared with; arrays of shape (n_bins, n_windows) or broadcast."""

    end: IntArray
    begin: IntArray
    lengths: IntArray
    against_begin: int
    against_end: IntArray
    is_known: BoolArray

    @classmethod
    def of(cls, reference: Reference, end: IntArray, lengths: IntArray) -> Frame:
        lengths = np.atleast_2d(lengths)
        begin = end[:, None] - lengths
        if reference.accepted is None:
            return cls(end, begin, lengths, 0, np.array([[reference.n_bins]]), begin >= 0)
        # Whole days only: the shape of a part of a day is its level.
        day, start = reference.bins_per_day, reference.accepted
        n_days = np.clip((begin - start) // day, 0, reference.n_bins // day)
        return cls(end, begin, lengths, start, start + n_days * day, n_days >= RELEARNT_DAYS)

    def only(self, columns: IntArray) -> Frame:
        """Some of the windows."""
        begin, lengths = self.begin[:, columns], self.lengths[:, columns]
        until = self.against_end if self.against_end.shape[1] == 1 else self.against_end[:, columns]
        return Frame(self.end, begin, lengths, self.against_begin, until, self.is_known[:, columns])

    def sums(self, values: FloatArray) -> _Sums:
        """Sums of the values present in each window and in the bins it is compared with, and how many they are."""
        totals, counts = _running(values)
        begin = np.maximum(self.begin, 0)
        start = self.against_begin
        return _Sums(
            totals[:, self.end, None] - totals[:, begin],
            counts[:, self.end, None] - counts[:, begin],
            totals[:, self.against_end] - totals[:, start, None, None],
            counts[:, self.against_end] - counts[:, start, None, None],
        )

    def is_filled(self, n: FloatArray) -> BoolArray:
        """Windows with enough values to say something."""
        return (n >= FILLED * self.lengths) & (n > 0) & self.is_known

    def means(self, values: FloatArray) -> tuple[FloatArray, FloatArray, _Sums]:
        """Mean in each window, NaN where it is not filled; mean in the bins compared with; the sums behind them."""
        sums = self.sums(values)
        mean = np.where(self.is_filled(sums.n), sums.total / np.maximum(sums.n, 1), np.nan)
        return mean, sums.usual / np.maximum(sums.n_usual, 1), sums


def score(channels: Channels, reference: Reference, *, kinds: Collection[int] = range(len(KINDS))) -> Evidence:
    """Evidence of some kinds in each bin after the learning stretch, or after the acceptance."""
    return score_from(reference.n_bins if reference.accepted is None else reference.accepted, channels, reference, kinds=kinds)


def score_from(
    first: int,
    channels: Channels,
    reference: Reference,
    *,
    since: int = 0,
    shortest_h: int = 0,
    kinds: Collection[int] = range(len(KINDS)),
) -> Evidence:
    """Evidence of some kinds in each bin from `first` on, from windows that begin at `since` or later and last `shortest_h` or longer."""
    end = np.arange(first, channels.level.shape[1]) + 1
    shape = (len(channels.level), len(KINDS), len(end))
    statistic, window = np.full(shape, -np.inf), np.zeros(shape, np.int64)
    for kind in kinds:
        statistic[:, kind], window[:, kind] = _best(kind, channels, reference, end, since, max(SHORTEST_H[kind], shortest_h))
    return Evidence(statistic, window, first, channels, reference)


def _best(kind: int, channels: Channels, reference: Reference, end: IntArray, since: int, shortest_h: int) -> tuple[FloatArray, IntArray]:
    """Largest evidence over the windows of each bin, and which window it is."""
    hours = reference.windows * 24 / channels.bins_per_day
    usable = np.flatnonzero(hours >= shortest_h)
    statistic = likelihood_ratio(kind, channels, reference, Frame.of(reference, end, reference.windows[usable]))
    is_told = np.isfinite(statistic) & (end[:, None] - reference.windows[usable] >= since)
    statistic = np.where(is_told, statistic + np.log(hours[usable] / WINDOWS_H[0]), -np.inf)
    best = statistic.argmax(axis=2)
    return np.take_along_axis(statistic, best[..., None], axis=2)[..., 0] - OFFSET[kind], usable[best]


def likelihood_ratio(kind: int, channels: Channels, reference: Reference, frame: Frame, *, is_guarded: bool = True) -> FloatArray:
    """Log likelihood ratio of a change against none; shape (n_series, n_bins, n_windows).

    Guarded against days of the other type, unless it is known that something has changed and only asked since when.
    """
    if kind == LEVEL:
        return _student(_level(channels, reference, frame, is_guarded=is_guarded), reference.degrees)
    if kind == SPREAD:
        difference, variance, _ = mean_change(channels, reference, 1, frame)
        return _student(over(difference**2, variance), reference.degrees) - IMPROVEMENT * (difference < 0)
    if kind == SEASON:
        return _student(_season(channels, reference, frame, is_guarded=is_guarded), reference.degrees)
    return _count_change(*events_and_trials(kind, channels), reference.dispersion[int(kind == AVAILABILITY)], frame)


def over(square: FloatArray, variance: FloatArray) -> FloatArray:
    """The ratio; NaN where nothing varies, of which nothing can be said."""
    return np.divide(square, variance, out=np.full(np.broadcast_shapes(square.shape, variance.shape), np.nan), where=variance > 0)


def _student(square: FloatArray, degrees: float) -> FloatArray:
    """Log likelihood ratio of a squared difference over its variance, which is known with so many degrees of freedom."""
    return (degrees / 2) * np.log1p(square / degrees)


def _bounded(values: FloatArray, reference: Reference, part: int) -> FloatArray:
    median, limit = reference.median[part][:, None], reference.limit[part][:, None]
    return np.clip(values - median, -limit, limit)


def mean_change(channels: Channels, reference: Reference, part: int, frame: Frame) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Change of the mean of level (part 0) or spread (part 1), the variance it has while nothing changes, and the usual mean."""
    mean, usual, sums = frame.means(_bounded((channels.level, channels.spread)[part], reference, part))
    longest = reference.variance[part][:, None, -1:] * reference.windows[-1]
    own = _per_value_variance(reference, part, frame.lengths) * _unevenness(channels, reference, part, frame)
    return mean - usual, own / np.maximum(sums.n, 1) + longest / np.maximum(sums.n_usual, 1), usual


def _unevenness(channels: Channels, reference: Reference, part: int, frame: Frame) -> FloatArray:
    """Variance usual at the times of day of each window over that of whole days."""
    if (frame.lengths % reference.bins_per_day == 0).all():
        return np.ones((1, 1, 1))
    totals, _ = _running(reference.day_profile[part][:, channels.time_of_day])
    return np.asarray((totals[:, frame.end, None] - totals[:, np.maximum(frame.begin, 0)]) / frame.lengths)


def _per_value_variance(reference: Reference, part: int, lengths: IntArray) -> FloatArray:
    """Variance of means over windows of any lengths times the length, linear in the logarithm of the length between those known."""
    known = reference.variance[part] * reference.windows
    place = np.interp(np.log(lengths), np.log(reference.windows), np.arange(len(reference.windows)))
    below = np.minimum(place.astype(int), len(reference.windows) - 2)
    return np.asarray(known[:, below] + (place - below) * (known[:, below + 1] - known[:, below]))


def _level(channels: Channels, reference: Reference, frame: Frame, *, is_guarded: bool) -> FloatArray:
    """Squared change of the level over its variance."""
    difference, variance, usual = mean_change(channels, reference, 0, frame)
    short = (frame.lengths * 24 <= GUARD_H * reference.bins_per_day) & is_guarded
    difference = _guarded(difference, _bounded(channels.other_level, reference, 0), usual, frame, short)
    return over(difference**2, variance)


def _guarded(difference: FloatArray, other: FloatArray, usual: FloatArray, frame: Frame, short: BoolArray) -> FloatArray:
    """What is left of a change in a short window if the day may have been one of the other type: a holiday nobody told us of.

    `other` are the values that the change would be measured by on a day of the other type.
    """
    columns = np.flatnonzero(short.any(axis=0))
    if not columns.size:
        return difference
    here = difference[..., columns]
    like = frame.only(columns).means(other)[0] - (usual if usual.shape[-1] == 1 else usual[..., columns])
    left = np.where(here * like > 0, np.sign(here) * np.minimum(np.abs(here), np.abs(like)), 0.0)
    guarded = difference.copy()
    guarded[..., columns] = np.where(short[:, columns], left, here)
    return guarded


def _season(channels: Channels, reference: Reference, frame: Frame, *, is_guarded: bool) -> FloatArray:
    """Squared change of amplitude and phase over their covariance."""
    (a, b), share = shape_change(channels, reference, frame, is_guarded=is_guarded)
    p = reference.precision[:, :, :, None, None]
    return np.asarray((a * a * p[:, 0, 0] + 2 * a * b * p[:, 0, 1] + b * b * p[:, 1, 1]) / share)


def shape_change(channels: Channels, reference: Reference, frame: Frame, *, is_guarded: bool = False) -> tuple[FloatArray, FloatArray]:
    """Change of amplitude and phase, first axis, and the share of the variance of a day that it has while nothing changes."""
    level, other = _bounded(channels.level, reference, 0), _bounded(channels.other_level, reference, 0)
    short = (frame.lengths * 24 <= GUARD_H * reference.bins_per_day) & is_guarded
    changes = []
    for template in (channels.amplitude, channels.phase):
        mean, usual, sums = frame.means(level * template)
        changes.append(_guarded(mean - usual, other * template, usual, frame, short))
    day = reference.bins_per_day
    return np.stack(changes), day / np.maximum(sums.n, 1) + day / np.maximum(sums.n_usual, 1)


def _count_change(counts: FloatArray, trials: FloatArray, dispersion: FloatArray, frame: Frame) -> FloatArray:
    """Log likelihood ratio of another rate of events in the window than in the reference, over the dispersion."""
    events, tried = frame.sums(counts), frame.sums(trials)
    usual = events.usual + 0.5
    share = tried.total / np.maximum(tried.total + tried.usual, 1)
    expected = (events.total + usual) * share
    ratio = _xlogx(events.total, expected) + _xlogx(usual, events.total + usual - expected)
    return np.where(frame.is_filled(tried.n), ratio / dispersion[:, None, None] - IMPROVEMENT * (events.total < expected), np.nan)


def events_and_trials(kind: int, channels: Channels) -> tuple[FloatArray, FloatArray]:
    """Events and trials of a kind that is counted; NaN in bins without a trial."""
    if kind == TAIL:
        return channels.slow, np.where(channels.n_values > 0, channels.n_values, np.nan)
    return channels.failures, np.where(np.isfinite(channels.failures), 1.0, np.nan)


def _xlogx(seen: FloatArray, expected: FloatArray) -> FloatArray:
    """Seen times log(seen / expected); 0 where nothing was seen."""
    return np.asarray(seen * np.log(np.maximum(seen, 1e-300) / np.maximum(expected, 1e-300)))


PER_SERIES = ("level", "other_level", "spread", "slow", "n_values", "amplitude", "phase", "failed", "failures", "day_size")
"""Arrays of `Channels` whose first axis is the series."""


def one_series(evidence: Evidence, series: int) -> Evidence:
    """One series of a block."""
    one = slice(series, series + 1)
    own = {name: getattr(evidence.channels, name)[one] for name in PER_SERIES}
    return replace(
        evidence,
        statistic=evidence.statistic[one],
        window=evidence.window[one],
        channels=replace(evidence.channels, **own),
        reference=evidence.reference.select(one),
    )
