"""History -> what is normal."""

from dataclasses import fields, replace

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics import baseline, calendars, expected
from tests import worlds

MONDAY = worlds.ms("2026-02-02")
WEEK = 2016


def clock_of(n_times, *, step_s=300, zone="UTC", start=MONDAY, holidays=""):
    return calendars.clock(start, n_times, step_s=step_s, zone=zone, holidays=holidays)


def latency(n_series, clock, rng, *, sigma=0.15):
    """Latency with a daily course that is half as high on weekends, and normal noise on the log scale; its truth."""
    hours = clock.hour_of_week
    bump = 0.3 * np.exp(-0.5 * ((hours % 24 - 14) / 4) ** 2) * np.where(hours >= 120, 0.5, 1.0)
    truth = np.log(100) + bump
    return np.exp(truth + sigma * rng.normal(size=(n_series, len(hours)))).astype(np.float32), truth


@pytest.mark.parametrize("n_days", [3, 7, 28])
def test_quantiles_hold_what_they_say_in_the_weeks_after(rng, n_days):
    now, later = clock_of(288 * n_days), clock_of(2 * WEEK, start=MONDAY + n_days * 86_400_000)
    values, _ = latency(40, now, rng)
    coming, _ = latency(40, later, rng)
    found = baseline.fit(values, now, kind="log")
    seen = np.isin(later.hour_of_week // 24, np.unique(now.hour_of_week // 24))
    for level in (0.05, 0.5, 0.95, 0.99):
        held = (coming <= expected.quantile(found, later, level))[:, seen].mean()
        npt.assert_allclose(held, level, atol=0.015 if n_days == 3 else 0.006)


def test_incidents_are_left_out_and_counted(rng):
    clock = clock_of(2 * WEEK)
    values, truth = latency(20, clock, rng)
    spoilt = values.copy()
    for start in rng.integers(0, 2 * WEEK - 24, 30):
        spoilt[:, start : start + 24] *= 5
    clean, found = (baseline.fit(given, clock, kind="log") for given in (values, spoilt))
    upper = [expected.quantile(one, clock, 0.99) / np.exp(truth) for one in (clean, found)]
    npt.assert_allclose(upper[1].mean(), upper[0].mean(), rtol=0.02)
    assert (clean.n_excluded < 0.01 * clean.n).all()
    assert (found.n_excluded > 0.1 * found.n).all()


def test_what_is_masked_is_not_learnt(rng):
    clock = clock_of(WEEK)
    values, _ = latency(3, clock, rng)
    masked = np.zeros((3, clock.n_cells), bool)
    masked[:, 50:90] = True
    other = values.copy()
    other[:, 600:1080] *= 7
    plain, same = (baseline.fit(given, clock, kind="log", is_excluded=masked) for given in (values, other))
    for field in fields(plain):
        npt.assert_array_equal(getattr(same, field.name), getattr(plain, field.name))
    assert (plain.n_excluded >= 480).all()


def test_masks_count_full_hours_of_the_local_clock(rng):
    clock = clock_of(WEEK, zone="Asia/Kolkata")  # 5:30 ahead: the first half hour is part of a cell
    assert (clock.lead, clock.n_cells) == (6, 169)
    values, _ = latency(1, clock, rng)
    masked = np.zeros((1, 169), bool)
    masked[0, 10] = True
    values[0, 114:126] = np.nan  # 10 full hours after the first half
    without = baseline.fit(values, clock, kind="log")
    npt.assert_array_equal(baseline.fit(values, clock, kind="log", is_excluded=masked).location, without.location)


def test_a_short_history_has_less_confidence(rng):
    found = []
    for n_days in (2, 4, 7, 28):
        clock = clock_of(288 * n_days)
        found.append(baseline.fit(latency(40, clock, rng)[0], clock, kind="log").error.mean())
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("step_s", [60, 300, 1800, 3600, 10_800, 86_400])
def test_every_cadence_has_a_baseline(rng, step_s):
    clock = clock_of(28 * 86_400 // step_s, step_s=step_s, zone="America/New_York")
    values, truth = latency(10, clock, rng, sigma=0.05)
    found = baseline.fit(values, clock, kind="log")
    npt.assert_allclose(expected.at(found, clock).mean(axis=0), truth, atol=0.06)
    npt.assert_allclose(found.n_days, 28, atol=1)


def test_summer_time_moves_the_course_with_the_clock(rng):
    clock = clock_of(4 * WEEK, zone="Europe/Zurich", start=worlds.ms("2026-03-16"))  # clocks go forward on 29 March
    values, truth = latency(20, clock, rng)
    npt.assert_allclose(expected.at(baseline.fit(values, clock, kind="log"), clock).mean(axis=0), truth, atol=0.03)


@pytest.mark.parametrize(("is_like_sunday", "weight"), [(True, 1.0), (False, 0.0)])
def test_holidays_are_like_sundays_only_where_history_says_so(rng, is_like_sunday, weight):
    clock = clock_of(5 * WEEK, start=worlds.ms("2026-04-06"), holidays="DE")  # Easter Monday, 1 May
    values, truth = latency(10, clock, rng, sigma=0.05)
    sunday = truth[6 * 288 + (np.arange(len(truth)) % 288)]
    if is_like_sunday:
        values[:, clock.is_holiday] = np.exp(sunday)[clock.is_holiday]
    npt.assert_allclose(baseline.fit(values, clock, kind="log").holiday_weight, weight, atol=0.15)


def test_without_a_holiday_in_history_a_holiday_is_taken_for_a_sunday(rng):
    clock = clock_of(WEEK)
    npt.assert_array_equal(baseline.fit(latency(2, clock, rng)[0], clock, kind="log").holiday_weight, 1)


def availability(n_series, n_times, rng, *, rate):
    """Shares of five checks that succeed, each failing with this rate."""
    return ((5 - rng.binomial(5, rate, (n_series, n_times))) / 5).astype(np.float32)


def test_availability_is_the_rate_of_checks_without_the_outages(rng):
    clock = clock_of(4 * WEEK)
    values = availability(5, 4 * WEEK, rng, rate=0.004)
    values[:, 3000:3040] = 0
    checks = np.full(values.shape, 5)
    found = baseline.fit(values, clock, kind="logit", n_checks=checks)
    npt.assert_allclose(1 - expected.at(found, clock).mean(axis=1), 0.004, rtol=0.25)
    assert (found.n_excluded >= 40).all()
    assert (found.n_excluded < 200).all()


def test_availability_counts_checks_and_not_steps(rng):
    clock = clock_of(WEEK)
    values, checks = np.ones((1, WEEK), np.float32), np.full((1, WEEK), 1)
    values[0, ::12], checks[0, ::12] = 0.99, 100
    found = baseline.fit(values, clock, kind="logit", n_checks=checks)
    npt.assert_allclose(1 - expected.at(found, clock), 1 / 111, rtol=0.01)


def test_a_series_that_is_always_down_is_expected_to_stay_down(rng):
    clock = clock_of(WEEK)
    values = np.zeros((1, WEEK), np.float32)
    values[0, 500:506] = 1  # up for half an hour
    found = baseline.fit(values, clock, kind="logit")
    assert expected.quantile(found, clock, 0.5).max() < 0.01
    assert found.n_excluded[0] >= 6


@pytest.mark.parametrize(
    ("kind", "value"),
    [("log", 1.0), ("log", 250.0), ("logit", 0.0), ("logit", 1.0), ("count", 0.0), ("count", 250.0), ("linear", 0.0), ("linear", 9.0)],
)
def test_a_constant_series_is_expected_to_stay(kind, value):
    clock = clock_of(WEEK)
    found = baseline.fit(np.full((1, WEEK), value, np.float32), clock, kind=kind)
    for level in (0.01, 0.5, 0.99):
        npt.assert_allclose(expected.quantile(found, clock, level), value, rtol=1e-4, atol=1e-4)
    npt.assert_allclose(found.scale, 0, atol=5e-4)


def test_a_series_without_a_value_has_no_baseline(rng):
    clock = clock_of(WEEK)
    values, _ = latency(2, clock, rng)
    values[0] = np.nan
    found = baseline.fit(values, clock, kind="log")
    assert np.isnan(found.location[0]).all()
    npt.assert_array_equal(found.n, [0, WEEK - found.n_excluded[1]])
    assert found.confidence[0] == 0 < found.confidence[1]


def test_a_few_values_are_enough_for_a_level(rng):
    clock = clock_of(WEEK)
    values = np.full((1, WEEK), np.nan, np.float32)
    values[0, ::400] = 100 * np.exp(0.1 * rng.normal(size=6))
    found = baseline.fit(values, clock, kind="log")
    npt.assert_allclose(expected.quantile(found, clock, 0.5), 100, rtol=0.2)
    assert found.n[0] == 6


@given(factor=st.floats(0.01, 100))
def test_scaling_latency_scales_its_baseline(factor):
    clock = clock_of(WEEK)
    values, _ = latency(2, clock, np.random.default_rng(5))
    plain, scaled = (baseline.fit(given, clock, kind="log") for given in (values, values * np.float32(factor)))
    npt.assert_allclose(expected.quantile(scaled, clock, 0.95), factor * expected.quantile(plain, clock, 0.95), rtol=0.01)


def test_series_do_not_know_each_other(rng):
    clock = clock_of(WEEK)
    values, _ = latency(5, clock, rng)
    order = rng.permutation(5)
    whole, mixed = baseline.fit(values, clock, kind="log"), baseline.fit(values[order], clock, kind="log")
    for name in ("location", "quantiles", "scale", "widening"):
        npt.assert_allclose(getattr(mixed, name), getattr(whole, name)[order], rtol=1e-5)


def test_values_are_not_changed(rng):
    clock = clock_of(WEEK)
    values, _ = latency(2, clock, rng)
    before = values.copy()
    baseline.fit(values, clock, kind="linear", is_excluded=np.ones((2, clock.n_cells), bool))
    npt.assert_array_equal(values, before)


def test_shapes_that_do_not_agree_are_refused(rng):
    clock = clock_of(WEEK)
    with pytest.raises(ValueError, match=r"expected \(n_series, n_times\)"):
        baseline.fit(np.ones((2, WEEK + 1), np.float32), clock, kind="log")
    with pytest.raises(ValueError, match=r"\(n_series, 168\)"):
        baseline.fit(np.ones((2, WEEK), np.float32), clock, kind="log", is_excluded=np.zeros((2, WEEK), bool))
    assert replace(clock).n_cells == 168
