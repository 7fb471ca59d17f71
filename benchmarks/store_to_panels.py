"""All panels into memory, against duckdb summing the same columns of the same files (must: 2 scans); and raw rows into panels."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import measure
import worlds
from figures import Figure, ratio

from analytics import ingest, params, store

PANEL_SCAN = "select sum(value), sum(n_checks) from read_parquet(?)"
RAW_SCAN = (
    "select max(service), max(region), max(monitor), max(origin), count(*) filter (state = 'up'), sum(latency_ms), epoch_ms(max(time)) "
    "from read_parquet(?)"
)
PANELS = worlds.Size(60, 2, 60)
"""With 20 x 2 x 30 panels are read in hundredths of a second: fixed costs would be measured."""


def run(work: Path) -> list[Figure]:
    return [raw_to_panels(work / "raw", worlds.SIZES["S"], repeats=5), panels_to_memory(work / "panels", PANELS, repeats=15)]


def raw_to_panels(root: Path, size: worlds.Size, *, repeats: int) -> Figure:
    """Survey and measure raw checks: panels on disk, outages, coverage, faults, pauses found on the way."""
    files = [str(path) for path in sorted(worlds.raw_store(root, size).glob("*.parquet"))]
    duck = duckdb.connect(config={"threads": 1})
    with worlds.opened(root):

        def ours() -> None:
            for made in ("memo", "panels"):
                shutil.rmtree(root / "data" / made, ignore_errors=True)
            _measure()

        costs = measure.in_turns({"ours": ours, "scan": lambda: duck.execute(RAW_SCAN, [files]).fetchall()}, repeats=repeats)
    return ratio("raw to panels", costs["ours"], costs["scan"], against="scan of the raw days", must=None, load=measure.load())


def panels_to_memory(root: Path, size: worlds.Size, *, repeats: int, name: str = "panels to memory") -> Figure:
    """Load every panel, one after the other."""
    worlds.raw_store(root, size)
    duck = duckdb.connect(config={"threads": 1})
    with worlds.opened(root):
        store.save(_measure().series, "series")
        files = [str(path) for path in sorted((root / "data" / "panels" / "signals").glob("*.parquet"))]

        def ours() -> None:
            for ref in store.panels("signals"):
                ref.load()

        costs = measure.in_turns({"ours": ours, "scan": lambda: duck.execute(PANEL_SCAN, [files]).fetchall()}, repeats=repeats)
    return ratio(name, costs["ours"], costs["scan"], against="scan of the panels", must=2, load=measure.load())


def _measure() -> ingest.Measured:
    """As the first cells of stage ingest, in this process."""
    settings = params.Params(project={"workers": 1})
    found = ingest.survey(["made"], params=settings.ingest, project=settings.project)
    return ingest.measure(found, params=settings.ingest, project=settings.project)
