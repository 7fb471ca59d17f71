"""The simulated landscape: services with their habits, regions with their clocks and calendars, who calls whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from analytics import tables
from analytics.params import Simulate
from analytics.sources.simulated.draws import Stream, generator

__all__ = ["Landscape", "Region", "Service", "build"]

SPREAD_OF_COPIES = 0.25


@dataclass(frozen=True)
class Region:
    """A vantage point: its clock, its calendar, how far away it is and how many people use it."""

    name: str
    index: int
    zone: str
    calendar: str
    distance: float
    users: float

    @property
    def monitor(self) -> str:
        return f"prober-{self.name}"


@dataclass(frozen=True)
class Service:
    """A service and its habits. Latency in ms, shares as fractions, requests per 5 minutes at the busiest hour."""

    kind: str
    title: str
    owner: str
    role: str
    base_ms: float
    sigma: float
    swing: float
    evening: float
    weekend: float
    requests: float
    fail_share: float
    tail_share: float = 0.006
    objective: float | None = None
    latency_objective_ms: float | None = None
    metrics: tuple[str, ...] = ()
    tags: str = ""
    name: str = ""
    tier: int = 0
    index: int = 0


_REGIONS = (
    Region("eu-west", 0, "Europe/Berlin", "DE", 1.0, 1.0),
    Region("us-east", 1, "America/New_York", "US", 1.08, 0.8),
    Region("ap-south", 2, "Asia/Kolkata", "IN", 1.22, 0.55),
    Region("us-west", 3, "America/Los_Angeles", "US-CA", 1.12, 0.5),
    Region("sa-east", 4, "America/Sao_Paulo", "BR", 1.3, 0.3),
    Region("ap-northeast", 5, "Asia/Tokyo", "JP", 1.15, 0.45),
)

# The order matters for small worlds: the first k of them are a landscape that makes sense.
_TIER = (
    Service("web", "Web shop", "storefront", "service", 118, 0.11, 0.24, 0.95, 1.1, 2600, 2.5e-4, 0.008, 0.999, 220, ("cert",), "public"),
    Service("api", "API gateway", "platform", "service", 42, 0.1, 0.21, 0.8, 0.95, 5200, 1.5e-4, 0.006, 0.999, 80, ("cert", "cpu"), "edge"),
    Service("checkout", "Checkout", "payments", "service", 156, 0.12, 0.27, 0.9, 1.0, 420, 2e-4, 0.008, 0.999, 290, (), "money"),
    Service("orders-db", "Orders database", "data", "data_store", 5.8, 0.14, 0.33, 0.75, 0.9, 7800, 6e-5, 0.01, metrics=("cpu", "disk")),
    Service("payments", "Payments", "payments", "service", 204, 0.1, 0.15, 0.9, 1.0, 380, 2.5e-4, 0.01, 0.999, 310, (), "money"),
    Service("card-gateway", "Card gateway", "card provider", "external", 176, 0.13, 0.12, 0.85, 1.0, 370, 5e-4, 0.012),
    Service("catalog", "Product catalog", "discovery", "service", 58, 0.11, 0.22, 0.85, 1.05, 3100, 2e-4, 0.006, 0.999, 110),
    Service("search", "Search", "discovery", "service", 84, 0.13, 0.3, 0.9, 1.05, 1500, 3e-4, 0.01, 0.999, 170),
    Service("login", "Login", "identity", "service", 66, 0.1, 0.18, 0.7, 0.8, 900, 1.5e-4, 0.006, 0.9995, 120),
    Service("cache", "Cache", "data", "data_store", 1.7, 0.12, 0.18, 0.8, 0.95, 14000, 5e-5, 0.008, metrics=("cpu",)),
    Service("images", "Image delivery", "media", "service", 34, 0.14, 0.18, 0.95, 1.15, 6800, 4e-4, 0.01, 0.995, 75, ("cert",), "public"),
    Service("mail", "Mail sending", "messaging", "service", 92, 0.12, 0.15, 0.5, 0.55, 160, 5e-4, 0.008, 0.999, 170),
)

_CALLS = (
    ("web", "api"),
    ("web", "images"),
    ("api", "checkout"),
    ("api", "catalog"),
    ("api", "search"),
    ("api", "login"),
    ("checkout", "payments"),
    ("checkout", "orders-db"),
    ("checkout", "mail"),
    ("payments", "card-gateway"),
    ("payments", "orders-db"),
    ("catalog", "orders-db"),
    ("catalog", "cache"),
    ("search", "cache"),
    ("login", "orders-db"),
    ("images", "cache"),
)


@dataclass(frozen=True)
class Landscape:
    """Services and regions in the order of their names, and the declared calls between services."""

    services: tuple[Service, ...]
    regions: tuple[Region, ...]
    calls: tuple[tuple[str, str], ...]

    @cached_property
    def position(self) -> dict[str, int]:
        """Place of each service in `services`."""
        return {service.name: place for place, service in enumerate(self.services)}

    @cached_property
    def callers(self) -> dict[str, list[str]]:
        """Who calls each service."""
        found: dict[str, list[str]] = {service.name: [] for service in self.services}
        for caller, callee in self.calls:
            found[callee].append(caller)
        return found

    @cached_property
    def callees(self) -> dict[str, list[str]]:
        """Whom each service calls."""
        found: dict[str, list[str]] = {service.name: [] for service in self.services}
        for caller, callee in self.calls:
            found[caller].append(callee)
        return found

    def distances(self, root: str) -> dict[str, int]:
        """How many calls away from `root` each service is that depends on it, nearest first."""
        found = {root: 0}
        waiting = [root]
        for callee in waiting:
            for caller in self.callers[callee]:
                if caller not in found:
                    found[caller] = found[callee] + 1
                    waiting.append(caller)
        return found

    def service_rows(self, step_s: int) -> list[dict[str, Any]]:
        """Rows of raw kind `services`."""
        return [
            {
                "service": one.name,
                "name": one.title,
                "owner": one.owner,
                "tags": one.tags or None,
                "role": one.role,
                "parent": None,
                "objective": one.objective,
                "latency_objective_ms": one.latency_objective_ms,
                "expected_interval_s": float(step_s),
            }
            for one in self.services
        ]

    def region_rows(self) -> list[dict[str, Any]]:
        """Rows of raw kind `regions`."""
        return [{"region": one.name, "zone": one.zone, "holidays": one.calendar} for one in self.regions]

    def dependency_rows(self) -> list[dict[str, Any]]:
        """Rows of raw kind `dependencies`: what the teams have declared, so without counts."""
        empty = dict.fromkeys(tables.RAW["dependencies"].names)
        return [{**empty, "caller": caller, "callee": callee, "origin": "declared"} for caller, callee in sorted(self.calls)]


def build(params: Simulate) -> Landscape:
    """The landscape of a world: twelve well-known services, then further tiers of the same twelve with habits of their own."""
    services = [_member(k, params.seed) for k in range(params.services)]
    known = {service.name for service in services}
    calls = []
    for tier in range(1 + (params.services - 1) // len(_TIER)):
        calls += [(_name(caller, tier), _name(callee, tier)) for caller, callee in _CALLS]
        # All tiers share one login, so that the landscape is one graph and not many.
        calls += [(_name("api", tier), "login")] if tier else []
    return Landscape(
        services=tuple(sorted(services, key=lambda service: service.name)),
        regions=tuple(sorted(_REGIONS[: params.regions], key=lambda region: region.name)),
        calls=tuple((caller, callee) for caller, callee in calls if caller in known and callee in known),
    )


def _name(kind: str, tier: int) -> str:
    return f"{kind}-{tier + 1:02d}" if tier else kind


def _member(k: int, seed: int) -> Service:
    tier, place = divmod(k, len(_TIER))
    model = _TIER[place]
    named = replace(model, name=_name(model.kind, tier), tier=tier, index=k, title=f"{model.title} {tier + 1}" if tier else model.title)
    if not tier:
        return named
    rng = generator(seed, Stream.PERSONALITY, k)
    latency, volume, spread, fails = np.exp(SPREAD_OF_COPIES * rng.standard_normal(4))
    promised = model.latency_objective_ms
    return replace(
        named,
        base_ms=model.base_ms * latency,
        latency_objective_ms=None if promised is None else float(np.ceil(promised * latency / 10) * 10),
        requests=model.requests * volume,
        sigma=model.sigma * spread,
        fail_share=model.fail_share * fails,
        evening=model.evening * rng.uniform(0.7, 1.1),
    )
