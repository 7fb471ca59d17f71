"""Evidence -> changes: each is one object, told once, and open until the series is back at its reference or the change is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analytics.stats import scan
from analytics.stats.channels import Channels
from analytics.stats.scan import AVAILABILITY, KINDS, LEVEL, RELEARNT_DAYS, SEASON, SHORTEST_H, SPREAD, TAIL, Evidence, Frame, Reference

__all__ = ["Changes", "accept", "find_changes", "level_for", "p_value"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEVEL_AT_ONE, LEVEL_PER_LOG_RATE = 7.86, -1.31
"""Level at one false alarm a series-year, and what it loses with the logarithm of the rate (`benchmarks/drift_null.py`)."""

BACK = 5.0
BACK_DAYS = (4, 2, 2, 4, 2)
BACK_TIMES = (1, 2, 4, 8)
"""A change is over when some days since are e^5 times likelier without it and look usual: at least so many, since level and shape wander
for days and failures and slow answers come in bursts, or up to eight times as many, which what is rare needs."""
TOLD_SHARE = (0.85, 0.6, 0.85, 0.6, 0.95)
"""Share of a change as it was told that "still there" means: what is told is told at its largest, so that the true one is smaller. At 1
each twentieth change that goes on was taken for over, with these each fiftieth, and a step of 10 % that is taken back is over after three
days either way; still less would keep small changes open that are over."""
ONSET_H = 3
"""Shortest time since its onset that a change is dated by: the shortest window there is."""
FURTHER = 3.0
"""Evidence beyond the level that a further change needs while one is open: chance tells it about ten times more rarely."""

NORMAL_95, HALF_CHI_95 = 1.96, 1.92
MEDIAN_COST = 1.2533
"""Standard error of the median over that of the mean of normal values, sqrt(pi / 2)."""


@dataclass(frozen=True)
class Changes:
    """Changes found, one element each, by series and time of detection; bins are those of the channels.

    Attributes
    ----------
    series, kind : index of the series; index into `KINDS`
    detected : bin at whose end the change was told
    onset, onset_low, onset_high : first bin of the new regime and its 95 % interval
    closed, gone : bin at whose end the series was back at its reference; first of the bins that showed it; -1 while the change is open
    statistic, strongest : evidence when it was told, and the most there was until it was over or the data ended
    effect, effect_low, effect_high : since the onset, to the end of the data or until it was gone, with 95 % interval; in the unit of the
        residuals (level), as a logarithm of a ratio (spread, tail, availability), in shares of the usual amplitude (season)
    firmer : int array, shape (n_changes, N_FIRMER); bins at whose end the evidence first was the level and so many times `FIRMER_BY`
        more; -1 if it never was
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
    gone: IntArray
    statistic: FloatArray
    strongest: FloatArray
    effect: FloatArray
    effect_low: FloatArray
    effect_high: FloatArray
    firmer: IntArray
    looks: IntArray
    looked: FloatArray


N_PLACES, N_SINGLE = 8, 13
"""Fields of `Changes` that are indices; that are one number for each change."""

FIRMER_BY, N_FIRMER = 0.5, 41
"""Evidence by which a change must have become clearer to be told as surer, two thirds as likely by chance; the steps that are followed, up
to one in four million."""

