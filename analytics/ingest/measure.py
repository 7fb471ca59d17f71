"""Raw rows -> series, their panels, coverage by day, outages, and the moments at which nobody could have measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from analytics import engine, params, store
from analytics.ingest import outages as outage_rules
from analytics.ingest.gaps import gaps_between, gaps_table
from analytics.ingest.schedule import TRACK
from analytics.ingest.survey import Survey
from analytics.ingest.week import WeekResult, measure_week

__all__ = ["Measured", "measure"]


@dataclass(frozen=True)
class Measured:
    """What was measured; the first four are tables, the others feed masks and quality flags (times in UTC).

    Attributes
    ----------
    series, coverage, outages, gaps : tables of these names; outages before any are excluded
    days : coverage with first, last, interval_ms, median_ms, n_change, n_steps, n_off_schedule, n_pauses per service, region and day
    extremes : series_id, low, high
    maintenance : service, region, start, end: said by the checks themselves
    faults : region, monitor, start, end, n_probed: a prober's own faults
    pauses : service, region, start, end: the longest of each day (`n_pauses` of `days` counts all)
    holes : service, region, signal, start, end, n: pauses of metrics, n steps long
    failures : service, region, time, n: n failed checks in a row, the first at `time`; a mask holds all of them or none
    """

    series: pd.DataFrame
    coverage: pd.DataFrame
    outages: pd.DataFrame
    gaps: pd.DataFrame
    days: pd.DataFrame
    extremes: pd.DataFrame
    maintenance: pd.DataFrame
    faults: pd.DataFrame
    pauses: pd.DataFrame
    holes: pd.DataFrame
    failures: pd.DataFrame


def measure(found: Survey, *, params: params.Ingest, project: params.Project, keep: bool = True) -> Measured:
    """Write the panels `signals` and return what else the raw rows say.

    Parameters
    ----------
    keep : results of weeks that are kept in `data/memo` are used, and new ones kept
    """
    work = partial(
        measure_week, gap_factor=params.gap_factor, prober_share=params.prober_share, prober_min_services=params.prober_min_services
    )
    results = engine.map(work, found.weeks, workers=project.workers, points=found.n_rows, keep=keep)
    weeks = list(_written(results))
    days = _joined(weeks, "days")
    across = _pauses_across(days, params.gap_factor)
    extents = (
        _joined(weeks, "series")
        .groupby("series_id", as_index=False)
        .agg(first=("first", "min"), last=("last", "max"), n=("n", "sum"), low=("low", "min"), high=("high", "max"))
    )
    failures = _with_following(_joined(weeks, "failures"), _joined(weeks, "lives"), days, found.schedules)
    rule = project.accounting
    outages = outage_rules.find_outages(failures, k=rule.outage_k, n=rule.outage_n, gap_factor=params.gap_factor)
    faults = _faults(_joined(weeks, "faults"), days, min_services=params.prober_min_services)
    return Measured(
        series=_series(found.layout, extents, days),
        coverage=_coverage(days, found.schedules),
        outages=_in_utc(outages),
        gaps=gaps_table(_joined(weeks, "gaps"), gaps_between(_joined(weeks, "series"), found.layout)),
        days=_counting_pauses(days, across),
        extremes=extents[["series_id", "low", "high"]],
        maintenance=_in_utc(_touching(_joined(weeks, "maintenance"))),
        faults=_in_utc(faults),
        pauses=_in_utc(_pauses(_joined(weeks, "pauses"), across)),
        holes=_in_utc(_holes(_joined(weeks, "holes"), _joined(weeks, "series"), found.layout, params.gap_factor)),
        failures=_in_utc(failures[["service", "region", "time", "n"]].sort_values(["service", "region", "time"], ignore_index=True)),
    )


def _written(results: Iterator[WeekResult]) -> Iterator[WeekResult]:
    """Panels go to disk week by week, so that memory does not depend on how many weeks there are."""
    for result in results:
        store.write_panels("signals", result.files)
        result.files.clear()
        yield result


def _joined(weeks: list[WeekResult], name: str) -> pd.DataFrame:
    """One part of all weeks' results; with its columns and types also when there is nothing."""
    frames = [frame for week in weeks if len(frame := getattr(week, name))]
    if frames:
        return pd.concat(frames, ignore_index=True)
    return pd.DataFrame({column: pd.Series(dtype="str" if column in _TEXT else "float64") for column in _COLUMNS[name]})


