"""Changed series by hand."""

from __future__ import annotations

import pandas as pd

MONDAY = pd.Timestamp("2026-03-02T00:00Z").as_unit("ms")


def at(hours):
    """Hours after Monday, 2 March 2026, 00:00 UTC; None is no time."""
    return pd.NaT if hours is None else (MONDAY + pd.Timedelta(hours=hours)).as_unit("ms")


def change(series_id="web/eu/latency_ms", *, start=0.0, low=None, high=None, detected=None, end=None, effect=0.5, **more):
    """One row of table `changes`; times in hours, the onset's interval an hour to each side unless given."""
    service, region, signal = series_id.split("/")
    row = {
        "series_id": series_id,
        "service": service,
        "region": region,
        "signal": signal,
        "kind": "level",
        "direction": "regression",
        "start": at(start),
        "start_low": at(start - 1 if low is None else low),
        "start_high": at(start + 1 if high is None else high),
        "detected_at": at(start + 10 if detected is None else detected),
        "end": at(end),
        "effect": effect,
        "effect_low": effect - 0.1,
        "effect_high": effect + 0.1,
        "effect_size": 3.0,
        "p_value": 1e-6,
    }
    return {**row, **more}


def changes(*rows):
    """Frame of rows of `change`."""
    frame = pd.DataFrame(list(rows), columns=list(change()) if not rows else None)
    for name in ("start", "start_low", "start_high", "detected_at", "end"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]")
    return frame
