"""A simulated day as it is measured: checks of every service from every region, and the metrics of the services themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics import tables
from analytics.sources.base import labels
from analytics.sources.simulated.draws import Stream, generator
from analytics.sources.simulated.faults import Effect, Fault
from analytics.sources.simulated.landscape import Landscape
from analytics.sources.simulated.rhythm import GRID_MS, Floats, Rhythm

__all__ = ["DAY_MS", "Active", "Day", "Times", "sample_checks"]

DAY_MS = 86_400_000
BLOCK = 48
TAIL_START, TAIL_MEAN = 0.45, 0.55
# This minute's noise remembers a little of the last one's; the two weights keep its variance at one.
NOW, BEFORE = 0.94, 0.341174
# A prober gives up after ten seconds.
LOG_TIMEOUT = float(np.log(10_000.0))
BURSTS_PER_SERIES_DAY = 0.1
ERRORS = ("HTTP 500", "HTTP 502", "HTTP 503", "HTTP 504", "connection refused", "network unreachable", "timeout")
STATUS = np.array([500, 502, 503, 504, 0, 0, 0])
TIMEOUT = ERRORS.index("timeout")
STATES = ("down", "maintenance", "up")
DOWN, MAINTENANCE, UP = range(3)
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Active:
    """An effect that acts on this day: which series, over which times."""

    fault: Fault
    effect: Effect
    rows: range | Sequence[int]

    def cut(self, times: Times) -> slice:
        """Which of the sorted times it covers."""
        first, last = np.searchsorted(times, [self.fault.start + 1000 * self.effect.delay_s, self.fault.end or times[-1] + 1])
        return slice(int(first), int(last))


@dataclass(frozen=True)
class Day:
    """All that is settled of a day before it is measured.

    Attributes
    ----------
    times : times of the checks, ms since 1970
    usual : mean load of each service
    start, end : the world is [start, end), ms since 1970
    """

    landscape: Landscape
    rhythm: Rhythm
    active: Sequence[Active]
    times: Times
    usual: Floats
    seed: int
    start: int
    end: int

    @property
    def number(self) -> int:
        """Days since 1970."""
        return int(self.times[0] // DAY_MS)

    @property
    def n_series(self) -> int:
        """Services times regions."""
        return len(self.landscape.services) * len(self.landscape.regions)


class _Block:
    """Some series of one day before they are measured, each array of shape (n_series, n_times)."""

    def __init__(self, level: Floats, noise: Floats, tail: Floats, fail: Floats) -> None:
        self.level, self.noise, self.tail, self.fail = level, noise, tail, fail
        self.error = np.full(level.shape, TIMEOUT, np.int8)
        self.is_maintenance: npt.NDArray[np.bool_] | None = None
        self.is_absent: npt.NDArray[np.bool_] | None = None

    def mark(self, name: str, row: int, cut: slice) -> None:
        if getattr(self, name) is None:
            setattr(self, name, np.zeros(self.level.shape, bool))
        getattr(self, name)[row, cut] = True


def sample_checks(day: Day) -> pa.Table:
    """Checks of one day, sorted by service, region, monitor and time."""
    shape = (day.n_series, len(day.times))
    latency = np.empty(shape)
    state, error = np.full(shape, UP, np.int32), np.empty(shape, np.int32)
    is_absent = np.zeros(shape, bool)
    bursts = _bursts(day)
    for first in range(0, day.n_series, BLOCK):
        rows = slice(first, min(day.n_series, first + BLOCK))
        block, uniform = _quiet_block(day, rows)
        for row, cut, size in bursts:
            if rows.start <= row < rows.stop:
                block.level[row - first, cut] += size
        for one in day.active:
            _apply(one, block, day, rows)
        _measure(block, uniform, latency[rows], state[rows])
        error[rows] = block.error
        if block.is_absent is not None:
            is_absent[rows] = block.is_absent
    return _check_table(day, latency, state, error, is_absent)


def _quiet_block(day: Day, rows: slice) -> tuple[_Block, Floats]:
    """A stretch of series as they would be without faults, and the uniform draws that decide tails and failures."""
    n_regions = len(day.landscape.regions)
    n, n_times = rows.stop - rows.start, len(day.times)
    draws, uniform = np.empty((n, n_times + 1), np.float32), np.empty((n, n_times), np.float32)
    own = [(day.landscape.services[row // n_regions], day.landscape.regions[row % n_regions]) for row in range(rows.start, rows.stop)]
    for row, (service, region) in enumerate(own):
        rng = generator(day.seed, Stream.CHECKS, day.number, service.index, region.index)
        rng.standard_normal(out=draws[row], dtype=np.float32)
        rng.random(out=uniform[row], dtype=np.float32)
    noise = np.float32(NOW) * draws[:, 1:]
    noise += np.float32(BEFORE) * draws[:, :-1]
    noise *= np.array([service.sigma for service, _ in own], np.float32)[:, None]
    base = np.log([service.base_ms * region.distance for service, region in own]).astype(np.float32)[:, None]
    swing = np.array([service.swing for service, _ in own], np.float32)[:, None]
    busy = day.rhythm.load[rows] - day.usual[np.arange(rows.start, rows.stop) // n_regions, None]
    level = _at_times(base + swing * busy + day.rhythm.wander[rows], day.times)
    tail = np.repeat(np.array([[service.tail_share] for service, _ in own], np.float32), n_times, axis=1)
    fail = np.repeat(np.array([[service.fail_share] for service, _ in own], np.float32), n_times, axis=1)
    return _Block(level, noise, tail, fail), uniform


def _at_times(grid: Floats, times: Times) -> Floats:
    """Values of the 5-minute grid at the times of the checks, shape (n_series, n_times)."""
    since = times % DAY_MS
    left = since // GRID_MS
    share = ((since - left * GRID_MS) / GRID_MS).astype(np.float32)
    steps = np.diff(grid, axis=1)
    level = steps[:, left]
    level *= share
    level += grid[:, left]
    return level


def _bursts(day: Day) -> list[tuple[int, slice, float]]:
    """Short stretches of slow answers without a cause: series, where, added log latency."""
    rng = generator(day.seed, Stream.BURSTS, day.number)
    number = rng.poisson(BURSTS_PER_SERIES_DAY * day.n_series)
    rows, starts = rng.integers(0, day.n_series, number), rng.integers(0, len(day.times), number)
    lengths, sizes = rng.integers(2, 7, number), rng.uniform(0.25, 1.1, number)
    return [
        (int(row), slice(int(start), int(start + length)), float(size))
        for row, start, length, size in zip(rows, starts, lengths, sizes, strict=True)
    ]


def _apply(one: Active, block: _Block, day: Day, rows: slice) -> None:
    """Let an effect act on the series of a block that it concerns."""
    cut = one.cut(day.times)
    concerned = [row for row in one.rows if rows.start <= row < rows.stop]
    if cut.start >= cut.stop or not concerned:
        return
    size = one.fault.size_at(one.effect, day.times[cut], day.end)
    for place in concerned:
        row = place - rows.start
        match one.effect.what:
            case "level":
                block.level[row, cut] += np.log1p(size)
            case "spread":
                block.noise[row, cut] *= 1 + size
            case "tail":
                block.tail[row, cut] += size
            case "season":
                service = place // len(day.landscape.regions)
                load = _at_times(day.rhythm.load[place : place + 1], day.times)[0, cut]
                block.level[row, cut] += size * day.landscape.services[service].swing * (load - day.usual[service])
            case "fail":
                block.fail[row, cut] += size
                block.error[row, cut] = ERRORS.index(one.effect.error)
            case "maintenance":
                block.mark("is_maintenance", row, cut)
            case "absent":
                block.mark("is_absent", row, cut)


def _measure(block: _Block, uniform: Floats, latency: npt.NDArray[np.float64], state: npt.NDArray[np.int32]) -> None:
    """Draw the checks of a block into `latency` (whole hundredths of a ms) and `state`."""
    block.level += block.noise
    # One uniform draw decides both: its lower end fails, its upper end falls into the heavy tail, and how far says how heavy.
    above = uniform > 1 - block.tail
    rest = (1 - uniform[above]) / block.tail[above]
    block.level[above] += np.float32(TAIL_START) - np.float32(TAIL_MEAN) * np.log(np.maximum(rest, np.float32(1e-6)))
    state[(uniform < block.fail) | (block.level > np.float32(LOG_TIMEOUT))] = DOWN
    np.exp(block.level, out=block.level)
    np.multiply(block.level, 100.0, out=latency)
    np.rint(latency, out=latency)
    latency /= 100.0
    if block.is_maintenance is not None:
        state[block.is_maintenance] = MAINTENANCE


def _check_table(
    day: Day,
    latency: npt.NDArray[np.float64],
    state: npt.NDArray[np.int32],
    error: npt.NDArray[np.int32],
    is_absent: npt.NDArray[np.bool_],
) -> pa.Table:
    n, n_times = latency.shape
    services, regions = day.landscape.services, day.landscape.regions
    series = np.repeat(np.arange(n, dtype=np.int32), n_times)
    region_codes = series % len(regions)
    is_probe_only = np.repeat([service.role == "data_store" for service in services], len(regions) * n_times)
    flat_state, flat_error = state.ravel(), error.ravel()
    is_down, is_up = flat_state == DOWN, flat_state == UP
    status = np.where(is_up, 200, STATUS[flat_error])
    no_status = is_probe_only | ~(is_up | is_down) | (status == 0)
    flat_latency = latency.ravel()
    target = tables.schema(tables.RAW["checks"])
    columns = {
        "time": pa.array(np.tile(day.times, n)).view(target.field("time").type),
        "service": labels([service.name for service in services], series // len(regions)),
        "region": labels([region.name for region in regions], region_codes),
        "monitor": labels([region.monitor for region in regions], region_codes),
        "state": labels(STATES, flat_state),
        "latency_ms": pa.array(flat_latency, mask=~is_up),
        "status_code": pa.array(status.astype(np.int64), mask=no_status),
        "error": pa.DictionaryArray.from_arrays(pa.array(np.where(is_down, flat_error, 0), mask=~is_down), pa.array(ERRORS)),
        "origin": labels(["check"], np.zeros(len(series), np.int32)),
    }
    rows = pa.table([columns[name] for name in target.names], schema=target)
    return rows.filter(pa.array(~is_absent.ravel())) if is_absent.any() else rows
