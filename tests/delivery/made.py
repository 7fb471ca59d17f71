"""Alerts to send, and channels that remember what they got."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from analytics import delivery, params, tables

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes):
    """A time, in minutes before or after noon."""
    return NOW + timedelta(minutes=minutes)


def alert(alert_id="a1", *, state="open", changed=0, end=None, severity="warning", **more):
    """A row of table `alerts`."""
    usual = {
        "finding": "drift", "finding_id": f"d-{alert_id}", "service": "web", "region": "eu", "signals": ["latency_ms"], "start": at(-60),
        "detected_at": at(-30), "score": 42.0, "direction": "regression", "n_findings": 1, "n_reopened": 0,
        "title": "web: latency_ms +18 % in eu", "text": "What: latency_ms +18 % (drift, worse)\nWhere: web, eu\nIt came back 2 times.",
        "event": None, "evidence": "drift.html#d1", "owner": "shop team", "silenced_by": None, "silenced_text": None,
    }  # fmt: skip
    over = {"state": "resolved", "end": at(end)} if end is not None else {"state": state, "end": None}
    return usual | {"alert_id": alert_id, "changed_at": at(changed), "severity": severity} | over | more


def frame(*rows):
    table = tables.TABLES["alerts"]
    found = pd.DataFrame(rows, columns=table.names)
    times = [column.name for column in table.columns if column.kind == "time"]
    return found.assign(**{name: pd.to_datetime(found[name], utc=True).astype("datetime64[ms, UTC]") for name in times})


def given(root: Path, **more):
    return delivery.Given(project="Test", root=root, report_url=more.get("report_url", "https://reports.example/"))


def settings(**channels):
    """Parameters with these channels."""
    limits = {name: channels.pop(name) for name in ("tell_within_s", "give_up_s") if name in channels}
    return params.Delivery(channels=channels, **limits)


def sent(root, *rows, now=0, as_of=0, patience_s=20.0, **channels):
    """Outcomes of a run at minute `now`, by channel."""
    outcomes = delivery.send(
        frame(*rows), settings=settings(**channels), given=given(root), as_of=None if as_of is None else at(as_of),
        clock=lambda: at(now), patience_s=patience_s,
    )  # fmt: skip
    return {one.channel: one for one in outcomes}


def ledger(root):
    with delivery.Outbox(delivery.outbox_path(root)) as outbox:
        return [(row["channel"], row["alert_id"], row["n"], row["change"], row["status"]) for row in outbox.ledger()]
