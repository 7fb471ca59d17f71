"""Notebooks as git and DVC see them: no outputs, no counters, nothing that running or opening one would change."""

from __future__ import annotations

from typing import Any

__all__ = ["on_save", "strip"]

METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
KEPT_OF_CELL = ("tags",)


def strip(notebook: dict[str, Any]) -> None:
    """Take out of a notebook (as nested dicts, changed in place) whatever does not belong to its source."""
    notebook["metadata"] = {name: dict(value) for name, value in METADATA.items()}
    for cell in notebook["cells"]:
        cell["metadata"] = {name: cell["metadata"][name] for name in KEPT_OF_CELL if name in cell["metadata"]}
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None


def on_save(model: dict[str, Any], **_: Any) -> None:
    """Hook of Jupyter's contents manager: called with what is about to be written."""
    if model["type"] == "notebook" and model.get("content"):
        strip(model["content"])
