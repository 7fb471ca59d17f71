"""Each anomaly in words: what was expected, what came, how strange that is, what else moved, what would have kept it silent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from analytics import calendars, params, words
from analytics.anomalies.suppress import smallest

__all__ = ["DETECTOR_WORDS", "explanations", "heading", "headline", "paragraph", "share", "size", "what", "where"]

WEEKS_PER_YEAR = 52.18
MOST_NAMED = 12
"""Services that a chapter names."""

DETECTOR_WORDS = {
    "forecast": "the value against a forecast from the values before",
    "course": "the value against what is usual at that time of day",
    "run": "deviations in one direction that add up over hours",
    "pulse": "a value that came and went, against the values before and after it",
    "pattern": "the course of the last hours against all those of the days before",
    "failures": "the number of failed checks against the usual share",
}
"""Detector -> what it looks at."""


def where(row: Any) -> str:
    """'payments', 'api in ap-south'."""
    return str(row.service) if pd.isna(row.region) or row.region == "default" else f"{row.service} in {row.region}"


def size(signal: str, effect: float) -> str:
    """An effect as people say it: '84 % slower than expected', '3.1 times as slow as expected', '40 % lower than expected'."""
    more, less, alike = ("slower", "faster", "slow") if signal.startswith("latency") else ("higher", "lower", "high")
    if effect >= 1:
        return f"{words.number(1 + effect, 2)} times as {alike} as expected"
    return f"{share(effect)} {more if effect > 0 else less} than expected"


def share(effect: float) -> str:
    """The size of an effect in per cent, from ten on without decimals."""
    return words.percent(abs(effect), 0 if abs(effect) >= 0.1 else None)


def what(row: Any) -> str:
    """What it is in a few words: 'latency_ms +84 %', '12 more of 100 checks fail'."""
    return words.deviation(row.signal, row.effect)


def headline(row: Any, zone: str) -> str:
    """An anomaly as a sentence without its full stop: 'payments was 84 % slower than expected for 25 min from 3 Apr 14:05'."""
    goes_on = pd.isna(row.end)
    lasted = "since" if goes_on else f"for {words.duration((row.end - row.start).total_seconds())} from"
    when = f"{lasted} {words.moment(row.start, zone)}"
    if row.signal == "availability":
        many = f"{words.number(100 * abs(row.effect), 2)} {'more' if row.effect > 0 else 'fewer'} of 100"
        whole = row.effect >= words.ALL
        said = f"{'all' if whole else many} checks of {where(row)} {'have ' if goes_on else ''}failed{'' if whole else ' than usual'}"
        return f"{said} {when}"
    subject = where(row) if row.signal.startswith("latency") else f"{row.signal} of {where(row)}"
    return f"{subject} {'has been' if goes_on else 'was'} {size(row.signal, row.effect)} {when}"


def heading(row: Any, others: Sequence[str], zone: str) -> str:
    """The heading of its chapter; with the number of services where it tells those of `others` too."""
    said = headline(row, zone)
    if others:
        return f"{len(others) + 1} services at once; the gravest: {said}"
    # Names are written as they are.
    return said if said.startswith(where(row)) else said[0].upper() + said[1:]


def paragraph(row: Any, others: Sequence[str]) -> str:
    """The paragraph of its chapter."""
    with_it = f" At the same time: {words.listed(others, limit=MOST_NAMED)}." if others else ""
    return f"{row.explanation}{with_it}"


def explanations(
    anomalies: pd.DataFrame, details: pd.DataFrame, *, regions: pd.DataFrame, settings: params.Anomalies, zone: str
) -> list[str]:  # fmt: skip
    """A paragraph for each anomaly, in their order.

    Parameters
    ----------
    regions : table `regions`, for the holidays
    """
    place_of = calendars.places(regions)
    of: dict[str, list[Any]] = {}
    for row in details.sort_values(["per_week", "series_id"]).itertuples():
        of.setdefault(row.anomaly_id, []).append(row)
    return [
        " ".join([_explanation(one, of[one.anomaly_id], settings, zone), *_holidays(one, of[one.anomaly_id], place_of)])
        for one in anomalies.itertuples()
    ]


def _explanation(one: Any, members: list[Any], settings: params.Anomalies, zone: str) -> str:
    """What one anomaly was, from its members, the strangest first."""
    lead = members[0]
    parts = [
        f"{words.moment(one.peak, zone)}: {_observed(one, lead)}.",
        f"Found by {DETECTOR_WORDS.get(one.detector, one.detector)}: chance alone does as much {_rarely(one.per_week)} in this service; "
        f"the budget is {words.number(settings.false_alarms_per_week)} a week.",
        _others(lead, members),
        f"It would have been silent with {_silent(one, lead, settings)}.",
    ]
    return " ".join(part for part in parts if part)


def _holidays(one: Any, members: list[Any], place_of: dict[str, tuple[str, str]]) -> list[str]:
    """Which holidays there were on the day of its peak in the regions in which it was, and on the day before, a sentence each.

    None for failed checks: how many fail does not depend on who works that day.
    """
    if one.detector == "failures":
        return []
    known = {(calendar, zone) for zone, calendar in (place_of.get(row.region, calendars.NOWHERE) for row in members) if calendar}
    of: dict[tuple[date, str], list[str]] = {}
    for calendar, zone in sorted(known):
        today = one.peak.tz_convert(calendars.zone_of(zone)).date()
        for day, name in calendars.holiday_dates(calendar, today - timedelta(days=1), today).items():
            of.setdefault((day, name), []).append(calendar)
    return [
        f"{words.day(pd.Timestamp(day, tz='UTC'))} was a holiday in {words.listed(where)}: {name}."
        for (day, name), where in sorted(of.items())
    ]


def _observed(one: Any, lead: Any) -> str:
    return words.against(lead.signal, lead.unit, value=one.observed, expected=one.expected, low=one.low, high=one.high)


def _rarely(per_week: float) -> str:
    if per_week >= 0.1:
        return f"{words.number(per_week, 2)} times a week"
    if per_week * WEEKS_PER_YEAR < 0.001:
        return "less than once in a thousand years"
    years = 1 / (per_week * WEEKS_PER_YEAR)
    long, unit = (years, "year") if years >= 1 else (1 / per_week, "week")
    said = words.number(long, 2)
    return f"once in a {unit}" if said == "1" else f"once in {said} {unit}s"


def _others(lead: Any, members: list[Any]) -> str:
    others = {(row.signal, row.region): row for row in reversed(members) if row.series_id != lead.series_id}
    if not others:
        return f"Nothing else of {lead.service} was strange with it."
    rarest_first = sorted(others.values(), key=lambda row: (row.per_week, row.series_id))
    return f"Strange with it: {words.listed(f'{what(row)} in {row.region}' for row in rarest_first)}."


def _silent(one: Any, lead: Any, settings: params.Anomalies) -> str:
    name, _ = smallest(lead.signal, settings)
    if lead.signal == "availability" and lead.effect >= words.ALL:
        # No parameter asks for more than all.
        return "declared maintenance only"
    return f"{name} above {words.number(abs(lead.effect), 2)}{_budget(one.per_week)}"


def _budget(per_week: float) -> str:
    """A budget that would have kept it back, where anybody could have set it."""
    return f", or a budget below {words.number(per_week, 2)} a week" if per_week >= 0.001 else ""
