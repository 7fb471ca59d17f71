"""Where one is in a notebook: the number of a cell and the heading above it, for progress and for failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Position", "position"]


@dataclass(frozen=True)
class Position:
    """Code cell `number` of `total` (as JupyterLab numbers them), under a heading."""

    number: int
    total: int
    heading: str


def position(notebook: Any, index: int) -> Position:
    """Position of the cell at `index`; a cell that papermill injected counts as the parameters cell above it."""
    own = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and not _is_injected(cell)]
    number = sum(i <= index for i in own)
    return Position(number, len(own), _heading(notebook, index))


def _is_injected(cell: Any) -> bool:
    return "injected-parameters" in cell.metadata.get("tags", [])


def _heading(notebook: Any, index: int) -> str:
    for cell in reversed(notebook.cells[: index + 1]):
        if cell.cell_type == "markdown":
            headings = [line for line in cell.source.splitlines() if line.startswith("#")]
            if headings:
                return headings[-1].lstrip("#").strip()
    return ""
