"""Small worlds of known truth for tests, made by the generator behind the default data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analytics import tables
from analytics.panel import Panel
from analytics.params import Simulate
from analytics.sources.simulated import World, simulate
from analytics.sources.simulated.faults import Effect, Fault

END = "2026-03-02"
STEP_S = 300


@dataclass(frozen=True)
class Known:
    """Signals, and the one fault in them."""

    signals: Panel
    truth: Fault
    start: pd.Timestamp
    end: pd.Timestamp


def with_faults(faults: Sequence[Fault] = (), *, services: int = 1, regions: int = 1, days: int = 7, seed: int = 1, **more: Any) -> World:
    """A world in which exactly these faults happen; none: an uneventful one."""
    world = simulate(Simulate(services=services, regions=regions, days=days, seed=seed, **{"end": END, **more}))
    return replace(world, faults=tuple(sorted(faults, key=lambda fault: fault.start)))


def quiet(*, n_series: int, days: int, rng: np.random.Generator) -> Panel:
    """Median latency of services to which nothing happens, in steps of 5 minutes."""
    return latency_panel(with_faults(services=n_series, days=days, seed=int(rng.integers(2**31))))


def step(*, at: str, relative: float, days: int, rng: np.random.Generator) -> Known:
    """Median latency of one service that is `relative` slower from `at` on (a day or time inside the `days` before 2 March 2026)."""
    fault = Fault("level", ms(at), None, relative, "a step", effects=(Effect("level", relative),))
    world = with_faults([fault], days=days, seed=int(rng.integers(2**31)))
    return Known(latency_panel(world), fault, world.start, world.end)


def latency_panel(world: World) -> Panel:
    """Median latency per step of 5 minutes of a world without gaps whose checks come every minute."""
    per_day = [world.day(day)["checks"].column("latency_ms").to_numpy(zero_copy_only=False) for day in world.days]
    keys = [(service.name, region.name) for service in world.landscape.services for region in world.landscape.regions]
    checks = np.concatenate([one.reshape(len(keys), -1, STEP_S // world.params.step_s) for one in per_day], axis=1)
    n_checks = np.isfinite(checks).sum(axis=2).astype(np.int32)
    values = np.full(n_checks.shape, np.nan, np.float32)
    values[n_checks > 0] = np.nanmedian(checks[n_checks > 0], axis=1)
    series = pd.DataFrame(
        {
            "series_id": [f"{service}/{region}/latency_ms" for service, region in keys],
            "service": [service for service, _ in keys],
            "region": [region for _, region in keys],
            "signal": "latency_ms",
            "unit": "ms",
            "step_s": STEP_S,
            "origin": "check",
            "first": world.start,
            "last": world.end - pd.Timedelta(seconds=STEP_S),
            "n": (n_checks > 0).sum(axis=1),
            "missing_share": (n_checks == 0).mean(axis=1),
            "block": 0,
        }
    )
    return Panel(series[tables.TABLES["series"].names], ms(world.start), STEP_S, values, n_checks)


def checks(
    latency_ms: Sequence[float] | npt.NDArray[np.float64],
    *,
    states: Sequence[str] | None = None,
    service: str = "web",
    region: str = "eu-west",
    monitor: str = "prober",
    start: str = "2026-03-02",
    step_s: int = 60,
    times: Sequence[str] | None = None,
    origin: str = "check",
) -> pa.Table:
    """Raw checks of one series, one per latency; a NaN is a failed check unless `states` says otherwise."""
    latency = np.asarray(latency_ms, dtype=float)
    n = len(latency)
    at = [ms(time) for time in times] if times is not None else [ms(start) + 1000 * step_s * number for number in range(n)]
    columns = {
        "time": pa.array(at, pa.int64()),
        "service": [service] * n,
        "region": [region] * n,
        "monitor": [monitor] * n,
        "state": list(states) if states is not None else ["up" if known else "down" for known in np.isfinite(latency)],
        "latency_ms": pa.array(latency, mask=~np.isfinite(latency)),
        "status_code": pa.nulls(n, pa.int64()),
        "error": pa.nulls(n, pa.string()),
        "origin": [origin] * n,
    }
    return pa.table(columns).cast(tables.schema(tables.RAW["checks"]))


def ms(time: str | pd.Timestamp) -> int:
    """A time in ms since 1970; without a zone it is UTC."""
    given = pd.Timestamp(time)
    return int((given if given.tzinfo else given.tz_localize("UTC")).timestamp() * 1000)
