"""What it costs before any work is done: imports, commands with nothing to do, a notebook with nothing in it.

Each command runs in turns with `import pandas, pyarrow.parquet` in a new process, which is the unit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

import measure
import worlds
from figures import Cost, Figure, ratio

UNIT = "import pandas, pyarrow.parquet"
# Small, so that the copied project is up to date soon; what a no-op costs does not depend on it.
SMALL = {"services": 4, "regions": 2, "days": 7}
TITLE = "# Does nothing cost nothing?"
ONLY_CELL = "from analytics import reporting as report\nreport.finding('Yes.')"


def run(work: Path) -> list[Figure]:
    project = worlds.copied_project(work, simulate=SMALL)
    environment = worlds.run_environment(project)
    measure.command(["analytics", "run", "--all", "--quiet"], folder=project, environment=environment)
    python = [sys.executable, "-c"]
    commands = {
        "import analytics": ([*python, "import analytics"], None),
        "import analytics.store, .ingest": ([*python, "import analytics.store, analytics.ingest"], 0.6),
        "analytics --help": (["analytics", "--help"], None),
        "dvc repro, no-op": (["dvc", "repro"], 1.2),
        "analytics run --all, no-op": (["analytics", "run", "--all"], 0.8),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in ("unit", *commands)}
    for turn in range(6):
        for name, arguments in (("unit", [*python, UNIT]), *((name, command) for name, (command, _) in commands.items())):
            cost, said = measure.command(arguments, folder=project, environment=environment)
            if "no-op" in name and "up to date" not in said:
                raise RuntimeError(f"{name} was expected to find everything up to date, it said:\n{said}")
            if turn:
                costs[name].append(cost)
    figures = []
    for name, (_, must) in commands.items():
        figures += _both(name, costs[name], costs["unit"], must)
    _empty_notebook(project)
    return figures + _both("empty notebook, rendered", _notebook_costs(project, environment), costs["unit"], 0.5)


def _both(name: str, ours: list[Cost], unit: list[Cost], must: float | None) -> list[Figure]:
    """The ratio to the unit, which is compared with the reference, and the seconds, which must be reached."""
    load = measure.load()
    seconds = Figure(
        f"{name}, seconds", median(cost.cpu_s for cost in ours), "CPU s", must, is_compared=False, repeats=len(ours), load=load
    )
    return [ratio(name, ours, unit, against="import pandas", must=None, load=load), seconds]


def _empty_notebook(project: Path) -> None:
    path = project / "notebooks" / "65_summary.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    parameters = next(cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", []))
    title = notebook["cells"][0] | {"source": [TITLE]}
    last = parameters | {"source": [ONLY_CELL], "metadata": {}, "id": "last"}
    notebook["cells"] = [title, parameters, last]
    path.write_text(json.dumps(notebook), encoding="utf-8")


IN_A_WARM_PROCESS = """
import json, os, sys
from pathlib import Path
from analytics import pipeline
from analytics.runner import execute
execute.preload()
found = []
for _ in range(6):
    before = os.times()
    pipeline.run("summary", root=Path(sys.argv[1]), verbosity="quiet")
    after = os.times()
    found.append([sum(after[:4]) - sum(before[:4]), after.elapsed - before.elapsed])
print(json.dumps(found[1:]))
"""


def _notebook_costs(project: Path, environment: dict[str, str]) -> list[Cost]:
    """Runs of a stage whose notebook does nothing, in a process that has imported what all notebooks need."""
    _, said = measure.command([sys.executable, "-c", IN_A_WARM_PROCESS, str(project)], folder=project, environment=environment)
    return [Cost(cpu_s, wall_s) for cpu_s, wall_s in json.loads(said.splitlines()[-1])]
