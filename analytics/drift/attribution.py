"""Which declared event came just before a drift, and how often would one by chance?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = ["CAUSES", "attribute"]

CAUSES = ("deploy", "maintenance", "config", "flag", "launch")
"""Kinds of events that change a service on purpose."""


def attribute(
    changes: pd.DataFrame, events: pd.DataFrame, dependencies: pd.DataFrame, *, window: pd.Timedelta, since: pd.Timestamp
) -> pd.DataFrame:
    """The declared event nearest to the onset of each change, with the time between and how often chance puts one as near.

    An event concerns a change if it is the service's own, a callee's, or everybody's, and of the same region or all regions; what
    happened to several services or regions (none is named) is only explained by events for all of them. It may have
    been going on, or over, at any time from `window` before the earliest to the latest possible onset. The time between is from
    its end (or, for a moment, from itself) to the estimated onset; 0 if the onset lies within it, negative if it began after the
    estimated, but not after the latest possible onset. Of equally near ones the service's own, then a callee's, then everybody's
    counts, then the latest.

    The chance is that of a Poisson process with the rate of all events that concern the change, from `since` to the detection: with rate r
    and mean duration d, one touches the time t from the event's end to the latest possible onset with probability
    ``1 - exp(-r (t + d))``. The event itself is in the rate, so that a single one is never taken for a sign by itself.
    Only events that began before the change was detected are looked at: what was not known then explains nothing then.

    Parameters
    ----------
    changes : frame with service, region, start, start_low, start_high, detected_at
    events : table `events`
    dependencies : table `dependencies`
    window : how long before the earliest possible onset an event may be over
    since : when events began to be declared (or the data, if later)

    Returns
    -------
    frame with event_id, event_scope (service, callee, everybody), event_gap_s, event_chance; missing where no event is near; the index of
    `changes`

    References
    ----------
    Kingman (1993), Poisson Processes, ch. 2 (the number of events that touch an interval is Poisson with mean r (t + d)).
    """
    declared: dict[str | None, list[Any]] = {}
    for event in events[events["kind"].isin(CAUSES)].itertuples(index=False):
        declared.setdefault(None if pd.isna(event.service) else event.service, []).append(event)
    callees = dependencies.groupby("caller", observed=True)["callee"].agg(set).to_dict()
    found = [
        _nearest(change, _concerned(change, declared, callees.get(change.service, set())), window, since)
        for change in changes.itertuples(index=False)
    ]
    return pd.DataFrame(found, columns=_Attributed._fields, index=changes.index).astype(
        {"event_id": "object", "event_scope": "object", "event_gap_s": "float64", "event_chance": "float64"}
    )


SCOPES = ("service", "callee", "everybody")


class _Attributed(NamedTuple):
    event_id: str | None
    event_scope: str | None
    event_gap_s: float
    event_chance: float


class _Concerned(NamedTuple):
    """An event known by the detection of a change that concerns it: whose it is (index in `SCOPES`), its last time before the onset."""

    event_id: str
    scope: int
    start: pd.Timestamp
    end: pd.Timestamp
    last: pd.Timestamp


def _concerned(change: Any, declared: dict[str | None, list[Any]], callees: set[str]) -> list[_Concerned]:
    own = [] if pd.isna(change.service) else [change.service]
    scopes = (own, sorted(callees.difference(own)), [None])
    return [
        # An event that outlasts the onset is at no distance from it; one that began after it is as far as its beginning.
        _Concerned(event.event_id, scope, event.start, end := _end(event), max(min(end, change.start), event.start))
        for scope, services in enumerate(scopes)
        for service in services
        for event in declared.get(service, [])
        if event.start < change.detected_at and (pd.isna(event.region) or event.region == change.region)
    ]


def _end(event: Any) -> pd.Timestamp:
    return event.start if pd.isna(event.end) else event.end


def _nearest(change: Any, concerned: list[_Concerned], window: pd.Timedelta, since: pd.Timestamp) -> _Attributed:
    near = [event for event in concerned if event.start <= change.start_high and event.last >= change.start_low - window]
    if not near:
        return _Attributed(None, None, np.nan, np.nan)
    nearest = min(near, key=lambda event: (abs(change.start - event.last), event.scope, -event.start.value, event.event_id))
    gap_s = _seconds(change.start - nearest.last)
    return _Attributed(nearest.event_id, SCOPES[nearest.scope], gap_s, _chance(change, nearest.last, concerned, since))


def _chance(change: Any, last: pd.Timestamp, concerned: list[_Concerned], since: pd.Timestamp) -> float:
    """That an event touches the time from `last` to the latest possible onset."""
    lasted_s = sum(_seconds(min(event.end, change.detected_at) - event.start) for event in concerned)
    near_s, seen_s = _seconds(change.start_high - last), _seconds(change.detected_at - min(since, *(event.start for event in concerned)))
    return float(-np.expm1(-(len(concerned) * near_s + lasted_s) / seen_s))


def _seconds(time: pd.Timedelta) -> float:
    return float(time.total_seconds())
