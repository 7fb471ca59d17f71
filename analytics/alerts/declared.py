"""What was declared near the start of a finding, and may be why."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import words

__all__ = ["named", "near"]

WITHIN = pd.Timedelta(hours=1)
"""An anomaly begins at most so long after what made it. A service that is changed five times a week has a change in the hour before
any moment in 3 % of cases (1 - exp(-5 / 168)): what is found so near is seldom there by chance."""


def named(event: Any, zone: str) -> str:
    """An event in a message: "deploy 'api 2.1', 3 Apr 14:05"."""
    title = "" if pd.isna(event.title) else f" '{event.title}'"
    return f"{event.kind}{title}, {words.moment(event.start, zone)}"


def near(findings: pd.DataFrame, events: pd.DataFrame, *, zone: str) -> list[str | None]:
    """For each finding the event nearest to its start, in words: declared for its service or for all, in its region or in all.

    Parameters
    ----------
    findings : frame with service, region, start, known_at
        What was declared after `known_at` was not known then.
    events : table `events`
    """
    declared: dict[str | None, list[Any]] = {}
    for event in events.sort_values(["start", "event_id"]).itertuples(index=False):
        declared.setdefault(None if pd.isna(event.service) else event.service, []).append(event)
    return [_nearest(row, [*declared.get(row.service, []), *declared.get(None, [])], zone) for row in findings.itertuples()]


def _nearest(row: Any, events: list[Any], zone: str) -> str | None:
    concerned = [
        event
        for event in events
        if row.start - WITHIN <= event.start <= row.known_at
        and (pd.isna(event.region) or pd.isna(row.region) or event.region == row.region)
    ]
    return named(min(concerned, key=lambda event: abs(row.start - event.start)), zone) if concerned else None
