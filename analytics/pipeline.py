"""Run a stage: what DVC, a scheduler and the command line call. What is published changes only when the whole stage has succeeded."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analytics import dvcfiles, environment, session, tables
from analytics.runner import warm
from analytics.runner.child import Limits, can_fork
from analytics.runner.failure import ChainFailed, StageFailed
from analytics.runner.progress import Verbosity
from analytics.runner.stage import StageRun, logged
from analytics.runner.staging import publish, restore

__all__ = ["LIMITS", "AllResult", "RunResult", "limits_of", "run", "run_all", "stage_command"]

VERBOSITY = "ANALYTICS_VERBOSITY"

LIMITS = MappingProxyType({"simulate": Limits(seconds=1800), "ingest": Limits(seconds=7200)})
"""Time and memory of stages that differ from `Limits()`; ANALYTICS_TIME_LIMIT_S and ANALYTICS_MEMORY_LIMIT_MB change them for a run."""


@dataclass(frozen=True)
class RunResult:
    """A stage that has succeeded: the files it published (relative to the project), its page, its time."""

    stage: str
    is_draft: bool
    outputs: tuple[Path, ...]
    report: Path | None
    wall_s: float
    cpu_s: float


def run(
    stage: str,
    *,
    root: Path,
    parameters: dict[str, Any] | None = None,
    verbosity: Verbosity = "normal",
    draft: bool = False,
    limits: Limits | None = None,
    fork: bool | None = None,
) -> RunResult:
    """Run one stage and publish its tables, panels, models and pages; with parameters of one's own they go to `data/draft`.

    Raises
    ------
    ValueError
        Before anything starts: for an unknown stage or parameter, or a value of the wrong type.
    StageFailed
        If a cell fails or a limit is reached; its text is for people. What was published before is untouched.
    """
    from analytics.runner.arguments import check

    root = root.resolve()
    notebook = dvcfiles.notebook_of(root, tables.stage_of(stage))
    if notebook is not None and not notebook.is_file():
        raise ValueError(f"stage '{stage}' needs {notebook.relative_to(root)}, which does not exist")
    arguments = check(stage, parameters, root=root, notebook=notebook)
    one = StageRun(stage, root, notebook, arguments, draft or arguments.is_draft, limits or limits_of(stage), fork)
    restore(root)
    with session.staging_folder(root, stage) as staging, logged(one, verbosity) as progress:
        if notebook is None:
            one.simulate(staging, progress)
        else:
            one.execute(staging, progress)
        outputs = publish(staging, root=root, place=one.place)
    report = Path(dvcfiles.report_of(stage))
    shown = next((path for path in outputs if path.name == report.name and path.parent.name == "reports"), None)
    return RunResult(stage, one.is_draft, tuple(outputs), shown, one.wall_s, one.cpu_s)


def stage_command(stage: str) -> int:
    """What `analytics run <stage>` does in the folder of a project: run it, say what failed; the exit code."""
    from analytics import store

    verbosity: Verbosity = os.environ.get(VERBOSITY, "normal")  # type: ignore[assignment]
    try:
        run(stage, root=store.root(), verbosity=verbosity)
    except (StageFailed, ValueError, OSError) as error:
        details = getattr(error, "details", "") if verbosity == "verbose" else ""
        sys.stderr.write("\n".join(part for part in (details, str(error)) if part) + "\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"{stage}: stopped; what was published is unchanged\n")
        return 130
    return 0


@dataclass(frozen=True)
class AllResult:
    """A run of the whole chain: the stages that ran, all stages there are, its time."""

    changed: tuple[str, ...]
    stages: tuple[str, ...]
    wall_s: float


def run_all(
    *,
    root: Path,
    targets: tuple[str, ...] = (),
    force: bool = False,
    verbosity: Verbosity = "normal",
    commit: bool = True,
    use_run_cache: bool = True,
) -> AllResult:
    """Run what DVC finds stale, in one warm process.

    Parameters
    ----------
    targets : stages to bring up to date, with all they need; none: all
    force : run every stage
    commit : keep the outputs in DVC's cache
    use_run_cache : take results of earlier runs with the same inputs from DVC's cache instead of running

    Raises
    ------
    ValueError
        Before anything starts: for a wrong name or value in params.yaml, or a source without data.
    ChainFailed
        If a stage has failed (it has said why) or DVC cannot run; what was published before is unchanged.
    KeyboardInterrupt
        If a stage was stopped by a Ctrl-C.
    """
    root, started = root.resolve(), time.monotonic()
    restore(root)
    _refuse_wrong_parameters(root)
    _refuse_uncollected(root)
    with contextlib.ExitStack() as stack:
        # Before DVC is imported: what it starts must not be in the forked process.
        is_first = not (root / dvcfiles.report_of("summary")).exists()
        variables = stack.enter_context(warm.parent(stage_command, at_once=is_first)) if can_fork() else {}
        variables |= {"ANALYTICS_ROOT": str(root), VERBOSITY: verbosity, "DVC_NO_ANALYTICS": "1"}
        stack.enter_context(environment.variables_set(variables))
        stack.enter_context(contextlib.chdir(root))
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        # DVC announces stages, too; here they announce themselves.
        logging.getLogger("dvc").setLevel(logging.INFO if verbosity == "verbose" else logging.ERROR)
        try:
            with Repo(str(root)) as repo:
                # Asked for everything there is, DVC reads its files once instead of twice. Recorded data that no stage uses any more
                # would count as well, and may not be here.
                everything = not targets and not any(root.glob("data/*/*.dvc"))
                wanted = list(targets) or ["dvc.yaml"]
                ran = repo.reproduce(wanted, all_pipelines=everything, force=force, no_commit=not commit, run_cache=use_run_cache)
        except DvcException as error:
            failed = ChainFailed.from_dvc(error)
            if failed.is_stopped:
                raise KeyboardInterrupt from None
            # Why DVC cannot run is often that the code has moved on: then `dvc.yaml` says what it lacks.
            stale = dvcfiles.check(root) if failed.stage is None else []
            raise (ChainFailed("\n".join([str(failed), *stale])) if stale else failed) from error
    changed = tuple(stage.name for stage in ran if getattr(stage, "name", None))
    return AllResult(changed, dvcfiles.stage_names(root), time.monotonic() - started)


def _refuse_wrong_parameters(root: Path) -> None:
    """Check params.yaml, unless its very text was right before: importing the models takes a third of a run with nothing to do."""
    path, models = root / "params.yaml", Path(__file__).with_name("params.py")
    key = hashlib.blake2b(path.read_bytes() + models.read_bytes(), digest_size=16).hexdigest()
    checked = root / "data" / "memo" / "params.checked"
    if checked.is_file() and checked.read_text(encoding="ascii", errors="replace") == key:
        return
    from analytics import params, store

    params.load(path)
    store.write_atomically(checked, key.encode())


def _refuse_uncollected(root: Path) -> None:
    for name in dvcfiles.sources_of(root):
        if name == dvcfiles.SIMULATED:
            continue
        raw = root / "data" / "raw" / name
        if not raw.exists() and not raw.with_name(f"{name}.dvc").exists():
            raise ValueError(f"source '{name}' has no data yet; get them with: analytics collect {name}")


def limits_of(stage: str) -> Limits:
    """Limits of a stage, as the environment changes them."""
    usual = LIMITS.get(stage, Limits())
    seconds, megabytes = os.environ.get("ANALYTICS_TIME_LIMIT_S"), os.environ.get("ANALYTICS_MEMORY_LIMIT_MB")
    return Limits(float(seconds) if seconds else usual.seconds, int(float(megabytes) * 2**20) if megabytes else usual.memory_bytes)
