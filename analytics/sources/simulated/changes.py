"""What changes for days and weeks: drifts, releases, a disk that fills, a certificate that nobody renews."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from analytics.sources.simulated.chapter import DAY_MS, HOUR_MS, MINUTE_MS, Chapter
from analytics.sources.simulated.faults import Declared, Effect, Fault, What
from analytics.sources.simulated.landscape import Service
from analytics.tables.raw import TruthKind

__all__ = ["PARTS"]

SERVICE_DAYS_PER_DEPLOY = 45
CERTIFICATE_DAYS_LEFT, CERTIFICATE_DAYS_AFTER = 30, 9
DISK_DAYS_AFTER = 11


class _Change(NamedTuple):
    """A lasting change: kind, service, place of its region (None: all), when, size, sentence."""

    kind: TruthKind
    service: str
    region: int | None
    at: float
    size: float
    text: str


_CHANGES = (
    _Change("level", "payments", None, 0.63, 0.18, "a new fraud check makes every payment slower; nobody announced it"),
    _Change("level", "images", 0, 0.74, 0.12, "a misrouted network path makes image delivery slower in one region"),
    _Change("spread", "login", 1, 0.66, 0.9, "a noisy neighbour: the same median, much wider spread"),
    _Change("tail", "api", 2, 0.55, 0.03, "three more requests of a hundred run into a retry"),
    _Change("season", "search", None, 0.60, 1.0, "batch work moved from the night into the day: busy hours are slower, quiet ones faster"),
    _Change("availability", "mail", None, 0.44, 0.004, "one of many mail workers rejects everything it gets"),
)
_WHAT: dict[TruthKind, What] = {"level": "level", "spread": "spread", "tail": "tail", "season": "season", "availability": "fail"}
CREEP_SERVICE, CREEP_PER_WEEK = "cache", 0.005


def _changes(chapter: Chapter) -> Iterator[Fault]:
    for change in _CHANGES:
        happens, at = chapter.happens(change.service), chapter.at(change.at)
        if not happens or not chapter.has_room(at):
            continue
        name = chapter.members[change.service].name
        region = None if change.region is None else chapter.region(change.region).name
        effects = (Effect(_WHAT[change.kind], change.size, error="HTTP 500"),)
        yield Fault(change.kind, at, chapter.until(), change.size, change.text, name, region, effects=effects)


def _creep(chapter: Chapter) -> Iterator[Fault]:
    weeks = (chapter.end - chapter.start) / DAY_MS / 7
    if chapter.happens(CREEP_SERVICE) and weeks >= 3:
        total = (1 + CREEP_PER_WEEK) ** weeks - 1
        text = f"{CREEP_PER_WEEK:.1%} slower every week, {total:.1%} in all"
        effect = Effect("level", total, "ramp")
        yield Fault("creep", chapter.start, chapter.until(), total, text, chapter.members[CREEP_SERVICE].name, effects=(effect,))


def _releases(chapter: Chapter) -> Iterator[Fault]:
    """Releases that matter: a bad one that is rolled back, one that fails part of its requests, one that is an improvement."""
    slow, broken, better = (
        (chapter.happens(kind), chapter.at_hour(fraction, hour, chapter.region(0), (0, 1, 2, 3)))
        for kind, fraction, hour in (("checkout", 0.445, 14.4), ("search", 0.715, 10.6), ("catalog", 0.575, 9.8))
    )
    if slow[0]:
        service, at, back = chapter.members["checkout"], slow[1], slow[1] + 52 * HOUR_MS
        yield from _release(chapter, service, at, back, "level", 0.25, "a query in a loop: slower until it is rolled back")
        yield _deploy(
            service, back, -0.2, "rollback of the release before: fast again", f"deploy-{service.name}-{at // DAY_MS}", "latency_ms"
        )
    if broken[0]:
        service, at = chapter.members["search"], broken[1]
        yield from _release(chapter, service, at, at + 5 * HOUR_MS, "availability", 0.03, "one of many instances starts without its index")
    if better[0] and chapter.has_room(better[1]):
        yield from _release(
            chapter, chapter.members["catalog"], better[1], chapter.until(), "level", -0.18, "a cached price list: faster for good"
        )


def _release(chapter: Chapter, service: Service, at: int, end: int | None, kind: TruthKind, size: float, text: str) -> Iterator[Fault]:
    """A deploy and the change it brought, in one group."""
    group = f"deploy-{service.name}-{at // DAY_MS}"
    yield _deploy(service, at, size, text, group, "availability" if kind == "availability" else "latency_ms")
    changed = (Effect(_WHAT[kind], size, error="HTTP 500"),)
    yield Fault(kind, at, end, size, text, service.name, group=group, effects=changed)


def _harmless_releases(chapter: Chapter) -> Iterator[Fault]:
    services = [service for service in chapter.members.values() if service.role == "service"]
    days = (chapter.end - chapter.start) / DAY_MS
    for _ in range(round(len(services) * days / SERVICE_DAYS_PER_DEPLOY)):
        service = services[int(chapter.rng.integers(len(services)))]
        at = chapter.at_hour(chapter.rng.random(), 9 + 0.25 * int(chapter.rng.integers(0, 28)), chapter.region(0), (0, 1, 2, 3, 4))
        yield _deploy(service, at, 0.0, "harmless")


def _disk(chapter: Chapter) -> Iterator[Fault]:
    happens, at = chapter.happens("orders-db"), chapter.at(0.35)
    if happens and chapter.end - at >= 14 * DAY_MS:
        full = chapter.end + DISK_DAYS_AFTER * DAY_MS if chapter.end == chapter.world_end else chapter.end
        text = "an audit log that nobody rotates: the disk is full at the end of this row"
        region = chapter.region(1).name
        yield Fault("disk_full", at, full, 1.0, text, chapter.members["orders-db"].name, region, effects=(Effect("disk", 1.0, "ramp"),))


def _certificate(chapter: Chapter) -> Iterator[Fault]:
    expires = chapter.world_end + CERTIFICATE_DAYS_AFTER * DAY_MS
    at = expires - CERTIFICATE_DAYS_LEFT * DAY_MS
    if chapter.happens("images") and chapter.end == chapter.world_end and chapter.world_end - DAY_MS > at >= chapter.start:
        on = datetime.fromtimestamp(expires / 1000, UTC)
        told = Declared("certificate", f"Certificate expires on {on.day} {on:%B %Y}")
        text = "the renewal failed and nobody looked: it expires at the end of this row"
        yield Fault("certificate", at, expires, 1.0, text, chapter.members["images"].name, declared=told)


def _deploy(service: Service, at: int, effect: float, text: str, group: str | None = None, changes: str | None = None) -> Fault:
    version = f"{1 + at // DAY_MS % 9}.{at // HOUR_MS % 24}.{at // MINUTE_MS % 10}"
    title = f"Deploy {service.name} {version}"
    # The release itself takes ten minutes; what it changed is a row of its own.
    told = Declared("deploy", title, is_moment=True)
    return Fault("deploy", at, at + 10 * MINUTE_MS, effect, text, service.name, group=group, declared=told, changes=changes)


PARTS = (_changes, _creep, _releases, _harmless_releases, _disk, _certificate)
