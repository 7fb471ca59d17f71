"""`dvc.yaml`, written from what the code says: the tables a stage reads and writes, the modules its notebook reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analytics import imports, tables

__all__ = [
    "GITIGNORE",
    "WITHOUT_EFFECT",
    "check",
    "dvc_yaml",
    "notebook_of",
    "parsed",
    "report_of",
    "source_files",
    "sources_of",
    "stage_names",
    "stages",
    "write_dvc_yaml",
]

SIMULATED = "simulated"
"""The source that stage `simulate` makes; all others are collected."""

HEADER = "# Written by `analytics dvc-deps` from the import graph and analytics/tables: change those, then write it again.\n"
# What makes the bytes of a report beside the notebook's own code: the engine, the normaliser and the template.
RUNNER = ("analytics.runner.execute", "analytics.runner.normalise", "analytics.runner.provenance", "analytics.reporting.render")
RUNNER_FILES = ("analytics/runner/stage.py",)
ASSETS = (".css", ".html", ".j2", ".js", ".json", ".mplstyle", ".svg", ".txt", ".woff2")
# The same results with any of these: a change of them makes nothing stale.
WITHOUT_EFFECT = ("workers",)
GITIGNORE = (
    "/data/raw/*",
    "!/data/raw/*.dvc",
    "/data/tables/",
    "/data/panels/",
    "/data/models/*",
    "!/data/models/*.dvc",
    "/reports/*",
    "!/reports/sample.png",
)
"""Lines of `.gitignore` for what DVC keeps. DVC adds no ignore files of its own where git ignores its outputs already."""


def write_dvc_yaml(root: Path) -> bool:
    """Write `dvc.yaml`; whether it has changed."""
    path, text = root / "dvc.yaml", dvc_yaml(root)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    # Here, not above: Arrow comes with it, and a run with nothing to do has no time for that.
    from analytics import store

    store.write_atomically(path, text.encode())
    return True


def check(root: Path) -> list[str]:
    """What is stale in `dvc.yaml`, one sentence a line; empty: nothing."""
    path = root / "dvc.yaml"
    if not path.is_file():
        return ["dvc.yaml does not exist; write it with: analytics dvc-deps"]
    text = path.read_text(encoding="utf-8")
    if text == dvc_yaml(root):
        return []
    found, wanted = _content(path).get("stages", {}), stages(root)
    said = [f"stage '{name}' is missing" for name in wanted if name not in found]
    said += [f"stage '{name}' should not be there" for name in found if name not in wanted]
    for name in wanted.keys() & found.keys():
        for part in ("deps", "params", "outs"):
            before, after = ([_key(item) for item in one[name].get(part, [])] for one in (found, wanted))
            said += [f"stage '{name}' lacks {part[:-1]} {item}" for item in after if item not in before]
            said += [f"stage '{name}' has {part[:-1]} {item}, which it does not need" for item in before if item not in after]
    return [f"dvc.yaml: {sentence}" for sentence in sorted(said) or ["it is formatted otherwise"]] + [
        "write it again with: analytics dvc-deps"
    ]


def dvc_yaml(root: Path) -> str:
    """The text of `dvc.yaml`."""
    import yaml

    class Indented(yaml.SafeDumper):
        """Lists indented below their key."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            del indentless
            super().increase_indent(flow, False)

    return HEADER + yaml.dump({"stages": stages(root)}, Dumper=Indented, sort_keys=False, width=140, allow_unicode=True)


def stages(root: Path) -> dict[str, dict[str, Any]]:
    """The stages of a project: those of the spine that have a notebook, and `simulate` where a simulated source is configured."""
    return {stage.name: _stage(root, stage) for stage in tables.STAGES.values() if _is_there(root, stage)}


def stage_names(root: Path) -> tuple[str, ...]:
    """Names of the stages in `dvc.yaml`, in its order; without DVC, which takes its time for it."""
    return tuple(_content(root / "dvc.yaml").get("stages", {}))


def notebook_of(root: Path, stage: tables.Stage) -> Path | None:
    """The stage's notebook; None for a stage that has none."""
    return root / "notebooks" / f"{stage.number:02d}_{stage.name}.ipynb" if stage.number is not None else None


def report_of(stage: str) -> str:
    """The stage's page, relative to the project; the summary is the first page."""
    return f"reports/{'index' if stage == 'summary' else stage}.html"


def sources_of(root: Path) -> list[str]:
    """Names of the configured sources, sorted."""
    # Read as it stands: checking it (pydantic) takes longer than all else that a run with nothing to do needs.
    return sorted(_content(root / "params.yaml").get("sources") or {})


