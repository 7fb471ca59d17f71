"""By what spread residuals are judged."""

import numpy as np
import numpy.testing as npt
import pytest

from analytics.stats import spread
from analytics.stats.past import Past
from analytics.stats.steps import steps_of

STEP_S, DAY = 900, 96


def test_the_spread_of_a_time_of_the_day_is_known_after_a_week(rng):
    residual = rng.normal(size=(1, 9 * DAY)) * np.where(np.arange(9 * DAY) % DAY < DAY // 2, 1, 10)
    steps = steps_of(np.arange(9 * DAY), STEP_S, Past())
    found = spread._patches(np.abs(residual), steps, Past())[0, 8 * DAY :]
    assert 1.4826 * np.median(found[16:32]) == pytest.approx(1, rel=0.2)
    assert 1.4826 * np.median(found[64:80]) == pytest.approx(10, rel=0.2)


def test_the_spread_of_the_week_is_the_median_of_those_of_half_days(rng):
    size = np.abs(rng.normal(size=8 * DAY))
    found = spread._week_median(size[None], steps_of(np.arange(8 * DAY), STEP_S, Past()), Past())[0]
    assert np.isnan(found[: DAY // 2]).all()
    halves = np.median(size[DAY // 2 : -DAY // 2].reshape(-1, DAY // 2), axis=1)
    npt.assert_allclose(found[-DAY // 2 :], np.median(halves), rtol=1e-6)


def test_the_scale_after_missing_values_counts_them():
    values = np.array([[1.0, np.nan, np.nan, np.nan, 1.0, 1.0]])
    found = spread.after_gap(values, np.ones((1, 6)), np.full((1, 6), 9.0), Past())
    # A missing point is never judged; the fourth has three missing before it.
    npt.assert_allclose(found[0, [0, 4, 5]], [1, 2, 1])
