"""What can drift in a series, bin by bin."""

from dataclasses import fields

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import bins, channels

DAY = 24


def block(rng, *, n_series=3, n_days=21, steps=12, sigma=0.1):
    """Normal residuals with some slow values, some missing, and failures."""
    shape = (n_series, n_days * DAY, steps)
    residual = sigma * rng.normal(size=shape) + np.where(rng.random(shape) < 0.02, rng.exponential(1, shape), 0)
    residual[rng.random(shape) < 0.05] = np.nan
    failed = np.where(rng.random(shape) < 0.01, 1.0, 0.0)
    failed[rng.random(shape) < 0.02] = np.nan
    return residual.astype(np.float32), failed.astype(np.float32)


def made(residual, failed, *, learnt=14 * DAY):
    week_bin = np.arange(residual.shape[1]) % (7 * DAY)
    hour = np.arange(DAY)
    course = np.broadcast_to(np.exp(-0.5 * ((hour - 14) / 4) ** 2), (len(residual), 7, DAY)) * np.where(np.arange(7) < 5, 1, 0.5)[:, None]
    yardstick = bins.learn_yardstick(residual[:, :learnt], week_bin[:learnt] % DAY, bins_per_day=DAY)
    measured = bins.measure(residual, failed, yardstick=yardstick, time_of_day=week_bin % DAY)
    shape, steps = channels.day_shape(course), residual.shape[2]
    return channels.lay_out(measured, yardstick=yardstick, shape=shape, week_bin=week_bin, steps_per_bin=steps), yardstick


def naive_location(values, scale):
    """Newton's steps for Huber's location, one value at a time."""
    location = sum(min(max(x, -3 * scale), 3 * scale) for x in values) / len(values)
    for _ in range(bins.HUBER_STEPS):
        pulls = [min(max(x - location, -1.5 * scale), 1.5 * scale) for x in values]
        inside = sum(abs(pull) < 1.5 * scale for pull in pulls)
        location += sum(pulls) / max(inside, max(len(values), 2) / 2)
    return location


def naive_bin(values, yardstick, series, time_of_day):
    """Level, spread and number of slow values of one bin."""
    present = [float(x) for x in values if np.isfinite(x)]
    scale, profile = yardstick.scale[series], yardstick.profile[series, time_of_day]
    location = naive_location(present, scale)
    off = [x - location for x in present]
    n = max(len(off), bins.MIN_VALUES)
    spread = sum(min(abs(x), 3 * scale) for x in off) / len(off) * (n / (n - 1)) ** 0.5
    return location, spread / profile / yardstick.spread[series], [x - location > yardstick.tail_limit[series] * profile for x in values]


def test_channels_equal_the_naive_loop(rng):
    residual, failed = block(rng)
    found, yardstick = made(residual, failed)
    for series, bin_ in [(0, 0), (1, 17), (2, 200), (0, 333), (1, 503)]:
        level, spread, slow = naive_bin(residual[series, bin_], yardstick, series, bin_ % DAY)
        npt.assert_allclose(found.level[series, bin_], level, atol=1e-5)
        npt.assert_allclose(found.spread[series, bin_], spread, rtol=1e-4)
        before = residual[series, bin_ - 1, -1] if bin_ else np.nan
        was_slow = bin_ > 0 and naive_bin(residual[series, bin_ - 1], yardstick, series, (bin_ - 1) % DAY)[2][-1]
        runs = 0
        for value, is_slow in zip(residual[series, bin_], slow, strict=True):
            runs += is_slow and (bin_ == 0 or (np.isfinite(before) and not was_slow))
            before, was_slow = value, is_slow
        assert found.slow[series, bin_] == runs


def test_one_per_cent_of_what_was_learnt_is_slow(rng):
    residual, failed = block(rng, n_days=28)
    found, _ = made(residual, failed, learnt=28 * DAY)
    assert 0.008 < found.slow.sum() / found.n_values.sum() < 0.0101


def test_failures_count_where_they_begin():
    residual = np.zeros((1, 8, 12), np.float32) + np.linspace(-0.1, 0.1, 12, dtype=np.float32)
    failed = np.zeros_like(residual)
    failed[0, [1, 2, 4, 6], 3] = 1
    failed[0, 5] = np.nan
    found, _ = made(residual, failed, learnt=8)
    npt.assert_array_equal(found.failures[0], [0, 1, 0, 0, 1, np.nan, 1, 0])
    npt.assert_allclose(found.failed[0, 1], 1 / 12)


def test_an_incident_owns_its_failures_but_a_lasting_change_does_not(rng):
    residual, failed = block(rng, n_series=1, n_days=21)
    failed[:] = 0
    failed[0, [400, 480], 5] = 1
    residual[0, 399:402] += 2
    residual[0, 440:] += 2
    found, _ = made(residual, failed)
    assert np.isnan(found.failures[0, 400])
    assert found.failures[0, 480] == 1


@given(shift=st.floats(-0.05, 0.05))
def test_shifting_all_values_shifts_the_level_and_nothing_else(shift):
    residual, failed = block(np.random.default_rng(1), n_days=14)
    (before, _), (after, _) = made(residual, failed), made(residual + np.float32(shift), failed)
    npt.assert_allclose(after.level, before.level + shift, atol=1e-3)
    npt.assert_allclose(after.spread, before.spread, rtol=0.02)


