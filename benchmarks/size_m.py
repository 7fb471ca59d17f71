"""Stages on size M (200 x 3 x 90 days, 78 M rows) and on twice the days: seconds, memory, growth, two workers against one, a new day.

From growth and gain the start-up is taken off: what the same stage costs on a tiny world (1 x 1 x 28 days).
Minutes long: only with `--size M`.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import measure
import worlds
from figures import Cost, Figure

COUNTED = ("ingest", "slo")
LEARNT = ("baseline", "drift")
ALL = ("ingest", "baseline", "drift", "slo")
# In turns, more than once: wall seconds count here, and others may be at work. What is learnt takes longest and is measured once.
RUNS = (
    ("tiny", 1, ALL),
    ("S", 1, ALL),
    ("M", 1, ALL),
    ("M", 2, COUNTED),
    ("M", 1, COUNTED),
    ("M", 2, COUNTED),
    ("2M", 2, ALL),
    ("tiny", 1, COUNTED),
    ("S", 1, COUNTED),
    ("M", 1, COUNTED),
    ("M", 2, ALL),
)
MEMORY_MB = {"ingest": 700, "slo": 700, "baseline": 900, "drift": 900}

Costs = dict[tuple[str, int], dict[str, Cost]]


def run(work: Path) -> list[Figure]:
    costs: Costs = {}
    for name, workers, stages in RUNS:
        found = _from_nothing(work / name, worlds.SIZES[name], workers, stages)
        before = costs.setdefault((name, workers), {})
        before |= {stage: _quieter(before.get(stage, cost), cost) for stage, cost in found.items()}
    figures = [figure for stage in ALL for figure in _of_stage(stage, costs)]
    figures += [Figure("ingest, 2 workers against 1", _gain(costs), "x", 1.7, True, load=measure.load())]
    return [*figures, *_one_day_more(work / "M", worlds.SIZES["M"], costs["M", 2])]


def _of_stage(stage: str, costs: Costs) -> list[Figure]:
    one, two, twice = (costs[key][stage] for key in (("M", 1), ("M", 2), ("2M", 2)))
    return [
        _seconds(f"{stage}, M, 1 worker", one),
        _seconds(f"{stage}, M, 2 workers", two),
        Figure(f"{stage}, M, memory", two.pss_mb, "MB PSS", MEMORY_MB[stage]),
        Figure(f"{stage}, memory, twice the days", abs(twice.pss_mb / two.pss_mb - 1), "change", 0.15, is_compared=False),
        Figure(f"{stage}, growth S to M", _exponent(stage, costs), "exponent", 1.1, is_compared=False),
    ]


def _one_day_more(folder: Path, size: worlds.Size, before: dict[str, Cost]) -> list[Figure]:
    """The stages again in the project as the last run has left it, with one new day of raw data."""
    worlds.add_day(folder, size)
    project = _project(folder, workers=2)
    again = {stage: _run(project, stage) for stage in ALL}
    figures = [_seconds(f"{stage}, M, one new day", cost) for stage, cost in again.items()]
    for stages, must in ((("ingest",), None), (LEARNT, 0.25)):
        whole, more = (sum(costs[stage].cpu_s for stage in stages) for costs in (before, again))
        figures += [Figure(f"{' and '.join(stages)}, one new day", more / whole, "x the whole, CPU", must, cpu_s=more, peer_cpu_s=whole)]
    wall_s = sum(before[stage].wall_s for stage in LEARNT)
    return [*figures, Figure("baseline and drift, M, 2 workers", wall_s, "wall s", 60, is_compared=False, load=measure.load())]


def _quieter(one: Cost, other: Cost) -> Cost:
    """Of two runs the one that others disturbed less; of memory the larger."""
    return Cost(min(one.cpu_s, other.cpu_s), min(one.wall_s, other.wall_s), max(one.pss_mb, other.pss_mb))


def _seconds(name: str, cost: Cost) -> Figure:
    return Figure(name, cost.cpu_s, "CPU s", is_compared=False, cpu_s=cost.cpu_s, wall_s=cost.wall_s, load=measure.load())


def _gain(costs: Costs) -> float:
    """Wall seconds of one worker by those of two. One worker is never idle: more than its CPU seconds is the work of others."""
    tiny, one, two = (costs[key]["ingest"] for key in (("tiny", 1), ("M", 1), ("M", 2)))
    return (min(one.wall_s, one.cpu_s) - min(tiny.wall_s, tiny.cpu_s)) / (two.wall_s - min(tiny.wall_s, tiny.cpu_s))


def _exponent(stage: str, costs: Costs) -> float:
    """Slope of log CPU over log rows, the cost of a tiny world taken off."""
    small, large = (costs[name, 1][stage].cpu_s - costs["tiny", 1][stage].cpu_s for name in ("S", "M"))
    rows = worlds.SIZES["M"].rows / worlds.SIZES["S"].rows
    return math.log(max(large, 0.05) / max(small, 0.05)) / math.log(rows)


def _from_nothing(folder: Path, size: worlds.Size, workers: int, stages: Sequence[str]) -> dict[str, Cost]:
    """Cost of each stage as `analytics run` does it, from nothing kept."""
    if not (folder / "dvc.yaml").is_file():
        worlds.raw_store(folder, size)
    project = _project(folder, workers=workers)
    for made in ("memo", "panels", "tables", "models"):
        shutil.rmtree(project / "data" / made, ignore_errors=True)
    return {stage: _run(project, stage) for stage in stages}


def _project(folder: Path, *, workers: int) -> Path:
    return worlds.copied_project(folder, sources={"made": {"kind": "files", "path": "none"}}, project={"workers": workers})


def _run(project: Path, stage: str) -> Cost:
    environment = worlds.run_environment(project)
    return measure.command(["analytics", "run", stage, "--quiet"], folder=project, environment=environment, with_memory=True)[0]
