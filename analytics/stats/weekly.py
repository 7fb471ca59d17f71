"""The usual course of a week, as fine as the history allows: a hierarchy of daily curves whose parts are kept as far as they repeat.

A day is 24 values, written as 24 Fourier coefficients; at each frequency the seven days of the week have one mean, a difference between
weekend and working days, and own differences. How much of each is real is told by what repeats from day to day and week to week, for
each series by itself: what does not repeat is shrunk away, slow and strong shapes stay, fast wiggles and own hours stay where weeks agree.
A week of history thus gives day-type curves, a month gives own hours, a single day gives a level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.stats import robust

__all__ = ["IS_WEEKEND", "Week", "first_course", "fit_week", "unusual_hours", "unusual_shares"]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

IS_WEEKEND: BoolArray = np.arange(7) >= 5
"""Days of the week, Monday first, that are alike before the history says otherwise."""

BAND_OF = np.array([0, *np.repeat([1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5], 2), 5])
"""Band of each of the 24 coefficients: level, then a cosine and a sine for 1 to 11 cycles a day, then 12 cycles. A variance is estimated
from all coefficients of a band, about an octave: a single pair would know it too badly."""

IN_BAND = (BAND_OF[:, None] == np.arange(BAND_OF.max() + 1)).astype(float)

UNUSUAL = 4.0
"""Hours further than this many spreads from the usual course are unusual: 0.04 of the 672 normal hours of four weeks are by chance."""

ENOUGH_DF = 6
"""Repetitions of days of the week from which own differences of days are told (from the second week on)."""

FEW_VALUES = 7
"""Values that a first median shall have at least: it then stands up to three that are wrong."""


@dataclass(frozen=True)
class Week:
    """The usual week of each series.

    Attributes
    ----------
    location : float array, shape (n_series, 168); from Monday 00:00 on; NaN for a series without data
    noise : float array, shape (n_series,); variance of an hour about its true location
    error : float array, shape (n_series,); variance of `location` about the true one
    """

    location: FloatArray
    noise: FloatArray
    error: FloatArray


def fit_week(hours: FloatArray, day_of_week: IntArray, *, passes: int = 3) -> Week:
    """Usual course of the week from days of 24 hours.

    Parameters
    ----------
    hours : float array, shape (n_series, n_days, 24)
        One value per local hour; NaN is missing: filled by the course that the others give, `passes` times.
    day_of_week : int array, shape (n_days,)
        0 is Monday.

    References
    ----------
    Efron & Morris (1973), Stein's Estimation Rule and Its Competitors, JASA 68(341). Searle, Casella & McCulloch (1992), Variance
    Components (estimates by equating mean squares, best linear unbiased prediction). Dempster, Laird & Rubin (1977), Maximum Likelihood
    from Incomplete Data via the EM Algorithm, JRSS B 39(1).
    """
    present = np.isfinite(hours)
    share = present.mean(axis=2)
    member = (day_of_week[:, None] == np.arange(7)).astype(float)
    level = robust.median(hours.reshape(len(hours), -1)).astype(float)[:, None, None]
    known = np.isfinite(level[:, 0, 0])
    days = first_course(hours, day_of_week) - np.nan_to_num(level)
    for _ in range(passes):
        filled = np.where(present, hours - np.nan_to_num(level), days[:, day_of_week])
        course, noise, error = _shrink(filled @ _FOURIER.T, share, member)
        days = course @ _FOURIER
    location = np.where(known[:, None], (days + level).reshape(len(hours), 168), np.nan)
    return Week(location, np.where(known, noise, np.nan), np.where(known, error, np.nan))


def first_course(hours: FloatArray, day_of_week: IntArray) -> FloatArray:
    """Median by type of day and hour, shape (n_series, 7, 24): a first guess that many wrong hours cannot move.

    Where a type has few days the neighbouring hours help; where it has none the other type stands for it, and the overall median for what
    then is still missing.
    """
    course = np.empty((len(hours), 7, 24))
    for weekend in (False, True):
        mine = hours[:, IS_WEEKEND[day_of_week] == weekend]
        if not mine.shape[1]:
            mine = hours
        reach = int(np.ceil((FEW_VALUES / mine.shape[1] - 1) / 2))
        near = np.concatenate([np.roll(mine, shift, axis=2) for shift in range(-reach, reach + 1)], axis=1)
        course[:, np.flatnonzero(IS_WEEKEND if weekend else ~IS_WEEKEND)] = robust.median(near.transpose(0, 2, 1))[:, None]
    overall = np.nan_to_num(robust.median(hours.reshape(len(hours), -1)))
    return np.where(np.isfinite(course), course, overall[:, None, None])


def unusual_hours(hours: FloatArray, day_of_week: IntArray, course: FloatArray) -> BoolArray:
    """Hours far from the usual course that are no habit of their hour of the week, and the hour before and after each.

    The neighbours are where an incident begins and ends: too little of it to be seen, enough to spoil a tail.

    Parameters
    ----------
    hours, day_of_week : as in `fit_week`
    course : float array, shape (n_series, 7, 24)
        What is usual.

    Returns
    -------
    bool array, shape (n_series, n_days, 24)
    """
    off = hours - course[:, day_of_week]
    spread = robust.mad(off.reshape(len(off), -1))[:, None, None]
    far: BoolArray = (np.abs(off) > UNUSUAL * spread) & (spread > 0)
    far &= ~_habits(off, far, day_of_week)
    return _with_neighbours(far)


def unusual_shares(hours: FloatArray, n_checks: FloatArray) -> BoolArray:
    """Hours with far more failures than a series usually has: `unusual_hours` for shares of few checks, which have no usual spread.

    The usual rate is that of all hours but the worst twentieth. A series that mostly fails is judged by its successes.

    Parameters
    ----------
    hours : float array, shape (n_series, n_days, 24)
        Share of successes in each hour; NaN is missing.
    n_checks : float array, shape (n_series, n_days, 24)
        Checks behind each share.

    Returns
    -------
    bool array, shape (n_series, n_days, 24)
    """
    from scipy.special import gammainc

    share = hours.reshape(len(hours), -1)
    checks = np.where(np.isfinite(share), n_checks.reshape(share.shape), 0)
    mostly_up = robust.mean(share) >= 0.5
    rare = np.nan_to_num(np.where(mostly_up[:, None], 1 - share, share))
    worst = robust.quantiles(np.where(checks > 0, rare, np.nan), np.array([1 - WORST_SHARE]))
    calm = (rare <= worst) & (checks > 0)
    usual = ((rare * checks * calm).sum(axis=1) + 0.5) / ((checks * calm).sum(axis=1) + 1)
    count, mean = rare * checks, usual[:, None] * checks
    # Chance that a Poisson number is at least this large.
    chance = np.where(count >= 1, gammainc(np.maximum(count, 1), np.maximum(mean, TINY)), 1.0)
    return _with_neighbours((chance < UNUSUAL_CHANCE).reshape(hours.shape))


WORST_SHARE = 0.05
"""Part of the hours from which the usual rate of failures is not learnt: incidents take less than this of most months."""

UNUSUAL_CHANCE = 3e-5
"""Chance of a normal value beyond `UNUSUAL` spreads on one side."""


def _with_neighbours(far: BoolArray) -> BoolArray:
    """The same hours, and the one before and after each."""
    flat = far.reshape(len(far), -1)
    wider = flat.copy()
    wider[:, 1:] |= flat[:, :-1]
    wider[:, :-1] |= flat[:, 1:]
    return wider.reshape(far.shape)


HABIT_WEEKS = 3
HABIT_SHARE = 0.75
"""An hour of the week is a habit when in at least three weeks, three quarters of the others are far off on the same side."""


def _habits(off: FloatArray, far: BoolArray, day_of_week: IntArray) -> BoolArray:
    habits = np.zeros(far.shape, bool)
    for day in np.unique(day_of_week):
        mine = day_of_week == day
        n_known = np.isfinite(off[:, mine]).sum(axis=1)
        for side in (1, -1):
            here = far[:, mine] & (off[:, mine] * side > 0)
            others = here.sum(axis=1) - 1
            is_habit = (n_known >= HABIT_WEEKS) & (others >= HABIT_SHARE * (n_known - 1))
            habits[:, mine] |= here & is_habit[:, None]
    return habits


def _shrink(coefficients: FloatArray, share: FloatArray, member: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coefficients of the seven days, shape (n_series, 7, 24), the noise of an hour and the error of the course, shape (n_series,).

    Parameters
    ----------
    coefficients : float array, shape (n_series, n_days, 24)
    share : float array, shape (n_series, n_days); part of the hours of a day that are present; filled ones do not deviate
    member : float array, shape (n_days, 7); 1 for the day of the week of each day
    """
    known = (share > 0).astype(float)
    n_days, size = known @ member, share @ member
    means = member.T @ (coefficients * known[..., None]) / np.maximum(n_days, 1)[..., None]
    parts = _components(coefficients, share, member, means)
    prior = parts.mean[..., None, None] + parts.weekend[..., None, None] * _WEEKEND_PRIOR + parts.own[..., None, None] * np.eye(7)
    # (I + K D)^-1 K D y, with D the precision of the means: also right where K is singular or a day of the week has no data.
    precision = size[:, None, :] / parts.noise[..., None]
    gain = np.linalg.solve(np.eye(7) + prior * precision[:, :, None, :], prior)
    course = np.empty_like(means)
    for band in range(IN_BAND.shape[1]):
        mine = IN_BAND[:, band] > 0
        course[..., mine] = gain[:, band] @ (precision[:, band, :, None] * means[..., mine])
    per_hour = IN_BAND.sum(axis=0) / 24
    error = np.diagonal(gain, axis1=2, axis2=3).mean(axis=2)
    return course, parts.noise @ per_hour, error @ per_hour


