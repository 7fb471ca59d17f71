"""Baselines week by week: each is learnt from the weeks before it, and holds until the next one.

The first ones come when a series is a day and three days old, then one every Monday. None knows anything that was not known when it
began to hold. A window names all that a version depends on, so that what was learnt from a window that has not changed is not learnt
again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, engine, expected, params, store
from analytics.baseline.fit import Learnt, learn
from analytics.calendars import DAY_MS
from analytics.expected import Kind
from analytics.panel import WEEK_MS, Panel, PanelRef, Panels, to_ms, week_start

__all__ = [
    "Group",
    "Version",
    "Window",
    "clock_of",
    "follow",
    "groups",
    "held_cells",
    "in_ms",
    "learn_window",
    "masked_cells",
    "windows",
]

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

YOUNG_DAYS = (1, 3)
"""Ages at which a new series gets a baseline without waiting for Monday: a level, then the hours of the day."""

BLOCKS = 8
"""Blocks of services on a grid of 5 minutes that are learnt together, on coarser grids more: few values cost as much as many."""

QUICKER = 4
"""Points that are learnt from in the time in which others are worked at once: 0.1 µs each. One Monday of 1,800 series takes three seconds,
as long as to start workers for it."""
WINDOW_POINTS = 60_000
"""Points that are worked at in the time that a window costs however little it holds."""

KEYS = ["series_id", "service", "region", "signal"]


@dataclass(frozen=True)
class Window:
    """The history that baselines of some series are learnt from.

    Attributes
    ----------
    key : text that changes with the history
    refs : panels of blocks of services on one grid, up to `valid_from_ms`
    valid_from_ms : when the baselines begin to hold, ms since 1970
    until : int array, shape (n_series,); when each is replaced, ms since 1970; 0: it is the newest
    masks : stretches that must not be learnt from: service, region (empty: all), start_ms, end_ms
    held : the same of single series, in which a change was open: series_id, start_ms, end_ms
    places : zone and calendar of holidays by region
    """

    key: str
    refs: tuple[PanelRef, ...]
    valid_from_ms: int
    until: IntArray
    masks: pd.DataFrame
    held: pd.DataFrame
    places: dict[str, tuple[str, str]]

    @property
    def size(self) -> int:
        """Points of all panels."""
        return sum(ref.size for ref in self.refs)

    @property
    def series(self) -> pd.DataFrame:
        """The series of all panels, one after the other."""
        return pd.concat([ref.series for ref in self.refs], ignore_index=True)

    def load(self) -> Panel:
        """All panels as one."""
        parts = [ref.load() for ref in self.refs]
        values, n_checks = (np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "n_checks"))
        return Panel(self.series, parts[0].start_ms, parts[0].step_s, values, n_checks)


@dataclass(frozen=True)
class Group:
    """Series of a window that are learnt together: same scale, same clock."""

    rows: IntArray
    kind: Kind
    zone: str
    holidays: str


@dataclass(frozen=True)
class Version:
    """What was learnt from a window, group by group; `rows` of a group count the series of the window; `data` is the hash of its values."""

    groups: list[tuple[Group, Learnt]]
    data: str


def follow(found: list[Window], *, workers: int) -> Iterator[tuple[Window, Version]]:
    """Every window with what was learnt from it, in their order."""
    points = sum(window.size // QUICKER + WINDOW_POINTS for window in found)
    yield from zip(found, engine.map(learn_window, found, workers=workers, points=points), strict=True)


def windows(
    signals: Panels, masks: pd.DataFrame, held: pd.DataFrame, regions: pd.DataFrame, *, settings: params.Baseline, now: pd.Timestamp
) -> list[Window]:
    """The histories of all baselines that begin to hold before `now`, in the order of these times.

    Parameters
    ----------
    held : DataFrame
        Columns `series_id, known_ms, until_ms, start_ms, end_ms`: stretches of single series that baselines which begin to hold in
        [known_ms, until_ms) must not learn from.
    """
    places, masks_ms = calendars.places(regions), in_ms(masks, now)
    bundles: dict[tuple[int, int], list[PanelRef]] = {}
    for ref in signals:
        bundles.setdefault((ref.block // (BLOCKS * max(1, ref.step_s // 300)), ref.step_s), []).append(ref)
    found = [window for refs in bundles.values() for window in _of_bundle(refs, masks_ms, held, places, settings, to_ms(now))]
    return sorted(found, key=lambda window: (window.valid_from_ms, window.refs[0].block, window.refs[0].step_s))


def _of_bundle(
    refs: list[PanelRef],
    masks: pd.DataFrame,
    held: pd.DataFrame,
    places: dict[str, tuple[str, str]],
    settings: params.Baseline,
    now_ms: int,
) -> Iterator[Window]:
    first_ms = min(ref.start_ms for ref in refs)
    # Columns that the next day changes (last, n) do not belong to a window of the past.
    series = [ref.series[KEYS] for ref in refs]
    masks, held = _of_services(masks, series), held[_among(held["series_id"], {name for frame in series for name in frame["series_id"]})]
    due = _due(refs, held, settings, now_ms)
    for valid_from in sorted(due):
        # Whole days, so that all blocks are on one grid.
        start = max(valid_from - settings.weeks * WEEK_MS, first_ms // DAY_MS * DAY_MS)
        chosen = [(number, rows, _only(series[number], list(rows))) for number, rows in due[valid_from].items()]
        past = [store.cut(replace(refs[number], series=known), start, valid_from) for number, _, known in chosen]
        until = [end for _, rows, _ in chosen for end in rows.values()]
        concerned = _of_services(masks[(masks["start_ms"] < valid_from) & (masks["end_ms"] > start)], [known for *_, known in chosen])
        is_known = (held["known_ms"] <= valid_from) & (held["until_ms"] > valid_from)
        open_then = held.loc[is_known & (held["start_ms"] < valid_from) & (held["end_ms"] > start), ["series_id", "start_ms", "end_ms"]]
        if len(open_then):
            open_then = open_then[_among(open_then["series_id"], {name for *_, known in chosen for name in known["series_id"]})]
        key = "+".join(ref.key for ref in past)
        yield Window(key, tuple(past), valid_from, np.array(until, np.int64), concerned, open_then.reset_index(drop=True), places)


def _only(series: pd.DataFrame, rows: list[int]) -> pd.DataFrame:
    """Some of the series."""
    return series if len(rows) == len(series) else series.iloc[rows].reset_index(drop=True)


def _of_services(masks: pd.DataFrame, series: list[pd.DataFrame]) -> pd.DataFrame:
    """Masks that concern a service of the series, or all."""
    if masks.empty:
        return masks.reset_index(drop=True)
    is_ours = _among(masks["service"], {None, *(name for frame in series for name in frame["service"].unique())})
    return masks[is_ours].reset_index(drop=True)


def _among(names: pd.Series, known: set[str | None]) -> BoolArray:
    """Which of a few names are among many: faster than `isin`, which sorts the many."""
    return np.array([name in known for name in names.tolist()], bool)


def _due(refs: list[PanelRef], held: pd.DataFrame, settings: params.Baseline, now_ms: int) -> dict[int, dict[int, dict[int, int]]]:
    """Time -> number of the panel -> row of the series that gets a baseline then -> when that ends."""
    due: dict[int, dict[int, dict[int, int]]] = {}
    for number, ref in enumerate(refs):
        for row, times in enumerate(_begins(ref, held, settings, now_ms)):
            for begin, end in itertools.pairwise(times):
                due.setdefault(begin, {}).setdefault(number, {})[row] = end
    return due


def _begins(ref: PanelRef, held: pd.DataFrame, settings: params.Baseline, now_ms: int) -> list[list[int]]:
    """Times at which each series of a panel gets a baseline, in order, and when the last of them ends; 0: it is the newest.

    While a change is open there is none: the one that there was stays. A series that has vanished has none any more once the history
    would be empty.
    """
    found = []
    mine = held[_among(held["series_id"], set(ref.series["series_id"]))]
    ends = mine[["until_ms", "end_ms"]].min(axis=1)
    open_of = {name: list(zip(rows["known_ms"], ends[rows.index], strict=True)) for name, rows in mine.groupby("series_id")}
    for name, first, last in zip(ref.series["series_id"], ref.series["first"], ref.series["last"], strict=True):
        midnight = -(-to_ms(first) // DAY_MS) * DAY_MS
        gone = week_start(to_ms(last)) + (settings.weeks + 1) * WEEK_MS
        young = [midnight + age * DAY_MS for age in YOUNG_DAYS]
        mondays = range(week_start(midnight + DAY_MS - 1) + WEEK_MS, min(now_ms, gone), WEEK_MS)
        is_open = open_of.get(name, [])
        times = sorted({at for at in (*young, *mondays) if at < now_ms and not any(known <= at < end for known, end in is_open)})
        found.append([*times, gone if gone < now_ms else 0])
    return found


def in_ms(masks: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Masks as service, region (None: all), start_ms, end_ms; those that are not over end `now`."""
    ends = masks["end"].fillna(now)
    times = {"start_ms": [to_ms(time) for time in masks["start"]], "end_ms": [to_ms(time) for time in ends]}
    text = {name: masks[name].astype("object").where(masks[name].notna(), None).to_numpy() for name in ("service", "region")}
    return pd.DataFrame({**text, **times}).astype({"start_ms": "int64", "end_ms": "int64"})


