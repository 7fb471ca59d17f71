"""Failures among checks whose number is known: how much more than usual fails, by a binomial test over the last minutes and hours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.stats import trailing

__all__ = ["false_rates", "usual_failures"]

FloatArray = npt.NDArray[np.floating[Any]]

WEEK_S = 7 * 86_400
WINDOWS_S = (0, 900, 3600, 6 * 3600)
"""Stretches over which failures are added up: the step itself, a quarter of an hour, an hour, a quarter of a day."""
HALF_LIFE_S = WEEK_S
"""Memory of the usual share."""
FIRST_SHARE, FIRST_CHECKS = 0.001, 500.0
"""Share that fails of a service of which nothing is known, and the number of checks that this is worth."""


def usual_failures(failed: FloatArray, checks: FloatArray, *, step_s: int) -> FloatArray:
    """Share of checks that usually fails, known before each step, shape (n_series, n_times).

    Of each step one failure counts at most, so that an outage, which fails throughout, is not taken for a habit.

    Parameters
    ----------
    failed, checks : float arrays, shape (n_series, n_times)
        Failed checks and checks of each step; without checks 0 or NaN.
    """
    half_life = HALF_LIFE_S / step_s
    steps = 0.5 ** (1 / half_life)
    seen = np.nan_to_num(checks)
    # A fading mean over all columns times its weight is a fading sum.
    weight = (1 - steps ** np.arange(1, seen.shape[1] + 1)) / (1 - steps)
    bad, all_checks = (weight * trailing.fading_mean(one, half_life) for one in (np.minimum(np.nan_to_num(failed), 1), seen))
    before_bad, before_all = (np.nan_to_num(trailing.lagged(one, 1)) for one in (bad, all_checks))
    return (before_bad + FIRST_SHARE * FIRST_CHECKS) / (before_all + FIRST_CHECKS)


def false_rates(failed: FloatArray, checks: FloatArray, *, step_s: int) -> FloatArray:
    """Steps a week with so many failures, in themselves or with those of the last minutes and hours, where only the usual share fails.

    Parameters
    ----------
    failed, checks : float arrays, shape (n_series, n_times)
        Failed checks and checks of each step; without checks 0 or NaN.

    Returns
    -------
    float array, shape (n_series, n_times); infinite in a step without failures, NaN in one without checks. Like that of
    `alarms.false_rates`, and an upper bound of it: each step and each stretch counts as an episode of its own.

    References
    ----------
    The upper tail of the binomial distribution as an incomplete beta function: Abramowitz & Stegun (1964), 26.5.24. Bonferroni's
    inequality over the stretches.
    """
    usual = usual_failures(failed, checks, step_s=step_s)
    bad, seen = np.nan_to_num(failed), np.nan_to_num(checks)
    windows = sorted({max(1, round(window / step_s)) for window in WINDOWS_S})
    tail = np.min([_upper_tail(_summed(bad, window), _summed(seen, window), usual) for window in windows], axis=0)
    # What failed before only matters while it goes on.
    rate = np.where(bad > 0, tail * len(windows) * WEEK_S / step_s, np.inf)
    return np.where(seen > 0, rate, np.nan)


def _summed(values: FloatArray, window: int) -> FloatArray:
    """Sum of the last `window` values; counts are whole numbers, so that differences of running sums are exact."""
    total = np.cumsum(values, axis=1)
    return total - np.nan_to_num(trailing.lagged(total, window))


def _upper_tail(bad: FloatArray, seen: FloatArray, usual: FloatArray) -> FloatArray:
    """Chance of so many failures or more."""
    from scipy.special import betainc

    return np.where(bad > 0, betainc(np.maximum(bad, 1), np.maximum(seen - bad, 0) + 1, usual), 1.0)
