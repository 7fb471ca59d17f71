"""What happens in a simulated world: one story per tier of services and stretch of about ten weeks, told as faults.

Moments are fractions of the stretch with seeded jitter, so that any length has its story; what does not fit is left out. The first tier
lives through all of it, further tiers through a seeded part, so that most series of a large world stay quiet.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from analytics import calendars
from analytics.sources.simulated import changes, failures
from analytics.sources.simulated.chapter import DAY_MS, Chapter
from analytics.sources.simulated.draws import Stream, generator
from analytics.sources.simulated.faults import Declared, Fault
from analytics.sources.simulated.landscape import Landscape, Service

__all__ = ["plan"]

CHAPTER_DAYS = 70


def plan(landscape: Landscape, *, start: int, end: int, seed: int) -> tuple[Fault, ...]:
    """All faults of a world in [start, end) (ms since 1970), in the order of their time."""
    chapters = max(1, round((end - start) / DAY_MS / CHAPTER_DAYS))
    bounds = [start + (end - start) * number // chapters // DAY_MS * DAY_MS for number in range(chapters)] + [end]
    tiers: dict[int, dict[str, Service]] = {}
    for service in landscape.services:
        tiers.setdefault(service.tier, {})[service.kind] = service
    faults = list(_holidays(landscape, start, end))
    for number in range(chapters):
        for tier, members in sorted(tiers.items()):
            for place, part in enumerate((*changes.PARTS, *failures.PARTS)):
                # Each part draws for itself, so that a new one leaves the others as they were.
                rng = generator(seed, Stream.STORY, number, tier, place)
                chapter = Chapter(landscape, members, rng, bounds[number], bounds[number + 1], end, is_first=tier == 0)
                faults += [fault for fault in part(chapter) if chapter.fits(fault)]
    return tuple(sorted(faults, key=lambda fault: (fault.start, fault.kind, fault.service or "", fault.region or "")))


def _holidays(landscape: Landscape, start: int, end: int) -> Iterator[Fault]:
    for region in landscape.regions:
        first, last = (datetime.fromtimestamp(ms / 1000, UTC).date() for ms in (start - DAY_MS, end + DAY_MS))
        zone = calendars.zone_of(region.zone)
        for day, name in calendars.holiday_dates(region.calendar, first, last).items():
            begin, over = (
                int(datetime(one.year, one.month, one.day, tzinfo=zone).timestamp() * 1000) for one in (day, day + timedelta(days=1))
            )
            if start <= begin and over <= end:
                text = f"{name}: fewer people work and shop"
                yield Fault("holiday", begin, over, -0.4, text, region=region.name, declared=Declared("holiday", name))
