import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import trailing
from analytics.stats.past import Past

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


def moving_median(values, window):
    """Median of the last values of each point, when there is nothing before the first."""
    return trailing.median(np.concatenate([np.full((len(values), trailing.reach(window)), NAN), values], axis=1), window)


def same_time(values, local, days, steps_per_day, ahead=0):
    wanted = local[:, None] - steps_per_day * np.array(days) + ahead
    known = np.arange(values.shape[1])
    return trailing.median_at(values, trailing.places(local, wanted, known=known, width=values.shape[1]))


def test_the_age_of_a_series_counts_its_gaps_and_goes_on():
    is_there = np.array([[False, True, False, True, False], [False, False, False, False, True]])
    past = Past()
    cut = [trailing.age(part, past) for part in (is_there[:, :2], is_there[:, 2:])]
    npt.assert_array_equal(np.concatenate(cut, axis=1), [[0, 1, 2, 3, 4], [0, 0, 0, 0, 1]])


def test_carried_values_fill_gaps_from_the_past_only():
    npt.assert_array_equal(trailing.carried(np.array([[NAN, 1, NAN, NAN, 2, NAN]]), Past()), [[NAN, 1, 1, 1, 2, 2]])


@given(values=with_gaps, window=st.integers(1, 24))
def test_median_equals_naive_loop(values, window):
    npt.assert_allclose(moving_median(values, window), naive(lambda past: naive_median(past, window), values), rtol=1e-6, atol=1e-6)


def test_long_median_is_the_median_of_means_of_pieces():
    values = np.arange(100.0)[None]
    # 48 values are 24 pieces of two: their means at the end are 98.5, 96.5, ... 52.5.
    assert moving_median(values, 48)[0, -1] == 75.5
    npt.assert_array_equal(trailing.median(values[:, -48:], 48), [[75.5]])


@given(values=with_gaps, half_life=st.floats(0.5, 50))
def test_fading_mean_equals_naive_loop(values, half_life):
    found = trailing.fading_mean(values, half_life, Past())
    npt.assert_allclose(found[:, 1:], naive(lambda past: naive_fading_mean(past, half_life), values), atol=1e-9)
    npt.assert_array_equal(found[:, 0], [NAN])


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("changed", [0, 1, -1])
def test_same_time_equals_naive_loop_when_the_clock_changes(changed, ahead, rng):
    values = rng.normal(size=40)
    values[rng.random(40) < 0.2] = NAN
    local = np.arange(40) + 1000
    local[17:] += changed
    found = same_time(values[None], local, (1, 2, 3), 8, ahead)
    npt.assert_allclose(found, naive_same_time(values, local, (1, 2, 3), 8, ahead), rtol=1e-6, atol=1e-6)


def test_the_same_time_is_looked_for_among_the_newest_columns_only():
    places = trailing.places(np.arange(10), np.array([[7], [5], [3]]), known=np.array([8, 8, 8]), width=3)
    npt.assert_array_equal(places, [[7], [5], [-1]])


def test_a_mean_of_arrays_leaves_out_what_is_missing():
    npt.assert_array_equal(trailing.mean([np.array([1.0, NAN, NAN]), np.array([3.0, 5.0, NAN])]), [2, 5, NAN])


@given(values=with_gaps, kept=st.integers(1, 40))
def test_later_values_change_nothing(values, kept):
    local = np.arange(values.shape[1])
    functions = [
        lambda one: moving_median(one, 7),
        lambda one: moving_median(one, 30),
        lambda one: trailing.fading_mean(one, 3, Past())[:, 1:],
        lambda one: trailing.carried(one, Past()),
        lambda one: same_time(one, local[: one.shape[1]], (1, 2), 5, 2),
    ]
    for function in functions:
        npt.assert_array_equal(function(values)[:, :kept], function(values[:, :kept]))
