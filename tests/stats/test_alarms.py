import math

import numpy as np
import numpy.testing as npt
import pytest
from scipy import signal, stats

from analytics.stats import alarms, surprise

STEP_S, DAY = 900, 96
WEEK = 7 * DAY


def naive_quantile(sizes, weights, level):
    """Quantile of sizes that were counted in bins, twelve to an octave, as if those of a bin lay evenly in it."""
    places = np.array([max(0, math.floor(alarms.PER_OCTAVE * math.log2(size / alarms.LEAST_SIZE)) + 1) for size in sizes])
    wanted, below = level * weights.sum(), 0.0
    for place in sorted(set(places.tolist())):
        here = weights[places == place].sum()
        if below + here >= wanted:
            return alarms.LEAST_SIZE * 2 ** ((place - 1 + (wanted - below) / here) / alarms.PER_OCTAVE) if place else 0.0
        below += here
    raise AssertionError("the last bin holds the rest")


def naive_bulk_index(sizes, weights):
    """Degrees of freedom of Student's t with the ratio of weighted quantiles of the points, by search."""
    grid = np.array([1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 12, 30])
    ratios = np.array([np.log(stats.t.ppf(0.95, df) / stats.t.ppf(0.85, df)) for df in grid])
    usual = ratios[grid == alarms.USUAL_INDEX][0]
    own = np.log(naive_quantile(sizes, weights, 0.9) / naive_quantile(sizes, weights, 0.7)) if len(sizes) else usual
    trust = weights.sum() / (weights.sum() + alarms.BULK_POINTS)
    wanted = trust * min(own, ratios[0]) + (1 - trust) * usual
    return min(np.interp(wanted, ratios[::-1], grid[::-1]), alarms.LIGHTEST_INDEX)


