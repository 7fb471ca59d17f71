"""The simulated world as a source like any other: what it holds, and its rows batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from analytics.params import Simulate
from analytics.sources.base import Batch, Discovery, Options, checked_options, no_rows
from analytics.sources.simulated.world import simulate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Simulated", "SimulatedOptions"]


class SimulatedOptions(Simulate, Options):
    """Options of kind `simulated`: the parameters of stage `simulate`, with the same defaults and bounds."""


class Simulated:
    """A simulated world, fetched as one fetches from a monitoring system."""

    late_s: int | None = 0

    def __init__(self, name: str, options: dict[str, Any], *, root: Path) -> None:
        self.name = name
        self.world = simulate(checked_options(SimulatedOptions, options, name=name))

    def discover(self) -> Discovery:
        """What the world holds, without making any of its days."""
        world = self.world
        says = [
            f"simulated: {len(world.landscape.services)} services seen from {len(world.landscape.regions)} regions, "
            f"a check every {world.params.step_s} s, latency in ms",
            f"simulated: {world.params.days} days before {world.end:%Y-%m-%d}, {len(world.faults)} known facts, seed {world.params.seed}",
        ]
        return Discovery(says, world.start, world.end)

    def fetch(self, start: pd.Timestamp | None, end: pd.Timestamp) -> Iterator[Batch]:
        """The small tables, then checks and metrics of [start, end) day by day."""
        nothing = no_rows("quarantine")
        for kind, rows in self.world.small_tables().items():
            yield Batch(kind, rows, nothing)
        first = max(start, self.world.start) if start is not None else self.world.start
        for day in self.world.days:
            if not first.date() <= day <= end.date():
                continue
            for kind, rows in self.world.day(day).items():
                inside = _between(rows, first, end)
                if len(inside):
                    yield Batch(kind, inside, nothing)

    def resume(self, state: dict[str, Any]) -> None:
        """Nothing to resume: any part of the world can be made at any time."""

    def state(self) -> dict[str, Any]:
        """Nothing to remember."""
        return {}

    def meaning(self) -> dict[str, Any]:
        """Another world is told by its rows, which contradict those of the first."""
        return {}

    def was_rewritten(self, state: dict[str, Any]) -> bool:
        """A world stays as it is."""
        return False


def _between(rows: pa.Table, start: pd.Timestamp, end: pd.Timestamp) -> pa.Table:
    kind = rows.schema.field("time").type
    times = rows.column("time")
    return rows.filter(pc.and_(pc.greater_equal(times, pa.scalar(start, kind)), pc.less(times, pa.scalar(end, kind))))
