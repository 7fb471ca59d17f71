"""What a failed stage says: eight lines that name the cell, the cause and what to look at next."""

from __future__ import annotations

import re
import signal
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics import repository
from analytics.runner.cells import position

if TYPE_CHECKING:
    from analytics.runner.execute import Executed

__all__ = ["ChainFailed", "StageFailed", "describe", "plain"]

WIDTH = 160
INTERRUPTED = (130, -signal.SIGINT)
"""Exit codes after a Ctrl-C: that of the stage, and of a shell between that did not wait for it (dash)."""
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FRAME = re.compile(r"File (?P<file>\S*?analytics/\S+?\.py):(?P<line>\d+), in (?P<function>[\w.<>]+)")
_FRAME_OF_WORKER = re.compile(r'File "(?P<file>[^"]*analytics/[^"]+\.py)", line (?P<line>\d+), in (?P<function>[\w.<>]+)')
"""As Python writes it into the error of a worker; the frames of IPython that follow only waited for it."""


class StageFailed(RuntimeError):
    """A stage has failed; its text is what a person needs to see, `details` the whole traceback."""

    def __init__(self, text: str, *, details: str = "") -> None:
        super().__init__(text)
        self.details = details


class ChainFailed(RuntimeError):
    """The chain ended early: `stage` has failed and said why or (`is_stopped`) was interrupted; None: DVC could not run it."""

    def __init__(self, text: str, *, stage: str | None = None, is_stopped: bool = False) -> None:
        super().__init__(text)
        self.stage, self.is_stopped = stage, is_stopped

    @classmethod
    def from_dvc(cls, error: BaseException) -> ChainFailed:
        """The error of DVC as a sentence, without its chain of tracebacks."""
        for cause in repository.causes(error):
            if type(cause).__name__ == "StageCmdFailedError":
                stage = str(error).rpartition(" ")[2].strip("'")
                is_stopped = str(cause).endswith(tuple(f" {code}" for code in INTERRUPTED))
                return cls(f"stopped at {stage}: the stages that need it were not run", stage=stage, is_stopped=is_stopped)
        said = repository.reasons(error)
        remedy = "; complete it with: analytics params --write" if "missing from 'params.yaml'" in said[-1] else ""
        return cls("DVC could not run the chain: " + ": ".join(said) + remedy)


def describe(executed: Executed, *, stage: str, notebook: str, parameters: dict[str, Any], partial: str | None) -> StageFailed:
    """The failure of an executed notebook.

    Parameters
    ----------
    notebook : path of the notebook, as a person would write it
    parameters : those that matter, the given ones first
    partial : path of the report up to the failure
    """
    index = executed.at if executed.at is not None else 0
    where = position(executed.notebook, index)
    cause, further, frame, trace = _cause(executed, index)
    shown = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    source = executed.notebook.cells[index].source.strip() if executed.notebook.cells else ""
    lines = [
        f"{stage} failed in cell {where.number} of {where.total} of {notebook}",
        f"  heading     {where.heading or '(none above it)'}",
        f"  cell        {_first_line(source)}",
        f"  cause       {cause}",
        f"  where       {frame}",
        f"  parameters  {shown or '(defaults)'}",
        f"  so far      {partial or '(no report up to here)'}",
        f"  published   unchanged; once it is mended: analytics run {stage} (--verbose shows the traceback)",
    ]
    text = "\n".join([textwrap.shorten(line, WIDTH, placeholder=" …") if len(line) > WIDTH else line for line in lines] + further)
    return StageFailed(text.replace("\x1b", ""), details=trace)


def _cause(executed: Executed, index: int) -> tuple[str, list[str], str, str]:
    """The cause in one line, its further lines if it has any, the last place inside the package, the traceback."""
    if executed.ended.detail:
        # Of a crash, Python's fault handler has written where it was.
        crash = [line.strip() for line in executed.log.splitlines() if line.strip().startswith("File ")]
        return executed.ended.detail, [], crash[0] if crash else "(the cell itself)", executed.log
    cells = executed.notebook.cells
    errors = [output for output in (cells[index].get("outputs", []) if cells else []) if output.output_type == "error"]
    if not errors:
        last = executed.log.strip().splitlines() or ["it ended without saying why"]
        return last[-1], [], "(outside the cells)", executed.log
    error = errors[-1]
    first, *further = (error.evalue or "").splitlines() or [""]
    trace = _ANSI.sub("", "\n".join(error.traceback))
    frames = list(_FRAME_OF_WORKER.finditer(trace)) or list(_FRAME.finditer(trace))
    frame = "(the cell itself)"
    if frames:
        file = frames[-1]["file"]
        frame = f"analytics/{file.rpartition('analytics/')[2]}:{frames[-1]['line']} in {frames[-1]['function']}"
    return f"{error.ename}: {first}", [f"    {line}" for line in further], frame, trace


def _first_line(source: str) -> str:
    lines = source.splitlines() or [""]
    return lines[0] + (f"  (+{len(lines) - 1} lines)" if len(lines) > 1 else "")


def plain(stage: str, error: str, message: str, trace: str, *, place: Path) -> StageFailed:
    """The failure of a stage without a notebook."""
    first, *further = message.splitlines() or [""]
    lines = [f"{stage} failed", f"  cause       {error}: {first}", "  published   unchanged", *(f"    {line}" for line in further)]
    return StageFailed("\n".join(lines).replace(f"{place}/", ""), details=trace)
