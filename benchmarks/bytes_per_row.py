"""Bytes of a stored check of the default world, all of a day's file counted. Must: 2.0. The same on every machine."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import worlds
from figures import Figure

from analytics import params
from analytics.sources import simulated

DAYS = 14
"""A fifth of the default world: its bytes per row are the same within a hundredth."""


def run(work: Path) -> list[Figure]:
    with worlds.opened(work) as root:
        simulated.write_world(params.Simulate(days=DAYS), workers=1)
        files = sorted((root / "data" / "raw" / "simulated" / "checks").glob("*.parquet"))
        rows = sum(pq.read_metadata(file).num_rows for file in files)
    return [Figure("bytes of a stored check", sum(file.stat().st_size for file in files) / rows, "B/row", 2.0)]
