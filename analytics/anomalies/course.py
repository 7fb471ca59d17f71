"""One anomaly looked at closely: its clearest series against what was expected, with what was declared then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from analytics.anomalies import explain, shows
from analytics.anomalies.detect import judge
from analytics.anomalies.find import Anomalies
from analytics.panel import Panels

__all__ = ["Course", "look_at"]

BEFORE, AFTER = 1.5, 0.75
"""What is drawn before and after an anomaly, in its lengths, but at least six hours and three."""
LEAST_BEFORE, LEAST_AFTER = pd.Timedelta(hours=6), pd.Timedelta(hours=3)
MOST = pd.Timedelta(days=3)
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
    found: Anomalies,
    signals: Panels,
    regions: pd.DataFrame,
    events: pd.DataFrame,
    *,
    n: int,
    n_days: int,
    budget: float,
    zone: str,
    now: pd.Timestamp,
) -> list[Course]:
    """The `n` gravest alarms of the newest days."""
    rows = shows.recent(found.alarms, now, n_days).sort_values(["severity", "anomaly_id"], ascending=[False, True]).head(n)
    return [_course(row, found, signals, regions, events, budget, zone, now) for row in rows.itertuples()]


def _course(
    row: Any, found: Anomalies, signals: Panels, regions: pd.DataFrame, events: pd.DataFrame, budget: float, zone: str, now: pd.Timestamp
) -> Course:
    members = found.details[found.details["anomaly_id"] == row.anomaly_id]
    lead = members.sort_values(["per_week", "series_id"]).iloc[0]
    ref = next(ref for ref in signals if (ref.series["series_id"] == lead["series_id"]).any())
    one = replace(ref, series=ref.series[ref.series["series_id"] == lead["series_id"]].reset_index(drop=True))
    end = now if pd.isna(row.end) else row.end
    length = min(end - row.start, MOST)
    begin, until = row.start - max(BEFORE * length, LEAST_BEFORE), min(end + max(AFTER * length, LEAST_AFTER), now)
    panel, judged = judge(one, regions=regions, budget=budget)
    step = pd.Timedelta(seconds=panel.step_s)
    times = pd.to_datetime(panel.times).tz_localize("UTC").as_unit("ms")
    drawn = (times >= begin) & (times < until)
    course = pd.DataFrame(
        {
            "time": times[drawn],
            "value": panel.values[0, drawn].astype(float),
            **{name: getattr(judged, name)[0, drawn].astype(float) for name in ("expected", "low", "high")},
        }
    )
    if lead["signal"] == "availability":
        # Failures are what a reader looks for.
        course = course.assign(value=1 - course["value"], expected=1 - course["expected"], low=1 - course["high"], high=1 - course["low"])
    said = explain.headline(row, zone)
    unit = "share of checks that fail" if lead["signal"] == "availability" else f"{lead['signal']}, {lead['unit']}"
    spans = members.loc[members["series_id"] == lead["series_id"], ["start", "end"]].fillna({"end": now})
    declared = events[(events["start"] < until) & (events["end"].fillna(events["start"]) >= begin)]
    service, region = (declared[name].astype("object") for name in ("service", "region"))
    ours = (service.isna() | (service == row.service)) & (region.isna() | (region == lead["region"]))
    return Course(
        anomaly=row,
        heading=said[0].upper() + said[1:],
        text=row.explanation,
        alt=f"{said[0].upper()}{said[1:]}: the line leaves the band of what was expected.",
        name=" · ".join([lead["service"], lead["region"], lead["signal"]]),
        unit=unit,
        spans=spans,
        events=declared[ours],
        course=course,
        data=course[(course["time"] >= row.start - ROWS_AROUND * step) & (course["time"] < row.start + 2 * ROWS_AROUND * step)],
    )