TINY = 1e-18
LEVEL_IS_FREE = 100.0
"""Prior variance of the level over what was seen of it: it is hardly shrunk."""

UNSEEN_TYPE = 0.25
"""Prior variance of the difference of weekends over that of the daily course while only one of the two is known: half of it."""

NOISE_FLOOR = 1e-6
"""Least noise as a part of what is real: a course that repeats exactly would make the equations singular."""


@dataclass(frozen=True)
class _Components:
    """Variances of a coefficient in each band, shape (n_series, n_bands): noise, mean day, weekend against working days, own difference."""

    noise: FloatArray
    mean: FloatArray
    weekend: FloatArray
    own: FloatArray


def _components(coefficients: FloatArray, share: FloatArray, member: FloatArray, means: FloatArray) -> _Components:
    """Each variance is what a mean square exceeds that explained by the variances below it."""
    n_days, size = (share > 0) @ member, share @ member
    type_size, type_days = size @ _TYPES.T, (n_days > 0) @ _TYPES.T
    type_means = (_TYPES * size[:, None, :]) @ means / np.maximum(type_size, TINY)[..., None]
    noise, own, is_alone = _within_types(coefficients, share, member, means, type_means)

    # Error of the mean of each type, shape (n_series, n_bands, 2).
    type_error = noise[..., None] / np.maximum(type_size, TINY)[:, None] + own[..., None] / np.maximum(type_days, 1)[:, None]
    both = (type_days > 0).all(axis=1, keepdims=True)
    lean = np.where(both, np.array([5, 2]) / 7, type_days > 0)
    middle = _in_bands(lean[:, None] @ type_means)
    mean = np.maximum(middle - (lean[:, None] ** 2 * type_error).sum(axis=2), 0)
    mean[is_alone] = 0
    contrast = np.maximum(_in_bands(type_means[:, [1]] - type_means[:, [0]]) - type_error.sum(axis=2), 0)
    weekend = np.where(both, contrast, UNSEEN_TYPE * mean * (np.arange(mean.shape[1]) > 0))
    mean[:, 0] = LEVEL_IS_FREE * (middle[:, 0] + noise[:, 0])
    return _Components(np.maximum(noise, TINY + NOISE_FLOOR * (mean + weekend + own)), mean, weekend, own)


