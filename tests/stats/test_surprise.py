import numpy as np
import numpy.testing as npt
import pytest

from analytics.stats import alarms, spread as spreads, surprise
from analytics.stats.past import Past
from analytics.stats.steps import steps_of

STEP_S, DAY = 900, 96
FIELDS = ("strength", "by_detector", "expected", "scale")


def daily(n_days, rng, *, n_series=1, step_s=STEP_S, noise=3.0):
    """Values of 100 on average that swing by 30 over the day."""
    steps = n_days * 86_400 // step_s
    swing = 30 * np.sin(2 * np.pi * np.arange(steps) * step_s / 86_400)
    return 100 + swing + noise * rng.normal(size=(n_series, steps))


def judged(values, *, step_s=STEP_S, local=None):
    return surprise.surprises(values, np.arange(values.shape[1]) if local is None else local, step_s=step_s)


def told(values, *, step_s=STEP_S, budget=0.25):
    found = judged(values, step_s=step_s)
    rates = alarms.rates(found.strength, found.by_detector[-1], step_s=step_s)
    return alarms.raised(rates.news, budget_per_week=budget)


def naive_run(strength, half_life):
    """Bounded strengths added up with fading weights, as if they were independent."""
    result = []
    for now in range(len(strength)):
        weights = [0.5 ** ((now - at) / half_life) for at in range(now + 1)]
        bounded = [max(-surprise.RUN_BOUND, min(surprise.RUN_BOUND, value)) for value in strength[: now + 1]]
        kept = 0.5 ** (1 / half_life)
        mean = sum(weight * value for weight, value in zip(weights, bounded, strict=True)) / sum(weights)
        result.append(mean * ((1 + kept) / (1 - kept)) ** 0.5)
    return np.array(result)


def test_a_spike_and_a_dip_are_the_strongest_points_and_have_their_sign(rng):
    values = daily(10, rng)
    values[0, 800] += 60
    values[0, 900] -= 60
    strength = judged(values).strength[0]
    assert np.nanargmax(strength) == 800
    assert np.nanargmin(strength) == 900
    assert strength[800] > 10 > -10 > strength[900]


def test_expected_and_scale_explain_the_strength_of_the_forecast(rng):
    values = daily(5, rng)
    found = judged(values)
    npt.assert_allclose(found.by_detector[0], (values - found.expected) / found.scale)


def test_run_equals_naive_loop(rng):
    strength = rng.normal(size=80)
    half_life = surprise.RUN_HALF_LIFE_H * 4
    steps = steps_of(np.arange(80), 900, Past())
    total = naive_run(strength, half_life)[None]
    spread = np.fmax(spreads.spread(total, steps, Past()), 0.5)
    found = surprise._run(strength[None], np.ones((1, 80), bool), steps, Past())
    npt.assert_allclose(found, total / spread, rtol=1e-6)


@pytest.mark.parametrize("step_s", [60, 900, 3600, 86_400])
def test_later_values_change_nothing(step_s, rng):
    values = 100 + 5 * rng.standard_t(3, size=(2, 700))
    values[:, rng.random(700) < 0.1] = np.nan
    whole = judged(values, step_s=step_s)
    for kept in (1, 13, 400, 699):
        part = judged(values[:, :kept], step_s=step_s)
        for name in FIELDS:
            npt.assert_array_equal(getattr(part, name), getattr(whole, name)[..., :kept])


def test_a_series_is_judged_alike_alone_and_in_a_block(rng):
    values = daily(6, rng, n_series=4)
    values[2, 100:150] = np.nan
    whole = judged(values)
    for name in FIELDS:
        alone = getattr(judged(values[2:3]), name)
        npt.assert_array_equal(alone[..., 0, :], getattr(whole, name)[..., 2, :])


@pytest.mark.parametrize("factor", [0.001, 4.0, -1.0])
def test_strength_ignores_units_and_follows_the_sign(factor, rng):
    values = daily(6, rng)
    npt.assert_allclose(judged(factor * values).strength, np.sign(factor) * judged(values).strength, rtol=1e-3, atol=1e-4)


def test_inputs_stay_as_they_were(rng):
    values = daily(3, rng)
    before = values.copy()
    judged(values)
    npt.assert_array_equal(values, before)


def test_an_event_of_hours_stays_visible_until_its_end(rng):
    values = daily(14, rng)
    event = slice(1200, 1216)
    values[0, event] += 60
    assert (judged(values).by_detector[1, 0, event] > 5).all()


def test_a_lasting_shift_is_told_once_and_then_usual(rng):
    values = daily(21, rng, n_series=4)
    values[:, 1000:] += 40
    hits = told(values)
    assert hits[:, 1000:1004].any(axis=1).all()
    assert not hits[:, 1000 + DAY :].any()


def test_a_small_change_that_stays_shows_in_the_run(rng):
    values = daily(14, rng, n_series=30)
    values[:, 1200:] += 6
    run = judged(values).by_detector[2]
    assert np.median(run[:, 1200:1240].max(axis=1) / run[:, 700:1200].max(axis=1)) > 1.5


def test_the_point_after_a_gap_is_judged_by_a_wider_scale(rng):
    values = daily(14, rng)
    gap = slice(1100, 1130)
    values[0, gap] = np.nan
    found = judged(values)
    assert np.isnan(found.strength[0, gap]).all()
    assert found.scale[0, 1130] > 1.4 * found.scale[0, 1131]
    assert not told(values).any()


