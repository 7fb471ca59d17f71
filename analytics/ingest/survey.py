"""What the raw data hold, from their footers alone, and which series follow from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import engine, panel, params, store, tables
from analytics.ingest.schedule import DAY_MS, TRACK, find_schedules, usual_intervals

__all__ = ["Survey", "Week", "survey"]

# Steps that divide a day, so that every grid has its own steps at midnight UTC.
STEPS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
# Real schedules are late by a little: 61 s still is "every minute".
SCHEDULE_SLACK = 1.05
CHECK_SIGNALS = (*tables.LATENCIES, "availability")


@dataclass(frozen=True)
class Week:
    """One ISO week of raw data, and the series that have rows in it: what one worker takes.

    Attributes
    ----------
    monday_ms : its start, ms since 1970
    days : raw days of all sources, checks and metrics
    layout : the series with rows in this week (see `Survey.layout`)
    schedules : who checks what from where in this week, how often on each day (see `Survey.schedules`)
    declared_ms : moments of this week at which declared maintenance begins or ends
    key : hash of the raw files and of `declared_ms`
    """

    monday_ms: int
    days: tuple[store.RawDay, ...]
    layout: pd.DataFrame
    schedules: pd.DataFrame
    declared_ms: tuple[int, ...]
    key: str


@dataclass(frozen=True)
class Survey:
    """What there is.

    Attributes
    ----------
    layout : one row per series: series_id, service, region, signal, unit, step_s, interval_ms, block, kind (checks or metrics)
    probed : service, region, monitor: who checks what from where
    schedules : service, region, monitor, day (ms), interval_ms, n_due: how often each of them usually checks on a day, and how many checks
        were due
    weeks : the work, oldest first
    n_rows : raw rows of checks and metrics
    sources : names of the sources that have data
    """

    layout: pd.DataFrame
    probed: pd.DataFrame
    schedules: pd.DataFrame
    weeks: list[Week]
    n_rows: int
    sources: list[str]


def survey(sources: list[str], *, params: params.Ingest, project: params.Project) -> Survey:
    """Series and weeks of work of the given sources.

    Workers that this work will want are got ready meanwhile.

    Raises
    ------
    ValueError
        If no source has any check or metric; the message says how to get some.
    """
    days = [day for source in sources for kind in ("checks", "metrics") for day in store.raw_days(source, kind)]
    if not days:
        raise ValueError(f"no checks or metrics in data/raw of {', '.join(sources)}; run `analytics collect` first")
    runs = _run_frame(days)
    n_rows = int(runs["n"].sum())
    engine.get_ready("analytics.ingest.week", workers=project.workers, points=n_rows)
    runs = runs.assign(usual_ms=usual_intervals(runs))
    layout = _lay_out(runs, default_step_s=params.step_s)
    schedules = find_schedules(runs[runs["kind"] == "checks"].rename(columns={"label": "monitor"}))
    probed = schedules[TRACK].drop_duplicates(ignore_index=True)
    weeks = _weeks(days, runs, layout, schedules, _declared(sources))
    return Survey(layout, probed, schedules, weeks, n_rows, sources)


def series_id(service: str, region: str, signal: str) -> str:
    """Stable name of a series: it depends on nothing but its own keys."""
    return hashlib.blake2b("\0".join((service, region, signal)).encode(), digest_size=8).hexdigest()


def _run_frame(days: list[store.RawDay]) -> pd.DataFrame:
    rows = [
        (day.kind, *run.keys, run.first, run.last, run.n, run.interval_ms, run.unit, position)
        for position, day in enumerate(days)
        for run in day.runs
    ]
    columns = ["kind", "service", "region", "label", "first", "last", "n", "interval_ms", "unit", "day"]
    return pd.DataFrame(rows, columns=columns)


def _lay_out(runs: pd.DataFrame, *, default_step_s: int) -> pd.DataFrame:
    # Several monitors may probe one service from one region: the busiest decides the step.
    checks = runs[runs["kind"] == "checks"]
    pairs = checks.groupby(["service", "region"], as_index=False).agg(interval_ms=("usual_ms", "min"))
    from_checks = pairs.merge(pd.DataFrame({"signal": CHECK_SIGNALS}), how="cross").assign(kind="checks")
    from_checks["unit"] = from_checks["signal"].map(tables.SERIES_SIGNALS)
    metrics = runs[runs["kind"] == "metrics"]
    from_metrics = (
        metrics.groupby(["service", "region", "label"], as_index=False)
        .agg(interval_ms=("usual_ms", "first"), unit=("unit", "first"))
        .rename(columns={"label": "signal"})
        .assign(kind="metrics")
    )
    both = pd.concat([from_checks, from_metrics], ignore_index=True)
    # What was measured by single checks is better known than what a source had averaged before.
    layout = both.drop_duplicates(["service", "region", "signal"]).sort_values(["service", "region", "signal"], ignore_index=True)
    blocks = store.n_blocks(layout["service"].nunique())
    return layout.assign(
        step_s=_steps(layout["interval_ms"].to_numpy(), default_step_s),
        series_id=[series_id(*keys) for keys in layout[["service", "region", "signal"]].itertuples(index=False)],
        block=layout["service"].map({service: store.block_of(service, blocks) for service in layout["service"].unique()}),
    )


def _steps(interval_ms: npt.NDArray[np.int64], default_step_s: int) -> npt.NDArray[np.int64]:
    steps = np.array([step for step in STEPS_S if step >= default_step_s] or [STEPS_S[-1]])
    needed = interval_ms / 1000 / SCHEDULE_SLACK
    return steps[np.minimum(np.searchsorted(steps, needed), len(steps) - 1)]


def _declared(sources: list[str]) -> npt.NDArray[np.int64]:
    """Moments at which declared maintenance begins or ends, ms since 1970."""
    events = pd.concat([store.read_raw_table(source, "events").to_pandas()[["kind", "start", "end"]] for source in sources])
    known = events.loc[events["kind"] == "maintenance", ["start", "end"]].stack().dropna()
    return np.unique(pd.to_datetime(known, utc=True).dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64))


def _weeks(
    days: list[store.RawDay], runs: pd.DataFrame, layout: pd.DataFrame, schedules: pd.DataFrame, declared_ms: npt.NDArray[np.int64]
) -> list[Week]:
    mondays = np.array([panel.week_start((day.day - _EPOCH).days * DAY_MS) for day in days])
    rows = _rows_by_week(runs.assign(monday=mondays[runs["day"].to_numpy()]), layout)
    scheduled = schedules[[*TRACK, "day", "interval_ms"]]
    scheduled_in = scheduled.groupby(panel.week_start(scheduled["day"].to_numpy())).indices
    weeks = []
    for monday in np.unique(mondays):
        week_days = tuple(days[position] for position in np.flatnonzero(mondays == monday))
        within = slice(*np.searchsorted(declared_ms, [monday, monday + panel.WEEK_MS]))
        moments = tuple(declared_ms[within].tolist())
        key = store.digest(*(day.key for day in week_days), *map(str, moments))
        kept = scheduled.iloc[scheduled_in.get(monday, [])].reset_index(drop=True)
        weeks.append(Week(int(monday), week_days, layout.iloc[rows[monday]].reset_index(drop=True), kept, moments, key))
    return weeks


def _rows_by_week(runs: pd.DataFrame, layout: pd.DataFrame) -> dict[int, npt.NDArray[np.int64]]:
    """Rows of the layout that have raw rows in the week of each Monday."""
    numbered = layout.assign(row=np.arange(len(layout)))
    keys = {"checks": ["service", "region"], "metrics": ["service", "region", "signal"]}
    seen = runs.rename(columns={"label": "signal"})
    found = [
        numbered[numbered["kind"] == kind].merge(seen.loc[seen["kind"] == kind, [*names, "monday"]].drop_duplicates(), on=names)
        for kind, names in keys.items()
    ]
    both = pd.concat([part[["monday", "row"]] for part in found]).sort_values(["monday", "row"])
    return {int(monday): rows.to_numpy() for monday, rows in both.groupby("monday")["row"]}


_EPOCH = pd.Timestamp(0).date()
