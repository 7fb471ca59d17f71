"""A warm process: forked before anything heavy is imported, it imports the stack once and forks each stage from there.

It belongs to one `analytics run --all` and ends with it, so it never runs code that has changed since. It imports nothing until the
first stage asks (a run with nothing to do pays nothing), unless it is known that one will.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from analytics.runner import client

__all__ = ["import_stack", "parent"]

WAIT_S = 0.02
PATIENCE_S = 10.0
"""So long an interrupted stage may take to clean up, s."""
SHARED = ("scipy.special", "analytics.engine", "analytics.expected", "analytics.params", "analytics.plots.style", "analytics.words")
"""What several stages use: a single one imports it when it needs it."""


@contextlib.contextmanager
def parent(run_stage: Callable[[str], int], *, at_once: bool) -> Iterator[dict[str, str]]:
    """Start the warm process; the variables with which commands find it. Call it while this process has a single thread.

    Parameters
    ----------
    run_stage : runs a stage in the folder and with the environment of the command that asked; its exit code
    at_once : import without waiting for the first stage, while this process finds out which that is
    """
    # The socket is reachable for this user only: whoever connects can run code.
    folder = Path(tempfile.mkdtemp(prefix="analytics-"))
    folder.chmod(0o700)
    _write_command(folder)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    address = str(folder / "socket")
    listener.bind(address)
    listener.listen()
    # Ends when this process ends, however it ends: then the warm process reads the end of file.
    lifeline, held = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process == 0:
        os.close(held)
        _serve(listener, lifeline, run_stage, at_once)
    listener.close()
    os.close(lifeline)
    try:
        yield {client.VARIABLE: address, "PATH": os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])}
    finally:
        os.close(held)
        os.waitpid(process, 0)
        shutil.rmtree(folder, ignore_errors=True)


def _write_command(folder: Path) -> None:
    """The command `analytics` that stages start: without site packages it is there in 20 ms."""
    command = folder / "analytics"
    script = Path(client.__file__)
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -S -E -s '{script}' \"$@\"\n", encoding="utf-8")
    command.chmod(0o700)


def _serve(listener: socket.socket, lifeline: int, run_stage: Callable[[str], int], at_once: bool) -> NoReturn:
    code = 1
    try:
        # A Ctrl-C is for the stage that runs; this process ends with its parent. Held back and not ignored: a stage that is
        # interrupted as soon as it is forked must hear of it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        if at_once:
            import_stack()
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(lifeline, selectors.EVENT_READ)
            while lifeline not in [key.fd for key, _ in selector.select()]:
                connection, _ = listener.accept()
                with connection:
                    _answer(connection, lifeline, run_stage)
        code = 0
    finally:
        if sys.exc_info()[0] is not None:
            sys.excepthook(*sys.exc_info())
        os._exit(code)


def import_stack() -> None:
    """Import what stages need, so that their forks find it there."""
    from analytics.runner.execute import preload

    preload(*SHARED)
    # What is imported by now is never collected, so that collecting does not copy its pages in every fork.
    gc.collect()
    gc.freeze()


def _answer(connection: socket.socket, lifeline: int, run_stage: Callable[[str], int]) -> None:
    """Run one stage in a fork of this process; one at a time, as DVC asks."""
    request, streams = _receive(connection)
    if request is None:
        return
    import_stack()
    child = os.fork()
    if child == 0:
        _be_command(request, streams, run_stage)
    for stream in streams:
        os.close(stream)
    code = _wait(child, connection, lifeline)
    # It may have stopped waiting.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(str(code).encode())


def _receive(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    size, control, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(2 * array("i").itemsize))
    streams = array("i")
    for level, kind, content in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            streams.frombytes(content[: len(content) - len(content) % streams.itemsize])
    content, wanted = b"", int.from_bytes(size, "big")
    while len(content) < wanted:
        piece = connection.recv(wanted - len(content))
        if not piece:
            return None, list(streams)
        content += piece
    return (json.loads(content) if wanted else None), list(streams)


def _be_command(request: dict[str, Any], streams: list[int], run_stage: Callable[[str], int]) -> NoReturn:
    code = 1
    try:
        # A group of its own: a Ctrl-C arrives once, from the warm process, and not in the middle of cleaning up after it.
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for number, stream in zip((1, 2), streams, strict=True):
            os.dup2(stream, number)
        os.chdir(request["folder"])
        # Threads of linear algebra were settled before the imports; the rest is the command's own.
        os.environ.update(request["environment"])
        from analytics.runner.execute import prepare_process

        prepare_process()
        code = run_stage(request["stage"])
    except KeyboardInterrupt:
        code = 130
    finally:
        if sys.exc_info()[0] is not None:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, connection: socket.socket, lifeline: int) -> int:
    """Exit code of the stage; it is interrupted when the command that asked, or the whole run, is gone, and killed if it goes on."""
    killed_at = math.inf
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        selector.register(lifeline, selectors.EVENT_READ)
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if not selector.get_map():
                time.sleep(WAIT_S)
                if time.monotonic() > killed_at:
                    # Its own children die with it.
                    os.kill(child, signal.SIGKILL)
            elif selector.select(WAIT_S):
                os.kill(child, signal.SIGINT)
                killed_at = time.monotonic() + PATIENCE_S
                selector.unregister(connection)
                selector.unregister(lifeline)
