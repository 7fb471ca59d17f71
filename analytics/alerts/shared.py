"""Shared fate: services of one region (or behind one prober) that go wrong within minutes are one alert, not one each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pandas as pd

from analytics import params
from analytics.alerts.life import Alert, level_of

__all__ = ["Fate", "fates"]


@dataclass(frozen=True)
class Fate:
    """Alerts of several services that are one.

    Attributes
    ----------
    region : where; None: in several regions or all
    n_services, of_services : services that alert, and services that are measured there
    lead : the alert that tells all, with the findings of all: the one that was known first, so that it keeps its id as others join
    others : the alerts that are told by it
    """

    region: str | None
    n_services: int
    of_services: int
    lead: Alert
    others: tuple[Alert, ...]


def fates(alerts: Sequence[Alert], series: pd.DataFrame, *, settings: params.Alerts) -> list[Fate]:
    """Groups of alerts that began in enough services of a region at once.

    An alert of several regions may be of any of them, but such alerts alone are of all regions.

    Parameters
    ----------
    alerts : those that would be told
    series : table `series`: which services are measured where
    """
    waiting = sorted((alert for alert in alerts if alert.lead.direction != "improvement"), key=lambda alert: (alert.start, alert.alert_id))
    found = []
    for region in [None, *sorted({place for alert in waiting if (place := _region(alert)) is not None})]:
        mine = series if region is None else series[series["region"] == region]
        for together in _chains([alert for alert in waiting if _region(alert) in (region, None)], settings):
            n_services = len({alert.lead.service for alert in together})
            if n_services < settings.shared_services:
                continue
            # What ended years ago, or began since, has no part in it.
            at = pd.Timestamp(together[0].start)
            of = int(mine.loc[(mine["first"] <= at) & (mine["last"] >= at), "service"].nunique())
            if n_services >= math.ceil(settings.shared_share * of):
                found.append(_fate(region, n_services, of, together, settings))
                taken = {alert.alert_id for alert in together}
                waiting = [alert for alert in waiting if alert.alert_id not in taken]
    return found


def _region(alert: Alert) -> str | None:
    regions = {finding.region for finding in alert.findings}
    return regions.pop() if len(regions) == 1 else None


def _chains(alerts: list[Alert], settings: params.Alerts) -> list[list[Alert]]:
    """Alerts that began within some time of the first of them."""
    chains: list[list[Alert]] = []
    for alert in alerts:
        if not chains or alert.start - chains[-1][0].start > timedelta(seconds=settings.shared_within_s):
            chains.append([])
        chains[-1].append(alert)
    return chains


def _fate(region: str | None, n_services: int, of_services: int, together: list[Alert], settings: params.Alerts) -> Fate:
    first = min(together, key=lambda alert: (alert.detected_at, alert.start, alert.alert_id))
    findings = sorted(
        (finding for alert in together for finding in alert.findings),
        key=lambda row: (row.end is not None, -row.severity, row.start, row.key),
    )
    # Each takes its part of what the others have left whole.
    score = 100 * (1 - math.prod(1 - alert.score / 100 for alert in together))
    resolved = [alert.resolved_at for alert in together if alert.resolved_at is not None]
    is_over = len(resolved) == len(together)
    lead = replace(
        first,
        findings=tuple(findings),
        severity=level_of(score, first.lead, settings),
        score=score,
        start=min(alert.start for alert in together),
        end=max(alert.end for alert in together if alert.end is not None) if is_over else None,
        resolved_at=max(resolved) if is_over else None,
    )
    return Fate(region, n_services, of_services, lead, tuple(alert for alert in together if alert is not first))
