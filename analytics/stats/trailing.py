"""What was known before each point of a regular series: medians, means and the same time of earlier days; NaN is missing and ignored.

Arrays are (n_series, n_times); nothing here looks at a later point, and no result depends on how many points follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from analytics.stats import robust

__all__ = ["carried", "fading_mean", "lagged", "median", "same_time", "sums"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

MOST_VALUES = 24
"""A longer window is cut into this many pieces and the median of their means taken: its error grows by less than a tenth."""


def lagged(values: FloatArray, steps: int) -> FloatArray:
    """Values `steps` earlier; NaN before the first."""
    moved = np.full_like(values, np.nan)
    if steps < values.shape[1]:
        moved[:, steps:] = values[:, : values.shape[1] - steps]
    return moved


def carried(values: FloatArray) -> FloatArray:
    """Values with the last present one in place of each missing one; NaN before the first."""
    place = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(place, axis=1), axis=1)


def sums(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Sum and number of the present values among the last `window`, the point itself included."""
    present = np.isfinite(values)
    return _windowed(np.where(present, values, 0.0), window), _windowed(present.astype(float), window)


def _windowed(values: FloatArray, window: int) -> FloatArray:
    # Differences of running sums would depend on how long ago the series began, by rounding.
    padded = np.concatenate([np.zeros((len(values), window - 1)), values], axis=1)
    return sliding_window_view(padded, window, axis=1).sum(axis=2)


def median(values: FloatArray, window: int) -> FloatArray:
    """Median of the last `window` values, the point itself included; NaN where none is present."""
    stride = -(-window // MOST_VALUES)
    if stride > 1:
        total, count = sums(values, stride)
        with np.errstate(invalid="ignore"):
            values = total / count
    pieces = window // stride
    padded = np.concatenate([np.full((len(values), (pieces - 1) * stride), np.nan), values], axis=1)
    return robust.median(sliding_window_view(padded, (pieces - 1) * stride + 1, axis=1)[:, :, ::stride])


def fading_mean(values: FloatArray, half_life: float) -> FloatArray:
    """Mean of all values so far, the point itself included, with weights that halve every `half_life` steps."""
    from scipy.signal import lfilter

    kept = 0.5 ** (1 / half_life)
    present = np.isfinite(values)
    total = lfilter([1.0], [1.0, -kept], np.where(present, values, 0.0), axis=1)
    weight = lfilter([1.0], [1.0, -kept], present.astype(float), axis=1)
    with np.errstate(invalid="ignore"):
        return total / weight


def same_time(values: FloatArray, local_step: IntArray, *, steps_per_day: int, days: int, ahead: int = 0) -> FloatArray:
    """Median of the values `ahead` steps after the same local time of each of the last `days` days, shape as `values`.

    Where the clock is put back an hour comes twice: its first passage counts. Where it is put forward an hour is missing that day.
    """
    first = int(local_step[0]) if len(local_step) else 0
    passage = np.full(int(local_step.max(initial=first)) - first + 2, -1)
    passage[local_step[::-1] - first] = np.arange(len(local_step))[::-1]
    # Before the first day there is nothing, and after the point itself nothing may be used.
    wanted = local_step[:, None] - first - steps_per_day * np.arange(1, days + 1) + ahead
    index = np.where(wanted >= 0, passage[np.clip(wanted, 0, len(passage) - 1)], -1)
    index = np.where(index < np.arange(len(local_step))[:, None], index, -1)
    earlier = np.concatenate([values, np.full((len(values), 1), np.nan)], axis=1)
    return robust.median(earlier[:, index])
