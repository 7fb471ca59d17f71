"""One anomaly looked at closely: its clearest series against what was expected, with what was declared then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analytics import params, words
from analytics.anomalies import explain, shows
from analytics.anomalies.find import Anomalies
from analytics.anomalies.shared import companions

__all__ = ["Course", "look_at"]

ROWS_AROUND = 6


@dataclass(frozen=True)
class Course:
    """An anomaly in its clearest series.

    Attributes
    ----------
    anomaly : its row of table `anomalies`
    heading, text, alt : in a sentence, in a paragraph, for those who do not see the figure
    name, unit : of the series
    spans : start and end of its strange stretches there
    events : what was declared of the service around it
    course : time, value, expected, low, high
    data : the same around the strangest step, a row for each
    """

    anomaly: Any
    heading: str
    text: str
    alt: str
    name: str
    unit: str
    spans: pd.DataFrame
    events: pd.DataFrame
    course: pd.DataFrame
    data: pd.DataFrame


def look_at(
    found: Anomalies, events: pd.DataFrame, *, settings: params.Anomalies, zone: str, now: pd.Timestamp
) -> list[Course]:  # fmt: skip
    """The gravest alarms of the newest days; of those of several services at once the gravest."""
    others = companions(found.alarms)
    rows = shows.recent(found.alarms, now, settings.shown_days).sort_values(["severity", "anomaly_id"], ascending=[False, True])
    chosen = rows[rows["anomaly_id"].isin(others)].head(settings.shown)
    return [_course(row, others[row.anomaly_id], found, events, zone, now) for row in chosen.itertuples()]


def _course(row: Any, others: list[str], found: Anomalies, events: pd.DataFrame, zone: str, now: pd.Timestamp) -> Course:
    members = found.details[found.details["anomaly_id"] == row.anomaly_id]
    lead = members.sort_values(["per_week", "series_id"]).iloc[0]
    course = found.courses[lead["series_id"], lead["start"]].frame()
    if lead["signal"] == "availability":
        # Failures are what a reader looks for.
        course = course.assign(value=1 - course["value"], expected=1 - course["expected"], low=1 - course["high"], high=1 - course["low"])
    first, last = course["time"].iloc[[0, -1]]
    said = explain.headline(row, zone)
    unit = "checks that fail" if lead["signal"] == "availability" else words.axis(lead["signal"], lead["unit"])
    spans = members.loc[members["series_id"] == lead["series_id"], ["start", "end"]].fillna({"end": now})
    spans = spans[spans["start"] <= last].assign(end=spans["end"].clip(upper=last))
    around = ROWS_AROUND * pd.Timedelta(seconds=int(lead["step_s"]))
    return Course(
        anomaly=row,
        heading=explain.heading(row, others, zone),
        text=explain.paragraph(row, others),
        alt=f"{said[0].upper()}{said[1:]}: the line leaves the band of what was expected.",
        name=" · ".join([lead["service"], lead["region"], lead["signal"]]),
        unit=unit,
        spans=spans,
        events=_declared(events, row.service, lead["region"], first, last),
        course=course,
        data=course[(course["time"] >= lead["start"] - around) & (course["time"] < lead["start"] + 2 * around)],
    )


def _declared(events: pd.DataFrame, service: str, region: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Events of a service and region that began in this time."""
    near = events[(events["start"] >= first) & (events["start"] <= last)]
    services, regions = (near[name].astype("object") for name in ("service", "region"))
    return near[(services.isna() | (services == service)) & (regions.isna() | (regions == region))]
