"""Values and baselines -> evidence -> changes."""

import math

import numpy as np
import numpy.testing as npt
import pytest

from analytics import baseline, calendars
from analytics.stats import changes, scan
from tests import worlds

MONDAY = worlds.ms("2026-02-02")
DAY_S = 86_400


def latency(n_series, clock, rng, *, sigma=0.15):
    """Latency with a course of the day, half as high on weekends, wander over hours and some slow answers."""
    hours = clock.hour_of_week
    course = 0.2 * np.exp(-0.5 * ((hours % 24 - 14) / 4) ** 2) * np.where(hours >= 120, 0.5, 1.0)
    n_hours = len(hours) * clock.step_s // 3600 + 2
    slow = np.cumsum(rng.normal(size=(n_series, n_hours)) * 0.01, axis=1)
    slow -= np.stack([np.convolve(row, np.ones(12) / 12, "same") for row in slow])
    wander = np.stack([np.interp(np.arange(len(hours)) * clock.step_s / 3600, np.arange(n_hours), row) for row in slow])
    noise = sigma * rng.normal(size=wander.shape) + np.where(rng.random(wander.shape) < 0.01, rng.exponential(0.8, wander.shape), 0)
    return (100 * np.exp(course + wander + noise)).astype(np.float32)


def judged(values, clock, learnt, *, failed=None):
    found = baseline.fit(values[:, :learnt], clock.between(0, learnt), kind="log")
    return baseline.judge(values, np.zeros_like(values) if failed is None else failed, clock, baselines=found, learnt=learnt)


def weeks(n, *, step_s=300, zone="UTC"):
    return calendars.clock(MONDAY, n * 7 * DAY_S // step_s, step_s=step_s, zone=zone)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_a_step_is_told_named_dated_and_measured(rng, zone):
    clock = weeks(7, zone=zone)
    values = latency(10, clock, rng)
    at = 5 * 2016
    values[:, at:] *= 1.1
    evidence = judged(values, clock, 4 * 2016)
    found = changes.find_changes(evidence, changes.level_for(4))
    late = found.detected * 12 >= at
    assert set(found.series[late]) == set(range(10))
    assert (found.kind[late] == scan.LEVEL).mean() >= 0.9
    assert np.median(found.detected[late] * 12 - at) < 3 * 288
    npt.assert_allclose(np.median(found.effect[late]), math.log(1.1), rtol=0.15)
    assert np.median(np.abs(found.onset[late] * 12 - at)) <= 144


@pytest.mark.parametrize(("step_s", "n_weeks", "days_to_tell"), [(60, 6, 3), (900, 8, 3), (3600, 8, 4), (10_800, 8, 6), (86_400, 30, 14)])
def test_every_cadence_has_its_changes_told(rng, step_s, n_weeks, days_to_tell):
    clock = weeks(n_weeks, step_s=step_s)
    values = latency(8, clock, rng)
    learnt = len(clock.local_ms) // 2
    quiet = changes.find_changes(judged(values, clock, learnt), changes.level_for(1))
    assert len(quiet.series) <= 2
    at = learnt + len(clock.local_ms) // 8
    values[:, at:] *= 1.3
    evidence = judged(values, clock, learnt)
    found = changes.find_changes(evidence, changes.level_for(1))
    steps = evidence.channels.steps_per_bin
    late = (found.detected + 1) * steps > at
    assert set(found.series[late]) == set(range(8))
    assert np.median((found.detected[late] + 1) * steps - at) * step_s <= days_to_tell * DAY_S


def test_more_failures_are_a_change_of_availability(rng):
    clock = weeks(7)
    values = latency(10, clock, rng)
    is_later = np.arange(len(clock.local_ms)) >= 5 * 2016
    failed = (rng.random(values.shape) < np.where(is_later, 0.011, 0.001)).astype(np.float32)
    values[failed > 0] = np.nan
    found = changes.find_changes(judged(values, clock, 4 * 2016, failed=failed), changes.level_for(4))
    late = found.detected * 12 >= 5 * 2016
    assert len(set(found.series[late])) >= 9
    assert (found.kind[late] == scan.AVAILABILITY).mean() >= 0.9


def test_what_was_told_stays_told_when_data_come_in(rng):
    clock = weeks(7)
    values = latency(12, clock, rng)
    values[:, 5 * 2016 :] *= 1.06
    whole = changes.find_changes(judged(values, clock, 4 * 2016), 4.0)
    for n_times in (5 * 2016 + 300, 6 * 2016 + 7):
        part = changes.find_changes(judged(values[:, :n_times], clock.between(0, n_times), 4 * 2016), 4.0)
        told = whole.detected < n_times // 12
        for name in ("series", "kind", "detected", "onset"):
            npt.assert_array_equal(getattr(part, name), getattr(whole, name)[told])


def test_the_last_steps_wait_for_their_bin_to_be_whole(rng):
    clock = weeks(5)
    values = latency(2, clock, rng)
    n_times = 4 * 2016 + 100
    evidence = judged(values[:, :n_times], clock.between(0, n_times), 4 * 2016)
    assert evidence.statistic.shape == (2, 5, 100 // 12)


def test_series_without_values_are_silent(rng):
    clock = weeks(6)
    values = latency(3, clock, rng)
    values[0] = np.nan
    values[1] = 100
    found = changes.find_changes(judged(values, clock, 4 * 2016), changes.level_for(1))
    assert not np.isin(found.series, [0, 1]).any()
