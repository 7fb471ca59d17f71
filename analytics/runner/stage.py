"""One run of one stage: from its checked parameters to the results in its staging folder."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics import dvcfiles, tables
from analytics.runner.cells import position
from analytics.runner.child import Limits
from analytics.runner.failure import StageFailed, describe, plain
from analytics.runner.progress import Progress, Verbosity

if TYPE_CHECKING:
    from analytics.runner.arguments import Arguments

__all__ = ["StageRun", "logged"]


@dataclass
class StageRun:
    """One run of one stage."""

    stage: str
    root: Path
    notebook: Path | None
    arguments: Arguments
    is_draft: bool
    limits: Limits
    fork: bool | None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    cell_s: tuple[float, ...] = ()
    page_md5: str = ""

    def execute(self, staging: Path, progress: Progress) -> None:
        """Execute the notebook, normalise it, render its page; all into the staging folder."""
        from analytics.runner.execute import execute

        if self.notebook is None:
            raise ValueError(f"stage '{self.stage}' has no notebook")
        executed = execute(
            self.notebook,
            parameters=self.arguments.given,
            environment=self._environment(staging),
            limits=self.limits,
            log=staging / "output.log",
            fork=self.fork,
            on_cell=lambda notebook, index: progress.cell(position(notebook, index)),
            on_tick=progress.tick,
        )
        self.cell_s = tuple(executed.cell_s.values())
        if executed.ended.reason != "done":
            partial = self._write_partial(executed.notebook, staging)
            raise describe(
                executed,
                stage=self.stage,
                notebook=str(self.notebook.relative_to(self.root)),
                parameters=self.arguments.telling(),
                partial=partial,
            )
        self._refuse_missing_tables(staging, executed)
        self._write_pages(executed.notebook, staging, staging)

    def simulate(self, staging: Path, progress: Progress) -> None:
        """Make the default world; it has no notebook."""
        from analytics import params
        from analytics.runner import execute
        from analytics.runner.child import run_child

        raised: list[dict[str, Any]] = []

        def work(send: Any) -> None:
            del send
            # Raw data lie under a project's root: here the staging folder is the root.
            os.environ.update(self._environment(staging), ANALYTICS_ROOT=str(staging))
            from analytics.sources import simulated

            simulated.write_world(self.arguments.model, workers=params.load(self.root / "params.yaml").project.workers)

        execute.prepare_process()
        shutil.copy(self.root / "params.yaml", staging / "params.yaml")
        ended = run_child(work, limits=self.limits, log=staging / "output.log", on_event=raised.append, on_tick=progress.tick)
        if ended.reason != "done":
            told: dict[str, Any] = raised[-1] if raised else {"raised": ended.reason, "message": ended.detail, "traceback": []}
            raise plain(self.stage, told["raised"], told["message"], "".join(told["traceback"]), place=staging)

    def place(self, path: Path) -> Path:
        """Where a result belongs: published, or among the drafts."""
        if not self.is_draft:
            return self.root / path
        return self.root / "data" / "draft" / (path.relative_to("data") if path.parts[0] == "data" else path)

    def _environment(self, staging: Path) -> dict[str, str]:
        draft = {"ANALYTICS_DRAFT": "1"} if self.is_draft else {}
        return {"ANALYTICS_ROOT": str(self.root), "ANALYTICS_OUT": str(staging), "ANALYTICS_STAGE": self.stage, **draft}

    def _write_partial(self, notebook: Any, staging: Path) -> str | None:
        """The page up to the failure, among the drafts; None on a full disk, which may be why the stage has failed."""
        from analytics import store

        try:
            return str(self._write_pages(notebook, self.root / "data" / "draft", staging).relative_to(self.root))
        except store.DiskFull:
            return None

    def _write_pages(self, notebook: Any, folder: Path, staging: Path) -> Path:
        from analytics import params, store
        from analytics.reporting.render import render
        from analytics.runner.normalise import as_text, normalise
        from analytics.runner.provenance import pages, provenance

        plain = normalise(notebook, places={staging: ".", self.root: "."})
        project = params.load(self.root / "params.yaml").project
        made_from = provenance(
            self.root, self.stage, given=self.arguments.given, model=self.arguments.model, project=project, is_draft=self.is_draft
        )
        text = render(plain, stage=self.stage, provenance=made_from, pages=pages(), site=project.name)
        # DVC's hash of the page: by it the log of runs can be found again.
        self.page_md5 = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        page = folder / dvcfiles.report_of(self.stage)
        store.write_atomically(folder / "reports" / "executed" / f"{self.stage}.ipynb", as_text(plain).encode())
        store.write_atomically(page, text.encode())
        return page

    def _refuse_missing_tables(self, staging: Path, executed: Any) -> None:
        wanted = [Path("data", "tables", f"{name}.parquet") for name in tables.writes(self.stage)]
        wanted += [Path("data", "panels", name) for name in tables.STAGES[self.stage].panels_written]
        missing = ", ".join(path.stem for path in wanted if not (staging / path).exists())
        if missing and not self.is_draft:
            raise StageFailed(
                f"{self.stage} ran to its end, but saved no {missing}\n"
                f"  expected    it writes {', '.join(path.stem for path in wanted)} (analytics/tables)\n"
                f"  last cell   {executed.notebook.cells[-1].source.strip()[:80]!r}\n"
                "  published   unchanged; save each of them in the last cell: store.save(frame, name)"
            )


@contextlib.contextmanager
def logged(one: StageRun, verbosity: Verbosity) -> Iterator[Progress]:
    """Progress while it runs, a line in the log of runs when it has ended."""
    from analytics import store
    from analytics.runner import runs

    progress = Progress(one.stage, expected_s=runs.expected_s(one.root, one.stage), verbosity=verbosity)
    started, began, cpu = datetime.datetime.now(datetime.UTC), time.monotonic(), sum(os.times()[:4])
    progress.start()
    outcome = "failed"
    try:
        yield progress
        outcome = "done"
    finally:
        one.wall_s, one.cpu_s = time.monotonic() - began, sum(os.times()[:4]) - cpu
        progress.end(outcome if sys.exc_info()[0] is not KeyboardInterrupt else "stopped")
        entry = {
            "stage": one.stage,
            "started": started.isoformat(timespec="seconds"),
            "outcome": outcome,
            "draft": one.is_draft,
            "wall_s": round(one.wall_s, 3),
            "cpu_s": round(one.cpu_s, 3),
            "cell_s": list(one.cell_s),
            "cpu": runs.cpu_kind(),
            "page_md5": one.page_md5,
        }
        # Of a full disk the stage has told, or the next write will: the log of times is not worth a second failure.
        with contextlib.suppress(store.DiskFull):
            runs.record(one.root, entry)
