"""Drifts as tables for people and as rows for figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics import panel, words
from analytics.drift import says
from analytics.drift.find import Drifts

__all__ = ["DIRECTION_TONES", "STATE_TONES", "drift_table", "member_table", "weeks"]

DIRECTION_TONES = {"regression": "worse", "improvement": "good", "neutral": "calm"}
STATE_TONES = {"open": "worse", "suspected": "worse", "expired": "calm", "accepted": "calm", "reverted": "good"}
WEEK = pd.Timedelta(days=7)


def drift_table(found: Drifts) -> pd.DataFrame:
    """Drifts for people, the gravest first."""
    drifts = found.drifts
    return pd.DataFrame(
        {
            "where": [says.where(row) for row in drifts.itertuples()],
            "kind": drifts["kind"],
            "direction": drifts["direction"],
            "effect": [_effect(*row) for row in zip(drifts["effect"], drifts["effect_low"], drifts["effect_high"], strict=True)],
            "start": drifts["start"],
            "severity": drifts["severity"],
            "q_value": drifts["q_value"],
            "state": drifts["state"],
            "drift_id": drifts["drift_id"],
        }
    )


def _effect(effect: float, low: float, high: float) -> str:
    return f"{words.signed(effect, words.percent)} {words.interval(low, high, words.percent)}"


def member_table(found: Drifts) -> pd.DataFrame:
    """Every changed series with its own onset and effect."""
    rows = found.details.merge(found.drifts[["drift_id", "state"]], on="drift_id")
    return pd.DataFrame(
        {
            "service": rows["service"],
            "region": rows["region"],
            "signal": rows["signal"],
            "kind": rows["kind"],
            "effect": [words.signed(value, words.percent) for value in rows["effect"]],
            "start": rows["start"],
            "detected_at": rows["detected_at"],
            "end": rows["end"],
            "severity": rows["severity"],
            "drift_id": rows["drift_id"],
        }
    )


def weeks(found: Drifts, now: pd.Timestamp) -> pd.DataFrame:
    """Severity of what was known and open by service, region (empty: several) and week: the gravest of each, 0 where nothing was."""
    columns = ["service", "region", "week", "severity"]
    if found.drifts.empty:
        return pd.DataFrame(columns=columns)
    services = found.details[["drift_id", "service"]].drop_duplicates()
    rows = services.merge(found.drifts.drop(columns="service"), on="drift_id").assign(region=lambda found_: found_["region"].fillna(""))
    first = panel.week_start(panel.to_ms(rows["detected_at"].min())) - 2 * panel.WEEK_MS
    mondays = pd.to_datetime(np.arange(first, panel.to_ms(now), panel.WEEK_MS), unit="ms", utc=True)
    grid = rows[["service", "region"]].drop_duplicates().merge(pd.DataFrame({"week": mondays}), how="cross")
    met = grid.merge(rows[["service", "region", "detected_at", "end", "severity"]], on=["service", "region"])
    is_open = (met["detected_at"] < met["week"] + WEEK) & (met["end"].isna() | (met["end"] > met["week"]))
    worst = met[is_open].assign(size=met["severity"].abs()).sort_values("size").drop_duplicates(columns[:3], keep="last")
    return grid.merge(worst[columns], on=columns[:3], how="left").fillna({"severity": 0.0}).sort_values(columns[:3], ignore_index=True)
