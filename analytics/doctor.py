"""What this machine has of what the project can use."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Finding", "examine"]

PROGRAMS = {
    "git": ("records what was run", "apt-get install git", True),
    "make": ("the two commands of the README", "apt-get install make", False),
    "prometheus": ("integration tests", "apt-get install prometheus", False),
    "prometheus-blackbox-exporter": ("integration tests", "apt-get install prometheus-blackbox-exporter", False),
    "prometheus-alertmanager": ("integration tests", "apt-get install prometheus-alertmanager", False),
    "victoria-metrics": ("integration tests", "apt-get install victoria-metrics", False),
    "chromium": ("tests of the reports in a browser", "apt-get install chromium", False),
}
SUPPORTED = ((3, 11), (3, 13))
ENOUGH_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is as it should be, what to do if not, and whether the pipeline needs it."""

    what: str
    is_fine: bool
    remedy: str = ""
    is_needed: bool = True


def examine() -> list[Finding]:
    """Everything the project needs or can use, needed things first."""
    return [_python(), _packages(), _disk(), _fork(), *_programs()]


def _python() -> Finding:
    low, high = SUPPORTED
    now = sys.version_info[:2]
    text = f"Python {now[0]}.{now[1]}"
    return Finding(text, low <= now <= high, f"use Python {low[0]}.{low[1]} to {high[0]}.{high[1]}: make PYTHON=python3.12 report")


def _packages() -> Finding:
    """Installed versions against the lock file."""
    from analytics import packages

    lock = Path(__file__).parent.parent / "requirements.lock"
    if not lock.is_file():
        return Finding("packages (no requirements.lock beside the package to compare with)", True)
    pins = packages.pins(lock)
    wrong = [f"{pin.name} {pin.installed}" for pin in pins if not pin.is_right]
    text = (
        f"packages as in requirements.lock ({len(pins)})"
        if not wrong
        else f"packages differ from requirements.lock: {', '.join(wrong[:5])}"
    )
    return Finding(text, not wrong, "rm -rf .venv && make report")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    return Finding(f"{free / 2**30:.0f} GiB free here", free >= ENOUGH_BYTES, "free some space: data and their versions need 2 GiB")


def _fork() -> Finding:
    from analytics.runner import child

    return Finding(
        "processes can be forked (fast notebooks)", child.can_fork(), "nothing to do: kernels are started instead, slower", is_needed=False
    )


def _programs() -> list[Finding]:
    found = []
    for name, (purpose, remedy, is_needed) in PROGRAMS.items():
        where = shutil.which(name)
        found.append(Finding(f"{name} ({purpose})" + (f": {where}" if where else ""), where is not None, remedy, is_needed))
    return found
