"""A CSV of checks into the validated store, against duckdb merely scanning the same file. Must: 3 scans; 2 M rows per CPU second."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import measure
import pandas as pd
import worlds
from figures import Figure, ratio

from analytics.sources import collect

SCAN = "select count(service), count(region), count(*) filter (up), sum(latency_ms), epoch_ms(max(timestamp)) from read_csv(?)"


def run(work: Path) -> list[Figure]:
    size = worlds.SIZES["S"]
    file = worlds.write_csv(work / "checks.csv", size)
    duck = duckdb.connect(config={"threads": 1})
    with worlds.opened(work / "project") as root:

        def ours() -> None:
            shutil.rmtree(root / "data", ignore_errors=True)
            found = collect.collect("f", {"kind": "files", "path": str(file)}, root=root, now=pd.Timestamp("2027-01-01", tz="UTC"))
            if found.n_new != {"checks": size.rows}:
                raise RuntimeError(f"expected {size.rows} checks in the store, got {found.n_new}")

        costs = measure.in_turns({"ours": ours, "scan": lambda: duck.execute(SCAN, [str(file)]).fetchall()}, repeats=7)
    load = measure.load()
    cpu_s = measure.median_cost(costs["ours"]).cpu_s
    return [
        ratio("csv to store", costs["ours"], costs["scan"], against="scan of the CSV", must=3, load=load),
        Figure("csv to store, speed", size.rows / cpu_s / 1e6, "M rows/CPU s", 2, True, False, cpu_s, repeats=7, load=load),
    ]
