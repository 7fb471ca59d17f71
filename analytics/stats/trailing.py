"""What was known at each point of a regular series: medians, fading means and the same local time of earlier days; NaN is missing.

Arrays are (n_series, n_times). Nothing here looks at a later point, and no digit depends on how many points come before or after those
that are looked at: sums are added up one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from analytics.stats import robust
from analytics.stats.past import Past

__all__ = ["age", "carried", "fading_mean", "fading_sum", "mean", "median", "median_at", "places", "reach"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MOST_VALUES = 24
"""A longer window is cut into about as many pieces, and the median of their means taken: it costs the same for every cadence, and up to
half of the pieces may be wrong."""


def age(is_there: BoolArray, past: Past) -> IntArray:
    """Steps since the first of a series, that one included; 0 before it."""
    before = past.array("age", np.zeros((len(is_there), 1), np.int64))
    found = np.asarray(before + np.cumsum((before > 0) | np.logical_or.accumulate(is_there, axis=1), axis=1))
    past.keep("age", found[:, -1:])
    return found


def carried(values: FloatArray, past: Past) -> FloatArray:
    """Values, and the last present one in place of each missing one; NaN before the first."""
    whole = np.concatenate([past.array("carried", np.full((len(values), 1), np.nan)), values], axis=1)
    place = np.where(np.isfinite(whole), np.arange(whole.shape[1]), 0)
    found = np.take_along_axis(whole, np.maximum.accumulate(place, axis=1), axis=1)
    past.keep("carried", found[:, -1:])
    return found[:, 1:]


def reach(window: int) -> int:
    """Columns before a point that `median` looks at."""
    stride = -(-window // MOST_VALUES)
    return window // stride * stride - 1


def median(values: FloatArray, window: int) -> FloatArray:
    """Median of about the last `window` values, the point itself included; NaN where none is present.

    Parameters
    ----------
    values : float array, shape (n_series, reach(window) + n_times)

    Returns
    -------
    float32 array, shape (n_series, n_times)
    """
    stride = -(-window // MOST_VALUES)
    # Half as many bytes are sorted four times as fast; the digits that are lost are far below the spread.
    means = (_mean(values, stride) if stride > 1 else values).astype(np.float32)
    return robust.median(sliding_window_view(means, reach(window) + 2 - stride, axis=1)[:, :, ::stride])


def _mean(values: FloatArray, window: int) -> FloatArray:
    """Mean of each value and the `window` - 1 before it, of which the first ones lack some and are left out."""
    n = values.shape[1] - window + 1
    return mean([values[:, first : first + n] for first in range(window)])


def mean(parts: list[FloatArray]) -> FloatArray:
    """Mean of arrays of one shape, in float64; NaN where nothing is present."""
    total, count = np.zeros(parts[0].shape), np.zeros(parts[0].shape)
    for part in parts:
        present = np.isfinite(part)
        total += np.where(present, part, 0)
        count += present
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count)


def fading_sum(values: FloatArray, kept: float, before: FloatArray) -> FloatArray:
    """The sum before, and each value with what is kept of the sum before it: a triangular system of two diagonals.

    `scipy.signal.lfilter` does the same, and takes two seconds to import.

    Parameters
    ----------
    before : float array, shape (n_series,)

    Returns
    -------
    float array, shape (n_series, 1 + n_times)
    """
    from scipy.linalg.lapack import dtbtrs

    whole = np.concatenate([before[:, None], values], axis=1)
    solved, _ = dtbtrs(np.full((2, whole.shape[1]), -kept), whole.T, uplo="L", diag="U")
    return np.asarray(solved.T)


def fading_mean(values: FloatArray, half_life: float, past: Past) -> FloatArray:
    """Mean of all values so far with weights that halve every `half_life` steps: before the first one, and after each.

    Returns
    -------
    float array, shape (n_series, 1 + n_times); NaN where nothing has come yet
    """
    kept, present = 0.5 ** (1 / half_life), np.isfinite(values)
    nothing = np.zeros((len(values), 2))
    before = past.array("fading", nothing)
    total = fading_sum(np.where(present, values, 0.0), kept, before[:, 0])
    weight = fading_sum(present.astype(float), kept, before[:, 1])
    past.keep("fading", np.stack([total[:, -1], weight[:, -1]], axis=1))
    with np.errstate(invalid="ignore"):
        return np.asarray(total / weight)


def places(local_step: IntArray, wanted: IntArray, *, known: IntArray, width: int) -> IntArray:
    """Columns with the wanted local steps, among the `width` ones before the first that is not known; -1: there is none.

    Parameters
    ----------
    local_step : int array, shape (n_columns,)
        Number of each column on the local clock. Where it is put back an hour comes twice, and its first passage counts; where it is put
        forward an hour is missing.
    wanted : int array, shape (n_times, n_days)
    known : int array, shape (n_times,)
        How many columns are known at each time.
    """
    first, column = int(local_step.min()), np.arange(len(local_step))
    passage = np.full(int(local_step.max()) - first + 1, -1)
    # Of two passages the one written last stays.
    passage[local_step[::-1] - first] = column[::-1]
    number = wanted - first
    index = np.where((number >= 0) & (number < len(passage)), passage[np.clip(number, 0, len(passage) - 1)], -1)
    return np.where((index < known[:, None]) & (index >= known[:, None] - width), index, -1)


def median_at(values: FloatArray, index: IntArray) -> FloatArray:
    """Median of the values in some columns, shape (n_series, n_times).

    Parameters
    ----------
    values : float array, shape (n_series, n_columns)
    index : int array, shape (n_times, n_days)
        Columns; -1 is none.
    """
    # Neighbours that want the same are looked up once.
    is_new = np.concatenate([np.ones(min(1, len(index)), bool), (np.diff(index, axis=0) != 0).any(axis=1)])
    wanted = index[is_new]
    found = robust.median(np.where(wanted >= 0, values[:, wanted], np.float32(np.nan)))
    return found if is_new.all() else found[:, np.cumsum(is_new) - 1]
