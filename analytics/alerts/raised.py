"""Findings in, alerts out: the verb of the stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analytics import params, tables
from analytics.alerts import messages
from analytics.alerts.findings import no_findings
from analytics.alerts.life import Alert, follow, read_findings
from analytics.alerts.quiet import Reason, Surroundings, dependency_reasons, own_reason
from analytics.alerts.shared import Fate, fates
from analytics.alerts.silences import apply_silences

__all__ = ["Raised", "raise_alerts"]


@dataclass(frozen=True)
class Raised:
    """Tables `alerts` and `alert_changes`."""

    alerts: pd.DataFrame
    changes: pd.DataFrame


def raise_alerts(
    *findings: pd.DataFrame,
    services: pd.DataFrame,
    series: pd.DataFrame,
    dependencies: pd.DataFrame,
    masks: pd.DataFrame,
    silences: pd.DataFrame,
    settings: params.Alerts,
    zone: str,
    now: pd.Timestamp,
) -> Raised:
    """Alerts as they are known at `now`, with the reason where nobody is told.

    Parameters
    ----------
    *findings : DataFrames
        In the columns of `tables.FINDINGS`: for each finding what was known of it from when on. A row of the future is not looked at.
    services, series, dependencies, masks : the tables of these names
    silences : rows of `data/decisions/silences.csv`
    settings : parameters of the stage
    zone : of the reader, for times in messages

    Notes
    -----
    An alert is silent for the first of these reasons that holds: none of its findings is sure, or grave enough; all that is told lies in
    maintenance or a fault of the prober; a silence; it is told with those of other services of its region; a service that it depends on
    alerts at the same time.
    """
    moment = now.to_pydatetime()
    followed = follow(read_findings(_together(findings)), settings=settings, now=moment)
    around = Surroundings.read(services=services, dependencies=dependencies, masks=masks)
    own = {alert.alert_id: own_reason(alert, around, settings=settings, now=moment, zone=zone) for alert in followed}
    owners = dict(zip(services["service"], services["owner"], strict=True))
    rows = [_row(alert, own[alert.alert_id], owners.get(alert.lead.service), zone=zone) for alert in followed]
    alerts = apply_silences(_frame(rows, "alerts"), silences, now=now, zone=zone)
    is_told = set(alerts.loc[alerts["silenced_by"].isna(), "alert_id"])
    shared = fates([alert for alert in followed if alert.alert_id in is_told], series, settings=settings)
    led = {fate.lead.alert_id: fate for fate in shared}
    if led:
        leads = [_shared_row(fate, owners.get(fate.lead.lead.service), zone=zone) for fate in shared]
        alerts = pd.concat([alerts[~alerts["alert_id"].isin(led)], _frame(leads, "alerts")]).sort_values("alert_id", ignore_index=True)
    explained = dependency_reasons(followed, around, settings=settings, now=moment)
    # Who tells for others is told whatever explains it.
    later = {name: reason for name, reason in explained.items() if name not in led} | _by_others(shared)
    for index in alerts.index[alerts["silenced_by"].isna() & alerts["alert_id"].isin(later)]:
        reason = later[alerts.loc[index, "alert_id"]]
        alerts.loc[index, ["silenced_by", "silenced_text"]] = [reason.silenced_by, reason.text]
    return Raised(alerts, _changes([led[alert.alert_id].lead if alert.alert_id in led else alert for alert in followed]))


def _together(findings: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in findings if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else no_findings()


def _by_others(shared: list[Fate]) -> dict[str, Reason]:
    """Of alerts that another one tells, by id."""
    return {
        alert.alert_id: Reason("shared", f"told once with {fate.n_services - 1} other services of its region ({fate.lead.alert_id})")
        for fate in shared
        for alert in fate.others
    }


def _shared_row(fate: Fate, owner: object, *, zone: str) -> dict[str, object]:
    """The row of an alert that tells others."""
    said = {"title": messages.shared_title(fate), "text": messages.shared_text(fate, zone=zone), "region": fate.region}
    return {**_row(fate.lead, None, owner, zone=zone), **said}


def _row(alert: Alert, reason: Reason | None, owner: object, *, zone: str) -> dict[str, object]:
    gravest = alert.findings[0]
    regions = {row.region for row in alert.findings}
    is_touched = len(alert.changes) > 1
    return {
        "alert_id": alert.alert_id,
        "finding": alert.lead.finding,
        "finding_id": alert.lead.finding_id,
        "service": alert.lead.service,
        "region": regions.pop() if len(regions) == 1 else None,
        "signals": sorted({signal for row in alert.findings for signal in row.signals}),
        "start": alert.start,
        "detected_at": alert.detected_at,
        "changed_at": alert.changes[-1].at if alert.changes else max(row.known_at for row in alert.findings),
        "end": alert.end,
        "state": "resolved" if alert.resolved_at is not None else "updated" if is_touched else "open",
        "severity": alert.severity,
        "score": alert.score,
        "direction": gravest.direction,
        "n_findings": len(alert.findings) if alert.is_told else 0,
        "n_reopened": alert.n_reopened,
        "title": messages.title(alert),
        "text": messages.text(alert, zone=zone),
        "event": next((row.event for row in alert.findings if row.event), None),
        "evidence": gravest.evidence,
        "owner": owner,
        "silenced_by": reason.silenced_by if reason else None,
        "silenced_text": reason.text if reason else None,
    }


def _changes(followed: list[Alert]) -> pd.DataFrame:
    """What happened when; the same thing happening several times in one moment is one row."""
    rows: dict[tuple[str, object, str], dict[str, object]] = {}
    for alert in followed:
        for change in alert.changes:
            said = messages.change_text(change)
            row = rows.setdefault(
                (alert.alert_id, change.at, change.change),
                {"alert_id": alert.alert_id, "at": change.at, "change": change.change, "severity": change.severity, "text": ""},
            )
            row.update(severity=change.severity, text="; ".join(filter(None, [str(row["text"]), said])))
    return _frame(list(rows.values()), "alert_changes")


def _frame(rows: list[dict[str, object]], name: str) -> pd.DataFrame:
    """Rows in the columns and types of a table, in the order of its key."""
    table = tables.TABLES[name]
    frame = pd.DataFrame(rows, columns=table.names)
    for column in table.columns:
        if column.kind == "time":
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True).astype("datetime64[ms, UTC]")
        elif column.kind in ("text", "label"):
            frame[column.name] = frame[column.name].astype("object").where(frame[column.name].notna(), None)
    return frame.sort_values(list(table.key), ignore_index=True)
