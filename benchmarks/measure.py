"""Measuring: two things in turns, in this process; or a command with all its descendants."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from figures import Cost

__all__ = ["command", "in_turns", "load", "median_cost"]

SET_CHILD_SUBREAPER = 36
GRACE_S = 5.0
SAMPLE_S = 0.1


def load() -> float:
    """The machine's load average of the last minute."""
    return os.getloadavg()[0]


def in_turns(variants: Mapping[str, Callable[[], Any]], *, repeats: int, warm: int = 1) -> dict[str, list[Cost]]:
    """Cost of each variant in this process, round after round, so that all see the same load; the first rounds are not counted."""
    costs: dict[str, list[Cost]] = {name: [] for name in variants}
    for turn in range(-warm, repeats):
        for name, run in variants.items():
            gc.collect()
            cpu, wall = _cpu_s(), time.perf_counter()
            run()
            cost = Cost(_cpu_s() - cpu, time.perf_counter() - wall)
            if turn >= 0:
                costs[name].append(cost)
    return costs


def _cpu_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def median_cost(costs: Sequence[Cost]) -> Cost:
    """The run with the median CPU seconds."""
    return sorted(costs, key=lambda cost: cost.cpu_s)[len(costs) // 2]


def command(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None, with_memory: bool = False
) -> tuple[Cost, str]:
    """Run a command: its cost with that of all its descendants, also of those that outlive it; what it printed.

    Raises
    ------
    RuntimeError
        If it fails, with the end of what it printed.
    """
    if sys.platform == "linux":
        # Descendants whose parent has gone become ours, so that their CPU time is counted.
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sampler = _Sampler() if with_memory else None
    log = folder / ".benchmark.log"
    started = time.perf_counter()
    with log.open("w+b") as output:
        process = subprocess.Popen(
            list(arguments), stdout=output, stderr=subprocess.STDOUT, cwd=folder, env={**os.environ, **(environment or {})}
        )
        if sampler:
            sampler.start()
        cpu_s, wall_s, code = _wait_for_all(process, started)
        if sampler:
            sampler.stop()
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    log.unlink()
    if code:
        raise RuntimeError(f"{' '.join(arguments)} failed with {code}:\n{said[-2000:]}")
    return Cost(cpu_s, wall_s, sampler.peak_mb if sampler else 0.0), said


def _wait_for_all(process: subprocess.Popen[bytes], started: float) -> tuple[float, float, int]:
    cpu_s = wall_s = 0.0
    code: int | None = None
    while True:
        try:
            pid, status, used = os.wait4(-1, 0 if code is None else os.WNOHANG)
        except ChildProcessError:
            return cpu_s, wall_s, code or 0
        if pid == 0:
            if time.perf_counter() - started - wall_s > GRACE_S:
                raise RuntimeError(f"processes were still running {GRACE_S:g} s after the command had ended")
            time.sleep(0.005)
            continue
        cpu_s += used.ru_utime + used.ru_stime
        if pid == process.pid:
            code, wall_s = os.waitstatus_to_exitcode(status), time.perf_counter() - started
            process.returncode = code


class _Sampler(threading.Thread):
    """Peak memory of all descendants of this process; PSS counts a shared page once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self._is_on = threading.Event()
        self._is_on.set()

    def run(self) -> None:
        while self._is_on.is_set():
            pids = [child.pid for child in psutil.Process().children(recursive=True)]
            self.peak_mb = max(self.peak_mb, sum(map(_pss_mb, pids)))
            time.sleep(SAMPLE_S)

    def stop(self) -> None:
        self._is_on.clear()
        self.join()


def _pss_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # It has ended in the meantime.
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)
