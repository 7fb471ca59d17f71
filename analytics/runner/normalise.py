"""Executed notebooks without what differs from run to run: the same results give the same bytes."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from pathlib import Path
from typing import Any

__all__ = ["as_text", "normalise"]

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
# Metadata of cells that say what a cell is; all other metadata say when and how it ran.
KEPT_CELL_METADATA = ("tags", "jupyter", "slideshow", "report")
_ADDRESS = re.compile(r"(?<= at )0x[0-9a-fA-F]{6,}")
# What a cell's source is called in warnings and tracebacks, by a kernel and by a shell.
_CELL_FILE = re.compile(r"(?:/[\w./-]*/ipykernel_\d+/\d+\.py|<ipython-input-\d+-[0-9a-f]+>)")


def normalise(notebook: Any, *, places: dict[Path, str] | None = None) -> Any:
    """A copy of an executed notebook that only depends on its cells and their results.

    Parameters
    ----------
    notebook : nbformat notebook
    places : folders whose path may stand in outputs, and what to write instead (the staging folder, the project)
    """
    result = copy.deepcopy(notebook)
    result.metadata = type(result.metadata)(kernelspec=dict(KERNEL), language_info=dict(LANGUAGE))
    result.nbformat, result.nbformat_minor = 4, 5
    hide = _Hide(places or {})
    count = 0
    for index, cell in enumerate(result.cells):
        cell.id = _cell_id(index, cell.source)
        cell.metadata = type(cell.metadata)({key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata})
        if cell.cell_type != "code":
            continue
        has_run = cell.get("execution_count") is not None
        count += has_run
        cell.execution_count = count if has_run else None
        cell.outputs = [_plain_output(output, cell.execution_count, hide) for output in _joined(cell.get("outputs", []))]
    return result


def as_text(notebook: Any) -> str:
    """Text of a notebook file, keys in the order of the alphabet."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


class _Hide:
    """Replace what names a place in memory or on this machine."""

    def __init__(self, places: dict[Path, str]) -> None:
        # The longest first: the staging folder lies inside the project.
        named = {str(path): name for path, name in places.items()} | {str(path.resolve()): name for path, name in places.items()}
        self.places = sorted(named.items(), key=lambda item: (-len(item[0]), item[0]))

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self(inner) for inner in value]
        if not isinstance(value, str):
            return value
        for place, name in self.places:
            value = value.replace(place, name)
        return _ADDRESS.sub("0x0", _CELL_FILE.sub("<cell>", value))


def _plain_output(output: Any, count: int | None, hide: _Hide) -> Any:
    kept = type(output)(output)
    kept.pop("transient", None)
    if kept.output_type == "execute_result":
        kept.execution_count = count
    if kept.output_type in ("display_data", "execute_result"):
        # Images are base64: what looks like a path there is none.
        kept.data = {kind: value if kind.startswith("image/p") else hide(value) for kind, value in sorted(kept.data.items())}
        # A backend's hint for dark notebooks, which not every front end sends.
        kept.metadata = {key: value for key, value in sorted(kept.metadata.items()) if key != "needs_background"}
    elif kept.output_type == "stream":
        kept.text = hide(kept.text)
    else:
        kept.evalue, kept.traceback = hide(kept.evalue), hide(kept.traceback)
    return kept


def _joined(outputs: list[Any]) -> list[Any]:
    """Outputs with the pieces of a stream joined: where a kernel cuts them is chance. Each stream stands where it began."""
    joined: list[Any] = []
    streams: dict[str, Any] = {}
    for output in outputs:
        if output.output_type != "stream":
            joined.append(output)
            streams.clear()
        elif output.name in streams:
            streams[output.name].text += output.text
        else:
            streams[output.name] = output
            joined.append(output)
    return _sorted_streams(joined)


def _sorted_streams(outputs: list[Any]) -> list[Any]:
    """Neighbouring streams in the order stdout, stderr: which of them a kernel hands over first is chance."""
    result: list[Any] = []
    run: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            run.append(output)
            continue
        result += [*sorted(run, key=_stream_order), output]
        run = []
    return result + sorted(run, key=_stream_order)


def _stream_order(output: Any) -> bool:
    return bool(output.name != "stdout")


def _cell_id(index: int, source: str) -> str:
    return hashlib.sha256(f"{index}\n{source}".encode()).hexdigest()[:12]
