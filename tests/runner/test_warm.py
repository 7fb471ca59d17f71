"""The warm process waits for a stage only as long as somebody waits for it."""

import os
import signal
import socket
import time

from analytics.runner import warm


def forked(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child


def test_a_stage_that_an_interrupt_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(warm, "PATIENCE_S", 0.2)
    ready, told = os.pipe()

    def stubborn():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(told, b"!")
        time.sleep(60)

    child = forked(stubborn)
    os.read(ready, 1)
    ours, theirs = socket.socketpair()
    lifeline, held = os.pipe()
    # Who asked is gone.
    theirs.close()
    began = time.monotonic()
    assert warm._wait(child, ours, lifeline) == 128 + signal.SIGKILL
    assert time.monotonic() - began < 30
    for end in (ready, told, lifeline, held):
        os.close(end)
    ours.close()


def test_the_code_of_a_stage_that_ends_is_told():
    child = forked(lambda: os._exit(3))
    ours, theirs = socket.socketpair()
    lifeline, held = os.pipe()
    assert warm._wait(child, ours, lifeline) == 3
    os.close(lifeline)
    os.close(held)
    ours.close()
    theirs.close()
