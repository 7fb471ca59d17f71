"""What is over in minutes or hours: cascades, outages, flapping, faults of the probers, maintenance, spikes, a sale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from analytics.sources.simulated.chapter import DAY_MS, MINUTE_MS, Chapter
from analytics.sources.simulated.faults import Declared, Effect, Fault

__all__ = ["PARTS"]

STRENGTH_PER_CALL = 0.42
SERVICE_DAYS_PER_SPIKE = 70
FELT = 0.05


class _Failure(NamedTuple):
    """A failure that callers feel: root, place of its region (None: all), when, local hour, how long, how bad, what was said of it."""

    root: str
    region: int | None
    at: float
    hour: float
    minutes: int
    fails: float
    slower: float
    error: str
    text: str
    declared: Declared | None


_FAILURES = (
    _Failure(
        "orders-db",
        0,
        0.53,
        10.7,
        52,
        0.97,
        2.5,
        "HTTP 503",
        "connection pool exhausted, no new sessions",
        Declared("incident", "Orders unavailable in the west of Europe", 9 * 60),
    ),
    _Failure("cache", 2, 0.375, 19.6, 95, 0.0, 6.0, "timeout", "evictions: most lookups miss", None),
    _Failure(
        "card-gateway",
        None,
        0.765,
        16.3,
        36,
        0.8,
        3.0,
        "HTTP 502",
        "the card provider's gateway fails",
        Declared("provider", "Card provider reports degraded service", 14 * 60, is_everywhere=True),
    ),
    _Failure("login", 1, 0.875, 9.1, 24, 0.9, 1.5, "HTTP 500", "signing keys were rotated too early", None),
)


def _failures(chapter: Chapter) -> Iterator[Fault]:
    for number, failure in enumerate(_FAILURES, start=1):
        happens = chapter.happens(failure.root)
        at = chapter.at_hour(
            failure.at, failure.hour + chapter.rng.uniform(-0.5, 0.5), chapter.region(failure.region or 0), (0, 1, 2, 3, 4)
        )
        if happens:
            group = f"incident-{chapter.members[failure.root].name}-{at // DAY_MS}-{number}"
            for place, region in enumerate(chapter.regions(failure.region)):
                # One announcement, however many regions feel it.
                told = failure.declared if place == 0 else None
                yield from _cascade(chapter, failure, region.name, at, group, told)


def _cascade(chapter: Chapter, failure: _Failure, region: str, at: int, group: str, declared: Declared | None) -> Iterator[Fault]:
    """The root fails first; each call further up it is felt later and less, slow answers before failed ones."""
    root = chapter.members[failure.root].name
    distances = chapter.landscape.distances(root)
    begins = {root: at}
    for name, distance in distances.items():
        strength = STRENGTH_PER_CALL**distance
        fails, slower = failure.fails * strength, failure.slower * strength
        if max(fails, slower) < FELT:
            continue
        if distance:
            nearer = [begins[callee] for callee in chapter.landscape.callees[name] if distances.get(callee) == distance - 1]
            begins[name] = min(nearer) + int(chapter.rng.integers(1, 5)) * MINUTE_MS
        over = at + (failure.minutes + distance * int(chapter.rng.integers(0, 3))) * MINUTE_MS
        wait = int(chapter.rng.integers(2, 6)) * 60 if distance else 0
        effects = [Effect("level", slower), Effect("cpu", 0.35 * strength)]
        if fails >= FELT:
            error = failure.error if distance == 0 else "HTTP 504"
            effects += [Effect("fail", fails, delay_s=wait, error=error), Effect("load", -0.5 * fails, delay_s=wait)]
        text = failure.text if distance == 0 else f"depends on {root}: {'slow, then failing' if fails >= FELT else 'slow'}"
        told = declared if distance == 0 else None
        size = fails if fails >= FELT else slower
        yield Fault("incident", begins[name], over, size, text, name, region, root, group, tuple(effects), told)


def _regional_outage(chapter: Chapter) -> Iterator[Fault]:
    at = chapter.at_hour(0.81, 11.2, chapter.region(2), (1, 2, 3))
    # What is not run in the region (a provider, a content network) stays up: that is what tells it from a prober's fault.
    for service in chapter.landscape.services:
        if chapter.is_first and service.kind not in ("card-gateway", "images"):
            begin = at + int(chapter.rng.integers(0, 3)) * MINUTE_MS
            effects = (Effect("fail", 0.92, error="connection refused"), Effect("load", -0.8))
            text = "power failure of a data centre: what runs in the region is gone, what does not stays up"
            group = f"regional_outage-{at // DAY_MS}"
            over = at + (21 + int(chapter.rng.integers(0, 4))) * MINUTE_MS
            yield Fault("regional_outage", begin, over, 0.92, text, service.name, chapter.region(2).name, group=group, effects=effects)


def _flapping(chapter: Chapter) -> Iterator[Fault]:
    happens, at = chapter.happens("images"), chapter.at(0.84)
    if happens:
        effect = Effect("fail", 0.97, "flap", error="HTTP 503")
        text, over = "restarts every eleven minutes: three minutes down, eight up", at + chapter.lasting(5, 0.01)
        yield Fault("flapping", at, over, 0.27, text, chapter.members["images"].name, chapter.region(1).name, effects=(effect,))


def _probers(chapter: Chapter) -> Iterator[Fault]:
    if not chapter.is_first:
        return
    for place, fraction, minutes in ((0, 0.24, 9), (1, 0.57, 18), (2, 0.93, 6)):
        at = chapter.at(fraction)
        if place < len(chapter.by_place):
            effect = Effect("fail", 1.0, error="network unreachable")
            text = "the prober lost its own network: everything it probes looks down"
            yield Fault("prober_outage", at, at + minutes * MINUTE_MS, 1.0, text, region=chapter.region(place).name, effects=(effect,))


def _pauses(chapter: Chapter) -> Iterator[Fault]:
    if chapter.is_first:
        at = chapter.at(0.34)
        region, over = chapter.region(1).name, at + chapter.lasting(6, 0.005)
        yield Fault("gap", at, over, 1.0, "the prober was switched off", region=region, effects=(Effect("absent"),))
    happens, at = chapter.happens("mail"), chapter.at(0.69)
    if happens:
        text, region = "the monitor of this service was paused and forgotten", chapter.region(0).name
        yield Fault("gap", at, at + chapter.lasting(26, 0.02), 1.0, text, chapter.members["mail"].name, region, effects=(Effect("absent"),))


def _maintenance(chapter: Chapter) -> Iterator[Fault]:
    for kind, place, fraction, minutes, why in (
        ("payments", None, 0.27, 90, "Upgrade of the ledger"),
        ("api", 2, 0.695, 60, "Certificate and kernel update"),
        ("login", None, 0.905, 45, "Move of the session store"),
    ):
        happens, at = chapter.happens(kind), chapter.at_hour(fraction, 2.0, chapter.region(place or 0), (5, 6))
        if happens:
            region = None if place is None else chapter.region(place).name
            effects, told = (Effect("maintenance"), Effect("load", -0.9)), Declared("maintenance", why)
            text = f"{why}: announced, probes say maintenance"
            yield Fault(
                "maintenance", at, at + minutes * MINUTE_MS, 1.0, text, chapter.members[kind].name, region, effects=effects, declared=told
            )


def _spikes(chapter: Chapter) -> Iterator[Fault]:
    services = list(chapter.members.values())
    share = 1.0 if chapter.is_first else 0.5
    for _ in range(round(share * len(services) * (chapter.end - chapter.start) / DAY_MS / SERVICE_DAYS_PER_SPIKE)):
        service = services[int(chapter.rng.integers(len(services)))]
        region = chapter.by_place[int(chapter.rng.integers(len(chapter.by_place)))]
        at, minutes, size = (
            chapter.at(chapter.rng.random()),
            int(chapter.rng.integers(8, 50)),
            round(float(chapter.rng.uniform(0.6, 3.0)), 2),
        )
        text = f"{1 + size:.1f} times slower for {minutes} minutes, then over"
        over = at + minutes * MINUTE_MS
        yield Fault("spike", at, over, size, text, service.name, region.name, effects=(Effect("level", size),))


def _surge(chapter: Chapter) -> Iterator[Fault]:
    at = chapter.at_hour(0.41, 18.0, chapter.region(0), (2, 3))
    for kind in ("web", "api", "catalog", "search", "images"):
        if chapter.is_first and kind in chapter.members:
            told = Declared("launch", "Spring sale opens") if kind == "web" else None
            effects = (Effect("load", 0.8), Effect("level", 0.1), Effect("cpu", 0.2))
            name, region, group = chapter.members[kind].name, chapter.region(0).name, f"surge-{at // DAY_MS}"
            yield Fault(
                "surge", at, at + chapter.lasting(5, 0.01), 0.8, "a sale: far more requests", name, region, None, group, effects, told
            )


PARTS = (_failures, _regional_outage, _flapping, _probers, _pauses, _maintenance, _spikes, _surge)
