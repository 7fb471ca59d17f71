"""One week of raw rows -> its panels, and everything that later needs single checks: stretches of failures, faults of probers, pauses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa

from analytics import store
from analytics.ingest.day import Columns, Day, Probed, Rules, joined
from analytics.ingest.gaps import gaps_within
from analytics.ingest.grid import empty_grids, extents, fill_metrics, holes, panel_files
from analytics.ingest.schedule import DAY_MS
from analytics.ingest.survey import Week

__all__ = ["WeekResult", "measure_week"]


@dataclass(frozen=True)
class WeekResult:
    """What one week gives; frames have text keys, times are ms since 1970.

    Attributes
    ----------
    files : panel files as (name, bytes)
    series : series_id, first, last, n, low, high: of the steps with a value
    days : service, region, day, n_checks, n_up, n_excluded, n_change, first, last, interval_ms,
        median_ms, n_steps, n_off_schedule, n_pauses
    lives : service, region, monitor, day, n, first: judged checks, and the time of the first of them
    failures : service, region, monitor, day, time, last, n, ordinal, unseen, next: n failed checks in a row of one monitor, the first at
        `time` and with this place among the day's judged checks of the monitor, the last at `last`, and the time of the judged check
        after them (-1: another day); `unseen` is the time between them in which checks paused. No mask begins or ends between them, so
        that all of them lie inside it or none
    maintenance : service, region, start, end: steps with a check in state maintenance
    faults : region, monitor, start, end, n_probed, down (a tuple of services): moments when nearly all was down
    pauses : service, region, start, end: longer than usual between two checks of one day, the longest of them (`n_pauses` counts all)
    holes : series_id, start, end: pauses of metrics within the week
    gaps : series_id, start, end, known_at: steps without a value within the week (see `gaps.gaps_within`)
    """

    files: list[tuple[str, bytes]]
    series: pd.DataFrame
    days: pd.DataFrame
    lives: pd.DataFrame
    failures: pd.DataFrame
    maintenance: pd.DataFrame
    faults: pd.DataFrame
    pauses: pd.DataFrame
    holes: pd.DataFrame
    gaps: pd.DataFrame


def measure_week(week: Week, *, gap_factor: float, prober_share: float, prober_min_services: int) -> WeekResult:
    """Panels and findings of one week of raw data."""
    grids = empty_grids(week.layout)
    probed = Probed.of(week.layout, week.schedules)
    rules = Rules(gap_factor, prober_share, prober_min_services)
    found: list[dict[str, Columns]] = []
    for day, of_day in _by_day(week):
        position = ((day - date(1970, 1, 1)).days * DAY_MS - week.monday_ms) // DAY_MS
        checks = [raw for raw in of_day if raw.kind == "checks"]
        if checks:
            one = Day(probed, rules, monday_ms=week.monday_ms, position=position, declared_ms=week.declared_ms)
            found.append(one.measure(checks, grids))
        metrics = [store.read_raw(raw) for raw in of_day if raw.kind == "metrics"]
        if metrics:
            fill_metrics(pa.concat_tables(metrics).unify_dictionaries().combine_chunks(), grids, week.monday_ms)
    names = ("days", "lives", "failures", "maintenance", "faults", "pauses")
    return WeekResult(
        files=[file for grid in grids for file in panel_files(grid, week.monday_ms)],
        series=pd.concat([extents(grid, week.monday_ms) for grid in grids], ignore_index=True),
        holes=pd.concat([holes(grid, week.monday_ms, gap_factor=gap_factor) for grid in grids], ignore_index=True),
        gaps=gaps_within(grids, week.monday_ms),
        **{name: probed.named(joined([of_day[name] for of_day in found])) if found else pd.DataFrame() for name in names},
    )


def _by_day(week: Week) -> Iterator[tuple[date, list[store.RawDay]]]:
    for day in sorted({raw.day for raw in week.days}):
        yield day, [raw for raw in week.days if raw.day == day]
