"""Values of a block of series and their baselines -> evidence of each kind of change, bin by bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import expected
from analytics.calendars import Clock
from analytics.expected import Baselines
from analytics.stats import bins, channels, scan
from analytics.stats.bins import Bins, Yardstick
from analytics.stats.channels import Channels, DayShape

__all__ = ["Gauge", "judge", "lead_of", "week_bins"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

DAY_S, HOUR_S = 86_400, 3600


@dataclass(frozen=True)
class Gauge:
    """What bins of some series are measured with, learnt from one stretch.

    Attributes
    ----------
    baselines : what is normal
    yardstick : what is usual within bins
    shape : the expected course of the day
    bin_s, step_s : length of a bin and of a step, s
    """

    baselines: Baselines
    yardstick: Yardstick
    shape: DayShape
    bin_s: int
    step_s: int

    @property
    def steps_per_bin(self) -> int:
        return self.bin_s // self.step_s

    def select(self, rows: IntArray) -> Gauge:
        """The gauge of these series."""
        return Gauge(self.baselines.select(rows), self.yardstick.select(rows), self.shape.select(rows), self.bin_s, self.step_s)

    @classmethod
    def learn(cls, values: FloatArray | None, clock: Clock, *, baselines: Baselines, bin_s: int, lead: int) -> Gauge:
        """The gauge from the learning stretch, whose first step is number `lead` of its bin; without values, one for failures alone."""
        per_day = DAY_S // bin_s
        course = baselines.location.astype(np.float64).reshape(len(baselines.location), 7, per_day, -1).mean(axis=-1)
        yardstick = Yardstick.of_nothing(len(course), per_day)
        if values is not None:
            residual = _whole_bins(expected.residual(baselines, values, clock), lead, bin_s // clock.step_s)
            time_of_day = week_bins(clock, lead, bin_s) % per_day
            yardstick = bins.learn_yardstick(residual, time_of_day, bins_per_day=per_day)
        return cls(baselines, yardstick, channels.day_shape(course), bin_s, clock.step_s)

    def measure(self, values: FloatArray | None, failed: FloatArray | None, clock: Clock, *, lead: int) -> Bins:
        """Whole bins of a stretch whose first step is step number `lead` of its bin."""
        per_bin = self.steps_per_bin
        return bins.measure(
            None if values is None else _whole_bins(expected.residual(self.baselines, values, clock), lead, per_bin),
            None if failed is None else _whole_bins(failed, lead, per_bin),
            yardstick=self.yardstick,
            time_of_day=week_bins(clock, lead, self.bin_s) % (DAY_S // self.bin_s),
        )

    def lay_out(self, measured: Bins, week_bin: IntArray) -> Channels:
        """The channels of what was measured in the given bins of the local week."""
        return channels.lay_out(
            measured, yardstick=self.yardstick, shape=self.shape, week_bin=week_bin, steps_per_bin=self.steps_per_bin
        )  # fmt: skip


def lead_of(clock: Clock, bin_s: int) -> int:
    """Steps of the first bin that lie before the first step, so that bins are parts of the local day."""
    return int(clock.local_ms[0] // 1000 % bin_s) // clock.step_s


def week_bins(clock: Clock, lead: int, bin_s: int) -> IntArray:
    """Bin of the local week of each whole bin, 0 on Monday at midnight."""
    per_bin = bin_s // clock.step_s
    begins = np.maximum(np.arange(-lead, len(clock.local_ms) - per_bin + 1, per_bin), 0)
    return (clock.hour_of_week[begins] * HOUR_S // bin_s).astype(np.int64)


def _whole_bins(steps: FloatArray, lead: int, per_bin: int) -> npt.NDArray[np.float32]:
    """Whole bins, shape (n_series, n_bins, per_bin); the steps after the last one wait for the next run."""
    n_bins = (steps.shape[1] + lead) // per_bin
    padded = np.pad(steps.astype(np.float32), ((0, 0), (lead, 0)), constant_values=np.nan) if lead else steps.astype(np.float32, copy=False)
    return padded[:, : n_bins * per_bin].reshape(len(steps), n_bins, per_bin)


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
    bin_s = bins.bin_length_s(clock.step_s, present)
    lead = lead_of(clock, bin_s)
    gauge = Gauge.learn(values[:, :learnt], clock.between(0, learnt), baselines=baselines, bin_s=bin_s, lead=lead)
    found = gauge.lay_out(gauge.measure(values, failed, clock, lead=lead), week_bins(clock, lead, bin_s))
    return scan.score(found, scan.learn_reference(found, (learnt + lead) // gauge.steps_per_bin))
