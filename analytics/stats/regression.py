"""A linear regression that goes on: each block of columns is predicted by what was learnt from the blocks before it.

Arrays are vectorised over series. What is remembered are sums of products, not rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.stats import robust
from analytics.stats.past import Past, pieces

__all__ = ["predicted"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

LEARNT_BLOCKS = 17
"""Blocks that are remembered: of days the quarters of the first, then two weeks in all; in one the weekly term is seen once."""
HUBER = 1.5
"""Residuals beyond this many spreads of their quarter of a block have bounded influence (96 % efficiency at the normal: Huber 1981, Robust
Statistics)."""
RIDGE = 1.0
"""Weight of the first coefficients, in rows: a day of 5-minute values outweighs it 288 times."""


def predicted(
    target: FloatArray, design: FloatArray, *, block: int, first: int, coefficients: Sequence[float], past: Past
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Predictions from coefficients that are learnt anew before each block of columns, and the first of these; (n_series, n_times) each.

    Sums of products of a block are kept, not its rows. Rows far off have bounded weight, by their residual when they came, as soon as a
    quarter of a block is over.

    Parameters
    ----------
    target : float array, shape (n_series, n_times)
    design : float array, shape (n_terms, n_series, n_times)
    block : columns of a block; the first one is learnt from in quarters
    first : number of the first column
    coefficients : what is supposed before anything is learnt, shape (n_terms,); outweighed by more than `RIDGE` rows
    past : what is known of the columns before; moves on

    References
    ----------
    Huber (1981), Robust Statistics, ch. 7 (one step of reweighting). Hoerl and Kennard (1970), Ridge regression, Technometrics 12.
    """
    found, kept = np.empty((2, *target.shape))
    supposed = np.array(coefficients, float)
    quarter = max(1, block // 4)
    nothing = np.zeros((len(target), LEARNT_BLOCKS, len(_pairs(len(supposed)))), np.float32)
    weights = _coefficients(past.array("products", nothing), supposed)
    for start, stop, begun in pieces(first, target.shape[1], quarter):
        rows, goal = design[:, :, start:stop], target[:, start:stop]
        found[:, start:stop] = sum(weights[:, [term]] * row for term, row in enumerate(rows))
        kept[:, start:stop] = weights[:, [0]]
        seen = np.stack([*rows, goal, found[:, start:stop]], axis=1).astype(np.float32)
        over = past.finished("rows", seen, begun, quarter)
        if over is not None:
            sums = past.array("sums", np.zeros_like(nothing[:, 0])) + _products(over)
            is_whole = first + stop <= 4 * quarter or (first + stop) % (4 * quarter) == 0
            if is_whole:
                past.pushed("products", sums, nothing)
                weights = _coefficients(past.array("products", nothing), supposed)
            past.keep("sums", np.zeros_like(sums) if is_whole else sums)
    return found, kept


@lru_cache(maxsize=4)
def _pairs(n_terms: int) -> IntArray:
    """Products of terms that are summed up, shape (n_pairs, 2); the goal counts as the last term."""
    return np.array([(one, other) for one in range(n_terms) for other in range(one, n_terms + 1)])


def _coefficients(products: FloatArray, supposed: FloatArray) -> FloatArray:
    """Of the regression over the blocks whose sums of products are known, shape (n_series, n_terms)."""
    n_terms, pairs = len(supposed), _pairs(len(supposed))
    total = np.zeros((len(products), n_terms, n_terms + 1))
    total[:, pairs[:, 0], pairs[:, 1]] = products.sum(axis=1, dtype=np.float64)
    # Only the upper half is summed up.
    upper, lower = pairs[pairs[:, 1] < n_terms].T
    total[:, lower, upper] = total[:, upper, lower]
    gram = total[:, :, :n_terms] + RIDGE * np.eye(n_terms)
    moment = total[:, :, n_terms:] + RIDGE * supposed[:, None]
    return np.asarray(np.linalg.solve(gram, moment)[:, :, 0])


def _products(seen: FloatArray) -> FloatArray:
    """Weighted sums of products of rows with each other and with the goal, shape (n_series, n_pairs).

    Parameters
    ----------
    seen : float array, shape (n_series, n_terms + 2, n_times)
        Rows, goal, prediction.
    """
    parts, size = np.nan_to_num(seen[:, :-1].astype(np.float64)), np.abs(seen[:, -2] - seen[:, -1])
    spread = robust.NORMAL_CONSISTENCY * robust.median(size)[:, None] + np.finfo(float).eps
    weight = np.nan_to_num(1 / np.maximum(1, size / (HUBER * spread)))
    weighted = parts[:, :-1] * weight[:, None]
    gram, pairs = weighted @ np.swapaxes(parts, 1, 2), _pairs(parts.shape[1] - 1)
    return np.asarray(gram[:, pairs[:, 0], pairs[:, 1]], np.float32)
