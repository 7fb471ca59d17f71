"""What a report was made from: hashes of data, code and parameters, versions, and how to make it again.

Hashes of what `dvc.yaml` names as the stage's inputs, never the commit: a report cannot hold the commit that will hold it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from analytics import dvcfiles, store, tables

__all__ = ["pages", "provenance"]

PACKAGES = ("duckdb", "matplotlib", "numpy", "pandas", "pyarrow", "scipy")


def provenance(root: Path, stage: str, *, given: dict[str, Any], model: Any, project: Any, is_draft: bool) -> dict[str, list[str]]:
    """The footer of a page: what it was made from, name -> lines.

    Parameters
    ----------
    given : parameters that differ from the project's own
    model : parameters of the stage; None for a stage that has none
    project : parameters of the project
    """
    from importlib import metadata

    deps = _inputs(root, stage)
    data = [f"{path} {_hash(root / path)}" for path in deps if path.startswith("data/") and "/models/" not in path]
    models = [f"{path} {_hash(root / path)}" for path in deps if "data/models/" in path]
    code = [file for path in deps if path.startswith(("analytics/", "notebooks/")) for file in _files(root, path)]
    values = {
        "project": {name: value for name, value in project.model_dump(mode="json").items() if name not in dvcfiles.WITHOUT_EFFECT},
        stage: model.model_dump(mode="json") if model is not None else {},
        "given": given,
    }
    packages = [f"{name} {metadata.version(name)}" for name in PACKAGES]
    lock = [f"requirements.lock {_hash(root / 'requirements.lock')}"] if "requirements.lock" in deps else []
    footer = {
        "Draft": [f"{name} = {value!r}" for name, value in given.items()] or ["not published"] if is_draft else [],
        "Data": data,
        "Models": models,
        "Code": [f"{len(code)} files {store.digest(*(part for path in code for part in (path, root / path)))[:12]}"] if code else [],
        "Parameters": [store.digest(json.dumps(values, sort_keys=True))[:12]],
        "Packages": [f"Python {sys.version_info.major}.{sys.version_info.minor}, {', '.join(packages)}", *lock],
        "Reproduce": [] if is_draft else [f"analytics run {stage}"],
    }
    return {name: lines for name, lines in footer.items() if lines}


def pages() -> list[tuple[str, str]]:
    """Address and title of every page, the first page first. From the table of stages alone: a page must not depend on other files."""
    shown = sorted((stage for stage in tables.STAGES.values() if stage.number is not None), key=lambda stage: stage.number or 0)
    shown.sort(key=lambda stage: stage.name != "summary")
    return [(Path(dvcfiles.report_of(stage.name)).name, stage.title) for stage in shown]


def _inputs(root: Path, stage: str) -> list[str]:
    """Dependencies of the stage as DVC sees them, so that a page changes exactly when its stage is stale."""
    import yaml

    path = root / "dvc.yaml"
    if path.is_file():
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
        if stage in content.get("stages", {}):
            return sorted(dep for dep in content["stages"][stage]["deps"] if (root / dep).exists())
    found = dvcfiles.stages(root).get(stage, {"deps": []})["deps"]
    return sorted(dep for dep in found if (root / dep).exists())


def _files(root: Path, dep: str) -> list[str]:
    """The files of a dependency, which may be a folder."""
    path = root / dep
    return [str(file.relative_to(root)) for file in dvcfiles.source_files(path)] if path.is_dir() else [dep]


def _hash(path: Path) -> str:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return store.digest(*(part for file in files for part in (str(file.relative_to(path)), file)))[:12]
    return store.digest(path)[:12]
