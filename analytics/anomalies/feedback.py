"""What people say of anomalies: `analytics alerts label`. It reads what is known and writes `data/decisions/feedback.csv`."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import session, store, words
from analytics.anomalies import explain
from analytics.anomalies.suppress import is_like

__all__ = ["label"]


def label(anomaly_id: str, said: str, *, reason: str, author: str, zone: str, now: pd.Timestamp) -> list[str]:
    """Call an anomaly a false alarm, or a true one after all; what was written and what it will change, in lines.

    Parameters
    ----------
    anomaly_id : the beginning of its id, or of that of the alert that it opened

    Raises
    ------
    ValueError
        For an id that no anomaly has, or that several begin with.
    """
    with store.newest():
        anomalies, suppressed = store.load("anomalies"), store.load("suppressed")
        alerts = store.load("alerts")
    time = min(now, store.known_until())
    name = _named(anomaly_id, anomalies["anomaly_id"].tolist(), alerts[alerts["finding"] == "anomaly"])
    (one,) = anomalies[anomalies["anomaly_id"] == name].itertuples()
    row = {
        "time": f"{time.tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}",
        "author": author,
        "anomaly_id": name,
        "label": said,
        "reason": reason,
        "service": one.service,
        "signal": one.signal,
        "direction": one.direction,
        "hour": str(one.start.hour),
        "strength": f"{one.score:.1f}",
    }
    path = store.decide("feedback", row)
    lines = [f"written to {path.relative_to(session.root())} (commit it): {explain.headline(one, zone)}: called a {said} alarm"]
    return [*lines, *_preview(one, said, anomalies, suppressed, zone), "it counts from the next run on: analytics run --all"]


def _named(given: str, known: list[str], alerts: pd.DataFrame) -> str:
    """The anomaly that an id, or an alert's id, begins with these letters; what lists and messages show are alerts."""
    opened = alerts.loc[alerts["alert_id"].str.startswith(given), "finding_id"].tolist()
    is_alert = len(opened) == 1 and not any(name.startswith(given) for name in known)
    return words.named(opened[0] if is_alert else given, known, "anomaly", "anomalies")


def _preview(one: Any, said: str, anomalies: pd.DataFrame, suppressed: pd.DataFrame, zone: str) -> list[str]:
    """What the same decision would have kept back in the past: so many like it, and those among them that were grave."""
    if said == "true":
        return ["neither it nor its like is kept back for this any more"]
    told = anomalies[~anomalies["anomaly_id"].isin(suppressed["anomaly_id"])]
    was = {"service": one.service, "signal": one.signal, "direction": one.direction, "hour": one.start.hour, "score": one.score}
    like = [row for row in told.itertuples() if row.anomaly_id != one.anomaly_id and is_like(row, **was)]
    gravest = max(like, key=lambda row: row.severity, default=None)
    if gravest is None:
        return ["of the alarms so far none is like it"]
    count = words.counted(len(like), "alarm")
    return [f"{count} so far would have been kept back as its like; the gravest: {explain.headline(gravest, zone)}"]
