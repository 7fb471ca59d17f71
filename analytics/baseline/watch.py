"""Series with bins of one length, watched against one reference: what was measured in their bins, and who has shown a change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import expected
from analytics.baseline.fit import fit
from analytics.baseline.history import Reader, Scale
from analytics.baseline.judge import Gauge, lead_of, week_bins
from analytics.calendars import Clock
from analytics.expected import Baselines
from analytics.stats import bins, levels, robust, scan
from analytics.stats.bins import Bins

__all__ = ["Watch", "begin", "empty", "evidence_of", "failing_share", "go_on", "kinds_of"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Names = npt.NDArray[np.object_]

KINDS_OF = {"availability": ("availability",), "requests": ("level", "season")}
OTHER_KINDS = ("level", "spread", "season")
"""What can change in a signal and is worth telling; the tail only of response times, by which users are lost."""

LEAST_BINS = 28
"""Bins from which on a reference knows how much a series varies: one with a value a day is judged once it is four weeks old."""


@dataclass(frozen=True)
class Watch:
    """Series that are compared with one reference.

    Attributes
    ----------
    names : series_id of each
    gauge, reference : learnt from the learning stretch
    measured : all bins since its beginning
    week_bin : bin of the local week of each
    lead : steps of the first bin that lie before the learning stretch
    tells : bool array, shape (n_series, n_kinds); kinds of change that mean something for each
    before : float array, shape (n_series,); what a change is relative to (`usual`)
    has_shown : bool array, shape (n_series,); who had enough evidence of a change at any time
    """

    names: Names
    gauge: Gauge
    reference: scan.Reference
    measured: Bins
    week_bin: IntArray
    lead: int
    tells: BoolArray
    before: FloatArray
    has_shown: BoolArray

    def select(self, rows: IntArray) -> Watch:
        """The watch of these series."""
        return replace(
            self,
            names=self.names[rows],
            gauge=self.gauge.select(rows),
            reference=self.reference.select(rows),
            measured=self.measured.select(rows),
            tells=self.tells[rows],
            before=self.before[rows],
            has_shown=self.has_shown[rows],
        )


def begin(
    values: Float32Array, n_checks: npt.NDArray[np.int32], clock: Clock, scale: Scale, names: Names, signals: Names
) -> list[Watch]:  # fmt: skip
    """Watches of series from their learning stretch, one for each length of bins that holds enough of their values."""
    present = np.isfinite(values).mean(axis=1)
    bin_s = np.array([bins.bin_length_s(clock.step_s, float(share)) for share in present])
    lengths = np.unique(bin_s[values.shape[1] * clock.step_s >= LEAST_BINS * bin_s])
    alike = [(int(length), np.flatnonzero(bin_s == length)) for length in lengths]
    return [_of_one_length(values[rows], n_checks[rows], clock, scale, names[rows], signals[rows], length) for length, rows in alike]


def _of_one_length(
    values: Float32Array, n_checks: npt.NDArray[np.int32], clock: Clock, scale: Scale, names: Names, signals: Names, bin_s: int
) -> Watch:  # fmt: skip
    is_share = scale.kind == "logit"
    baselines = fit(values, clock, kind=scale.kind, n_checks=n_checks if is_share else None)
    lead = lead_of(clock, bin_s)
    given, failed = (None, 1 - values) if is_share else (values, None)
    gauge = Gauge.learn(given, clock, baselines=baselines, bin_s=bin_s, lead=lead)
    measured = gauge.measure(given, failed, clock, lead=lead)
    week_bin = week_bins(clock, lead, bin_s)
    tells = np.array([[kind in kinds_of(signal) for kind in scan.KINDS] for signal in signals])
    if scale.kind == "linear":
        tells &= levels.has_level(values, 86_400 // clock.step_s)[:, None]
    reference = scan.learn_reference(gauge.lay_out(measured, week_bin), measured.n_bins)
    before = _usual(scale, baselines, values)
    return Watch(names, gauge, reference, measured, week_bin, lead, tells, before, np.zeros(len(names), bool))


def kinds_of(signal: str) -> tuple[str, ...]:
    """Kinds of change that are told of a signal."""
    if signal.startswith("latency"):
        return ("level", "spread", "tail", "season")
    return KINDS_OF.get(signal, OTHER_KINDS)


def _usual(scale: Scale, baselines: Baselines, values: Float32Array) -> FloatArray:
    """What a change is relative to, in the unit of the series: the middle of the expected week; of shares, the share that fails."""
    if scale.kind == "logit":
        return 1 - robust.mean(values).astype(float)
    return np.asarray(expected.untransform(robust.mean(baselines.location), scale.kind), float)


def go_on(watch: Watch, reader: Reader, scale: Scale, *, learnt_from: int, until: int, level: float) -> Watch:
    """The watch with the whole bins up to a step, each compared with the reference."""
    gauge, n_known = watch.gauge, watch.measured.n_bins
    n_bins = (until - learnt_from + watch.lead) // gauge.steps_per_bin
    if n_bins <= n_known:
        return watch
    first = max(n_known - bins.overlap(watch.reference.bins_per_day), 0)
    begins, ends = (max(learnt_from - watch.lead + one * gauge.steps_per_bin, learnt_from) for one in (first, n_bins))
    values, _ = reader.values(watch.names, scale, begins, ends)
    given, failed = (None, 1 - values) if scale.kind == "logit" else (values, None)
    clock, lead = reader.clock(scale, begins, ends), watch.lead if first == 0 else 0
    new = gauge.measure(given, failed, clock, lead=lead).between(n_known - first)
    week_bin = np.concatenate([watch.week_bin, week_bins(clock, lead, gauge.bin_s)[n_known - first :]])
    after = replace(watch, measured=bins.joined(watch.measured, new), week_bin=week_bin)
    return replace(after, has_shown=watch.has_shown | _shows(after, n_known, level))


def _shows(watch: Watch, first: int, level: float) -> BoolArray:
    """Series with enough evidence of a change in a bin from `first` on."""
    # The learning stretch and what the longest window holds: other bins say nothing of these.
    learnt = watch.reference.n_bins
    left_out = max(first - int(watch.reference.windows[-1]) - learnt, 0)
    kept = np.r_[0:learnt, learnt + left_out : watch.measured.n_bins]
    channels = watch.gauge.lay_out(
        bins.joined(watch.measured.between(0, learnt), watch.measured.between(learnt + left_out)), watch.week_bin[kept]
    )
    kinds = np.flatnonzero(watch.tells.any(axis=0)).tolist()
    evidence = scan.score_from(first - left_out, channels, watch.reference, kinds=kinds)
    return np.asarray((_told(watch, evidence).statistic > level).any(axis=(1, 2)))


def evidence_of(watch: Watch) -> scan.Evidence:
    """Evidence in all bins after the learning stretch."""
    channels = watch.gauge.lay_out(watch.measured, watch.week_bin)
    return _told(watch, scan.score(channels, watch.reference, kinds=np.flatnonzero(watch.tells.any(axis=0)).tolist()))


def _told(watch: Watch, evidence: scan.Evidence) -> scan.Evidence:
    return replace(evidence, statistic=np.where(watch.tells[:, :, None], evidence.statistic, -np.inf))


def failing_share(measured: Bins, row: int, first: int, stop: int) -> float:
    """Share of the checks of a series that failed in the bins from `first` up to `stop`."""
    here = slice(max(first, 0), max(stop, 0))
    n_checked = measured.n_checked[row, here].sum()
    return float(measured.failed[row, here].sum(dtype=np.float64) / n_checked) if n_checked else np.nan


def empty() -> pd.DataFrame:
    """No change."""
    return pd.DataFrame({"series_id": pd.Series([], dtype=object), "end": pd.Series([], dtype=float)})
