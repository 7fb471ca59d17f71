"""Centre, spread and quantiles that a few wrong values cannot move, for many series at once; NaN is missing and ignored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["NORMAL_CONSISTENCY", "mad", "mean", "median", "midmean", "quantiles", "ranked_quantiles", "ranked_spread"]

FloatArray = npt.NDArray[np.floating[Any]]

NORMAL_CONSISTENCY = 1.4826
"""1 / the third quartile of the standard normal: with it the median absolute deviation estimates a standard deviation."""


QUARTILES_APART = 1.349
"""Distance of the quartiles of the standard normal."""


def mean(values: FloatArray) -> FloatArray:
    """Mean along the last axis, shape (...), in float64; NaN where nothing is present (where `numpy.nanmean` would warn)."""
    present = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(present, values, 0).sum(axis=-1, dtype=np.float64) / present.sum(axis=-1)


def median(values: FloatArray) -> FloatArray:
    """Median along the last axis, shape (...); NaN where nothing is present.

    Sorting puts missing values last, which for short rows is many times faster than `numpy.nanmedian`.
    """
    ranked, n = np.sort(values, axis=-1), values.shape[-1]
    if not n:
        return np.full(values.shape[:-1], np.nan, values.dtype)
    found = np.asarray((ranked[..., (n - 1) // 2] + ranked[..., n // 2]) / 2)
    lacks = ~np.isfinite(ranked[..., -1])
    if lacks.any():
        rows = ranked[lacks]
        count, row = np.isfinite(rows).sum(axis=-1), np.arange(len(rows))
        middle = (rows[row, np.maximum(count - 1, 0) // 2] + rows[row, np.minimum(count // 2, n - 1)]) / 2
        found[lacks] = np.where(count > 0, middle, np.nan)
    return found.astype(values.dtype)


def midmean(values: FloatArray) -> FloatArray:
    """Mean of the middle half along the last axis, shape (...); NaN where nothing is present.

    A quarter of the values at each end has no influence. For normal values its variance is 1.2 times that of the mean, where the median
    has 1.57 times. Of three values it is the median, of one or two their mean.

    References
    ----------
    Tukey (1977), Exploratory Data Analysis. Andrews et al. (1972), Robust Estimates of Location: Survey and Advances.
    """
    ranked = np.sort(values, axis=-1)
    n = values.shape[-1]
    cut = 1 if n == 3 else n // 4
    # Where all are present, as in most rows, the middle half is the same piece of each.
    found = np.asarray(ranked[..., cut : n - cut].mean(axis=-1, dtype=np.float64), values.dtype)
    some = ~np.isfinite(ranked[..., -1])
    if some.any():
        found[some] = _midmean_of_some(ranked[some])
    return found


def _midmean_of_some(ranked: FloatArray) -> FloatArray:
    """`midmean` of rows that are sorted, missing values last."""
    count = np.isfinite(ranked).sum(axis=-1, keepdims=True)
    cut = np.where(count == 3, 1, count // 4)
    place = np.arange(ranked.shape[-1])
    inner = (place >= cut) & (place < count - cut)
    total = np.where(inner, ranked, 0).sum(axis=-1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return (total / inner.sum(axis=-1)).astype(ranked.dtype)


def mad(values: FloatArray) -> FloatArray:
    """Spread along the last axis, shape (...): 1.4826 times the median absolute deviation; 0 for constant values.

    References
    ----------
    Rousseeuw & Croux (1993), Alternatives to the Median Absolute Deviation, JASA 88(424).
    """
    return NORMAL_CONSISTENCY * median(np.abs(values - median(values)[..., None]))


def quantiles(values: FloatArray, levels: npt.NDArray[np.float64]) -> FloatArray:
    """Quantiles along the last axis, shape (..., n_levels), such that a new value is below the one of level q with probability q.

    The value of rank q (n + 1) has this property whatever the distribution of n independent values; it lies further out than the usual
    sample quantile, which for few values covers too little. Beyond the last rank the largest (smallest) value stands. NaN where nothing
    is present.

    References
    ----------
    Wilks (1941), Determination of sample sizes for setting tolerance limits, Annals of Mathematical Statistics 12(1). Hyndman & Fan
    (1996), Sample Quantiles in Statistical Packages, The American Statistician 50(4), definition 6.
    """
    return ranked_quantiles(np.sort(values, axis=-1), levels)


def ranked_quantiles(ranked: FloatArray, levels: npt.NDArray[np.float64]) -> FloatArray:
    """`quantiles` of values that are sorted along the last axis, missing ones last."""
    count = np.isfinite(ranked).sum(axis=-1, keepdims=True)
    rank = np.clip(levels * (count + 1), 1, np.maximum(count, 1)) - 1
    low = np.floor(rank).astype(np.int64)
    below = np.take_along_axis(ranked, low, axis=-1)
    above = np.take_along_axis(ranked, np.minimum(low + 1, np.maximum(count - 1, 0)), axis=-1)
    return np.where(count > 0, below + (above - below) * (rank - low), np.nan)


def ranked_spread(ranked: FloatArray) -> FloatArray:
    """Spread of values sorted along the last axis, missing ones last, shape (...): distance of the quartiles, normal-consistent."""
    low, high = np.moveaxis(ranked_quantiles(ranked, np.array([0.25, 0.75])), -1, 0)
    return (high - low) / QUARTILES_APART
