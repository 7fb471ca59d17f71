"""How far a stage is: one line that is updated on a terminal, a line at its start and its end elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Literal, TextIO

from analytics.runner.cells import Position

__all__ = ["Progress", "Verbosity"]

Verbosity = Literal["quiet", "normal", "verbose"]
EVERY_S = 0.2


class Progress:
    """Progress of one stage on standard error."""

    def __init__(self, stage: str, *, expected_s: float | None, verbosity: Verbosity = "normal", stream: TextIO | None = None) -> None:
        self.stage, self.expected_s, self.verbosity = stage, expected_s, verbosity
        self.stream = stream or sys.stderr
        self.is_terminal = self.stream.isatty()
        self.started = time.monotonic()
        self.drawn_at = 0.0
        self.at: Position | None = None

    def start(self) -> None:
        if self.is_terminal:
            self.tick()
        else:
            self._line(f"{self.stage}: starts" + (f", expected {self.expected_s:.1f} s" if self.expected_s else ""))

    def cell(self, at: Position) -> None:
        """A cell begins."""
        self.at = at
        if self.verbosity == "verbose" and not self.is_terminal:
            self._line(f"{self.stage}: cell {at.number}/{at.total} {at.heading}")
        self.tick()

    def tick(self) -> None:
        """Draw the line again, if there is one and it is time."""
        now = time.monotonic()
        if not self.is_terminal or self.verbosity == "quiet" or now - self.drawn_at < EVERY_S:
            return
        self.drawn_at = now
        where = f"cell {self.at.number}/{self.at.total}  {self.at.heading}" if self.at else "starts"
        expected = f" of about {self.expected_s:.1f} s" if self.expected_s else " s"
        self._draw(f"{self.stage:<12} {now - self.started:5.1f}{expected}  {where}")

    def end(self, said: str) -> None:
        """The stage has ended: `said` is "done" or "failed"."""
        took = time.monotonic() - self.started
        if self.is_terminal and self.verbosity != "quiet":
            self._draw(f"{self.stage:<12} {took:5.1f} s  {said}")
            self.stream.write("\n")
            self.stream.flush()
        else:
            self._line(f"{self.stage}: {said} in {took:.1f} s")

    def _draw(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self.stream.write("\r\x1b[2K" + "".join(char for char in text if char.isprintable())[:width])
        self.stream.flush()

    def _line(self, text: str) -> None:
        if self.verbosity != "quiet":
            self.stream.write(text + "\n")
            self.stream.flush()
