"""Versions in a lock file against those that are installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Pin", "pins"]


@dataclass(frozen=True)
class Pin:
    """A package of the lock file that is meant for this machine.

    Attributes
    ----------
    wanted : what the lock file says, such as `==2.2.1`
    installed : version that is installed; None: not installed, as an extra may be
    """

    name: str
    wanted: str
    installed: str | None
    is_right: bool


def pins(lock: Path) -> list[Pin]:
    """Packages of a lock file (lines `name==version`, with markers and hashes), in its order.

    Raises
    ------
    ValueError
        If a line cannot be read.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith((" ", "#", "-")) or "==" not in line:
            continue
        try:
            wanted = Requirement(line.rstrip("\\ "))
        except InvalidRequirement as error:
            raise ValueError(f"{lock.name}, line {number}: {line!r} is no `name==version`; write it again with `make lock`") from error
        if wanted.marker is None or wanted.marker.evaluate():
            installed = _installed(wanted.name)
            is_right = installed is None or installed in wanted.specifier
            found.append(Pin(wanted.name, str(wanted.specifier), installed, is_right))
    return found


def _installed(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
