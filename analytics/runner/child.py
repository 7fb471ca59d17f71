"""Work in a forked child: isolated, watched, stopped when it takes too long or too much memory."""

from __future__ import annotations

import faulthandler
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

__all__ = ["Ended", "Limits", "can_fork", "run_child"]

Event = dict[str, Any]
TICK_S = 0.2
MEMORY_EVERY_S = 0.4


@dataclass(frozen=True)
class Limits:
    """What a stage may use; None: three quarters of the machine's memory."""

    seconds: float = 3600.0
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a child ended: "done", "failed" (it raised), stopped for "time" or "memory", or "killed" by a signal (`detail` names it)."""

    reason: Literal["done", "failed", "time", "memory", "killed"]
    detail: str
    wall_s: float
    cpu_s: float


def can_fork() -> bool:
    """Forking is safe and cheap here. (macOS forbids its frameworks after a fork, Windows has none.)"""
    return hasattr(os, "fork") and sys.platform != "darwin"


def run_child(
    work: Callable[[Callable[[Event], None]], None],
    *,
    limits: Limits,
    log: Path,
    on_event: Callable[[Event], None],
    on_tick: Callable[[], None] = lambda: None,
) -> Ended:
    """Call `work(send)` in a forked child; what it sends arrives at `on_event`, what it prints goes to the file `log`.

    The child and all that it starts end with this call, whatever happens: a limit, a Ctrl-C, a lost parent.
    """
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    started = time.monotonic()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _be_child(work, write_end, log, parent)
    os.close(write_end)
    watch = _Watch(child, limits, started)
    try:
        _listen(read_end, on_event, on_tick, watch)
    finally:
        os.close(read_end)
        watch.end()
    return watch.ended()


class _Watch:
    """The child's limits and its end."""

    def __init__(self, child: int, limits: Limits, started: float) -> None:
        self.child, self.limits, self.started = child, limits, started
        self.memory_limit = limits.memory_bytes or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4
        self.next_memory = started
        self.exceeded: tuple[Literal["time", "memory"], str] | None = None
        self.status: int | None = None
        self.cpu_s = 0.0

    def is_over(self) -> bool:
        """The child has ended, or must: it has reached a limit."""
        if self.status is None:
            self._reap(os.WNOHANG)
        if self.status is not None or self.exceeded is not None:
            return True
        now = time.monotonic()
        if now - self.started > self.limits.seconds:
            self.exceeded = ("time", f"it ran longer than its limit of {self.limits.seconds:g} s")
        elif now >= self.next_memory:
            self.next_memory = now + MEMORY_EVERY_S
            used = _memory(self.child)
            if used > self.memory_limit:
                self.exceeded = (
                    "memory",
                    f"it used {used / 2**20:,.0f} MB of memory, more than its limit of {self.memory_limit / 2**20:,.0f} MB",
                )
        return self.exceeded is not None

    def end(self) -> None:
        """Stop the child and the processes it started (workers of a pool), and wait for it."""
        if self.status is None and (self.exceeded is not None or sys.exc_info()[0] is not None):
            _kill_group(self.child)
        if self.status is None:
            self._reap(0)
        _kill_group(self.child)

    def ended(self) -> Ended:
        wall = time.monotonic() - self.started
        if self.exceeded is not None:
            return Ended(*self.exceeded, wall, self.cpu_s)
        code = os.waitstatus_to_exitcode(self.status or 0)
        if code < 0:
            return Ended("killed", f"it was ended by {signal.Signals(-code).name}", wall, self.cpu_s)
        return Ended("failed" if code else "done", "", wall, self.cpu_s)

    def _reap(self, flags: int) -> None:
        pid, status, usage = os.wait4(self.child, flags)
        if pid:
            self.status = status
            self.cpu_s = usage.ru_utime + usage.ru_stime


def _listen(read_end: int, on_event: Callable[[Event], None], on_tick: Callable[[], None], watch: _Watch) -> None:
    """Hand on events, one JSON text a line, until the child closes its end, ends or reaches a limit."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(read_end, selectors.EVENT_READ)
        while watch.exceeded is None:
            # Asked before looking at the pipe: what a child sent with its last breath is there when it has ended.
            is_over = watch.is_over()
            if selector.select(0 if is_over else TICK_S):
                piece = os.read(read_end, 1 << 16)
                if not piece:
                    return
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    on_event(json.loads(line))
            elif is_over:
                # A grandchild may hold the pipe open after the child has ended: its end counts, once the pipe is drained.
                return
            on_tick()


def _be_child(work: Callable[[Callable[[Event], None]], None], write_end: int, log: Path, parent: int) -> NoReturn:
    code = 1
    try:
        # A group of its own: whatever it starts can be stopped with it, and a Ctrl-C reaches the parent first.
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _die_with(parent)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(target, 1)
        os.dup2(target, 2)
        faulthandler.enable(file=2)

        def send(event: Event) -> None:
            content = memoryview(json.dumps(event).encode() + b"\n")
            while content:
                content = content[os.write(write_end, content) :]

        try:
            work(send)
            code = 0
        finally:
            # Not an `except`: whatever it was, it is told and ends the child, even a SystemExit.
            kind, error, trace = sys.exc_info()
            if kind is not None:
                import traceback

                send({"raised": kind.__name__, "message": str(error), "traceback": traceback.format_exception(kind, error, trace)})
            sys.stdout.flush()
            sys.stderr.flush()
    finally:
        os._exit(code)


def _die_with(parent: int) -> None:
    """End this process when its parent is gone, even by SIGKILL (Linux; elsewhere it ends at its next message)."""
    if sys.platform != "linux":
        return
    import ctypes

    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _kill_group(group: int) -> None:
    # Nothing is left to stop: the usual case.
    import contextlib

    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _memory(child: int) -> int:
    """Memory of the child and its descendants that is theirs alone or written by them: mapped files do not count.

    An address-space limit (RLIMIT_AS) would count memory-mapped Parquet files and reserved, untouched arenas.
    """
    import psutil

    try:
        top = psutil.Process(child)
        family = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in family:
        try:
            info = process.memory_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        total += info.rss - getattr(info, "shared", 0)
    return total
