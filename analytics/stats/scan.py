"""Is a series still what it was? Windows of many lengths, compared with the learning stretch, in five channels at once.

`learn_reference` says how each channel varies while nothing changes, `score` gives the evidence of each bin against that, and
`find_changes` turns evidence into changes: each is one object that stays open until the series is back at its reference or the change is
accepted. Nothing uses a later bin than the one it judges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.stats.channels import Channels, shrunk_profile
from analytics.stats.longrun import window_variance

__all__ = [
    "KINDS",
    "Changes",
    "Evidence",
    "Reference",
    "accept",
    "false_alarms_at",
    "find_changes",
    "learn_reference",
    "level_for",
    "score",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

KINDS = ("level", "spread", "tail", "season", "availability")
LEVEL, SPREAD, TAIL, SEASON, AVAILABILITY = range(len(KINDS))

WINDOWS_H = (3, 6, 12, 24, 48, 96, 168, 336)
"""Lengths of the windows: each about twice the last, so that any change fills most of one of them."""
SHORTEST_H = (6, 6, 6, 48, 3)
"""Shortest window of each kind. Incidents last up to hours, an odd day is no other shape of the day, and failures are counted in runs."""
FILLED = 0.5
"""Share of its bins that a window must hold to say something."""

BOUND = 2.5
"""Values of bins are bounded this many robust standard deviations from their median: an incident of four hours cannot alarm by itself,
and the mean of normal values keeps 99 % of its efficiency (Huber 1964)."""
WANDER = (0.35, 0.05)
"""Share of the variance of a bin that usually wanders from hour to hour: of level, of spread. Centres of the prior of `longrun`."""
DEGREES_PER_DAY = 2
"""Degrees of freedom that a day of the learning stretch gives a variance: windows shorter than a day know more than one per day."""
LEVEL_GUARD_H, SEASON_GUARD_H = 36, 48
"""Windows up to which a change must not be explained by a day of the other type: one holiday fills them."""
USUAL_DISPERSION, DISPERSION_DAYS = 1.2, 10
"""Variance over mean of daily counts before any day was seen, and the days that this weighs."""
IMPROVEMENT = 3.0
"""Evidence that fewer failures, fewer slow answers or less spread need beyond what more of them need: good news can wait."""
OFFSET = (3.16, 4.1, 2.94, 7.73, 0.87)
"""Evidence at which quiet series pass for changed equally often by all kinds, but for their shares of the false alarms: about a third for
the level, a tenth for the spread, a fifth for each other (`benchmarks/drift_null.py`)."""
LEVEL_AT_ONE, LEVEL_PER_LOG_RATE = 8.36, -1.55
"""Level at one false alarm a series-year, and what it loses with the logarithm of the rate (`benchmarks/drift_null.py`)."""

BACK = 5.0
BACK_DAYS = (4, 1, 1, 4, 1)
"""A change is over when the days since, at least so many of each kind, are e^5 times likelier without it: level and shape wander."""
FURTHER = 3.0
"""Evidence beyond the level that a further change needs while one is open: it is told e^6 times more rarely by chance."""
RELEARNT_DAYS = 2
"""Days from which on what follows an acceptance can be compared with."""
LOOK_DAYS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Days after its detection at which the effect of a change is looked at again: what was small when it was told may have grown."""

NORMAL_CONSISTENCY = 1.4826
NORMAL_95, HALF_CHI_95 = 1.96, 1.92
MEDIAN_COST = 1.2533
"""Standard error of the median over that of the mean of normal values, sqrt(pi / 2)."""


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


@dataclass(frozen=True)
class Changes:
    """Changes found, one element each, by series and time of detection; bins are those of the channels.

    Attributes
    ----------
    series, kind : index of the series; index into `KINDS`
    detected : bin at whose end the change was told
    onset, onset_low, onset_high : first bin of the new regime and its 95 % interval
    closed : bin at whose end the series was back at its reference; -1 while the change is open
    statistic, strongest : evidence when it was told, and the most there was until it was over or the data ended
    effect, effect_low, effect_high : since the onset, to the end of the data or the return, with 95 % interval; in the unit of the
        residuals (level), as a logarithm of a ratio (spread, tail, availability), in shares of the usual amplitude (season)
    looks : int array, shape (n_changes, len(LOOK_DAYS)); bins at whose end the effect was looked at; -1 if there are none
    looked : float array, shape (n_changes, len(LOOK_DAYS), 3); the effect and its interval as they were known then
    """

    series: IntArray
    kind: IntArray
    detected: IntArray
    onset: IntArray
    onset_low: IntArray
    onset_high: IntArray
    closed: IntArray
    statistic: FloatArray
    strongest: FloatArray
    effect: FloatArray
    effect_low: FloatArray
    effect_high: FloatArray
    looks: IntArray
    looked: FloatArray


