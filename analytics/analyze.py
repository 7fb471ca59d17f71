"""A stranger's data -> finished reports, in a folder of their own, without git or DVC."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from analytics import params, pipeline, tables
from analytics.runner.progress import Verbosity

__all__ = ["analyze"]

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SOURCE = "data"


def analyze(
    data: str, *, folder: Path, options: dict[str, Any], verbosity: Verbosity = "normal", say: Callable[[str], None] = lambda text: None
) -> Path:
    """Collect from a file or a Prometheus and run every stage; the folder, which is a project of its own.

    A second call with the same folder adds what is new and makes the reports again.

    Raises
    ------
    ValueError
        If the data cannot be read, or the folder holds something else.
    """
    root = folder.resolve()
    _prepare(root)
    project = params.Params(sources={SOURCE: {**_source(data), **options}})
    (root / "params.yaml").write_text(params.dump(project), encoding="utf-8")
    before = os.environ.get("ANALYTICS_ROOT")
    os.environ["ANALYTICS_ROOT"] = str(root)
    try:
        from analytics.sources import collect

        collected = collect.collect(SOURCE, project.sources[SOURCE], root=root, now=pd.Timestamp.now(tz="UTC"), progress=say)
        for sentence in [*collected.says, collected.sentence]:
            say(sentence)
        for stage in tables.STAGES.values():
            if stage.number is not None:
                pipeline.run(stage.name, root=root, verbosity=verbosity)
    finally:
        if before is None:
            del os.environ["ANALYTICS_ROOT"]
        else:
            os.environ["ANALYTICS_ROOT"] = before
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


def _prepare(root: Path) -> None:
    """The folder with the notebooks in it; an existing one must be one that this function has made."""
    if root.exists() and any(root.iterdir()) and not (root / "params.yaml").is_file():
        raise ValueError(f"{root} holds other things; choose an empty or new folder with --out")
    if (root / "dvc.yaml").exists():
        raise ValueError(f"{root} is a project with DVC; add the source to its params.yaml and run `analytics collect` there")
    root.mkdir(parents=True, exist_ok=True)
    shutil.copytree(NOTEBOOKS, root / "notebooks", dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
