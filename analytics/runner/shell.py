"""Notebook cells in this process: an IPython shell that records what a kernel would send as nbformat outputs."""

from __future__ import annotations

import base64
import io
import sys
from dataclasses import dataclass
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

__all__ = ["CellResult", "Shell", "open_shell"]

INLINE_BACKEND = "module://matplotlib_inline.backend_inline"
Output = dict[str, Any]


@dataclass(frozen=True)
class CellResult:
    """What a cell showed, its number, and whether it raised."""

    outputs: list[Output]
    execution_count: int
    has_failed: bool


class _Record:
    """Outputs of the cell that runs, in nbformat's form."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.shown: dict[str, list[Output]] = {}
        self.clear_next = False

    def add(self, output: Output, display_id: str | None = None) -> None:
        if self.clear_next:
            self.outputs.clear()
            self.clear_next = False
        self.outputs.append(output)
        if display_id is not None:
            self.shown.setdefault(display_id, []).append(output)

    def clear(self, *, wait: bool) -> None:
        self.clear_next = wait
        if not wait:
            self.outputs.clear()

    def stream(self, name: str, text: str) -> None:
        last = self.outputs[-1] if self.outputs and not self.clear_next else None
        if last is not None and last["output_type"] == "stream" and last["name"] == name:
            last["text"] += text
        else:
            self.add({"output_type": "stream", "name": name, "text": text})

    def update(self, display_id: str, data: Any, metadata: Any) -> None:
        for output in self.shown.get(display_id, []):
            output["data"], output["metadata"] = data, metadata


class _Publisher(DisplayPublisher):  # type: ignore[misc]
    """`display(...)` as a recorded output."""

    record: _Record

    def publish(
        self, data: Any, metadata: Any = None, source: Any = None, *, transient: Any = None, update: bool = False, **_: Any
    ) -> None:
        del source
        _flush()
        content, about = _as_text(data), metadata or {}
        display_id = (transient or {}).get("display_id")
        if update and display_id is not None:
            self.record.update(display_id, content, about)
        else:
            self.record.add({"output_type": "display_data", "data": content, "metadata": about}, display_id)

    def clear_output(self, wait: bool = False) -> None:
        self.record.clear(wait=wait)


class _Hook(DisplayHook):  # type: ignore[misc]
    """The value of a cell's last expression as a recorded output."""

    record: _Record

    def write_output_prompt(self) -> None: ...

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        output = {"output_type": "execute_result", "execution_count": self.prompt_count}
        self.record.add({**output, "data": _as_text(format_dict), "metadata": md_dict or {}})

    def finish_displayhook(self) -> None:
        self._is_active = False


class _Stream(io.TextIOBase):
    """`sys.stdout` and `sys.stderr` of the cells."""

    def __init__(self, name: str, record: _Record) -> None:
        self.stream_name, self.record = name, record

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text:
            self.record.stream(self.stream_name, text)
        return len(text)


class Shell(InteractiveShell):  # type: ignore[misc]
    """The shell: one per process."""

    record: _Record

    def run(self, source: str) -> CellResult:
        """Run one cell."""
        self.record.outputs, self.record.clear_next = [], False
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream("stdout", self.record), _Stream("stderr", self.record)
        count = self.execution_count
        try:
            result = self.run_cell(source, store_history=True)
        finally:
            sys.stdout, sys.stderr = before
        return CellResult(self.record.outputs, count, not result.success)

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self.record.add({"output_type": "error", "ename": etype.__name__, "evalue": str(evalue), "traceback": list(stb)})

    def enable_gui(self, gui: Any = None) -> None: ...


def open_shell() -> Shell:
    """The shell of this process, without history: its database and its thread are of no use here."""
    import os

    os.environ["MPLBACKEND"] = INLINE_BACKEND
    if "matplotlib" in sys.modules:
        import matplotlib

        # Only named, not loaded: the backend registers itself with the shell when the first figure asks for it.
        matplotlib.rcParams["backend"] = INLINE_BACKEND
    if InteractiveShell.initialized():
        # A program that has a shell of its own (a notebook, a test) may run a stage: the forked child leaves that one behind.
        type(InteractiveShell.instance()).clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.cache_size = 0
    config.InteractiveShell.display_pub_class = _Publisher
    config.InteractiveShell.displayhook_class = _Hook
    Shell.display_pub_class.default_value = _Publisher
    Shell.displayhook_class.default_value = _Hook
    shell: Shell = Shell.instance(config=config)
    record = _Record()
    shell.record = record
    shell.display_pub.record = record
    shell.displayhook.record = record
    return shell


def _as_text(data: dict[str, Any]) -> dict[str, Any]:
    return {kind: base64.b64encode(value).decode() if isinstance(value, bytes) else value for kind, value in data.items()}


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
