"""Intervals of shares whose failures come in runs."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import rates


def interval(daily_bad, daily_n, *, usual=np.nan, level=0.95):
    bad, n = np.asarray(daily_bad, float), np.asarray(daily_n, float)
    sums = [n.sum(), bad.sum(), float((n > 0).sum()), bad @ bad, n @ n, bad @ n]
    low, high = rates.clustered_interval(*(np.array([value]) for value in sums), usual_bad_day=np.array([usual]), level=level)
    return low[0], high[0]


def test_one_bad_day_of_ten_is_one_event_and_not_a_hundred():
    low, high = interval([100, *[0] * 9], [1000] * 10)
    # Share 0.01 of 10,000 checks; were they independent, the interval would be [0.0081, 0.0122].
    assert low < 0.001
    assert high > 0.05


def test_evenly_spread_failures_have_nearly_the_binomial_interval(rng):
    low, high = interval(rng.binomial(1440, 0.01, 30), [1440] * 30)
    half_width = 1.96 * np.sqrt(0.01 * 0.99 / (30 * 1440))
    assert 1.0 < (high - low) / (2 * half_width) < 1.6


def test_without_failures_the_rule_of_three_holds_for_days():
    low, high = interval([0] * 30, [1440] * 30, usual=0.05)
    assert low == 0
    npt.assert_allclose(high, -np.log(0.025) / 30 * 0.05)


def test_without_any_known_bad_day_the_rule_of_three_holds_for_checks():
    npt.assert_allclose(interval([0] * 30, [100] * 30)[1], -np.log(0.025) / 3000)


def test_always_down_is_never_certain_to_be_down():
    low, high = interval([10] * 20, [10] * 20)
    npt.assert_allclose([low, high], [1 + np.log(0.025) / 20, 1])


def test_single_day_is_one_draw():
    low, high = interval([10], [1000])
    assert low < 0.001
    assert 0.03 < high < 0.2


def test_no_check_has_no_interval():
    assert np.isnan(interval([0], [0])).all()


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_level_is_kept_for_outages_that_come_in_runs(rng, level):
    """A month of checks every 5 minutes with an outage of 1 to 24 checks on every second day or so."""
    truth, covered, naive_covered = 0.5 * 12.5 / 288, 0, 0
    trials = 300
    for _ in range(trials):
        lengths = rng.integers(1, 25, 30) * (rng.random(30) < 0.5)
        low, high = interval(lengths, [288] * 30, level=level)
        covered += low <= truth <= high
        share = lengths.sum() / (30 * 288)
        half = 1.96 * np.sqrt(share * (1 - share) / (30 * 288))
        naive_covered += abs(share - truth) <= half
    assert covered / trials > level - 0.04
    assert naive_covered / trials < 0.7


@given(bad=st.lists(st.integers(0, 10), min_size=1, max_size=20))
def test_interval_holds_the_share_and_stays_a_share(bad):
    low, high = interval(bad, [10] * len(bad), usual=0.3)
    share = sum(bad) / (10 * len(bad))
    assert 0 <= low <= share <= high <= 1


@given(bad=st.lists(st.integers(0, 10), min_size=2, max_size=20))
def test_higher_level_is_wider(bad):
    narrow, wide = (interval(bad, [10] * len(bad), usual=0.3, level=level) for level in (0.8, 0.99))
    assert wide[0] <= narrow[0]
    assert wide[1] >= narrow[1]


def test_poisson_interval_has_the_values_of_the_tables():
    low, high = rates.poisson_interval(np.array([0.0, 1, 10]), level=0.95)
    npt.assert_allclose(low, [0, 0.0253, 4.7954], atol=1e-4)
    npt.assert_allclose(high, [3.6889, 5.5716, 18.3904], atol=1e-4)


def test_a_few_lone_failures_make_nobody_surer_than_none():
    highs = [interval([1] * n + [0] * (28 - n), [1440] * 28, usual=30 / 1440)[1] for n in (0, 1, 4, 20)]
    assert (np.diff(highs) > 0).all()
