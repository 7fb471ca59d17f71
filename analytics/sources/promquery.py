"""Asking a server that speaks the API of Prometheus for samples: what is there, since when, window by window."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from analytics.sources.base import Progress, SourceError, silent
from analytics.sources.promanswers import Read, Sampled, parse_export, parse_label_sets, parse_matrix, parse_names
from analytics.sources.promapi import Api, TooMuch

__all__ = ["SELECTOR", "Server", "selector"]

TARGET_BYTES = 10_000_000
"""Size of an answer that windows aim at: large enough to be quick, small enough for the memory of both sides."""

FIRST_WINDOW_MS = 6 * 3_600_000
MIN_WINDOW_MS = 60_000
MAX_WINDOW_MS = 30 * 86_400_000
MAX_POINTS = 10_000
"""Steps of an expression per answer; Prometheus refuses more than 11,000."""

OLDEST_MS = 1_262_304_000_000
"""2010: nothing in a Prometheus is older."""

DAY_MS = 86_400_000
SEEN = 10

SELECTOR = re.compile(r"\s*(?P<name>[a-zA-Z_:][\w:]*)\s*(\{(?P<match>.*)\})?\s*$", re.DOTALL)
"""A query that names series rather than computing something."""


def selector(metrics: Sequence[str], matchers: str) -> str:
    """Selector of one or several metrics."""
    if len(metrics) == 1:
        return f"{metrics[0]}{{{matchers}}}" if matchers else metrics[0]
    names = "|".join(metrics)
    return f'{{__name__=~"{names}"{"," + matchers if matchers else ""}}}'


@dataclass
class Server:
    """One server, asked on behalf of one source."""

    api: Api
    source: str
    progress: Progress = silent
    _names: list[str] | None = field(default=None, init=False)
    _exports: bool | None = field(default=None, init=False)

    def names(self) -> list[str]:
        """Metrics that the server knows."""
        if self._names is None:
            self._names = self.api.get("/api/v1/label/__name__/values", [], parse_names)
        return self._names

    def no_match(self, what: str, wanted: str) -> SourceError:
        """The error that says which metrics there are instead."""
        names = self.names()
        near = difflib.get_close_matches(wanted, names, n=SEEN, cutoff=0.3) or names[:SEEN]
        seen = f"metrics seen: {', '.join(near)}" + (f" and {len(names) - len(near)} more" if len(names) > len(near) else "")
        return SourceError(f"source '{self.source}': no series matched {what}; {seen if names else 'the server holds no metrics at all'}")

    def series(self, metrics: Sequence[str], matchers: str, *, until: int | None = None) -> list[dict[str, str]]:
        """Label sets of series, of all time or until a time."""
        query = [("match[]", selector(metrics, matchers)), ("start", str(OLDEST_MS // 1000))]
        found: list[dict[str, str]] = self.api.get(
            "/api/v1/series", [*query, *([("end", f"{until / 1000:.3f}")] if until else [])], parse_label_sets
        )
        return found

    def oldest(self, metrics: Sequence[str], matchers: str, last: int) -> int:
        """A day's start that is not after the first sample before `last`; the index answers this without reading samples."""
        if not self.series(metrics, matchers, until=last):
            raise self.no_match(selector(metrics, matchers), metrics[0])
        low, high = OLDEST_MS // DAY_MS, last // DAY_MS + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.series(metrics, matchers, until=middle * DAY_MS) else (middle, high)
        return low * DAY_MS

    def raw(self, metrics: Sequence[str], matchers: str, first: int, last: int) -> Iterator[list[Sampled]]:
        """Raw samples of [first, last), window by window: true times, and nothing where nothing was measured."""
        wanted = selector(metrics, matchers)
        exports = self._can_export()

        def ask(low: int, high: int) -> tuple[list[Sampled], int]:
            if exports:
                span = [("start", f"{low / 1000:.3f}"), ("end", f"{(high - 1) / 1000:.3f}")]
                found, size = self.api.get("/api/v1/export", [("match[]", wanted), *span], _sized(parse_export))
            else:
                # Newer servers leave the left end of a range out, older ones keep it: ask for 1 ms more and cut.
                query = [("query", f"{wanted}[{high - low}ms]"), ("time", f"{(high - 1) / 1000:.3f}")]
                found, size = self.api.get("/api/v1/query", query, _sized(parse_matrix))
            return _between(found, low, high), size

        return self._windows(ask, first, last, 1, MAX_WINDOW_MS, ", ".join(metrics))

    def evaluated(self, query: str, step_s: int, first: int, last: int) -> Iterator[list[Sampled]]:
        """Values of an expression at whole multiples of its step, so that asking again gives the same times."""
        step = step_s * 1000

        def ask(low: int, high: int) -> tuple[list[Sampled], int]:
            end = (high - 1) // step * step
            span = [("start", f"{low / 1000:.3f}"), ("end", f"{end / 1000:.3f}"), ("step", str(step_s))]
            found, size = self.api.get("/api/v1/query_range", [("query", query), *span], _sized(parse_matrix))
            return _between(found, low, high), size

        return self._windows(ask, -(-first // step) * step, last, step, MAX_POINTS * step, query)

    def _can_export(self) -> bool:
        if self._exports is None:
            nothing = [("match[]", '{__name__="nothing_is_called_so"}'), ("start", "1"), ("end", "2")]
            self._exports = self.api.streams("/api/v1/export", nothing)
        return self._exports

    def _windows(
        self, ask: Callable[[int, int], tuple[list[Sampled], int]], first: int, last: int, step: int, widest: int, what: str
    ) -> Iterator[list[Sampled]]:
        """Answers of windows whose width follows the size of the answers."""
        low, width, done = first, min(FIRST_WINDOW_MS, widest), 0
        while low < last:
            width = max(step, width // step * step)
            high = min(low + width, last)
            try:
                found, size = ask(low, high)
            except TooMuch as error:
                if width <= max(step, MIN_WINDOW_MS):
                    raise SourceError(f"{error}; even {width / 1000:g} s are too much: ask for fewer series by `match`") from error
                width //= 2
                widest = max(width, step)
                continue
            done += 1
            self.progress(f"{self.source}: {what}: window {done} of about {done + -(-(last - high) // width)}")
            if found:
                yield found
            low = high
            width = int(np.clip(width * np.clip(TARGET_BYTES / max(1, size), 0.25, 4.0), min(MIN_WINDOW_MS, widest), widest))


def _sized(read: Read) -> Read:
    """What `read` finds, and the size of the answer in bytes."""
    return lambda body, where, say: (read(body, where, say), len(body))


def _between(found: list[Sampled], low: int, high: int) -> list[Sampled]:
    result = []
    for one in found:
        if len(one.times):
            inside = (one.times >= low) & (one.times < high) & ~np.isnan(one.values)
            result.append(one if inside.all() else Sampled(one.labels, one.times[inside], one.values[inside]))
    return [one for one in result if len(one.times)]
