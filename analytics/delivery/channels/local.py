"""Channels on this machine: JSON lines in a file or on standard output, and a text file of metrics."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from analytics import store
from analytics.delivery.channels.base import Channel, ChannelError, Given, Options, checked
from analytics.delivery.messages import Message, lead_sentence, link

__all__ = ["JsonLines", "OpenMetrics"]

TAIL = 1 << 20
"""Bytes at the end of a file in which a repeat is looked for: more than what one run writes before it is killed."""


class JsonLinesOptions(Options):
    """Options of kind `file`."""

    path: str = Field(description="file to append to; '-': standard output")


class JsonLines(Channel):
    """One file, a message a line."""

    guarantee = "exactly once into a file: a repeat is found in it; at least once on standard output"

    def __init__(self, name: str, options: dict[str, Any], given: Given) -> None:
        self.options = checked(JsonLinesOptions, options, name)
        super().__init__(name, self.options, given)

    def send(self, message: Message, *, now: datetime) -> str:
        told = {
            "key": message.key,
            "change": message.change,
            "sent_at": now.isoformat(),
            "sentence": lead_sentence(message),
            "link": link(message.alert, self.given.report_url),
            "alert": message.alert,
        }
        line = json.dumps(told, ensure_ascii=False).encode() + b"\n"
        if self.options.path == "-":
            sys.stdout.write(line.decode())
            sys.stdout.flush()
            return ""
        try:
            return _append(self.given.root / self.options.path, line, key=message.key)
        except OSError as error:
            raise ChannelError(f"{self.options.path}: {(error.strerror or str(error)).lower()}", may_pass=False) from None


def _append(path: Path, line: bytes, *, key: str) -> str:
    """Add a line, whole or not at all, unless the file has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tail = _tail(path)
    if f'{{"key": "{key}"'.encode() in tail:
        return "was there already"
    # What a killed process has left unfinished is no line.
    content = (b"\n" if tail and not tail.endswith(b"\n") else b"") + line
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if path.is_file():
                os.fsync(file.fileno())
        except OSError:
            if path.is_file():
                os.truncate(path, size)
            raise
    return ""


def _tail(path: Path) -> bytes:
    """The end of a file; nothing of a pipe or a device."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        return file.read()


class OpenMetricsOptions(Options):
    """Options of kind `openmetrics`."""

    path: str = Field(description="file to write, e.g. in the folder of node_exporter's textfile collector; it must end in .prom")


class OpenMetrics(Channel):
    """One text file of what is open now, replaced as a whole on every run."""

    guarantee = "the state of now: nothing is sent, a repeat writes the same"
    is_told = False
    refresh_s = 0.0

    def __init__(self, name: str, options: dict[str, Any], given: Given) -> None:
        self.options = checked(OpenMetricsOptions, options, name)
        super().__init__(name, self.options, given)
        if not self.options.path.endswith(".prom"):
            raise ChannelError(
                f"delivery.channels.{name}: '{self.options.path}' must end in .prom, or the textfile collector does not see it"
            )

    def refresh(self, active: list[dict[str, Any]], *, now: datetime) -> None:
        del now
        try:
            path = self.given.root / self.options.path
            store.write_atomically(path, exposition(active, self.given.scores).encode())
            # Written by a temporary file, it would be readable by its owner alone; the collector is another user.
            path.chmod(0o644)
        except OSError as error:
            raise ChannelError(f"{self.options.path}: {(error.strerror or str(error)).lower()}") from None


def exposition(active: list[dict[str, Any]], scores: Iterable[dict[str, Any]] = ()) -> str:
    """Open alerts and scores in the OpenMetrics text format, which the Prometheus text format reads too: no times, no exemplars.

    Parameters
    ----------
    scores : how strange each series is now: service, region, signal, score
    """
    meanings = {"analytics_alert_active": "1 for each alert that is open and told"}
    meanings["analytics_anomaly_score"] = "How strange the newest value of a series is, 0 to 100; 50 is what chance makes once a week"
    for kind in sorted({str(alert["finding"]) for alert in active} | {"drift"}):
        meanings[f"analytics_{kind}_severity"] = f"Severity of open alerts of kind {kind}, 0 to 100"
    samples: dict[str, list[str]] = {name: [] for name in meanings}
    for alert in sorted(active, key=lambda one: str(one["alert_id"])):
        labels = _labels({name: alert[name] for name in ("alert_id", "finding", "service", "region", "severity", "owner")})
        samples["analytics_alert_active"].append(f"{{{labels}}} 1")
        samples[f"analytics_{alert['finding']}_severity"].append(f"{{{labels}}} {float(alert['score']):g}")
    for one in sorted(scores, key=lambda one: (one["service"], one["region"], one["signal"])):
        labels = _labels({name: one[name] for name in ("service", "region", "signal")})
        samples["analytics_anomaly_score"].append(f"{{{labels}}} {float(one['score']):.4g}")
    text = ""
    for name, meaning in meanings.items():
        text += f"# HELP {name} {meaning}\n# TYPE {name} gauge\n" + "".join(f"{name}{sample}\n" for sample in samples[name])
    return text + "# EOF\n"


def _labels(values: dict[str, Any]) -> str:
    return ",".join(f'{name}="{_escaped(str(value))}"' for name, value in values.items() if value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
