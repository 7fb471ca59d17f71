"""Anomalies as tables for people and as rows for figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytics import words
from analytics.anomalies import explain
from analytics.anomalies.calibration import LEVEL
from analytics.anomalies.find import Anomalies
from analytics.anomalies.shared import companions
from analytics.anomalies.trial import KINDS, Trial
from analytics.stats import rates

if TYPE_CHECKING:
    from analytics.anomalies.course import Course

__all__ = [
    "DIRECTION_TONES",
    "REASON_WORDS",
    "alarm_table",
    "budget_table",
    "days",
    "ledger_summary",
    "ledger_table",
    "other_alarms",
    "recent",
    "services_table",
    "trial_table",
]

DIRECTION_TONES = {"regression": "worse", "improvement": "good", "neutral": "calm"}
REASON_WORDS = {
    "maintenance": "declared maintenance",
    "prober": "fault of the prober",
    "feedback": "called a false alarm",
    "small": "too small to matter",
    "short": "a single odd check",
    "regions": "too few regions",
    "budget": "chance may have made it",
}
DAY = pd.Timedelta(days=1)


def recent(anomalies: pd.DataFrame, now: pd.Timestamp, n_days: int) -> pd.DataFrame:
    """Anomalies that began, or went on, in the newest days."""
    return anomalies[anomalies["end"].fillna(now) > now - n_days * DAY]


def _where(row: Any, n_others: int) -> str:
    return explain.where(row) + (f" and {words.counted(n_others, 'other service')}" if n_others else "")


def alarm_table(found: Anomalies, now: pd.Timestamp, n_days: int) -> pd.DataFrame:
    """Alarms of the newest days for people, the gravest first; those of several services at once are one row."""
    others = companions(found.alarms)
    rows = recent(found.alarms, now, n_days).sort_values(["severity", "anomaly_id"], ascending=[False, True])
    rows = rows[rows["anomaly_id"].isin(others)]
    return pd.DataFrame(
        {
            "where": [_where(row, len(others[row.anomaly_id])) for row in rows.itertuples()],
            "what": [explain.what(row) for row in rows.itertuples()],
            "severity": rows["severity"],
            "start": rows["start"],
            "length_s": (rows["end"].fillna(now) - rows["start"]).dt.total_seconds(),
            "delay_s": (rows["detected_at"] - rows["start"]).dt.total_seconds(),
            "direction": rows["direction"],
            "score": rows["score"],
            "page": "#" + rows["anomaly_id"],
        }
    )


def other_alarms(found: Anomalies, looked: Sequence[Course], others: Sequence[Mapping[str, Any]], now: pd.Timestamp) -> pd.DataFrame:
    """All alarms that no chapter tells (neither of `looked` nor of `others`), the newest first: a link leads to each."""
    told = [one.anomaly.anomaly_id for one in looked] + [one["anchor"] for one in others]
    rows = found.alarms[~found.alarms["anomaly_id"].isin(told)]
    return pd.DataFrame(
        {
            "where": [explain.where(row) for row in rows.itertuples()],
            "what": [explain.what(row) for row in rows.itertuples()],
            "since": rows["start"],
            "length_s": (rows["end"].fillna(now) - rows["start"]).dt.total_seconds(),
            "severity": rows["severity"],
            "anomaly_id": rows["anomaly_id"],
        }
    )


def ledger_table(found: Anomalies, now: pd.Timestamp, n_days: int) -> pd.DataFrame:
    """Anomalies of the newest days that are no alarm, with the rule that holds."""
    rows = recent(found.anomalies, now, n_days).merge(found.suppressed, on="anomaly_id")
    rows = rows.sort_values(["severity", "anomaly_id"], ascending=[False, True])
    return pd.DataFrame(
        {
            "where": [explain.where(row) for row in rows.itertuples()],
            "what": [explain.what(row) for row in rows.itertuples()],
            "start": rows["start"],
            # The rule says the reason; the parameter behind it stands in table `suppressed`.
            "rule": rows["rule"].str.replace(r" \(anomalies\.[\w, ]+\)$", "", regex=True),
            "severity": rows["severity"],
            "score": rows["score"],
            # So much of an id is enough for `analytics alerts label`.
            "anomaly_id": rows["anomaly_id"].str[:8],
        }
    )


def ledger_summary(found: Anomalies) -> pd.DataFrame:
    """How many anomalies each reason kept back."""
    counts = found.suppressed["reason"].value_counts()
    return pd.DataFrame({"reason": [REASON_WORDS[name] for name in counts.index], "n": counts.to_numpy()})


def services_table(found: Anomalies) -> pd.DataFrame:
    """Per service: alarms, how many a week, what chance is allowed, the gravest."""
    alarms = found.alarms
    n = alarms.groupby("service", observed=True).size().reindex(found.weeks.index, fill_value=0)
    worst = alarms.groupby("service", observed=True)["severity"].max().reindex(found.weeks.index)
    kept_back = found.anomalies[~found.anomalies["anomaly_id"].isin(alarms["anomaly_id"])]
    rows = pd.DataFrame(
        {
            "service": found.weeks.index.astype("object"),
            "n_alarms": n.to_numpy(),
            "per_week": n.to_numpy() / found.weeks.to_numpy(float),
            "by_chance": found.budget * found.weeks.to_numpy(float),
            "n_suppressed": kept_back.groupby("service", observed=True).size().reindex(found.weeks.index, fill_value=0).to_numpy(),
            "severity": worst.to_numpy(),
        }
    )
    return rows.sort_values(["severity", "service"], ascending=[False, True], na_position="last", ignore_index=True)


def days(found: Anomalies, now: pd.Timestamp, n_days: int) -> pd.DataFrame:
    """Gravest alarm of each day, of the services that had one: service, day, severity (0: none)."""
    alarms = recent(found.alarms, now, n_days)
    last = (now - pd.Timedelta(1, "ms")).floor("D")
    grid = pd.DataFrame({"day": pd.date_range(last - (n_days - 1) * DAY, last, freq="D")})
    cells = pd.DataFrame({"service": found.weeks.index.astype("object")}).merge(grid, how="cross")
    met = cells.merge(alarms[["service", "start", "end", "severity"]].astype({"service": "object"}), on="service", how="left")
    is_on = (met["start"] < met["day"] + DAY) & (met["end"].fillna(now) > met["day"])
    met = met.assign(severity=met["severity"].where(is_on, 0.0).fillna(0.0))
    whole = met.groupby(["service", "day"], as_index=False)["severity"].max()
    # Of hundreds of services those with nothing to show would hide the others.
    has_any = whole.groupby("service")["severity"].transform("max") > 0
    return whole[has_any].reset_index(drop=True) if has_any.any() else whole


def budget_table(realised: pd.DataFrame) -> pd.DataFrame:
    """What each budget allowed and what came, from `calibration.realised`, for people."""
    interval = [words.interval(row.low, row.high, lambda value: words.number(value, 2)) for row in realised.itertuples()]
    return realised.assign(interval=interval)[["budget", "n_services", "weeks", "allowed", "n_strange", "n_told", "rate", "interval"]]


def trial_table(trial: Trial) -> pd.DataFrame:
    """Of each kind of anomaly put in: how many, the share told with its exact interval, after how long, the share for a larger budget."""
    order = [kind.name for kind in KINDS if kind.name in set(trial.put["kind"])]
    of = trial.put.groupby("kind")
    shares = {"n": of.size(), "n_caught": of["is_caught"].sum(), "for_more": of["is_caught_for_more"].mean()}
    rows = pd.DataFrame({**shares, "delay_s": of["delay_s"].median()}).reindex(order)
    low, high = rates.share_interval(rows["n_caught"].to_numpy(float), rows["n"].to_numpy(float), level=LEVEL)
    ends = [words.interval(*pair, lambda share: words.percent(share, 0)) for pair in zip(low, high, strict=True)]
    share = rows["n_caught"] / rows["n"]
    names = ["what", "n", "share", "interval", "delay_s", "for_more"]
    return rows.assign(share=share, interval=ends).reset_index(names="what")[names]
