"""Why nobody is told of an alert: not sure, not grave, in declared maintenance, or the consequence of another alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from analytics import params, tables, words
from analytics.alerts.life import Alert, Finding

__all__ = ["Reason", "Surroundings", "dependency_reasons", "own_reason"]


@dataclass(frozen=True)
class Reason:
    """Why nobody is told: one of `tables.SILENCED_BY`, and a sentence."""

    silenced_by: str
    text: str


@dataclass(frozen=True)
class Mask:
    """A declared stretch of a service (None: all) in a region (None: all)."""

    service: str | None
    region: str | None
    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True)
class Surroundings:
    """What is declared about services: their masks, their parents, and what each depends on (its parent and its callees)."""

    masks: Mapping[str | None, tuple[Mask, ...]]
    parents: Mapping[str, str]
    depends_on: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, *, services: pd.DataFrame, dependencies: pd.DataFrame, masks: pd.DataFrame) -> Surroundings:
        """From the tables of these names. Only declared dependencies count: one that was seen in traces may be of no weight."""
        known = services.dropna(subset=["parent"])
        parents = dict(zip(known["service"], known["parent"], strict=True))
        declared = dependencies[dependencies["origin"] == "declared"]
        pairs = [*parents.items(), *zip(declared["caller"], declared["callee"], strict=True)]
        callees: dict[str, set[str]] = {}
        for service, other in pairs:
            callees.setdefault(service, set()).add(other)
        return cls(
            masks=_by_service(masks),
            parents=parents,
            depends_on={service: frozenset(others - {service}) for service, others in callees.items()},
        )


def _by_service(masks: pd.DataFrame) -> dict[str | None, tuple[Mask, ...]]:
    """Masks that silence, in the order in which they begin. A declared incident does not: there is something to know."""
    rows = masks[masks["reason"].isin(["maintenance", "prober"])].sort_values(["start", "end"], kind="stable")
    found: dict[str | None, list[Mask]] = {}
    for row in rows.itertuples():
        service, region = (None if pd.isna(value) else str(value) for value in (row.service, row.region))
        mask = Mask(service, region, row.start.to_pydatetime(), row.end.to_pydatetime(), str(row.reason))
        found.setdefault(service, []).append(mask)
    return {service: tuple(mine) for service, mine in found.items()}


def own_reason(alert: Alert, around: Surroundings, *, settings: params.Alerts, now: datetime, zone: str) -> Reason | None:
    """Why an alert is not told whatever else happens; None: it is."""
    if not alert.is_told:
        return _too_little(alert, settings)
    masks = [_mask_of(finding, around, settings=settings, now=now) for finding in alert.findings]
    mask = masks[0]
    if mask is None or None in masks:
        return None
    said = "declared maintenance" if mask.reason == "maintenance" else "a fault of the prober"
    return Reason(mask.reason, f"{said} from {words.moment(mask.start, zone)} to {words.moment(mask.end, zone)}")


def _too_little(alert: Alert, settings: params.Alerts) -> Reason:
    if any(finding.severity >= settings.info_from for finding in alert.findings):
        return Reason("unconfirmed", "suspected, not sure yet")
    return Reason("severity", f"severity {words.number(alert.score, 2)} is below {words.number(settings.info_from)} (alerts.info_from)")


def _mask_of(finding: Finding, around: Surroundings, *, settings: params.Alerts, now: datetime) -> Mask | None:
    """The mask that explains a finding: one that lasts if the finding does, else one that the finding began and ended in."""
    grace = timedelta(seconds=settings.quiet_s)
    services = dict.fromkeys((None, finding.service, around.parents.get(finding.service)))
    for mask in (mask for service in services for mask in around.masks.get(service, ())):
        if mask.region not in (None, finding.region):
            continue
        if finding.end is None and mask.start <= now < mask.end + grace:
            return mask
        if finding.end is not None and mask.start - grace <= finding.start and finding.end <= mask.end + grace:
            return mask
    return None


def dependency_reasons(alerts: list[Alert], around: Surroundings, *, settings: params.Alerts, now: datetime) -> dict[str, Reason]:
    """Why alerts that follow from another one are not told, by id: a service that theirs depends on alerts as urgently, at about that time.

    Among services that depend on each other, the one whose alert began first is told, so that one of every such group is.
    """
    candidates = [alert for alert in alerts if alert.is_told and alert.lead.direction != "improvement"]
    by_service: dict[str, list[Alert]] = {}
    for alert in candidates:
        by_service.setdefault(alert.lead.service, []).append(alert)
    causes = {
        alert.alert_id: [
            other
            for service in sorted(around.depends_on.get(alert.lead.service, ()))
            for other in by_service.get(service, ())
            if _may_explain(other, alert, settings=settings, now=now)
        ]
        for alert in candidates
    }
    reasons = {}
    for alert in candidates:
        root = _root(alert, causes)
        if root is not None:
            reasons[alert.alert_id] = Reason("dependency", f"{root.lead.service}, which it depends on, alerts too ({root.alert_id})")
    return reasons


def _may_explain(other: Alert, alert: Alert, *, settings: params.Alerts, now: datetime) -> bool:
    last = alert.end or now
    is_near = abs(other.start - alert.start) <= timedelta(seconds=settings.near_s)
    is_still = other.end is None or other.end + timedelta(seconds=settings.quiet_s) >= last
    return is_near and is_still and tables.LEVELS.index(other.severity) >= tables.LEVELS.index(alert.severity)


def _root(alert: Alert, causes: dict[str, list[Alert]]) -> Alert | None:
    """The alert at the end of the chain of causes; None if it is this one."""
    reached = _reached(alert, causes)
    above = [other for other in reached.values() if other.alert_id != alert.alert_id]
    # An end of all chains: nothing explains it that it does not explain itself, and it began first of those.
    ends = [other for other in [alert, *above] if all(other.alert_id in _reached(one, causes) for one in _reached(other, causes).values())]
    first = min(ends, key=lambda one: (one.start, one.alert_id))
    return None if first.alert_id == alert.alert_id else first


def _reached(alert: Alert, causes: dict[str, list[Alert]]) -> dict[str, Alert]:
    found: dict[str, Alert] = {}
    waiting = list(causes[alert.alert_id])
    while waiting:
        other = waiting.pop()
        if other.alert_id not in found:
            found[other.alert_id] = other
            waiting += causes[other.alert_id]
    return found
