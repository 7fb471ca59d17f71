"""Kind `prometheus`: checks and metrics from the HTTP API of Prometheus, VictoriaMetrics and others that speak it.

Raw samples with their true times are asked for by range selectors (`metric[1d]`): a range query repeats the last sample for five
minutes, so that every gap would look healthy.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from analytics.sources.base import Batch, Discovery, Options, Progress, SourceError, checked_options, silent
from analytics.sources.promanswers import parse_instant
from analytics.sources.promapi import Api
from analytics.sources.promquery import DAY_MS, SELECTOR, Server, selector
from analytics.sources.promrows import Labelling, checks_of, metrics_of
from analytics.sources.uptime_metrics import PRESETS, Extra, Preset
from analytics.sources.values import standard_unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Labels", "Metric", "Prometheus", "PrometheusOptions"]

NO_INDEX_DAYS = 30
"""How far back an expression is evaluated the first time if it names no metric the server knows."""


class Labels(Options):
    """Labels that say what a series is about; several are joined by '/'."""

    service: str | list[str] | None = None
    region: str | list[str] | None = None
    monitor: str | list[str] | None = None


class Metric(Options):
    """Any other metric: a selector (raw samples) or an expression (evaluated every `step_s`)."""

    query: str
    unit: str
    service: str | list[str] | None = None
    region: str | list[str] | None = None
    step_s: int = Field(60, ge=1, le=86_400)


class PrometheusOptions(Options):
    """Options of kind `prometheus`."""

    url: str = Field(description="address of the server, with its path if it has one")
    preset: Literal["auto", "blackbox", "uptime", "kuma", "gatus", "none"] = Field(
        "auto", description="whose uptime metrics become checks; auto: all that are there"
    )
    match: str = Field("", description='label matchers that every series must fulfil, for example job="blackbox"')
    labels: Labels = Labels()
    metrics: dict[str, Metric] = Field({}, description="signal -> query and unit")
    since: str | None = Field(None, description="collect from here the first time (2026-01-01, UTC); from the beginning unless given")
    token_env: str | None = Field(None, description="name of the environment variable that holds a bearer token")
    user_env: str | None = Field(None, description="name of the environment variable that holds a user name")
    password_env: str | None = Field(None, description="name of the environment variable that holds its password")
    headers: dict[str, str] = Field({}, description="more headers, for example X-Scope-OrgID")
    ca_file: str | None = Field(None, description="certificate authority of the server, where it is not a public one")
    timeout_s: float = Field(60.0, gt=0, description="longest wait for one answer, s")
    late_s: int = Field(3600, ge=0, description="samples may arrive this late: so much is asked for again, s")


class Prometheus:
    """Checks and metrics from one server."""

    def __init__(self, name: str, options: dict[str, Any], *, root: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name = name
        self.options = checked_options(PrometheusOptions, options, name=name)
        self.late_s: int | None = self.options.late_s
        self.progress: Progress = silent
        self._read_before: set[str] | None = None
        for signal, metric in self.options.metrics.items():
            standard_unit(signal, metric.unit, where=f"source '{name}', metric {signal}")
        api = Api(
            self.options.url,
            headers={**self.options.headers, **self._token()},
            auth=self._login(),
            timeout_s=self.options.timeout_s,
            verify=str(root / self.options.ca_file) if self.options.ca_file else True,
            sleep=sleep,
            say=lambda said: self.progress(said),
        )
        self._server = Server(api, name, lambda said: self.progress(said))

    def resume(self, state: dict[str, Any]) -> None:
        """The time of the last sample says where to go on; a metric that was not asked for before is read from its beginning."""
        self._read_before = set(state["metrics"]) if "metrics" in state else None

    def state(self) -> dict[str, Any]:
        return {"metrics": sorted(self.options.metrics)}

    def meaning(self) -> dict[str, Any]:
        metrics = {f"metrics.{signal}": metric.model_dump(mode="json") for signal, metric in self.options.metrics.items()}
        return {"labels": self.options.labels.model_dump(mode="json"), **metrics}

    def was_rewritten(self, state: dict[str, Any]) -> bool:
        return False

    def discover(self) -> Discovery:
        try:
            return Discovery(self._says())
        finally:
            self._server.api.close()

    def _says(self) -> list[str]:
        says = []
        for name, preset in self._presets().items():
            found = self._server.series([preset.status], self.options.match)
            if not found:
                raise self._server.no_match(selector([preset.status], self.options.match), preset.status)
            unit = "ms, as stored" if preset.duration_unit == "ms" else f"{preset.duration_unit} -> ms"
            says.append(f"{name}: {len(found)} series of {preset.status}; latency from {preset.duration}: {unit}{self._median(preset)}")
        for signal, metric in self.options.metrics.items():
            stored = standard_unit(signal, metric.unit, where=f"source '{self.name}'")[0]
            how = "raw samples" if SELECTOR.match(metric.query) else f"evaluated every {metric.step_s} s"
            says.append(f"{signal}: {metric.query} ({how}), {metric.unit}" + (f" -> {stored}" if stored != metric.unit else ""))
        return says

    def fetch(self, start: pd.Timestamp | None, end: pd.Timestamp) -> Iterator[Batch]:
        presets = self._presets()
        if not presets and not self.options.metrics:
            raise SourceError(f"source '{self.name}': preset is none and no metrics are given; there is nothing to collect")
        last = _ms(end)
        try:
            for preset in presets.values():
                first = self._first(start, preset.metrics, self.options.match, last)
                for found in self._server.raw(preset.metrics, self.options.match, first, last):
                    yield from checks_of(found, preset, self._labelling(preset))
            for signal, metric in self.options.metrics.items():
                is_new = self._read_before is not None and signal not in self._read_before
                yield from self._metric(signal, metric, None if is_new else start, last)
        finally:
            self._server.api.close()

    def _metric(self, signal: str, metric: Metric, start: pd.Timestamp | None, last: int) -> Iterator[Batch]:
        given = self.options.labels
        labelling = Labelling(
            self.name, ("service", "instance"), "", _listed(metric.service or given.service), _listed(metric.region or given.region)
        )
        found_selector = SELECTOR.match(metric.query)
        if found_selector:
            matchers = ",".join(part for part in (found_selector["match"], self.options.match) if part)
            first = self._first(start, [found_selector["name"]], matchers, last)
            windows = self._server.raw([found_selector["name"]], matchers, first, last)
        else:
            words = set(re.findall(r"[a-zA-Z_:][\w:]*", metric.query))
            names = [name for name in self._server.names() if name in words]
            windows = self._server.evaluated(metric.query, metric.step_s, self._first(start, names, "", last), last)
        unit, factor = standard_unit(signal, metric.unit, where=f"source '{self.name}'")
        n = 0
        for found in windows:
            n += 1
            yield metrics_of({signal: (Extra(signal, unit, factor), found)}, labelling)
        if n == 0 and start is None:
            raise self._server.no_match(metric.query, metric.query)

    def _first(self, start: pd.Timestamp | None, metrics: list[str], matchers: str, last: int) -> int:
        """Where to begin: as asked, as configured, or a day that is not after the first sample."""
        if start is not None:
            return _ms(start)
        if self.options.since is not None:
            import pandas as pd

            since = pd.Timestamp(self.options.since)
            return _ms(since if since.tzinfo else since.tz_localize("UTC"))
        return self._server.oldest(metrics, matchers, last) if metrics else last - NO_INDEX_DAYS * DAY_MS

    def _presets(self) -> dict[str, Preset]:
        """Presets to read: the one named, or all whose metric the server knows."""
        wanted = self.options.preset
        if wanted == "none":
            return {}
        considered = PRESETS if wanted == "auto" else {wanted: PRESETS[wanted]}
        found = {name: preset for name, preset in considered.items() if preset.status in self._server.names()}
        if not found and not (wanted == "auto" and self.options.metrics):
            looked = [preset.status for preset in considered.values()]
            raise self._server.no_match(", ".join(looked), looked[0])
        return found

    def _median(self, preset: Preset) -> str:
        query = f"quantile(0.5, {selector([preset.duration], self.options.match)} > 0)"
        values = self._server.api.get("/api/v1/query", [("query", query)], parse_instant)
        return f", median now {values[0]:g} {preset.duration_unit}" if values else ""

    def _labelling(self, preset: Preset) -> Labelling:
        given = self.options.labels
        return Labelling(self.name, preset.service, preset.monitor, _listed(given.service), _listed(given.region), _listed(given.monitor))

    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret(self.options.token_env)}"} if self.options.token_env else {}

    def _login(self) -> tuple[str, str] | None:
        user, password = self.options.user_env, self.options.password_env
        if (user is None) != (password is None):
            raise SourceError(f"source '{self.name}': user_env and password_env go together; give both or neither")
        return (self._secret(user), self._secret(password)) if user and password else None

    def _secret(self, variable: str) -> str:
        value = os.environ.get(variable)
        if not value:
            raise SourceError(
                f"source '{self.name}': the environment variable {variable} is not set; set it (its value is never written to a file)"
            )
        return value


def _listed(names: str | list[str] | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)


def _ms(time: pd.Timestamp) -> int:
    return round(time.timestamp() * 1000)
