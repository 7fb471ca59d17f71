"""One week of raw rows -> its panels, and everything that later needs single checks: stretches of failures, faults of probers, pauses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analytics import panel, store, tables
from analytics.ingest.schedule import DAY_MS
from analytics.ingest.survey import CHECK_SIGNALS, Week
from analytics.stats import binned

__all__ = ["WeekResult", "measure_week"]

IntArray = npt.NDArray[np.int64]
# Sums per step; every other metric is averaged.
SUMMED = ("requests",)
PAUSES_KEPT = 20
# A day is put into cells some services at a time: what is needed on the way stays in the processor's cache, and small.
PAIRS_AT_ONCE = 64
PROBER_BIN_MS = 60_000


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
    """

    files: list[tuple[str, bytes]]
    series: pd.DataFrame
    days: pd.DataFrame
    lives: pd.DataFrame
    failures: pd.DataFrame
    maintenance: pd.DataFrame
    faults: pd.DataFrame
    pauses: pd.DataFrame


@dataclass(frozen=True)
class _Grid:
    """Series of one step in one week: the rows of its panel, and which rows hold each signal that comes from checks."""

    step_s: int
    layout: pd.DataFrame
    rows: dict[str, IntArray]
    values: npt.NDArray[np.float32]
    n_checks: npt.NDArray[np.int32]

    @property
    def per_day(self) -> int:
        return DAY_MS // (self.step_s * 1000)


def measure_week(week: Week, *, gap_factor: float, prober_share: float, prober_min_services: int) -> WeekResult:
    """Panels and findings of one week of raw data."""
    grids = [_empty_grid(int(step), rows) for step, rows in week.layout.groupby("step_s", sort=True)]
    pairs = _Pairs.of(week.layout)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in ("days", "lives", "failures", "maintenance", "faults", "pauses")}
    for day, of_day in _by_day(week):
        position = ((day - date(1970, 1, 1)).days * DAY_MS - week.monday_ms) // DAY_MS
        checks = [raw for raw in of_day if raw.kind == "checks"]
        if checks:
            # In a function of its own: a day's rows are given back before the next day's are read.
            found = _measure_day(_Day(checks, week, pairs, position), grids, gap_factor, prober_share, prober_min_services)
            # The C library keeps what is free as long as something small lies above it: days would add up.
            pa.system_memory_pool().release_unused()
            for name, frame in found.items():
                parts[name].append(frame)
        metrics = [store.read_raw(raw) for raw in of_day if raw.kind == "metrics"]
        if metrics:
            _fill_metrics(pa.concat_tables(metrics).unify_dictionaries().combine_chunks(), grids, week, position)
    frames = {name: _concatenated(found) for name, found in parts.items()}
    return WeekResult(
        files=[file for grid in grids for file in _files(grid, week)],
        series=pd.concat([_series_extent(grid, week) for grid in grids], ignore_index=True),
        **frames,
    )


def _measure_day(
    day: _Day, grids: list[_Grid], gap_factor: float, prober_share: float, prober_min_services: int
) -> dict[str, pd.DataFrame]:
    day.fill(grids)
    maintenance, faults = day.maintenance(), day.faults(prober_share, prober_min_services)
    judged = day.judged()
    return {
        "days": day.counts(gap_factor),
        "lives": day.lives(judged),
        "failures": day.failures(judged, maintenance, faults, gap_factor),
        "maintenance": maintenance,
        "faults": faults,
        "pauses": day.pauses(gap_factor),
    }


