"""One tier of services in one stretch of time: when and where something of its story can happen."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from analytics import calendars
from analytics.sources.simulated.faults import Fault
from analytics.sources.simulated.landscape import Landscape, Region, Service

__all__ = ["DAY_MS", "HOUR_MS", "MINUTE_MS", "Chapter"]

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
JITTER, JITTER_OF_COPIES = 0.008, 0.12
SHARE_OF_COPIES = 0.3


class Chapter:
    """The story of one tier of services in one stretch of time."""

    def __init__(
        self,
        landscape: Landscape,
        members: dict[str, Service],
        rng: np.random.Generator,
        start: int,
        end: int,
        world_end: int,
        *,
        is_first: bool,
    ) -> None:
        self.landscape, self.members, self.rng = landscape, members, rng
        self.start, self.end, self.world_end = start, end, world_end
        self.is_first = is_first
        self.by_place = sorted(landscape.regions, key=lambda region: region.index)

    def fits(self, fault: Fault) -> bool:
        """Whether a fault lies inside: what is yet to come (a full disk, an expiry) may lie beyond the end of the world."""
        return self.start <= fault.start < self.end and (fault.kind in ("disk_full", "certificate") or (fault.end or 0) <= self.world_end)

    def at(self, fraction: float) -> int:
        """A whole minute near that fraction of the chapter."""
        jitter = JITTER if self.is_first else JITTER_OF_COPIES
        moment = self.start + (fraction + self.rng.uniform(-jitter, jitter)) * (self.end - self.start)
        return int(moment) // MINUTE_MS * MINUTE_MS

    def at_hour(self, fraction: float, hour: float, region: Region, weekdays: tuple[int, ...]) -> int:
        """Near that fraction of the chapter, on one of these weekdays at that hour of the region's clock."""
        moment = datetime.fromtimestamp(self.at(fraction) / 1000, calendars.zone_of(region.zone))
        day = next(day for day in (moment + timedelta(days=ahead) for ahead in range(7)) if day.weekday() in weekdays)
        at = day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(minutes=round(60 * hour))
        return int(at.timestamp() * 1000)

    def happens(self, service: str) -> bool:
        """Whether this part of the story concerns this tier: all of it the first, a seeded part of it the others."""
        drawn = self.rng.random() < SHARE_OF_COPIES
        return service in self.members and (self.is_first or drawn)

    def region(self, place: int) -> Region:
        """A region by its place in the list of all: 0 is the first of every world."""
        return self.by_place[place % len(self.by_place)]

    def regions(self, place: int | None) -> list[Region]:
        """That region, or all of them."""
        return self.by_place if place is None else [self.region(place)]

    def until(self) -> int | None:
        """End of a lasting change: repaired at the end of the chapter, still there at the end of the world."""
        return None if self.end == self.world_end else self.end

    def lasting(self, hours: float, share: float) -> int:
        """So many hours in ms, but at most that share of the chapter, in whole minutes: short worlds have short troubles."""
        return int(min(hours * HOUR_MS, share * (self.end - self.start))) // MINUTE_MS * MINUTE_MS

    def has_room(self, at: int) -> bool:
        """Whether a lasting change lasts long enough to be called one."""
        return self.end - at >= 3 * DAY_MS
