"""The slow side of a simulated day: how many people use each service at each hour, and how latency wanders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from analytics import calendars
from analytics.sources.simulated.draws import Stream, generator
from analytics.sources.simulated.faults import Fault
from analytics.sources.simulated.landscape import Landscape

__all__ = ["GRID_MS", "Floats", "Rhythm", "usual_load"]

GRID_MS = 300_000
GRID = 288
KNOTS = 48
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NIGHT = 0.13
CALLEE_SHARE = 0.6
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rhythm:
    """One UTC day on a grid of 5 minutes, its end included, for every series (service, region) in the order of the landscape.

    Attributes
    ----------
    load : requests relative to the busiest hour of a usual working day, shape (n_series, 289)
    wander : slow part of the log latency that no clock explains, shape (n_series, 289)
    """

    load: Floats
    wander: Floats

    @classmethod
    def of(cls, landscape: Landscape, holidays: tuple[Fault, ...], day: int, seed: int) -> Rhythm:
        """Rhythm of a day (days since 1970)."""
        n = len(landscape.services) * len(landscape.regions)
        people = [_people(landscape, place, holidays, day) for place in range(len(landscape.regions))]
        load = np.stack(people, axis=1).reshape(n, GRID + 1)
        load = load * np.exp(_drifting(seed, Stream.DEMAND, day, n, sd=0.05, hours=7.0))
        own = _drifting(seed, Stream.WANDER, day, n, sd=0.032, hours=5.0) + _drifting(seed, Stream.FLUTTER, day, n, sd=0.03, hours=0.8)
        return cls(load.astype(np.float32), _felt_by_callers(landscape, own))


def usual_load(landscape: Landscape) -> Floats:
    """Mean of the load over an ordinary week, shape (n_services,)."""
    hours = np.arange(0, 24, 0.25)
    daily = _hourly(landscape, hours).mean(axis=1)
    weekend = np.array([service.weekend for service in landscape.services])
    return (daily * (5 + 2 * weekend) / 7).astype(np.float32)


def _people(landscape: Landscape, place: int, holidays: tuple[Fault, ...], day: int) -> npt.NDArray[np.float64]:
    """Load of all services in one region by the clock and the calendar there, shape (n_services, 289)."""
    region = landscape.regions[place]
    times = day * DAY_MS + np.arange(GRID + 1, dtype=np.int64) * GRID_MS
    local = times + calendars.local_offset_ms(times, region.zone)
    local_days, hours = local // DAY_MS, local % DAY_MS / HOUR_MS
    factors = {number: _day_factor(landscape, number, region.name, region.zone, holidays) for number in range(day - 2, day + 4)}
    known = np.stack([factors[number] for number in sorted(factors)], axis=1)
    today = (local_days - (day - 2)).astype(int)
    # Around midnight one day's factor blends into the next: nobody goes to bed on the stroke of twelve.
    back, ahead = np.clip(0.5 - hours / 4, 0, 0.5), np.clip((hours - 22) / 4, 0, 0.5)
    factor = known[:, today] * (1 - back - ahead) + known[:, today - 1] * back + known[:, today + 1] * ahead
    return _hourly(landscape, hours) * factor


def _hourly(landscape: Landscape, hours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of the busiest hour by the hour of the local day: a broad working day, an evening of a height of its own."""
    evening = np.array([service.evening for service in landscape.services])[:, None]
    day = np.exp(-0.5 * ((hours - 13.0) / 4.2) ** 2)
    late = evening * (np.exp(-0.5 * ((hours - 20.2) / 2.7) ** 2) + np.exp(-0.5 * ((hours + 3.8) / 2.7) ** 2))
    # A smooth maximum: the two humps meet in a shallow dip before dinner.
    return NIGHT + (1 - NIGHT) * np.cbrt(day**3 + late**3)


def _day_factor(landscape: Landscape, number: int, region: str, zone: str, holidays: tuple[Fault, ...]) -> npt.NDArray[np.float64]:
    """What a local day (days since 1970) does to each service: weekends by its habit, holidays for all."""
    local = date(1970, 1, 1) + timedelta(days=number)
    weekend = np.array([service.weekend for service in landscape.services]) if local.weekday() >= 5 else np.ones(len(landscape.services))
    place = calendars.zone_of(zone)
    noon = int(datetime(local.year, local.month, local.day, 12, tzinfo=place).astimezone(UTC).timestamp() * 1000)
    effects = [one.effect for one in holidays if one.region == region and one.start <= noon < (one.end or 0)]
    return weekend * np.prod([1 + effect for effect in effects])


def _drifting(seed: int, stream: Stream, day: int, n: int, *, sd: float, hours: float) -> npt.NDArray[np.float64]:
    """Slow noise with a memory of `hours`, shape (n, 289): yesterday's and today's half-hourly shocks, each fading exponentially.

    A day needs only the shocks of the day before, so any day can be made alone and still joins its neighbours.
    """
    shocks = np.concatenate([_shocks(seed, stream, number, n) for number in (day - 1, day, day + 1)], axis=1)[:, : 2 * KNOTS + 1]
    fade = np.exp(-1 / (2 * hours))
    age = (np.arange(KNOTS + 1) + KNOTS)[:, None] - np.arange(2 * KNOTS + 1)[None, :]
    weights = np.where(age >= 0, fade ** np.maximum(age, 0), 0.0) * sd * np.sqrt(1 - fade**2)
    knots = shocks @ weights.T
    fine = np.arange(GRID + 1) * KNOTS / GRID
    left = np.minimum(fine.astype(int), KNOTS - 1)
    return knots[:, left] + (knots[:, left + 1] - knots[:, left]) * (fine - left)


def _shocks(seed: int, stream: Stream, day: int, n: int) -> npt.NDArray[np.float64]:
    return generator(seed, stream, day).standard_normal((n, KNOTS))


def _felt_by_callers(landscape: Landscape, own: npt.NDArray[np.float64]) -> Floats:
    """Add to each caller's wander a share of that of the services it calls, in the same region."""
    if not landscape.calls:
        return own.astype(np.float32)
    shaped = own.reshape(len(landscape.services), len(landscape.regions), -1)
    callers, callees = (np.array([landscape.position[call[side]] for call in landscape.calls]) for side in (0, 1))
    felt = shaped.copy()
    share = CALLEE_SHARE / np.bincount(callers, minlength=len(shaped))[callers]
    np.add.at(felt, callers, share[:, None, None] * shaped[callees])
    return felt.reshape(own.shape).astype(np.float32)
