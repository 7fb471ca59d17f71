"""Where data come from: one small module per kind of source, behind one protocol."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from analytics.sources.base import Batch, Discovery, Source, SourceError, did_you_mean

__all__ = ["KINDS", "Batch", "Discovery", "Source", "SourceError", "is_collected", "open_source"]

KINDS = {
    "files": "analytics.sources.files:Files",
    "prometheus": "analytics.sources.prometheus:Prometheus",
    "events": "analytics.sources.events:Events",
    "simulated": "analytics.sources.simulated:Simulated",
}
"""Kind of source -> module:class. A kind is added by copying the smallest module and naming it here."""

_NAME = re.compile(r"\w[\w .-]{0,99}")

MADE_BY_STAGE = "simulated"
"""The one source that is not collected: stage `simulate` makes it. Any other simulated world is collected like a real one."""


def is_collected(name: str) -> bool:
    """Whether `analytics collect` has anything to ask the source of that name."""
    return name != MADE_BY_STAGE


def open_source(name: str, options: dict[str, Any], *, root: Path) -> Source:
    """The source configured as `name` in params.yaml, its options checked.

    Raises
    ------
    SourceError
        For an unknown kind or option; the message names the nearest known one. For a name that cannot be a folder's.
    """
    if not _NAME.fullmatch(name):
        raise SourceError(f"source '{name[:100]}' cannot be a folder's name; use at most 100 letters, digits, '-' and '_'")
    kind = options.get("kind")
    if not is_collected(name):
        raise SourceError(f"source '{name}' is made by `analytics run simulate`; there is nothing to collect")
    if kind is None:
        raise SourceError(f"source '{name}' has no kind; give one of {', '.join(KINDS)}")
    if kind not in KINDS:
        raise SourceError(f"source '{name}': kind '{kind}' does not exist; {did_you_mean(str(kind), KINDS)}")
    module, _, cls = KINDS[str(kind)].partition(":")
    source: Source = getattr(importlib.import_module(module), cls)(name, options, root=root)
    return source
