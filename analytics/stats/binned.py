"""Quantiles and sums of values that belong to cells, all cells at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["cell_quantiles", "run_bounds"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# A matrix of (cells, largest cell) is the fastest way as long as it is not mostly padding.
PADDING = 4


def cell_quantiles(cells: IntArray, values: FloatArray, n_cells: int, levels: Sequence[float]) -> tuple[IntArray, FloatArray]:
    """Quantiles of the values in each cell, interpolated linearly between order statistics.

    Parameters
    ----------
    cells : int array, shape (n_values,)
        Cell of each value, 0 to n_cells - 1; any order, fastest when sorted.
    values : float array, shape (n_values,)
        Finite.
    levels : numbers from 0 to 1

    Returns
    -------
    counts : int array, shape (n_cells,)
    quantiles : float array, shape (len(levels), n_cells); NaN for empty cells

    References
    ----------
    Hyndman & Fan (1996), Sample Quantiles in Statistical Packages, The American Statistician 50(4), definition 7.
    """
    if len(cells) and not (cells[1:] >= cells[:-1]).all():
        order = np.argsort(cells, kind="stable")
        cells, values = cells[order], values[order]
    counts = np.bincount(cells, minlength=n_cells).astype(np.int64)
    quantiles = np.full((len(levels), n_cells), np.nan)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return counts, quantiles
    sizes = counts[filled]
    ranked, starts = _rank(cells, values, sizes)
    for row, level in enumerate(levels):
        position = level * (sizes - 1)
        low = np.floor(position).astype(np.int64)
        high = np.minimum(low + 1, sizes - 1)
        below, above = ranked[starts + low], ranked[starts + high]
        quantiles[row, filled] = below + (above - below) * (position - low)
    return counts, quantiles


def run_bounds(flags: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Starts and ends (exclusive) of the runs of True in a 1-d array."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _rank(cells: IntArray, values: FloatArray, sizes: IntArray) -> tuple[FloatArray, IntArray]:
    """Values sorted inside their cells, flat, and where each filled cell begins."""
    widest = int(sizes.max())
    if widest * len(sizes) > PADDING * len(values):
        return values[np.lexsort((values, cells))], np.concatenate([[0], np.cumsum(sizes)[:-1]])
    if widest * len(sizes) == len(values):
        matrix = values.reshape(len(sizes), widest)
    else:
        matrix = np.full((len(sizes), widest), np.inf)
        matrix[np.arange(widest) < sizes[:, None]] = values
    return np.sort(matrix, axis=1).ravel(), np.arange(len(sizes)) * widest
