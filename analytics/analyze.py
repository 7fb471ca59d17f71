"""A stranger's data -> finished reports, in a folder of their own, without git or DVC."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from analytics import environment, params, pipeline, store, tables
from analytics.runner.progress import Verbosity

__all__ = ["analyze"]

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SOURCE = "data"


def analyze(
    data: str,
    *,
    folder: Path,
    options: dict[str, Any],
    zone: str | None = None,
    verbosity: Verbosity = "normal",
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Collect from a file or a Prometheus and run every stage; the folder, which is a project of its own.

    A second call with the same data and folder adds what is new and makes the reports again; parameters changed there are kept. Data that
    were corrected, or are read with other options, take the place of those of the first call.

    Raises
    ------
    ValueError
        If the data cannot be read, or the folder holds something else, reports of other data too.
    """
    root = folder.resolve()
    project = _project(root, {**_source(data), **options}, zone)
    shutil.copytree(NOTEBOOKS, root / "notebooks", dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    store.write_atomically(root / "params.yaml", params.dump(project).encode())
    with environment.variables_set({"ANALYTICS_ROOT": str(root)}):
        from analytics.sources import collect

        options = project.sources[SOURCE]
        again = collect.is_outdated(SOURCE, options, root=root)
        collected = collect.collect(SOURCE, options, root=root, now=pd.Timestamp.now(tz="UTC"), again=again, progress=say)
        for sentence in collected.sentences:
            say(sentence)
        if not any(store.raw_days(SOURCE, kind) for kind in ("checks", "metrics")):
            raise ValueError(f"'{data}' holds no rows of checks or metrics, so there is nothing to report")
        for stage in tables.STAGES.values():
            if stage.number is not None:
                pipeline.run(stage.name, root=root, verbosity=verbosity)
    return root


def _source(data: str) -> dict[str, Any]:
    if data.startswith(("http://", "https://")):
        return {"kind": "prometheus", "url": data}
    path = Path(data).expanduser().resolve()
    if not path.exists():
        raise FileNotFoundError(
            f"'{data}' does not exist; give a file (CSV, Parquet, JSON lines), a folder of them, or http://… of a Prometheus"
        )
    return {"kind": "files", "path": str(path)}


def _project(root: Path, source: dict[str, Any], zone: str | None) -> params.Params:
    """Parameters of the folder; an existing one must be one that `analyze` has made from the same data."""
    path = root / "params.yaml"
    if (root / "dvc.yaml").exists():
        raise ValueError(f"{root} is a project with DVC; add the source to its params.yaml and run `analytics collect` there")
    if not path.is_file():
        if root.exists() and any(root.iterdir()):
            raise ValueError(f"{root} holds other things; choose an empty or new folder with --out")
        return params.parse({"project": {"zone": zone or "UTC"}, "sources": {SOURCE: source}})
    known = params.load(path)
    before, now = (one.get("path") or one.get("url") for one in (known.sources.get(SOURCE, {}), source))
    if before != now:
        raise ValueError(f"{root} holds the reports of {before or 'other sources'}; choose another folder with --out")
    project = known.project.model_copy(update={"zone": zone or known.project.zone})
    return known.model_copy(update={"project": project, "sources": {SOURCE: source}})
