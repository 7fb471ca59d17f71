"""Messages: what one channel is told of one alert at one time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from analytics import tables

__all__ = ["CHANGES", "Message", "alert_of", "is_over", "lead_sentence", "lines", "link", "state_of", "subject"]

CHANGES = ("opened", "updated", "escalated", "reopened", "resolved", "withdrawn", "test")
"""What a message tells."""

TIMES = tuple(column.name for column in tables.TABLES["alerts"].columns if column.kind == "time")


@dataclass(frozen=True)
class Message:
    """What one channel is told.

    `key` is the same however often a message is tried, so that a receiver can tell a repeat. `alert` is a row of table `alerts` as plain
    JSON, `before` the one that this channel was told last.
    """

    key: str
    channel: str
    alert_id: str
    n: int
    change: str
    alert: dict[str, Any]
    before: dict[str, Any] | None
    created_at: datetime


def alert_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row of table `alerts` as plain JSON: times as text in UTC, nothing as None."""
    plain = {name: _plain(value) for name, value in row.items()}
    for name in TIMES:
        if plain[name] is not None:
            plain[name] = pd.Timestamp(row[name]).tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if pd.isna(value) else value


def is_over(alert: dict[str, Any]) -> bool:
    """Whether nothing of the alert goes on."""
    return str(alert["state"]) == "resolved"


def state_of(alert: dict[str, Any]) -> str:
    """What is worth a message when it changes; a number that is estimated anew by the next run is not."""
    return f"{'over' if is_over(alert) else 'open'} {alert['severity']} {alert['n_findings']} {alert['n_reopened']}"


def subject(message: Message) -> str:
    """One line: `[critical] checkout: latency_ms +18 % in eu-west`."""
    tag = message.change if message.change in ("resolved", "withdrawn", "test") else message.alert["severity"]
    return " ".join(f"[{tag}] {message.alert['title']}".split())


def lead_sentence(message: Message) -> str:
    """What has changed."""
    before = message.before
    severity = message.alert["severity"]
    # What has been silent for so long that it counts as ended is closed, but nothing is well again.
    over = "It is closed." if message.alert["finding"] == "silence" else "It is over."
    if message.change == "escalated" and before is not None:
        return f"More urgent: {severity}, was {before['severity']}."
    return {
        "opened": f"New alert, {severity}.",
        "updated": "There is more to it.",
        "reopened": f"It is back, {severity}.",
        "resolved": over if before is not None else "It came and went before anybody was told.",
        "withdrawn": "It was taken back: the data, looked at again, do not show it.",
        "test": "Only a test: nothing is wrong.",
    }[message.change]


def lines(message: Message, report_url: str | None) -> list[tuple[str, str]]:
    """The body of a message as pairs of a name (What, Where, Since …; empty: none) and a text."""
    said = [_pair(line) for line in str(message.alert["text"]).splitlines()]
    more = {"Owner": message.alert["owner"], "Page": link(message.alert, report_url)}
    return said + [(name, str(text)) for name, text in more.items() if text]


def _pair(line: str) -> tuple[str, str]:
    name, colon, text = line.partition(": ")
    return (name, text) if colon and name.replace(" ", "").isalpha() and len(name) <= 12 else ("", line)


def link(alert: dict[str, Any], report_url: str | None) -> str | None:
    """Address of the page and place that show the alert's evidence; None where reports have no address."""
    return f"{report_url.rstrip('/')}/{alert['evidence']}" if report_url and alert["evidence"] else None
