"""The history of some series as a chain of weeks: each names all that its week adds, so that what is known of the past is kept.

A week that has not changed is not computed again; the newest one usually is not over yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, store
from analytics.baseline import follow
from analytics.calendars import DAY_MS, Clock
from analytics.expected import Kind
from analytics.panel import FIRST_MONDAY_MS, WEEK_MS, Panel, PanelRef, to_ms, week_start

__all__ = ["BORN_DAYS", "Reader", "Scale", "Week", "weeks"]

IntArray = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]

BLOCKS = 4
"""Blocks of services on a grid of 5 minutes that are followed together, on coarser grids more: few values cost as much as many, and the
channels of many take memory."""

BORN_DAYS = 7
"""Age at which a series is judged first: a week is the least that holds a weekend."""


@dataclass(frozen=True)
class Scale:
    """What series have in common that are judged together: scale and clock."""

    kind: Kind
    zone: str
    holidays: str


@dataclass(frozen=True)
class Week:
    """One ISO week of some series on one grid, and where all that came before it lies. Steps are counted from the first Monday of 1970.

    Attributes
    ----------
    key : text that changes with the values of this week
    refs : the panels from their beginning to the end of this week
    origin, start, end : steps; of the first day, of the week, and up to where there are data in it
    masks : stretches up to its end that are not judged: service, region (empty: all), start_ms, end_ms
    accepted : changes that were accepted by then: series_id, since when they are there (start), from when on what came since is their
        reference (step: accepted, and a week old)
    places : zone and calendar of holidays by region
    """

    key: str
    refs: tuple[PanelRef, ...]
    origin: int
    start: int
    end: int
    masks: pd.DataFrame
    accepted: pd.DataFrame
    places: dict[str, tuple[str, str]]

    @property
    def step_s(self) -> int:
        return self.refs[0].step_s

    @property
    def per_day(self) -> int:
        """Steps of a day."""
        return DAY_MS // (self.step_s * 1000)

    def time_ms(self, step: int) -> int:
        """When a step begins."""
        return FIRST_MONDAY_MS + step * self.step_s * 1000

    def series(self) -> pd.DataFrame:
        """The series of all panels, one after the other, with the step of the midnight before each begins (born)."""
        series = pd.concat([ref.series for ref in self.refs], ignore_index=True)
        since = np.array([to_ms(time) for time in series["first"]], np.int64) - FIRST_MONDAY_MS
        return series.assign(born=since // DAY_MS * self.per_day)

    def load(self, begin: int, end: int) -> Panel:
        """All panels as one, from step to step."""
        cut = [replace(ref, start_ms=self.time_ms(begin), end_ms=self.time_ms(end)) for ref in self.refs]
        parts = [ref.load() for ref in cut]
        values, n_checks = (np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "n_checks"))
        return Panel(pd.concat([ref.series for ref in cut], ignore_index=True), parts[0].start_ms, self.step_s, values, n_checks)


def weeks(
    refs: Iterable[PanelRef], masks: pd.DataFrame, accepted: pd.DataFrame, places: dict[str, tuple[str, str]], *, now_ms: int
) -> list[list[Week]]:
    """The chain of weeks of each bundle of blocks.

    Parameters
    ----------
    masks : service, region (None: all), start_ms, end_ms
    accepted : series_id, since when they are there (`start`), when they were accepted (`time`)
    """
    bundles: dict[tuple[int, int], list[PanelRef]] = {}
    for ref in refs:
        plain = replace(ref, series=ref.series[[*follow.KEYS, "first"]], end_ms=min(ref.end_ms, now_ms))
        if plain.start_ms < plain.end_ms:
            bundles.setdefault((ref.block // (BLOCKS * max(1, ref.step_s // 300)), ref.step_s), []).append(plain)
    return [_chain(bundle, masks, accepted, places) for bundle in bundles.values()]


def _chain(refs: list[PanelRef], masks: pd.DataFrame, accepted: pd.DataFrame, places: dict[str, tuple[str, str]]) -> list[Week]:
    step_ms = refs[0].step_s * 1000
    first_ms, end_ms = min(ref.start_ms for ref in refs) // DAY_MS * DAY_MS, max(ref.end_ms for ref in refs)
    services = {name for ref in refs for name in ref.series["service"]}
    concerned = masks[masks["service"].isna() | masks["service"].isin(services)]
    decided = _decided(refs, accepted, (first_ms - FIRST_MONDAY_MS) // step_ms)
    begins = [np.array([to_ms(time) for time in ref.series["first"]], np.int64) for ref in refs]
    files: list[tuple[Path, ...]] = [() for _ in refs]
    # Frames that are those of the week before are the same object: each is told once by those who name a week.
    begun = [replace(ref, series=ref.series[:0]) for ref in refs]
    known = concerned[:0]
    found = []
    for monday in range(week_start(first_ms), end_ms, WEEK_MS):
        until = min(monday + WEEK_MS, end_ms)
        begun = [_begun(*of_one, until) for of_one in zip(refs, begins, begun, strict=True)]
        known = _known(concerned, known, until)
        new = [store.cut(ref, monday, until) for ref in begun]
        files = [(*earlier, *ref.files) for earlier, ref in zip(files, new, strict=True)]
        # A key that changes with this week only: the weeks before have links of their own.
        key = "+".join(ref.key for ref in new)
        whole = [replace(ref, key=key, files=all_of, start_ms=first_ms) for ref, all_of in zip(new, files, strict=True)]
        first, start, end = ((time - FIRST_MONDAY_MS) // step_ms for time in (first_ms, max(monday, first_ms), until))
        found.append(
            Week(
                key, tuple(ref for ref in whole if len(ref.series)), first, start, end,
                known, decided[decided["step"] < end].reset_index(drop=True), places,
            )
        )  # fmt: skip
    return found


def _begun(ref: PanelRef, begins: IntArray, before: PanelRef, until_ms: int) -> PanelRef:
    """The panel with the series that have begun by then, a week later than `before`: those to come do not change the past."""
    has_begun = begins < until_ms
    if has_begun.all():
        return ref
    return before if has_begun.sum() == len(before.series) else replace(ref, series=ref.series[has_begun].reset_index(drop=True))


def _known(masks: pd.DataFrame, before: pd.DataFrame, until_ms: int) -> pd.DataFrame:
    """Masks that have begun by then, those that go on up to then; `before` if they are those of the week before."""
    begun = masks[masks["start_ms"].to_numpy() < until_ms]
    ends = np.minimum(begun["end_ms"].to_numpy(), until_ms)
    if len(begun) == len(before) and (ends == before["end_ms"].to_numpy()).all():
        return before
    return begun.assign(end_ms=ends).reset_index(drop=True)


def _decided(refs: list[PanelRef], accepted: pd.DataFrame, origin: int) -> pd.DataFrame:
    """Accepted changes of the series, as steps."""
    step_ms = refs[0].step_s * 1000
    ours = accepted[accepted["series_id"].isin({name for ref in refs for name in ref.series["series_id"]})]
    start, step = (np.array([-((FIRST_MONDAY_MS - to_ms(time)) // step_ms) for time in ours[name]], np.int64) for name in ("start", "time"))
    start = np.maximum(start, origin)
    week_old = start + BORN_DAYS * DAY_MS // step_ms
    return pd.DataFrame({"series_id": ours["series_id"].to_numpy(object), "start": start, "step": np.maximum(step, week_old)})


class Reader:
    """Values of the series of a week and of what came before; what was asked for is kept, since neighbours ask for the same steps."""

    def __init__(self, week: Week) -> None:
        self.week = week
        self.series = week.series()
        self._row_of = {name: row for row, name in enumerate(self.series["series_id"])}
        self._ref_of = np.repeat(np.arange(len(week.refs)), [len(ref.series) for ref in week.refs])
        self._panel: Panel | None = None
        self._distant: tuple[tuple[int, int, bytes], Panel] | None = None
        self._begin = 0
        self._clocks: dict[tuple[Scale, int, int], Clock] = {}

    def scales(self, series: pd.DataFrame) -> Iterable[tuple[Scale, pd.DataFrame]]:
        """Series by what they have in common."""
        for group in follow.groups(series, self.week.places):
            yield Scale(group.kind, group.zone, group.holidays), series.iloc[group.rows]

    def clock(self, scale: Scale, begin: int, end: int) -> Clock:
        """What the steps read on the clocks of the region."""
        asked = (replace(scale, kind="linear"), begin, end)
        if asked not in self._clocks:
            start_ms, step_s = self.week.time_ms(begin), self.week.step_s
            self._clocks[asked] = calendars.clock(start_ms, end - begin, step_s=step_s, zone=scale.zone, holidays=scale.holidays)
        return self._clocks[asked]

    def values(self, names: npt.NDArray[np.object_], scale: Scale, begin: int, end: int) -> tuple[Float32Array, npt.NDArray[np.int32]]:
        """Values of some series from step to step, NaN where they are masked, and the checks behind them."""
        panel, rows, first = self._loaded(np.array([self._row_of[name] for name in names], np.int64), begin, end)
        here = slice(begin - first, end - first)
        n_checks = panel.n_checks[rows, here]
        mine = Panel(panel.series.iloc[rows], self.week.time_ms(begin), self.week.step_s, panel.values[rows, here], n_checks)
        clock = self.clock(scale, begin, end)
        cells = follow.masked_cells(mine, clock, self.week.masks)
        if cells.any():
            masked = np.repeat(cells, clock.steps_per_cell, axis=1)[:, clock.lead : clock.lead + end - begin]
            mine.values[masked] = np.nan
        # A holiday is no change: its like comes back next year.
        mine.values[:, clock.is_holiday] = np.nan
        return mine.values, n_checks

    def _loaded(self, rows: IntArray, begin: int, end: int) -> tuple[Panel, IntArray, int]:
        """A panel that holds these steps of some series, their rows in it, and its first step."""
        if end <= self.week.start - self.week.per_day:
            return self._of_long_ago(rows, begin, end)
        if self._panel is None or begin < self._begin or end > self._begin + self._panel.values.shape[1]:
            self._panel, self._begin = self.week.load(begin, self.week.end), begin
        return self._panel, rows, self._begin

    def _of_long_ago(self, rows: IntArray, begin: int, end: int) -> tuple[Panel, IntArray, int]:
        """The same of a stretch that only those ask for who look for creep: the same one several times, of few panels."""
        refs = np.unique(self._ref_of[rows])
        asked = (begin, end, refs.tobytes())
        if self._distant is None or self._distant[0] != asked:
            self._distant = asked, replace(self.week, refs=tuple(self.week.refs[ref] for ref in refs)).load(begin, end)
        before = np.cumsum(np.isin(self._ref_of, refs)) - 1
        return self._distant[1], before[rows], begin
