"""Many tests at once: which findings are left once it is counted how many there had to be by chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["q_values"]

FloatArray = npt.NDArray[np.float64]


def q_values(p_values: FloatArray, *, n_tests: int | None = None) -> FloatArray:
    """Smallest false discovery rate at which each test would be a finding (Benjamini and Hochberg).

    Of the tests with a q-value of at most 0.1, one in ten is expected to be chance: if the tests are independent, or depend on each other
    positively, as series of one service do (Benjamini & Yekutieli 2001).

    Parameters
    ----------
    p_values : float array, shape (n,)
        Of the tests; NaN is no test and gets NaN.
    n_tests : int, optional
        Tests made, where those with large p-values were not kept; all that have a p-value by default.

    Returns
    -------
    float array, shape (n,)
        In the order of the p-values and ordered like them.

    Raises
    ------
    ValueError
        For p-values that are not between 0 and 1, or fewer tests than p-values.

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate, JRSS B 57(1). Benjamini & Yekutieli (2001), The control of the false
    discovery rate in multiple testing under dependency, Annals of Statistics 29(4).
    """
    tested = np.flatnonzero(np.isfinite(p_values))
    p = p_values[tested]
    if ((p < 0) | (p > 1)).any():
        raise ValueError(f"p-values from {p.min():g} to {p.max():g}: expected from 0 to 1")
    n = len(p) if n_tests is None else n_tests
    if n < len(p):
        raise ValueError(f"n_tests {n}: expected at least the {len(p)} p-values; count all tests that were made")
    order = np.argsort(p, kind="stable")
    # From the largest down: no test may have a larger q-value than one with a larger p-value.
    q = np.minimum.accumulate((p[order] * n / np.arange(1, len(p) + 1))[::-1])[::-1]
    found = np.full(len(p_values), np.nan)
    found[tested[order]] = np.minimum(q, 1.0)
    return found
