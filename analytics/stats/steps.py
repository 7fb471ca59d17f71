"""Where the same time of the days before lies among the columns that are remembered of a series, on the local clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.stats import rest, trailing
from analytics.stats.past import Past

__all__ = ["COURSE_DAYS", "DAY_S", "HOUR_S", "SPREAD_STEPS", "Steps", "n_patches", "steps_of"]

IntArray = npt.NDArray[np.int64]

DAY_S, HOUR_S = 86_400, 3600
COURSE_DAYS = 7
"""Days that the course of the day is the median of: three may be wrong."""
CLOCK_H = 3
"""What a clock may be put back by, and the same time of a week ago still be found, h."""
SPREAD_STEPS = 24
"""Number of residuals behind a local spread: the standard error of a mean absolute deviation of 24 normal values is 15 %."""
PATCH = 4
"""Steps after which the spread of a time of the day is looked at again, a few of those behind it: it is remembered for a week."""


@dataclass(frozen=True)
class Steps:
    """Steps in a day and in an hour, and where what came before these columns lies.

    Attributes
    ----------
    first : number of the first column
    ago : int array, shape (n_times, COURSE_DAYS); columns of the same time of the days before, among those of a week before and these
    ends : columns that end a patch of `PATCH` steps
    patches : int array, shape (n_times, COURSE_DAYS); the same as `ago` among the patches of a week before and of these columns
    by_kind : the same as `ago` by the kind of the day; None without a calendar
    """

    day: int
    hour: int
    first: int
    ago: IntArray
    ends: IntArray
    patches: IntArray
    by_kind: rest.References | None

    @property
    def week(self) -> int:
        """Columns of a week and what the clock may be put back by."""
        return _week(self.day, self.hour)


def _week(day: int, hour: int) -> int:
    return max(COURSE_DAYS * day + CLOCK_H * hour, SPREAD_STEPS)


def steps_of(local_step: IntArray, step_s: int, past: Past, days: rest.Days | None = None) -> Steps:
    """Steps of some columns, by the numbers of their steps on the local clock; `past` moves on."""
    day, hour = (max(1, round(length / step_s)) for length in (DAY_S, HOUR_S))
    n_times, first, n = len(local_step), past.passed(len(local_step)), _week(day, hour)
    # Before the first column there is nothing, wherever the clock then stood.
    local = np.concatenate([past.shared("local", local_step[0] - np.arange(n, 0, -1)), local_step])
    past.share("local", local[n_times:])
    wanted = local_step[:, None] - day * np.arange(1, COURSE_DAYS + 1)
    column = np.arange(n_times)
    ago = trailing.places(local, wanted, known=n + column, width=n)
    by_kind = None if days is None else rest.references(ago, days, width=n, past=past)
    if by_kind is not None:
        ago = by_kind.ordinary
    ends = np.flatnonzero((first + column + 1) % PATCH == 0)
    width = n_patches(n)
    patch = np.concatenate([past.shared("patch", local_step[0] // PATCH - np.arange(width, 0, -1) - 1), local_step[ends] // PATCH])
    past.share("patch", patch[len(ends) :])
    known = width + np.searchsorted(ends, column)
    patches = trailing.places(patch, (wanted + SPREAD_STEPS // 2) // PATCH, known=known, width=width)
    return Steps(day, hour, first, ago, ends, patches, by_kind)


def n_patches(week: int) -> int:
    """Patches that are remembered of so many columns."""
    return -(-week // PATCH) + 1
