"""Functions that the tests of the engine map: workers must be able to import them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np


def double(text: str, *, by: int = 2, trace: str = "") -> str:
    """The text `by` times; every call leaves a line in the file `trace`."""
    if trace:
        with Path(trace).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
    return text * by


def roots(text: str) -> np.ndarray:
    """Floats whose bits would tell different code or threads apart."""
    return np.sqrt(np.arange(1, 50_000) + len(text)).cumsum()[-5:]


def die_once(text: str, *, folder: str) -> str:
    """Killed by the system at the first call with 'c', as when memory runs out."""
    mark = Path(folder) / "died"
    if text == "c" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return text.upper()


def die_always(text: str) -> str:
    """Killed whenever it is called with 'c'."""
    if text == "c":
        os.kill(os.getpid(), signal.SIGKILL)
    return text.upper()


def fail(text: str) -> str:
    """An error of the function itself."""
    if text == "c":
        raise LookupError("no such thing as c")
    return text


def threads(text: str) -> str:
    """Threads that a worker may use."""
    import pyarrow as pa

    return f"{pa.cpu_count()} {os.environ.get('OMP_NUM_THREADS')}"


def where(text: str) -> str:
    """The project that a worker works in."""
    return os.environ.get("ANALYTICS_ROOT", "")


def total(part) -> int:
    """Sum of what a partition holds."""
    return sum(part.content)


def running_sum(before: list[int] | None, part, *, trace: str = "") -> list[int]:
    """Sums of everything up to each partition; every call leaves a line in the file `trace`."""
    if trace:
        with Path(trace).open("a", encoding="utf-8") as file:
            file.write(f"{part.key}\n")
    sums = before or []
    return [*sums, (sums[-1] if sums else 0) + sum(part.content)]


def same(state):
    """The state itself."""
    return state
