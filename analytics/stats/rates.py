"""How sure a share or a rate is when failures come in runs: intervals that take days, not checks, as the independent units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["clustered_interval", "effective_size", "poisson_interval", "share_interval", "usual_outage"]

FloatArray = npt.NDArray[np.float64]

KNOWN_DAYS = 60
"""Days after which a service tells the size of its outages by itself: in fewer, an outage on 5 % of days is often not seen."""

MONTH_DAYS = 30
UNEVEN_SHARE = 0.1
"""Most uneven part of the services, which says nothing about the others."""


def clustered_interval(
    n: FloatArray,
    n_bad: FloatArray,
    n_days: FloatArray,
    square_bad: FloatArray,
    square_n: FloatArray,
    cross: FloatArray,
    *,
    outage: FloatArray,
    level: float,
) -> tuple[FloatArray, FloatArray]:
    """Interval of a share of bad checks whose failures come in runs.

    Days are drawn, and with each all of its checks: the spread of the daily counts gives the size of a sample of independent checks
    that would know as much, and the exact binomial interval of that sample is taken. Calm days cannot tell how bad a bad day is: for
    the upper end one more outage is added, its size to what was counted and its square to the variance, and the beta distribution with
    these two moments gives an end that the upper one is not below. Fay & Feuer do so with the largest weight of a weighted sum of
    Poisson counts and the gamma distribution, which the beta becomes for small shares. Where nothing was bad this is nearly
    `-log((1 - level) / 2)` outages.

    Parameters
    ----------
    n, n_bad : float arrays, shape (n_series,)
        Checks and bad checks.
    n_days : float array, shape (n_series,)
        Days with a check.
    square_bad, square_n, cross : float arrays, shape (n_series,)
        Sums over days of bad checks squared, checks squared, and bad checks times checks.
    outage : float array, shape (n_series,)
        Size of an outage as a share of a day's checks (`usual_outage`); at least one check is taken. NaN: unknown, one check.
    level : float
        Nominal coverage.

    Returns
    -------
    low, high : float arrays, shape (n_series,)
        Between 0 and 1; NaN where there is no check.

    References
    ----------
    Korn & Graubard (1998), Confidence intervals for proportions with small expected number of positive counts estimated from survey
    data, Survey Methodology 24(2), 193-201. Fay & Feuer (1997), Confidence intervals for directly standardized rates: a method based on
    the gamma distribution, Statistics in Medicine 16, 791-801; formulae checked in R package asht, `wspoissonTest`.
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    size = effective_size(n, n_bad, n_days, square_bad, square_n, cross, level=level)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = n_bad / n
        bad = share * size
        low = np.where(bad > 0, betaincinv(np.maximum(bad, 1e-12), size - bad + 1, tail), 0.0)
        low = np.where(n_bad == n, 1 - np.minimum(1.0, -np.log(tail) / n_days), low)
        # The outage falls on checks of which `share` is bad already, so that the mean never passes 1.
        one_more = np.maximum(np.nan_to_num(outage) / n_days, 1 / n) * (1 - share)
        mean = share + one_more
        variance = share * (1 - share) / size + one_more**2
        # Below 0, moments that no beta distribution with one peak has: a single day, or nearly, knows nothing of the upper end.
        spread = mean * (1 - mean) / variance - 1
        beta = betaincinv(np.maximum(mean * spread, 1e-12), np.maximum((1 - mean) * spread, 1e-12), 1 - tail)
        binomial = np.where(bad < size, betaincinv(bad + 1, np.maximum(size - bad, 1e-12), 1 - tail), 1.0)
        high = np.maximum(np.where((spread > 0) & (n_bad < n), beta, 1.0), binomial * (n_bad > 0))
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
        variance = n_days / (n_days - 1) * _squares(share, square_bad, square_n, cross) / n**2
        size = np.where(variance > 0, share * (1 - share) / variance, np.inf)
        shrink = (stdtrit(np.maximum(n - 1, 1), tail) / stdtrit(np.maximum(n_days - 1, 1), tail)) ** 2
        size = np.where(n_days > 1, np.minimum(size, n) * np.minimum(shrink, 1.0), np.minimum(n, 1 / np.clip(share, 1e-12, None)))
    return np.where(n > 0, size, np.nan)


def usual_outage(
    n: FloatArray, n_bad: FloatArray, n_days: FloatArray, square_bad: FloatArray, square_n: FloatArray, cross: FloatArray
) -> FloatArray:
    """Size of an outage of each service, as a share of a day's checks: variance of the daily share of bad checks over its mean.

    Were the bad checks of a day a compound Poisson sum, this ratio would be the mean size of an outage weighted by its size (the one a
    bad check is in), and one check for checks that fail independently: noise, however steady, does not hide outages nor pass for one.
    A service known for less than `KNOWN_DAYS` borrows the days it lacks from the others, without the most uneven of them; an older one
    borrows a single day, which only matters if it hardly ever failed, and less the longer it has not.
    Parameters as in `clustered_interval`, sums over all days of each service; shape (n_services,), NaN where no service ever failed.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = n_bad / n
        variance = _squares(mean, square_bad, square_n, cross) / square_n * n_days / np.maximum(n_days - 1, 1)
    known, borrowed = n > 0, np.maximum(KNOWN_DAYS - n_days, 1.0)
    failed = known & (n_bad > 0)
    if not failed.any():
        return np.full(len(n), np.nan)
    usual = failed & (variance <= np.quantile(variance[failed], 1 - UNEVEN_SHARE))
    others_mean, others_variance = mean[usual].mean(), variance[usual].mean() * np.minimum(1.0, MONTH_DAYS / np.maximum(n_days, 1.0))
    own = np.where(known, n_days, 0.0)
    return (own * np.nan_to_num(variance) + borrowed * others_variance) / (own * np.nan_to_num(mean) + borrowed * others_mean)


def _squares(share: FloatArray, square_bad: FloatArray, square_n: FloatArray, cross: FloatArray) -> FloatArray:
    """Sum over days of the squared difference of bad checks and `share` of the day's checks."""
    return np.maximum(square_bad - 2 * share * cross + share**2 * square_n, 0.0)


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


def share_interval(count: FloatArray, of: FloatArray, *, level: float) -> tuple[FloatArray, FloatArray]:
    """Exact interval of a share of which `count` of `of` independent cases were seen, shape as given; 0 to 1 where there is no case.

    References
    ----------
    Clopper & Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial, Biometrika 26.
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = np.where(count > 0, betaincinv(np.maximum(count, 1e-12), of - count + 1, tail), 0.0)
    return low, np.where(count < of, betaincinv(count + 1, np.maximum(of - count, 1e-12), 1 - tail), 1.0)
