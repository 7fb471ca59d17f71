"""How unlike anything seen before the course of the last hours is: the distance from it to the most similar one of the days before.

What is seen for the second time is no longer new, whatever it is: nothing is learnt but what has been.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from analytics.stats import trailing
from analytics.stats.past import Past, pieces

__all__ = ["distances", "reach"]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

DAY_S = 86_400
PIECE_S = 1200
"""Length of a piece, of at least one step: means of 20 minutes tell shapes of hours apart, and single odd values hardly change them."""
PIECES = 24
"""Pieces of a course: eight hours, a day of hourly values. Of 4, 8 and 12 hours eight ranked the events of the development series best."""
DAYS, COURSES = 8, 8
"""Days that are remembered, so that a weekly course is met again; of coarse values as many courses."""
HALF_LIFE_S, HALF_LIFE_PIECES = 4 * 3600, 4
"""Age by which a piece counts half: an event that is over is soon forgotten."""
SPREAD_DAYS = 3.0
"""Half-life of the spread in which distances are told, in days; of coarse values that of a course."""
MEAN_DEVIATION = 1.2533
"""Standard deviation over mean absolute deviation of a normal variable."""
FEW = 12
"""Courses that must be known: with fewer nearly everything is new."""

LEVELS, MOST = 16, 255
"""Levels to a spread that values are rounded to, and the largest: products of whole numbers add up to the same number in any order, below
2 ** 24 even in 32 bits. Values 16 spreads off are as far as any."""
WEIGHT = 8
"""Weight of the newest piece, as a whole number."""
CELLS = 1_000_000
"""Distances looked at together: 4 MB."""


def reach(step_s: int) -> int:
    """Columns of a course."""
    return PIECES * _piece(step_s)


def _piece(step_s: int) -> int:
    return max(1, round(PIECE_S / step_s))


def distances(filled: FloatArray, off: FloatArray, level: FloatArray, *, least: float, step_s: int, past: Past) -> FloatArray:
    """Distance of the course up to each column to the nearest one that was over by the begin of its quarter of a day, in spreads.

    It is looked at when a piece is over: hours hardly change within one, and a column in between tells what was known then.
    The distance is the root of the weighted mean square difference of the pieces; the spread is the mean size of the deviations from the
    level of the last day.

    Parameters
    ----------
    filled : float array, shape (n_series, reach(step_s) - 1 + n_times)
        Values without gaps, from before the first column on; NaN before a series begins.
    off, level : float arrays, shape (n_series, n_times)
        Deviation of the values from their level, and the level, as they were known at each column.
    least : smallest spread, as a share of the level

    Returns
    -------
    float array, shape (n_series, n_times); NaN where too little is known

    References
    ----------
    Yeh et al. (2016), Matrix profile I: all pairs similarity joins for time series, ICDM (nearest neighbours of subsequences, there of
    equal mean and variance).
    """
    size, n_times = _piece(step_s), off.shape[1]
    means = trailing.mean([filled[:, first : filled.shape[1] - size + 1 + first] for first in range(size)]).astype(np.float32)
    spread = MEAN_DEVIATION * trailing.fading_mean(np.abs(off), max(SPREAD_DAYS * DAY_S / step_s, PIECES), past)
    found, weights = np.empty(off.shape), _weights(step_s)
    none = np.full((len(off), _remembered(step_s)), np.nan, np.float32)
    for start, stop, begun in pieces(past.passed(n_times), n_times, _block(step_s)):
        if begun == 0:
            middle = np.where(np.isfinite(level[:, start]), level[:, start], past.array("middle", np.full(len(off), np.nan)))
            past.keep("middle", middle)
            past.keep("unit", np.fmax(spread[:, start], least * np.abs(middle)) + np.finfo(np.float32).tiny)
        known = past.array("pieces", none)
        ends = np.flatnonzero((begun + np.arange(stop - start) + 1) % size == 0)
        # The distance that was known before, and those of the pieces that are over by each column.
        last = past.array("last", np.full((len(off), 1), np.nan))
        course = means[:, start + ends[:, None] + size * np.arange(PIECES)]
        whole = np.concatenate([last, _nearest(known, course, weights, past)], axis=1)
        found[:, start:stop] = whole[:, np.searchsorted(ends, np.arange(stop - start), side="right")]
        past.keep("last", whole[:, -1:])
        over = past.finished("block", means[:, start + (PIECES - 1) * size : stop + (PIECES - 1) * size], begun, _block(step_s))
        if over is not None:
            past.keep("pieces", np.concatenate([known, over[:, size - 1 :: size]], axis=1)[:, -known.shape[1] :])
    return found


def _block(step_s: int) -> int:
    """Columns of a quarter of a day, a whole number of pieces."""
    return max(1, DAY_S // 4 // step_s // _piece(step_s)) * _piece(step_s)


def _remembered(step_s: int) -> int:
    """Number of pieces that are remembered."""
    return max(DAYS * DAY_S // (_piece(step_s) * step_s), COURSES * PIECES) + PIECES - 1


def _weights(step_s: int) -> FloatArray:
    """Weights of the pieces of a course, the oldest first."""
    half_life = max(HALF_LIFE_S / (_piece(step_s) * step_s), HALF_LIFE_PIECES)
    return np.rint(WEIGHT * 0.5 ** (np.arange(PIECES)[::-1] / half_life)).astype(np.float32)


def _nearest(known: FloatArray, course: FloatArray, weights: FloatArray, past: Past) -> FloatArray:
    """Distance of each course, shape (n_series, n_courses, PIECES), to the nearest known one, shape (n_series, n_courses)."""
    middle, unit = (past.array(name, np.full(len(known), np.nan)) for name in ("middle", "unit"))
    seen = _rounded(known, middle[:, None], unit[:, None])
    course = _rounded(course, middle[:, None, None], unit[:, None, None])
    found = np.empty(course.shape[:2])
    at_once = max(1, CELLS // (seen.shape[1] * max(PIECES, course.shape[1])))
    for first in range(0, len(known), at_once):
        rows = slice(first, first + at_once)
        found[rows] = _least(seen[rows], course[rows], weights)
    return found


def _rounded(values: FloatArray, middle: FloatArray, unit: FloatArray) -> FloatArray:
    """Values as whole numbers of levels; NaN stays."""
    with np.errstate(over="ignore"):
        return np.clip(np.rint((values - middle) / unit * LEVELS), -MOST, MOST).astype(np.float32)


def _least(seen: FloatArray, course: FloatArray, weights: FloatArray) -> FloatArray:
    """Least distance of each course, shape (n_series, n_courses, PIECES), to one of consecutive pieces of what was seen."""
    known, is_known, norm = _consecutive(seen, weights)
    is_there = np.isfinite(course)
    course = np.where(is_there, course, np.float32(0))
    # (a - b) ** 2 = a ** 2 + b ** 2 - 2 a b, of which a product of matrices does most.
    both = (course * (-2 * weights)) @ np.swapaxes(known, 1, 2)
    both += np.where(is_known, norm, np.inf)[:, None, :]
    least = np.maximum(both.min(axis=2) + (course * course * weights).sum(axis=2), 0)
    is_found = is_there.all(axis=2) & (is_known.sum(axis=1) >= FEW)[:, None]
    return np.where(is_found, np.sqrt(least / weights.sum(dtype=np.float64)) / LEVELS, np.nan)


def _consecutive(seen: FloatArray, weights: FloatArray) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Courses of consecutive pieces, (n_series, n_courses, PIECES); whether all are there; weighted sums of their squares."""
    is_there, n = np.isfinite(seen), seen.shape[1] - PIECES + 1
    seen = np.where(is_there, seen, np.float32(0))
    squares, norm, is_whole = seen * seen, np.zeros((len(seen), n), np.float32), np.ones((len(seen), n), bool)
    for piece, weight in enumerate(weights):
        norm += weight * squares[:, piece : piece + n]
        is_whole &= is_there[:, piece : piece + n]
    return np.ascontiguousarray(sliding_window_view(seen, PIECES, axis=1)), is_whole, norm
