"""Can this budget be trusted? Anomalies of known kind and size are put into a copy of a sample of the newest weeks, and the stage is asked.

What it catches there is what it would have caught here: same services, same noise, same rules.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import engine, params, store, tables
from analytics.anomalies.advance import detect
from analytics.anomalies.calibration import knows, told_at
from analytics.anomalies.find import Anomalies, Known, anomalies_of
from analytics.anomalies.found import Found
from analytics.anomalies.judge import GAP_S
from analytics.anomalies.models import asked
from analytics.panel import WEEK_MS, Panel, PanelRef, Panels, to_ms, week_start

__all__ = ["KINDS", "Kind", "Put", "Sample", "Trial", "put_into", "sample_of", "try_out"]

BoolArray = npt.NDArray[np.bool_]

WARM_S = 7 * 86_400
"""What is only learnt from: a week knows each hour of the week once."""
SLOT_S = 4 * 86_400
"""Each place gets one anomaly in four days: what happens more often is less strange. At one in two days those that were put in hid each
other: of half hours in which 1 of 10 checks fails .18 were told, not .54."""
LARGEST_STEP_S = 3600
"""Of coarser steps a day has too few to put anything between."""
MOST_REGIONS = 6
"""Regions of a service that take turns: eight hours each."""


class Kind(NamedTuple):
    """Something that can go wrong in one region: in words, the signal it changes, by how much, for how long (0: one step)."""

    name: str
    signal: str
    size: float
    minutes: int


KINDS = (
    Kind("4 times as slow for one step", "latency_ms", 3.0, 0),
    Kind("1.5 times as slow for an hour", "latency_ms", 0.5, 60),
    Kind("twice as slow for an hour", "latency_ms", 1.0, 60),
    Kind("4 times as slow for an hour", "latency_ms", 3.0, 60),
    Kind("1 of 10 checks fails for half an hour", "availability", 0.1, 30),
    Kind("half of the checks fail for half an hour", "availability", 0.5, 30),
    Kind("all checks fail for 5 minutes", "availability", 1.0, 5),
    Kind("all checks fail for half an hour", "availability", 1.0, 30),
    Kind("half of the requests missing for half an hour", "requests", -0.5, 30),
    Kind("9 of 10 requests missing for half an hour", "requests", -0.9, 30),
)
SIGNALS = (*tables.LATENCIES, "availability", "requests")


class Put(NamedTuple):
    """One of `KINDS`, where and when."""

    kind: int
    service: str
    region: str
    first: int
    stop: int


@dataclass(frozen=True)
class Sample:
    """A sample of the newest weeks: its panels, their series, and what of them is tested."""

    refs: list[PanelRef]
    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def tested_from(self) -> pd.Timestamp:
        return self.start + pd.Timedelta(seconds=WARM_S)


@dataclass(frozen=True)
class Trial:
    """What was tried.

    Attributes
    ----------
    put : a row for each anomaly that was put in: service, region, kind (its name), start, end, is_caught, delay_s (NaN: not caught), and
        is_caught_for_more, at the budget `for_more` (NaN: of a service with so few series it is not known)
    for_more : false alarms a week of a service
    n_services, start, end : of the sample, as far as it was tested
    """

    put: pd.DataFrame
    for_more: float
    n_services: int
    start: pd.Timestamp
    end: pd.Timestamp


PUT = ["service", "region", "kind", "start", "end"]
MORE = 4
"""The budget, as a multiple of the one in use, at which it is looked what else would be told."""


def try_out(
    signals: Panels,
    found: Anomalies,
    known: Known,
    *,
    settings: params.Anomalies,
    project: params.Project,
    now: pd.Timestamp,
) -> Trial:
    """What is told of known anomalies in a copy of the newest weeks of some services.

    Parameters
    ----------
    found : what `find_anomalies` has found: nothing is put where something was strange already
    """
    sample = sample_of(signals, settings=settings, now=now)
    services = {name for ref in sample.refs for name in ref.series["service"]}
    parts = Found.together(list(engine.map(partial(detect_with_put, regions=known.regions, settings=asked(settings)), sample.refs)))
    # Series into which nothing was put are looked at as well: all share the price.
    beside = [name for ref in signals for name, of in zip(ref.series["series_id"], ref.series["service"], strict=True) if of in services]
    weeks = parts.weeks.reindex(parts.weeks.index.union(beside), fill_value=0.0)
    told = anomalies_of(replace(parts, weeks=weeks), known, settings=settings, project=project, now=sample.end)
    near = pd.Timedelta(seconds=max(settings.near_s, GAP_S))
    rows = [row for ref in sample.refs for row in _rows(ref, found.anomalies, known.masks, near)]
    put, for_more = pd.DataFrame(rows, columns=PUT), MORE * told.budget
    delay_s, later_s = (_delays(put, alarms, told.details, near) for alarms in (told.alarms, told_at(told, for_more)))
    is_known = put["service"].map(knows(told, for_more, settings=settings)).to_numpy(bool)
    put = put.assign(is_caught=np.isfinite(delay_s), delay_s=delay_s, is_caught_for_more=np.where(is_known, np.isfinite(later_s), np.nan))
    return Trial(put, for_more, len(services), sample.tested_from, sample.end)


def sample_of(signals: Panels, *, settings: params.Anomalies, now: pd.Timestamp) -> Sample:
    """Whole services in the order of a hash of their names until there are enough places.

    Of whole weeks, so that a new day changes nothing; a younger history is taken by whole days.
    """
    usable = [_reduced(ref) for ref in signals if ref.step_s <= LARGEST_STEP_S]
    refs = [ref for ref in usable if len(ref.series)]
    end = pd.Timestamp(week_start(to_ms(now)), unit="ms", tz="UTC")
    length = pd.Timedelta(WEEK_MS, "ms") * settings.trial_weeks
    oldest = pd.Timestamp(min((ref.start_ms for ref in refs), default=0), unit="ms", tz="UTC")
    if oldest > end - length:
        end = now.floor("D")
    start = max(end - length, oldest.ceil("D"))
    if not refs or end - start < pd.Timedelta(seconds=WARM_S + SLOT_S):
        return Sample([], start, end)
    places = pd.concat([ref.series[["service", "region"]] for ref in refs]).drop_duplicates().astype("object")
    chosen = _chosen(places, settings.trial_places)
    taken = [replace(ref, series=ref.series[_are_in(ref.series, chosen)].reset_index(drop=True)) for ref in refs]
    return Sample([store.cut(ref, to_ms(start), to_ms(end)) for ref in taken if len(ref.series)], start, end)


def _reduced(ref: PanelRef) -> PanelRef:
    """To the signals that something can be put into."""
    return replace(ref, series=ref.series[ref.series["signal"].isin(SIGNALS)])


def _chosen(places: pd.DataFrame, at_most: int) -> set[tuple[str, str]]:
    """Places of whole services (up to `MOST_REGIONS` regions), at least of one."""
    regions = {name: sorted(rows["region"], key=_hash)[:MOST_REGIONS] for name, rows in places.groupby("service", sort=True)}
    chosen: set[tuple[str, str]] = set()
    for service in sorted(regions, key=_hash):
        if len(chosen) < at_most and (not chosen or len(chosen) + len(regions[service]) <= at_most):
            chosen |= {(service, region) for region in regions[service]}
    return chosen


def _are_in(series: pd.DataFrame, places: set[tuple[str, str]]) -> BoolArray:
    return np.array([place in places for place in zip(series["service"], series["region"], strict=True)], bool)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def detect_with_put(ref: PanelRef, *, regions: pd.DataFrame, settings: params.Anomalies) -> Found:
    """Strange stretches of a panel into which anomalies were put."""
    return detect(put_into(ref.load(), plan(ref)), regions=regions, settings=settings)


def plan(ref: PanelRef) -> list[Put]:
    """What is put where and when: one in four days in each place after the first week, at a random time, of all kinds in turn.

    The regions of a service take turns within these. Chance is drawn from the name of the place and the begin of the panel.
    """
    return [
        put
        for _, rows in ref.series.groupby("service", sort=True, observed=True)
        for turn, region in enumerate(sorted(rows["region"].unique(), key=_hash))
        for put in _plan_of(ref, rows[rows["region"] == region], turn, rows["region"].nunique())
    ]


def _plan_of(ref: PanelRef, rows: pd.DataFrame, turn: int, n_turns: int) -> list[Put]:
    service, region = str(rows["service"].iloc[0]), str(rows["region"].iloc[0])
    rng = np.random.default_rng(int(_hash(f"{service}\0{region}\0{ref.start_ms}"), 16))
    shown = [number for number, kind in enumerate(KINDS) if (rows["signal"] == kind.signal).any()]
    # The regions of a service share one order, so that together they show all kinds soon.
    order = np.random.default_rng(int(_hash(f"{service}\0{ref.start_ms}"), 16)).permutation(shown)
    slots = np.arange(ref.start_ms // 1000 + WARM_S, ref.end_ms // 1000 - SLOT_S + 1, SLOT_S)
    put = []
    for number, slot in enumerate(slots):
        kind = int(order[(number * n_turns + turn) % len(order)])
        length = max(1, math.ceil(60 * KINDS[kind].minutes / ref.step_s))
        room = max(0.0, SLOT_S / n_turns - length * ref.step_s - GAP_S)
        first = int((slot + turn * SLOT_S / n_turns + rng.uniform(0, room) - ref.start_ms // 1000) // ref.step_s)
        put.append(Put(kind, service, region, first, first + length))
    return put


def put_into(panel: Panel, puts: Sequence[Put]) -> Panel:
    """A panel with these anomalies in it; the one given stays as it is."""
    values, n_checks = panel.values.copy(), panel.n_checks.copy()
    signals = panel.series["signal"].astype(str).to_numpy()
    for put in puts:
        kind, steps = KINDS[put.kind], slice(put.first, put.stop)
        here = _are_in(panel.series, {(put.service, put.region)})
        for row in np.flatnonzero(here):
            if signals[row] == kind.signal or {kind.signal, signals[row]} == set(tables.LATENCIES):
                # What is slow is slow in both.
                values[row, steps] = _changed(values[row, steps], n_checks[row, steps], kind)
            elif kind.signal == "availability" and kind.size == 1 and signals[row] in tables.LATENCIES:
                # No answer, no response time.
                values[row, steps], n_checks[row, steps] = np.nan, 0
    return replace(panel, values=values, n_checks=n_checks)


def _changed(values: npt.NDArray[np.float32], n_checks: npt.NDArray[np.int32], kind: Kind) -> npt.NDArray[np.float32]:
    if kind.signal != "availability":
        return values * np.float32(1 + kind.size)
    # Of those that would have succeeded every so many fails, counted over all steps: one in ten of five a step is one every second step.
    good = np.rint(np.nan_to_num(values) * n_checks)
    failed = np.diff(np.floor(np.cumsum(good) * kind.size + 1e-9), prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isfinite(values), (good - failed) / n_checks, values).astype(np.float32)


def _rows(ref: PanelRef, anomalies: pd.DataFrame, masks: pd.DataFrame, near: pd.Timedelta) -> list[tuple[Any, ...]]:
    """What was put in where something was measured, nothing was masked and nothing was strange anyway; columns `PUT`."""
    panel = ref.load()
    row_of = {key: row for row, key in enumerate(zip(*(panel.series[name] for name in ("service", "region", "signal")), strict=True))}
    strange, silent = (list(frame[["service", "start", "end"]].itertuples(index=False)) for frame in (anomalies, masks))
    rows = []
    for put in plan(ref):
        kind = KINDS[put.kind]
        start, end = (pd.Timestamp(ref.start_ms + step * ref.step_s * 1000, unit="ms", tz="UTC") for step in (put.first, put.stop))
        is_there = np.isfinite(panel.values[row_of[put.service, put.region, kind.signal], put.first : put.stop]).all()
        if is_there and not _has_any(strange, put.service, start - near, end + near) and not _has_any(silent, put.service, start, end):
            rows.append((put.service, put.region, kind.name, start, end))
    return rows


def _has_any(stretches: list[Any], service: str, start: pd.Timestamp, end: pd.Timestamp) -> bool:
    """Whether one of some stretches (service, start, end) of a service, or of all, overlaps."""
    # What has no end goes on: no time is after it.
    return any((pd.isna(of) or of == service) and first < end and not last <= start for of, first, last in stretches)


def _delays(put: pd.DataFrame, alarms: pd.DataFrame, details: pd.DataFrame, near: pd.Timedelta) -> npt.NDArray[np.float64]:
    """How long after its begin an alarm of the same service and region became known of each, s; NaN if none did."""
    known_of = dict(zip(alarms["anomaly_id"], alarms["detected_at"], strict=True))
    seen: dict[tuple[str, str], set[pd.Timestamp]] = {}
    for row in details.itertuples():
        if row.anomaly_id in known_of:
            seen.setdefault((row.service, row.region), set()).add(known_of[row.anomaly_id])
    delays = []
    for row in put.itertuples():
        mine = [known for known in seen.get((row.service, row.region), ()) if row.start < known <= row.end + near]
        delays.append((min(mine) - row.start).total_seconds() if mine else np.nan)
    return np.array(delays, float)
