"""What the alerts say, in sentences for people."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import params, words
from analytics.alerts import shows

__all__ = ["finding", "history_sentence", "kicker", "rules", "silent_sentence", "tiles", "timeline_sentence", "todo"]


def kicker(alerts: pd.DataFrame, *, now: pd.Timestamp, zone: str) -> str:
    """What, until when, how much."""
    return f"Alerts · until {words.moment(now, zone, year=True)} · {words.counted(len(alerts), 'alert')}, told or not"


def finding(alerts: pd.DataFrame) -> str:
    """What somebody must know now."""
    mine = shows.open_alerts(alerts)
    n_silent = int((alerts["silenced_by"].notna() & (alerts["state"] != "resolved")).sum())
    silent = f" {words.counted(n_silent, 'open alert is', 'open alerts are')} told to nobody, for the reasons below." if n_silent else ""
    if mine.empty:
        return f"Nothing that somebody must know of is open.{silent}"
    parts = [f"{count} {severity}" for severity in shows.SEVERITY_TONES if (count := int((mine["severity"] == severity).sum()))]
    services = words.listed(mine["service"].unique())
    is_one = len(mine) == 1
    return f"{words.counted(len(mine), 'alert')} {'is' if is_one else 'are'} open ({', '.join(parts)}), of {services}.{silent}"


def tiles(alerts: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Open alerts, the gravest, how long it took to know, how much is not told."""
    mine, all_told = shows.open_alerts(alerts), shows.told(alerts)
    gravest = mine.head(1)
    delay = (all_told["detected_at"] - all_told["start"]).dt.total_seconds()
    n_silent = int(alerts["silenced_by"].notna().sum())
    return [
        ("Open", words.count(len(mine)), f"{words.count(int((mine['severity'] == 'critical').sum()))} critical"),
        (
            "Gravest",
            gravest["severity"].iloc[0] if len(gravest) else words.MISSING,
            str(gravest["title"].iloc[0]) if len(gravest) else "nothing is open",
        ),
        ("Told after", words.duration(delay.median() if len(delay) else None), "the median time from the start of what was told"),
        ("Not told", words.count(n_silent), f"of {words.counted(len(alerts), 'alert')}, each with its reason"),
    ]


def timeline_sentence(rows: pd.DataFrame) -> str:
    """What the timeline shows, in one sentence, from `shows.timeline`."""
    if rows.empty:
        return "There was no alert."
    n_told = int((rows["level"] != "silent").sum())
    most = rows[rows["level"] != "silent"]["service"].value_counts(sort=False).rename("n").reset_index()
    most = most.sort_values(["n", "service"], ascending=[False, True]).head(3)
    names = [f"{row.service} ({row.n})" for row in most.itertuples()]
    who = f"; most were of {words.listed(names)}" if names else ""
    return f"Of {words.counted(len(rows), 'alert')} {words.count(n_told)} {'was' if n_told == 1 else 'were'} told{who}."


def history_sentence(alerts: pd.DataFrame) -> str:
    """How many alerts are over, and how often they came back."""
    table = shows.history_table(alerts)
    if table.empty:
        return "No alert that was told is over."
    back = int((table["n_reopened"] > 0).sum())
    flapped = f" {words.count(back)} came back after {'it was' if back == 1 else 'they were'} resolved." if back else ""
    length = words.duration(table["length_s"].median())
    return f"{words.counted(len(table), 'alert')} {'is' if len(table) == 1 else 'are'} over; half took no longer than {length}.{flapped}"


def silent_sentence(alerts: pd.DataFrame) -> str:
    """What nobody is told of, by reason, in one sentence."""
    summary = shows.silent_summary(alerts)
    if summary.empty:
        return "Somebody is told of every alert."
    total = words.counted(int(summary["n"].sum()), "alert")
    if len(summary) == 1:
        return f"Nobody is told of {total}, for one reason: {summary['reason'].iloc[0]}."
    said = [f"{row.reason} ({words.count(row.n)})" for row in summary.itertuples()]
    return f"Nobody is told of {total}: {words.listed(said, limit=len(said))}."


def todo(alerts: pd.DataFrame) -> list[tuple[str, str]]:
    """What to do, the most urgent first; never empty."""
    urgent = shows.open_alerts(alerts).query("severity != 'info'")
    items = [_to_look_at(row) for row in urgent.head(5).itertuples(index=False)]
    return items or [("Nothing has to be done.", "No warning and no critical alert is open.")]


def _to_look_at(row: Any) -> tuple[str, str]:
    why = f"Likely why: {row.event}. " if pd.notna(row.event) else "Nothing was declared near its start. "
    who = f"Ask the owner, {row.owner}. " if pd.notna(row.owner) else ""
    command = f"`analytics alerts silence alert={row.alert_id} --for 7d --reason '…'`"
    return f"Look at {row.title}.", f"{why}{who}If nobody notices anything, it was a false alarm; then silence it: {command}."


def rules(settings: params.Alerts) -> str:
    """How alerts are made, with the parameters in use."""
    return (
        f"A finding is told from severity {words.number(settings.info_from)}; from {words.number(settings.warning_from)} it is a warning, "
        f"from {words.number(settings.critical_from)} critical; what has become better is never more than information. Findings of one "
        f"service that begin within {words.duration(settings.near_s)} are one alert, and so is what comes back within "
        f"{words.duration(settings.reopen_s)}. An alert is resolved once all of it has been over for {words.duration(settings.quiet_s)}. "
        f"Alerts that begin within {words.duration(settings.shared_within_s)} in {settings.shared_services} or more services of a region, "
        f"and in {words.percent(settings.shared_share, 0)} of those measured there, are told as one, as grave as all of them together. "
        f"A service of which nothing comes is told after {words.duration(settings.silent_s)} and {settings.silent_steps} steps, later "
        f"where its own pauses are longer than that more than {words.number(settings.silences_per_week)} times a week; whatever is silent "
        f"for {words.duration(settings.ended_s)} and twice its patience has ended. "
        "Nobody is told of what lies in declared maintenance or was silenced by somebody (data/decisions/silences.csv), nor of what begins "
        "together with an alert, at least as urgent, of a service it depends on: its declared parent or a declared dependency. What was "
        "declared for a service, or for all, in the hour before an anomaly is named as its likely reason."
    )
