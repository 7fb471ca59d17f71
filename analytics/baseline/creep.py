"""What moves by less than its noise in two weeks, for months: four weeks against four weeks a quarter and a year before.

A creep is over when the series is back at what it was compared with; until then, or until it is accepted, its reference is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import expected, params
from analytics.baseline.effects import is_material, sized
from analytics.baseline.history import Reader, Scale
from analytics.stats import bins, changes, robust, scan
from analytics.stats.bins import Yardstick

__all__ = ["Creepers", "crept", "length", "looked_again", "looks"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Float32Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Names = npt.NDArray[np.object_]

CREPT_WEEKS = 4
CREPT_BACK_WEEKS = (0, 13, 52)
"""Creep is looked for every four weeks: the newest four against those of the reference, and those a quarter and a year before it. The
windows of the scan are too short for what moves by less than their noise in two weeks, and each new reference follows it."""
CREPT_ALPHA = 0.001
"""Chance of a creep in one look: 13 looks a year at up to three old windows are a false alarm in 25 years of a series."""


def length(per_day: int) -> int:
    """Steps that are compared with as many old ones."""
    return CREPT_WEEKS * 7 * per_day


def looks(*, born: int, learnt_to: int, after: int, until: int, per_day: int) -> Iterator[int]:
    """Steps after one and up to another at which series that began at `born` are looked at, once their reference is four weeks old."""
    every = length(per_day)
    first = max(born + 2 * every, learnt_to + every, after + 1)
    yield from range(born - (born - first) // every * every, until + 1, every)


@dataclass(frozen=True)
class Creepers:
    """Series in which creep is looked for: their level, or how often failures begin.

    Attributes
    ----------
    names, signals, scale : series_id and signal of each, and what they have in common
    bin_s : of failures, the length of the bins in which they are counted
    dispersion : of failures, variance over mean of their daily counts, shape (n_series,)
    """

    names: Names
    signals: Names
    scale: Scale
    bin_s: int = 0
    dispersion: FloatArray = field(default_factory=lambda: np.empty(0))

    def only(self, rows: IntArray | BoolArray) -> Creepers:
        """Some of the series."""
        dispersion = self.dispersion[rows] if self.scale.kind == "logit" else self.dispersion
        return replace(self, names=self.names[rows], signals=self.signals[rows], dispersion=dispersion)


def crept(reader: Reader, among: Creepers, *, born: int, learnt_to: int, stop: int, settings: params.Baseline) -> pd.DataFrame:
    """Series that have moved by a step, too slowly for `scan`: changes since the newest old window that shows it."""
    whole = length(reader.week.per_day)
    parts: list[pd.DataFrame] = []
    for back in CREPT_BACK_WEEKS:
        begin = learnt_to - whole - back * 7 * reader.week.per_day
        if begin < born or not len(among.names):
            break
        difference = _difference(reader, among, begin, stop - whole)
        clear = np.flatnonzero(difference.p_value <= CREPT_ALPHA)
        found = _rows(reader, among.only(clear), difference.only(clear), begin, stop)
        found = found[is_material(found, settings)]
        among = among.only(~np.isin(among.names, found["series_id"]))
        parts.append(found)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"series_id": []})


def looked_again(reader: Reader, among: Creepers, known: pd.DataFrame, *, stop: int) -> pd.DataFrame:
    """Known creeps of the series by a step: how large those are that go on, and which are over.

    A series is back when its newest weeks look like the old ones that it was compared with, and are e^5 times likelier without the change
    than with the likely share of what was told.
    """
    parts = [known[known["end"].notna()]]
    for start_ms, rows in known[known["end"].isna()].groupby("start"):
        old = (int(start_ms) - reader.week.time_ms(0)) // (reader.week.step_s * 1000)
        place = pd.Index(among.names).get_indexer(rows["series_id"])
        mine = among.only(place)
        difference = _difference(reader, mine, old, stop - length(reader.week.per_day))
        now = _rows(reader, mine, difference, old, stop).set_index(rows.index)
        was = changes.TOLD_SHARE[scan.AVAILABILITY if mine.scale.kind == "logit" else scan.LEVEL] * rows["change_told"].to_numpy(float)
        back = was * (was / 2 - difference.change) / np.maximum(difference.deviation, np.finfo(float).tiny) ** 2
        is_over = (back >= changes.BACK) & (difference.p_value > 0.05)
        is_known = np.isfinite(difference.p_value) & np.isfinite(now["effect"])
        parts.append(rows.assign(**{name: now[name].where(is_known & ~is_over, rows[name]) for name in NEWER}).assign(
            end=np.where(is_over, reader.week.time_ms(stop), np.nan),
            statistic=np.fmax(now["statistic"], rows["statistic"]),
            course=[(*then, *((one,) if one[1] > then[-1][1] else ())) for then, (one,) in zip(rows["course"], now["course"], strict=True)],
        ))  # fmt: skip
    return pd.concat(parts).sort_index()


NEWER = ["change", "change_low", "change_high", "after", "effect", "effect_low", "effect_high", "size"]
"""What a creep says of its newest weeks."""


@dataclass(frozen=True)
class _Difference:
    """Two stretches compared, arrays of shape (n_series,); p-values are missing where too little was measured.

    `change` is on the scale that the series is learnt on, of failures the logarithm of a ratio; `before` and `after` in the unit, of
    availability the failing share; `scale` the usual spread of steps.
    """

    change: FloatArray
    deviation: FloatArray
    degrees: FloatArray
    p_value: FloatArray
    before: FloatArray
    after: FloatArray
    scale: FloatArray

    def only(self, rows: IntArray) -> _Difference:
        """That of some of the series."""
        return _Difference(*(getattr(self, one.name)[rows] for one in fields(self)))


def _difference(reader: Reader, among: Creepers, old: int, new: int) -> _Difference:
    """Stretches of four weeks that begin at the steps `old` and `new`: Student's test of the means of their weeks, or of two counts."""
    whole = length(reader.week.per_day)
    both = [reader.values(among.names, among.scale, begin, begin + whole)[0] for begin in (old, new)]
    found = _of_failures(both, among, reader.week.step_s) if among.scale.kind == "logit" else _of_level(both, among, reader.week.per_day)
    present = np.stack([np.isfinite(part).mean(axis=1) for part in both]).min(axis=0)
    return replace(found, p_value=np.where(present >= 0.5, found.p_value, np.nan))


