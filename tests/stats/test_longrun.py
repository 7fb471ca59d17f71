"""How much the mean of a window varies."""

import numpy as np
import numpy.testing as npt
import pytest
from scipy.signal import lfilter

from analytics.stats import longrun

WINDOWS = np.array([1, 6, 24, 168])


def wandering(n_series, n_bins, rng, *, phi, share):
    """Unit variance: a share of it AR(1), the rest white."""
    shocks = rng.normal(size=(n_series, n_bins + 500)) * np.sqrt(1 - phi**2)
    return np.sqrt(share) * lfilter([1], [1, -phi], shocks, axis=1)[:, 500:] + np.sqrt(1 - share) * rng.normal(size=(n_series, n_bins))


def naive_mean_variance(n, phi, share):
    """Sum of all covariances between the n values, over n squared."""
    return sum((1 - share) * (i == j) + share * phi ** abs(i - j) for i in range(n) for j in range(n)) / n**2


@pytest.mark.parametrize(("n", "phi", "share"), [(1, 0.9, 0.5), (5, 0.0, 1.0), (24, 0.8, 0.3), (60, 0.95, 1.0)])
def test_closed_form_equals_the_sum_of_covariances(n, phi, share):
    npt.assert_allclose(
        longrun.autoregressive_mean_variance(n, np.array(phi), np.array(share)), naive_mean_variance(n, phi, share), rtol=1e-10
    )


@pytest.mark.parametrize(("phi", "share"), [(0.85, 0.35), (0.85, 0.7), (0.6, 0.5)])
def test_windows_vary_as_much_as_is_said(rng, phi, share):
    found = longrun.window_variance(wandering(200, 672, rng, phi=phi, share=share), WINDOWS, bins_per_day=24, usual_share=0.35)
    true = longrun.autoregressive_mean_variance(WINDOWS, np.array(phi), np.array(share))
    npt.assert_allclose(found[:, :2].mean(axis=0), true[:2], rtol=0.15)
    npt.assert_allclose(np.log(found[:, 2:]).mean(axis=0), np.log(true[2:]), atol=0.35)


def test_wandering_series_get_more_than_white_ones(rng):
    white, wander = (
        longrun.window_variance(wandering(50, 672, rng, phi=0.9, share=s), WINDOWS, bins_per_day=24, usual_share=0.35) for s in (0, 0.8)
    )
    assert np.median(wander[:, 3]) > 4 * np.median(white[:, 3])


def test_the_prior_decides_in_a_short_stretch_and_the_data_in_a_long_one(rng):
    def ratio(n_bins):
        few, much = (
            longrun.window_variance(white[:, :n_bins], WINDOWS, bins_per_day=24, usual_share=share)[:, 3].mean() for share in (0.05, 0.5)
        )
        return much / few

    white = rng.normal(size=(20, 24 * 120))
    assert ratio(24 * 4) > 1.5 * ratio(24 * 120)


def test_the_season_that_a_baseline_took_out_does_not_make_the_noise_smaller(rng):
    values = wandering(100, 672, rng, phi=0.85, share=0.5)
    weekly = values.reshape(100, 4, 168)
    removed = (weekly - weekly.mean(axis=1, keepdims=True)).reshape(100, 672)
    before, after = (longrun.window_variance(given, WINDOWS, bins_per_day=24, usual_share=0.35)[:, 3].mean() for given in (values, removed))
    npt.assert_allclose(after, before, rtol=0.05)


def test_units_are_squared_and_missing_values_are_left_out(rng):
    values = wandering(30, 672, rng, phi=0.8, share=0.5)
    whole = longrun.window_variance(values, WINDOWS, bins_per_day=24, usual_share=0.35)
    npt.assert_allclose(longrun.window_variance(3 * values, WINDOWS, bins_per_day=24, usual_share=0.35), 9 * whole, rtol=1e-9)
    holed = np.where(rng.random(values.shape) < 0.1, np.nan, values)
    npt.assert_allclose(
        longrun.window_variance(holed, WINDOWS, bins_per_day=24, usual_share=0.35).mean(axis=0), whole.mean(axis=0), rtol=0.15
    )


def test_a_constant_series_does_not_vary():
    npt.assert_allclose(longrun.window_variance(np.zeros((1, 672)), WINDOWS, bins_per_day=24, usual_share=0.35), 0, atol=1e-200)
