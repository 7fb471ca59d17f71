"""The product as the harnesses that compare tools see it: calls of the package at its defaults, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import baseline as baselines, calendars, expected
from analytics.stats import season

FloatArray = npt.NDArray[np.floating[Any]]


def baseline(hist: Any) -> Callable[[npt.NDArray[np.int64], float], FloatArray]:
    """Quantiles of latency by time of week: `f(hist) -> predict(t, q)`, times in s since 1970 UTC, latency in ms."""
    step_s = int(hist.t[1] - hist.t[0])
    clock = calendars.clock(int(hist.t[0]) * 1000, len(hist.t), step_s=step_s, zone="UTC")
    found = baselines.fit(hist.lat[None].astype(np.float32), clock, kind="log")

    def predict(t: npt.NDArray[np.int64], q: float) -> FloatArray:
        first = int(t.min())
        later = calendars.clock(first * 1000, int(t.max() - first) // step_s + 1, step_s=step_s, zone="UTC")
        return expected.quantile(found, later, q)[0, (t - first) // step_s]

    return predict


def seasonality(values: FloatArray, step_s: int) -> list[list[tuple[int, float]]]:
    """Period in steps and strength of the seasons of each series: `f(values2d, step_s)`, strongest first."""
    usual = [length // step_s for length in (86_400, 7 * 86_400)]
    return [[(one.period, one.strength) for one in seasons] for seasons in season.find_seasons(values, usual=usual)]
