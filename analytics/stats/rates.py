"""How sure a share or a rate is when failures come in runs: intervals that take days, not checks, as the independent units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["clustered_interval", "effective_size", "poisson_interval"]

FloatArray = npt.NDArray[np.float64]


def clustered_interval(
    n: FloatArray,
    n_bad: FloatArray,
    n_days: FloatArray,
    square_bad: FloatArray,
    square_n: FloatArray,
    cross: FloatArray,
    *,
    usual_bad_day: FloatArray,
    level: float,
) -> tuple[FloatArray, FloatArray]:
    """Interval of a share of bad checks whose failures come in runs.

    Days are drawn, and with each all of its checks: the spread of the daily counts gives the size of a sample of independent checks
    that would know as much, and the exact binomial interval of that sample is taken. Calm days cannot tell how bad a bad day is: the
    upper end is at least what the number of bad days of the usual depth allows (exact Poisson interval); where nothing was bad, at most
    `-log((1 - level) / 2)` such days.

    Parameters
    ----------
    n, n_bad : float arrays, shape (n_series,)
        Checks and bad checks.
    n_days : float array, shape (n_series,)
        Days with a check.
    square_bad, square_n, cross : float arrays, shape (n_series,)
        Sums over days of bad checks squared, checks squared, and bad checks times checks.
    usual_bad_day : float array, shape (n_series,)
        Share of bad checks on a day that has any; NaN: unknown, one check a day is taken.
    level : float
        Nominal coverage.

    Returns
    -------
    low, high : float arrays, shape (n_series,)
        Between 0 and 1; NaN where there is no check.

    References
    ----------
    Korn & Graubard (1998), Confidence intervals for proportions with small expected number of positive counts estimated from survey
    data, Survey Methodology 24(2), 193-201. Hanley & Lippman-Hand (1983), If nothing goes wrong, is everything all right?, JAMA 249(13).
    """
    from scipy.special import betaincinv, gammaincinv

    tail = (1 - level) / 2
    size = effective_size(n, n_bad, n_days, square_bad, square_n, cross, level=level)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = n_bad / n
        bad = share * size
        low = np.where(bad > 0, betaincinv(np.maximum(bad, 1e-12), size - bad + 1, tail), 0.0)
        high = np.where(bad < size, betaincinv(bad + 1, np.maximum(size - bad, 1e-12), 1 - tail), 1.0)
        days = np.minimum(1.0, -np.log(tail) / n_days)
        depth = np.where(np.isfinite(usual_bad_day), usual_bad_day, np.minimum(1.0, n_days / n))
        low = np.where(n_bad == n, 1 - days, low)
        # As many bad days of the usual depth as would give what was counted; the lone failures of a calm month are hardly one.
        usual = share * n_days / depth
        high = np.maximum(high * (n_bad > 0), np.minimum(1.0, gammaincinv(usual + 1, 1 - tail) / n_days) * depth)
    known = n > 0
    # The ends of a rounded effective sample must never exclude what was counted.
    return np.where(known, np.minimum(low, share), np.nan), np.where(known, np.maximum(high, share), np.nan)


def effective_size(
    n: FloatArray, n_bad: FloatArray, n_days: FloatArray, square_bad: FloatArray, square_n: FloatArray, cross: FloatArray, *, level: float
) -> FloatArray:
    """Independent checks that would know the share as well as these do; never more than there are, fewer on few days.

    The variance of the share is that of a ratio of daily sums (linearised). Few days know their own spread badly: the size is reduced
    by the squared ratio of the normal-like quantile to Student's with one degree less than there are days. A single day is one draw.
    Parameters as in `clustered_interval`; shape (n_series,), NaN without a check.

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., ch. 6 (ratio estimates) and 9A (clusters). Korn & Graubard (1998), as above.
    """
    from scipy.special import stdtrit

    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = n_bad / n
        squares = np.maximum(square_bad - 2 * share * cross + share**2 * square_n, 0.0)
        variance = n_days / (n_days - 1) * squares / n**2
        size = np.where(variance > 0, share * (1 - share) / variance, np.inf)
        shrink = (stdtrit(np.maximum(n - 1, 1), tail) / stdtrit(np.maximum(n_days - 1, 1), tail)) ** 2
        size = np.where(n_days > 1, np.minimum(size, n) * np.minimum(shrink, 1.0), np.minimum(n, 1 / np.clip(share, 1e-12, None)))
    return np.where(n > 0, size, np.nan)


def poisson_interval(count: FloatArray, *, level: float) -> tuple[FloatArray, FloatArray]:
    """Exact interval of the expected number when `count` independent events were seen, shape as given.

    References
    ----------
    Garwood (1936), Fiducial limits for the Poisson distribution, Biometrika 28.
    """
    from scipy.special import gammaincinv

    tail = (1 - level) / 2
    low = np.where(count > 0, gammaincinv(np.maximum(count, 1e-12), tail), 0.0)
    return low, gammaincinv(count + 1, 1 - tail)