def _content(path: Path) -> dict[str, Any]:
    return parsed(path.read_text(encoding="utf-8"), name=path.name)


def parsed(text: str, *, name: str) -> dict[str, Any]:
    """What the text of a YAML file holds; `name` is for the message if that is no YAML."""
    import yaml

    try:
        found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not valid YAML (are there marks of a conflict in it?): {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{name} holds {type(found).__name__}; expected names and values")
    return found


def _is_there(root: Path, stage: tables.Stage) -> bool:
    notebook = notebook_of(root, stage)
    return notebook.is_file() if notebook is not None else SIMULATED in sources_of(root)


def _stage(root: Path, stage: tables.Stage) -> dict[str, Any]:
    notebook = notebook_of(root, stage)
    if notebook is None:
        reached = imports.reach(_code_root(root), use=["analytics.sources.simulated"])
        deps = [*reached.files, *_lock(root)]
        outs = [f"data/raw/{SIMULATED}"]
    else:
        # What every page needs is reached once for all stages.
        reached = imports.reach(_code_root(root), use=RUNNER)
        imports.reach_notebook(reached, notebook)
        deps = [
            *reached.files,
            *RUNNER_FILES,
            *_assets(_code_root(root)),
            *_lock(root),
            str(notebook.relative_to(root)),
            *_data(root, stage, reached),
        ]
        outs = [f"data/tables/{name}.parquet" for name in tables.writes(stage.name)]
        outs += [f"data/panels/{name}" for name in stage.panels_written]
        outs += [f"data/models/{stage.name}"] if "registry.save" in reached.calls else []
        outs += [report_of(stage.name), f"reports/executed/{stage.name}.ipynb"]
    return {
        "cmd": f"analytics run {stage.name}",
        "deps": _folded(root, {dep for dep in deps if not dep.startswith("analytics/") or _code_root(root) == root}),
        "params": _params(stage),
        # DVC would delete outputs before the stage runs; what is published must survive a failure.
        "outs": [{out: {"persist": True}} for out in sorted(outs)],
    }


def _folded(root: Path, deps: set[str]) -> list[str]:
    """Dependencies with each package of which all files are needed as one folder: DVC's own files stay short, and it quick."""
    package = root / "analytics"
    folders = [path for path in package.rglob("*") if path.is_dir() and path.name != "__pycache__"] if package.is_dir() else []
    for folder in sorted(folders, key=lambda path: len(path.parts)):
        inside = {str(path.relative_to(root)) for path in source_files(folder)}
        if inside and inside <= deps:
            deps = deps - inside | {str(folder.relative_to(root))}
    return sorted(deps)


def source_files(folder: Path) -> list[Path]:
    """Files of a package's folder, without what Python compiles them to; sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _params(stage: tables.Stage) -> list[str]:
    from analytics import params

    names = [stage.name] if stage.name in params.Params.model_fields else []
    if stage.number is not None:
        names += [f"project.{name}" for name in params.Project.model_fields if name not in WITHOUT_EFFECT]
    return sorted(names)


def _data(root: Path, stage: tables.Stage, reached: imports.Reached) -> list[str]:
    deps = [f"data/tables/{name}.parquet" for name in stage.reads] + [f"data/panels/{name}" for name in stage.panels_read]
    if stage.name == "ingest":
        deps += [f"data/raw/{name}" for name in sources_of(root)]
    deps += [f"data/models/{name}" for name in stage.models_read]
    # Files that people keep in git are an input once they exist: what is monitored of ingest, decisions of the stages that name them.
    if stage.name == "ingest":
        deps += [str(path.relative_to(root)) for path in sorted((root / "data").glob("*.csv"))]
    decisions = sorted((root / "data" / "decisions").glob("*.csv"))
    named = reached.texts if "store.decisions" in reached.calls else set()
    return deps + [str(path.relative_to(root)) for path in decisions if path.name in reached.texts or path.stem in named]


def _lock(root: Path) -> list[str]:
    return ["requirements.lock"] if (root / "requirements.lock").is_file() else []


def _code_root(root: Path) -> Path:
    """Where the package lies: in the project itself, or (a project of data and notebooks only) where this code runs."""
    return root if (root / "analytics" / "pipeline.py").is_file() else Path(__file__).parents[1]


def _assets(root: Path) -> list[str]:
    """Templates, styles and scripts of reports and figures."""
    found = [path for part in ("reporting", "plots") for path in (root / "analytics" / part).rglob("*") if path.suffix in ASSETS]
    return sorted(str(path.relative_to(root)) for path in found)


def _key(item: Any) -> str:
    return next(iter(item)) if isinstance(item, dict) else str(item)