def _within_types(
    coefficients: FloatArray, share: FloatArray, member: FloatArray, means: FloatArray, type_means: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Variances of noise and of own differences of days, shape (n_series, n_bands), and which series have nothing that repeats."""
    known = share > 0
    n_days = known @ member
    type_days = (n_days > 0) @ _TYPES.T
    # Filled hours do not deviate: a slow deviation of a day that is half there is seen as half as large, its square as a quarter.
    seen = ((share**2).sum(axis=1) / np.maximum(known.sum(axis=1), 1))[:, None]
    within = _in_bands(coefficients - member @ means, known)
    within_df = seen * np.maximum(n_days - 1, 0).sum(axis=1, keepdims=True)
    between = _in_bands(means - _TYPES.T @ type_means, n_days)
    between_df = seen * np.maximum(type_days - 1, 0).sum(axis=1, keepdims=True)
    repeat, total_df = within_df >= ENOUGH_DF, within_df + between_df
    noise = np.where(repeat, within / np.maximum(within_df, TINY), (within + between) / np.maximum(total_df, TINY))
    repeats = n_days.sum(axis=1, keepdims=True) / np.maximum(type_days.sum(axis=1, keepdims=True), 1)
    own = np.where(repeat & (between_df > 0), between / np.maximum(between_df, TINY) - noise, 0) / np.maximum(repeats, 1)
    # Nothing repeats in a single day (of a type): all that varies in it counts as noise.
    is_alone = total_df[:, 0] == 0
    noise[is_alone] = _in_bands(means[is_alone], n_days[is_alone] > 0)[:, 1:].mean(axis=1, keepdims=True)
    return noise, np.maximum(own, 0), is_alone


def _in_bands(coefficients: FloatArray, weight: FloatArray | BoolArray | None = None) -> FloatArray:
    """Sums over days (with weights) of squared coefficients, averaged over the coefficients of a band, shape (n_series, n_bands)."""
    squares = (coefficients**2).sum(axis=1) if weight is None else (weight[:, None].astype(float) @ coefficients**2)[:, 0]
    return squares @ (IN_BAND / IN_BAND.sum(axis=0))


def _fourier() -> FloatArray:
    """Orthonormal real Fourier basis of 24 hours, shape (24 coefficients, 24 hours)."""
    hour = np.arange(24)
    rows = [np.full(24, np.sqrt(1 / 24))]
    for cycles in range(1, 12):
        rows += [np.sqrt(1 / 12) * np.cos(2 * np.pi * cycles * hour / 24), np.sqrt(1 / 12) * np.sin(2 * np.pi * cycles * hour / 24)]
    return np.array([*rows, np.sqrt(1 / 24) * np.cos(np.pi * hour)])


_FOURIER = _fourier()
_TYPES = np.stack([~IS_WEEKEND, IS_WEEKEND]).astype(float)
_LEAN = np.where(IS_WEEKEND, 5 / 7, -2 / 7)
_WEEKEND_PRIOR = np.outer(_LEAN, _LEAN)
