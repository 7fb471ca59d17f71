"""Certificates that expire: declared as events, or measured as the time that is left."""

from __future__ import annotations

import pandas as pd

from analytics.panel import Panels

__all__ = ["SIGNAL", "WITHIN_DAYS", "find_certificates"]

SIGNAL = "cert_expiry_s"
"""Signal of the time until a certificate expires, s."""

WITHIN_DAYS = 60
NEWEST = pd.Timedelta("2D")
COLUMNS = ["service", "region", "expires", "days_left", "said_by"]


def find_certificates(events: pd.DataFrame, signals: Panels, *, now: pd.Timestamp) -> pd.DataFrame:
    """Certificates that expire within `WITHIN_DAYS` of `now`, or have within as many days before; the next first.

    An event of kind certificate tells the moment of expiry by its `end`, or by its `start` where it has no end. Of a measured
    certificate the newest value of the last two days counts; of several sources for one service and region the measured one.
    """
    told = events[events["kind"] == "certificate"]
    # One that belongs to no single service (a wildcard) goes by its title.
    declared = told.assign(
        service=told["service"].astype("object").where(told["service"].notna(), told["title"]),
        expires=told["end"].fillna(told["start"]),
        said_by="declared",
    )[["service", "region", "expires", "said_by"]]
    parts = [part for part in (measured_expiry(signals, now=now), declared) if len(part)]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    found = pd.concat(parts, ignore_index=True)
    # One certificate seen from several regions, or also declared, is one line.
    found = found.sort_values(["said_by", "expires"], ascending=[False, True], kind="stable").drop_duplicates("service")
    days = (found["expires"] - now) / pd.Timedelta("1D")
    near = found.assign(days_left=days)[days.abs() <= WITHIN_DAYS]
    return near.sort_values(["expires", "service"], ignore_index=True)[COLUMNS]


def measured_expiry(signals: Panels, *, now: pd.Timestamp) -> pd.DataFrame:
    """When each measured certificate expires, from its newest value."""
    rows = []
    for ref in signals.select(signal=SIGNAL).between(now - NEWEST, now):
        if not (ref.series["last"] >= now - NEWEST).any():
            continue
        long = ref.load().between(now - NEWEST, now).frame().dropna(subset="value")
        newest = long.sort_values("time").drop_duplicates(["service", "region"], keep="last")
        expires = newest["time"] + pd.to_timedelta(newest["value"].astype(float).round(), unit="s")
        rows.append(newest[["service", "region"]].assign(expires=expires.astype("datetime64[ms, UTC]"), said_by="measured"))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["service", "region", "expires", "said_by"])
