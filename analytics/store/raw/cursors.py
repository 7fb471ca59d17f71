"""How far each source has been collected: `data/raw/<source>/cursor.json`."""

from __future__ import annotations

import json
from typing import Any

from analytics import session
from analytics.store.files import write_atomically

__all__ = ["cursor", "set_cursor"]


def cursor(source: str) -> dict[str, Any]:
    """How far a source has been collected; empty if never."""
    path = session.root() / "data" / "raw" / source / "cursor.json"
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is damaged ({error}); delete it to collect from the beginning (rows already stored are not stored twice)"
        ) from error


def set_cursor(source: str, values: dict[str, Any]) -> None:
    """Remember how far a source has been collected."""
    write_atomically(
        session.root() / "data" / "raw" / source / "cursor.json", (json.dumps(values, indent=1, sort_keys=True) + "\n").encode()
    )
