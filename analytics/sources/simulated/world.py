"""A simulated world: its landscape, its truth, and any of its days; made again from its parameters alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics import engine, store, tables
from analytics.params import Simulate
from analytics.sources.simulated import story
from analytics.sources.simulated.faults import Fault, event_rows, truth_rows
from analytics.sources.simulated.landscape import Landscape, build
from analytics.sources.simulated.metrics import sample_metrics
from analytics.sources.simulated.rhythm import Floats, Rhythm, usual_load
from analytics.sources.simulated.signals import DAY_MS, Active, Day, Times, sample_checks

__all__ = ["World", "simulate", "write_world"]

SOURCE = "simulated"


@dataclass(frozen=True)
class World:
    """A world of known truth on [start, end); `day` makes any of its days, alone and always the same."""

    params: Simulate
    landscape: Landscape
    faults: tuple[Fault, ...]
    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def days(self) -> list[date]:
        """Its UTC days, oldest first."""
        return [self.start.date() + timedelta(days=number) for number in range(self.params.days)]

    @property
    def truth(self) -> pd.DataFrame:
        """What was made to happen (raw kind `truth`)."""
        return _table("truth", truth_rows(self.faults)).to_pandas()

    def small_tables(self) -> dict[str, pa.Table]:
        """Raw kinds without days: services, regions, dependencies, events."""
        return {
            "services": _table("services", self.landscape.service_rows(self.params.step_s)),
            "regions": _table("regions", self.landscape.region_rows()),
            "dependencies": _table("dependencies", self.landscape.dependency_rows()),
            "events": _table("events", event_rows(self.faults)),
        }

    def day(self, day: date) -> dict[str, pa.Table]:
        """Checks and metrics of one UTC day, sorted by key.

        Raises
        ------
        ValueError
            For a day outside the world.
        """
        if not self.start.date() <= day < self.end.date():
            raise ValueError(f"day {day} is outside the simulated world, which is [{self.start.date()}, {self.end.date()})")
        number = (day - date(1970, 1, 1)).days
        times = self._times(number)
        if not len(times):
            return {kind: tables.schema(tables.RAW[kind]).empty_table() for kind in ("checks", "metrics")}
        rhythm = Rhythm.of(self.landscape, self._of_kind("holiday"), number, self.params.seed)
        seed, start, end = self.params.seed, _ms(self.start), _ms(self.end)
        settled = Day(self.landscape, rhythm, self._active(number), times, self._usual_load, seed, start, end)
        return {"checks": sample_checks(settled), "metrics": sample_metrics(settled, self._of_kind("disk_full", "certificate"))}

    def _times(self, number: int) -> Times:
        step, first = 1000 * self.params.step_s, _ms(self.start)
        begin = first + -(-(number * DAY_MS - first) // step) * step
        return np.arange(begin, (number + 1) * DAY_MS, step, dtype=np.int64)

    def _of_kind(self, *kinds: str) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.kind in kinds)

    @cached_property
    def _usual_load(self) -> Floats:
        return usual_load(self.landscape)

    @cached_property
    def _spans(self) -> tuple[Times, Times]:
        return (
            np.array([fault.start for fault in self.faults], np.int64),
            np.array([fault.end or _ms(self.end) for fault in self.faults], np.int64),
        )

    def _active(self, number: int) -> list[Active]:
        starts, ends = self._spans
        found = np.flatnonzero((starts < (number + 1) * DAY_MS) & (ends > number * DAY_MS))
        chosen = [self.faults[place] for place in found]
        return [Active(fault, effect, self._series(fault)) for fault in chosen for effect in fault.effects]

    def _series(self, fault: Fault) -> Sequence[int]:
        """Series that a fault concerns, in the order of the landscape."""
        n_regions = len(self.landscape.regions)
        services = range(len(self.landscape.services)) if fault.service is None else [self.landscape.position[fault.service]]
        near = [place for place, region in enumerate(self.landscape.regions) if fault.region in (None, region.name)]
        return [service * n_regions + place for service in services for place in near]


@lru_cache(maxsize=2)
def simulate(params: Simulate) -> World:
    """The world of these parameters; nothing is sampled before a day is asked for."""
    end = pd.Timestamp(params.end, tz="UTC").as_unit("ms")
    if end != end.normalize():
        raise ValueError(f"simulate.end is '{params.end}': expected a day such as 2026-04-13")
    start = end - pd.Timedelta(days=params.days)
    landscape = build(params)
    return World(params, landscape, story.plan(landscape, start=_ms(start), end=_ms(end), seed=params.seed), start, end)


def write_world(params: Simulate, *, workers: int) -> int:
    """Write a world and its truth as source `simulated`; the number of checks."""
    world = simulate(params)
    for kind, rows in world.small_tables().items():
        store.write_raw(SOURCE, kind, rows)
    store.write_raw(SOURCE, "truth", _table("truth", truth_rows(world.faults)))
    days = [day.isoformat() for day in world.days]
    points = len(days) * 86_400 // params.step_s * params.services * params.regions
    return sum(engine.map(partial(_write_day, params=params), days, workers=workers, points=points, keep=False))


def _write_day(day: str, *, params: Simulate) -> int:
    made = simulate(params).day(date.fromisoformat(day))
    for kind, rows in made.items():
        store.write_raw_day(SOURCE, kind, date.fromisoformat(day), rows)
    return len(made["checks"])


def _ms(time: pd.Timestamp) -> int:
    return int(time.timestamp()) * 1000


def _table(kind: str, rows: list[dict[str, Any]]) -> pa.Table:
    target = tables.schema(tables.RAW[kind])
    return pa.table({name: pa.array([row[name] for row in rows], _plain(target.field(name).type)) for name in target.names}).cast(target)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind
