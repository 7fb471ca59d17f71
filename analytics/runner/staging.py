"""The way of a run's results into place: each by a rename, once all of them are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["publish"]


def publish(staging: Path, *, root: Path, stage: str, place: Callable[[Path], Path]) -> list[Path]:
    """Move results from the staging folder to `place(path)`; their paths relative to the project."""
    from filelock import FileLock

    locks = root / "data" / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"publish-{stage}.lock"):
        return [_move(staging, path, place(path)).relative_to(root) for path in _results(staging)]


def _results(staging: Path) -> list[Path]:
    """What to move, relative to the staging folder: files of tables and reports, whole folders of panels, models and sources."""
    files = [*sorted((staging / "data" / "tables").glob("*.parquet"))]
    folders = [path for part in ("raw", "panels", "models") for path in sorted((staging / "data" / part).glob("*")) if path.is_dir()]
    pages = [path for path in sorted((staging / "reports").rglob("*")) if path.is_file()]
    return [path.relative_to(staging) for path in (*files, *folders, *pages)]


def _move(staging: Path, path: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        # A folder cannot be renamed over a folder that holds something: the old one steps aside first.
        aside = staging / "replaced" / path
        aside.parent.mkdir(parents=True, exist_ok=True)
        target.rename(aside)
    (staging / path).replace(target)
    return target
