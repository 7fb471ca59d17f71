"""Alerts as tables for people and as rows for figures."""

from __future__ import annotations

import pandas as pd

from analytics import tables, words

__all__ = [
    "REASON_WORDS",
    "SEVERITY_TONES",
    "drawn_from",
    "history_table",
    "open_alerts",
    "open_table",
    "silent_summary",
    "silent_table",
    "timeline",
    "told",
]

SEVERITY_TONES = {"critical": "bad", "warning": "worse", "info": "calm"}
REASON_WORDS = {
    "unconfirmed": "suspected, not sure yet",
    "severity": "too small to be told",
    "maintenance": "declared maintenance",
    "prober": "fault of the prober",
    "silence": "silenced by somebody",
    "shared": "told with others of the region",
    "dependency": "following from another alert",
}
NAME_WIDTH = 30
SHOWN_DAYS = 92
BEFORE_SHARE = 0.02
"""Room before the first bar of a figure, as a share of its width."""


def told(alerts: pd.DataFrame) -> pd.DataFrame:
    """Alerts that somebody is told of."""
    return alerts[alerts["silenced_by"].isna()]


def open_alerts(alerts: pd.DataFrame) -> pd.DataFrame:
    """Open alerts that somebody is told of, the most urgent first, then the longest open."""
    return _ranked(told(alerts)[told(alerts)["state"] != "resolved"])


def open_table(alerts: pd.DataFrame) -> pd.DataFrame:
    """Open alerts that are told, in that order: what and where, since when, how bad, likely why, the evidence."""
    rows = open_alerts(alerts)
    delay_s = (rows["detected_at"] - rows["start"]).dt.total_seconds()
    return rows.assign(delay_s=delay_s).rename(columns={"title": "alert"})[
        ["severity", "alert", "start", "delay_s", "score", "event", "evidence"]
    ]


def history_table(alerts: pd.DataFrame) -> pd.DataFrame:
    """Alerts that were told and are resolved, the newest first."""
    rows = told(alerts)[told(alerts)["state"] == "resolved"].sort_values(["end", "alert_id"], ascending=[False, True], ignore_index=True)
    return pd.DataFrame(
        {
            "severity": rows["severity"],
            "alert": rows["title"],
            "start": rows["start"],
            "length_s": (rows["end"] - rows["start"]).dt.total_seconds(),
            "delay_s": (rows["detected_at"] - rows["start"]).dt.total_seconds(),
            "n_findings": rows["n_findings"],
            "n_reopened": rows["n_reopened"],
            "evidence": rows["evidence"],
        }
    )


def silent_summary(alerts: pd.DataFrame) -> pd.DataFrame:
    """How many alerts nobody is told of, by reason: all, of these open, and the gravest."""
    silent = alerts[alerts["silenced_by"].notna()]
    rows = []
    for reason in tables.SILENCED_BY:
        mine = _ranked(silent[silent["silenced_by"] == reason])
        if len(mine):
            gravest = mine.sort_values(["score", "alert_id"], ascending=[False, True]).iloc[0]
            n_open = int((mine["state"] != "resolved").sum())
            rows.append(
                {"reason": REASON_WORDS[reason], "n": len(mine), "n_open": n_open, "gravest": gravest["title"], "score": gravest["score"]}
            )
    return pd.DataFrame(rows, columns=["reason", "n", "n_open", "gravest", "score"])


def silent_table(alerts: pd.DataFrame) -> pd.DataFrame:
    """The ledger of what nobody is told of, with the reason of each: open ones first, then the gravest."""
    silent = alerts[alerts["silenced_by"].notna()]
    rows = silent.assign(is_over=silent["state"] == "resolved").sort_values(
        ["is_over", "score", "alert_id"], ascending=[True, False, True], ignore_index=True
    )
    state = rows["is_over"].map({True: "over", False: "open"})
    return rows.assign(state=state).rename(columns={"title": "alert", "silenced_text": "reason"})[
        ["state", "alert", "start", "score", "reason", "evidence"]
    ]


def timeline(alerts: pd.DataFrame, *, now: pd.Timestamp) -> pd.DataFrame:
    """Alerts of the last three months for the figure: short names, `level` (severity, or 'silent'), an end for those that go on."""
    recent = alerts[alerts["end"].isna() | (alerts["end"] > now - pd.Timedelta(days=SHOWN_DAYS))]
    names = words.short_names(recent["service"].unique(), width=NAME_WIDTH)
    return recent.assign(
        service=recent["service"].map(names),
        level=recent["severity"].where(recent["silenced_by"].isna(), "silent"),
        end=recent["end"].fillna(now),
    ).reset_index(drop=True)[["service", "start", "detected_at", "end", "level", "title"]]


def drawn_from(rows: pd.DataFrame, *, now: pd.Timestamp) -> pd.Timestamp:
    """Where the figure of the timeline begins."""
    first = max(rows["start"].min(), now - pd.Timedelta(days=SHOWN_DAYS)) if len(rows) else now - pd.Timedelta(days=1)
    first = min(first, now - pd.Timedelta(hours=1))
    return first - (now - first) * BEFORE_SHARE


def _ranked(alerts: pd.DataFrame) -> pd.DataFrame:
    rank = alerts["severity"].map({severity: -order for order, severity in enumerate(tables.LEVELS)})
    return alerts.assign(rank=rank).sort_values(["rank", "start", "alert_id"], ignore_index=True)