def learn_reference(channels: Channels, n_bins: int) -> Reference:
    """Noise of each channel in its learning stretch, the first `n_bins` bins."""
    day = channels.bins_per_day
    values = np.stack([channels.level, channels.spread])[:, :, :n_bins]
    median = _median(values)
    limit = BOUND * NORMAL_CONSISTENCY * _median(np.abs(values - median[..., None]))
    bounded = np.clip(values - median[..., None], -limit[..., None], limit[..., None])
    centred = bounded - _mean(bounded)[..., None]
    windows = np.array([round(length * day / 24) for length in WINDOWS_H if length * day >= 24], dtype=np.int64)
    return Reference(
        windows=windows,
        bins_per_day=day,
        n_bins=n_bins,
        degrees=DEGREES_PER_DAY * n_bins / day,
        accepted=None,
        median=median,
        limit=limit,
        variance=np.stack(
            [window_variance(part, windows, bins_per_day=day, usual_share=w) for part, w in zip(centred, WANDER, strict=True)]
        ),
        day_profile=np.stack([shrunk_profile(part**2, channels.time_of_day[:n_bins], day) for part in centred]),
        precision=_precision(centred[0] * channels.amplitude[:, :n_bins], centred[0] * channels.phase[:, :n_bins], day),
        dispersion=np.stack([_dispersion(counts[:, :n_bins], day) for counts in (channels.slow, channels.failures)]),
    )


