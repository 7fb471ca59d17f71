"""What goes from the store of a source: all of it, or what a killed process has left there."""

from __future__ import annotations

import shutil

from analytics import session
from analytics.store.raw.reading import kind_folder

__all__ = ["remove_raw", "tidy_raw"]


def remove_raw(source: str) -> None:
    """Remove all that is stored of a source, its cursor too."""
    folder = kind_folder(source, "checks").parent
    if folder.is_dir():
        shutil.rmtree(folder)


def tidy_raw(source: str) -> None:
    """Remove half-written files of processes that were killed."""
    for left in kind_folder(source, "checks").parent.rglob(".*.tmp"):
        if not session.is_alive(left.name.rsplit(".", 2)[1]):
            left.unlink(missing_ok=True)