def naive_rates(size, steps, remembered, per_week):
    """Rates of one series without gaps, a block at a time."""
    result = np.empty(len(size))
    for block in range(-(-len(size) // steps)):
        if block % alarms.DAY_BLOCKS == 0:
            known = range(max(0, block - remembered), block)
            age = (block - 1 - np.arange(block * steps) // steps) // alarms.DAY_BLOCKS
            prior = naive_bulk_index(size[: block * steps], 0.5 ** (age * alarms.DAY_BLOCKS / (remembered / 2)))
        peaks = sorted(np.log(max(size[one * steps : (one + 1) * steps].max(), alarms.LEAST_PEAK)) for one in known)
        middle = peaks[round(0.5 * (len(peaks) - 1))] if peaks else np.log(alarms.USUAL_PEAK)
        limit = peaks[round((1 - alarms.CENSORED) * (len(peaks) - 1))] if peaks else middle
        counted = sum(middle < peak <= limit for peak in peaks)
        exposure = sum(min(peak, limit) - middle for peak in peaks if peak > middle)
        index = (counted + alarms.INDEX_BLOCKS) / (exposure + alarms.INDEX_BLOCKS / prior)
        usual = (len(peaks) * middle + alarms.PEAK_BLOCKS * np.log(alarms.USUAL_PEAK)) / (len(peaks) + alarms.PEAK_BLOCKS)
        here = slice(block * steps, (block + 1) * steps)
        result[here] = per_week * (size[here] / np.exp(usual)) ** -index
    return result


def test_rates_equal_naive_loop(rng):
    strength = rng.standard_t(3, size=(2, 40 * DAY + 7))
    found = alarms.false_rates(strength, step_s=STEP_S)
    for row, rate in zip(np.abs(strength), found, strict=True):
        # Sizes are remembered as 32-bit numbers.
        npt.assert_allclose(rate, naive_rates(row, 24, 112, 28 * np.log(2)), rtol=1e-5)


def test_before_anything_is_known_the_usual_peak_is_reached_by_half_of_the_quarters_of_a_day():
    rate = alarms.false_rates(np.array([[alarms.USUAL_PEAK, -2 * alarms.USUAL_PEAK, 0.0, 1e-300, np.nan]]), step_s=STEP_S)
    npt.assert_allclose(rate, [[28 * np.log(2), 28 * np.log(2) / 4, np.inf, np.inf, np.nan]])


def test_later_and_missing_values_change_nothing_that_was_judged(rng):
    strength = rng.standard_t(3, size=(3, 10 * DAY))
    strength[1, 300:500] = np.nan
    whole = alarms.false_rates(strength, step_s=STEP_S)
    npt.assert_array_equal(alarms.false_rates(strength[:, :500], step_s=STEP_S), whole[:, :500])
    npt.assert_array_equal(alarms.false_rates(strength[1:2], step_s=STEP_S)[0], whole[1])
    npt.assert_array_equal(np.isnan(whole), np.isnan(strength))


def test_a_series_of_stronger_peaks_needs_more_for_the_same_rate(rng):
    calm = rng.normal(size=(1, 20 * DAY))
    rates = alarms.false_rates(np.concatenate([calm, 3 * calm]), step_s=STEP_S)
    far = np.abs(calm[0]) > 3
    assert (rates[1, far][-10:] < rates[0, far][-10:]).all()
    level = [
        np.interp(-1.0, -rate[order], size[order])
        for rate, size in ((rates[0], np.abs(calm[0])), (rates[1], 3 * np.abs(calm[0])))
        for order in [np.argsort(size)]
    ]
    assert level[1] > 1.5 * level[0]


def test_strong_quarters_count_by_their_number_only(rng):
    strength = rng.normal(size=(1, 28 * DAY))
    strength[0, 700::240] = 20
    stronger = np.where(strength == 20, 500, strength)
    ordinary = strength[0] < 20
    found, same = (alarms.false_rates(one, step_s=STEP_S)[0, ordinary] for one in (stronger, strength))
    npt.assert_allclose(found, same)


def test_heavy_bulk_means_heavy_tail(rng):
    light, heavy = rng.standard_t(20, size=20 * DAY), rng.standard_t(1.5, size=20 * DAY)
    light, heavy = (alarms._bulk_index(alarms._histogram(np.abs(one)[None]))[0] for one in (light, heavy))
    assert heavy < 2 < 2.5 < light


@pytest.mark.parametrize("level", [0.7, 0.9])
def test_quantiles_of_counted_sizes_are_those_of_the_sizes(level, rng):
    size = np.abs(rng.normal(size=(3, 20_000)))
    npt.assert_allclose(alarms._quantile(alarms._histogram(size), level), np.quantile(size, level, axis=1), rtol=3e-3)


def test_sizes_out_of_range_are_counted_as_the_smallest_and_the_largest():
    counted = alarms._histogram(np.array([[0.0, 1e-9, np.nan, alarms.LEAST_SIZE, 1e9, 1000.0]]))
    assert counted[0, [0, 1, -1]].tolist() == [2, 1, 2]
    assert counted.sum() == 5
    assert alarms._quantile(counted, 0.4)[0] == 0


def test_scores_and_p_values_written_out():
    rate = np.array([np.inf, 1.0, 0.25, 0.01, 0.0, np.nan])
    npt.assert_allclose(alarms.scores(rate), [0, 50, 100 / 1.5, 100 / 1.1, 100, np.nan])
    npt.assert_allclose(alarms.p_values(rate), [1, 1 - np.exp(-1), 1 - np.exp(-0.25), 1 - np.exp(-0.01), 0, np.nan])


def test_what_is_as_rare_as_the_budget_is_told():
    npt.assert_array_equal(alarms.raised(np.array([0.3, 0.25, 0.1, np.nan]), budget_per_week=0.25), [False, True, True, False])


def n_episodes(told):
    """Runs of told points of all series; those at most three steps apart are one."""
    return sum(1 + int((np.diff(np.flatnonzero(row)) > 3).sum()) for row in told if row.any())


def noise(kind, rng, *, n_series=16, days=28):
    """Uneventful values: white, autocorrelated, heavy-tailed, with a season."""
    shape = (n_series, days * DAY)
    values = rng.standard_t(4, size=shape) if "heavy" in kind else rng.normal(size=shape)
    if "autocorrelated" in kind:
        values = 0.6 * signal.lfilter([1], [1, -0.8], values, axis=1)
    season = 30 * np.sin(2 * np.pi * np.arange(shape[1]) / DAY) if "seasonal" in kind else 0.0
    return 100 + season + 5 * values


def realised(values, budget):
    """False episodes a week after the first week."""
    rate = rates_of(values)[:, WEEK:]
    return n_episodes(alarms.raised(rate, budget_per_week=budget)) / (rate.size / WEEK)


@pytest.mark.parametrize("kind", ["white", "autocorrelated", "autocorrelated seasonal"])
def test_noise_of_light_tails_never_costs_more_than_the_budget(kind, rng):
    assert realised(noise(kind, rng), 1.0) < 1


@pytest.mark.parametrize("kind", ["heavy", "heavy autocorrelated seasonal"])
def test_noise_of_heavy_tails_costs_about_the_budget(kind, rng):
    values = noise(kind, rng)
    costs = [realised(values, budget) / budget for budget in (1.0, 4.0)]
    assert min(costs) > 0.5
    assert max(costs) < 2


def rates_of(values, **more):
    """Rates by which alarms are told, of values and courses together."""
    found = surprise.surprises(values, np.arange(values.shape[1]), step_s=STEP_S)
    return alarms.rates(found.strength, found.by_detector[-1], step_s=STEP_S, **more).news


def test_a_new_series_does_not_flood(rng):
    rate = rates_of(noise("heavy seasonal", rng, days=7))
    assert n_episodes(alarms.raised(rate, budget_per_week=0.25)) <= 2 * 0.25 * 16


def test_a_new_series_is_seen_earlier_where_others_like_it_are_known(rng):
    values = noise("white", rng)
    new = slice(0, len(values), 2)
    values[new, : 26 * DAY] = np.nan
    event = slice(27 * DAY, 27 * DAY + 4)
    values[new, event] += 60
    one_kind, own_kinds = np.zeros(len(values), np.int64), np.arange(len(values))
    strength = surprise.surprises(values, np.arange(values.shape[1]), step_s=STEP_S).strength
    singles = [alarms.false_rates(strength, step_s=STEP_S, alike=alike) for alike in (own_kinds, one_kind)]
    by_own, by_kind, told = (
        alarms.raised(rate[new, event], budget_per_week=0.25).any(axis=1).mean() for rate in (*singles, rates_of(values, alike=one_kind))
    )
    assert by_own < 0.5
    assert by_kind > 0.9
    assert told > 0.9


def test_a_young_fleet_knows_its_tail_sooner_than_one_series(rng):
    strength = rng.normal(size=(30, 2 * DAY))
    strength[:, -1] = 8
    alone, together = (alarms.false_rates(strength, step_s=STEP_S, alike=alike)[:, -1] for alike in (None, np.zeros(30, np.int64)))
    assert (alone > 1).all()
    assert (together < 0.5).all()


def test_series_of_other_kinds_have_no_say(rng):
    strength = rng.standard_t(3, size=(4, 14 * DAY))
    alike = np.array([0, 0, 1, 1])
    together = alarms.false_rates(strength, step_s=STEP_S, alike=alike)
    npt.assert_array_equal(together[2:], alarms.false_rates(strength[2:], step_s=STEP_S, alike=np.zeros(2, np.int64)))


def test_finds_of_both_kinds_add_up_and_a_pattern_that_passes_away_is_no_news(rng):
    single, pattern = rng.standard_t(4, size=(2, 2, 2 * WEEK))
    found = alarms.rates(single, pattern, step_s=STEP_S)
    one, other = (alarms.false_rates(strength, step_s=STEP_S) for strength in (single, pattern))
    npt.assert_allclose(found.per_week, 1 / (1 / one + alarms.PATTERN_SHARE / other))
    npt.assert_allclose(found.news, np.where(pattern > 0, found.per_week, one))
    npt.assert_array_equal(found.is_pattern, other < alarms.PATTERN_SHARE * one)


def test_where_no_pattern_is_known_the_value_counts_alone():
    single = np.array([[1.0, 5.0, np.nan]])
    found = alarms.rates(single, np.full((1, 3), np.nan), step_s=STEP_S)
    npt.assert_array_equal(found.news, alarms.false_rates(single, step_s=STEP_S))
    npt.assert_array_equal(found.per_week, found.news)
    assert not found.is_pattern.any()
