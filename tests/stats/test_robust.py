"""Centre, spread and quantiles that a few wrong values cannot move."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from analytics.stats import robust

NAN = np.nan
ROWS = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.one_of(st.just(NAN), st.floats(-100, 100)))


def test_midmean_is_the_mean_of_the_middle_half():
    npt.assert_allclose(robust.midmean(np.array([900.0, 1, 2, 3, 4, 5, 6, -900])), 3.5)  # of 2, 3, 4, 5


@pytest.mark.parametrize(
    ("values", "answer"), [([5.0], 5), ([5, NAN], 5), ([4.0, 6], 5), ([1.0, 5, 900], 5), ([1.0, 4, 6, 900], 5), ([NAN], NAN)]
)
def test_midmean_of_few_values(values, answer):
    npt.assert_allclose(robust.midmean(np.array(values)), answer)


def test_mad_ignores_one_outlier():
    npt.assert_allclose(robust.mad(np.array([-2.0, -1, -1, 0, 0, 0, 1, 1, 2, 900])), 1.4826)


@given(ROWS)
def test_median_is_that_of_numpy_without_missing_values(values):
    answer = [np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else NAN for row in values]
    npt.assert_allclose(robust.median(values), answer, atol=1e-9)


@given(ROWS)
def test_mean_is_that_of_numpy_without_missing_values(values):
    answer = [np.mean(row[np.isfinite(row)]) if np.isfinite(row).any() else NAN for row in values]
    npt.assert_allclose(robust.mean(values), answer, atol=1e-9)


def test_quantiles_have_rank_q_times_n_plus_one():
    values = np.array([30.0, NAN, 10, 20, 40])
    npt.assert_allclose(robust.quantiles(values, np.array([0.2, 0.5, 0.7, 0.99])), [10, 25, 35, 40])


@pytest.mark.parametrize("n", [19, 99])
def test_a_new_value_is_below_a_quantile_as_often_as_its_level_says(rng, n):
    draws = rng.exponential(size=(4000, n + 1))
    below = draws[:, :1] <= robust.quantiles(draws[:, 1:], np.array([0.5, 0.95]))
    npt.assert_allclose(below.mean(axis=0), [0.5, 0.95], atol=3 * np.sqrt(0.25 / 4000))
    # The usual sample quantile covers too little, which is what the other definition is for.
    assert (draws[:, 0] <= np.quantile(draws[:, 1:], 0.95, axis=1)).mean() < below[:, 1].mean()


def test_spread_of_normal_values_is_their_standard_deviation(rng):
    values = np.sort(rng.normal(3, 2, (1, 20_000)), axis=1)
    npt.assert_allclose([robust.ranked_spread(values)[0], robust.mad(values)[0]], 2, rtol=0.03)
