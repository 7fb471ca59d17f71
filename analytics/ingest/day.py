"""Checks of one day, some services at a time: steps of the panels, counts, stretches of failures, faults of probers, pauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analytics import store
from analytics.ingest.grid import Grid, codes_of
from analytics.ingest.schedule import DAY_MS
from analytics.stats import binned

__all__ = ["Columns", "Day", "Probed", "Rules", "joined"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Columns = dict[str, npt.NDArray[Any]]
"""Columns of some rows of a result, with numbers for names."""

PART_ROWS = 1 << 16
"""Rows in hand at once: each of their arrays fits into a processor's cache, and what a worker needs does not grow with the services."""

PAUSES_KEPT = 20
PROBER_BIN_MS = 60_000
WANTED = ("service", "region", "monitor", "time", "state", "latency_ms", "origin")


@dataclass(frozen=True)
class Rules:
    """What is a pause and what a fault of a prober (see `params.Ingest`)."""

    gap_factor: float
    prober_share: float
    prober_min_services: int


@dataclass(frozen=True)
class Probed:
    """Who is checked by whom in one week: pairs (a service in a region) and tracks (one monitor of a pair).

    Attributes
    ----------
    service, region : numbers of each pair, in the order of their names; shape (n_pairs,)
    step_s : shape (n_pairs,)
    names : of services, regions and monitors, by number
    pair : number of the pair of a service and a region, -1: none; shape (n_services, n_regions)
    schedules : frame with track (pair times the number of monitors plus the monitor), day (ms since 1970) and interval_ms
    """

    service: IntArray
    region: IntArray
    step_s: IntArray
    names: dict[str, list[str]]
    pair: IntArray
    schedules: pd.DataFrame

    @classmethod
    def of(cls, layout: pd.DataFrame, schedules: pd.DataFrame) -> Probed:
        """From the series and the schedules of a week (see `survey.Week`)."""
        pairs = layout.loc[layout["kind"] == "checks"].drop_duplicates(["service", "region"])
        names = {
            "service": sorted(pairs["service"].unique()),
            "region": sorted(pairs["region"].unique()),
            "monitor": sorted(schedules["monitor"].unique()),
        }
        service, region = (_numbers(pairs[name], names[name]) for name in ("service", "region"))
        pair = np.full((len(names["service"]) + 1, len(names["region"]) + 1), -1, np.int64)
        pair[service, region] = np.arange(len(pairs))
        mine = pair[_numbers(schedules["service"], names["service"]), _numbers(schedules["region"], names["region"])]
        track = mine * len(names["monitor"]) + _numbers(schedules["monitor"], names["monitor"])
        known = schedules[["day", "interval_ms"]].assign(track=track)[mine >= 0]
        return cls(service, region, pairs["step_s"].to_numpy(np.int64), names, pair, known)

    @property
    def n_monitors(self) -> int:
        return len(self.names["monitor"])

    def intervals(self, day_ms: int) -> IntArray:
        """Usual interval of every track on a day, shape (n_pairs * n_monitors,); a day where there is none."""
        intervals = np.full(len(self.step_s) * self.n_monitors, DAY_MS, np.int64)
        of_day = self.schedules[self.schedules["day"] == day_ms]
        intervals[of_day["track"].to_numpy()] = of_day["interval_ms"].to_numpy()
        return intervals

    def named(self, columns: Columns) -> pd.DataFrame:
        """The frame of columns in which pair, region and monitor are numbers."""
        told: Columns = {**columns}
        if "pair" in columns:
            pair = told.pop("pair")
            told |= {"service": self.service[pair], "region": self.region[pair]}
        text = {name: np.array(names, object)[told[name]] for name, names in self.names.items() if name in told}
        return pd.DataFrame(text | {name: values for name, values in told.items() if name not in text})


def _numbers(labels: Sequence[str], names: list[str]) -> IntArray:
    """Place of each label among the names, -1 if it is none of them."""
    place = {name: number for number, name in enumerate(names)}
    return np.array([place.get(label, -1) for label in labels], np.int64)


