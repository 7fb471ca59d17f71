"""How long a pause may last is learnt from the pauses before it: what happens every night is usual, what happened once is not."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats.patience import patience

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0


def of_one(start_s, length_s, *, per_week=0.1, weeks=8.0, least_s=900.0):
    """Patience of the pauses of a single stream."""
    n = len(start_s)
    starts, lengths = np.array(start_s, float), np.array(length_s, float)
    return patience(np.zeros(n, np.int64), starts, lengths, per_week=per_week, memory_s=weeks * WEEK, least_s=np.full(n, least_s))


def test_an_hour_every_night_is_usual_from_the_third_night_on():
    found = of_one(np.arange(60) * DAY + 2 * HOUR, np.full(60, HOUR))
    assert found[:2].tolist() == [900.0, 900.0]
    # In eight weeks 0.8 may be longer; two are longer than the second, so it takes sqrt(2 / 0.8) of it.
    npt.assert_allclose(found[2:], HOUR * np.sqrt(2 / 0.8))


def test_what_happened_once_teaches_nothing():
    assert of_one([0, WEEK, 2 * WEEK], [6 * HOUR, 30.0, np.nan]).tolist() == [900.0, 900.0, 900.0]


def test_with_enough_history_it_is_the_pause_that_so_many_are_longer_than():
    lengths = [1, 9, 3, 8, 5, 2, 7, 4, 6]
    found = of_one(np.arange(10) * WEEK, [*(HOUR * np.array(lengths)), np.nan], per_week=0.5, weeks=10)
    # Ten weeks at 0.5 a week: the fifth longest of nine.
    assert found[-1] == 5 * HOUR
    assert found[4] == 900.0


def test_pauses_are_forgotten():
    starts = [0, WEEK, 2 * WEEK, 30 * WEEK]
    assert of_one(starts, [HOUR] * 4)[-1] == 900.0
    assert of_one(starts, [HOUR] * 4, weeks=35)[-1] == HOUR


def test_a_pause_without_a_length_teaches_nothing():
    assert of_one([0, DAY, 2 * DAY, 3 * DAY], [np.nan, HOUR, np.nan, HOUR])[-1] == 900.0


def test_the_rate_matters():
    nights = np.arange(20) * DAY
    rare, often = (of_one(nights, HOUR * (1 + np.arange(20) % 5), per_week=rate)[-1] for rate in (0.1, 2.0))
    assert often < rare


def naive(stream, start, length, *, per_week, memory_s, least_s):
    found = []
    for row in range(len(stream)):
        past = [
            length[other]
            for other in range(row)
            if stream[other] == stream[row] and start[other] >= start[row] - memory_s and not np.isnan(length[other])
        ]
        expected = per_week * memory_s / WEEK
        rank = max(2, int(expected))
        usual = sorted(past, reverse=True)[rank - 1] * max(1, rank / expected) ** 0.5 if len(past) >= rank else 0
        found.append(max(least_s[row], usual))
    return found


@pytest.mark.parametrize("per_week", [0.1, 1.0, 7.0])
def test_it_equals_a_loop(rng, per_week):
    stream = np.sort(rng.integers(0, 4, 200))
    start = np.concatenate([np.sort(rng.uniform(0, 30 * WEEK, int((stream == one).sum()))) for one in range(4)])
    length = np.where(rng.random(200) < 0.1, np.nan, rng.pareto(1.0, 200) * HOUR)
    options = {"per_week": per_week, "memory_s": 8 * WEEK, "least_s": 600.0 * (1 + stream)}
    npt.assert_allclose(patience(stream, start, length, **options), naive(stream, start, length, **options))


@given(st.lists(st.floats(1, 1e6), min_size=3, max_size=30), st.floats(1.1, 50))
def test_pauses_so_many_times_as_long_take_so_much_patience(lengths, factor):
    starts = np.arange(len(lengths)) * 2e6
    one, other = (of_one(starts, np.array(lengths) * times, least_s=1e-9) for times in (1, factor))
    npt.assert_allclose(other[2:], one[2:] * factor)


def test_pauses_of_random_length_are_longer_than_that_at_the_rate(rng):
    start = np.cumsum(rng.exponential(DAY / 2, 20_000))
    length = rng.pareto(1.5, 20_000) * 60
    longer = length > of_one(start, length, per_week=0.5, least_s=0.0)
    weeks = start[-1] / WEEK
    assert 0.35 < longer[start > 8 * WEEK].sum() / weeks < 0.65
