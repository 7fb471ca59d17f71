"""Drifts as tables for people and as rows for figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analytics import panel, words
from analytics.drift import says
from analytics.drift.find import Drifts
from analytics.stats.bins import TAIL_SHARE

__all__ = ["STATE_TONES", "chance", "drift_table", "member_table", "weeks", "weeks_per_row"]

DIRECTION_WORDS = {"regression": ", worse", "improvement": ", better", "neutral": ""}
STATE_TONES = {
    **dict.fromkeys(["suspected", "suspected, worse", "suspected, better", "expired", "accepted"], "calm"),
    "open, worse": "worse",
    "open, better": "good",
    "open": "calm",
    "reverted": "good",
}
WEEK = pd.Timedelta(days=7)


def chance(q_value: float) -> str:
    """A q-value in two decimals; one that is smaller is not zero."""
    return f"<{words.NBSP}0.01" if q_value < 0.005 else words.fixed(q_value, 2)


def drift_table(found: Drifts) -> pd.DataFrame:
    """Drifts for people, those to act on first; `address` is where each is told on the page."""
    drifts = found.drifts
    return pd.DataFrame(
        {
            "where": [says.where(row, found) for row in drifts.itertuples()],
            "change": [_change(row, found) for row in drifts.itertuples()],
            "start": drifts["start"],
            "severity": drifts["severity"],
            "state": _state(drifts),
            "q_value": drifts["q_value"],
            # So much of an id is enough for `analytics drift accept`.
            "drift_id": drifts["drift_id"].str[:8],
            "address": ("#" + drifts["drift_id"]).where(says.is_told(drifts)),
        }
    )


def _state(drifts: pd.DataFrame) -> pd.Series:
    """The state, and of what goes on whether that is for the worse."""
    goes_on = drifts["state"].isin(["open", "suspected"])
    more = drifts["direction"].map(DIRECTION_WORDS).astype("object").where(goes_on, "")
    return drifts["state"].astype("object") + more


def _change(row: Any, found: Drifts) -> str:
    """What has changed, by how much, with its interval: latency_ms +18 % [16, 20]; of shares before and since."""
    mine = found.details[found.details["drift_id"] == row.drift_id]
    alike = mine[mine["kind"] == row.kind]
    if row.kind not in words.SHARES or alike.empty:
        signals = sorted(set(alike["signal"] if len(alike) else mine["signal"]))
        between = words.change_interval(row.kind, row.effect, row.effect_low, row.effect_high)
        return f"{words.change(row.kind, row.effect, signals)} {between}"
    usual = alike["before"].median() if row.kind == "availability" else TAIL_SHARE
    since, low, high = (usual + effect for effect in (row.effect, row.effect_low, row.effect_high))
    what, does, _ = words.SHARES[row.kind]
    before, now = words.percent(usual), words.percent(since)
    return f"{before} → {now} {words.interval(low, high, words.percent)} of {what} {does}"


def member_table(found: Drifts) -> pd.DataFrame:
    """Every changed series with its own onset and effect; `address` is where its drift is told on the page."""
    told = found.drifts.loc[says.is_told(found.drifts), "drift_id"]
    # In the order of the drifts.
    place = found.details["drift_id"].map({name: place for place, name in enumerate(found.drifts["drift_id"])})
    rows = found.details.iloc[place.argsort(kind="stable")]
    return pd.DataFrame(
        {
            "service": rows["service"],
            "region": rows["region"],
            "change": [_own_change(row) for row in rows.itertuples()],
            "start": rows["start"],
            "detected_at": rows["detected_at"],
            "end": rows["end"],
            "severity": rows["severity"],
            "drift_id": rows["drift_id"].str[:8],
            "address": ("#" + rows["drift_id"]).where(rows["drift_id"].isin(told)),
        }
    )


def _own_change(row: Any) -> str:
    """What has changed of one series, by how much; of shares the signal is named, for a change of the tail is one of a quantile."""
    said = words.change(row.kind, row.effect, [row.signal])
    return f"{row.signal}: {said}" if row.kind == "tail" else said


def weeks(found: Drifts, now: pd.Timestamp) -> pd.DataFrame:
    """Severity of what was known and open by service, region (empty: several) and week: the gravest of each, 0 where nothing was.

    Where there are more weeks than a reader can tell apart, a row is of several (`weeks_per_row`).
    """
    columns = ["service", "region", "week", "severity"]
    if found.drifts.empty:
        return pd.DataFrame(columns=columns).astype({"week": "datetime64[ms, UTC]", "severity": float})
    own = _own_severity(found).merge(found.drifts.drop(columns=["service", "severity"]), on="drift_id")
    rows = own.assign(region=own["region"].fillna(""), severity=own["severity"].fillna(0.0))
    first = panel.week_start(panel.to_ms(rows["detected_at"].min())) - 2 * panel.WEEK_MS
    n = weeks_per_row(found, now)
    mondays = pd.to_datetime(np.arange(first, panel.to_ms(now), n * panel.WEEK_MS), unit="ms", utc=True)
    grid = rows[["service", "region"]].drop_duplicates().merge(pd.DataFrame({"week": mondays}), how="cross")
    rows = rows.assign(end=rows["end"].fillna(rows["expires_at"]))
    met = grid.merge(rows[["service", "region", "detected_at", "end", "severity"]], on=["service", "region"])
    is_open = (met["detected_at"] < met["week"] + n * WEEK) & (met["end"] > met["week"])
    worst = met[is_open].assign(size=met["severity"].abs()).sort_values("size").drop_duplicates(columns[:3], keep="last")
    return grid.merge(worst[columns], on=columns[:3], how="left").fillna({"severity": 0.0}).sort_values(columns[:3], ignore_index=True)


MOST_COLUMNS = 30


def weeks_per_row(found: Drifts, now: pd.Timestamp) -> int:
    """Weeks that are told together: one, four, a quarter, half a year or a year, so that they are few enough."""
    n_weeks = 0.0 if found.drifts.empty else (now - found.drifts["detected_at"].min()) / WEEK + 3
    return next((n for n in (1, 4, 13, 26) if n_weeks / n <= MOST_COLUMNS), 52)


def _own_severity(found: Drifts) -> pd.DataFrame:
    """drift_id, service, severity: of a drift of several services what each has of its own, the sum over its regions."""
    by_region = found.details.groupby(["drift_id", "service", "region"], observed=True)["severity"].median()
    own = by_region.groupby(level=[0, 1], observed=True).sum().reset_index()
    whole = own["drift_id"].map(found.drifts.dropna(subset="service").set_index("drift_id")["severity"])
    return own.assign(severity=whole.fillna(own["severity"]))
