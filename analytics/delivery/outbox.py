"""The outbox and ledger of delivery: `data/delivery/outbox.sqlite`.

Every message is on disk before it is sent, and marked once more when it is about to be. A process that is killed in between leaves a
message of unknown fate, which is sent again with the same key; all others are sent once. Rows stay: they are the ledger.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from analytics.delivery.messages import Message
from analytics.delivery.plan import Planned, Told

__all__ = ["Outbox", "OutboxError"]

BUSY_S = 30.0
NOTE_LENGTH = 300
TRIED_RUNS = 3
"""A message that so many runs could not send lets others go first, in case it is the message and not the channel."""

MAYBE_SENT = ("sent", "sending", "unknown")
"""What the receiver must be taken to know; `unknown` is a message of a killed process whose place a newer one has taken."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    key TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    change TEXT NOT NULL,
    alert TEXT NOT NULL,
    before TEXT,
    status TEXT NOT NULL CHECK (status IN ('due', 'sending', 'sent', 'unknown', 'superseded', 'withheld', 'given up')),
    created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    sent_at TEXT,
    note TEXT NOT NULL DEFAULT '',
    UNIQUE (channel, alert_id, n)
);
CREATE TABLE IF NOT EXISTS refreshed (channel TEXT PRIMARY KEY, at TEXT NOT NULL);
"""


class OutboxError(RuntimeError):
    """The outbox cannot be read or written; says why and what to do."""


class Outbox:
    """One connection to the outbox; every method is one transaction.

    Parameters
    ----------
    path : file, created where it is missing; None: an empty outbox in memory
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        with self._explained():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path or ":memory:", timeout=BUSY_S, isolation_level=None)
            try:
                # The journal keeps its room on disk: what was sent can be noted even when the disk has become full meanwhile.
                self._connection.execute("PRAGMA journal_mode = PERSIST")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.executescript(SCHEMA)
            except sqlite3.Error:
                self._connection.close()
                raise

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def told(self, channel: str) -> dict[str, Told]:
        """What a channel knows, by alert."""
        query = "SELECT alert_id, n, change, alert, status FROM messages WHERE channel = ? AND status != 'superseded' ORDER BY alert_id, n"
        found: dict[str, Told] = {}
        with self._explained():
            for alert_id, n, change, text, status in self._connection.execute(query, (channel,)):
                alert = json.loads(text)
                before = found[alert_id].sent if alert_id in found else None
                found[alert_id] = Told(n, alert, alert if status in MAYBE_SENT else before, is_withdrawn=change == "withdrawn")
        # The newest message is never superseded, so its number is the highest that was used.
        return found

    def put(self, channel: str, planned: list[Planned], *, now: datetime) -> None:
        """Take messages in, all or none; each takes the place of what was due for the same alert."""
        with self._transaction():
            for one in planned:
                alert_id = str(one.alert["alert_id"])
                self._connection.execute(
                    "UPDATE messages SET status = CASE status WHEN 'due' THEN 'superseded' ELSE 'unknown' END "
                    "WHERE channel = ? AND alert_id = ? AND status IN ('due', 'sending')",
                    (channel, alert_id),
                )
                self._connection.execute(
                    "INSERT INTO messages (key, channel, alert_id, n, change, alert, before, status, created_at, note) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        f"{alert_id}.{one.n}.{channel}", channel, alert_id, one.n, one.change, json.dumps(one.alert, ensure_ascii=False),
                        None if one.before is None else json.dumps(one.before, ensure_ascii=False),
                        "withheld" if one.withheld else "due", now.isoformat(), one.withheld,
                    ),
                )  # fmt: skip

    def due(self, channel: str) -> list[Message]:
        """Messages to send, those of unknown fate among them: the oldest first, but last those that several runs have tried."""
        query = (
            "SELECT key, channel, alert_id, n, change, alert, before, created_at FROM messages "
            "WHERE channel = ? AND status IN ('due', 'sending') ORDER BY attempts >= ?, rowid"
        )
        with self._explained():
            rows = self._connection.execute(query, (channel, TRIED_RUNS)).fetchall()
        return [_message(*row) for row in rows]

    def begin(self, key: str) -> None:
        """Note that a message is about to be sent: from now on its fate is unknown until `end` is called."""
        with self._transaction():
            self._connection.execute("UPDATE messages SET status = 'sending', attempts = attempts + 1 WHERE key = ?", (key,))

    def end(self, key: str, *, now: datetime, note: str = "") -> None:
        """Note that a message was sent."""
        with self._transaction():
            self._connection.execute(
                "UPDATE messages SET status = 'sent', sent_at = ?, note = ? WHERE key = ?", (now.isoformat(), note[:NOTE_LENGTH], key)
            )

    def fail(self, key: str, *, note: str, is_given_up: bool) -> None:
        """Note that a message could not be sent."""
        status = "given up" if is_given_up else "due"
        with self._transaction():
            self._connection.execute("UPDATE messages SET status = ?, note = ? WHERE key = ?", (status, note[:NOTE_LENGTH], key))

    def refreshed_at(self, channel: str) -> datetime | None:
        """When the channel's state was last renewed."""
        with self._explained():
            row = self._connection.execute("SELECT at FROM refreshed WHERE channel = ?", (channel,)).fetchone()
        return None if row is None else datetime.fromisoformat(row[0])

    def refresh(self, channel: str, *, now: datetime) -> None:
        """Note that the channel's state was renewed."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO refreshed (channel, at) VALUES (?, ?)", (channel, now.isoformat()))

    def ledger(self) -> list[dict[str, Any]]:
        """Every message with its fate, in the order in which they were put in."""
        names = ("key", "channel", "alert_id", "n", "change", "status", "created_at", "attempts", "sent_at", "note")
        with self._explained():
            rows = self._connection.execute(f"SELECT {', '.join(names)} FROM messages ORDER BY rowid").fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk has undone it already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            remedy = (
                "make room on the disk and send again"
                if isinstance(error, OSError) or "full" in str(error) or "I/O" in str(error)
                else "if another run holds it, wait for it; a damaged file can be moved away, what is open is then told once more"
            )
            raise OutboxError(f"{self._path}: {error}; {remedy}") from error


def _message(key: str, channel: str, alert_id: str, n: int, change: str, alert: str, before: str | None, created_at: str) -> Message:
    return Message(
        key, channel, alert_id, n, change, json.loads(alert), None if before is None else json.loads(before),
        datetime.fromisoformat(created_at),
    )  # fmt: skip
