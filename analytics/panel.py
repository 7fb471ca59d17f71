"""Many series on one regular grid, and lazy sets of them.

A `Panel` is what numerical code works on: values of shape (n_series, n_times). A `PanelRef` names one that is still on disk, small
enough to hand to a worker; `Panels` is a sequence of them: all data, one partition at a time.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Panel", "PanelRef", "Panels", "to_ms", "week_start"]

Time = TypeVar("Time", int, npt.NDArray[np.int64])
WEEK_MS = 7 * 86_400_000
# 1970-01-05 was the first Monday after the epoch: ISO weeks begin there.
FIRST_MONDAY_MS = 4 * 86_400_000


def week_start(time_ms: Time) -> Time:
    """Start of the ISO week (Monday 00:00 UTC) of a time or of an array of times, in ms since 1970."""
    return (time_ms - FIRST_MONDAY_MS) // WEEK_MS * WEEK_MS + FIRST_MONDAY_MS


@dataclass(frozen=True)
class Panel:
    """Series on one regular grid.

    Attributes
    ----------
    series : frame, one row per series, in the order of the rows of `values` (columns of table `series`)
    start_ms : start of the first step, ms since 1970 UTC
    step_s : time between two steps, s
    values : float32 array, shape (n_series, n_times); NaN is missing, in the unit of each series
    n_checks : int32 array, shape (n_series, n_times); checks or samples behind each value, 0 where it is missing
    """

    series: pd.DataFrame
    start_ms: int
    step_s: int
    values: npt.NDArray[np.float32]
    n_checks: npt.NDArray[np.int32]

    @property
    def times(self) -> npt.NDArray[np.datetime64]:
        """Start of each step, UTC, shape (n_times,)."""
        return (self.start_ms + np.arange(self.values.shape[1], dtype=np.int64) * self.step_s * 1000).astype("datetime64[ms]")

    def select(self, **equal: str | None) -> Panel:
        """The series whose columns equal the given values; None selects all."""
        keep = np.ones(len(self.series), bool)
        for column, value in equal.items():
            if value is not None:
                keep &= (self.series[column] == value).to_numpy()
        return replace(self, series=self.series[keep], values=self.values[keep], n_checks=self.n_checks[keep])

    def between(self, start: pd.Timestamp | None, end: pd.Timestamp | None) -> Panel:
        """The steps that begin in [start, end)."""
        first = 0 if start is None else max(0, -(-(to_ms(start) - self.start_ms) // (self.step_s * 1000)))
        stop = self.values.shape[1] if end is None else max(first, -(-(to_ms(end) - self.start_ms) // (self.step_s * 1000)))
        return replace(
            self,
            start_ms=self.start_ms + first * self.step_s * 1000,
            values=self.values[:, first:stop],
            n_checks=self.n_checks[:, first:stop],
        )

    def frame(self) -> pd.DataFrame:
        """Long table: time, service, region, signal, value, n_checks; missing steps included. For people, not for hot code."""
        n_series, n_times = self.values.shape
        keys = self.series[["service", "region", "signal"]]
        long = keys.loc[keys.index.repeat(n_times)].reset_index(drop=True)
        long.insert(0, "time", pd.to_datetime(np.tile(self.times, n_series)).tz_localize("UTC").as_unit("ms"))
        return long.assign(value=self.values.ravel(), n_checks=self.n_checks.ravel())


@dataclass(frozen=True)
class PanelRef:
    """A panel that is still on disk: one block of services, some weeks, one step.

    Attributes
    ----------
    name : which panels, e.g. "signals"
    block, step_s : which services, which grid
    series : the rows of table `series` of this block and step
    files : path of each week's file, in order of time
    key : hash of the files' contents; results computed from this panel are kept under it
    start_ms, end_ms : what to load, [start, end)
    read : the function that loads it
    """

    name: str
    block: int
    step_s: int
    series: pd.DataFrame
    files: tuple[Path, ...]
    key: str
    start_ms: int
    end_ms: int
    read: Callable[[PanelRef], Panel]

    def load(self) -> Panel:
        return self.read(self)

    @property
    def size(self) -> int:
        """Points in memory once loaded."""
        return len(self.series) * ((self.end_ms - self.start_ms) // (self.step_s * 1000))


class Panels(Sequence[PanelRef]):
    """All panels of one name, lazily: iterate over the partitions and `load` one at a time."""

    def __init__(self, refs: Sequence[PanelRef]) -> None:
        self._refs = list(refs)

    @overload
    def __getitem__(self, index: int) -> PanelRef: ...
    @overload
    def __getitem__(self, index: slice) -> Panels: ...
    def __getitem__(self, index: int | slice) -> PanelRef | Panels:
        return Panels(self._refs[index]) if isinstance(index, slice) else self._refs[index]

    def __len__(self) -> int:
        return len(self._refs)

    def __iter__(self) -> Iterator[PanelRef]:
        return iter(self._refs)

    @property
    def size(self) -> int:
        return sum(ref.size for ref in self._refs)

    @property
    def end(self) -> pd.Timestamp | None:
        """End of the newest step, the `now` of everything computed from these panels; None when there are none."""
        return None if not self._refs else pd.Timestamp(max(ref.end_ms for ref in self._refs), unit="ms", tz="UTC")

    def select(self, **equal: str | None) -> Panels:
        """The partitions that hold a series with these keys (service, region, signal), reduced to these series."""
        refs = []
        for ref in self._refs:
            keep = np.ones(len(ref.series), bool)
            for column, value in equal.items():
                if value is not None:
                    keep &= (ref.series[column] == value).to_numpy()
            if keep.any():
                refs.append(replace(ref, series=ref.series[keep]))
        return Panels(refs)

    def of(self, *, service: str | None, region: str | None) -> Panels:
        """What somebody has asked for by name; None asks for all.

        Raises
        ------
        ValueError
            If nothing of that name was measured.
        """
        found = self.select(service=service, region=region)
        if len(found) or not len(self):
            return found
        for column, name in (("service", service), ("region", region)):
            known = sorted({str(value) for ref in self._refs for value in ref.series[column]})
            if name is not None and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise ValueError(
                    f"no {column} is called '{name}'; " + (f"did you mean '{near[0]}'?" if near else f"there are {len(known)}")
                )
        raise ValueError(f"service '{service}' is not measured in region '{region}'")

    def between(self, start: pd.Timestamp | None, end: pd.Timestamp | None) -> Panels:
        """The partitions reduced to the steps in [start, end)."""
        cut = [
            replace(
                ref,
                start_ms=ref.start_ms if start is None else max(ref.start_ms, _next_step(to_ms(start), ref.step_s)),
                end_ms=ref.end_ms if end is None else min(ref.end_ms, _next_step(to_ms(end), ref.step_s)),
            )
            for ref in self._refs
        ]
        return Panels([ref for ref in cut if ref.start_ms < ref.end_ms])

    def frame(self) -> pd.DataFrame:
        """All of it as one long table; for a few series, not for all data."""
        frames = [ref.load().frame() for ref in self._refs]
        return (
            pd.concat(frames, ignore_index=True)
            if frames
            else pd.DataFrame(columns=["time", "service", "region", "signal", "value", "n_checks"])
        )


def _next_step(time_ms: int, step_s: int) -> int:
    """First step that begins at or after a time; steps are counted from midnight UTC."""
    return -(-time_ms // (step_s * 1000)) * step_s * 1000


def to_ms(time: pd.Timestamp) -> int:
    """Milliseconds since 1970 of a time; `Timestamp.value` is in ns whatever the unit of the time is."""
    return int(time.value // 1_000_000)
