"""What people decide of drifts: `analytics drift …`. It reads what the chain has published and writes `data/decisions/rebaselines.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analytics import session, store, words
from analytics.drift import says
from analytics.drift.find import Drifts, published
from analytics.tables import SURE_Q

__all__ = ["accept", "accept_event", "list_drifts", "reject"]

NEXT = "it counts from the next run on: analytics run --all"


def list_drifts(*, zone: str, is_all: bool) -> list[str]:
    """Drifts that are open or suspected, the gravest first; with `is_all` also those that are accepted, over or expired."""
    found = _published()
    drifts, still = found.drifts, says.open_drifts(found.drifts)
    lines = [_line(row, found, zone) for row in (drifts if is_all else still).itertuples()]
    states = drifts["state"].value_counts()
    others = [f"{words.count(int(states[name]))} {name}" for name in ("suspected", "accepted", "reverted", "expired") if name in states]
    return [*lines, ", ".join([words.counted(int(states.get("open", 0)), "open drift"), *others])]


def _line(row: Any, found: Drifts, zone: str) -> str:
    severity = "-" if pd.isna(row.severity) or not row.severity else words.fixed(row.severity, 0)
    chance = f" (q {words.number(row.q_value, 2)}: it may be chance)" if row.state == "suspected" and not row.q_value <= SURE_Q else ""
    return f"{severity:>4}  {row.state:<9}  {says.headline(row, found, zone)}{chance}  [{row.drift_id}]"


def accept(drift_id: str, *, reason: str, author: str, zone: str, now: pd.Timestamp) -> list[str]:
    """Make a drift the new normal of its series; what was done, in lines."""
    return _decide("accept", drift_id, reason=reason, author=author, zone=zone, now=now)


def reject(drift_id: str, *, reason: str, author: str, zone: str, now: pd.Timestamp) -> list[str]:
    """Take back that a drift was accepted; what was done, in lines."""
    return _decide("reject", drift_id, reason=reason, author=author, zone=zone, now=now)


def accept_event(
    event_id: str, *, direction: str, bound: float, reason: str, author: str, zone: str, now: pd.Timestamp
) -> list[str]:  # fmt: skip
    """Write a rule: what becomes of its service with this event, in this direction and within this bound, is the new normal."""
    if not bound > 0:
        raise ValueError(f"--bound {bound:g}: expected the largest effect to accept, as a fraction above 0, e.g. 0.3")
    with session.published():
        events, time = store.load("events"), _time(now)
    event = events[events["event_id"] == words.named(event_id, events["event_id"].tolist(), "event", "events")].iloc[0]
    path = _write([{"event_id": event["event_id"], "direction": direction, "bound": f"{bound:g}"}], "accept", time, author, reason)
    what = f"{event['kind']} of {words.moment(event['start'], zone)}"
    size = words.percent(bound, 0)
    return [f"written to {path} (commit it): an {direction} of at most {size} that begins with the {what} is the new normal", NEXT]


def _decide(action: str, drift_id: str, *, reason: str, author: str, zone: str, now: pd.Timestamp) -> list[str]:
    found = _published()
    name = words.named(drift_id, found.drifts["drift_id"].tolist(), "drift", "drifts")
    (row,) = found.drifts[found.drifts["drift_id"] == name].itertuples()
    is_accepted = _is_accepted(row)
    said = says.headline(row, found, zone)
    if is_accepted == (action == "accept"):
        raise ValueError(f"{said}: it is {'accepted already' if is_accepted else 'not accepted, so there is nothing to take back'}")
    starts = found.members[found.members["drift_id"] == name].groupby("series_id", observed=True)["start"].min()
    with session.published():
        time = _time(now)
    rows = [{"drift_id": name, "series_id": str(series), "start": _iso(start)} for series, start in starts.items()]
    path = _write(rows, action, time, author, reason)
    meaning = "it is the new normal" if action == "accept" else "it is open again"
    return [f"written to {path} (commit it): {said}; {meaning} for {words.counted(len(rows), 'series', 'series')}", NEXT]


def _is_accepted(row: Any) -> bool:
    """Whether a drift is accepted by the newest decision on it, which may be newer than the table."""
    decisions = store.decisions("rebaselines")
    mine = decisions[decisions["drift_id"] == row.drift_id].sort_values("time", kind="stable")
    return bool(mine["action"].iloc[-1] == "accept") if len(mine) else bool(row.state == "accepted")


def _write(rows: Sequence[dict[str, str]], action: str, time: pd.Timestamp, author: str, reason: str) -> Path:
    """Add rows to the decisions; the path of their file within the project."""
    empty = dict.fromkeys(("drift_id", "series_id", "start", "event_id", "direction", "bound"), "")
    for row in rows:
        path = store.decide("rebaselines", {"time": _iso(time), "author": author, "action": action, "reason": reason, **empty, **row})
    return path.relative_to(session.root())


def _published() -> Drifts:
    """The published drifts, with what they are told by."""
    with session.published():
        return published(store.load("drifts"), store.load("drift_members"), store.load("series"), now=store.now())


def _time(now: pd.Timestamp) -> pd.Timestamp:
    """When a decision counts: now; of older data, from their end on."""
    return min(now, store.now())


def _iso(time: pd.Timestamp) -> str:
    return time.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
