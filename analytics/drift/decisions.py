"""What people, and the rules they made, have decided about drifts: read, added to, replayed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import store

__all__ = ["decide", "decide_event", "read_decisions", "replay"]

NAME = "rebaselines"


def read_decisions() -> pd.DataFrame:
    """Rows of `data/decisions/rebaselines.csv`, checked, in the order in which they were written."""
    found = store.decisions(NAME)
    for line, row in enumerate(found.itertuples(index=False), start=1):
        _check(row, f"data/decisions/{NAME}.csv, row {line}")
    return found


def decide(drift_id: str, action: str, *, author: str, reason: str, time: pd.Timestamp) -> None:
    """Accept a drift as the new normal, or reject it (taking back an acceptance, of a rule too): one more row of the file."""
    store.append_decision(NAME, {"time": time, "author": author, "action": action, "drift_id": drift_id, "reason": reason})


def decide_event(event_id: str, action: str, *, direction: str, bound: float, author: str, reason: str, time: pd.Timestamp) -> None:
    """A rule: accept (or reject) what a declared event changes: drifts attributed to it, of that direction, surely not above `bound`.

    Raises
    ------
    ValueError
        For a bound that is not above 0 (a relative effect as a fraction: 0.1 is 10 %), an unknown action or direction.
    """
    if not bound > 0:
        raise ValueError(f"bound {bound:g}: expected the largest relative effect that the rule covers, as a fraction above 0")
    rule = {"event_id": event_id, "direction": direction, "bound": bound}
    store.append_decision(NAME, {"time": time, "author": author, "action": action, "reason": reason, **rule})


def _check(row: Any, where: str) -> None:
    rule = [not pd.isna(value) for value in (row.event_id, row.direction, row.bound)]
    if pd.isna(row.drift_id) == (not any(rule)):
        raise ValueError(f"{where}: expected either a drift_id, or the event_id, direction and bound of a rule")
    if any(rule) and not (all(rule) and row.bound > 0):
        raise ValueError(f"{where}: a rule needs event_id, direction and a bound above 0")


def replay(decisions: pd.DataFrame, drifts: pd.DataFrame, *, now: pd.Timestamp) -> pd.DataFrame:
    """What was decided about each drift by `now`: the last word counts.

    A rule speaks when both it and the drift are known: at its own time, or at the drift's detection if that is later. It speaks
    about drifts attributed to its event, of its direction, whose effect's interval lies within its bound to both sides; a later rule
    that rejects the same takes it back. Of two words at one time the later row counts. Rows after `now` are not read.

    Parameters
    ----------
    decisions : result of `read_decisions`
    drifts : frame with drift_id, detected_at, direction, effect_low, effect_high, event_id

    Returns
    -------
    frame with drift_id, action (missing: none), decided_at, author, reason, is_rule; one row for each drift, in their order
    """
    known = [row for row in decisions.itertuples(index=False) if row.time <= now]
    return pd.DataFrame([_last_word(drift, known, now) for drift in drifts.itertuples(index=False)], columns=DECIDED).assign(
        decided_at=lambda frame: pd.to_datetime(frame["decided_at"], utc=True).astype("datetime64[ms, UTC]")
    )


DECIDED = ["drift_id", "action", "decided_at", "author", "reason", "is_rule"]


def _last_word(drift: Any, decisions: list[Any], now: pd.Timestamp) -> tuple[Any, ...]:
    words = [
        (max(row.time, drift.detected_at), place, row)
        for place, row in enumerate(decisions)
        if (row.drift_id == drift.drift_id if not pd.isna(row.drift_id) else _covers(row, drift))
    ]
    spoken = [word for word in words if word[0] <= now]
    if not spoken:
        return drift.drift_id, None, pd.NaT, None, None, False
    time, _, row = max(spoken, key=lambda word: word[:2])
    return drift.drift_id, row.action, time, row.author, row.reason, bool(pd.isna(row.drift_id))


def _covers(rule: Any, drift: Any) -> bool:
    within = -rule.bound <= drift.effect_low and drift.effect_high <= rule.bound
    return bool(rule.event_id == drift.event_id and rule.direction == drift.direction and within)
