"""What moves by less than its noise in two weeks, for months: four weeks against four weeks a quarter and a year before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import expected, params
from analytics.baseline.effects import is_material, sized
from analytics.baseline.history import Reader, Scale
from analytics.stats import changes, robust

__all__ = ["crept", "length", "looks"]

IntArray = npt.NDArray[np.int64]
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


def crept(
    reader: Reader, names: Names, signals: Names, scale: Scale, *, born: int, learnt_to: int, stop: int, settings: params.Baseline
) -> pd.DataFrame:
    """Series that have moved by a step, too slowly for `scan`: changes of the level since the newest old window that shows it."""
    whole = length(reader.week.per_day)
    parts: list[pd.DataFrame] = []
    for back in CREPT_BACK_WEEKS:
        begin = learnt_to - whole - back * 7 * reader.week.per_day
        if begin < born or not len(names):
            break
        found = _difference(reader, names, signals, scale, begin, stop - whole)
        found = found[is_material(found, settings)]
        told = np.isin(names, found["series_id"])
        names, signals = names[~told], signals[~told]
        parts.append(found)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"series_id": []})


def _difference(reader: Reader, names: Names, signals: Names, scale: Scale, old: int, new: int) -> pd.DataFrame:
    """Clear differences of level of two stretches that begin at the steps `old` and `new`: Student's test of the means of their weeks."""
    from scipy.special import stdtr, stdtrit

    week, whole = 7 * reader.week.per_day, length(reader.week.per_day)
    both = [expected.transform(reader.values(names, scale, begin, begin + whole)[0], scale.kind) for begin in (old, new)]
    weeks = np.stack([robust.midmean(part.reshape(len(names), CREPT_WEEKS, -1)) for part in both]).astype(float)
    present = np.stack([np.isfinite(part).mean(axis=1) for part in both]).min(axis=0)
    change = weeks[1].mean(axis=1) - weeks[0].mean(axis=1)
    degrees = 2 * (CREPT_WEEKS - 1)
    deviation = np.sqrt(weeks.var(axis=2, ddof=1).sum(axis=0) / CREPT_WEEKS)
    p_value = 2 * stdtr(degrees, -np.abs(change) / np.maximum(deviation, np.finfo(float).tiny))
    rows = np.flatnonzero((p_value <= CREPT_ALPHA) & (present >= 0.5))
    start_ms, high_ms, until_ms = (reader.week.time_ms(step) for step in (old, new, new + whole))
    reach = stdtrit(degrees, 0.975) * deviation
    statistic = [changes.level_for(len(CREPT_BACK_WEEKS) * 52 / CREPT_WEEKS * max(p, 1e-300)) for p in p_value[rows]]
    found = pd.DataFrame(
        {
            "series_id": names[rows],
            "signal": signals[rows],
            "kind": pd.array(["level"] * len(rows), dtype="str"),
            "start": start_ms,
            "start_low": start_ms,
            "start_high": high_ms,
            "detected_at": until_ms,
            "end": np.nan,
            "statistic": statistic,
            "course": [((until_ms, one),) for one in statistic],
            "scale": robust.mad(both[0][rows, week:] - both[0][rows, :-week]) / np.sqrt(2),
            "before": expected.untransform(weeks[0].mean(axis=1), scale.kind)[rows],
            "after": np.nan,
            "day_size": np.nan,
            "change": change[rows],
            "change_low": (change - reach)[rows],
            "change_high": (change + reach)[rows],
            "is_up": change[rows] > 0,
            "learnt_from": start_ms,
        }
    )
    full = sized(found, scale.kind)
    return full.assign(effect_told=full["effect"])