def learn_window(window: Window) -> Version:
    """Baselines of the series of a window."""
    panel = window.load()
    data = store.digest(*(np.ascontiguousarray(part).data.cast("B") for part in (panel.values, panel.n_checks)))
    return Version([(group, _learn_group(panel, group, window)) for group in groups(panel.series, window.places)], data)


def groups(series: pd.DataFrame, places: dict[str, tuple[str, str]]) -> list[Group]:
    """Series by scale and clock."""
    return [Group(rows, *key) for key, rows in expected.alike(series, places)]


def _learn_group(panel: Panel, group: Group, window: Window) -> Learnt:
    rows = group.rows
    clock = clock_of(panel, group)
    mine = replace(panel, series=panel.series.iloc[rows], values=panel.values[rows], n_checks=panel.n_checks[rows])
    checks = mine.n_checks if group.kind == "logit" else None
    is_excluded = masked_cells(mine, clock, window.masks) | held_cells(mine, clock, window.held)
    return learn(mine.values, clock, kind=group.kind, is_excluded=is_excluded, n_checks=checks)


def clock_of(panel: Panel, group: Group) -> calendars.Clock:
    """Clock of a group of series of a panel."""
    return calendars.clock(panel.start_ms, panel.values.shape[1], step_s=panel.step_s, zone=group.zone, holidays=group.holidays)


