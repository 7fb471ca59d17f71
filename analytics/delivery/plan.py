"""What has to be told to a channel: the alerts of now against what it was told before. Nothing is read or sent here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd

from analytics import params, tables
from analytics.delivery.messages import is_over, state_of

__all__ = ["Planned", "Told", "plan"]


@dataclass(frozen=True)
class Told:
    """What one channel knows of one alert.

    `newest` is the alert of the newest message, sent or not; `sent` that of the last one which was, or may have been, sent.
    """

    n: int
    newest: dict[str, Any]
    sent: dict[str, Any] | None
    is_withdrawn: bool = False


@dataclass(frozen=True)
class Planned:
    """A message to put into the outbox; with `withheld` one that is not sent, and why."""

    change: str
    alert: dict[str, Any]
    before: dict[str, Any] | None
    n: int
    withheld: str = ""


def plan(
    alerts: Iterable[dict[str, Any]],
    told: Mapping[str, Told],
    *,
    at_least: str,
    updates: bool,
    settings: params.Delivery,
    as_of: datetime | None,
) -> list[Planned]:
    """Messages that a channel is owed, in the order in which the alerts changed.

    Parameters
    ----------
    alerts : rows of table `alerts` as plain JSON
    told : what the channel knows, by alert
    at_least : the least severity that it is told of
    updates : whether it is told that more has joined an alert
    as_of : until when the data behind `alerts` reach, where these are all alerts there are; None: others may exist elsewhere.
        An alert that was told and is not among all there are is taken back.

    Notes
    -----
    Running this again after its messages were put into the outbox gives nothing: a message is owed for a change of `state_of` only.
    """
    now = {str(alert["alert_id"]): alert for alert in alerts}
    owed = [_owed(alert, told.get(key), at_least=at_least, updates=updates, settings=settings, as_of=as_of) for key, alert in now.items()]
    if as_of is not None:
        owed += [_withdrawn(one, as_of=as_of) for key, one in told.items() if key not in now]
    return sorted((one for one in owed if one is not None), key=lambda one: (one.alert["changed_at"], one.alert["alert_id"]))


def _owed(
    alert: dict[str, Any], told: Told | None, *, at_least: str, updates: bool, settings: params.Delivery, as_of: datetime | None
) -> Planned | None:
    if told is not None and not told.is_withdrawn:
        is_older = alert["changed_at"] < told.newest["changed_at"]
        if is_older or state_of(alert) == state_of(told.newest):
            return None
    sent = told.sent if told is not None else None
    planned = Planned("opened", alert, sent, 1 if told is None else told.n + 1)
    is_silent = alert["silenced_by"] is not None or tables.LEVELS.index(alert["severity"]) < tables.LEVELS.index(at_least)
    if is_over(alert):
        if sent is not None and not is_over(sent):
            return replace(planned, change="resolved")
        return None if is_silent else _came_and_went(planned, settings=settings, as_of=as_of)
    if is_silent:
        return None
    change = _change(alert, sent)
    return replace(planned, change=change) if change != "updated" or updates else None


def _change(alert: dict[str, Any], sent: dict[str, Any] | None) -> str:
    if sent is None:
        return "opened"
    if is_over(sent):
        return "reopened"
    return "escalated" if tables.LEVELS.index(alert["severity"]) > tables.LEVELS.index(sent["severity"]) else "updated"


def _came_and_went(planned: Planned, *, settings: params.Delivery, as_of: datetime | None) -> Planned:
    """An alert that was over before the channel heard of it: news if it is fresh, else only noted."""
    is_old = as_of is not None and (as_of - pd.Timestamp(planned.alert["end"])).total_seconds() > settings.tell_within_s
    return replace(planned, change="resolved", withheld="over for too long when it was first seen" if is_old else "")


def _withdrawn(told: Told, *, as_of: datetime) -> Planned | None:
    is_known_open = told.sent is not None and not is_over(told.sent)
    is_covered = pd.Timestamp(told.newest["detected_at"]) <= as_of
    if told.is_withdrawn or not is_known_open or not is_covered:
        return None
    return Planned("withdrawn", told.newest | {"state": "resolved", "end": told.newest["changed_at"]}, told.sent, told.n + 1)
