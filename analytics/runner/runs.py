"""The log of runs, `data/runs.jsonl`: how long each took and on what. Outside git and DVC, because it is never the same twice."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

__all__ = ["cpu_kind", "expected_s", "last_run", "made_on", "record"]

TAIL = 1 << 18


def record(root: Path, entry: dict[str, Any]) -> None:
    """Add a line; one write, so that two runs at once do not mix theirs."""
    from analytics import store

    path = root / "data" / "runs.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with store.naming_full_disk(path), path.open("ab", buffering=0) as file:
        file.write(json.dumps(entry, sort_keys=True).encode() + b"\n")


def last_run(root: Path, stage: str) -> dict[str, Any] | None:
    """The newest run of a stage that was published."""
    path = root / "data" / "runs.jsonl"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        lines = file.read().split(b"\n")
    for line in reversed(lines):
        # The first line of the tail may be cut, the last one half-written by a killed run.
        if line.startswith(b"{") and line.endswith(b"}"):
            entry: dict[str, Any] = json.loads(line)
            if entry.get("stage") == stage and entry.get("outcome") == "done" and not entry.get("draft"):
                return entry
    return None


def made_on(root: Path, stage: str, page_md5: str) -> str | None:
    """The kind of processor on which a page was made; None: not here, as far as the log goes back."""
    path = root / "data" / "runs.jsonl"
    if not path.is_file():
        return None
    for line in reversed(path.read_bytes().split(b"\n")):
        if page_md5.encode() in line and line.endswith(b"}"):
            entry: dict[str, Any] = json.loads(line)
            if entry["stage"] == stage:
                return str(entry["cpu"])
    return None


def expected_s(root: Path, stage: str) -> float | None:
    """How long the stage took when it was last run."""
    entry = last_run(root, stage)
    return float(entry["wall_s"]) if entry else None


def cpu_kind() -> str:
    """The kind of processor: floating-point results are the same bits on one kind only."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return f"{platform.machine()} {value.strip()}"
    return f"{platform.machine()} {platform.processor()}".strip()
