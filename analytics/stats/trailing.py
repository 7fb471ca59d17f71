"""What was known at each point of a regular series: medians, fading means and the same local time of earlier days; NaN is missing.

Arrays are (n_series, n_times). Nothing here looks at a later point, and no value depends on how many points follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from analytics.stats import robust

__all__ = ["carried", "fading_mean", "fading_sum", "lagged", "median", "same_time"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

MOST_VALUES = 24
"""A longer window is cut into about as many pieces, and the median of their means taken: it costs the same for every cadence, and up to
half of the pieces may be wrong."""


def lagged(values: FloatArray, steps: int) -> FloatArray:
    """Values `steps` earlier; NaN before the first."""
    moved = np.full_like(values, np.nan)
    if steps < values.shape[1]:
        moved[:, steps:] = values[:, : values.shape[1] - steps]
    return moved


def carried(values: FloatArray) -> FloatArray:
    """Values, and the last present one in place of each missing one; NaN before the first."""
    place = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(place, axis=1), axis=1)


def median(values: FloatArray, window: int) -> FloatArray:
    """Median of about the last `window` values, the point itself included; NaN where none is present."""
    stride = -(-window // MOST_VALUES)
    pieces = window // stride
    # Half as many bytes are sorted four times as fast; the digits that are lost are far below the spread.
    means = (_mean(values, stride) if stride > 1 else values).astype(np.float32)
    reach = (pieces - 1) * stride
    padded = np.concatenate([np.full((len(means), reach), np.nan, np.float32), means], axis=1)
    return robust.median(sliding_window_view(padded, reach + 1, axis=1)[:, :, ::stride])


def _mean(values: FloatArray, window: int) -> FloatArray:
    """Mean of the last `window` values; summed anew for each point, as differences of running sums would round differently."""
    padded = np.concatenate([np.full((len(values), window - 1), np.nan), values], axis=1)
    return robust.mean(sliding_window_view(padded, window, axis=1))


def fading_sum(values: FloatArray, kept: float) -> FloatArray:
    """Each value and what is kept of the sum before it, one after the other: a triangular system of two diagonals.

    `scipy.signal.lfilter` does the same, and takes two seconds to import.
    """
    from scipy.linalg.lapack import dtbtrs

    diagonals = np.full((2, values.shape[1]), -kept)
    solved, _ = dtbtrs(diagonals, values.T, uplo="L", diag="U")
    return np.asarray(solved.T)


def fading_mean(values: FloatArray, half_life: float) -> FloatArray:
    """Mean of all values so far, the point itself included, with weights that halve every `half_life` steps."""
    kept, present = 0.5 ** (1 / half_life), np.isfinite(values)
    total, weight = fading_sum(np.where(present, values, 0.0), kept), fading_sum(present.astype(float), kept)
    with np.errstate(invalid="ignore"):
        return total / weight


def same_time(values: FloatArray, local_step: IntArray, *, days: tuple[int, ...], steps_per_day: int, ahead: int = 0) -> FloatArray:
    """Median of the values `ahead` steps after the same local time so many `days` earlier, shape as `values`.

    Parameters
    ----------
    local_step : int array, shape (n_times,)
        Number of the step on the local clock. Where it is put back an hour comes twice, and its first passage counts; where it is put
        forward an hour is missing.
    """
    if not len(local_step):
        return values.copy()
    first, column = int(local_step[0]), np.arange(len(local_step))
    passage = np.full(int(local_step.max()) - first + 1, -1)
    # Of two passages the one written last stays.
    passage[local_step[::-1] - first] = column[::-1]
    wanted = local_step[:, None] - first - steps_per_day * np.array(days) + ahead
    index = np.where((wanted >= 0) & (wanted < len(passage)), passage[np.clip(wanted, 0, len(passage) - 1)], -1)
    known = np.where(index < column[:, None], index, -1)
    return robust.median(np.concatenate([values, np.full((len(values), 1), np.nan)], axis=1).astype(np.float32)[:, known])
