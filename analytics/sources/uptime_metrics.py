"""What well-known uptime monitors export to Prometheus, and how it becomes checks and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PRESETS", "REGION_LABELS", "Extra", "Preset"]

REGION_LABELS = ("region", "location", "site", "zone", "datacenter", "dc", "probe", "vantage")
"""No monitor has a standard label for where it measures: the first of these that a series has is taken."""

REPLICA_LABELS = ("replica", "prometheus_replica", "__replica__", "prometheus")
"""Labels that only say which of several equal servers stored a series."""


@dataclass(frozen=True)
class Extra:
    """A metric beside the checks: the signal it becomes, its unit, the factor to it.

    `is_time_left`: a time until something happens; where a series gives the moment instead, the time left until then is taken.
    """

    signal: str
    unit: str
    factor: float = 1.0
    is_time_left: bool = False


@dataclass(frozen=True)
class Preset:
    """One monitor: its metrics for state, latency and status code, and the labels that name service and monitor."""

    status: str
    states: Mapping[float, str]
    service: tuple[str, ...]
    duration: str
    duration_unit: str = "s"
    code: str = ""
    monitor: str = ""
    extras: Mapping[str, Extra] = field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """Every metric it reads."""
        return [self.status, self.duration, *([self.code] if self.code else []), *self.extras]


CERTIFICATE = Extra("cert_expiry_s", "s", is_time_left=True)
_UP_OR_DOWN = {1.0: "up", 0.0: "down"}

PRESETS: dict[str, Preset] = {
    # prometheus/blackbox_exporter
    "blackbox": Preset(
        "probe_success",
        _UP_OR_DOWN,
        ("instance",),
        "probe_duration_seconds",
        code="probe_http_status_code",
        extras={"probe_ssl_earliest_cert_expiry": CERTIFICATE},
    ),
    # Monitors that export uptime_*; an alias is what people call a target, a host where it is.
    "uptime": Preset(
        "uptime_status_health",
        _UP_OR_DOWN,
        ("target_alias", "target_host"),
        "uptime_response_time_seconds",
        monitor="check_type",
        extras={
            "uptime_consecutive_failures_total": Extra("consecutive_failures", "count"),
            "uptime_cert_expiry_seconds": CERTIFICATE,
            "uptime_cert_is_valid": Extra("cert_is_valid", "fraction"),
        },
    ),
    # louislam/uptime-kuma, server/prometheus.js: the response time is in ms.
    "kuma": Preset(
        "monitor_status",
        {0.0: "down", 1.0: "up", 2.0: "pending", 3.0: "maintenance"},
        ("monitor_name",),
        "monitor_response_time",
        "ms",
        extras={
            "monitor_cert_days_remaining": Extra("cert_expiry_s", "s", 86_400.0, is_time_left=True),
            "monitor_cert_is_valid": Extra("cert_is_valid", "fraction"),
        },
    ),
    # TwiN/gatus, metrics/metrics.go: `key` is group and name as one stable id.
    "gatus": Preset(
        "gatus_results_endpoint_success",
        _UP_OR_DOWN,
        ("key", "name"),
        "gatus_results_duration_seconds",
        extras={"gatus_results_certificate_expiration_seconds": CERTIFICATE},
    ),
}