def masked_cells(panel: Panel, clock: calendars.Clock, masks: pd.DataFrame) -> BoolArray:
    """Cells that a mask touches, shape (n_series, clock.n_cells)."""
    masked = np.zeros((len(panel.series), clock.n_cells), bool)
    # Few of the masks of years lie in a panel of weeks.
    begin_ms, step_ms = panel.start_ms - clock.lead * panel.step_s * 1000, panel.step_s * 1000
    end_ms = begin_ms + clock.n_cells * clock.steps_per_cell * step_ms
    masks = masks[(masks["start_ms"].to_numpy() < end_ms) & (masks["end_ms"].to_numpy() > begin_ms)]
    service, region = panel.series["service"].to_numpy(), panel.series["region"].to_numpy()
    columns = (masks[name].tolist() for name in ("service", "region", "start_ms", "end_ms"))
    for of_service, of_region, start_ms, end_ms in zip(*columns, strict=True):
        concerned = (pd.isna(of_service) | (service == of_service)) & (pd.isna(of_region) | (region == of_region))
        masked[concerned, _touched(panel, clock, start_ms, end_ms)] = True
    return masked


def held_cells(panel: Panel, clock: calendars.Clock, held: pd.DataFrame) -> BoolArray:
    """Cells of single series in which a change was open, shape (n_series, clock.n_cells)."""
    cells = np.zeros((len(panel.series), clock.n_cells), bool)
    row_of = {name: row for row, name in enumerate(panel.series["series_id"])}
    for one in held.itertuples():
        if one.series_id in row_of:
            cells[row_of[one.series_id], _touched(panel, clock, one.start_ms, one.end_ms)] = True
    return cells


def _touched(panel: Panel, clock: calendars.Clock, start_ms: int, end_ms: int) -> slice:
    """Cells that the interval [start_ms, end_ms) touches."""
    step_ms = panel.step_s * 1000
    begin_ms, cell_ms = panel.start_ms - clock.lead * step_ms, clock.steps_per_cell * step_ms
    return slice(max((start_ms - begin_ms) // cell_ms, 0), max(-((begin_ms - end_ms) // cell_ms), 0))
