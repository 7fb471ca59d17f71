"""Quantiles of groups of values that borrow from each other as far as they do not differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.stats import robust

__all__ = ["by_group"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]


def by_group(
    values: FloatArray, group: IntArray, pooled: FloatArray, *, n_groups: int, levels: npt.NDArray[np.float64], together: FloatArray
) -> FloatArray:
    """Quantiles of each group of columns, pulled towards the quantiles of all by as much as chance explains their differences.

    Parameters
    ----------
    values : float array, shape (n_series, n_times)
        NaN is missing.
    group : int array, shape (n_times,)
        Group of each column, 0 to n_groups - 1.
    pooled : float array, shape (n_series, n_times)
        `values` sorted along the last axis.
    levels : float array, shape (n_levels,), increasing
    together : float array, shape (n_series,)
        Values that say as much as one independent value (design effect).

    Returns
    -------
    float array, shape (n_series, n_groups, n_levels); those of all where a group has no value

    References
    ----------
    Efron & Morris (1973), Stein's Estimation Rule and Its Competitors, JASA 68(341). The variance of a sample quantile, q (1 - q) over
    n times the squared density: Stuart & Ord, Kendall's Advanced Theory of Statistics, vol. 1, ch. 10.
    """
    overall = robust.ranked_quantiles(pooled, levels)
    unit = _unit_variance(pooled, levels) * together[:, None]
    own = np.empty((len(values), n_groups, len(levels)))
    count = np.empty((len(values), n_groups))
    for number in range(n_groups):
        mine = np.sort(values[:, group == number], axis=1) if (group == number).any() else np.full((len(values), 1), np.nan)
        own[:, number] = robust.ranked_quantiles(mine, levels)
        count[:, number] = np.isfinite(mine).sum(axis=1)
    error = unit[:, None, :] / np.maximum(count, 1)[..., None]
    apart = np.nan_to_num(own - overall[:, None])
    filled = (count > 0)[..., None]
    between = np.where(filled, apart**2 - error, 0).sum(axis=1) / np.maximum(filled.sum(axis=1), 1)
    kept = np.maximum(between, 0)[:, None]
    with np.errstate(invalid="ignore"):
        part = np.where(kept > 0, kept / (kept + error), 0)
    # Levels are pulled by different amounts: order is restored.
    return np.sort(overall[:, None] + part * apart, axis=2)


def _unit_variance(pooled: FloatArray, levels: npt.NDArray[np.float64]) -> FloatArray:
    """Variance of a sample quantile times the number of values, shape (n_series, n_levels); density from the ranks around the quantile."""
    count = np.isfinite(pooled).sum(axis=1, keepdims=True)
    step = np.sqrt(levels * (1 - levels) * np.maximum(count, 1))
    reach = np.clip(np.stack([levels * (count + 1) - step, levels * (count + 1) + step]), 1, np.maximum(count, 1))
    low, high = (np.take_along_axis(pooled, np.rint(rank).astype(np.int64) - 1, axis=1) for rank in reach)
    # Ranks two standard errors apart, or as far as there are values.
    width = np.maximum(reach[1] - reach[0], 1)
    return np.where(count > 1, ((high - low) * step / width) ** 2 * np.maximum(count, 1), 0)