@pytest.mark.parametrize("value", [0.0, 1.0, 200.0, np.nan])
def test_a_constant_series_has_no_alarm(value):
    values = np.full((1, 14 * DAY), value)
    values[0, 1000] *= 1.01
    assert not told(values).any()


def test_the_first_failures_of_a_series_of_zeros_are_told():
    values = np.zeros((1, 14 * DAY))
    values[0, 1000] = 5
    assert np.flatnonzero(told(values))[0] == 1000
    assert judged(values).strength[0, 999] == 0


def test_values_of_a_day_each_are_judged_by_the_last_weeks(rng):
    values = 100 + 5 * rng.normal(size=(10, 200))
    values[:, 150] += 100
    hits = told(values, step_s=86_400)
    assert hits[:, 150].all()
    assert hits[:, :150].sum() <= 2 * 0.25 * 10 * 150 / 7


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_extreme_sizes_do_no_harm(size, rng):
    assert np.abs(judged(size * rng.normal(size=(1, 700))).strength[0, 100:]).max() < 20


def test_quantised_values_are_not_told_for_their_steps(rng):
    values = np.round(daily(28, rng) / 10) * 10
    assert told(values)[:, 7 * DAY :].sum() == 0


def test_fine_values_are_judged_as_means_of_three_minutes_once_these_are_over(rng):
    values = daily(4, rng, step_s=60)
    first = 2  # of the local clock: the first block lacks two columns
    fine = judged(values, step_s=60, local=np.arange(values.shape[1]) + first).strength[0]
    blocks = np.concatenate([[values[0, 0]], values[0, 1:-2].reshape(-1, 3).mean(axis=1)])
    coarse = judged(blocks[None], step_s=180).strength[0]
    # Columns 3, 6, 9, ... end the blocks 1, 2, 3, ...
    npt.assert_allclose(fine[3::3][: len(coarse) - 1], coarse[1:])
    npt.assert_array_equal(fine[3:-3:3], fine[4:-2:3])


def test_the_course_follows_the_local_clock_through_its_change(rng):
    steps = 28 * DAY
    local = np.arange(steps) + 4 * (np.arange(steps) >= 20 * DAY)
    values = 100 + 40 * np.sign(np.sin(2 * np.pi * local[None] / DAY + 0.1)) + rng.normal(size=(1, steps))
    week = slice(20 * DAY, 27 * DAY)
    aware, unaware = (np.abs(judged(values, local=clock).by_detector[1, 0, week]).sum() for clock in (local, np.arange(steps)))
    assert aware < 0.7 * unaware


def naive_pulse(strength, kept, n_lags):
    """The strongest of the residuals a few steps ago, each with the part of it that came back, where that made it stronger."""
    result = []
    for now in range(len(strength)):
        best = 0.0
        for lag in range(1, min(n_lags, now) + 1):
            both = (strength[now - lag] - kept[now] * strength[now]) / (1 + kept[now] ** 2) ** 0.5
            if abs(both) > abs(strength[now - lag]) and abs(both) > abs(best):
                best = both
        result.append(best)
    return np.array(result)


def test_a_pulse_is_told_by_both_its_sides(rng):
    strength, kept = rng.standard_t(3, size=200), np.repeat(rng.uniform(0, 1, size=4), 50)
    found = surprise._pulse(strength[None], strength[None], kept[None], 300, Past())
    npt.assert_allclose(found[0], naive_pulse(strength, kept, 2))
    # What is told an hour later is no better than the forecast.
    npt.assert_array_equal(surprise._pulse(strength[None], strength[None], kept[None], 3600, Past()), 0)


def test_a_single_odd_value_of_a_wandering_series_is_clearer_once_it_is_over(rng):
    values = 100 + np.cumsum(rng.normal(size=(1, 8 * 288)), axis=1)
    odd = np.arange(5 * 288, 8 * 288, 24)
    values[0, odd] += 5
    found = judged(values, step_s=300)
    assert np.median(found.by_detector[3, 0, odd + 1]) > 1.2 * np.median(found.by_detector[0, 0, odd])


def test_usual_values_in_an_order_that_never_was_are_a_strange_pattern_until_it_passes_away(rng):
    values = daily(12, rng, step_s=300)
    event = slice(10 * 288 + 72, 10 * 288 + 108)
    values[0, event] = values[0, event][::-1].mean() + 30 * np.sign(np.sin(np.arange(36) / 3))
    found = judged(values, step_s=300).by_detector[4, 0]
    assert found[event].max() > 5 * np.nanquantile(np.abs(found[3 * 288 : 10 * 288]), 0.99)
    assert (found[event.stop + 24 : event.stop + 60] < 0).all()


def test_missing_local_steps_are_refused():
    with pytest.raises(ValueError, match=r"got \(3,\)"):
        surprise.surprises(np.ones((2, 4)), np.arange(3), step_s=300)


def test_no_columns_give_no_columns():
    assert surprise.surprises(np.empty((3, 0)), np.arange(0), step_s=300).by_detector.shape == (5, 3, 0)


def test_nothing_is_quieter_than_the_noise_that_is_known():
    values = np.zeros((1, 300))
    values[0, 200] = 1.0
    silent, noisy = (surprise.surprises(values, np.arange(300), step_s=900, noise=noise) for noise in (None, np.ones_like))
    assert silent.strength[0, 200] == surprise.STRONGEST
    npt.assert_allclose(noisy.by_detector[0, 0, 200], 1.0)
    npt.assert_allclose(noisy.scale[0, 50:], 1.0)
