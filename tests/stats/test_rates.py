"""Intervals of shares whose failures come in runs."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import rates

DAY = 1440


def sums(daily_bad, daily_n):
    """What a row of days is known by; the last axis is days."""
    bad, n = np.broadcast_arrays(np.atleast_2d(np.asarray(daily_bad, float)), np.asarray(daily_n, float))
    return [n.sum(1), bad.sum(1), (n > 0).sum(1).astype(float), (bad**2).sum(1), (n**2).sum(1), (bad * n).sum(1)]


def interval(daily_bad, daily_n, *, usual=np.nan, level=0.95):
    low, high = rates.clustered_interval(*sums(daily_bad, daily_n), outage=np.array([usual]), level=level)
    return low[0], high[0]


def daily_bad(rng, shape, *, noise, outage_days=0.0, shortest=1, longest=2):
    """Bad checks of days with a check a minute: Poisson noise, and on some days an outage whose length is log-uniform."""
    lengths = np.rint(np.exp(rng.uniform(np.log(shortest), np.log(longest), shape)))
    return np.minimum(rng.poisson(noise, shape) + lengths * (rng.random(shape) < outage_days), DAY)


def judged(daily, *, days):
    """Interval of the first `days` of each row of days, the others being its history."""
    return rates.clustered_interval(*sums(daily[:, :days], DAY), outage=rates.usual_outage(*sums(daily, DAY)), level=0.95)


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
    npt.assert_allclose(high, -np.log(0.025) / 30 * 0.05, rtol=1e-4)


def test_without_any_known_bad_day_the_rule_of_three_holds_for_checks():
    npt.assert_allclose(interval([0] * 30, [100] * 30)[1], -np.log(0.025) / 3000, rtol=1e-4)


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


@pytest.mark.parametrize("days", [5, 13, 30])
@pytest.mark.parametrize(
    ("noise", "outage_days", "shortest", "longest"),
    [(0.01, 0, 1, 2), (2, 0, 1, 2), (20, 0, 1, 2)]
    + [(2, share, *lengths) for share in (0.02, 0.05, 0.2) for lengths in ((5, 20), (30, 300))]
    + [(0, 0.02, 30, 300), (0, 0.05, 30, 300)],
)
def test_rare_and_deep_outages_are_allowed_for_in_months_that_had_none(rng, days, noise, outage_days, shortest, longest):
    """A thousand months after five others; half of the months of 30 days with outages on 2 % of days have none."""
    daily = daily_bad(rng, (1000, days + 150), noise=noise, outage_days=outage_days, shortest=shortest, longest=longest)
    truth = (noise + outage_days * (longest - shortest) / np.log(longest / shortest)) / DAY
    low, high = judged(daily, days=days)
    # Nominal 0.95; of 20,000 such months of each world 0.895 (30 days, long outages on 2 % of days) to 0.999 were covered.
    assert ((low <= truth) & (truth <= high)).mean() > 0.88


def test_steady_services_are_no_less_sure_for_it_whoever_stands_beside_them(rng):
    calm = daily_bad(rng, (500, 180), noise=20)
    rough = daily_bad(rng, (500, 180), noise=2, outage_days=0.05, shortest=30, longest=300)
    low, high = judged(np.concatenate([calm, rough]), days=30)
    binomial = 2 * 1.96 * np.sqrt(20 / DAY / (30 * DAY))
    assert (high - low)[:500].mean() < 1.2 * binomial


def test_outage_has_the_size_of_the_one_that_was_seen():
    found = rates.usual_outage(*sums([[100, *[0] * 29]], 1000))
    npt.assert_allclose(found, 0.1)


def test_steady_noise_is_an_outage_of_a_check_and_not_of_a_day_of_noise(rng):
    assert 0.8 < rates.usual_outage(*sums(rng.poisson(50, 360), DAY))[0] * DAY < 1.25


def test_newcomer_borrows_the_outages_of_others_and_an_old_hand_does_not():
    days = np.zeros((11, 360))
    days[0] = 10
    days[1:, ::40] = 144
    others = sums(days[1:], DAY)
    newcomer, old = (
        rates.usual_outage(*(np.append(own, other) for own, other in zip(sums(mine, DAY), others, strict=True)))[0]
        for mine in (days[0, :10], days[0])
    )
    assert newcomer > 0.04
    assert old < 0.001


def test_worst_tenth_of_the_services_teaches_the_others_nothing():
    days = np.zeros((11, 10))
    days[:, 3] = 2
    mild = rates.usual_outage(*sums(days, DAY))[0]
    days[10, 3:8] = DAY
    npt.assert_allclose(rates.usual_outage(*sums(days, DAY))[0], mild)


def test_size_of_outages_is_unknown_where_nobody_ever_failed():
    assert np.isnan(rates.usual_outage(*sums(np.zeros((3, 30)), DAY))).all()


def test_share_interval_has_the_values_of_the_tables():
    low, high = rates.share_interval(np.array([0.0, 1, 5, 10]), np.array([10.0, 10, 10, 10]), level=0.95)
    npt.assert_allclose(low, [0, 0.0025, 0.1871, 0.6915], atol=5e-5)
    npt.assert_allclose(high, [0.3085, 0.4450, 0.8129, 1], atol=5e-5)
    npt.assert_array_equal(rates.share_interval(np.array([0.0]), np.array([0.0]), level=0.95), [[0], [1]])