LOOK_DAYS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Days after its detection at which the effect of a change is looked at again: what was small when it was told may have grown."""


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
    rows = [row for series in told for row in _changes_of_series(scan.one_series(evidence, int(series)), int(series), level)]
    table = np.array([single for single, *_ in rows], dtype=np.float64).reshape(-1, N_SINGLE)
    places = table[:, :N_PLACES].astype(np.int64)
    firmer = np.array([bins for _, bins, *_ in rows], dtype=np.int64).reshape(-1, N_FIRMER)
    looks = np.array([at for *_, at, _ in rows], dtype=np.int64).reshape(-1, len(LOOK_DAYS))
    looked = np.array([effects for *_, effects in rows], dtype=np.float64).reshape(-1, len(LOOK_DAYS), 3)
    return Changes(*places.T, *table[:, N_PLACES:].T, firmer=firmer, looks=looks, looked=looked)  # type: ignore[misc]


_Row = tuple[tuple[int | float, ...], IntArray, IntArray, FloatArray]
"""One change: the single numbers of `Changes`, `firmer`, `looks`, `looked`."""


def _changes_of_series(evidence: Evidence, series: int, level: float) -> Iterator[_Row]:
    """Changes of one series, in order; failures are no evidence of how long answers take, nor against it.

    Yet a cause may show in both: while a change of the one is open and beyond doubt, one of the other must be as clear as a further change.
    What may be chance itself hides nothing: of 108 simulated steps that stayed open 6 were followed by another alarm in place of 23, and
    losses of availability were told as soon as before.
    """
    sides = [_Side(evidence, kinds, level) for kinds in ((LEVEL, SPREAD, TAIL, SEASON), (AVAILABILITY,))]
    while upcoming := [(told[0], number) for number, side in enumerate(sides) if (told := side.upcoming()) is not None]:
        detected, number = min(upcoming)
        row, so_far = sides[number].tell(series)
        yield row
        sides[1 - number].further[detected + 1 : detected + len(so_far)] = np.clip(so_far[:-1] - level - FURTHER, 0, FURTHER)


class _Side:
    """Changes of the kinds that one cause may show in, told one after the other.

    While a change is open, another one is told only if it is the clearer of the two, or if the series is no longer what it has been since
    the open one began: back at its reference, which ends the change, or changed further. Once a change is over, its kind is told by windows
    that begin after it.

    Attributes
    ----------
    further : float array, shape (n_bins,); what else has changed asks for so much more evidence
    """

    def __init__(self, evidence: Evidence, kinds: tuple[int, ...], level: float) -> None:
        self.level, self.n_bins = level, evidence.channels.level.shape[1]
        self.never = np.where(np.isin(range(len(KINDS)), kinds), 0, self.n_bins)
        self.further = np.zeros(self.n_bins)
        self.changed: tuple[int, int] | None = None
        self.current = evidence
        self._compare(evidence, evidence.first)

    def _compare(self, evidence: Evidence, since: int) -> None:
        """From now on evidence against another reference counts."""
        self.evidence, self.needed, self.ready = evidence, np.full(self.n_bins, self.level), np.maximum(self.never, since)

    def upcoming(self) -> tuple[int, int] | None:
        """Bin and kind of the change that is told next."""
        following = _first_above(self.evidence, self.needed + self.further, self.ready)
        if self.changed is None or (following is not None and following[0] <= self.changed[0]):
            return following
        return self.changed

    def tell(self, series: int) -> tuple[_Row, FloatArray]:
        """The change that is told next, and its largest evidence so far in each bin until it is over."""
        told = self.upcoming()
        if told is None:
            raise ValueError("nothing is left to tell; ask `upcoming` first")
        if told is self.changed:
            self._compare(self.current, told[0])
        (detected, kind), evidence, n_bins = told, self.evidence, self.n_bins
        column = detected - evidence.first
        onset, low, high = _onset(kind, evidence, detected + 1)
        window = int(evidence.reference.windows[evidence.window[0, kind, column]])
        closed, been_back = _closed(kind, evidence, detected + 1, window)
        # Where the day has another shape, only whole days have a level.
        shortest_h = 24 if kind == SEASON else 0
        self.current = scan.score_from(detected + 1, evidence.channels, _relearnt(evidence, max(onset, 0)), shortest_h=shortest_h)
        changed = _first_above(self.current, np.full(n_bins, self.level + FURTHER), np.maximum(self.never, detected + 1))
        is_sooner = changed is not None and (closed < 0 or changed[0] < closed)
        if changed is not None and is_sooner and _returns(kind, evidence, detected + 1, window, changed[0] + 1):
            been_back = changed[0] + 1 - _onset(changed[1], self.current, changed[0] + 1)[0]
            closed, changed = changed[0], None
        stop = n_bins if closed < 0 else closed + 1
        # Days that look as before are no part of the change that they end.
        gone = -1 if closed < 0 else max(stop - been_back, detected + 1)
        since = evidence.statistic[0, kind, column : stop - evidence.first]
        places = (series, kind, detected, onset, low, high, closed, gone)
        single = (*places, since[0], since.max(), *_effect(kind, evidence, onset, stop if closed < 0 else gone))
        so_far = np.maximum.accumulate(since)
        row = (single, _firmer(so_far, self.level, detected), *_looked(kind, evidence, onset, detected, stop))
        self.needed[detected:stop] = np.maximum(self.needed[detected:stop], so_far)
        self.ready[kind] = stop
        if closed >= 0:
            self.evidence = _begun_again(evidence, kind, stop)
        self.changed = changed if changed is not None and changed[0] < stop else None
        return row, so_far


def _firmer(so_far: FloatArray, level: float, detected: int) -> IntArray:
    """Bins at whose end the largest evidence so far, from the bin of detection on, first reached each step above the level."""
    reached = np.searchsorted(so_far, level + FIRMER_BY * np.arange(N_FIRMER))
    return np.where(reached < len(so_far), detected + reached, -1)


def _first_above(evidence: Evidence, needed: FloatArray, ready: IntArray) -> tuple[int, int] | None:
    """First bin with more evidence than needed there, and the kind that says most; each kind counts from its bin of `ready` on."""
    bins = evidence.first + np.arange(evidence.statistic.shape[2])
    statistic = np.where(bins >= ready[:, None], evidence.statistic[0], -np.inf)
    above = np.flatnonzero((statistic > needed[evidence.first :]).any(axis=0))
    return (int(bins[above[0]]), int(statistic[:, above[0]].argmax())) if above.size else None


def _begun_again(evidence: Evidence, kind: int, since: int) -> Evidence:
    """Evidence in which a kind is told, from the bin `since` on, by windows that begin there or later: before, there was a change."""
    fresh = scan.score_from(since, evidence.channels, evidence.reference, since=since)
    statistic, window = evidence.statistic.copy(), evidence.window.copy()
    statistic[:, kind, since - evidence.first :] = fresh.statistic[:, kind]
    window[:, kind, since - evidence.first :] = fresh.window[:, kind]
    return replace(evidence, statistic=statistic, window=window)


def _onset(kind: int, evidence: Evidence, end: int) -> tuple[int, int, int]:
    """Start of the window that says most, and the first and last start that say hardly less (twice the log likelihood within 3.84)."""
    day = evidence.channels.bins_per_day
    # That something has changed is known; only since when is asked.
    shortest = max(1, day if kind == SEASON else ONSET_H * day // 24)
    lengths = np.arange(shortest, evidence.reference.windows[-1] + 1)
    frame = Frame.of(evidence.reference, np.array([end]), lengths)
    profile = scan.likelihood_ratio(kind, evidence.channels, evidence.reference, frame, is_guarded=False)[0, 0]
    profile = np.where(np.isfinite(profile), profile, -np.inf)
    likely = lengths[profile >= profile.max() - HALF_CHI_95]
    return end - int(lengths[profile.argmax()]), end - int(likely.max()), end - int(likely.min())


def _closed(kind: int, evidence: Evidence, end: int, window: int) -> tuple[int, int]:
    """Bin at whose end some whole days since rather say that there is no change, and how many bins these are; -1 without one."""
    lengths = BACK_DAYS[kind] * evidence.channels.bins_per_day * np.array(BACK_TIMES)
    ends = np.arange(end + lengths[0], evidence.channels.level.shape[1] + 1)
    if not ends.size:
        return -1, 0
    frame = Frame.of(evidence.reference, ends, lengths)
    is_usual = scan.likelihood_ratio(kind, evidence.channels, evidence.reference, frame)[0] <= HALF_CHI_95
    is_over = (_back(kind, evidence, end, window, frame) >= BACK) & is_usual & (ends[:, None] - lengths >= end)
    over = np.flatnonzero(is_over.any(axis=1))
    return (int(ends[over[0]]) - 1, int(lengths[is_over[over[0]]].max())) if over.size else (-1, 0)


def _returns(kind: int, evidence: Evidence, end: int, window: int, now: int) -> bool:
    """Whether a series of which it is told `now` that it has changed again is what it was before the change told at `end`.

    It is no longer what that change made of it; if it is nearer to the reference it is back. Looked at in a short window: longer ones may
    still hold what is over.
    """
    shortest = max(1, (SHORTEST_H[kind] if kind == SEASON else 2 * ONSET_H) * evidence.channels.bins_per_day // 24)
    frame = Frame.of(evidence.reference, np.array([now]), np.array([shortest]))
    return bool(_back(kind, evidence, end, window, frame)[0, 0] > 0)


def _back(kind: int, evidence: Evidence, end: int, window: int, frame: Frame) -> FloatArray:
    """Log likelihood ratio, in windows of `frame`, of no change against the likely share of what the window ending at `end` told."""
    channels, reference, share_told = evidence.channels, evidence.reference, TOLD_SHARE[kind]
    told = Frame.of(reference, np.array([end]), np.array([window]))
    if kind in (LEVEL, SPREAD):
        now, variance, _ = scan.mean_change(channels, reference, kind, frame)
        was = share_told * scan.mean_change(channels, reference, kind, told)[0]
        back = scan.over(was * (was / 2 - now), variance)
    elif kind == SEASON:
        now, share = scan.shape_change(channels, reference, frame)
        was = share_told * scan.shape_change(channels, reference, told)[0]
        back = np.einsum("isbw,sij,jsbw->sbw", was, reference.precision, was / 2 - now) / share
    else:
        back = _count_back(kind, channels, reference, frame, told)
    return np.asarray(back[0])


def _count_back(kind: int, channels: Channels, reference: Reference, frame: Frame, told: Frame) -> FloatArray:
    """Log likelihood ratio of the usual rate of events against the likely share of the one that was told."""
    counts, trials = scan.events_and_trials(kind, channels)
    events, tried = frame.sums(counts), frame.sums(trials)
    rate = (events.usual + 0.5) / np.maximum(tried.usual, 1)
    ratio = (np.maximum(told.sums(counts).total, 0.5) / (told.sums(trials).total * rate)) ** TOLD_SHARE[kind]
    return np.asarray(
        (tried.total * rate * (ratio - 1) - events.total * np.log(ratio)) / reference.dispersion[int(kind == AVAILABILITY), 0]
    )


def _effect(kind: int, evidence: Evidence, onset: int, stop: int) -> tuple[float, float, float]:
    """Change since the onset, with its 95 % interval."""
    channels, reference = evidence.channels, evidence.reference
    frame = Frame.of(reference, np.array([stop]), np.array([max(stop - onset, 1)]))
    if kind in (LEVEL, SPREAD):
        values = (channels.level, channels.spread)[kind]
        usual = scan.lower_median(values[:, frame.against_begin : int(frame.against_end.max())])[0]
        current = scan.lower_median(values[:, onset:stop])[0]
        deviation = MEDIAN_COST * float(np.sqrt(scan.mean_change(channels, reference, kind, frame)[1][0, 0, 0]))
        effect, deviation = (current - usual, deviation) if kind == LEVEL else (np.log(current / usual), deviation / current)
    elif kind == SEASON:
        change, share = scan.shape_change(channels, reference, frame)
        size = max(channels.day_size.item(), 1e-12)
        covariance = np.linalg.inv(reference.precision[0])
        effect, deviation = change[0, 0, 0, 0] / size, np.sqrt(covariance[0, 0] * share[0, 0, 0]) / size
    else:
        events, tried = (frame.sums(part) for part in scan.events_and_trials(kind, channels))
        seen, usual = events.total.item() + 0.5, events.usual.item() + 0.5
        effect = np.log(seen / usual * tried.usual.item() / max(tried.total.item(), 1.0))
        deviation = np.sqrt(reference.dispersion[int(kind == AVAILABILITY), 0] * (1 / seen + 1 / usual))
    return float(effect), float(effect - NORMAL_95 * deviation), float(effect + NORMAL_95 * deviation)


def _looked(kind: int, evidence: Evidence, onset: int, detected: int, stop: int) -> tuple[IntArray, FloatArray]:
    """Bins at whose end a change is looked at, and its effect as known then."""
    looks = detected + evidence.channels.bins_per_day * np.array(LOOK_DAYS)
    looks = np.where(looks < stop, looks, -1)
    return looks, np.array([_effect(kind, evidence, onset, int(look) + 1) if look >= 0 else (np.nan,) * 3 for look in looks])


def accept(evidence: Evidence, after: int) -> Evidence:
    """Evidence once a change is accepted: what is normal is learnt again from the bins after `after`, how it varies is kept."""
    return scan.score(evidence.channels, _relearnt(evidence, after))


def _relearnt(evidence: Evidence, after: int) -> Reference:
    """The reference with its means, and what values are bounded about, from the bins after `after`."""
    first = slice(after, after + RELEARNT_DAYS * evidence.reference.bins_per_day)
    median = np.stack([scan.lower_median(values[:, first]) for values in (evidence.channels.level, evidence.channels.spread)])
    return replace(evidence.reference, accepted=after, median=median)


def level_for(false_alarms_per_series_year: float) -> float:
    """Level at which a series that never changes raises so many false alarms a year."""
    return float(LEVEL_AT_ONE + LEVEL_PER_LOG_RATE * np.log(false_alarms_per_series_year))


def p_value(statistic: FloatArray, *, years: float | FloatArray) -> FloatArray:
    """Probability that a series that never changes shows as much evidence at least once in so many years: the inverse of `level_for`."""
    rate = np.exp((np.asarray(statistic) - LEVEL_AT_ONE) / LEVEL_PER_LOG_RATE)
    return np.asarray(-np.expm1(-rate * years))
