"""By what spread a residual is judged, known before it: robust, local in time and by the time of the day."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from analytics.stats import robust, trailing
from analytics.stats.past import Past, pieces
from analytics.stats.steps import SPREAD_STEPS, Steps, n_patches

__all__ = ["FEW", "after_gap", "spread"]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

FEW = 12
"""Residuals from which a spread is known well enough to judge by."""
MEAN_DEVIATION = 1.2533
"""Standard deviation over mean absolute deviation of a normal variable."""
BOUND = 4.0
"""Residuals count in the local spread up to so many spreads of the week: an event must not hide the next one. A missing value counts as
that: where values pause something is wrong more often than not, and without it what comes after gaps was told three times as often."""
WEEK_PART, NEAR_PART, TIME_PART, HEAVY_PART = 0.5, 0.7, 0.8, 0.25
"""Parts of the spreads of the last week, the last hours, this time of the day, and of the mean size of residuals (large where most are
nothing and some are huge), of which the largest is taken. Below 1, as the largest of several estimates is too large on average."""


def spread(residual: FloatArray, steps: Steps, past: Past, is_open: BoolArray | None = None) -> FloatArray:
    """Spread known before each point: the largest of those of the last week, the last hours and this time of the day.

    On open days residuals are smaller than elsewhere, as the nearest of what may be usual is taken: they count at least as typical ones.
    """
    size = np.abs(residual)
    is_open = None if is_open is None or not is_open.any() else is_open
    plain = size if is_open is None else np.where(is_open, np.nan, size)
    is_known = _count_before(plain, past) >= FEW
    week = robust.NORMAL_CONSISTENCY * _week_median(plain, steps, past)
    mean, middle = size, size
    if is_open is not None:
        mean, middle = (np.where(is_open, np.fmax(size, week / one), size) for one in (MEAN_DEVIATION, robust.NORMAL_CONSISTENCY))
    near = MEAN_DEVIATION * trailing.fading_mean(np.fmin(mean, BOUND * week), 2 * SPREAD_STEPS, past.part("near"))[:, :-1]
    heavy = MEAN_DEVIATION * trailing.fading_mean(mean, 7 * max(steps.day, FEW), past.part("heavy"))[:, :-1]
    by_time = robust.NORMAL_CONSISTENCY * _patches(middle, steps, past)
    local = np.where(is_known, np.fmax(NEAR_PART * near, HEAVY_PART * heavy), np.nan)
    return np.fmax(np.fmax(WEEK_PART * week, TIME_PART * by_time), local)


def _count_before(values: FloatArray, past: Past) -> FloatArray:
    """How many values were present before each."""
    before = past.array("count", np.zeros((len(values), 1)))
    count = before + np.cumsum(np.isfinite(values), axis=1)
    past.keep("count", count[:, -1:])
    return np.concatenate([before, count[:, :-1]], axis=1)


def _week_median(size: FloatArray, steps: Steps, past: Past) -> FloatArray:
    """Median of the last week, as that of the medians of its halves of days; NaN where it is known of few values."""
    found = np.empty(size.shape)
    block = max(FEW, steps.day // 2)
    none = np.full((len(size), 7 * max(steps.day, FEW) // block), np.nan, np.float32)
    for start, stop, begun in pieces(steps.first, size.shape[1], block):
        medians, counts = past.array("medians", none), past.array("counts", np.zeros_like(none))
        known = counts.sum(axis=1) >= FEW
        found[:, start:stop] = np.where(known, robust.median(medians), np.nan)[:, None]
        over = past.finished("half", size[:, start:stop].astype(np.float32), begun, block)
        if over is not None:
            past.pushed("medians", robust.median(over), none)
            past.pushed("counts", np.isfinite(over).sum(axis=1), np.zeros_like(none))
    return found


def _patches(size: FloatArray, steps: Steps, past: Past) -> FloatArray:
    """Median of this time of the last days, known in patches: of each the median of the steps about it."""
    whole = past.joined("recent", size.astype(np.float32), SPREAD_STEPS - 1)
    windows = sliding_window_view(whole, SPREAD_STEPS, axis=1)[:, steps.ends]
    medians = past.joined("patches", robust.median(windows), n_patches(steps.week))
    return trailing.median_at(medians, steps.patches)


def after_gap(values: FloatArray, scale: FloatArray, far: FloatArray, past: Past) -> FloatArray:
    """Scale of a forecast from the last present value: over a gap it grows like a random walk until it is that of the course of the day."""
    present = np.isfinite(values)
    column = np.arange(1, values.shape[1] + 1)
    missing = past.array("missing", np.zeros((len(values), 1)))
    last = np.maximum.accumulate(np.concatenate([-missing, np.where(present, column, -np.inf)], axis=1), axis=1)
    past.keep("missing", column[-1:] - last[:, -1:])
    missing = column - 1 - last[:, :-1]
    return np.where(missing > 0, np.hypot(scale, np.fmin(np.sqrt(missing) * scale, np.fmax(far, scale))), scale)
