"""How long to wait for what comes irregularly before its absence means something: learnt from its own pauses."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["WEEK_S", "patience"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

WEEK_S = 604_800

LEAST_RANK = 2
"""What has happened once teaches nothing: of the pauses before, the longest is left out, however rare pauses may be."""

TAIL = 2.0
"""Where the rate asked for is beyond what has been seen, pauses twice as long are taken for four times as rare (2 ** TAIL). It matters
little: of the 5,050 pauses of more than three steps in six years of checks of 163 services (4,800 weeks of services) 217, 242 and 316 are
longer than the patience at 0.1 a week with 1, 2 and 4."""


def patience(
    stream: IntArray, start_s: FloatArray, length_s: FloatArray, *, per_week: float, memory_s: float, least_s: FloatArray
) -> FloatArray:
    """Time that each pause may last before it is longer than usual, by the pauses of its stream before it.

    In W weeks (`memory_s`) the pauses longer than the K-th longest come K / W times a week; K is the largest for which that is no more than
    `per_week`, but at least `LEAST_RANK`. Where that is too often the length is scaled to the rate asked for by the tail of a power law:
    times (K / (W per_week)) ** (1 / TAIL). With fewer than K pauses nothing is usual. A stream that is younger is taken to have made all
    pauses of W weeks: scaling up what a day has shown would make it deaf for weeks.

    Parameters
    ----------
    stream, start_s, length_s : arrays, shape (n_pauses,)
        Whose each pause is, when it began, how long it was (s); in the order of stream and start, the pauses of a stream apart from each
        other. NaN in place of a length: it is asked for, but teaches nothing.
    per_week : pauses a week that may be longer
    least_s : array, shape (n_pauses,), s
        No patience is shorter.

    Returns
    -------
    float array, shape (n_pauses,), s
    """
    n_longer = per_week * memory_s / WEEK_S
    rank = max(LEAST_RANK, math.floor(n_longer))
    scaled = max(1.0, rank / n_longer) ** (1 / TAIL)
    found = least_s.astype(np.float64)
    for first, last in _runs(stream):
        oldest = first + np.searchsorted(start_s[first:last], start_s[first:last] - memory_s)
        for row in range(first + rank, last):
            past = length_s[oldest[row - first] : row]
            known = past[np.isfinite(past)]
            if len(known) >= rank:
                found[row] = max(found[row], scaled * np.partition(known, -rank)[-rank])
    return found


def _runs(labels: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """First place, and the one after the last, of each run of equal labels."""
    bounds = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [(first, last) for first, last in itertools.pairwise(bounds) if first < last]
