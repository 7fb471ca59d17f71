"""What was promised, by whom, and which calendar months it is judged by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analytics import calendars, params, store
from analytics.panel import Panels

__all__ = ["chosen", "find_periods", "find_promises", "of_signals"]

PROMISING = ("service", "client_view")
"""Roles that promise something by themselves; the others only where an objective is given for them."""

SIGNALS = {"availability": "availability", "latency": "latency_ms"}
"""Kind of objective -> the signal it is judged by."""


def chosen(signals: Panels, *, service: str | None, region: str | None, start: Any, end: Any, now: pd.Timestamp) -> Panels:
    """The panels that the parameters of a notebook ask for; nothing later than `now`.

    Raises
    ------
    ValueError
        If a time has no zone, or nothing was measured of that service and region, or between these times.
    """
    low, high = (None if time is None else store.now(time) for time in (start, end))
    found = signals.of(service=service, region=region)
    cut = found.between(low, now if high is None else min(high, now))
    if len(found) and not len(cut):
        first = pd.Timestamp(min(ref.start_ms for ref in found), unit="ms", tz="UTC")
        raise ValueError(
            f"nothing was measured from {low or 'the beginning'} to {high or now}; what was lies between {first} and {found.end}: "
            "choose another start, end or now"
        )
    return cut


def of_signals(frame: pd.DataFrame, signals: Panels) -> pd.DataFrame:
    """Rows that concern a service and region of the panels; an empty service or region concerns all."""
    known = {name: {value for ref in signals for value in ref.series[name]} for name in ("service", "region")}
    keep = [frame[name].isna() | frame[name].isin(values) for name, values in known.items()]
    return frame[keep[0] & keep[1]].reset_index(drop=True)


def find_promises(services: pd.DataFrame, *, project: params.Project) -> pd.DataFrame:
    """One row per service and kind of objective: what is promised; where nothing is, `objective` is empty.

    Returns
    -------
    frame with service, name, role, objective_kind, objective, limit_ms; sorted by service and kind
    """
    promises = services["role"].isin(PROMISING)
    share = services["objective"].astype(float)
    limit = services["latency_objective_ms"].astype(float)
    general_limit = np.nan if project.latency_objective_ms is None else project.latency_objective_ms
    keys = services[["service", "role"]].assign(name=services["name"].where(services["name"].notna(), services["service"]))
    availability = keys.assign(
        objective_kind="availability", objective=share.where(share.notna() | ~promises, project.objective), limit_ms=np.nan
    )
    latency = keys.assign(objective_kind="latency", limit_ms=limit.where(limit.notna() | ~promises, general_limit))
    latency = latency[latency["limit_ms"].notna()].assign(objective=project.latency_objective_share)
    columns = ["service", "name", "role", "objective_kind", "objective", "limit_ms"]
    return pd.concat([availability[columns], latency[columns]]).sort_values(["service", "objective_kind"], ignore_index=True)


def find_periods(signals: Panels, *, now: pd.Timestamp, zone: str) -> list[calendars.Period]:
    """Calendar months from the first measured step to `now`, oldest first."""
    if not len(signals):
        return []
    start = pd.Timestamp(min(ref.start_ms for ref in signals), unit="ms", tz="UTC")
    return calendars.months(start, now, zone)
