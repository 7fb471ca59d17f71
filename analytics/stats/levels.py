"""Does a series have a level to return to?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.stats import robust

__all__ = ["days", "days_have_level", "has_level"]

FloatArray = npt.NDArray[np.floating[Any]]

LEAST_STEP = 0.4
"""Median step from day to day over the robust spread of days, below which a series has no level."""


def days(values: FloatArray, per_day: int) -> FloatArray:
    """Median of each whole day, shape (n_series, n_days); NaN is missing."""
    return robust.median(values[:, : values.shape[1] // per_day * per_day].reshape(len(values), -1, per_day))


def days_have_level(levels: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether the days of each series come and go about a level: a disk that fills or a certificate that ages moves on every day.

    Of independent days the median step is 0.95 robust spreads, of days with a correlation of one half 0.67, of a straight line over a week
    0.34 and less over more.

    Parameters
    ----------
    levels : float array, shape (n_series, n_days)
        Medians of days; NaN is missing. Of less than two days nothing is said against a level.
    """
    if levels.shape[1] < 2:
        return np.ones(len(levels), bool)
    step, spread = robust.median(np.abs(np.diff(levels, axis=1))), robust.mad(levels)
    return ~(step < LEAST_STEP * spread)


def has_level(values: FloatArray, per_day: int) -> npt.NDArray[np.bool_]:
    """The same of values, shape (n_series, n_times), of which `per_day` are a day; NaN is missing."""
    return days_have_level(days(values, per_day))