def _concatenated(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """All rows; empty frames are left out, for their columns have no types."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _by_day(week: Week) -> Iterator[tuple[date, list[store.RawDay]]]:
    for day in sorted({raw.day for raw in week.days}):
        yield day, [raw for raw in week.days if raw.day == day]


def _empty_grid(step_s: int, layout: pd.DataFrame) -> _Grid:
    shape = (len(layout), panel.WEEK_MS // (step_s * 1000))
    layout = layout.reset_index(drop=True)
    from_checks = layout["kind"] == "checks"
    rows = {signal: np.flatnonzero((from_checks & (layout["signal"] == signal)).to_numpy()) for signal in CHECK_SIGNALS}
    return _Grid(step_s, layout, rows, np.full(shape, np.nan, np.float32), np.zeros(shape, np.int32))


@dataclass(frozen=True)
class _Pairs:
    """Services and regions that are checked in one week, in the order of their names: arrays of shape (n_pairs,)."""

    service: npt.NDArray[np.object_]
    region: npt.NDArray[np.object_]
    step_s: IntArray

    @classmethod
    def of(cls, layout: pd.DataFrame) -> _Pairs:
        rows = layout.loc[layout["kind"] == "checks"].drop_duplicates(["service", "region"])
        return cls(*(np.array(rows[name].tolist(), dtype=kind) for name, kind in _PAIR_COLUMNS.items()))


_PAIR_COLUMNS = {"service": object, "region": object, "step_s": np.int64}


@dataclass(frozen=True)
class _Judged:
    """Checks that were up or down in the order of their track, which is a monitor of a service and region, and of time.

    Attributes
    ----------
    track : pair times the number of the day's monitors plus the monitor, shape (n_judged,)
    time : ms since the day began
    is_down : the check failed
    starts : position of the first check of each track
    """

    track: IntArray
    time: IntArray
    is_down: npt.NDArray[np.bool_]
    starts: IntArray


def _unseen(pause: IntArray, interval_ms: IntArray, gap_factor: float) -> IntArray:
    """What of the time from a check to the next nobody measured: nothing, or in a pause all but one interval."""
    return np.where(pause > gap_factor * interval_ms, pause - interval_ms, 0)


class _Day:
    """Checks of one UTC day as arrays in order of (service and region, time)."""

    def __init__(self, raw_days: list[store.RawDay], week: Week, pairs: _Pairs, position: int) -> None:
        wanted = ["service", "region", "monitor", "time", "state", "latency_ms", "origin"]
        rows = pa.concat_tables([store.read_raw(raw, wanted) for raw in raw_days]).unify_dictionaries().combine_chunks()
        self.pairs = pairs
        self.position = position
        self.start = np.int64(week.monday_ms + position * DAY_MS)
        self.declared = np.array(week.declared_ms, np.int64) - self.start
        service_names, service = _codes(rows, "service")
        self.region_names, region = _codes(rows, "region")
        self.monitor_names, monitor = _codes(rows, "monitor")
        states, state = _codes(rows, "state")
        origins, origin = _codes(rows, "origin")
        # A day in milliseconds and the number of pairs fit into 32 bits: half the memory of each of some twenty arrays.
        pair_of_row = self._lookup(service_names).astype(np.int32)[service, region]
        time = (rows.column("time").cast(pa.int64()).to_numpy() - self.start).astype(np.int32)
        columns = [pair_of_row, time, monitor, region, state, origin, rows.column("latency_ms").to_numpy()]
        del rows, service
        # Of several checks of a monitor at one moment the failures come last: an outage begins and ends at different times.
        packed = pair_of_row.astype(np.int64)
        packed *= DAY_MS
        packed += time
        packed *= 2
        packed += _is(state, states, "down")
        if not (packed[1:] >= packed[:-1]).all():
            order = np.argsort(packed, kind="stable")
            columns = [column[order] for column in columns]
        self.pair, self.time, self.monitor, self.region, state, origin, self.latency = columns
        self.is_up = _is(state, states, "up")
        self.is_down = _is(state, states, "down")
        self.is_maintenance = _is(state, states, "maintenance")
        self.is_scheduled = _is(origin, origins, "check")
        self.is_judged = self.is_up | self.is_down
        self.interval_ms = self._intervals(week.schedules)
        # Of several monitors the busiest tells what a pause is.
        self.usual_ms = self.interval_ms.min(axis=1)

    def _intervals(self, schedules: pd.DataFrame) -> IntArray:
        """Usual interval of each monitor of each service and region on this day, shape (n_pairs, n_monitors); a day for all others."""
        number = {keys: pair for pair, keys in enumerate(zip(self.pairs.service, self.pairs.region, strict=True))}
        place = {name: monitor for monitor, name in enumerate(self.monitor_names)}
        intervals = np.full((len(number), len(place)), DAY_MS, np.int64)
        for row in schedules[schedules["day"] == self.start].itertuples(index=False):
            if row.monitor in place:
                intervals[number[row.service, row.region], place[row.monitor]] = row.interval_ms
        return intervals

    def _lookup(self, service_names: list[str]) -> IntArray:
        """Number of the pair of each service and region of this day's rows, shape (n_services, n_regions)."""
        number = {keys: pair for pair, keys in enumerate(zip(self.pairs.service, self.pairs.region, strict=True))}
        return np.array([[number.get((one, place), -1) for place in self.region_names] for one in service_names], np.int64)

    def fill(self, grids: list[_Grid]) -> None:
        """Latency, its 95th percentile and availability of this day, into the week's panels."""
        for grid in grids:
            mine = np.flatnonzero(self.pairs.step_s == grid.step_s)
            for first in range(0, len(mine), PAIRS_AT_ONCE):
                self._fill(grid, mine[first : first + PAIRS_AT_ONCE], first)

    def _fill(self, grid: _Grid, mine: IntArray, first: int) -> None:
        rows = slice(*np.searchsorted(self.pair, [mine[0], mine[-1] + 1]))
        row_of_pair = np.full(len(self.pairs.step_s), -1, np.int64)
        row_of_pair[mine] = np.arange(len(mine))
        row = row_of_pair[self.pair[rows]]
        here = self.is_scheduled[rows] & (row >= 0)
        cell = row * grid.per_day + self.time[rows] // (grid.step_s * 1000)
        size = len(mine) * grid.per_day
        judged = np.bincount(cell[here & self.is_judged[rows]], minlength=size)
        up = np.bincount(cell[here & self.is_up[rows]], minlength=size)
        timed = here & self.is_up[rows] & np.isfinite(self.latency[rows])
        counts, quantiles = binned.cell_quantiles(cell[timed], self.latency[rows][timed], size, (0.5, 0.95))
        with np.errstate(invalid="ignore"):
            share = np.where(judged > 0, up / judged, np.nan)
        places = slice(first, first + len(mine))
        for signal, values, n in (
            ("latency_ms", quantiles[0], counts),
            ("latency_p95_ms", quantiles[1], counts),
            ("availability", share, judged),
        ):
            self._store(grid, grid.rows[signal][places], values, n)

    def _store(self, grid: _Grid, rows: IntArray, values: npt.NDArray[np.float64], counts: IntArray) -> None:
        steps = slice(self.position * grid.per_day, (self.position + 1) * grid.per_day)
        grid.values[rows, steps] = values.reshape(len(rows), -1)
        grid.n_checks[rows, steps] = counts.reshape(len(rows), -1)

    def counts(self, gap_factor: float) -> pd.DataFrame:
        """One row per service and region: how many checks, of which kind, how regular."""
        n = len(self.pairs.step_s)
        steps, same = self._steps()
        interval = self.usual_ms[self.pair[1:]]
        off = same & (np.abs(steps - interval) > 0.5 * interval)
        present = np.bincount(self.pair, minlength=n) > 0
        starts = np.searchsorted(self.pair, np.arange(n), side="left")
        stops = np.searchsorted(self.pair, np.arange(n), side="right")
        frame = pd.DataFrame(
            {
                "service": self.pairs.service,
                "region": self.pairs.region,
                "day": self.start,
                "n_checks": np.bincount(self.pair[self.is_judged], minlength=n),
                "n_up": np.bincount(self.pair[self.is_up], minlength=n),
                "n_excluded": np.bincount(self.pair[~self.is_judged], minlength=n),
                "n_change": np.bincount(self.pair[~self.is_scheduled], minlength=n),
                "first": self.start + self.time[np.minimum(starts, len(self.time) - 1)],
                "last": self.start + self.time[np.maximum(stops - 1, 0)],
                "interval_ms": self.usual_ms,
                "median_ms": self._medians(),
                "n_steps": np.bincount(self.pair[1:][same], minlength=n),
                "n_off_schedule": np.bincount(self.pair[1:][off], minlength=n),
                "n_pauses": np.bincount(self.pair[1:][self._is_wide(gap_factor)], minlength=n),
            }
        )
        return frame[present]

    def _medians(self) -> npt.NDArray[np.float64]:
        """Median latency of each service and region."""
        n = len(self.pairs.step_s)
        medians = np.full(n, np.nan)
        for first in range(0, n, PAIRS_AT_ONCE):
            stop = min(first + PAIRS_AT_ONCE, n)
            rows = slice(*np.searchsorted(self.pair, [first, stop]))
            timed = self.is_up[rows] & np.isfinite(self.latency[rows])
            _, found = binned.cell_quantiles(self.pair[rows][timed] - first, self.latency[rows][timed], stop - first, (0.5,))
            medians[first:stop] = found[0]
        return medians

    def judged(self) -> _Judged:
        """The judged checks in the order of (service and region, monitor, time)."""
        rows = np.flatnonzero(self.is_judged)
        track = self.pair[rows] * np.int32(len(self.monitor_names)) + self.monitor[rows]
        if not (track[1:] >= track[:-1]).all():
            order = np.argsort(track, kind="stable")
            rows, track = rows[order], track[order]
        return _Judged(track, self.time[rows], self.is_down[rows], np.flatnonzero(np.diff(track, prepend=-1)))

    def lives(self, judged: _Judged) -> pd.DataFrame:
        """One row per service, region and monitor: how many judged checks, and when the first of them was."""
        n = np.diff(np.append(judged.starts, len(judged.track)))
        first = self.start + judged.time[judged.starts]
        return pd.DataFrame({**self._names(judged.track[judged.starts]), "day": self.start, "n": n, "first": first})

    def failures(self, judged: _Judged, maintenance: pd.DataFrame, faults: pd.DataFrame, gap_factor: float) -> pd.DataFrame:
        """Failed checks in a row as one, cut where a mask may begin or end: what never works takes a few rows a day."""
        track, time = judged.track, judged.time
        failed = np.flatnonzero(judged.is_down)
        begins = np.ones(len(failed), bool)
        begins[1:] = (np.diff(failed) > 1) | (np.diff(track[failed]) != 0)
        bounds = np.unique(np.concatenate([self.declared, *(faults[name].to_numpy(np.int64) - self.start for name in ("start", "end"))]))
        pair = track[failed] // len(self.monitor_names)
        for place in (np.searchsorted(bounds, time[failed], side="right"), self._place(maintenance, pair, time[failed])):
            begins[1:] |= np.diff(place) != 0
        first = np.flatnonzero(begins)
        n = np.diff(np.append(first, len(failed)))
        at, last = failed[first], failed[first] + n - 1
        # The judged check after the last of them; of another monitor it says nothing.
        after = np.minimum(last + 1, len(track) - 1)
        is_known = (last + 1 < len(track)) & (track[after] == track[at])
        unseen = np.where(begins, 0, _unseen(np.diff(time[failed], prepend=0), self.interval_ms.ravel()[track[failed]], gap_factor))
        return pd.DataFrame(
            {
                **self._names(track[at]),
                "day": self.start,
                "time": time[at] + self.start,
                "last": time[last] + self.start,
                "n": n,
                "ordinal": at - np.searchsorted(track, track[at], side="left"),
                "unseen": np.add.reduceat(unseen, first) if len(first) else unseen,
                "next": np.where(is_known, time[after] + self.start, -1),
            }
        )

    def _names(self, track: IntArray) -> dict[str, npt.NDArray[np.object_]]:
        """Service, region and monitor of tracks."""
        pair, monitor = np.divmod(track, len(self.monitor_names))
        return {
            "service": self.pairs.service[pair],
            "region": self.pairs.region[pair],
            "monitor": np.array(self.monitor_names, object)[monitor],
        }

    def _place(self, maintenance: pd.DataFrame, pair: IntArray, time: IntArray) -> IntArray:
        """How many stretches of maintenance of any service have begun and ended before each check: it changes at their bounds."""
        number = {keys: pair for pair, keys in enumerate(zip(self.pairs.service, self.pairs.region, strict=True))}
        base = np.array([number[keys] for keys in zip(maintenance["service"], maintenance["region"], strict=True)], np.int64) * DAY_MS
        bounds = np.sort(np.concatenate([base + maintenance[name].to_numpy(np.int64) - self.start for name in ("start", "end")]))
        return np.searchsorted(bounds, pair.astype(np.int64) * DAY_MS + time, side="right")

    def maintenance(self) -> pd.DataFrame:
        """Steps in which a check said that it was maintenance, joined where they touch."""
        rows = []
        for pair in np.unique(self.pair[self.is_maintenance]):
            step_ms = int(self.pairs.step_s[pair]) * 1000
            hit = np.zeros(DAY_MS // step_ms, bool)
            hit[self.time[self.is_maintenance & (self.pair == pair)] // step_ms] = True
            for start, end in zip(*binned.run_bounds(hit), strict=True):
                rows.append((self.pairs.service[pair], self.pairs.region[pair], self.start + start * step_ms, self.start + end * step_ms))
        return pd.DataFrame(rows, columns=["service", "region", "start", "end"])

    def faults(self, share: float, min_services: int) -> pd.DataFrame:
        """Moments at which nearly everything that one prober looks at was down."""
        rows: list[tuple[Any, ...]] = []
        for region, monitor in np.unique(np.stack([self.region, self.monitor])[:, self.is_down], axis=1).T:
            mine = (self.region == region) & (self.monitor == monitor) & self.is_judged
            pair, down = self.pair[mine], self.is_down[mine]
            usual = np.median(self.usual_ms[np.unique(pair)])
            width = int(max(PROBER_BIN_MS, usual))
            moment = self.time[mine] // width
            # As many services lost take at least as many failures: most moments need no closer look.
            suspects = np.flatnonzero(np.bincount(moment[down]) >= min_services)
            inside = np.isin(moment, suspects)
            services, service = np.unique(pair[inside], return_inverse=True)
            shape = (len(suspects), len(services))
            cell = np.searchsorted(suspects, moment[inside]) * shape[1] + service
            probed = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape) > 0
            lost = probed & (np.bincount(cell[~down[inside]], minlength=shape[0] * shape[1]).reshape(shape) == 0)
            n_probed, n_lost = probed.sum(axis=1), lost.sum(axis=1)
            for at in np.flatnonzero((n_probed >= min_services) & (n_lost >= share * n_probed)):
                names = tuple(sorted(self.pairs.service[services[lost[at]]]))
                begin = self.start + int(suspects[at]) * width
                row = (self.region_names[region], self.monitor_names[monitor], begin, begin + width, int(n_probed[at]), names)
                # The same services lost a moment longer: services that never work would give a row per check.
                if rows and (rows[-1][:2], rows[-1][3], rows[-1][5]) == (row[:2], begin, names):
                    rows[-1] = (*rows[-1][:3], row[3], *rows[-1][4:])
                else:
                    rows.append(row)
        return pd.DataFrame(rows, columns=["region", "monitor", "start", "end", "n_probed", "down"])

    def pauses(self, gap_factor: float) -> pd.DataFrame:
        """The longest pauses of each service and region within this day."""
        steps, _ = self._steps()
        interval = self.usual_ms[self.pair[1:]]
        wide = np.flatnonzero(self._is_wide(gap_factor))
        wide = wide[np.argsort(-steps[wide], kind="stable")]
        frame = pd.DataFrame(
            {
                "service": self.pairs.service[self.pair[wide]],
                "region": self.pairs.region[self.pair[wide]],
                "start": self.start + self.time[wide] + interval[wide],
                "end": self.start + self.time[wide + 1],
            }
        )
        return frame.groupby(["service", "region"], sort=False).head(PAUSES_KEPT) if len(frame) else frame

    def _is_wide(self, gap_factor: float) -> npt.NDArray[np.bool_]:
        """Whether there is a pause between each row and the next."""
        steps, same = self._steps()
        return same & (steps > gap_factor * self.usual_ms[self.pair[1:]])

    def _steps(self) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """Time from each row to the next, and whether both are of the same service and region."""
        return np.diff(self.time), self.pair[1:] == self.pair[:-1]


def _fill_metrics(rows: pa.Table, grids: list[_Grid], week: Week, position: int) -> None:
    """Mean (or sum) per step of every metric of one day."""
    keys = {name: _codes(rows, name) for name in ("service", "region", "signal")}
    time = rows.column("time").cast(pa.int64()).to_numpy() - week.monday_ms
    value = rows.column("value").to_numpy()
    combined = np.zeros(len(rows), np.int64)
    for names, codes in keys.values():
        combined = combined * len(names) + codes
    groups, group_of_row = np.unique(combined, return_inverse=True)
    first_row = np.zeros(len(groups), np.int64)
    first_row[group_of_row[::-1]] = np.arange(len(rows))[::-1]
    for grid in grids:
        wanted = {
            (row.service, row.region, row.signal): number
            for number, row in enumerate(grid.layout.itertuples(index=False))
            if row.kind == "metrics"
        }
        row_of_group = np.array(
            [wanted.get(tuple(names[codes[first]] for names, codes in keys.values()), -1) for first in first_row], np.int64
        )
        row = row_of_group[group_of_row]
        here = (row >= 0) & np.isfinite(value)
        if not here.any():
            continue
        n_times = grid.values.shape[1]
        cell = row[here] * n_times + time[here] // (grid.step_s * 1000)
        filled, inverse = np.unique(cell, return_inverse=True)
        counts = np.bincount(inverse)
        sums = np.bincount(inverse, weights=value[here])
        is_summed = grid.layout["signal"].isin(SUMMED).to_numpy()[filled // n_times]
        grid.values.reshape(-1)[filled] = np.where(is_summed, sums, sums / counts)
        grid.n_checks.reshape(-1)[filled] = counts


def _files(grid: _Grid, week: Week) -> Iterator[tuple[str, bytes]]:
    for block, rows in grid.layout.groupby("block", sort=True):
        index = rows.index.to_numpy()
        content = store.encode_panel(rows, week.monday_ms, grid.step_s, grid.values[index], grid.n_checks[index])
        yield store.panel_file_name(int(block), grid.step_s, week.monday_ms), content


def _series_extent(grid: _Grid, week: Week) -> pd.DataFrame:
    present = np.isfinite(grid.values)
    n_times = present.shape[1]
    step_ms = grid.step_s * 1000
    some = present.any(axis=1)
    filled = np.where(present, grid.values, np.nan)[some]
    return pd.DataFrame(
        {
            "series_id": grid.layout["series_id"][some],
            "first": week.monday_ms + present[some].argmax(axis=1) * step_ms,
            "last": week.monday_ms + (n_times - 1 - present[some][:, ::-1].argmax(axis=1)) * step_ms,
            "n": present[some].sum(axis=1),
            "low": np.nanmin(filled, axis=1) if some.any() else np.zeros(0),
            "high": np.nanmax(filled, axis=1) if some.any() else np.zeros(0),
        }
    )


def _codes(rows: pa.Table, name: str) -> tuple[list[str], IntArray]:
    """Labels of a dictionary column, and the label number of each row."""
    array = rows.column(name).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], tables.schema(tables.RAW["checks"]).field(name).type)
    return array.dictionary.to_pylist(), array.indices.to_numpy(zero_copy_only=False)


def _is(codes: IntArray, labels: list[str], wanted: str) -> npt.NDArray[np.bool_]:
    return codes == labels.index(wanted) if wanted in labels else np.zeros(len(codes), bool)
