"""Which findings are left of many tests."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import multiplicity

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)


def naive_q_values(p_values):
    """For each test the smallest share of chance among all that would be found with it."""
    n = len(p_values)
    return [min(1.0, *(n * limit / sum(p <= limit for p in p_values) for limit in p_values if limit >= own)) for own in p_values]


def test_the_fifteen_p_values_of_benjamini_and_hochberg_give_four_findings():
    p = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0])
    q = multiplicity.q_values(p)
    assert (q <= 0.05).sum() == 4
    npt.assert_allclose(q[[0, 3, 4, 14]], [0.0015, 0.035625, 0.0603, 1.0], atol=1e-12)


@given(P_VALUES)
def test_fast_q_values_equal_the_naive_loop(p):
    npt.assert_allclose(multiplicity.q_values(p), naive_q_values(list(p)), rtol=1e-12)


@given(P_VALUES, st.randoms())
def test_the_order_of_the_tests_does_not_matter(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    npt.assert_array_equal(multiplicity.q_values(p[order]), multiplicity.q_values(p)[order])


def test_tests_that_were_not_kept_count():
    npt.assert_allclose(multiplicity.q_values(np.array([0.001, np.nan, 0.01]), n_tests=50), [0.05, np.nan, 0.25])


def test_of_true_nulls_hardly_any_are_found(rng):
    q = np.array([multiplicity.q_values(rng.random(50)).min() for _ in range(400)])
    # Without a true finding every finding is false: the rate is that of any finding at all.
    assert 0.05 < (q <= 0.1).mean() < 0.15


@pytest.mark.parametrize(("p", "n_tests", "words"), [([1.5], None, "from 0 to 1"), ([0.1, 0.2], 1, "at least the 2 p-values")])
def test_impossible_input_is_refused(p, n_tests, words):
    with pytest.raises(ValueError, match=words):
        multiplicity.q_values(np.array(p), n_tests=n_tests)
