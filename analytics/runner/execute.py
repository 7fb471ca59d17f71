"""Execute a notebook with papermill: its engine "analytics" runs the cells in a forked child of this process.

A fresh kernel costs two CPU seconds of imports before the first cell; a fork of a process that has imported them costs none and is
just as fresh. Where forking is not possible papermill's own engine starts a normal kernel; the results are the same.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics.environment import THREAD_VARIABLES, variables_set
from analytics.runner.child import Ended, Event, Limits, can_fork, run_child

__all__ = ["Executed", "execute", "prepare_process"]

PRELOADED = (
    "IPython.core.interactiveshell",
    "IPython.core.pylabtools",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.dates",
    "matplotlib.pyplot",
    "nbconvert.exporters.templateexporter",
    "nbformat",
    "pandas",
    "papermill",
    "psutil",
    "pyarrow.compute",
    "pyarrow.parquet",
    "threadpoolctl",
    "analytics.runner.provenance",
    "analytics.reporting.render",
    "analytics.runner.shell",
    "analytics.store",
)
FIXED_NAMES = {"kernel_name": "python3", "language": "python"}


@dataclass
class Executed:
    """An executed notebook, also one that did not reach its end.

    Attributes
    ----------
    notebook : nbformat notebook with the outputs of the cells that ran
    ended : how it ended
    at : index of the cell that ran last; None: none
    cell_s : wall time of each cell that ran, by index
    log : what was printed past Python (C libraries, a crash)
    """

    notebook: Any
    ended: Ended
    at: int | None = None
    cell_s: dict[int, float] = field(default_factory=dict)
    log: str = ""


def prepare_process() -> None:
    """Settings that must stand before the first heavy import of a process."""
    # Linear algebra on one thread: sums of several threads differ in their last bits.
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    # It comes with jsonschema and builds 35 grammars on import (1.2 s), for formats that no notebook uses; jsonschema tolerates its
    # absence (python-jsonschema/jsonschema#1428).
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def preload(*more: str) -> None:
    """Import what every notebook needs, and `more`, so that forked children find it there."""
    import gc
    import importlib

    prepare_process()
    for name in (*PRELOADED, *more):
        importlib.import_module(name)
    # What is imported is never collected, so that collecting does not copy its pages in each of the processes that share them.
    gc.freeze()


def execute(
    path: Path,
    *,
    parameters: dict[str, Any],
    environment: dict[str, str],
    limits: Limits,
    log: Path,
    fork: bool | None = None,
    on_cell: Callable[[Any, int], None] = lambda notebook, index: None,
    on_tick: Callable[[], None] = lambda: None,
) -> Executed:
    """Execute the notebook at `path`; a failing cell ends it and is told in the result, not raised.

    Parameters
    ----------
    path : the notebook
    parameters : values for its cell tagged `parameters`
    environment : variables to set for its process
    limits : time and memory it may use
    log : file for what is printed past Python
    fork : None forks where that is possible; False uses a kernel
    on_cell : called with the notebook and the index of a cell when it starts
    on_tick : called a few times a second
    """
    prepare_process()
    if not (can_fork() if fork is None else fork):
        return _in_kernel(path, parameters, environment, limits, log)
    preload()
    import nbformat

    result = Executed(None, Ended("done", "", 0.0, 0.0))
    started = time.monotonic()

    def listen(event: Event) -> None:
        if "notebook" in event:
            result.notebook = nbformat.from_dict(event["notebook"])
        elif "started" in event:
            result.at = event["started"]
            on_cell(result.notebook, result.at)
        elif "finished" in event:
            cell = result.notebook.cells[event["finished"]]
            cell.outputs = [nbformat.from_dict(output) for output in event["outputs"]]
            cell.execution_count = event["count"]
            result.cell_s[event["finished"]] = event["wall_s"]
        else:
            result.log += "".join(event["traceback"])

    def work(send: Callable[[Event], None]) -> None:
        os.environ.pop("ANALYTICS_DRAFT", None)
        os.environ.update(environment)
        _single_thread()
        _usual_warnings()
        _run_papermill(path, parameters, engine="analytics", on_event=send)

    result.ended = run_child(work, limits=limits, log=log, on_event=listen, on_tick=on_tick)
    if result.notebook is None:
        result.notebook = nbformat.read(path, as_version=4)
    if log.is_file():
        result.log += log.read_text(encoding="utf-8", errors="replace")
    if result.ended.reason == "done" and _has_error(result.notebook):
        result.ended = Ended("failed", "", time.monotonic() - started, result.ended.cpu_s)
    return result


def _run_papermill(path: Path, parameters: dict[str, Any], *, engine: str | None, output: Path | None = None, **options: Any) -> Any:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    register_engine()
    try:
        return papermill.execute_notebook(
            str(path),
            str(output) if output else None,
            parameters=parameters or None,
            engine_name=engine,
            progress_bar=False,
            cwd=str(path.parent),
            **FIXED_NAMES,
            **options,
        )
    except PapermillExecutionError:
        # The failing cell's outputs say everything; its own banner and traceback of papermill would only repeat them.
        return None


def register_engine() -> None:
    """Make papermill know the engine "analytics" (`papermill --engine analytics` finds it by its entry point)."""
    from papermill.engines import papermill_engines

    papermill_engines.register("analytics", engine_class())


def engine_class() -> Any:
    """The engine's class. (Made here, because importing papermill costs half a second.)"""
    from papermill.engines import Engine

    class InProcessEngine(Engine):  # type: ignore[misc]
        """Papermill engine that runs cells in an IPython shell of this very process."""

        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, *, on_event: Callable[[Event], None] = lambda event: None, **_: Any
        ) -> None:
            del kernel_name
            from analytics.runner.shell import open_shell

            shell = open_shell()
            on_event({"notebook": nb_man.nb})
            for index, cell in enumerate(nb_man.nb.cells):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                on_event({"started": index})
                nb_man.cell_start(cell, index)
                started = time.monotonic()
                ran = shell.run(cell.source)
                cell.outputs, cell.execution_count = _nodes(ran.outputs), ran.execution_count
                wall_s = round(time.monotonic() - started, 3)
                on_event({"finished": index, "outputs": ran.outputs, "count": ran.execution_count, "wall_s": wall_s})
                if ran.has_failed:
                    nb_man.cell_exception(cell, index)
                    nb_man.cell_complete(cell, index)
                    return
                nb_man.cell_complete(cell, index)

    return InProcessEngine