@given(factor=st.floats(0.1, 10))
def test_scaling_the_residuals_scales_the_level_and_nothing_else(factor):
    residual, failed = block(np.random.default_rng(1), n_days=14)
    (before, _), (after, _) = made(residual, failed), made(residual * np.float32(factor), failed)
    npt.assert_allclose(after.level, factor * before.level, atol=1e-4 * factor)
    npt.assert_allclose(after.spread, before.spread, rtol=1e-3)
    # The value at the limit itself may fall on either side of it.
    npt.assert_allclose(after.slow.sum(), before.slow.sum(), atol=len(residual))


def test_permuting_series_permutes_the_channels(rng):
    residual, failed = block(rng)
    order = [2, 0, 1]
    (before, _), (after, _) = made(residual, failed), made(residual[order], failed[order])
    for field in fields(channels.Channels):
        value = getattr(before, field.name)
        if isinstance(value, np.ndarray) and value.ndim == 2:
            npt.assert_array_equal(getattr(after, field.name), value[order], err_msg=field.name)


@pytest.mark.parametrize("steps", [1, 3, 12])
@pytest.mark.parametrize("kinds", ["values and failures", "values", "failures"])
def test_bins_made_week_by_week_are_those_of_the_whole(rng, steps, kinds):
    residual, failed = block(rng, steps=steps)
    residual[0, 340:350] += 2  # an incident at the seam
    hours = np.arange(residual.shape[1]) % DAY
    yardstick = bins.learn_yardstick(residual[:, : 14 * DAY], hours[: 14 * DAY], bins_per_day=DAY)

    def measured(first, stop):
        given = [part[:, first:stop] if name in kinds else None for part, name in ((residual, "values"), (failed, "failures"))]
        return bins.measure(*given, yardstick=yardstick, time_of_day=hours[first:stop])

    before = bins.overlap(DAY)
    parts = [measured(0, 7 * DAY), *(measured(first - before, first + 7 * DAY).between(before) for first in (7 * DAY, 14 * DAY))]
    whole, chunked = measured(0, None), bins.joined(*parts)
    for field in fields(bins.Bins):
        npt.assert_array_equal(getattr(chunked, field.name), getattr(whole, field.name), err_msg=field.name)


def test_bins_need_something_to_be_made_of():
    with pytest.raises(ValueError, match="neither residuals nor failures were given"):
        bins.measure(None, None, yardstick=bins.Yardstick.of_nothing(1, DAY), time_of_day=np.arange(DAY))


def test_a_profile_of_pure_chance_is_flat_and_a_real_one_is_kept(rng):
    hours = np.arange(28 * DAY) % DAY
    noise = rng.gamma(4, 1 / 4, (50, 28 * DAY))
    flat = bins.shrunk_profile(noise, hours, DAY)
    uneven = bins.shrunk_profile(noise * np.where(hours < 12, 0.5, 1.5), hours, DAY)
    assert np.abs(flat - 1).mean() < 0.04 < np.abs(noise.reshape(50, 28, DAY).mean(axis=1) - 1).mean()
    npt.assert_allclose(uneven.mean(axis=0), np.where(np.arange(DAY) < 12, 0.5, 1.5), atol=0.05)


@pytest.mark.parametrize(
    ("step_s", "present", "length_s"),
    [
        (60, 1.0, 3600),
        (300, 1.0, 3600),
        (300, 0.09, 3600),
        (300, 0.05, 7200),
        (900, 1.0, 3600),
        (3600, 1.0, 3600),
        (10800, 1.0, 10800),
        (86400, 1.0, 86400),
    ],
)
def test_bins_are_hours_unless_these_are_often_empty(step_s, present, length_s):
    assert bins.bin_length_s(step_s, present) == length_s


@pytest.mark.parametrize("steps", [1, 2, 4, 60])
def test_few_values_in_a_bin_still_have_a_spread(rng, steps):
    residual = 0.1 * rng.normal(size=(4, 28 * DAY, steps)).astype(np.float32)
    residual[:, 21 * DAY :] *= 2
    found, _ = made(residual, np.zeros_like(residual), learnt=21 * DAY)
    npt.assert_allclose(found.spread[:, : 21 * DAY].mean(), 1, atol=0.05)
    assert found.spread[:, 21 * DAY :].mean() > 1.5


def test_day_shape_splits_amplitude_from_phase():
    hour = np.arange(DAY)
    course = np.broadcast_to(np.cos((hour - 14) * 2 * np.pi / DAY), (1, 7, DAY)).copy()
    shape = channels.day_shape(course)
    npt.assert_allclose((shape.amplitude * shape.phase).mean(), 0, atol=1e-12)
    npt.assert_allclose((shape.amplitude**2).mean(), 1)
    later = np.tile(np.cos((hour - 15) * 2 * np.pi / DAY), 7) - course.reshape(-1)
    assert (later * shape.phase[0]).mean() > 3 * abs((later * shape.amplitude[0]).mean())
