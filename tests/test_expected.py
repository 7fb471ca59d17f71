"""Baselines evaluated at any time."""

from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics import calendars, expected
from tests import worlds

MONDAY = worlds.ms("2026-03-02")


def some(*, kind="linear", location=None, **more):
    """Baselines of one series; its location is the hour of the week."""
    one = np.ones(1, np.float32)
    quantiles = np.tile(np.arange(-3, 4, dtype=np.float32), (1, 8, 1))
    given = np.arange(168, dtype=np.float32)[None] if location is None else np.asarray(location, np.float32)[None]
    known = expected.Baselines(
        kind, given, quantiles, one, one, 0 * one, one, np.array([9]), np.array([0]), one, np.array([0]), np.array([1])
    )
    return replace(known, **more)


def test_expected_is_linear_between_the_centres_of_hours():
    clock = calendars.clock(MONDAY, 3, step_s=1800, zone="UTC")  # middles at 0:15, 0:45, 1:15
    npt.assert_allclose(expected.at(some(), clock)[0, 1:], [0.25, 0.75])
    npt.assert_allclose(expected.at(some(), clock)[0, 0], 0.25 * 167)  # towards Sunday's last hour


def test_expected_follows_the_clocks_of_the_region():
    before = calendars.clock(worlds.ms("2026-03-23 06:00"), 1, step_s=3600, zone="Europe/Zurich")
    after = calendars.clock(worlds.ms("2026-03-30 06:00"), 1, step_s=3600, zone="Europe/Zurich")
    npt.assert_allclose([expected.at(some(), clock)[0, 0] for clock in (before, after)], [7, 8])


def test_a_holiday_is_like_a_sunday_as_far_as_its_weight_says():
    clock = calendars.clock(worlds.ms("2026-05-01 10:00"), 1, step_s=3600, zone="UTC", holidays="DE")
    for weight in (0, 0.5, 1):
        found = expected.at(some(holiday_weight=np.array([weight], np.float32)), clock)[0, 0]
        npt.assert_allclose(found, (1 - weight) * (4 * 24 + 10) + weight * (6 * 24 + 10))


@given(values=st.lists(st.floats(0.001, 1e6), min_size=1, max_size=5), kind=st.sampled_from(["log", "count", "linear", "logit"]))
def test_untransform_is_the_inverse(values, kind):
    given = np.array(values)
    npt.assert_allclose(expected.untransform(expected.transform(given, kind), kind), given, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mean", [5, 50, 400])
def test_counts_have_equal_spread_on_their_scale(rng, mean):
    spread = np.std(expected.transform(rng.poisson(mean, 20_000).astype(float), "count"))
    overdispersed = rng.poisson(mean * rng.gamma(400, 1 / 400, 20_000)).astype(float)
    npt.assert_allclose(np.std(expected.transform(overdispersed, "count")), 1, atol=0.08)
    assert spread < 1.08


@pytest.mark.parametrize("mean", [3.0, 50.0, 2000.0])
def test_counts_are_at_least_as_noisy_as_chance_makes_them(rng, mean):
    scaled = expected.transform(rng.poisson(mean, 200_000).astype(float), "count")
    known = expected.least_noise(expected.transform(np.array([mean]), "count"), "count")
    npt.assert_allclose(known, scaled.std(), rtol=0.07)
    npt.assert_array_equal(expected.least_noise(np.array([1.0]), "log"), [0.0])


def test_latency_that_is_not_positive_is_missing():
    npt.assert_array_equal(np.isnan(expected.transform(np.array([1.0, 0, -1, np.nan]), "log")), [False, True, True, True])


def test_quantiles_are_widened_about_the_median():
    clock = calendars.clock(MONDAY, 24, step_s=3600, zone="UTC")
    wide = some(location=np.full(168, 10), widening=np.array([2], np.float32))
    npt.assert_allclose(expected.quantile(wide, clock, 0.99), 16)
    npt.assert_allclose(expected.quantile(wide, clock, 0.5), 10)
    npt.assert_allclose(wide.confidence, 0.25)


def test_quantiles_change_gently_from_part_to_part():
    quantiles = some().quantiles.copy()
    quantiles[0, 1] *= 2  # 6:00 to 12:00 of working days
    clock = calendars.clock(MONDAY, 288, step_s=300, zone="UTC")
    upper = expected.offset(some(quantiles=quantiles), clock, 0.99)[0]
    npt.assert_allclose(upper[[36, 107, 108]], [3, 6, 6], atol=0.1)
    assert np.abs(np.diff(upper)).max() < 0.1


def test_residual_is_on_the_scale_of_the_baseline():
    clock = calendars.clock(MONDAY, 1, step_s=3600, zone="UTC")
    latency = some(kind="log", location=np.full(168, np.log(100)))
    npt.assert_allclose(expected.residual(latency, np.array([[110.0]]), clock), np.log(1.1), rtol=1e-5)
    availability = some(kind="logit", location=expected.log_odds(np.full(168, 0.99)))
    npt.assert_allclose(expected.residual(availability, np.array([[0.75]]), clock), -0.24, rtol=1e-4)


def test_shares_stay_between_0_and_1():
    clock = calendars.clock(MONDAY, 1, step_s=3600, zone="UTC")
    certain = some(kind="logit", location=expected.log_odds(np.full(168, 1.0)))
    npt.assert_allclose([expected.quantile(certain, clock, level)[0, 0] for level in (0.01, 0.99)], [0, 1])


def test_a_level_that_is_not_kept_is_refused():
    with pytest.raises(ValueError, match="use one of"):
        expected.quantile(some(), calendars.clock(MONDAY, 1, step_s=3600, zone="UTC"), 0.97)


def test_scale_follows_the_signal():
    kinds = [expected.kind_of(signal) for signal in ("latency_ms", "latency_p95_ms", "availability", "requests", "cpu")]
    assert kinds == ["log", "log", "logit", "count", "linear"]
