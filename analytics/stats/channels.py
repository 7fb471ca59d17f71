"""What can drift in a series, bin by bin: its level, its spread, its tail, the shape of its day, its availability.

Each channel is made so that one incident moves it a little and a lasting change moves it for good, and so that a change of one channel
leaves the others alone: the level is taken out of the spread and of the tail, the mean of the day out of its shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.stats import bins
from analytics.stats.bins import Bins, Yardstick

__all__ = ["Channels", "DayShape", "day_shape", "lay_out"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DAYS_A_WEEK, WEEKDAYS = 7, 5


@dataclass(frozen=True)
class DayShape:
    """Templates of a change of the shape of the day, by bin of the local week; shape (n_series, 7 * bins_per_day) each.

    Attributes
    ----------
    amplitude : the expected course of the day about its mean
    phase : what a later course adds to it, without the part that looks like a change of amplitude
    other_day : expected minus what would be expected on a day of the other type (weekday, weekend)
    size : float array, shape (n_series,)
        Root mean square of the expected course about the mean of its day: what a change of the amplitude by 1 adds.
    """

    amplitude: FloatArray
    phase: FloatArray
    other_day: FloatArray
    size: FloatArray

    def select(self, rows: IntArray) -> DayShape:
        """The templates of these series."""
        return DayShape(self.amplitude[rows], self.phase[rows], self.other_day[rows], self.size[rows])


@dataclass(frozen=True)
class Channels:
    """Channels of a block of series, each of shape (n_series, n_bins); NaN where a bin says nothing.

    Attributes
    ----------
    level : location of the residuals, in their unit
    other_level : the same had the day been one of the other type
    spread : mean winsorised deviation from the location over the usual one of this time of day
    slow : runs of slow values that begin in the bin
    n_values : values in the bin, the trials of `slow`
    amplitude, phase : templates of the shape of the day at each bin (`DayShape`)
    failed : share of checks that failed
    failures : 1 where failures begin: the bin holds one and the bin before held none
    day_size : float array, shape (n_series, 1), size of the course of the day (`DayShape`)
    time_of_day : int array, shape (n_bins,), bin of the local day
    bins_per_day, steps_per_bin : bins in a day, steps in a bin
    """

    level: FloatArray
    other_level: FloatArray
    spread: FloatArray
    slow: FloatArray
    n_values: FloatArray
    amplitude: FloatArray
    phase: FloatArray
    failed: FloatArray
    failures: FloatArray
    day_size: FloatArray
    time_of_day: IntArray
    bins_per_day: int
    steps_per_bin: int


def day_shape(expected: FloatArray) -> DayShape:
    """Templates from the expected value by time of the local week.

    Parameters
    ----------
    expected : float array, shape (n_series, 7, bins_per_day)
        On the scale of the residuals; day 0 is a Monday.
    """
    n_series = len(expected)
    centred = _smooth(expected - expected.mean(axis=-1, keepdims=True))
    size = np.sqrt((centred**2).mean(axis=(1, 2)))
    amplitude = _unit(centred)
    later = (np.roll(centred, 1, axis=-1) - np.roll(centred, -1, axis=-1)) / 2
    phase = _unit(later - (later * amplitude).mean(axis=(1, 2), keepdims=True) * amplitude)
    weekday, weekend = expected[:, :WEEKDAYS].mean(axis=1), expected[:, WEEKDAYS:].mean(axis=1)
    other = np.concatenate([np.repeat(weekend[:, None], WEEKDAYS, 1), np.repeat(weekday[:, None], DAYS_A_WEEK - WEEKDAYS, 1)], axis=1)
    amplitude, phase, other_day = (part.reshape(n_series, -1) for part in (amplitude, phase, expected - other))
    return DayShape(amplitude, phase, other_day, size)


def _smooth(course: FloatArray) -> FloatArray:
    """Mean over neighbouring bins of the day with weights 1 2 3 2 1: templates follow the course, not the noise of its estimate."""
    weights = {-2: 1 / 9, -1: 2 / 9, 0: 3 / 9, 1: 2 / 9, 2: 1 / 9}
    return np.sum([weight * np.roll(course, lag, axis=-1) for lag, weight in weights.items()], axis=0)


def _unit(template: FloatArray) -> FloatArray:
    """Scaled to a mean square of 1; 0 where there is no shape."""
    size = np.sqrt((template**2).mean(axis=(1, 2), keepdims=True))
    return template / np.where(size > 1e-12, size, np.inf)


def lay_out(measured: Bins, *, yardstick: Yardstick, shape: DayShape, week_bin: IntArray, steps_per_bin: int) -> Channels:
    """Channels of a block of series from what was measured in their bins.

    Parameters
    ----------
    yardstick, shape
        Of the same series.
    week_bin : int array, shape (n_bins,)
        Bin of the local week, 0 on Monday at midnight.
    """
    bins_per_day = yardstick.profile.shape[1]
    time_of_day = week_bin % bins_per_day
    level = measured.level.astype(np.float64)
    spread, n_values = bins.mean_deviation(measured.deviation, measured.n_values)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = spread / yardstick.profile[:, time_of_day] / yardstick.spread[:, None]
    checked = measured.n_checked > 0
    return Channels(
        level=level,
        other_level=level + shape.other_day[:, week_bin],
        spread=np.where(n_values >= min(bins.MIN_VALUES, steps_per_bin), relative, np.nan),
        slow=measured.slow.astype(np.float64),
        n_values=n_values,
        amplitude=shape.amplitude[:, week_bin],
        phase=shape.phase[:, week_bin],
        failed=np.where(checked, measured.failed / np.maximum(measured.n_checked, 1), np.nan),
        failures=np.where(measured.failures >= 0, measured.failures, np.nan),
        day_size=shape.size[:, None],
        time_of_day=time_of_day,
        bins_per_day=bins_per_day,
        steps_per_bin=steps_per_bin,
    )
