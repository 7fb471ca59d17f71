"""Small throw-away projects for tests of the runner: two stages of the spine with notebooks of a few cells."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
import yaml

from analytics import params, tables

__all__ = ["dvc_project", "hashes", "make", "outputs_under", "save_all", "write_notebook"]

REPOSITORY = Path(__file__).parents[1]
PARAMETERS = "service = None\nregion = None\nstart = None\nend = None\nnow = None\noverrides = {}"
EMPTY = """\
import pandas as pd
from analytics import store, tables
KINDS = {"time": "datetime64[ms, UTC]", "float": float, "integer": "int64", "boolean": bool}
made = {
    name: pd.DataFrame({c.name: pd.Series(dtype=KINDS.get(c.kind, "object")) for c in tables.TABLES[name].columns})
    for name in tables.writes("slo")
}"""
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4]);"
# Everything that must not change a byte: number of workers, locale, time zone, hash seed.
SETTINGS: tuple[Mapping[str, str], ...] = (
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C", "WORKERS": "1"},
    {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Kiritimati", "LC_ALL": "de_DE.UTF-8", "WORKERS": "2"},
)


def save_all() -> str:
    """Source of a last cell that saves the stage's tables."""
    return "\n".join(f"store.save(made[{name!r}], {name!r})" for name in tables.writes("slo"))


def write_notebook(path: Path, cells: list[str]) -> Path:
    """A notebook of `cells`: markdown where they start with '#', its parameters cell second."""
    nodes = [nbformat.v4.new_markdown_cell(source) if source.startswith("#") else nbformat.v4.new_code_cell(source) for source in cells]
    parameters = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    nodes.insert(1, parameters)
    for index, node in enumerate(nodes):
        node.id = f"cell-{index}"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=nodes), path)
    return path


def make(root: Path, *middle: str) -> Path:
    """A project with stage `slo`, whose notebook has the cells `middle` before it saves its empty tables, and `summary`."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(params.dump(params.Params(sources={})), encoding="utf-8")
    begin = "from analytics import store\nparams, project = store.begin('slo', overrides=overrides)"
    write_notebook(root / "notebooks" / "55_slo.ipynb", ["# Were the promises kept?", begin, EMPTY, *middle, "## What to do", save_all()])
    write_notebook(root / "notebooks" / "65_summary.ipynb", ["# What matters?", "1 + 1"])
    return root


def dvc_project(root: Path, *middle: str) -> Path:
    """The same under git and DVC, its chain written by hand and committed."""
    make(root, *middle)
    saved = [f"data/tables/{name}.parquet" for name in tables.writes("slo")]
    chain = {
        "slo": _stage("slo", 55, page="slo", outs=saved) | {"params": ["slo"]},
        "summary": _stage("summary", 65, page="index", deps=saved[:1]),
    }
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": chain}, sort_keys=False), encoding="utf-8")
    (root / ".gitignore").write_text((REPOSITORY / ".gitignore").read_text(encoding="utf-8"), encoding="utf-8")
    git(root, "init", "-q")
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text((REPOSITORY / ".dvc" / "config").read_text(encoding="utf-8"), encoding="utf-8")
    (root / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n", encoding="utf-8")
    commit(root)
    return root


def _stage(name: str, number: int, *, page: str, deps: Sequence[str] = (), outs: Sequence[str] = ()) -> dict[str, object]:
    published = [*outs, f"reports/{page}.html", f"reports/executed/{name}.ipynb"]
    return {
        "cmd": f"analytics run {name}",
        "deps": [f"notebooks/{number}_{name}.ipynb", *deps],
        "outs": [{out: {"persist": True}} for out in published],
    }


def git(root: Path, *arguments: str) -> str:
    """Run git in a project as a person without a configuration of their own."""
    who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True, text=True).stdout


def commit(root: Path) -> None:
    """Commit everything that is not ignored."""
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "State")


def hashes(root: Path) -> dict[str, str]:
    """Hash of every published output, by path."""
    folders = [root / "data" / part for part in ("raw", "tables", "panels", "models")] + [root / "reports"]
    files = sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.suffix != ".dvc"}


def outputs_under(root: Path, stages: list[str], setting: Mapping[str, str]) -> dict[str, str]:
    """Outputs of `stages`, run one after another in a fresh process with the variables of `setting`; WORKERS changes params.yaml."""
    path = root / "params.yaml"
    values = params.load(path)
    workers = int(setting.get("WORKERS", values.project.workers))
    path.write_text(
        params.dump(values.model_copy(update={"project": values.project.model_copy(update={"workers": workers})})), encoding="utf-8"
    )
    code = (
        f"from pathlib import Path\nfrom analytics import pipeline\nfor stage in {stages!r}: pipeline.run(stage, root=Path({str(root)!r}))"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANALYTICS_", "PYTHONHASH", "LC_", "TZ"))}
    environment = {**kept, **setting, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, check=True, capture_output=True)
    return hashes(root)
