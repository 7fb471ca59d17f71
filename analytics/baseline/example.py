"""One series looked at closely: what was observed, what was expected, what was left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, expected, params, store
from analytics.baseline import follow
from analytics.baseline.known import Known
from analytics.panel import Panel, Panels, to_ms

__all__ = ["Example", "look_at"]

FIRST_CHOICE = ("latency_ms", "requests", "availability")
"""Signals that an example is taken from, the first that is there."""


@dataclass(frozen=True)
class Example:
    """A series, its course against what was expected, and its usual week.

    Attributes
    ----------
    series : service, region, signal, unit
    course : time, value, expected, p05, p95, p99 (in the unit), residual (in spreads); one row per step
    week : hour (of the local week, 0 is Monday 0:00), expected, p95 (in the unit); empty without a baseline
    marks : what was declared of it: start, end, text
    """

    series: dict[str, Any]
    course: pd.DataFrame
    week: pd.DataFrame
    marks: pd.DataFrame


def look_at(
    signals: Panels,
    known: Known,
    seasons: pd.DataFrame,
    regions: pd.DataFrame,
    events: pd.DataFrame,
    masks: pd.DataFrame,
    *,
    settings: params.Baseline,
    start: Any = None,
    end: Any = None,
    now: pd.Timestamp,
) -> Example | None:
    """The series with the most marked course of the day, over the last days of the data or from `start` to `end`; None without data.

    It is one that was measured for half of that time at least; if none was, over its own last days.
    """
    until = now if end is None else min(store.now(end), now)
    row = _choose(signals, known, seasons, until - pd.Timedelta(days=settings.shown_days) / 2)
    if row is None:
        return None
    until = min(until, row["last"] + pd.Timedelta(days=1))
    begin = until - pd.Timedelta(days=settings.shown_days) if start is None else store.now(start)
    ref = next(ref for ref in signals if (ref.series["series_id"] == row["series_id"]).any())
    mine = replace(ref, series=ref.series[ref.series["series_id"] == row["series_id"]].reset_index(drop=True))
    panel = mine.load().between(begin, until)
    group = follow.groups(panel.series, calendars.places(regions))[0]
    versions = known.table[known.table["series_id"] == row["series_id"]].sort_values("valid_from")
    course = _course(panel, group, versions, known)
    return Example(row, course, _week(panel, group, versions, known), _marks(row, events, masks, begin, until))


def _choose(signals: Panels, known: Known, seasons: pd.DataFrame, since: pd.Timestamp) -> dict[str, Any] | None:
    series = pd.concat([ref.series for ref in signals], ignore_index=True) if len(signals) else pd.DataFrame()
    series = series[series["series_id"].isin(known.table["series_id"])] if len(series) else series
    if series.empty:
        return None
    series = series[series["last"] >= min(since, series["last"].max())]
    signal = next((name for name in FIRST_CHOICE if (series["signal"] == name).any()), series["signal"].iloc[0])
    mine = series[series["signal"] == signal]
    strength = mine["series_id"].map(seasons.groupby("series_id", observed=True)["strength"].max()).fillna(0.0).astype(float)
    best = mine.assign(strength=strength).sort_values(["strength", "n", "service", "region"], ascending=[False, False, True, True]).iloc[0]
    return {name: best[name] for name in ("series_id", "service", "region", "signal", "unit", "last")}


def _baselines(known: Known, valid_from: pd.Timestamp, series_id: str) -> expected.Baselines:
    model = next(model for model in known.models if model.lineage["valid_from"] == valid_from.isoformat())
    return expected.unpack(model.arrays, np.array([series_id]))[0][1]


def _course(panel: Panel, group: follow.Group, versions: pd.DataFrame, known: Known) -> pd.DataFrame:
    n_times = panel.values.shape[1]
    found = {name: np.full(n_times, np.nan) for name in ("expected", "p05", "p95", "p99", "residual")}
    clock = follow.clock_of(panel, group)
    step_ms = panel.step_s * 1000
    for version in versions.itertuples():
        first = int(np.clip(-(-(to_ms(version.valid_from) - panel.start_ms) // step_ms), 0, n_times))
        last = n_times if pd.isna(version.valid_to) else -(-(to_ms(version.valid_to) - panel.start_ms) // step_ms)
        here = slice(first, int(np.clip(last, first, n_times)))
        if here.start == here.stop:
            continue
        part, mine = clock.between(here.start, here.stop), _baselines(known, version.valid_from, version.series_id)
        for name, level in (("expected", 0.5), ("p05", 0.05), ("p95", 0.95), ("p99", 0.99)):
            found[name][here] = expected.quantile(mine, part, level)[0]
        off = expected.residual(mine, panel.values[:, here], part)[0]
        found["residual"][here] = off / mine.scale[0] if mine.scale[0] > 0 else np.nan
    time = pd.to_datetime(panel.times).tz_localize("UTC").as_unit("ms")
    return pd.DataFrame({"time": time, "value": panel.values[0].astype(float), **found})


def _week(panel: Panel, group: follow.Group, versions: pd.DataFrame, known: Known) -> pd.DataFrame:
    """The newest usual week, hour by hour."""
    newest = versions.iloc[-1]
    mine = _baselines(known, newest["valid_from"], newest["series_id"])
    # 1970-01-05 was a Monday.
    hours: npt.NDArray[np.int64] = np.arange(168, dtype=np.int64) * 3_600_000 + 4 * 86_400_000
    clock = replace(follow.clock_of(panel, group), step_s=3600, local_ms=hours, is_holiday=np.zeros(168, bool))
    return pd.DataFrame(
        {"hour": np.arange(168), "expected": expected.quantile(mine, clock, 0.5)[0], "p95": expected.quantile(mine, clock, 0.95)[0]}
    )


def _marks(row: dict[str, Any], events: pd.DataFrame, masks: pd.DataFrame, begin: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
    """What masks and events say of a series between two times."""
    parts = []
    for frame, text in ((masks, "reason"), (events, "kind")):
        mine = frame[
            (frame["service"].isna() | (frame["service"] == row["service"])) & (frame["region"].isna() | (frame["region"] == row["region"]))
        ]
        mine = mine[(mine["start"] < until) & (mine["end"].fillna(mine["start"]) >= begin)]
        parts.append(pd.DataFrame({"start": mine["start"], "end": mine["end"], "text": mine[text].astype("object")}))
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True).sort_values(["start", "text"], ignore_index=True)
