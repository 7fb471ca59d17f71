"""Where this process reads and writes: the project's root, and the folder that takes results.

A scheduled run writes to a staging folder which the runner moves into place; an analyst's notebook writes to `data/draft`, so that
looking at something never changes what is published; what is scored between two runs of the chain lies in `data/live`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics import tables

if TYPE_CHECKING:
    from analytics import params

__all__ = ["begin", "current_stage", "is_alive", "is_draft", "is_live", "live", "out", "published", "root", "sources", "staging_folder"]


@dataclass
class _Session:
    stage: tables.Stage | None = None
    is_live: bool = False


_session = _Session()


def root() -> Path:
    """The project: ANALYTICS_ROOT, or the nearest folder above with a `params.yaml`."""
    given = os.environ.get("ANALYTICS_ROOT")
    if given:
        return Path(given)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no params.yaml in {here} or above it; change to a project's folder or set ANALYTICS_ROOT")


def out() -> Path:
    """Data folder that takes results: `data` in ANALYTICS_OUT (set by the runner), else the project's `data/draft`; in `live` that."""
    if is_live():
        return root() / "data" / "live"
    given = os.environ.get("ANALYTICS_OUT")
    return Path(given) / "data" if given else root() / "data" / "draft"


def is_live() -> bool:
    """A pass of `analytics watch`, or who looks at what it has found."""
    return _session.is_live


def is_draft() -> bool:
    """An analyst's session: it sees its own drafts before what is published."""
    return not is_live() and ("ANALYTICS_OUT" not in os.environ or "ANALYTICS_DRAFT" in os.environ)


@contextlib.contextmanager
def live() -> Iterator[None]:
    """While it lasts results go to `data/live`, and what lies there is seen before what is published."""
    before, _session.is_live = _session.is_live, True
    try:
        yield
    finally:
        _session.is_live = before


@contextlib.contextmanager
def published() -> Iterator[None]:
    """While it lasts only what is published is seen: what others are told of must not come from a draft."""
    before, was_live = os.environ.get("ANALYTICS_OUT"), _session.is_live
    os.environ["ANALYTICS_OUT"], _session.is_live = before or str(root()), False
    try:
        yield
    finally:
        _session.is_live = was_live
        if before is None:
            del os.environ["ANALYTICS_OUT"]


def current_stage() -> tables.Stage | None:
    """The stage that `begin` has named, if any."""
    return _session.stage


def begin(stage: str, *, overrides: dict[str, Any] | None = None) -> tuple[Any, params.Project]:
    """Make `stage` the current one; its parameters with `overrides` applied, and those of the project.

    From here on `load` refuses tables that the stage does not declare, so that `dvc.yaml` tells the truth.

    Raises
    ------
    ValueError
        If the runner is running another stage: a copied notebook still names the one it was copied from.
    """
    from analytics import params

    running = os.environ.get("ANALYTICS_STAGE", stage)
    if running != stage:
        raise ValueError(
            f'this notebook is that of stage \'{running}\', yet it begins with store.begin("{stage}"); write store.begin("{running}")'
        )
    _session.stage = tables.stage_of(stage)
    all_params = params.load(root() / "params.yaml")
    return params.section(all_params, stage, overrides or {}), all_params.project


def sources() -> list[str]:
    """Names of the configured sources, in the order of `params.yaml`: where two say different things, the first is believed."""
    from analytics import params

    return list(params.load(root() / "params.yaml").sources)


@contextlib.contextmanager
def staging_folder(root: Path, name: str) -> Iterator[Path]:
    """An empty folder, on the disk of the data, of this process and this name; those of processes that were killed are removed."""
    parent = root / "data" / ".staging"
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.iterdir():
        if not is_alive(left.name.rpartition("-")[2]):
            shutil.rmtree(left, ignore_errors=True)
    staging = parent / f"{name}-{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def is_alive(pid: str) -> bool:
    """Whether there is a process of that number."""
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