@dataclass(frozen=True)
class _Part:
    """Checks of some services in the order of (pair, time).

    Attributes
    ----------
    pairs : those that have checks, shape (n_present,)
    starts, sizes : where the checks of each of them begin, and how many they are
    pair, monitor : of each check
    time : ms since the day began
    """

    pairs: IntArray
    starts: IntArray
    sizes: IntArray
    pair: IntArray
    monitor: IntArray
    time: npt.NDArray[np.int32]
    latency: npt.NDArray[np.float64]
    is_up: BoolArray
    is_down: BoolArray
    is_maintenance: BoolArray
    is_scheduled: BoolArray

    def counted(self, flags: BoolArray) -> IntArray:
        """How many checks of each pair have a flag."""
        return np.add.reduceat(flags, self.starts, dtype=np.int64)


def _part(rows: pa.Table, probed: Probed, start: int) -> _Part:
    place = {name: _numbers(codes[0], probed.names[name])[codes[1]] for name in probed.names if (codes := codes_of(rows, name))}
    states, state = codes_of(rows, "state")
    origins, origin = codes_of(rows, "origin")
    pair = probed.pair[place["service"], place["region"]]
    time = (rows.column("time").cast(pa.int64()).to_numpy() - start).astype(np.int32)
    columns = [pair, place["monitor"], time, rows.column("latency_ms").to_numpy()]
    columns += [_is(state, states, wanted) for wanted in ("up", "down", "maintenance")] + [_is(origin, origins, "check")]
    # Of several checks of a monitor at one moment the failures come last: an outage begins and ends at different times.
    packed = (pair * DAY_MS + time) * 2 + columns[5]
    if not (packed[1:] >= packed[:-1]).all():
        order = np.argsort(packed, kind="stable")
        columns = [column[order] for column in columns]
    starts = np.flatnonzero(np.diff(columns[0], prepend=-1))
    return _Part(columns[0][starts], starts, np.diff(starts, append=len(pair)), *columns)


def _is(codes: npt.NDArray[np.int32], labels: list[str], wanted: str) -> BoolArray:
    return codes == labels.index(wanted) if wanted in labels else np.zeros(len(codes), bool)


_Some = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], BoolArray]


@dataclass(frozen=True)
class _Judged:
    """Checks that were up or down in the order of their track and of time.

    Attributes
    ----------
    track : shape (n_judged,)
    time : ms since the day began
    is_down : the check failed
    starts : position of the first check of each track
    """

    track: npt.NDArray[np.int32]
    time: npt.NDArray[np.int32]
    is_down: BoolArray
    starts: IntArray

    def only(self, wanted: BoolArray) -> _Some:
        """Track, time and failure of some of them."""
        return self.track[wanted], self.time[wanted], self.is_down[wanted]