def _median(values: FloatArray) -> FloatArray:
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
class _Frame:
    """Windows that end with each of some bins, and the bins they are compared with; arrays of shape (n_bins, n_windows) or broadcast."""

    end: IntArray
    begin: IntArray
    lengths: IntArray
    against_begin: int
    against_end: IntArray
    is_known: BoolArray

    @classmethod
    def of(cls, reference: Reference, end: IntArray, lengths: IntArray) -> _Frame:
        lengths = np.atleast_2d(lengths)
        begin = end[:, None] - lengths
        if reference.accepted is None:
            return cls(end, begin, lengths, 0, np.array([[reference.n_bins]]), begin >= 0)
        # Whole days only: the shape of a part of a day is its level.
        day, start = reference.bins_per_day, reference.accepted
        n_days = np.clip((begin - start) // day, 0, reference.n_bins // day)
        return cls(end, begin, lengths, start, start + n_days * day, n_days >= RELEARNT_DAYS)

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


def score(channels: Channels, reference: Reference) -> Evidence:
    """Evidence of each kind in each bin after the learning stretch, or after the acceptance."""
    return _score_from(reference.n_bins if reference.accepted is None else reference.accepted, channels, reference)


def _score_from(first: int, channels: Channels, reference: Reference, *, shortest_h: int = 0) -> Evidence:
    end = np.arange(first, channels.level.shape[1]) + 1
    parts = [_best(kind, channels, reference, end, max(SHORTEST_H[kind], shortest_h)) for kind in range(len(KINDS))]
    return Evidence(
        np.stack([part[0] for part in parts], axis=1), np.stack([part[1] for part in parts], axis=1), first, channels, reference
    )


def _best(kind: int, channels: Channels, reference: Reference, end: IntArray, shortest_h: int) -> tuple[FloatArray, IntArray]:
    """Largest evidence over the windows of each bin, and which window it is."""
    hours = reference.windows * 24 / channels.bins_per_day
    usable = np.flatnonzero(hours >= shortest_h)
    statistic = _evidence(kind, channels, reference, _Frame.of(reference, end, reference.windows[usable]))
    statistic = np.where(np.isfinite(statistic), statistic + np.log(hours[usable] / WINDOWS_H[0]), -np.inf)
    best = statistic.argmax(axis=2)
    return np.take_along_axis(statistic, best[..., None], axis=2)[..., 0] - OFFSET[kind], usable[best]


def _evidence(kind: int, channels: Channels, reference: Reference, frame: _Frame, *, is_guarded: bool = True) -> FloatArray:
    """Log likelihood ratio of a change against none; shape (n_series, n_bins, n_windows).

    Guarded against days of the other type, unless it is known that something has changed and only asked since when.
    """
    if kind == LEVEL:
        return _student(_level(channels, reference, frame, LEVEL_GUARD_H if is_guarded else 0), reference.degrees)
    if kind == SPREAD:
        difference, variance, _ = _mean_change(channels, reference, 1, frame)
        return _student(_over(difference**2, variance), reference.degrees) - IMPROVEMENT * (difference < 0)
    if kind == SEASON:
        return _student(_season(channels, reference, frame, SEASON_GUARD_H if is_guarded else 0), reference.degrees)
    return _count_change(*_counts(kind, channels), reference.dispersion[int(kind == AVAILABILITY)], frame)


def _over(square: FloatArray, variance: FloatArray) -> FloatArray:
    """The ratio; NaN where nothing varies, of which nothing can be said."""
    return np.divide(square, variance, out=np.full(np.broadcast_shapes(square.shape, variance.shape), np.nan), where=variance > 0)


def _student(square: FloatArray, degrees: float) -> FloatArray:
    """Log likelihood ratio of a squared difference over its variance, which is known with so many degrees of freedom."""
    return (degrees / 2) * np.log1p(square / degrees)


def _bounded(values: FloatArray, reference: Reference, part: int) -> FloatArray:
    median, limit = reference.median[part][:, None], reference.limit[part][:, None]
    return np.clip(values - median, -limit, limit)


def _mean_change(channels: Channels, reference: Reference, part: int, frame: _Frame) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Change of the mean of level (part 0) or spread (part 1), the variance it has while nothing changes, and the usual mean."""
    mean, usual, sums = frame.means(_bounded((channels.level, channels.spread)[part], reference, part))
    longest = reference.variance[part][:, None, -1:] * reference.windows[-1]
    own = _per_value_variance(reference, part, frame.lengths) * _unevenness(channels, reference, part, frame)
    return mean - usual, own / np.maximum(sums.n, 1) + longest / np.maximum(sums.n_usual, 1), usual


def _unevenness(channels: Channels, reference: Reference, part: int, frame: _Frame) -> FloatArray:
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


def _level(channels: Channels, reference: Reference, frame: _Frame, guard_h: int) -> FloatArray:
    """Squared change of the level over its variance."""
    difference, variance, usual = _mean_change(channels, reference, 0, frame)
    short = frame.lengths * 24 <= guard_h * reference.bins_per_day
    if short.any():
        other, _, _ = frame.means(_bounded(channels.other_level, reference, 0))
        difference = _guarded(difference, other - usual, short)
    return _over(difference**2, variance)


def _guarded(difference: FloatArray, other: FloatArray, short: BoolArray) -> FloatArray:
    """What is left of a change in a short window if the day may have been one of the other type: a holiday nobody told us of."""
    left = np.where(difference * other > 0, np.sign(difference) * np.minimum(np.abs(difference), np.abs(other)), 0.0)
    return np.where(short, left, difference)


def _season(channels: Channels, reference: Reference, frame: _Frame, guard_h: int) -> FloatArray:
    """Squared change of amplitude and phase over their covariance."""
    (a, b), share = _shape_change(channels, reference, frame, guard_h=guard_h)
    p = reference.precision[:, :, :, None, None]
    return np.asarray((a * a * p[:, 0, 0] + 2 * a * b * p[:, 0, 1] + b * b * p[:, 1, 1]) / share)


def _shape_change(channels: Channels, reference: Reference, frame: _Frame, *, guard_h: int = 0) -> tuple[FloatArray, FloatArray]:
    """Change of amplitude and phase, first axis, and the share of the variance of a day that it has while nothing changes."""
    level, other = _bounded(channels.level, reference, 0), _bounded(channels.other_level, reference, 0)
    short = frame.lengths * 24 <= guard_h * reference.bins_per_day
    changes = []
    for template in (channels.amplitude, channels.phase):
        mean, usual, sums = frame.means(level * template)
        difference = mean - usual
        changes.append(_guarded(difference, frame.means(other * template)[0] - usual, short) if short.any() else difference)
    day = reference.bins_per_day
    return np.stack(changes), day / np.maximum(sums.n, 1) + day / np.maximum(sums.n_usual, 1)


def _count_change(counts: FloatArray, trials: FloatArray, dispersion: FloatArray, frame: _Frame) -> FloatArray:
    """Log likelihood ratio of another rate of events in the window than in the reference, over the dispersion."""
    events, tried = frame.sums(counts), frame.sums(trials)
    usual = events.usual + 0.5
    share = tried.total / np.maximum(tried.total + tried.usual, 1)
    expected = (events.total + usual) * share
    ratio = _xlogx(events.total, expected) + _xlogx(usual, events.total + usual - expected)
    return np.where(frame.is_filled(tried.n), ratio / dispersion[:, None, None] - IMPROVEMENT * (events.total < expected), np.nan)


def _xlogx(seen: FloatArray, expected: FloatArray) -> FloatArray:
    """Seen times log(seen / expected); 0 where nothing was seen."""
    return np.asarray(seen * np.log(np.maximum(seen, 1e-300) / np.maximum(expected, 1e-300)))


PER_SERIES = ("level", "other_level", "spread", "slow", "n_values", "amplitude", "phase", "failed", "failures", "day_size")
"""Arrays of `Channels` whose first axis is the series."""
N_PLACES, N_SINGLE = 7, 12
"""Fields of `Changes` that are indices; that are one number for each change."""


def find_changes(evidence: Evidence, level: float) -> Changes:
    """Changes whose evidence passes a level.

    Parameters
    ----------
    evidence
        Of a block of series.
    level : float
        Evidence that is enough (`level_for`).
    """
    told = np.flatnonzero((evidence.statistic.max(axis=1) > level).any(axis=1))
    rows = [row for series in told for row in _changes_of(_single(evidence, int(series)), int(series), level)]
    table = np.array([single for single, _, _ in rows], dtype=np.float64).reshape(-1, N_SINGLE)
    places = table[:, :N_PLACES].astype(np.int64)
    looks = np.array([at for _, at, _ in rows], dtype=np.int64).reshape(-1, len(LOOK_DAYS))
    looked = np.array([effects for _, _, effects in rows], dtype=np.float64).reshape(-1, len(LOOK_DAYS), 3)
    return Changes(*places.T, *table[:, N_PLACES:].T, looks=looks, looked=looked)  # type: ignore[misc]


def _single(evidence: Evidence, series: int) -> Evidence:
    """One series of a block."""
    one = slice(series, series + 1)
    channels, reference = evidence.channels, evidence.reference
    own = {name: getattr(channels, name)[one] for name in PER_SERIES}
    parts = {name: getattr(reference, name)[:, one] for name in ("median", "limit", "variance", "day_profile", "dispersion")}
    return replace(
        evidence,
        statistic=evidence.statistic[one],
        window=evidence.window[one],
        channels=replace(channels, **own),
        reference=replace(reference, precision=reference.precision[one], **parts),
    )


def _changes_of(evidence: Evidence, series: int, level: float) -> Iterator[tuple[tuple[int | float, ...], IntArray, FloatArray]]:
    """Changes of one series, in order: the single numbers of `Changes`, `looks`, `looked`.

    While a change is open, another one is told only if it is the clearer of the two, or if the series is no longer what it has been since
    the open one began: back at its reference, which ends the change, or changed further. Once a change is over, its kind speaks again when
    no window holds it any more.
    """
    n_bins = evidence.channels.level.shape[1]
    needed, ready = np.full(n_bins, level), np.full(len(KINDS), evidence.first)
    while (told := _first_above(evidence, needed, ready)) is not None:
        detected, kind = told
        column = detected - evidence.first
        onset, low, high = _onset(kind, evidence, detected + 1)
        window = int(evidence.reference.windows[evidence.window[0, kind, column]])
        closed = _closed(kind, evidence, detected + 1, window)
        # Where the day has another shape, only whole days have a level.
        shortest_h = 24 if kind == SEASON else 0
        current = _score_from(detected + 1, evidence.channels, _relearnt(evidence, max(onset, 0)), shortest_h=shortest_h)
        changed = _first_above(current, np.full(n_bins, level + FURTHER), np.full(len(KINDS), detected + 1))
        if changed is not None and (closed < 0 or changed[0] < closed):
            again = _onset(changed[1], current, changed[0] + 1)[0]
            if _returns(kind, evidence, detected + 1, window, again, changed[0] + 1):
                closed, changed = changed[0], None
        stop = n_bins if closed < 0 else closed + 1
        since = evidence.statistic[0, kind, column : stop - evidence.first]
        single = (series, kind, detected, onset, low, high, closed, since[0], since.max(), *_effect(kind, evidence, onset, stop))
        yield single, *_looked(kind, evidence, onset, detected, stop)
        needed[detected:stop] = np.maximum(needed[detected:stop], np.maximum.accumulate(since))
        ready[kind] = _silent_again(evidence, level, kind, closed)
        following = _first_above(evidence, needed, ready)
        if changed is not None and changed[0] < min(stop, n_bins if following is None else following[0]):
            evidence, needed, ready = current, np.full(n_bins, level), np.full(len(KINDS), changed[0])


def _first_above(evidence: Evidence, needed: FloatArray, ready: IntArray) -> tuple[int, int] | None:
    """First bin with more evidence than needed there, and the kind that says most; each kind counts from its bin of `ready` on."""
    bins = evidence.first + np.arange(evidence.statistic.shape[2])
    statistic = np.where(bins >= ready[:, None], evidence.statistic[0], -np.inf)
    above = np.flatnonzero((statistic > needed[evidence.first :]).any(axis=0))
    return (int(bins[above[0]]), int(statistic[:, above[0]].argmax())) if above.size else None


def _silent_again(evidence: Evidence, level: float, kind: int, closed: int) -> int:
    """Bin from which a kind may speak again: its windows no longer hold the change that is over; beyond the data while it is open."""
    last = evidence.channels.level.shape[1]
    silent = evidence.statistic[0, kind, closed - evidence.first :] <= level
    return closed + int(silent.argmax()) if closed >= 0 and silent.any() else last


def _onset(kind: int, evidence: Evidence, end: int) -> tuple[int, int, int]:
    """Start of the window that says most, and the first and last start that say hardly less (twice the log likelihood within 3.84)."""
    day = evidence.channels.bins_per_day
    shortest = max(1, day if kind == SEASON else SHORTEST_H[kind] * day // 24)
    lengths = np.arange(shortest, evidence.reference.windows[-1] + 1)
    frame = _Frame.of(evidence.reference, np.array([end]), lengths)
    profile = _evidence(kind, evidence.channels, evidence.reference, frame, is_guarded=False)[0, 0]
    profile = np.where(np.isfinite(profile), profile, -np.inf)
    likely = lengths[profile >= profile.max() - HALF_CHI_95]
    return end - int(lengths[profile.argmax()]), end - int(likely.max()), end - int(likely.min())


def _closed(kind: int, evidence: Evidence, end: int, window: int) -> int:
    """Bin at which what came since, up to the length of the window that told, rather says that there is no change; -1 without one."""
    days = BACK_DAYS[kind] * evidence.channels.bins_per_day
    ends = np.arange(end + days, evidence.channels.level.shape[1] + 1)
    if not ends.size:
        return -1
    back = _back(kind, evidence, end, window, _Frame.of(evidence.reference, ends, np.clip(ends - end, 1, max(window, days))[:, None]))
    over = np.flatnonzero(back >= BACK)
    return int(ends[over[0]]) - 1 if over.size else -1


def _returns(kind: int, evidence: Evidence, end: int, window: int, onset: int, now: int) -> bool:
    """Whether a series that has changed again at `onset` is since then, up to `now`, what it was before the change told at `end`."""
    frame = _Frame.of(evidence.reference, np.array([now]), np.array([max(now - onset, 1)]))
    return bool(_back(kind, evidence, end, window, frame)[0] >= BACK)


def _back(kind: int, evidence: Evidence, end: int, window: int, frame: _Frame) -> FloatArray:
    """Log likelihood ratio, in windows of `frame`, of no change against the change that the window ending at `end` has told."""
    channels, reference = evidence.channels, evidence.reference
    told = _Frame.of(reference, np.array([end]), np.array([window]))
    if kind in (LEVEL, SPREAD):
        now, variance, _ = _mean_change(channels, reference, kind, frame)
        was = _mean_change(channels, reference, kind, told)[0]
        back = _over(was * (was / 2 - now), variance)
    elif kind == SEASON:
        now, share = _shape_change(channels, reference, frame)
        was, _ = _shape_change(channels, reference, told)
        back = np.einsum("isbw,sij,jsbw->sbw", was, reference.precision, was / 2 - now) / share
    else:
        back = _count_back(kind, channels, reference, frame, told)
    return back[0, :, 0]


def _count_back(kind: int, channels: Channels, reference: Reference, frame: _Frame, told: _Frame) -> FloatArray:
    """Log likelihood ratio of the usual rate of events against the one that was told."""
    counts, trials = _counts(kind, channels)
    events, tried = frame.sums(counts), frame.sums(trials)
    rate = (events.usual + 0.5) / np.maximum(tried.usual, 1)
    ratio = np.maximum(told.sums(counts).total, 0.5) / (told.sums(trials).total * rate)
    return np.asarray(
        (tried.total * rate * (ratio - 1) - events.total * np.log(ratio)) / reference.dispersion[int(kind == AVAILABILITY), 0]
    )


def _effect(kind: int, evidence: Evidence, onset: int, stop: int) -> tuple[float, float, float]:
    """Change since the onset, with its 95 % interval."""
    channels, reference = evidence.channels, evidence.reference
    frame = _Frame.of(reference, np.array([stop]), np.array([max(stop - onset, 1)]))
    if kind in (LEVEL, SPREAD):
        values = (channels.level, channels.spread)[kind]
        usual = _median(values[:, frame.against_begin : int(frame.against_end.max())])[0]
        current = _median(values[:, onset:stop])[0]
        deviation = MEDIAN_COST * float(np.sqrt(_mean_change(channels, reference, kind, frame)[1][0, 0, 0]))
        effect, deviation = (current - usual, deviation) if kind == LEVEL else (np.log(current / usual), deviation / current)
    elif kind == SEASON:
        change, share = _shape_change(channels, reference, frame)
        size = max(channels.day_size.item(), 1e-12)
        covariance = np.linalg.inv(reference.precision[0])
        effect, deviation = change[0, 0, 0, 0] / size, np.sqrt(covariance[0, 0] * share[0, 0, 0]) / size
    else:
        events, tried = (frame.sums(part) for part in _counts(kind, channels))
        seen, usual = events.total.item() + 0.5, events.usual.item() + 0.5
        effect = np.log(seen / usual * tried.usual.item() / max(tried.total.item(), 1.0))
        deviation = np.sqrt(reference.dispersion[int(kind == AVAILABILITY), 0] * (1 / seen + 1 / usual))
    return float(effect), float(effect - NORMAL_95 * deviation), float(effect + NORMAL_95 * deviation)


def _looked(kind: int, evidence: Evidence, onset: int, detected: int, stop: int) -> tuple[IntArray, FloatArray]:
    """Bins at whose end a change is looked at, and its effect as known then."""
    looks = detected + evidence.channels.bins_per_day * np.array(LOOK_DAYS)
    looks = np.where(looks < stop, looks, -1)
    return looks, np.array([_effect(kind, evidence, onset, int(look) + 1) if look >= 0 else (np.nan,) * 3 for look in looks])


def _counts(kind: int, channels: Channels) -> tuple[FloatArray, FloatArray]:
    """Events and trials of a kind that is counted; NaN in bins without a trial."""
    if kind == TAIL:
        return channels.slow, np.where(channels.n_values > 0, channels.n_values, np.nan)
    return channels.failures, np.where(np.isfinite(channels.failures), 1.0, np.nan)


def accept(evidence: Evidence, after: int) -> Evidence:
    """Evidence once a change is accepted: what is normal is learnt again from the bins after `after`, how it varies is kept."""
    return score(evidence.channels, _relearnt(evidence, after))


def _relearnt(evidence: Evidence, after: int) -> Reference:
    """The reference with its means, and what values are bounded about, from the bins after `after`."""
    first = slice(after, after + RELEARNT_DAYS * evidence.reference.bins_per_day)
    median = np.stack([_median(values[:, first]) for values in (evidence.channels.level, evidence.channels.spread)])
    return replace(evidence.reference, accepted=after, median=median)


def level_for(false_alarms_per_series_year: float) -> float:
    """Level at which a series that never changes raises so many false alarms a year."""
    return float(LEVEL_AT_ONE + LEVEL_PER_LOG_RATE * np.log(false_alarms_per_series_year))


def false_alarms_at(level: FloatArray) -> FloatArray:
    """False alarms a year of a series that never changes at these levels: inverse of `level_for`."""
    return np.exp((level - LEVEL_AT_ONE) / LEVEL_PER_LOG_RATE)