def _of_level(both: list[Float32Array], among: Creepers, per_day: int) -> _Difference:
    week, kind = 7 * per_day, among.scale.kind
    given = [expected.transform(part, kind) for part in both]
    weeks = np.stack([robust.midmean(part.reshape(len(part), CREPT_WEEKS, -1)) for part in given]).astype(float)
    change = weeks[1].mean(axis=1) - weeks[0].mean(axis=1)
    deviation = np.sqrt(weeks.var(axis=2, ddof=1).sum(axis=0) / CREPT_WEEKS)
    degrees = np.full(len(change), 2.0 * (CREPT_WEEKS - 1))
    before, after = (np.asarray(expected.untransform(part.mean(axis=1), kind), float) for part in weeks)
    scale = robust.mad(given[0][:, week:] - given[0][:, :-week]) / np.sqrt(2)
    return _Difference(change, deviation, degrees, _two_sided(change, deviation, degrees), before, after, np.asarray(scale, float))


def _of_failures(both: list[Float32Array], among: Creepers, step_s: int) -> _Difference:
    """Bins in which failures begin: roots of their counts have the same variance whatever the rate (Anscombe 1948, Biometrika 35)."""
    counts, shares, n_bins = [], [], []
    per_bin, per_day = among.bin_s // step_s, 86_400 // among.bin_s
    for part in both:
        failed = (1 - part).reshape(len(part), -1, per_bin)
        hours = np.arange(failed.shape[1]) % per_day
        begins = bins.measure(None, failed, yardstick=Yardstick.of_nothing(len(part), per_day), time_of_day=hours).failures
        counts.append((begins == 1).sum(axis=1).astype(float))
        n_bins.append(np.maximum((begins >= 0).sum(axis=1), 1).astype(float))
        shares.append(1 - robust.mean(part).astype(np.float64))
    root = [np.sqrt((count + 0.375) / n) for count, n in zip(counts, n_bins, strict=True)]
    z = 2 * (root[1] - root[0]) / np.sqrt(among.dispersion * (1 / n_bins[0] + 1 / n_bins[1]))
    degrees = np.full(len(z), CREPT_WEEKS * 7.0)
    change = np.log((counts[1] + 0.5) / (counts[0] + 0.5) * n_bins[0] / n_bins[1])
    deviation = np.sqrt(among.dispersion * (1 / (counts[0] + 0.5) + 1 / (counts[1] + 0.5)))
    return _Difference(change, deviation, degrees, _two_sided(z, np.ones(len(z)), degrees), shares[0], shares[1], np.ones(len(z)))


def _two_sided(change: FloatArray, deviation: FloatArray, degrees: FloatArray) -> FloatArray:
    """Student's test of no change."""
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(degrees, -np.abs(change) / np.maximum(deviation, np.finfo(float).tiny)))


def _rows(reader: Reader, among: Creepers, difference: _Difference, old: int, stop: int) -> pd.DataFrame:
    """Differences as changes: since some time after the step `old`, told at `stop`."""
    from scipy.special import stdtrit

    start_ms, high_ms, until_ms = (reader.week.time_ms(step) for step in (old, stop - length(reader.week.per_day), stop))
    reach = stdtrit(difference.degrees, 0.975) * difference.deviation
    per_year = len(CREPT_BACK_WEEKS) * 52 / CREPT_WEEKS
    statistic = [changes.level_for(per_year * max(p, 1e-300)) for p in np.nan_to_num(difference.p_value, nan=1.0)]
    is_share = among.scale.kind == "logit"
    found = pd.DataFrame(
        {
            "series_id": among.names,
            "signal": among.signals,
            "kind": pd.array(["availability" if is_share else "level"] * len(among.names), dtype="str"),
            "start": start_ms,
            "start_low": start_ms,
            "start_high": high_ms,
            "detected_at": until_ms,
            "end": np.nan,
            "statistic": statistic,
            "course": [((until_ms, one),) for one in statistic],
            "scale": difference.scale,
            "before": difference.before,
            "after": difference.after if is_share else np.nan,
            "day_size": np.nan,
            "change": difference.change,
            "change_told": difference.change,
            "change_low": difference.change - reach,
            "change_high": difference.change + reach,
            "is_up": difference.change > 0,
            "learnt_from": start_ms,
        }
    )
    full = sized(found, among.scale.kind)
    return full.assign(effect_told=full["effect"])
