import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import trailing

NAN = np.nan
with_gaps = st.lists(st.one_of(st.just(NAN), st.floats(-100, 100)), min_size=1, max_size=40).map(lambda values: np.array([values]))


def naive(function, values):
    """A function of all values so far, for each point."""
    return np.array([[function(row[: end + 1]) for end in range(len(row))] for row in values])


def naive_median(past, window):
    present = [value for value in past[-window:] if np.isfinite(value)]
    return np.median(present) if present else NAN


def naive_fading_mean(past, half_life):
    weights = [0.5 ** (age / half_life) for age in range(len(past))][::-1]
    pairs = [(value, weight) for value, weight in zip(past, weights, strict=True) if np.isfinite(value)]
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs) if pairs else NAN


def naive_same_time(values, local, days, steps_per_day, ahead):
    """Median of what the local clock showed at the wanted times, looked up point by point, first passages first."""
    result = []
    for now in range(len(values)):
        wanted = [local[now] - day * steps_per_day + ahead for day in days]
        seen = [next((values[at] for at in range(now) if local[at] == step), NAN) for step in wanted]
        present = [value for value in seen if np.isfinite(value)]
        result.append(np.median(present) if present else NAN)
    return np.array([result])


def test_lagged_values_come_later():
    npt.assert_array_equal(trailing.lagged(np.array([[1.0, 2, 3, 4]]), 3), [[NAN, NAN, NAN, 1]])
    npt.assert_array_equal(trailing.lagged(np.array([[1.0, 2]]), 5), [[NAN, NAN]])


def test_carried_values_fill_gaps_from_the_past_only():
    npt.assert_array_equal(trailing.carried(np.array([[NAN, 1, NAN, NAN, 2, NAN]])), [[NAN, 1, 1, 1, 2, 2]])


@given(values=with_gaps, window=st.integers(1, 24))
def test_median_equals_naive_loop(values, window):
    npt.assert_allclose(trailing.median(values, window), naive(lambda past: naive_median(past, window), values), rtol=1e-6, atol=1e-6)


def test_long_median_is_the_median_of_means_of_pieces():
    values = np.arange(100.0)[None]
    # 48 values are 24 pieces of two: their means at the end are 98.5, 96.5, ... 52.5.
    assert trailing.median(values, 48)[0, -1] == 75.5


@given(values=with_gaps, half_life=st.floats(0.5, 50))
def test_fading_mean_equals_naive_loop(values, half_life):
    npt.assert_allclose(trailing.fading_mean(values, half_life), naive(lambda past: naive_fading_mean(past, half_life), values), atol=1e-9)


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("changed", [0, 1, -1])
def test_same_time_equals_naive_loop_when_the_clock_changes(changed, ahead, rng):
    values = rng.normal(size=40)
    values[rng.random(40) < 0.2] = NAN
    local = np.arange(40) + 1000
    local[17:] += changed
    found = trailing.same_time(values[None], local, days=(1, 2, 3), steps_per_day=8, ahead=ahead)
    npt.assert_allclose(found, naive_same_time(values, local, (1, 2, 3), 8, ahead), rtol=1e-6, atol=1e-6)


@given(values=with_gaps, kept=st.integers(1, 40))
def test_later_values_change_nothing(values, kept):
    local = np.arange(values.shape[1])
    functions = [
        lambda one: trailing.median(one, 7),
        lambda one: trailing.median(one, 30),
        lambda one: trailing.fading_mean(one, 3),
        lambda one: trailing.carried(one),
        lambda one: trailing.same_time(one, local[: one.shape[1]], days=(1, 2), steps_per_day=5, ahead=2),
    ]
    for function in functions:
        npt.assert_array_equal(function(values)[:, :kept], function(values[:, :kept]))
