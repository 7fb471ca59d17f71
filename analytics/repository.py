"""DVC's repository of a project, whose errors are sentences here instead of tracebacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc.repo import Repo

__all__ = ["causes", "opened", "reasons"]


@contextmanager
def opened(root: Path) -> Iterator[Repo]:
    """The repository at `root`.

    Raises
    ------
    RuntimeError
        If DVC cannot do what is asked of it: a run holds its lock, one of its files is damaged or holds the marks of a conflict.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            yield repo
    except DvcException as error:
        raise RuntimeError(f"DVC: {': '.join(reasons(error))}") from error


def reasons(error: BaseException) -> list[str]:
    """What an error and those that it came from say, each once and in one line."""
    said = [" ".join(str(cause).split()) or type(cause).__name__ for cause in causes(error)]
    return list(dict.fromkeys(said))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, the one that it came from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__