def _nodes(outputs: list[Any]) -> list[Any]:
    import nbformat

    return [nbformat.from_dict(output) for output in outputs]


def _single_thread() -> None:
    """One thread, also where a library was imported before `prepare_process`: no sum may depend on the number of threads."""
    import pyarrow as pa
    import threadpoolctl  # type: ignore[import-untyped]

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    threadpoolctl.threadpool_limits(1)


def _usual_warnings() -> None:
    """Python's own filters, as in a new process, whatever the process that forked has set."""
    import warnings

    warnings.resetwarnings()
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")


def _in_kernel(path: Path, parameters: dict[str, Any], environment: dict[str, str], limits: Limits, log: Path) -> Executed:
    """In a normal kernel: no limit of memory, the limit of time counts for each cell."""
    import nbformat

    executed = log.with_suffix(".ipynb")
    package = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    # Without MPLBACKEND the kernel chooses its inline backend, as in JupyterLab.
    variables = {**environment, "PYTHONPATH": os.pathsep.join([package, known] if known else [package]), "MPLBACKEND": None}
    started, cpu = time.monotonic(), sum(os.times()[:4])
    with variables_set(variables):
        _run_papermill(path, parameters, engine=None, output=executed, execution_timeout=int(limits.seconds) or 1)
    notebook = nbformat.read(executed, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])]
    ran = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.execution_count]
    cell_s = {index: round(notebook.cells[index].metadata.papermill.duration or 0.0, 3) for index in ran}
    ended = Ended("failed" if _has_error(notebook) else "done", "", time.monotonic() - started, sum(os.times()[:4]) - cpu)
    return Executed(notebook, ended, ran[-1] if ran else None, cell_s)


def _has_error(notebook: Any) -> bool:
    return any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", []))