_TEXT = ("series_id", "service", "region", "monitor", "down")
_COLUMNS = {
    "series": ["series_id", "first", "last", "n", "low", "high"],
    "days": [
        "service", "region", "day", "n_checks", "n_up", "n_excluded", "n_change", "first", "last", "interval_ms", "median_ms", "n_steps",
        "n_off_schedule", "n_pauses",
    ],
    "lives": ["service", "region", "monitor", "day", "n", "first"],
    "failures": ["service", "region", "monitor", "day", "time", "last", "n", "ordinal", "unseen", "next"],
    "maintenance": ["service", "region", "start", "end"],
    "faults": ["region", "monitor", "start", "end", "n_probed", "down"],
    "pauses": ["service", "region", "start", "end"],
    "holes": ["series_id", "start", "end"],
    "gaps": ["series_id", "start", "end", "known_at"],
}  # fmt: skip


def _series(layout: pd.DataFrame, extents: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    series = layout.merge(extents, on="series_id", how="inner")
    expected = (series["last"] - series["first"]) // (series["step_s"] * 1000) + 1
    changes = days.groupby(["service", "region"], as_index=False)[["n_change", "n_checks", "n_excluded"]].sum()
    changes["is_change"] = changes["n_change"] > 0.5 * (changes["n_checks"] + changes["n_excluded"])
    series = series.merge(changes[["service", "region", "is_change"]], on=["service", "region"], how="left")
    is_change = series["is_change"].eq(True) & (series["kind"] == "checks")
    series["origin"] = np.where(is_change, "change", "check")
    series["missing_share"] = 1 - series["n"] / expected
    columns = ["series_id", "service", "region", "signal", "unit", "step_s", "origin", "first", "last", "n", "missing_share", "block"]
    return _in_utc(series[columns])


def _coverage(days: pd.DataFrame, schedules: pd.DataFrame) -> pd.DataFrame:
    """Checks per day beside those that were due, from the first day of a service in a region to its last."""
    keys = ["service", "region", "day"]
    due = schedules.groupby(keys, as_index=False).agg(n_expected=("n_due", "sum"))
    counts = ["n_checks", "n_up", "n_excluded"]
    counted = due.merge(days[[*keys, *counts]], on=keys, how="left")
    counted[counts] = counted[counts].fillna(0).astype("int64")
    return _in_utc(counted[[*keys, *counts, "n_expected"]].astype({"n_expected": "float64"}))


def _with_following(failures: pd.DataFrame, lives: pd.DataFrame, days: pd.DataFrame, schedules: pd.DataFrame) -> pd.DataFrame:
    """Failures numbered through the whole life of a monitor, with the time of its next judged check and what `find_outages` asks for."""
    ordered = lives.sort_values([*TRACK, "day"])
    grouped = ordered.groupby(TRACK, sort=False)
    base = grouped["n"].cumsum() - ordered["n"]
    numbered = ordered[[*TRACK, "day"]].assign(base=base, next_day=grouped["first"].shift(-1))
    newest = days.groupby(["service", "region"], as_index=False).agg(newest=("last", "max"))
    joined = failures.merge(numbered, on=[*TRACK, "day"], how="left").merge(newest, how="left")
    joined = joined.merge(schedules.drop(columns="n_due"), on=[*TRACK, "day"], how="left")
    joined = joined.sort_values([*TRACK, "day", "ordinal"], ignore_index=True)
    return joined.assign(
        ordinal=joined["ordinal"] + joined["base"], next=joined["next"].where(joined["next"] >= 0, joined["next_day"])
    ).drop(columns=["base", "next_day"])


def _faults(suspects: pd.DataFrame, days: pd.DataFrame, *, min_services: int) -> pd.DataFrame:
    """Suspected moments in which enough services were lost that usually work, joined where they touch."""
    totals = days.groupby(["service", "region"])[["n_up", "n_checks"]].sum()
    usual = set(totals.index[totals["n_up"] > 0.5 * totals["n_checks"]])
    kept = [row for row in suspects.itertuples(index=False) if sum((service, row.region) in usual for service in row.down) >= min_services]
    frame = pd.DataFrame(kept, columns=suspects.columns).astype(suspects.dtypes)
    return _touching(frame, by=["region", "monitor"])[["region", "monitor", "start", "end", "n_probed"]]


def _touching(frame: pd.DataFrame, by: list[str] | None = None) -> pd.DataFrame:
    """Intervals of one key joined where one begins before or when the one before ends."""
    keys = by or ["service", "region"]
    ordered = frame.sort_values([*keys, "start"])
    latest = ordered.groupby(keys)["end"].cummax().groupby([ordered[key] for key in keys]).shift()
    number = (~(ordered["start"] <= latest)).cumsum().rename("number")
    rest = {name: (name, "first") for name in ordered.columns if name not in ("start", "end")}
    return ordered.groupby(number).agg(**rest, start=("start", "min"), end=("end", "max")).reset_index(drop=True)


def _pauses_across(days: pd.DataFrame, gap_factor: float) -> pd.DataFrame:
    """Pauses that cross midnight: service, region, day after the pause, start, end."""
    ordered = days.sort_values(["service", "region", "day"])
    previous = ordered.groupby(["service", "region"])[["last", "interval_ms"]].shift()
    before = previous["last"]
    # Where a monitor begins to check more often the last of its longer intervals is no pause.
    interval = np.fmax(previous["interval_ms"], ordered["interval_ms"])
    wide = ordered["first"] - before > gap_factor * interval
    across = ordered[wide].assign(start=before[wide] + interval[wide], end=ordered["first"][wide])
    return across[["service", "region", "day", "start", "end"]]


def _counting_pauses(days: pd.DataFrame, across: pd.DataFrame) -> pd.DataFrame:
    """Days whose `n_pauses` counts the pause before them too."""
    joined = days.merge(across[["service", "region", "day"]].assign(n_before=1), on=["service", "region", "day"], how="left")
    return joined.assign(n_pauses=joined["n_pauses"] + joined["n_before"].fillna(0).astype("int64")).drop(columns="n_before")


def _pauses(inside: pd.DataFrame, across: pd.DataFrame) -> pd.DataFrame:
    """Pauses within days, and those that cross midnight."""
    frames = [frame for frame in (inside, across.drop(columns="day")) if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else inside


def _holes(inside: pd.DataFrame, extents: pd.DataFrame, layout: pd.DataFrame, gap_factor: float) -> pd.DataFrame:
    """Pauses of metrics within weeks, and those between the last value of a week and the first of a later one."""
    metrics = layout.loc[layout["kind"] == "metrics", ["series_id", "service", "region", "signal", "step_s", "interval_ms"]]
    step_ms = metrics["step_s"] * 1000
    metrics = metrics.assign(step_ms=step_ms, usual_ms=np.maximum(metrics["interval_ms"], step_ms)).drop(columns=["step_s", "interval_ms"])
    ordered = extents[["series_id", "first", "last"]].merge(metrics, on="series_id").sort_values(["series_id", "first"])
    before = ordered.groupby("series_id")["last"].shift()
    wide = ordered["first"] - before > gap_factor * ordered["usual_ms"]
    across = ordered[wide].assign(start=before[wide] + ordered["step_ms"][wide], end=ordered["first"][wide])
    both = pd.concat([part for part in (inside.merge(metrics, on="series_id"), across) if len(part)] or [across])
    counted = both.assign(n=(both["end"] - both["start"]) // both["step_ms"])
    return counted[["service", "region", "signal", "start", "end", "n"]].sort_values(
        ["service", "region", "start", "signal"], ignore_index=True
    )


def _in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of times, in ms since 1970, as UTC times."""
    times = [name for name in ("first", "last", "day", "start", "end", "time") if name in frame.columns]
    converted = {name: pd.to_datetime(frame[name].astype("Float64"), unit="ms", utc=True).astype("datetime64[ms, UTC]") for name in times}
    return frame.assign(**converted)
