"""How much the mean of a window of an autocorrelated series varies, from one stretch of it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["autoregressive_mean_variance", "window_variance"]

FloatArray = npt.NDArray[np.float64]

DAY_H, WEEK_H = 24, 168
TIME_CONSTANTS_H = (1.0, 2.0, 3.0, 4.5, 6.5, 9.0, 13.0, 18.0, 27.0, 40.0)
"""Hours in which the autocorrelation falls to 1/e. Shorter ones cannot be told from white noise in hourly bins, longer ones not from a
drift."""
WANDER_SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
"""Share of the variance of a bin that is autocorrelated."""

USUAL_TIME_CONSTANT_H, USUAL_SPREAD = 6.0, 0.8
"""Time constant at the centre of the prior, and the width of the prior: of the logarithm of the variance of a week's mean."""
TEMPER = 0.5
"""Weight of the likelihood against the prior: a series is never exactly of the model, and an ordinate that an incident or an uneven day
made is then no proof of a short memory (Grünwald 2012, The safe Bayesian)."""

SHORT_DAYS = 21
"""Below this many days a baseline knows the hours of the day, not those of the week."""


class _Model(NamedTuple):
    """Spectra of the grid of models at the kept frequencies, their unit variances, and the prior."""

    frequencies: npt.NDArray[np.int64]
    spectrum: FloatArray
    phi: FloatArray
    share: FloatArray
    log_prior: FloatArray


def autoregressive_mean_variance(n: FloatArray | float, phi: FloatArray, share: FloatArray) -> FloatArray:
    """Variance of the mean of `n` values of unit variance: a share of it AR(1) with coefficient `phi`, the rest white.

    References
    ----------
    Box, Jenkins & Reinsel, Time Series Analysis, 2.1.4: variance of a sample mean from the autocorrelations, summed in closed form.
    """
    wander = (1 + phi) / (1 - phi) - 2 * phi * (1 - phi**n) / (n * (1 - phi) ** 2)
    return (share * wander + (1 - share)) / n


def window_variance(values: FloatArray, windows: npt.NDArray[np.int64], *, bins_per_day: int, usual_share: float) -> FloatArray:
    """Variance of the mean of windows of given lengths, averaged over a grid of AR(1) + white noise models by their Whittle likelihood.

    Ordinates of the periodogram at the harmonics of the week (of the day in a short stretch) are left out: there the baseline that was
    fitted to the same stretch has taken the noise with the season.

    Parameters
    ----------
    values : float array, shape (n_series, n_bins)
        Residuals of the learning stretch about their mean, bounded, NaN missing.
    windows : int array, shape (n_windows,)
        Lengths in bins.
    usual_share : float
        Share of the variance that wanders with `USUAL_TIME_CONSTANT_H` in a usual series: the centre of the prior.

    Returns
    -------
    float array, shape (n_series, n_windows)
        In squared units of the values; 0 for a series that never varies.

    References
    ----------
    Whittle (1953), Estimation and information in stationary time series, Arkiv för Matematik 2(23).
    """
    present = np.isfinite(values)
    n = np.maximum(present.sum(axis=1, keepdims=True), 1)
    transform = np.fft.rfft(np.where(present, values, 0.0), axis=1)
    model = _model(values.shape[1], bins_per_day, usual_share)
    ordinates = (transform.real**2 + transform.imag**2)[:, model.frequencies] / n
    kept = len(model.frequencies)
    scale = ordinates @ (1 / model.spectrum).T / kept
    floor = 1e-300
    log_likelihood = -(kept * np.log(scale + floor) + np.log(model.spectrum).sum(axis=1))
    log_posterior = TEMPER * log_likelihood + model.log_prior
    weight = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    unit = autoregressive_mean_variance(windows[:, None].astype(np.float64), model.phi, model.share)
    return (weight * scale) @ unit.T


@lru_cache(maxsize=32)
def _model(n_bins: int, bins_per_day: int, usual_share: float) -> _Model:
    hours = DAY_H / bins_per_day
    phi, share = (grid.ravel() for grid in np.meshgrid(np.exp(-hours / np.array(TIME_CONSTANTS_H)), WANDER_SHARES, indexing="ij"))
    period = bins_per_day if n_bins < SHORT_DAYS * bins_per_day else 7 * bins_per_day
    frequencies = np.arange(1, (n_bins + 1) // 2)
    harmonic = frequencies * period / n_bins
    frequencies = frequencies[np.abs(harmonic - np.round(harmonic)) * n_bins / period >= 0.5]
    wander = (1 - phi**2)[:, None] / (1 - 2 * phi[:, None] * np.cos(2 * np.pi * frequencies / n_bins) + phi[:, None] ** 2)
    spectrum = share[:, None] * wander + (1 - share[:, None])
    week = WEEK_H / hours
    usual_phi = np.array(np.exp(-hours / USUAL_TIME_CONSTANT_H))
    usual = np.log(autoregressive_mean_variance(week, usual_phi, np.array(usual_share)) * week)
    log_prior = -((np.log(autoregressive_mean_variance(week, phi, share) * week) - usual) ** 2) / (2 * USUAL_SPREAD**2)
    return _Model(frequencies, spectrum, phi, share, log_prior)
