"""Strange stretches, written as briefly as a test can read them."""

from __future__ import annotations

import pandas as pd

from analytics import params, tables

DAY = pd.Timestamp("2026-03-02T00:00Z")
SETTINGS = params.Anomalies()


def at(minutes):
    """A time, in minutes after midnight."""
    return DAY + pd.Timedelta(minutes=minutes)


def episode(series="web/eu/latency_ms", start=0, end=10, *, known=None, effect=1.0, per_week=0.001, n_points=2, **more):
    """A strange stretch of a series named by its service, region and signal; `end` None: it goes on."""
    service, region, signal = series.split("/")
    plain = {"observed": 200.0, "expected": 100.0, "low": 80.0, "high": 120.0, "detector": "forecast", "unit": "ms", "step_s": 300}
    times = {"start": at(start), "peak": at(start), "end": pd.NaT if end is None else at(end)}
    direction = "regression" if effect > 0 else "improvement"
    return (
        plain
        | times
        | {"series_id": series, "service": service, "region": region, "signal": signal, "effect": effect, "direction": direction}
        | {"detected_at": at(start + 5 if known is None else known), "p_value": 1e-4, "per_week": per_week, "n_points": n_points}
        | more
    )


def episodes(*rows):
    frame = pd.DataFrame(rows)
    return frame.assign(
        **{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("start", "peak", "end", "detected_at")}
    )


def feedback(*rows):
    """(known at minute, anomaly_id, label, strength)."""
    frame = pd.DataFrame(
        [
            {
                "time": at(time), "author": "ada", "anomaly_id": name, "label": label, "reason": "a batch job", "service": "web",
                "signal": "latency_ms", "direction": "regression", "hour": "0", "strength": strength,
            }
            for time, name, label, strength in rows
        ],
        columns=tables.DECISIONS["feedback"].names,
    )  # fmt: skip
    return frame.assign(time=pd.to_datetime(frame["time"], utc=True).astype("datetime64[ms, UTC]"))


def masks(*rows):
    """(service, region, from, until, reason)."""
    frame = pd.DataFrame(rows, columns=["service", "region", "start", "end", "reason"])
    return frame.assign(start=[at(one) for one in frame["start"]], end=[at(one) for one in frame["end"]], source="plan")
