"""Where the project stands: what is stale and why, how old the data are, what the summary found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analytics import repository

__all__ = ["describe", "findings"]

SHOWN_STATEMENTS = 4
SHOWN_REASONS = 3


def describe(root: Path) -> list[str]:
    """Sentences on the stages, then on the data."""
    return [*_stages(root), "", *_data(root)]


def findings(root: Path) -> list[str]:
    """The finding and the first statements of the summary, as they stand on the page."""
    executed = root / "reports" / "executed" / "summary.ipynb"
    if not executed.is_file():
        return ["there is no summary yet; make it with: analytics run --all"]
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    said: dict[str, list[str]] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            role = output.get("metadata", {}).get("analytics")
            if role:
                said.setdefault(role, []).extend(_text(output).splitlines())
    statements = said.get("statements", [])
    n_more = len(statements) - SHOWN_STATEMENTS
    lines = [*statements[:SHOWN_STATEMENTS], *[f"and {n_more} more on the page"] * (n_more > 0)]
    return said.get("finding", []) + [f"  {line}" for line in lines]


def _text(output: dict[str, Any]) -> str:
    text = output.get("data", {}).get("text/plain", "")
    return "".join(text) if isinstance(text, list) else str(text)


def _stages(root: Path) -> list[str]:
    if not (root / ".dvc").is_dir():
        return ["this folder has no DVC: run its stages with `analytics run STAGE`"]
    with repository.opened(root) as repo:
        changed = repo.status()
        stages = [stage.name for stage in repo.index.stages if getattr(stage, "name", None)]
    lines = []
    for name in stages:
        reasons = changed.get(name)
        lines.append(f"{name:<12} up to date" if not reasons else f"{name:<12} stale: {_shortened(_reasons(reasons))}")
    return lines


def _shortened(reasons: list[str]) -> str:
    """Data, parameters and notebooks before code, of which there may be much; the rest as a number."""
    ordered = sorted(reasons, key=lambda reason: reason.endswith(".py"))
    more = f" and {len(ordered) - SHOWN_REASONS} more" if len(ordered) > SHOWN_REASONS else ""
    return "; ".join(ordered[:SHOWN_REASONS]) + more


def _reasons(reasons: list[Any]) -> list[str]:
    """What DVC found, in words: `modified params.yaml`, `new data/raw/web`."""
    found = []
    for reason in reasons:
        if isinstance(reason, str):
            found.append(reason)
            continue
        for kind, items in reason.items():
            where = {"changed deps": "", "changed outs": "output "}.get(kind, f"{kind} ")
            found += [f"{state} {where}{path}" for path, state in _flat(items)]
    return found


def _flat(items: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"{path}: {', '.join(state)}", "parameter") if isinstance(state, dict) else (path, str(state)) for path, state in items.items()
    ]


def _data(root: Path) -> list[str]:
    import pandas as pd

    from analytics import store, words

    lines = []
    for source in store.raw_sources():
        days = [day for kind in ("checks", "metrics") for day in store.raw_days(source, kind)]
        if not days:
            lines.append(f"data/raw/{source}: empty")
            continue
        newest = max((run.last for day in days if day.day == max(day.day for day in days) for run in day.runs), default=0)
        last = pd.Timestamp(newest, unit="ms", tz="UTC")
        age = words.duration((pd.Timestamp.now(tz="UTC") - last).total_seconds())
        lines.append(
            f"data/raw/{source}: {words.counted(len({day.day for day in days}), 'day')}, newest {last:%Y-%m-%d %H:%M} UTC, {age} old"
        )
    return lines or ["no data yet"]
