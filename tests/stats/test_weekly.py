"""The usual course of a week, as fine as the history allows."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import weekly

HOUR = np.arange(24)
DAY_CURVE = np.sin(2 * np.pi * (HOUR - 9) / 24)


def week_of(*, weekend=1.0, own=None):
    """A week of daily curves, smaller on weekends; `own` adds to single hours, as (day, hour): size."""
    days = np.where(weekly.IS_WEEKEND, weekend, 1.0)[:, None] * DAY_CURVE
    for (day, hour), size in (own or {}).items():
        days[day, hour] += size
    return days


def history(truth, n_days, *, noise, rng, n_series=40, first=0):
    """Days of a truth with normal noise: (n_series, n_days, 24), day of the week of each."""
    day_of_week = (first + np.arange(n_days)) % 7
    return truth[day_of_week] + noise * rng.normal(size=(n_series, n_days, 24)), day_of_week


def error_of(found, truth):
    return np.sqrt(np.mean((found.location - truth.ravel()) ** 2))


def test_a_course_that_repeats_exactly_is_learnt_exactly():
    truth = week_of(weekend=0.3, own={(0, 3): 2.0})
    found = weekly.fit_week(*history(truth, 28, noise=0, rng=np.random.default_rng(1), n_series=1))
    npt.assert_allclose(found.location[0], truth.ravel(), atol=1e-4)


@pytest.mark.parametrize("n_days", [2, 5, 7, 14, 28])
def test_location_is_closer_than_the_raw_mean_by_hour_of_week(rng, n_days):
    truth = week_of(weekend=0.5)
    hours, day_of_week = history(truth, n_days, noise=0.3, rng=rng)
    raw = np.stack([hours[:, day_of_week == day].mean(axis=1) for day in np.unique(day_of_week)], axis=1)
    found = weekly.fit_week(hours, day_of_week).location.reshape(-1, 7, 24)[:, np.unique(day_of_week)]
    seen = truth[np.unique(day_of_week)]
    assert np.sqrt(np.mean((found - seen) ** 2)) < 0.7 * np.sqrt(np.mean((raw - seen) ** 2))


def test_a_single_day_gives_a_level(rng):
    found = weekly.fit_week(*history(week_of(), 1, noise=0.1, rng=rng))
    npt.assert_allclose(found.location.std(axis=1), 0, atol=1e-6)


def test_an_own_hour_is_learnt_from_weeks_that_agree(rng):
    truth = week_of(own={(1, 3): 3.0})
    apart = [weekly.fit_week(*history(truth, days, noise=0.2, rng=rng)).location[:, 27].mean() - truth[2, 3] for days in (7, 28, 91)]
    assert apart[0] < 1  # one Tuesday may be chance
    assert apart[0] < apart[1] < apart[2]
    assert apart[2] > 2


def test_noise_alone_has_no_course(rng):
    found = weekly.fit_week(*history(np.zeros((7, 24)), 28, noise=1, rng=rng))
    assert error_of(found, np.zeros((7, 24))) < 0.15  # 0.5 for the mean by hour of week


def test_stated_error_and_noise_are_the_real_ones(rng):
    truth = week_of(weekend=0.5)
    for n_days in (7, 28):
        found = weekly.fit_week(*history(truth, n_days, noise=0.4, rng=rng, n_series=200))
        npt.assert_allclose(np.sqrt(found.noise.mean()), 0.4, rtol=0.05)
        npt.assert_allclose(np.sqrt(found.error.mean()), error_of(found, truth), rtol=0.25)


def test_missing_hours_do_not_bend_the_course(rng):
    truth = week_of(weekend=0.5)
    hours, day_of_week = history(truth, 28, noise=0.1, rng=rng)
    hours[rng.random(hours.shape) < 0.3] = np.nan
    assert error_of(weekly.fit_week(hours, day_of_week), truth) < 0.06


def test_days_never_seen_are_like_those_of_their_type(rng):
    truth = week_of(weekend=0.2)
    hours, day_of_week = history(truth, 26, noise=0.05, rng=rng)
    hours[:, day_of_week == 3] = np.nan
    assert error_of(weekly.fit_week(hours, day_of_week), truth) < 0.05


def test_a_series_without_data_has_no_course(rng):
    hours, day_of_week = history(week_of(), 14, noise=0.1, rng=rng, n_series=2)
    hours[0] = np.nan
    found = weekly.fit_week(hours, day_of_week)
    assert np.isnan(found.location[0]).all()
    assert np.isnan(found.error[0])
    assert np.isfinite(found.location[1]).all()


@given(shift=st.floats(-50, 50), factor=st.floats(0.1, 20))
def test_course_follows_shift_and_scale(shift, factor):
    hours, day_of_week = history(week_of(), 10, noise=0.3, rng=np.random.default_rng(3), n_series=2)
    plain = weekly.fit_week(hours, day_of_week)
    moved = weekly.fit_week(factor * hours + shift, day_of_week)
    npt.assert_allclose(moved.location, factor * plain.location + shift, atol=2e-3 * factor)


def test_series_do_not_know_each_other(rng):
    hours, day_of_week = history(week_of(), 10, noise=0.3, rng=rng, n_series=6)
    hours[rng.random(hours.shape) < 0.1] = np.nan
    order = rng.permutation(6)
    whole = weekly.fit_week(hours, day_of_week).location
    npt.assert_allclose(weekly.fit_week(hours[order], day_of_week).location, whole[order], rtol=1e-9)
    npt.assert_allclose(weekly.fit_week(hours[:1], day_of_week).location, whole[:1], rtol=1e-9)


def test_incidents_are_unusual_and_so_are_the_hours_beside_them(rng):
    hours, day_of_week = history(week_of(), 14, noise=0.05, rng=rng, n_series=1)
    hours[0, 9, 5:7] += 1.0
    found = weekly.unusual_hours(hours, day_of_week, week_of()[None])
    assert [tuple(place) for place in np.argwhere(found[0])] == [(9, 4), (9, 5), (9, 6), (9, 7)]


@pytest.mark.parametrize("n_days", [3, 7, 28])
def test_a_fifth_of_wrong_hours_hardly_moves_the_course(rng, n_days):
    truth = week_of(weekend=0.5)
    hours, day_of_week = history(truth, n_days, noise=0.05, rng=rng)
    wrong = np.repeat(rng.random((40, n_days, 12)) < 0.2, 2, axis=2)
    spoilt = np.where(wrong, hours + rng.uniform(0.7, 1.8, hours.shape), hours)
    unusual = weekly.unusual_hours(spoilt, day_of_week, weekly.first_course(spoilt, day_of_week))
    found = weekly.fit_week(np.where(unusual, np.nan, spoilt), day_of_week).location.reshape(-1, 7, 24)
    seen = np.unique(day_of_week)
    assert np.median(np.abs(found[:, seen] - truth[seen])) < 0.05
    assert (unusual & wrong).sum() > 0.9 * wrong.sum()


def test_what_comes_every_week_is_a_habit(rng):
    hours, day_of_week = history(week_of(own={(0, 3): 2.0}), 28, noise=0.05, rng=rng, n_series=1)
    assert not weekly.unusual_hours(hours, day_of_week, week_of()[None]).any()
    hours[0, [7, 14], 3] -= 2.0  # only two Mondays of four are left
    npt.assert_array_equal(np.argwhere(weekly.unusual_hours(hours, day_of_week, week_of()[None])[0, :, 3])[:, 0], [0, 21])


def test_nothing_is_unusual_about_a_constant():
    hours = np.full((1, 14, 24), 5.0)
    assert not weekly.unusual_hours(hours, np.arange(14) % 7, weekly.first_course(hours, np.arange(14) % 7)).any()
