"""What is remembered of some series from one stretch of columns to the next, so that a result does not depend on how they are cut.

A function that looks back takes a `Past` and asks it by name: for the columns before (`joined`), for the block that is not over yet
(`finished`), for running sums (`array`, `keep`). A fresh `Past` remembers nothing: missing columns are NaN, sums are 0. It moves on as a
random generator does; a `State` is what it has come to, in plain arrays, and never changes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Past", "State", "pieces"]

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class State:
    """What is remembered after a column.

    Attributes
    ----------
    by_series : arrays by name, shape (n_series, ...)
    first : what each was before the first column, shape (1, ...)
    shared : arrays that all series have in common
    """

    by_series: dict[str, Array]
    first: dict[str, Array]
    shared: dict[str, Array]

    def rows(self, rows: IntArray) -> State:
        """The state of these series; -1 is one of which nothing is known yet."""
        picked = {name: np.concatenate([one, self.first[name]])[rows] for name, one in self.by_series.items()}
        return State(picked, self.first, self.shared)

    @property
    def bytes_per_series(self) -> float:
        """Size in memory."""
        return float(sum(one.nbytes / max(1, len(one)) for one in self.by_series.values()))


class Past:
    """What is remembered, by name; reading a name and keeping another value for it moves it on."""

    def __init__(self, before: State | None = None) -> None:
        parts: tuple[dict[str, Array], ...] = ({}, {}, {}) if before is None else (before.by_series, before.first, before.shared)
        self._by_series, self._first, self._shared = (dict(part) for part in parts)
        self._prefix = ""

    def part(self, name: str) -> Past:
        """The same past, in which names have a meaning of their own."""
        part = copy.copy(self)
        part._prefix = f"{self._prefix}{name}."
        return part

    def state(self) -> State:
        """What is remembered now."""
        return State(dict(self._by_series), dict(self._first), dict(self._shared))

    def array(self, name: str, first: Array) -> Array:
        """What is remembered of each series; `first`, the same for all of them, where nothing is."""
        self._first.setdefault(self._prefix + name, first[:1])
        return self._by_series.get(self._prefix + name, first)

    def keep(self, name: str, value: Array) -> None:
        """Remember an array, shape (n_series, ...)."""
        # Not a view: it would hold all that it was cut from.
        self._by_series[self._prefix + name] = np.array(value, order="C")

    def shared(self, name: str, first: Array) -> Array:
        """What is remembered of all series together; `first` where nothing is."""
        return self._shared.get(self._prefix + name, first)

    def share(self, name: str, value: Array) -> None:
        """Remember an array that all series have in common."""
        self._shared[self._prefix + name] = np.array(value, order="C")

    def passed(self, n_times: int) -> int:
        """How many columns there were before these."""
        before = int(self.shared("passed", np.array(0)))
        self.share("passed", np.array(before + n_times))
        return before

    def joined(self, name: str, new: FloatArray, n: int, *, missing: float = np.nan) -> FloatArray:
        """The last `n` columns before, and the new ones, shape (n_series, n + n_times); then the last `n` of these are remembered."""
        whole = np.concatenate([self.array(name, np.full((len(new), n), missing, new.dtype)), new], axis=1)
        self.keep(name, whole[:, whole.shape[1] - n :])
        return whole

    def finished(self, name: str, new: FloatArray, begun: int, length: int) -> FloatArray | None:
        """The block of `length` columns that the new ones finish, of which there were `begun` before; None while it is not over."""
        block = self.array(name, np.full((*new.shape[:-1], length), np.nan, new.dtype)).copy()
        end = begun + new.shape[-1]
        block[..., begun:end] = new
        self.keep(name, block if end < length else np.full_like(block, np.nan))
        return block if end == length else None

    def pushed(self, name: str, new: Array, first: Array) -> None:
        """Remember one more of as many as `first` has along its second axis, and forget the oldest."""
        before = self.array(name, first)
        self.keep(name, np.concatenate([before[:, 1:], new[:, None].astype(before.dtype)], axis=1))


def pieces(passed: int, n_times: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Begin and end of the pieces of some columns that lie in one block of `length` each, and how many of its columns came before."""
    start = 0
    while start < n_times:
        begun = (passed + start) % length
        stop = min(n_times, start + length - begun)
        yield start, stop, begun
        start = stop
