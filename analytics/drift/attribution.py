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

    An event concerns a change if it is the service's own, a callee's, or everybody's, and of the same region or all regions. It may have
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
    causes = events[events["kind"].isin(CAUSES)]
    callees = dependencies.groupby("caller", observed=True)["callee"].agg(set).to_dict()
    found = [_nearest(change, causes, callees.get(change.service, set()), window, since) for change in changes.itertuples(index=False)]
    return pd.DataFrame(found, columns=_Attributed._fields, index=changes.index).astype(
        {"event_id": "object", "event_scope": "object", "event_gap_s": "float64", "event_chance": "float64"}
    )


SCOPES = ("service", "callee", "everybody")


class _Attributed(NamedTuple):
    event_id: str | None
    event_scope: str | None
    event_gap_s: float
    event_chance: float


def _nearest(change: Any, causes: pd.DataFrame, callees: set[str], window: pd.Timedelta, since: pd.Timestamp) -> _Attributed:
    """Of one row of `changes`."""
    concerned = _concerned(change, causes, callees)
    near = concerned[(concerned["start"] <= change.start_high) & (concerned["last"] >= change.start_low - window)]
    if near.empty:
        return _Attributed(None, None, np.nan, np.nan)
    gap_s = _seconds(change.start - near["last"])
    order = near.assign(gap_s=gap_s, distance=gap_s.abs()).sort_values(
        ["distance", "rank", "start", "event_id"], ascending=[True, True, False, True]
    )
    event = order.iloc[0]
    return _Attributed(event["event_id"], SCOPES[event["rank"]], float(event["gap_s"]), _chance(change, event["last"], concerned, since))


def _concerned(change: Any, causes: pd.DataFrame, callees: set[str]) -> pd.DataFrame:
    """Events known by the detection that concern the change, whose they are (`rank` in `SCOPES`), their `last` time before the onset."""
    service, region = causes["service"].astype("object"), causes["region"].astype("object")
    rank = np.select([service == change.service, service.isin(callees), service.isna()], [0, 1, 2], default=-1)
    keep = (rank >= 0) & (region.isna() | (region == change.region)) & (causes["start"] < change.detected_at)
    mine = causes[keep].assign(rank=rank[keep])
    # An event that outlasts the onset is at no distance from it; one that began after it is as far as its beginning.
    last = mine["end"].fillna(mine["start"]).clip(upper=change.start)
    return mine.assign(last=last.where(last >= mine["start"], mine["start"]))


def _chance(change: Any, last: pd.Timestamp, concerned: pd.DataFrame, since: pd.Timestamp) -> float:
    """That an event touches the time from `last` to the latest possible onset."""
    ends = concerned["end"].fillna(concerned["start"]).clip(upper=change.detected_at)
    n, duration_s = len(concerned), float(_seconds(ends - concerned["start"]).mean())
    near_s, seen_s = _seconds(change.start_high - last), _seconds(change.detected_at - min(since, concerned["start"].min()))
    return float(-np.expm1(-n / seen_s * (near_s + duration_s)))


def _seconds(time: Any) -> Any:
    return time / pd.Timedelta(seconds=1)
