"""What is usual on a holiday and the day after it, which the same time of the seven days before does not say.

Nobody knows beforehand how much a service keeps a holiday: not at all, like a Sunday, something in between. So whatever lies between what
is usual on working days and what was seen on the days of rest of the last week is usual. A service without a weekly course has hardly
anything between them, and is judged as on any day. On the day after the last days of its own kind say what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.stats import trailing
from analytics.stats.past import Past

__all__ = ["Days", "Nearest", "References", "bounds", "nearest", "references"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Days:
    """Kind of the local day that each column lies in; arrays of shape (n_times,).

    Attributes
    ----------
    is_rest : on a weekend or a holiday
    is_odd : on a holiday, the day after one or a bridge between days of rest
    is_open : nobody knows whether it will be like a working day or like a day of rest
    is_near : so near to an odd day, up to a day before it and a week after it, that what is usual by the kind of the day is asked for
    """

    is_rest: BoolArray
    is_odd: BoolArray
    is_open: BoolArray
    is_near: BoolArray

    def at(self, columns: IntArray | slice) -> Days:
        """Those of some columns."""
        return Days(**{part.name: getattr(self, part.name)[columns] for part in fields(self)})

    def after(self, before: Days) -> Days:
        """Those of columns before, and these."""
        return Days(**{part.name: np.concatenate([getattr(before, part.name), getattr(self, part.name)]) for part in fields(self)})

    @classmethod
    def remembered(cls, name: str, n: int, past: Past) -> Days:
        """Those of the `n` columns before; ordinary ones before the first."""
        return cls(**{part.name: past.shared(f"{name}.{part.name}", np.zeros(n, bool)) for part in fields(cls)})

    def remember(self, name: str, past: Past) -> None:
        """For the next columns."""
        for part in fields(self):
            past.share(f"{name}.{part.name}", getattr(self, part.name))


class References(NamedTuple):
    """Columns of the same time of the last days, by the kind of their days; arrays of shape (n_times, n_days), -1 is none.

    Attributes
    ----------
    days : kind of the day of each column itself
    ordinary : of days that are not odd, or of all where there are no others
    is_left_out : bool array, shape (n_times, n_days); where `ordinary` lacks an odd day
    work, rest : of working days, and of days of rest
    """

    days: Days
    ordinary: IntArray
    is_left_out: BoolArray
    work: IntArray
    rest: IntArray


def references(ago: IntArray, days: Days, *, width: int, past: Past) -> References:
    """Columns of the last days by their kind.

    Parameters
    ----------
    ago : int array, shape (n_times, n_days)
        Columns of the same time of the days before, among `width` ones before and these; -1 is none.
    """
    whole = days.after(Days.remembered("days", width, past))
    whole.at(slice(len(days.is_odd), None)).remember("days", past)
    ordinary = np.where(whole.is_odd[ago], -1, ago)
    ordinary = np.where((ordinary >= 0).any(axis=1, keepdims=True), ordinary, ago)
    work, rest = (np.where(whole.is_rest[ago] == is_rest, ago, -1) for is_rest in (False, True))
    return References(days, ordinary, ordinary != ago, work, rest)


def bounds(recent: FloatArray, values: FloatArray, found: References, *, window: int, past: Past) -> tuple[FloatArray, FloatArray]:
    """Least and largest value that is usual at each column, shape (n_series, n_times) each; NaN where nothing of the kind is known, or
    no odd day is near.

    On a working day the median of those before, twice; on a day of rest from the least to the largest of those before, as a Sunday need not
    be like a Saturday; on an open day both. All are moved by the median of what lay beyond in the last `window` columns.

    Parameters
    ----------
    recent : float array, shape (n_series, n_before + n_times)
        Values without gaps, as `found` numbers them.
    """
    low, high = np.full((2, *values.shape), np.nan)
    near = np.flatnonzero(found.days.is_near)
    if len(near):
        low[:, near], high[:, near] = _of_kind(recent, found, near)
    off = past.joined("off", (values - np.clip(values, low, high)).astype(np.float32), trailing.reach(window) + 1)
    level = trailing.median(off[:, :-1], window) if len(near) else 0.0
    return low + level, high + level


def _of_kind(recent: FloatArray, found: References, columns: IntArray) -> tuple[FloatArray, FloatArray]:
    """Least and largest value that days of their kind had at some columns."""
    is_rest, is_open = found.days.is_rest[columns], found.days.is_open[columns]
    work = np.full((len(recent), len(columns)), np.nan)
    may_work, may_rest = np.flatnonzero(is_open | ~is_rest), np.flatnonzero(is_open | is_rest)
    work[:, may_work] = trailing.median_at(recent, found.work[columns[may_work]])
    there = found.rest[columns[may_rest]]
    seen = np.where(there >= 0, recent[:, there], np.nan)
    low, high = work, work.copy()
    low[:, may_rest] = np.fmin(low[:, may_rest], np.fmin.reduce(seen, axis=2))
    high[:, may_rest] = np.fmax(high[:, may_rest], np.fmax.reduce(seen, axis=2))
    return low, high


class Nearest(NamedTuple):
    """What is usual on holidays and the days after them; arrays of shape (n_series, n_times).

    Attributes
    ----------
    is_odd, is_open : as in `Days`, where anything is known of such days
    usual : of what is usual then what is nearest to each value
    likely, before : the same as it is likely before the value is known, and at the column before
    """

    is_odd: BoolArray
    is_open: BoolArray
    usual: FloatArray
    likely: FloatArray
    before: FloatArray


def nearest(values: FloatArray, recent: FloatArray, found: References, *, window: int, past: Past) -> Nearest:
    """What is usual nearest to each value; in a gap the middle. See `bounds`.

    It is likely to be as it was for the value before, moved as the bounds are. Where a day of another kind begins it may be anywhere
    within them.
    """
    low, high = bounds(recent, values, found, window=window, past=past)
    middle = past.joined("middle", (low + high) / 2, 1)
    usual = np.where(np.isfinite(values), np.clip(values, low, high), middle[:, 1:])
    before = past.joined("nearest", usual, 1)[:, :-1]
    before = np.where(np.isfinite(before), before, usual)
    kinds = np.stack([found.days.is_rest, found.days.is_open])
    before_kinds = np.concatenate([past.shared("kinds", kinds[:, :1]), kinds], axis=1)
    past.share("kinds", before_kinds[:, -1:])
    is_alike = (before_kinds[:, 1:] == before_kinds[:, :-1]).all(axis=0)
    moved = np.clip(before + np.nan_to_num(np.diff(middle, axis=1)), low, high)
    is_odd = found.days.is_odd & np.isfinite(usual)
    return Nearest(is_odd, is_odd & found.days.is_open, usual, np.where(is_alike, moved, usual), before)
