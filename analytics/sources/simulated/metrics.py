"""Metrics that simulated services report of themselves: requests, cpu, disk, certificate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics import tables
from analytics.sources.base import labels
from analytics.sources.simulated.draws import Stream, generator
from analytics.sources.simulated.faults import Fault
from analytics.sources.simulated.landscape import Landscape, Region, Service
from analytics.sources.simulated.rhythm import GRID_MS, Floats
from analytics.sources.simulated.signals import DAY_MS, Day, Times

__all__ = ["sample_metrics"]

HOUR_MS = 3_600_000
UNITS = {
    "cert_expiry_s": "s",
    "cpu": "fraction",
    "disk_size_bytes": "bytes",
    "disk_used_bytes": "bytes",
    "requests": "count",
}
DISK_BYTES = 500e9
DISK_USED, DISK_PER_DAY, DISK_DAILY_LOG = 0.52, 0.0006, 0.01
CERTIFICATE_LASTS_DAYS, CERTIFICATE_RENEWED_DAYS = 90, 30
Values = npt.NDArray[np.float64]
Piece = tuple[int, str, Times, Values]


def sample_metrics(day: Day, faults: Sequence[Fault]) -> pa.Table:
    """Metrics of one day, sorted by service, region, signal and time: every 5 minutes or every hour, but not more often than checks.

    `faults` are those that change what a metric tells of the state of things (disk, certificate).
    """
    grid, hourly = _thinned(day.times, GRID_MS), _thinned(day.times, HOUR_MS)
    regions = day.landscape.regions
    load, cpu = _loads(day, grid)
    pieces: list[Piece] = []
    for place, service in enumerate(day.landscape.services):
        for near, region in enumerate(regions):
            row = place * len(regions) + near
            key = (day.number, service.index, region.index)
            if "cert" in service.metrics:
                pieces.append((row, "cert_expiry_s", hourly, _certificate(service, faults, hourly)))
            if "cpu" in service.metrics:
                noise = 0.02 * generator(day.seed, Stream.CPU, *key).standard_normal(len(grid))
                used = 0.12 + 0.45 * day.rhythm.load[row, grid % DAY_MS // GRID_MS] + cpu[row] + noise
                pieces.append((row, "cpu", grid, np.round(np.clip(used, 0.01, 1.0), 3)))
            if "disk" in service.metrics:
                pieces.append((row, "disk_size_bytes", hourly, np.full(len(hourly), DISK_BYTES)))
                pieces.append((row, "disk_used_bytes", hourly, _disk(service, region, faults, hourly, day)))
            expected = service.requests * region.users * np.maximum(load[row], 0) * _per_step(grid)
            pieces.append((row, "requests", grid, generator(day.seed, Stream.REQUESTS, *key).poisson(expected).astype(float)))
    return _metric_table(day.landscape, pieces)


def _thinned(times: Times, step_ms: int) -> Times:
    """One time per step of this length: its start, for steps in which there are checks."""
    return np.unique(times // step_ms * step_ms) if len(times) > 1 else times


def _per_step(grid: Times) -> float:
    """Length of a step in units of 5 minutes."""
    return float(grid[1] - grid[0]) / GRID_MS if len(grid) > 1 else DAY_MS / GRID_MS


def _loads(day: Day, grid: Times) -> tuple[Floats, Floats]:
    """Load with what faults do to it, and what they add to the cpu, each of shape (n_series, n_times)."""
    load = day.rhythm.load[:, grid % DAY_MS // GRID_MS].copy()
    cpu = np.zeros(load.shape, np.float32)
    for one in day.active:
        cut = one.cut(grid)
        if one.effect.what in ("load", "cpu") and cut.start < cut.stop:
            size = one.fault.size_at(one.effect, grid[cut], day.end)
            for row in one.rows:
                if one.effect.what == "load":
                    load[row, cut] *= 1 + size
                else:
                    cpu[row, cut] += size
    return load, cpu


def _disk(service: Service, region: Region, faults: Sequence[Fault], times: Times, day: Day) -> Values:
    """Bytes used: slow growth and a log that is emptied every night; a fault fills what is left, in proportion to time."""
    days = (times - day.start) / DAY_MS
    noise = 0.0008 * generator(day.seed, Stream.DISK, day.number, service.index, region.index).standard_normal(len(times))
    used = DISK_USED + 0.03 * region.index + DISK_PER_DAY * days % 0.3 + DISK_DAILY_LOG * (days % 1) + noise
    for fault in faults:
        if fault.kind == "disk_full" and (fault.service, fault.region) == (service.name, region.name) and fault.end is not None:
            filled = np.where(times < fault.end, (times - fault.start) / (fault.end - fault.start), 0.0)
            used += (1 - used) * np.clip(filled, 0, 1)
    return np.round(DISK_BYTES * used, -6)


def _certificate(service: Service, faults: Sequence[Fault], times: Times) -> Values:
    """Seconds until the certificate expires: renewed a month before, unless the renewal failed."""
    renewed_ms, period_ms = CERTIFICATE_RENEWED_DAYS * DAY_MS, (CERTIFICATE_LASTS_DAYS - CERTIFICATE_RENEWED_DAYS) * DAY_MS
    failed = [fault for fault in faults if fault.kind == "certificate" and fault.service == service.name and fault.end is not None]
    due = failed[0].start if failed else (service.index * 17 % 60) * DAY_MS + 9 * HOUR_MS
    left = renewed_ms + (due - times - 1) % period_ms + 1
    for fault in failed:
        left = np.where(times >= fault.start, (fault.end or 0) - times, left)
    return np.floor(left / 1000)


def _metric_table(landscape: Landscape, pieces: Sequence[Piece]) -> pa.Table:
    names = sorted(UNITS)
    units = sorted(set(UNITS.values()))
    lengths = [len(times) for _, _, times, _ in pieces]
    series = np.repeat(np.array([row for row, *_ in pieces], np.int32), lengths)
    signal = np.repeat(np.array([names.index(name) for _, name, *_ in pieces], np.int32), lengths)
    target = tables.schema(tables.RAW["metrics"])
    columns = {
        "time": pa.array(np.concatenate([times for _, _, times, _ in pieces])).view(target.field("time").type),
        "service": labels([service.name for service in landscape.services], series // len(landscape.regions)),
        "region": labels([region.name for region in landscape.regions], series % len(landscape.regions)),
        "signal": labels(names, signal),
        "value": pa.array(np.concatenate([values for *_, values in pieces])),
        "unit": labels(units, np.array([units.index(UNITS[name]) for name in names], np.int32)[signal]),
    }
    return pa.table([columns[name] for name in target.names], schema=target)
