"""Values of a block of series and their baselines -> evidence of each kind of change, bin by bin."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import expected
from analytics.calendars import Clock
from analytics.expected import Baselines
from analytics.stats import channels, scan

__all__ = ["judge"]

FloatArray = npt.NDArray[np.floating[Any]]


def judge(values: FloatArray, failed: FloatArray, clock: Clock, *, baselines: Baselines, learnt: int) -> scan.Evidence:
    """Evidence of change in the steps after the learning stretch.

    Parameters
    ----------
    values : float array, shape (n_series, n_times)
        In the unit of each series; NaN is missing.
    failed : float array, shape (n_series, n_times)
        Share of the checks of a step that failed; NaN where there was none, or where only the values matter.
    clock : what the times read on the clocks of the region
    baselines : what is normal, learnt from the first steps
    learnt : number of these steps
    """
    present = float((np.isfinite(values[:, :learnt]) | np.isfinite(failed[:, :learnt])).mean()) if learnt else 0.0
    bin_s = channels.bin_length_s(clock.step_s, present)
    steps = bin_s // clock.step_s
    lead = int(clock.local_ms[0] // 1000 % bin_s) // clock.step_s
    week = clock.hour_of_week[np.maximum(np.arange(-lead, len(clock.local_ms) - steps + 1, steps), 0)] * 3600 // bin_s
    residual = _bins(expected.residual(baselines, values, clock), lead, steps)
    bins_per_day = 86_400 // bin_s
    course = baselines.location.astype(np.float64).reshape(len(values), 7, bins_per_day, -1).mean(axis=-1)
    n_learnt = (learnt + lead) // steps
    week_bin = week.astype(np.int64)
    found = channels.make_channels(
        residual,
        _bins(failed, lead, steps),
        yardstick=channels.learn_yardstick(residual[:, :n_learnt], week_bin[:n_learnt] % bins_per_day, bins_per_day=bins_per_day),
        shape=channels.day_shape(course),
        week_bin=week_bin,
    )
    return scan.score(found, scan.learn_reference(found, n_learnt))


def _bins(steps: FloatArray, lead: int, per_bin: int) -> npt.NDArray[np.float32]:
    """Whole bins of the local day, shape (n_series, n_bins, per_bin); the steps after the last whole one wait for the next run."""
    n_bins = (steps.shape[1] + lead) // per_bin
    padded = np.pad(steps.astype(np.float32), ((0, 0), (lead, 0)), constant_values=np.nan) if lead else steps.astype(np.float32)
    return padded[:, : n_bins * per_bin].reshape(len(steps), n_bins, per_bin)
