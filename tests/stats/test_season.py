"""Which periods a series really has."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st
from scipy.signal import lfilter
from scipy.stats import beta

from analytics.stats import season

USUAL = (24, 168)


def coloured(rng, n_series, n_times, phi):
    """AR(1) noise of unit variance."""
    return lfilter([np.sqrt(1 - phi**2)], [1, -phi], rng.normal(size=(n_series, n_times + 300)), axis=1)[:, 300:]


def wave(n_times, period, *, on=None):
    """A season of unit variance: a cosine, or a pulse that is on for a part of the period."""
    phase = np.arange(n_times) % period / period
    course = np.cos(2 * np.pi * phase) if on is None else (phase < on).astype(float)
    return (course - course.mean()) / course.std()


def periods(found):
    return [sorted(one.period for one in seasons) for seasons in found]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.95])
def test_noise_of_any_colour_has_no_season(rng, phi):
    n = 600
    false = sum(len(seasons) > 0 for seasons in season.find_seasons(coloured(rng, n, 672, phi), usual=USUAL))
    # One-sided 95 % limit of the rate must be below 2 %: 6 of 600 would still pass, 7 would not.
    assert beta.ppf(0.95, false + 1, n - false) < 0.02


def test_noise_on_slow_wander_has_no_season(rng):
    n = 300
    values = coloured(rng, n, 672, 0.95) + rng.normal(size=(n, 672))
    assert sum(len(seasons) > 0 for seasons in season.find_seasons(values, usual=USUAL)) <= 6


@pytest.mark.parametrize("on", [None, 0.35, 1 / 24])
@pytest.mark.parametrize("period", [6, 24, 60])
def test_a_season_of_moderate_strength_is_found(rng, period, on):
    values = np.sqrt(0.4) * wave(1344, period, on=on) + np.sqrt(0.6) * coloured(rng, 10, 1344, 0.5)
    found = season.find_seasons(values, usual=USUAL)
    assert periods(found).count([period]) >= 9
    npt.assert_allclose([seasons[0].strength for seasons in found if seasons], 0.4, atol=0.12)


def test_day_and_week_are_told_apart(rng):
    noise = coloured(rng, 8, 1344, 0.3)
    day, week = wave(1344, 24, on=0.3), wave(1344, 168, on=0.3)
    assert periods(season.find_seasons(2 * day + noise, usual=USUAL)) == [[24]] * 8
    assert periods(season.find_seasons(2 * week + noise, usual=USUAL)) == [[168]] * 8
    assert periods(season.find_seasons(2 * day + 2 * week + noise, usual=USUAL)) == [[24, 168]] * 8


@pytest.mark.parametrize("period", [24, 25])
def test_a_marked_season_is_not_told_as_a_multiple_of_its_period(rng, period):
    values = wave(1344, period) + 0.15 * rng.normal(size=(40, 1344)) + 2 * (rng.random((40, 1344)) < 0.005)
    assert periods(season.find_seasons(values, usual=USUAL)) == [[period]] * 40


def test_a_batch_every_50_hours_is_found_though_nobody_named_it(rng):
    values = 5 * (np.arange(672) % 50 < 2) + coloured(rng, 5, 672, 0.3)
    assert periods(season.find_seasons(values, usual=USUAL)) == [[50]] * 5


def test_gaps_spikes_trend_and_a_shift_hide_nothing(rng):
    plain = wave(672, 24) + coloured(rng, 5, 672, 0.5)
    gaps = np.where(np.repeat(rng.random((5, 56)) < 0.2, 12, axis=1), np.nan, plain)
    spikes = plain + 30 * (rng.random(plain.shape) < 0.01)
    trend = plain + np.arange(672) / 60
    shift = plain + 7 * (np.arange(672) > 300)
    for values in (gaps, spikes, trend, shift):
        assert periods(season.find_seasons(values, usual=USUAL)) == [[24]] * 5


def test_a_season_without_noise_is_all_there_is():
    (found,) = season.find_seasons(wave(672, 24)[None], usual=USUAL)
    assert [one.period for one in found] == [24]
    npt.assert_allclose(found[0].strength, 1, atol=1e-3)


@pytest.mark.parametrize("values", [np.full(672, 3.0), np.full(672, np.nan), np.where(np.arange(672) < 40, 1.0, np.nan)])
def test_constant_missing_and_tiny_series_have_no_season(values):
    assert season.find_seasons(values[None], usual=USUAL) == [[]]


def test_a_series_that_began_late_is_looked_at_from_its_beginning(rng):
    values = np.full((2, 1344), np.nan)
    values[0, 700:] = wave(644, 24) + rng.normal(size=644)
    values[1, :600] = wave(600, 24) + rng.normal(size=600)
    assert periods(season.find_seasons(values, usual=USUAL)) == [[24], [24]]


def test_a_short_history_has_no_season():
    assert season.find_seasons(np.arange(30.0)[None], usual=USUAL) == [[]]


@given(shift=st.floats(-1e3, 1e3), factor=st.floats(1e-3, 1e3))
def test_units_do_not_matter(shift, factor):
    values = wave(672, 24) + coloured(np.random.default_rng(7), 2, 672, 0.5)
    plain, moved = season.find_seasons(values, usual=USUAL), season.find_seasons(values * factor + shift, usual=USUAL)
    assert periods(plain) == periods(moved) == [[24], [24]]
    npt.assert_allclose(moved[0][0].strength, plain[0][0].strength, rtol=1e-3)


def test_series_do_not_know_each_other(rng):
    values = wave(672, 24) * np.array([[0], [1], [2]]) + coloured(rng, 3, 672, 0.5)
    whole = season.find_seasons(values, usual=USUAL)
    assert [season.find_seasons(row[None], usual=USUAL)[0] for row in values] == whole
