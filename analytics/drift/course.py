"""One drift looked at closely: its clearest series against what was expected before, and what is different since."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, expected, registry, words
from analytics.drift import says
from analytics.drift.attribution import CAUSES
from analytics.drift.find import Drifts
from analytics.expected import Baselines
from analytics.panel import Panel, Panels
from analytics.stats import bins

__all__ = ["Course", "Known", "look_at"]

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

DAY_S = 86_400
BEFORE, AFTER = pd.Timedelta(days=14), pd.Timedelta(days=91)
MOST_POINTS = 260
"""Points of a line that a page has room for."""

LEVELS = (0.5, 0.9, 0.95, 0.99)
ENOUGH = 20
"""Values of a row from which on the 5 % and 95 % of them lie within."""

PREFERRED = ("latency_ms", "latency_p95_ms", "availability", "requests")
"""Signals that a drift is drawn by, the first that is among its members."""


@dataclass(frozen=True)
class Course:
    """A drift in its clearest series.

    Attributes
    ----------
    drift : its row of table `drifts`, with `start`, `start_low`, `start_high` and `end` of this series
    heading, text, label, alt : what it is in a sentence, in a paragraph, at the onset in the figure, for those who do not see that
    series : service, region, signal, unit of the series
    events, masks : what was declared of the series in that time
    course : time, value, expected, low, high (5 and 95 % of the reference; in the unit; of availability the share that fails), residual
        (in spreads), least, most (5 and 95 % of what came, where there is enough of it), from two weeks before the onset on, for a
        quarter at most; a row for three hours (six of shares), or as many as there is room for, or usually hold a value
    days : time, value, expected, residual of the same by day
    quantiles : quantile, reference, current: of the values that the reference was learnt from, and of those since the onset
    profile : hour, reference, current: the same of the median by local hour
    """

    drift: Any
    heading: str
    text: str
    label: str
    alt: str
    series: dict[str, Any]
    events: pd.DataFrame
    masks: pd.DataFrame
    course: pd.DataFrame
    days: pd.DataFrame
    quantiles: pd.DataFrame
    profile: pd.DataFrame


@dataclass(frozen=True)
class Known:
    """Tables that a drift is told with."""

    baselines: pd.DataFrame
    regions: pd.DataFrame
    events: pd.DataFrame
    masks: pd.DataFrame


def look_at(found: Drifts, signals: Panels, known: Known, *, n: int, zone: str, now: pd.Timestamp) -> list[Course]:
    """The first `n` drifts that are told one by one (`says.is_told`)."""
    drifts = found.drifts
    chosen = drifts[says.is_told(drifts)].head(n)
    courses = [_of_drift(row, found, signals, known, zone, now) for row in chosen.itertuples()]
    return [course for course in courses if course is not None]


def _of_drift(row: Any, found: Drifts, signals: Panels, known: Known, zone: str, now: pd.Timestamp) -> Course | None:
    members = found.details[found.details["drift_id"] == row.drift_id]
    rank = members["signal"].map({name: place for place, name in enumerate(PREFERRED)}).fillna(len(PREFERRED))
    alike = members["kind"] != row.kind
    member = members.assign(rank=rank, alike=alike).sort_values(["alike", "rank", "detected_at", "series_id"]).iloc[0]
    ref = next((ref for ref in signals if (ref.series["series_id"] == member["series_id"]).any()), None)
    versions = known.baselines[known.baselines["series_id"] == member["series_id"]]
    valid = versions[versions["valid_from"] <= member["start"]]
    if ref is None or valid.empty:
        return None
    end = now if pd.isna(member["end"]) else member["end"]
    until = min(now, end + pd.Timedelta(days=4))
    begin = member["start"] - BEFORE
    mine = replace(ref, series=ref.series[ref.series["series_id"] == member["series_id"]].reset_index(drop=True))
    whole = mine.load()
    panel, since = (whole.between(*span) for span in ((begin, min(until, member["start"] + AFTER)), (member["start"], end)))
    model = registry.load(f"{valid['valid_from'].max():%Y-%m-%d}", stage="baseline")
    reference = expected.unpack(model.arrays, np.array([member["series_id"]]))[0][1]
    newest = valid.sort_values("valid_from").iloc[-1]
    learnt = whole.between(newest["learnt_from"], newest["learnt_to"])
    clock = _clock(panel, known.regions)
    drift = row._replace(**{name: member[name] for name in ("start", "start_low", "start_high", "end")})
    series = {name: member[name] for name in ("service", "region", "signal", "unit")}
    course = _course(panel, reference, clock)
    both = {"reference": learnt, "current": since}
    between = words.change_interval(member["kind"], member["effect"], member["effect_low"], member["effect_high"])
    return Course(
        drift=drift,
        heading=says.heading(row, found, zone),
        text=says.story(row, found, known.events, zone),
        label=f"{says.size(member['kind'], member['effect'])} {between}",
        alt=says.alt_sentence(row, found, zone),
        series=series,
        events=_concerning(known.events[known.events["kind"].isin(CAUSES)], series, panel),
        masks=_concerning(known.masks, series, panel),
        course=course,
        days=_by_day(course),
        quantiles=_quantiles(learnt.values[0], since.values[0]),
        profile=pd.DataFrame({"hour": range(24), **{name: _by_hour(part, known.regions) for name, part in both.items()}}),
    )


def _concerning(declared: pd.DataFrame, series: dict[str, Any], panel: Panel) -> pd.DataFrame:
    """What was declared of a series and lies in its panel; ends are never missing."""
    service, region = (declared[name].astype("object") for name in ("service", "region"))
    mine = declared[(service.isna() | (service == series["service"])) & (region.isna() | (region == series["region"]))]
    first, last = (pd.Timestamp(time).tz_localize("UTC") for time in panel.times[[0, -1]])
    shown = mine[(mine["start"] < last) & (mine["end"].fillna(mine["start"]) >= first)]
    return shown.assign(end=shown["end"].fillna(shown["start"]).clip(upper=last), start=shown["start"].clip(lower=first))


def _clock(panel: Panel, regions: pd.DataFrame) -> calendars.Clock:
    region = regions[regions["region"] == panel.series["region"].iloc[0]]
    zone = "UTC" if region.empty or pd.isna(region["zone"].iloc[0]) else str(region["zone"].iloc[0])
    holidays = "" if region.empty or pd.isna(region["holidays"].iloc[0]) else str(region["holidays"].iloc[0])
    return calendars.clock(panel.start_ms, panel.values.shape[1], step_s=panel.step_s, zone=zone, holidays=holidays)


def _course(panel: Panel, reference: Baselines, clock: calendars.Clock) -> pd.DataFrame:
    is_share = reference.kind == "logit"
    rows = pd.DataFrame(
        {
            "time": pd.to_datetime(panel.times).tz_localize("UTC").as_unit("ms"),
            "value": panel.values[0].astype(float),
            "expected": expected.quantile(reference, clock, 0.5)[0] if not is_share else expected.at(reference, clock)[0],
            "low": expected.quantile(reference, clock, 0.05)[0],
            "high": expected.quantile(reference, clock, 0.95)[0],
            "residual": expected.residual(reference, panel.values, clock)[0] / np.where(reference.scale > 0, reference.scale, np.nan),
        }
    )
    if is_share:
        # Failures are what a reader looks for: 0.4 % is seen, 99.6 % is not. A band of single steps says nothing about six hours.
        rows = rows.assign(value=1 - rows["value"], expected=1 - rows["expected"], residual=-rows["residual"])
        rows = rows.assign(low=rows["expected"], high=rows["expected"])
    present, days = float(rows["value"].notna().mean()), len(rows) * panel.step_s / DAY_S
    room = next((hours for hours in (3, 4, 6, 12) if days * 24 / hours <= MOST_POINTS), 24)
    hours = max(6 if is_share else 3, room, bins.bin_length_s(panel.step_s, present) // 3600)
    begin = rows["time"].dt.floor(f"{hours}h")
    # What came is held against what was expected of the same steps.
    is_idle = rows["value"].isna() & rows["value"].notna().groupby(begin).transform("any")
    coarse = rows.assign(**{name: rows[name].mask(is_idle) for name in ("expected", "low", "high")}).groupby(begin)
    middle = (coarse.mean() if is_share else coarse.median()).drop(columns="time")
    is_enough = coarse["value"].count() >= ENOUGH
    ends = {name: coarse["value"].quantile(level).where(is_enough) for name, level in (("least", 0.05), ("most", 0.95))}
    return middle.assign(**ends).rename_axis("time").reset_index()


def _by_day(course: pd.DataFrame) -> pd.DataFrame:
    day = course["time"].dt.floor("D").rename("day")
    return course.groupby(day)[["value", "expected", "residual"]].median().reset_index()


def _quantiles(before: Float32Array, after: Float32Array) -> pd.DataFrame:
    both = [np.nanquantile(values, LEVELS) if np.isfinite(values).any() else np.full(len(LEVELS), np.nan) for values in (before, after)]
    return pd.DataFrame({"quantile": LEVELS, "reference": both[0], "current": both[1]})


def _by_hour(panel: Panel, regions: pd.DataFrame) -> FloatArray:
    """Median of the values by local hour."""
    hour = (_clock(panel, regions).local_ms // 3_600_000 % 24).astype(int)
    frame = pd.DataFrame({"hour": hour, "value": panel.values[0].astype(float)})
    return frame.groupby("hour")["value"].median().reindex(range(24)).to_numpy(float)
