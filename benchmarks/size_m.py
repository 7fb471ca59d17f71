"""Stages ingest and slo on size M (200 x 3 x 90 days, 78 M rows) and on twice the days: seconds, memory, growth, two workers against one.

From growth and gain the start-up is taken off: what the same stage costs on a tiny world (1 x 1 x 28 days).
Minutes long: only with `--size M`.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import measure
import worlds
from figures import Cost, Figure

STAGES = ("ingest", "slo")
# In turns, more than once: wall seconds count here, and others may be at work.
RUNS = (("tiny", 1), ("S", 1), ("M", 1), ("M", 2), ("M", 1), ("M", 2), ("2M", 2), ("tiny", 1), ("S", 1), ("M", 1), ("M", 2))


def run(work: Path) -> list[Figure]:
    figures: list[Figure] = []
    costs: dict[tuple[str, int], dict[str, Cost]] = {}
    for name, workers in RUNS:
        found = _stages(work / name, worlds.SIZES[name], workers)
        before = costs.get((name, workers), found)
        costs[name, workers] = {stage: _quieter(before[stage], cost) for stage, cost in found.items()}
    two, twice = costs["M", 2], costs["2M", 2]
    for stage in STAGES:
        figures += [_seconds(f"{stage}, M, {workers} worker{'s' * (workers > 1)}", costs["M", workers][stage]) for workers in (1, 2)]
        figures += [Figure(f"{stage}, M, memory", two[stage].pss_mb, "MB PSS", 700)]
        change = abs(twice[stage].pss_mb / two[stage].pss_mb - 1)
        figures += [Figure(f"{stage}, memory, twice the days", change, "change", 0.15, is_compared=False)]
    figures += [Figure("ingest, 2 workers against 1", _gain(costs), "x", 1.7, True, load=measure.load())]
    for stage in STAGES:
        figures += [Figure(f"{stage}, growth S to M", _exponent(stage, costs), "exponent", 1.1, is_compared=False)]
    return figures


def _quieter(one: Cost, other: Cost) -> Cost:
    """Of two runs the one that others disturbed less; of memory the larger."""
    return Cost(min(one.cpu_s, other.cpu_s), min(one.wall_s, other.wall_s), max(one.pss_mb, other.pss_mb))


def _seconds(name: str, cost: Cost) -> Figure:
    return Figure(name, cost.cpu_s, "CPU s", is_compared=False, cpu_s=cost.cpu_s, wall_s=cost.wall_s, load=measure.load())


def _gain(costs: dict[tuple[str, int], dict[str, Cost]]) -> float:
    """Wall seconds of one worker by those of two. One worker is never idle: more than its CPU seconds is the work of others."""
    tiny, one, two = (costs[key]["ingest"] for key in (("tiny", 1), ("M", 1), ("M", 2)))
    return (min(one.wall_s, one.cpu_s) - min(tiny.wall_s, tiny.cpu_s)) / (two.wall_s - min(tiny.wall_s, tiny.cpu_s))


def _exponent(stage: str, costs: dict[tuple[str, int], dict[str, Cost]]) -> float:
    """Slope of log CPU over log rows, the cost of a tiny world taken off."""
    small, large = (costs[name, 1][stage].cpu_s - costs["tiny", 1][stage].cpu_s for name in ("S", "M"))
    rows = worlds.SIZES["M"].rows / worlds.SIZES["S"].rows
    return math.log(large / max(small, 0.05)) / math.log(rows)


def _stages(folder: Path, size: worlds.Size, workers: int) -> dict[str, Cost]:
    """Cost of each stage as `analytics run` does it, from nothing kept."""
    if not (folder / "dvc.yaml").is_file():
        worlds.raw_store(folder, size)
    project = worlds.copied_project(folder, sources={"made": {"kind": "files", "path": "none"}}, project={"workers": workers})
    for made in ("memo", "panels", "tables"):
        shutil.rmtree(project / "data" / made, ignore_errors=True)
    environment = worlds.run_environment(project)
    return {
        stage: measure.command(["analytics", "run", stage, "--quiet"], folder=project, environment=environment, with_memory=True)[0]
        for stage in STAGES
    }
