"""Detectors of one's own, asked beside those of `stats.surprise` and `stats.failures`: a function of arrays, named in `DETECTORS`.

Nothing else is to be done: what it says shares the budget of the service, is calibrated like the others, explained by its name, stored and
continued. A function that looks back asks `past` for what came before (`past.joined`), so that it says the same however time is cut. This
one finds a meter that hangs, which no forecast finds strange:

    def stuck(values, local_step, *, step_s, past):
        # A hundred where the last twelve values are one and the same.
        whole = past.joined("values", values, 11)
        windows = np.lib.stride_tricks.sliding_window_view(whole, 12, axis=1)
        return np.where(windows.max(axis=2) == windows.min(axis=2), 100.0, 0.0)

    DETECTORS = {"stuck": stuck}
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analytics.stats.past import Past

__all__ = ["DETECTORS", "Detector", "strengths"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]


class Detector(Protocol):
    """How strange each value is.

    Parameters
    ----------
    values : float array, shape (n_series, n_times)
        Response times and counts on a logarithmic scale, other signals as they are; NaN is missing. Availability is judged by its counts.
    local_step : int array, shape (n_times,)
        Number of each step on the clock of the region.
    step_s : length of a step, s
    past : what is known of the columns before; moves on

    Returns
    -------
    float array, shape (n_series, n_times): in spreads, positive above what was expected; 0 or NaN where it says nothing
    """

    def __call__(self, values: FloatArray, local_step: IntArray, *, step_s: int, past: Past) -> FloatArray: ...


DETECTORS: dict[str, Detector] = {}
"""Name -> function; the name is told on pages and in tables."""


def strengths(values: FloatArray, local_step: IntArray, *, step_s: int, past: Past) -> FloatArray:
    """What all of them say, shape (n_detectors, n_series, n_times).

    Raises
    ------
    ValueError
        If one answers in another shape than it was asked.
    """
    found = [np.asarray(detector(values, local_step, step_s=step_s, past=past.part(name)), float) for name, detector in DETECTORS.items()]
    for name, one in zip(DETECTORS, found, strict=True):
        if one.shape != values.shape:
            raise ValueError(f"detector '{name}' answered in shape {one.shape} to values of shape {values.shape}")
    return np.stack(found) if found else np.empty((0, *values.shape))