class Day:
    """What one day's checks say; times are ms since 1970 outside, and since the day began inside."""

    def __init__(self, probed: Probed, rules: Rules, *, monday_ms: int, position: int, declared_ms: Sequence[int]) -> None:
        self.probed, self.rules, self.position = probed, rules, position
        self.start = np.int64(monday_ms + position * DAY_MS)
        self.declared = np.array(declared_ms, np.int64) - self.start
        self.interval_ms = probed.intervals(int(self.start))
        # Of several monitors the busiest tells what a pause is.
        self.usual_ms = self.interval_ms.reshape(-1, probed.n_monitors).min(axis=1)

    def measure(self, days: list[store.RawDay], grids: list[Grid]) -> dict[str, Columns]:
        """Fill the day's steps of the grids; the day's rows of the frames of `week.WeekResult`."""
        counts, pauses, maintenance, judged = [], [], [], []
        for rows in _parts(days):
            part = _part(rows, self.probed, int(self.start))
            self._fill(part, grids)
            is_wide, steps = self._pauses(part)
            counts.append(self._counts(part, is_wide, steps))
            pauses.append(self._named_pauses(part, is_wide, steps))
            maintenance.append(self._maintenance(part))
            judged.append(self._judged(part))
        masked = joined(maintenance)
        faults = self._faults(judged)
        return {
            "days": joined(counts),
            "lives": joined([self._lives(part) for part in judged]),
            "failures": joined([self._failures(part, masked, faults) for part in judged]),
            "maintenance": masked,
            "faults": faults,
            "pauses": _longest(joined(pauses)),
        }

    def _fill(self, part: _Part, grids: list[Grid]) -> None:
        """Latency, its 95th percentile and availability of this day, into the week's panels."""
        step_s = self.probed.step_s
        for grid in grids:
            mine = part.pairs[step_s[part.pairs] == grid.step_s]
            if len(mine):
                # Places among all pairs of this step: the order of the grid's rows of each signal.
                self._fill_grid(part, grid, mine, np.searchsorted(np.flatnonzero(step_s == grid.step_s), mine))

    def _fill_grid(self, part: _Part, grid: Grid, mine: IntArray, places: IntArray) -> None:
        row_of_pair = np.full(len(self.probed.step_s), -1, np.int64)
        row_of_pair[mine] = np.arange(len(mine))
        row = row_of_pair[part.pair]
        here = part.is_scheduled & (row >= 0)
        cell = row * grid.per_day + part.time // (grid.step_s * 1000)
        size = len(mine) * grid.per_day
        judged = np.bincount(cell[here & (part.is_up | part.is_down)], minlength=size)
        up = np.bincount(cell[here & part.is_up], minlength=size)
        timed = here & part.is_up & np.isfinite(part.latency)
        counts, quantiles = binned.cell_quantiles(cell[timed], part.latency[timed], size, (0.5, 0.95))
        with np.errstate(invalid="ignore"):
            share = np.where(judged > 0, up / judged, np.nan)
        steps = slice(self.position * grid.per_day, (self.position + 1) * grid.per_day)
        for signal, values, n in (
            ("latency_ms", quantiles[0], counts),
            ("latency_p95_ms", quantiles[1], counts),
            ("availability", share, judged),
        ):
            grid.values[grid.rows[signal][places], steps] = values.reshape(len(mine), -1)
            grid.n_checks[grid.rows[signal][places], steps] = n.reshape(len(mine), -1)

    def _pauses(self, part: _Part) -> tuple[BoolArray, IntArray]:
        """Whether there is a pause between each check and the next of its pair, and the time between them (the usual one at the end)."""
        usual = self.usual_ms[part.pairs]
        steps = np.diff(part.time, append=np.int32(0))
        steps[part.starts + part.sizes - 1] = usual
        return steps > np.repeat(self.rules.gap_factor * usual, part.sizes), steps

    def _counts(self, part: _Part, is_wide: BoolArray, steps: IntArray) -> Columns:
        """One row per pair: how many checks, of which kind, how regular."""
        usual = self.usual_ms[part.pairs]
        is_judged = part.is_up | part.is_down
        timed = part.is_up & np.isfinite(part.latency)
        number = np.repeat(np.arange(len(part.pairs)), part.sizes)
        _, medians = binned.cell_quantiles(number[timed], part.latency[timed], len(part.pairs), (0.5,))
        return {
            "pair": part.pairs,
            "day": np.full(len(part.pairs), self.start),
            "n_checks": part.counted(is_judged),
            "n_up": part.counted(part.is_up),
            "n_excluded": part.counted(~is_judged),
            "n_change": part.counted(~part.is_scheduled),
            "first": self.start + part.time[part.starts],
            "last": self.start + part.time[part.starts + part.sizes - 1],
            "interval_ms": usual,
            "median_ms": medians[0],
            "n_steps": part.sizes - 1,
            "n_off_schedule": part.counted(np.abs(steps - np.repeat(usual, part.sizes)) > 0.5 * np.repeat(usual, part.sizes)),
            "n_pauses": part.counted(is_wide),
        }

    def _named_pauses(self, part: _Part, is_wide: BoolArray, steps: IntArray) -> Columns:
        wide = np.flatnonzero(is_wide)
        pair = part.pair[wide]
        start, end = self.start + part.time[wide] + self.usual_ms[pair], self.start + part.time[wide] + steps[wide]
        return {"pair": pair, "start": start, "end": end, "length": steps[wide]}

    def _maintenance(self, part: _Part) -> Columns:
        """Steps in which a check said that it was maintenance, joined where they touch."""
        rows = []
        for pair in np.unique(part.pair[part.is_maintenance]):
            step_ms = int(self.probed.step_s[pair]) * 1000
            hit = np.zeros(DAY_MS // step_ms, bool)
            hit[part.time[part.is_maintenance & (part.pair == pair)] // step_ms] = True
            rows += [
                (pair, self.start + start * step_ms, self.start + end * step_ms) for start, end in zip(*binned.run_bounds(hit), strict=True)
            ]
        return _columns(rows, ("pair", "start", "end"))

    def _judged(self, part: _Part) -> _Judged:
        rows = np.flatnonzero(part.is_up | part.is_down)
        track = (part.pair[rows] * self.probed.n_monitors + part.monitor[rows]).astype(np.int32)
        if not (track[1:] >= track[:-1]).all():
            order = np.argsort(track, kind="stable")
            rows, track = rows[order], track[order]
        return _Judged(track, part.time[rows], part.is_down[rows], np.flatnonzero(np.diff(track, prepend=-1)))

    def _lives(self, judged: _Judged) -> Columns:
        """One row per track: how many judged checks, and when the first of them was."""
        pair, monitor = np.divmod(judged.track[judged.starts], self.probed.n_monitors)
        n = np.diff(judged.starts, append=len(judged.track))
        first = self.start + judged.time[judged.starts]
        return {"pair": pair, "monitor": monitor, "day": np.full(len(pair), self.start), "n": n, "first": first}

    def _faults(self, judged: list[_Judged]) -> Columns:
        """Moments at which nearly everything that one prober (a monitor in a region) looks at was down."""
        tracks = np.concatenate([part.track[part.starts] for part in judged])
        pairs, monitors = np.divmod(tracks, self.probed.n_monitors)
        prober_of_track = np.full(len(self.interval_ms), -1, np.int64)
        prober_of_track[tracks] = self.probed.region[pairs] * self.probed.n_monitors + monitors
        prober_of_down = np.concatenate([prober_of_track[part.track[part.is_down]] for part in judged])
        time_of_down = np.concatenate([part.time[part.is_down] for part in judged])
        rows: list[tuple[Any, ...]] = []
        for prober in np.unique(prober_of_down):
            width = int(max(PROBER_BIN_MS, np.median(self.usual_ms[pairs[prober_of_track[tracks] == prober]])))
            # As many services lost take at least as many failures: most moments need no closer look.
            n_down = np.bincount(time_of_down[prober_of_down == prober] // width, minlength=-(-DAY_MS // width))
            is_suspect = n_down >= self.rules.prober_min_services
            if is_suspect.any():
                near = [part.only(is_suspect[part.time // width] & (prober_of_track[part.track] == prober)) for part in judged]
                rows += self._lost(near, prober, width)
        return _columns(rows, ("region", "monitor", "start", "end", "n_probed", "down"))

    def _lost(self, near: list[_Some], prober: int, width: int) -> list[tuple[Any, ...]]:
        """Faults of one prober among checks (track, time, is_down) `near` to failures of several services, in bins of that width."""
        track, time, is_down = (np.concatenate(arrays) for arrays in zip(*near, strict=True))
        pairs, pair = np.unique(track // self.probed.n_monitors, return_inverse=True)
        moments, moment = np.unique(time // width, return_inverse=True)
        shape = (len(moments), len(pairs))
        cell = moment * shape[1] + pair
        probed = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape) > 0
        lost = probed & (np.bincount(cell[~is_down], minlength=shape[0] * shape[1]).reshape(shape) == 0)
        n_probed, n_lost = probed.sum(axis=1), lost.sum(axis=1)
        enough = (n_lost >= self.rules.prober_min_services) & (n_lost >= self.rules.prober_share * n_probed)
        rows: list[tuple[Any, ...]] = []
        for at in np.flatnonzero(enough):
            names = tuple(self.probed.names["service"][number] for number in self.probed.service[pairs[lost[at]]])
            begin = self.start + int(moments[at]) * width
            row = (*divmod(int(prober), self.probed.n_monitors), begin, begin + width, int(n_probed[at]), names)
            # The same services lost a moment longer: services that never work would give a row per check.
            if rows and (rows[-1][3], rows[-1][5]) == (begin, names):
                rows[-1] = (*rows[-1][:3], row[3], *rows[-1][4:])
            else:
                rows.append(row)
        return rows

    def _failures(self, judged: _Judged, maintenance: Columns, faults: Columns) -> Columns:
        """Failed checks in a row as one, cut where a mask may begin or end: what never works takes a few rows a day."""
        track, time = judged.track, judged.time
        failed = np.flatnonzero(judged.is_down)
        begins = np.ones(len(failed), bool)
        begins[1:] = (np.diff(failed) > 1) | (np.diff(track[failed]) != 0)
        bounds = np.unique(np.concatenate([self.declared, *(faults[name] - self.start for name in ("start", "end"))]))
        pair = track[failed].astype(np.int64) // self.probed.n_monitors
        for place in (np.searchsorted(bounds, time[failed], side="right"), self._place(maintenance, pair, time[failed])):
            begins[1:] |= np.diff(place) != 0
        first = np.flatnonzero(begins)
        n = np.diff(first, append=len(failed))
        at, last = failed[first], failed[first] + n - 1
        # The judged check after the last of them; of another track it says nothing.
        after = np.minimum(last + 1, len(track) - 1)
        is_known = (last + 1 < len(track)) & (track[after] == track[at])
        pause = np.zeros(len(failed), np.int64)
        pause[1:] = np.diff(time[failed])
        unseen = np.where(begins, 0, _unseen(pause, self.interval_ms[track[failed]], self.rules.gap_factor))
        pair, monitor = np.divmod(track[at], self.probed.n_monitors)
        return {
            "pair": pair,
            "monitor": monitor,
            "day": np.full(len(at), self.start),
            "time": time[at] + self.start,
            "last": time[last] + self.start,
            "n": n,
            "ordinal": at - np.searchsorted(track, track[at], side="left"),
            "unseen": np.add.reduceat(unseen, first) if len(first) else unseen,
            "next": np.where(is_known, time[after] + self.start, -1),
        }

    def _place(self, maintenance: Columns, pair: IntArray, time: npt.NDArray[np.int32]) -> IntArray:
        """How many stretches of maintenance of any service have begun and ended before each check: it changes at their bounds."""
        bounds = np.sort(np.concatenate([maintenance["pair"] * DAY_MS + maintenance[name] - self.start for name in ("start", "end")]))
        return np.searchsorted(bounds, pair * DAY_MS + time, side="right")


def _unseen(pause: IntArray, interval_ms: IntArray, gap_factor: float) -> IntArray:
    """What of the time from a check to the next nobody measured: nothing, or in a pause all but one interval."""
    return np.where(pause > gap_factor * interval_ms, pause - interval_ms, 0)


def _parts(days: list[store.RawDay]) -> Iterator[pa.Table]:
    """Checks of a day, whole services at a time. Several sources may know the same service: then all at once."""
    if len(days) == 1:
        yield from store.read_raw_parts(days[0], WANTED, n_rows=PART_ROWS)
    else:
        yield pa.concat_tables([store.read_raw(day, WANTED) for day in days]).unify_dictionaries().combine_chunks()


def joined(parts: list[Columns]) -> Columns:
    """All rows of parts that have the same columns."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _columns(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> Columns:
    """Columns of rows of whole numbers; a last column `down` holds tuples of names."""
    columns = {name: np.array([row[place] for row in rows], np.int64) for place, name in enumerate(names) if name != "down"}
    if "down" in names:
        columns["down"] = np.empty(len(rows), object)
        columns["down"][:] = [row[-1] for row in rows]
    return columns


def _longest(pauses: Columns) -> Columns:
    """The longest pauses of each pair, longest first."""
    order = np.argsort(-pauses["length"], kind="stable")
    rank = pd.Series(pauses["pair"][order]).groupby(pauses["pair"][order]).cumcount().to_numpy()
    kept = order[rank < PAUSES_KEPT]
    return {name: pauses[name][kept] for name in ("pair", "start", "end")}
