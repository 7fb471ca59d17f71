"""The product as the harnesses that compare tools see it: calls of the package at its defaults, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import baseline as baselines, calendars, expected
from analytics.stats import alarms, changepoint, changes, scan, season, surprise

FloatArray = npt.NDArray[np.floating[Any]]

changepoints = changepoint.change_points


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


class drift_stream:
    """Detector of lasting changes of latency and availability: `drift_stream()` for the harness of streams."""

    name, channel, bracket = "drift_stream", "both", (0.1, 100.0)

    def prepare(self, hist: Any, test: Any) -> scan.Evidence:
        """Evidence in the test part, the baseline learnt from the history."""
        step_s, learnt = int(hist.t[1] - hist.t[0]), len(hist.t)
        latency, ok = (np.concatenate([getattr(hist, name), getattr(test, name)])[None].astype(np.float32) for name in ("lat", "ok"))
        clock = calendars.clock(int(hist.t[0]) * 1000, latency.shape[1], step_s=step_s, zone="UTC")
        found = baselines.fit(latency[:, :learnt], clock.between(0, learnt), kind="log")
        return baselines.judge(latency, 1 - ok, clock, baselines=found, learnt=learnt)

    def alarms(self, state: scan.Evidence, level: float) -> list[tuple[int, dict[str, Any]]]:
        """Index of the test step at which each change is told."""
        found, steps, learnt = changes.find_changes(state, level), state.channels.steps_per_bin, state.reference.n_bins
        held = "open" if (found.closed < 0).any() else "closed"
        return [
            (int(detected + 1 - learnt) * steps - 1, {"kind": scan.KINDS[kind], "onset": int(onset - learnt) * steps, "state": held})
            for kind, detected, onset in zip(found.kind, found.detected, found.onset, strict=True)
        ]

    def level_for(self, false_alarms_per_series_year: float) -> float:
        """Level that keeps a rate of false alarms."""
        return changes.level_for(false_alarms_per_series_year)

    def accept(self, state: scan.Evidence, index: int) -> scan.Evidence:
        """Evidence once what is there at an index of the test part is accepted."""
        return changes.accept(state, state.reference.n_bins + -(-index // state.channels.steps_per_bin))


def seasonality(values: FloatArray, step_s: int) -> list[list[tuple[int, float]]]:
    """Period in steps and strength of the seasons of each series: `f(values2d, step_s)`, strongest first."""
    usual = [length // step_s for length in (86_400, 7 * 86_400)]
    return [[(one.period, one.strength) for one in seasons] for seasons in season.find_seasons(values, usual=usual)]


def anomaly(values: FloatArray, timestamps: npt.NDArray[np.int64]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Score of each point, and the alarms at the default budget."""
    rates = _rates(values, timestamps)
    return alarms.scores(rates.per_week), alarms.raised(rates.news, budget_per_week=0.25)


def anomaly_budget(values: FloatArray, timestamps: npt.NDArray[np.int64], train_end: int, budget_per_week: float) -> npt.NDArray[np.bool_]:
    """Alarms at a budget of false ones a week."""
    return alarms.raised(_rates(values, timestamps).news, budget_per_week=budget_per_week)


def _rates(values: FloatArray, timestamps: npt.NDArray[np.int64]) -> alarms.Rates:
    """Rates of one series; rows are put on a regular grid, of two at one time the last counts."""
    step_s = int(np.median(np.diff(timestamps)))
    place = (timestamps - timestamps[0] + step_s // 2) // step_s
    grid = np.full((1, int(place.max()) + 1), np.nan)
    grid[0, place] = values
    local_step = timestamps[0] // step_s + np.arange(grid.shape[1])
    found = surprise.surprises(grid, local_step, step_s=step_s)
    return alarms.Rates(*(part[0, place] for part in alarms.rates(found.strength, found.by_detector[-1], step_s=step_s)))


anomaly.handles_nan = anomaly_budget.handles_nan = True
