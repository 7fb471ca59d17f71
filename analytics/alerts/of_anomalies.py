"""Anomalies as findings: told when they are known, again as they grow, and when they are over."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import tables, words
from analytics.alerts import declared

__all__ = ["findings_of_anomalies"]


def findings_of_anomalies(
    anomalies: pd.DataFrame, course: pd.DataFrame, suppressed: pd.DataFrame, events: pd.DataFrame, *, zone: str
) -> pd.DataFrame:  # fmt: skip
    """Anomalies that are alarms as findings, in the columns of `tables.FINDINGS`: a row for each time at which more was known.

    Parameters
    ----------
    anomalies, course, suppressed, events : tables `anomalies`, `anomaly_course`, `suppressed`, `events`
    """
    alarms = anomalies[~anomalies["anomaly_id"].isin(suppressed["anomaly_id"])]
    known = course.rename(columns={"severity": "severity_then", "effect": "effect_then"})
    rows = alarms.merge(known[["anomaly_id", "known_at", "severity_then", "is_over"]], on="anomaly_id")
    rows = rows[rows["known_at"] >= rows["detected_at"]]
    found = pd.DataFrame(
        {
            "finding": "anomaly",
            "finding_id": rows["anomaly_id"],
            "known_at": rows["known_at"],
            "service": rows["service"],
            "region": rows["region"].astype("object").where(rows["region"].notna(), None),
            "signals": rows["signals"],
            "start": rows["start"],
            "end": rows["end"].where(rows["is_over"]),
            "state": rows["is_over"].map({True: "over", False: "open"}),
            "severity": rows["severity_then"],
            "direction": rows["direction"],
            "what": [words.deviation(row.signal, row.effect) for row in rows.itertuples()],
            "size": [_size(row) for row in rows.itertuples()],
            "event": declared.near(rows, events, zone=zone),
            "evidence": "anomalies.html#" + rows["anomaly_id"],
        },
        columns=tables.FINDINGS.names,
    )
    times = [column.name for column in tables.FINDINGS.columns if column.kind == "time"]
    return found.assign(**{name: pd.to_datetime(found[name], utc=True).astype("datetime64[ms, UTC]") for name in times})


def _size(row: Any) -> str:
    """The value furthest from what was expected, how strange it was, and how many series show it."""
    unit = "ms" if row.signal.startswith("latency") else ""
    came = words.against(row.signal, unit, value=row.observed, expected=row.expected, low=row.low, high=row.high)
    return f"{came}; score {words.fixed(row.score, 0)} of 100, {words.counted(row.n_series, 'series', 'series')}"
