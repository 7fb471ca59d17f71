"""The way of a run's results into place: each by a rename, once all of them are there.

A folder cannot be renamed over a folder that holds something: the old one steps aside first, to `.<name>.replaced` beside its place. A
process that is killed in between leaves it there, and the next one puts it back.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["publish", "restore"]

FOLDERS = ("raw", "panels", "models")
"""Parts of `data` whose results are folders."""

ASIDE = ".replaced"


def publish(staging: Path, *, root: Path, place: Callable[[Path], Path]) -> list[Path]:
    """Move results from the staging folder to `place(path)`; their paths relative to the project."""
    with _alone(root):
        _settle_all(root)
        return [_move(staging / path, place(path)).relative_to(root) for path in _results(staging)]


def restore(root: Path) -> None:
    """Put folders back that a process killed while publishing has left aside."""
    # Without this look every run would wait for its turn, and leave a lock in a project that has no data yet.
    if any(_asides(root)):
        with _alone(root):
            _settle_all(root)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One process at a time moves folders: what another has just set aside is no leftover."""
    from filelock import FileLock

    locks = root / "data" / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / "publish.lock"):
        yield


def _results(staging: Path) -> list[Path]:
    """What to move, relative to the staging folder: files of tables and reports, whole folders of panels, models and sources."""
    files = [*sorted((staging / "data" / "tables").glob("*.parquet"))]
    folders = [path for part in FOLDERS for path in sorted((staging / "data" / part).glob("*")) if path.is_dir()]
    pages = [path for path in sorted((staging / "reports").rglob("*")) if path.is_file()]
    return [path.relative_to(staging) for path in (*files, *folders, *pages)]


def _move(made: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_dir():
        made.replace(target)
        return target
    aside = target.with_name(f".{target.name}{ASIDE}")
    target.rename(aside)
    try:
        made.replace(target)
    finally:
        _settle(aside)
    return target


def _asides(root: Path) -> Iterator[Path]:
    for data in (root / "data", root / "data" / "draft"):
        for part in FOLDERS:
            yield from (data / part).glob(f".*{ASIDE}")


def _settle_all(root: Path) -> None:
    for aside in sorted(_asides(root)):
        _settle(aside)


def _settle(aside: Path) -> None:
    """Back to its place if nothing has come there, else away."""
    target = aside.with_name(aside.name.removeprefix(".").removesuffix(ASIDE))
    if target.exists():
        shutil.rmtree(aside)
    else:
        aside.rename(target)
