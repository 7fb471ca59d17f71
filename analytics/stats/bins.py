"""What the values of each bin come to, in numbers small enough to be kept: location, deviation, slow values, failures.

A bin is an hour, or longer where an hour holds too few values. `stats.channels` makes of them what can drift.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

__all__ = ["Bins", "Yardstick", "bin_length_s", "joined", "learn_yardstick", "mean_deviation", "measure", "overlap", "shrunk_profile"]

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
CountArray = npt.NDArray[np.int32]

HOUR_S, DAY_S = 3600, 86_400
BINS_S = (HOUR_S, 2 * HOUR_S, 3 * HOUR_S, 4 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S)

MIN_VALUES = 4
"""Fewest values that have a spread worth the name: below, the winsorised mean deviation about their own location is nearly fixed by
the location. Bins with fewer values borrow those of the bins before."""

HUBER = 1.5
"""Corner of Huber's location in robust standard deviations: 96 % efficient under normal noise (Huber 1964), and what lies outside pulls
no more than a value at the corner."""

HUBER_STEPS = 3
"""Newton steps of the location. Started from values clipped at `FAR`, the third one changes it by less than 1 % of the scale unless the
bin is an incident, whose level is clipped again in the scan."""

FAR = 3.0
"""Deviations beyond this many robust standard deviations count as this many: in the spread, and in the first guess of the location."""

TAIL_SHARE = 0.01
"""Share of the values of the learning stretch that count as slow. Rarer ones are too few to notice a change by within two weeks, more
frequent ones belong to the body of the distribution: of 2 %, 1.5 %, 1 %, 0.7 % and 0.5 % this saw one and two more slow answers in a
hundred soonest."""

INCIDENT = 4.0
"""Level beyond this many robust standard deviations, for less than half a day, is an incident: 0.04 of the 672 normal hours of four weeks
are by chance."""

LEAST_PROFILE = 0.1
"""A time of day that seems ten times quieter than usual is one with too few or constant values: it is measured as a usual one."""

NORMAL_CONSISTENCY = 1.4826


@dataclass(frozen=True)
class Bins:
    """What was measured in each bin, arrays of shape (n_series, n_bins).

    Attributes
    ----------
    level : float32; location of the residuals, in their unit; NaN in a bin without any
    deviation : float32; sum of the winsorised deviations from the location
    n_values : int32; values in the bin
    slow : int32; runs of slow values that begin in the bin
    failed : float32; sum of the shares of failed checks of its steps
    n_checked : int32; steps with checks
    failures : int32; 1 where failures begin: the bin holds one and the bin before held none; -1 where nothing is known
    """

    level: Float32Array
    deviation: Float32Array
    n_values: CountArray
    slow: CountArray
    failed: Float32Array
    n_checked: CountArray
    failures: CountArray

    @property
    def n_bins(self) -> int:
        return self.level.shape[1]

    def select(self, rows: IntArray | BoolArray | slice) -> Bins:
        """The bins of these series."""
        return Bins(*(getattr(self, field.name)[rows] for field in fields(self)))

    def between(self, first: int, stop: int | None = None) -> Bins:
        """The bins from `first` up to `stop`."""
        return Bins(*(getattr(self, field.name)[:, first:stop] for field in fields(self)))


def joined(*parts: Bins) -> Bins:
    """Stretches of the same series, one after the other."""
    return Bins(*(np.concatenate([getattr(part, field.name) for part in parts], axis=1) for field in fields(Bins)))


@dataclass(frozen=True)
class Yardstick:
    """What the channels of each series are measured with, learnt from its learning stretch.

    Attributes
    ----------
    scale : float array, shape (n_series,)
        Robust standard deviation of the residuals within a bin, in their unit; NaN where there were too few.
    spread : float array, shape (n_series,)
        Usual mean winsorised deviation, same unit.
    profile : float array, shape (n_series, bins_per_day)
        Spread by time of day over the usual one; 1 where it does not depend on it.
    tail_limit : float array, shape (n_series,)
        Deviation over the profile beyond which a value is slow, same unit.
    level_scale : float array, shape (n_series,)
        Robust standard deviation of the level of a bin, same unit.
    """

    scale: FloatArray
    spread: FloatArray
    profile: FloatArray
    tail_limit: FloatArray
    level_scale: FloatArray

    def select(self, rows: IntArray) -> Yardstick:
        """The yardsticks of these series."""
        return Yardstick(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def of_nothing(cls, n_series: int, bins_per_day: int) -> Yardstick:
        """For series of which only the failures matter."""
        unknown = np.full(n_series, np.nan)
        return cls(unknown, unknown, np.ones((n_series, bins_per_day)), unknown, unknown)


def bin_length_s(step_s: int, present: float = 1.0) -> int:
    """Length of a bin in s: an hour, or the shortest longer part of a day that usually holds a value.

    Parameters
    ----------
    step_s : time between values, s
    present : share of the steps that hold one
    """
    needed = max(step_s, 1) / max(present, 1e-3)
    return next((length for length in BINS_S if length >= needed and length % step_s == 0), DAY_S)


def learn_yardstick(residual: Float32Array, time_of_day: IntArray, *, bins_per_day: int) -> Yardstick:
    """What is usual in the learning stretch.

    Parameters
    ----------
    residual : float array, shape (n_series, n_bins, steps_per_bin)
        Observed minus expected on the scale that fits the signal, of the learning stretch only; NaN is missing.
    time_of_day : int array, shape (n_bins,)
        Bin of the local day, 0 to bins_per_day - 1.
    """
    present = np.isfinite(residual)
    values = np.where(present, residual, np.float32(0))
    scale = _robust_scale(residual)
    level, deviation = _location(values, present, scale)
    spread, n_values = mean_deviation(*_deviation(deviation, present, scale))
    profile = shrunk_profile(np.where(n_values >= MIN_VALUES, spread, np.nan), time_of_day, bins_per_day)
    with np.errstate(invalid="ignore"):
        usual = _nanmean(spread / profile[:, time_of_day])
    relative = np.where(present, deviation / profile[:, time_of_day, None].astype(np.float32), np.nan).reshape(len(residual), -1)
    return Yardstick(scale, usual, profile, _upper_quantile(relative, 1 - TAIL_SHARE), _robust_scale(level))


def _robust_scale(residual: FloatArray | Float32Array) -> FloatArray:
    """1.4826 times the median absolute deviation of all residuals of a series (Rousseeuw & Croux 1993), NaN without any."""
    flat = np.sort(residual.reshape(len(residual), -1).astype(np.float64), axis=1)
    centre = _middle(flat)
    return NORMAL_CONSISTENCY * _middle(np.sort(np.abs(flat - centre[:, None]), axis=1))


def _middle(ordered: FloatArray) -> FloatArray:
    """Lower median of rows sorted with their NaNs last."""
    n = np.isfinite(ordered).sum(axis=1)
    return np.where(n > 0, ordered[np.arange(len(ordered)), np.maximum(n - 1, 0) // 2], np.nan).astype(np.float64)


def _upper_quantile(values: FloatArray, share: float) -> FloatArray:
    ordered = np.sort(values, axis=1)
    n = np.isfinite(ordered).sum(axis=1)
    place = np.clip(np.ceil(share * n).astype(int) - 1, 0, None)
    return np.where(n > 0, ordered[np.arange(len(ordered)), place], np.nan).astype(np.float64)


def _location(values: Float32Array, present: BoolArray, scale: FloatArray) -> tuple[Float32Array, Float32Array]:
    """Huber's location of each bin and the deviations from it; bins of few values share the location of the last ones.

    References
    ----------
    Huber (1964), Robust estimation of a location parameter, Annals of Mathematical Statistics 35(1).
    """
    steps = values.shape[2]
    own = _huber(values, present, scale)
    if steps >= MIN_VALUES:
        return own, values - own[..., None]
    lags = range(-(-MIN_VALUES // steps))
    local = _huber(
        np.concatenate([_earlier(values, lag) for lag in lags], axis=2),
        np.concatenate([_earlier(present, lag) for lag in lags], axis=2),
        scale,
    )
    return own, values - local[..., None]


def _earlier(block: npt.NDArray[np.generic], lag: int) -> npt.NDArray[np.generic]:
    """The block `lag` bins before, zeros (or absent) before its start."""
    moved = np.zeros_like(block)
    moved[:, lag:] = block[:, : block.shape[1] - lag]
    return moved


def _huber(values: Float32Array, present: BoolArray, scale: FloatArray) -> Float32Array:
    corner = (HUBER * scale).astype(np.float32)[:, None, None]
    far = (FAR * scale).astype(np.float32)[:, None, None]
    n = present.sum(axis=2, dtype=np.float32)
    location = np.clip(values, -far, far).sum(axis=2) / np.maximum(n, 1)
    for _ in range(HUBER_STEPS):
        pull = np.clip(values - location[..., None], -corner, corner)
        inside = (np.abs(pull) < corner) & present
        location = location + np.where(present, pull, 0).sum(axis=2) / np.maximum(
            inside.sum(axis=2, dtype=np.float32), np.maximum(n, 2) / 2
        )
    return np.where(n > 0, location, np.float32(np.nan))


def _deviation(deviation: Float32Array, present: BoolArray, scale: FloatArray) -> tuple[Float32Array, CountArray]:
    """Sum of the deviations of each bin, winsorised at `FAR`, and the values it rests on."""
    far = (FAR * scale).astype(np.float32)[:, None, None]
    total = np.where(present, np.minimum(np.abs(deviation), far), 0).sum(axis=2)
    return total.astype(np.float32), present.sum(axis=2, dtype=np.int32)


def mean_deviation(total: Float32Array, n_values: CountArray) -> tuple[FloatArray, FloatArray]:
    """Mean deviation of each bin, and the values it rests on: those from its own location are smaller than from the true one, the more so
    the fewer they are."""
    n = n_values.astype(np.float64)
    shared = np.maximum(n, MIN_VALUES)
    return np.where(n > 0, total / np.maximum(n, 1) * np.sqrt(shared / (shared - 1)), np.nan), n


def shrunk_profile(values: FloatArray, time_of_day: IntArray, bins_per_day: int) -> FloatArray:
    """Mean by time of day over the usual one, as far from 1 as the differences are larger than chance would make them.

    Each ratio is shrunk by 1 - chance / seen, the two being variances between times of day: expected if all were alike, and found.

    References
    ----------
    Efron & Morris (1975), Data analysis using Stein's estimator and its generalizations, JASA 70(350).
    """
    is_here = (time_of_day[:, None] == np.arange(bins_per_day)).astype(np.float64)
    present = np.isfinite(values)
    known = np.where(present, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = present.astype(np.float64) @ is_here
        mean, square = known @ is_here / count, known**2 @ is_here / count
        usual = _nanmean(mean)
        ratio = mean / usual[:, None]
        chance = _nanmean((square - mean**2) / np.maximum(count - 1, 1)) / usual**2
        kept = np.clip(1 - chance / _nanmean((ratio - 1) ** 2), 0, 1)
        profile = 1 + kept[:, None] * (ratio - 1)
    return np.where(np.isfinite(profile) & (profile > LEAST_PROFILE), profile, 1.0)


def _nanmean(values: FloatArray) -> FloatArray:
    """Mean over the last axis, NaN without a value."""
    present = np.isfinite(values)
    n = present.sum(axis=-1)
    return np.where(n > 0, np.where(present, values, 0.0).sum(axis=-1) / np.maximum(n, 1), np.nan)


def overlap(bins_per_day: int) -> int:
    """Bins that `measure` must be given before those wanted: the day before tells what an incident is, a few bins what is usual."""
    return bins_per_day + MIN_VALUES + 1


def measure(residual: Float32Array | None, failed: Float32Array | None, *, yardstick: Yardstick, time_of_day: IntArray) -> Bins:
    """What a stretch of whole bins comes to.

    Parameters
    ----------
    residual : float array, shape (n_series, n_bins, steps_per_bin)
        Observed minus expected on the scale that fits the signal; NaN is missing. None where only the failures matter.
    failed : float array, same shape
        Share of the checks of a step that failed; NaN where there was none. None where only the values matter.
    yardstick
        Of the same series.
    time_of_day : int array, shape (n_bins,)
        Bin of the local day.
    """
    given = residual if residual is not None else failed
    if given is None:
        raise ValueError("neither residuals nor failures were given; bins are made of at least one of them")
    none = np.zeros(given.shape[:2], np.int32)
    level, deviation, n_values, slow = np.full(none.shape, np.nan, np.float32), none.astype(np.float32), none, none
    if residual is not None:
        present = np.isfinite(residual)
        level, off = _location(np.where(present, residual, np.float32(0)), present, yardstick.scale)
        deviation, n_values = _deviation(off, present, yardstick.scale)
        slow = _slow_runs(off, present, yardstick.profile[:, time_of_day] * yardstick.tail_limit[:, None])
    if failed is None:
        return Bins(level, deviation, n_values, slow, none.astype(np.float32), none, none - 1)
    is_incident = _is_incident(level.astype(np.float64), yardstick.level_scale, yardstick.profile.shape[1])
    return Bins(level, deviation, n_values, slow, *_failures(failed, is_incident))


def _slow_runs(deviation: Float32Array, present: BoolArray, limit: FloatArray) -> CountArray:
    """Runs of values beyond the limit, counted where they begin, after a usual value: an incident is one run, also if checks fail in it.

    References
    ----------
    Ferro & Segers (2003), Inference for clusters of extreme values, JRSS B 65(2), on why clusters are counted.
    """
    slow = ((deviation > limit[..., None].astype(np.float32)) & present).reshape(len(present), -1)
    usual = present.reshape(slow.shape) & ~slow
    slow[:, 1:] &= usual[:, :-1]
    return slow.reshape(present.shape).sum(axis=2, dtype=np.int32)


def _is_incident(level: FloatArray, scale: FloatArray, day: int) -> BoolArray:
    """Bins with answers far slower than usual, unless most bins of the last day are: then it is no incident but the way things are."""
    with np.errstate(invalid="ignore"):
        far = level > INCIDENT * scale[:, None]
    before = np.cumsum(np.pad(far, ((0, 0), (day, 0))), axis=1, dtype=np.int64)
    return far & (2 * (before[:, day:] - before[:, :-day]) <= day)


def _failures(failed: Float32Array, is_incident: BoolArray) -> tuple[Float32Array, CountArray, CountArray]:
    """Sum of failed shares in each bin, steps with checks, where failures begin; an incident of slow answers owns the failures in it."""
    checked = np.isfinite(failed)
    n = checked.sum(axis=2, dtype=np.int32)
    total = np.where(checked, failed, 0).sum(axis=2, dtype=np.float64)
    failing = (total > 0) & ~is_incident
    begins = failing.copy()
    begins[:, 1:] &= ~failing[:, :-1]
    return total.astype(np.float32), n, np.where((n > 0) & ~is_incident, begins, -1).astype(np.int32)
