"""Shared fate: services of one region (or behind one prober) that go wrong within minutes are one alert, not one each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params
from analytics.alerts.life import Alert, Change, level_of
from analytics.alerts.of_silence import ALL_SERVICES
from analytics.stats import together

__all__ = ["Fate", "fates", "is_silence"]

IntArray = npt.NDArray[np.int64]


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

    An alert of several regions may be of any of them, but such alerts alone are of all regions. Of services that fall silent the number is
    enough, whichever their share: silence is rare, and nothing else makes it begin in several within minutes.

    Parameters
    ----------
    alerts : those that would be told
    series : table `series`: which services are measured where
    """
    mine = [alert for alert in alerts if alert.lead.direction != "improvement" and alert.lead.service != ALL_SERVICES]
    until = series["last"] + pd.to_timedelta(series["step_s"], unit="s")

    def measured(place: str, rows: IntArray) -> int:
        """Services that are measured there when it begins: what ended years ago, or began since, has no part in it."""
        at = pd.Timestamp(mine[rows[0]].start)
        here = (series["first"] <= at) & (until >= at) & ((series["region"] == place) | (place == ""))
        return int(series.loc[here, "service"].nunique())

    def enough(place: str, n_services: int, rows: IntArray, share: float = settings.shared_share) -> bool:
        if n_services < settings.shared_services:
            return False
        of = measured(place, rows)
        return share * of <= n_services <= of

    found = _at_once(mine, range(len(mine)), settings, enough)
    # What has been told with others is not told again; a few of many that fall silent at once share something, if not their region.
    taken = {row for _, rows in found for row in rows}
    silent = [row for row, alert in enumerate(mine) if row not in taken and is_silence(alert)]
    found += _at_once(mine, silent, settings, partial(enough, share=0.0))
    return [_fate(place or None, measured(place, rows), [mine[row] for row in rows], settings) for place, rows in found]


def _at_once(
    alerts: Sequence[Alert], among: Sequence[int], settings: params.Alerts, enough: Callable[[str, int, IntArray], bool]
) -> list[tuple[str, IntArray]]:
    """Place and rows of groups of those alerts that began at once."""
    rows = np.array(among, np.int64)
    start_s = np.array([alerts[row].start.timestamp() for row in rows])
    who = np.array([alerts[row].lead.service for row in rows], object)
    where = np.array([_region(alerts[row]) or "" for row in rows], object)
    found = together.at_once(
        start_s, who, where, within_s=settings.shared_within_s, enough=lambda place, n, mine: enough(place, n, rows[mine])
    )
    return [(place, rows[mine]) for place, mine in found]


def is_silence(alert: Alert) -> bool:
    """Whether nothing but silence is told."""
    return all(finding.finding == "silence" for finding in alert.findings)


def _region(alert: Alert) -> str | None:
    regions = {finding.region for finding in alert.findings}
    return regions.pop() if len(regions) == 1 else None


def _fate(region: str | None, of_services: int, alike: list[Alert], settings: params.Alerts) -> Fate:
    first = min(alike, key=lambda alert: (alert.detected_at, alert.start, alert.alert_id))
    findings = sorted(
        (finding for alert in alike for finding in alert.findings),
        key=lambda row: (row.end is not None, -row.severity, row.start, row.key),
    )
    score = _together(alike)
    resolved = [alert.resolved_at for alert in alike if alert.resolved_at is not None]
    is_over = len(resolved) == len(alike)
    lead = replace(
        first,
        findings=tuple(findings),
        severity=level_of(score, first.lead, settings),
        score=score,
        changes=_changes(first, alike, max(resolved) if is_over else None, settings),
        start=min(alert.start for alert in alike),
        end=max(alert.end for alert in alike if alert.end is not None) if is_over else None,
        resolved_at=max(resolved) if is_over else None,
    )
    return Fate(
        region, len({alert.lead.service for alert in alike}), of_services, lead, tuple(alert for alert in alike if alert is not first)
    )


def _together(alerts: Sequence[Alert]) -> float:
    """How grave several are: each takes its part of what the others have left whole."""
    return 100 * (1 - math.prod(1 - alert.score / 100 for alert in alerts))


def _changes(first: Alert, alike: list[Alert], resolved_at: datetime | None, settings: params.Alerts) -> tuple[Change, ...]:
    """What happened to the alert that tells all: the others join it as they are known, and it is resolved with the last of them."""
    own = [change for change in first.changes if change.change != "resolved"]
    joined = [Change(alert.detected_at, "joined", "", alert.findings[0]) for alert in alike if alert is not first]
    ordered = sorted([*own, *joined], key=lambda change: (change.at, change.change != "opened"))
    ordered += [] if resolved_at is None else [Change(resolved_at, "resolved", "", None)]

    def severity(at: datetime) -> str:
        return level_of(_together([alert for alert in alike if alert.detected_at <= at]), first.lead, settings)

    return tuple(replace(change, severity=severity(change.at)) for change in ordered)
