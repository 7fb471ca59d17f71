"""Every parameter of the project: type, bounds, unit, meaning and default, each once.

`params.yaml` says what a project uses and is complete, so that DVC sees every value; `analytics params --write` completes it.
"""

from __future__ import annotations

import difflib
import itertools
import re
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

__all__ = ["Params", "assignments", "comments", "describe", "dump", "load", "nested", "parse"]


class Section(BaseModel):
    """A group of parameters that belong to one stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Accounting(Section):
    """What counts against a service: printed in every report that uses it."""

    outage_k: int = Field(2, ge=1, description="an outage is confirmed when k ...")
    outage_n: int = Field(3, ge=1, description="... of n consecutive checks failed")
    count: Literal["checks", "confirmed"] = Field(
        "checks", description="what is bad: every failed check, or only those of confirmed outages"
    )
    exclude_maintenance: bool = Field(True, description="declared maintenance does not count")
    exclude_prober_faults: bool = Field(True, description="the prober's own faults do not count")


class Project(Section):
    """The whole project."""

    name: str = Field("Service analytics", description="title of the reports")
    zone: str = Field("Europe/Zurich", description="IANA time zone of the readers: calendar months and days are theirs")
    workers: int = Field(2, ge=1, le=256, description="processes that share the partitions; results do not depend on it")
    objective: float = Field(0.999, gt=0, lt=1, description="availability promised where data/services.csv says nothing, as a fraction")
    latency_objective_ms: float | None = Field(None, gt=0, description="response time promised where data/services.csv says nothing, ms")
    latency_objective_share: float = Field(
        0.95, gt=0, lt=1, description="share of steps whose median must keep the response time, as a fraction"
    )
    accounting: Accounting = Accounting()


class Simulate(Section):
    """The default world with known truth."""

    services: int = Field(12, ge=1, le=5000, description="number of services")
    regions: int = Field(3, ge=1, le=6, description="number of regions")
    days: int = Field(70, ge=1, le=3650, description="length, days")
    step_s: int = Field(60, ge=10, le=86400, description="time between two checks, s")
    end: str = Field("2026-04-13", description="first day after the data, UTC; the default span holds a clock change")
    seed: int = Field(7, ge=0, description="seed of all randomness")


class Ingest(Section):
    """From raw rows to regular series."""

    step_s: int = Field(300, ge=60, le=86400, description="step of the series, s; never finer than the checks of a series")
    max_rejected_share: float = Field(0.05, ge=0, le=1, description="largest share of refused rows that a run accepts, as a fraction")
    gap_factor: float = Field(3.0, gt=1, description="a gap is a pause longer than this many usual intervals")
    max_future_s: int = Field(300, ge=0, description="a check further in the future of its collection is refused, s")
    prober_min_services: int = Field(3, ge=2, description="a prober is at fault when at least so many services ...")
    prober_share: float = Field(0.9, gt=0.5, le=1, description="... and at least this share of all it probes are down at once")


class Baseline(Section):
    """What is normal for each series."""

    weeks: int = Field(
        4, ge=1, le=52, description="history that a baseline is learnt from, weeks; three are needed for own hours of the week"
    )
    season_weeks: int = Field(
        8, ge=2, le=52, description="history that seasons are looked for in, weeks; periods up to half of it are found"
    )
    false_alarms_per_series_year: float = Field(
        1.0, gt=0.01, le=100, description="lasting changes told in a year of a series in which nothing changes"
    )
    min_relative_change: float = Field(0.03, ge=0, description="smallest change of a level that matters, as a fraction")
    min_effect_size: float = Field(0.1, ge=0, description="... and in robust spreads of the residual")
    min_latency_change_ms: float = Field(1.0, ge=0, description="... and of a response time, ms")
    min_shape_change: float = Field(0.15, ge=0, description="smallest change of spread or course of the day, as a fraction")
    min_slow_change: float = Field(0.003, ge=0, description="smallest change of the share of slow answers, as a fraction")
    min_failing_change: float = Field(0.0005, ge=0, description="smallest change of the share of failing checks, as a fraction")
    shown_days: int = Field(14, ge=1, le=60, description="length of the figure of observed against expected, days")


class Drift(Section):
    """What has lastingly changed. How sure it must be, and what matters, stands in section `baseline`: it decides what is learnt."""

    event_hours: float = Field(6.0, ge=0, description="a declared change this long before the onset may be the reason, h")
    suspected_hours: float = Field(12.0, ge=0, description="a drift is suspected until known for so long, and while it may be chance, h")
    expire_weeks: float = Field(26.0, gt=0, description="a drift that nobody decides on is called expired after so many weeks")
    shown: int = Field(4, ge=1, le=20, description="drifts drawn one by one on the page")


class Anomalies(Section):
    """What was strange, and is worth waking someone."""

    false_alarms_per_week: float = Field(
        0.25, gt=0.001, le=100, description="alarm budget: false alarms a week that a service may cost, over all its signals and regions"
    )
    fleet_false_alarms_per_week: float = Field(
        7.0, gt=0.001, description="... and all services together: of so many services that it is less, each may cost an equal part"
    )
    min_relative_effect: float = Field(0.15, ge=0, description="smallest deviation that is told, as a fraction of what was expected")
    min_latency_effect_ms: float = Field(5.0, ge=0, description="... and of a response time, ms")
    min_failing_share: float = Field(0.01, ge=0, le=1, description="smallest share of checks failing beside the usual that is told")
    min_points: int = Field(1, ge=1, description="strange steps that a series needs by itself to be told")
    min_failed_checks: int = Field(2, ge=1, description="failed checks that a series needs by itself to be told")
    min_regions: int = Field(1, ge=1, description="regions that must show it")
    learning_h: float = Field(6.0, ge=0, description="a series is not judged before it is so old, h")
    left_out: list[Literal["forecast", "course", "run", "pulse", "pattern", "failures"]] = Field(
        [], description="detectors that are not asked"
    )
    near_s: int = Field(1800, ge=0, description="what begins within this time of each other in one service is one anomaly, s")
    shown_days: int = Field(28, ge=1, le=400, description="newest days that the page tells one by one")
    shown: int = Field(6, ge=1, le=40, description="anomalies drawn one by one on the page")
    trial_places: int = Field(
        24, ge=0, le=1000, description="services in regions into a copy of whose newest weeks known anomalies are put: what is caught?"
    )
    trial_weeks: int = Field(4, ge=2, le=12, description="weeks of these copies; the first is only learnt from")


class Alerts(Section):
    """Which findings are told, how urgently, and which of them are one alert."""

    info_from: float = Field(10.0, ge=0, le=100, description="severity (0 to 100) from which a finding is told at all")
    warning_from: float = Field(25.0, ge=0, le=100, description="severity from which an alert is a warning")
    critical_from: float = Field(60.0, ge=0, le=100, description="severity from which an alert is critical")
    near_s: int = Field(3600, ge=0, description="findings of one service that begin within this time of each other are one alert, s")
    quiet_s: int = Field(900, ge=0, description="what is over counts as resolved after this time without a relapse, s")
    reopen_s: int = Field(21600, ge=0, description="what comes back within this time belongs to its old alert, s")
    shared_services: int = Field(3, ge=2, description="alerts of so many services of a region at once ...")
    shared_share: float = Field(0.5, gt=0, le=1, description="... and of this share of those measured there are one alert, as a fraction")
    shared_within_s: int = Field(600, ge=0, description="at once: within this time of the first, s")
    silent_s: int = Field(
        600, ge=0, description="a service of which nothing comes for so long is told, s; where data come in batches more ..."
    )
    silent_steps: int = Field(3, ge=2, description="... if it is so many steps of the series ...")
    silences_per_week: float = Field(
        0.1, gt=0.001, le=100, description="... and longer than all but so many of its own pauses a week: what is usual is waited for"
    )
    silence_weeks: int = Field(8, ge=1, le=52, description="pauses that this is learnt from, weeks")
    ended_s: int = Field(86400, ge=600, description="what is silent for longer has ended: that is told, and it is open no longer, s")

    @model_validator(mode="after")
    def _thresholds_rise(self) -> Alerts:
        if not self.info_from <= self.warning_from <= self.critical_from:
            raise ValueError(
                f"info_from {self.info_from:g}, warning_from {self.warning_from:g}, critical_from {self.critical_from:g} must not fall"
            )
        return self


class Delivery(Section):
    """Who is told, by which channel: `analytics alerts send`."""

    channels: dict[str, dict[str, Any]] = Field({}, description="where alerts go: name -> kind and options; secrets by name of a variable")
    report_url: str | None = Field(None, description="address at which the folder reports/ can be read, for links in messages")
    tell_within_s: int = Field(86400, ge=0, description="what was over before anybody was told is told if not older than this, s")
    give_up_s: int = Field(86400, ge=60, description="a message that could not be delivered for this long is given up, s")


class Slo(Section):
    """Promises and error budgets."""

    at_risk_left: float = Field(0.25, ge=0, le=1, description="a budget with less than this share left is at risk, as a fraction")
    recent_days: int = Field(7, ge=1, le=60, description="window of the recent burn rate, days")
    level: float = Field(0.95, gt=0.5, lt=1, description="nominal coverage of the intervals")
    min_checks: int = Field(10, ge=1, description="fewest checks (or steps with a response time) of a month that a verdict is given for")


class Summary(Section):
    """The one page."""

    max_statements: int = Field(7, ge=1, le=20, description="statements shown at most")


class Params(Section):
    """All of `params.yaml`."""

    project: Project = Project()
    sources: dict[str, dict[str, Any]] = Field(
        {"simulated": {"kind": "simulated"}}, description="where data come from: name -> kind and options"
    )
    simulate: Simulate = Simulate()
    ingest: Ingest = Ingest()
    baseline: Baseline = Baseline()
    drift: Drift = Drift()
    anomalies: Anomalies = Anomalies()
    alerts: Alerts = Alerts()
    delivery: Delivery = Delivery()
    slo: Slo = Slo()
    summary: Summary = Summary()


def load(path: Path) -> Params:
    """Parameters of the project whose `params.yaml` is at `path`."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not valid YAML: {error}") from error
    return parse(values or {}, where=path.name)


def parse(values: dict[str, Any], *, where: str = "params.yaml") -> Params:
    """Checked parameters; every wrong name or value is reported with what would be right."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise ValueError(explain(error, Params, where=where)) from None


def section(params: Params, stage: str, overrides: dict[str, Any]) -> Any:
    """The model of one stage with `overrides` applied, checked like `params.yaml` itself."""
    model = getattr(params, stage)
    try:
        return type(model).model_validate({**model.model_dump(), **overrides})
    except ValidationError as error:
        raise ValueError(explain(error, type(model), where=f"parameters of '{stage}'")) from None


def explain(error: ValidationError, model: type[BaseModel], *, where: str) -> str:
    """The errors of a validation as sentences, one a line: name, value, what was expected, nearest known name."""
    return "\n".join(f"{where}: {_sentence(one, model)}" for one in error.errors())


def _sentence(one: Any, model: type[BaseModel]) -> str:
    path = [str(part) for part in one["loc"]]
    name = ".".join(path)
    if one["type"] != "extra_forbidden":
        return f"'{name}' is {one['input']!r}: {one['msg'][0].lower()}{one['msg'][1:]}"
    known = _fields_at(model, path[:-1])
    near = difflib.get_close_matches(path[-1], known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
    return f"'{name}' is not a parameter; {hint}"


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        inner = model.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def assignments(texts: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` as names and YAML values."""
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"'{text}' is no NAME=VALUE")
        try:
            values[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            # Not a value of YAML (%d.%m.%Y), so it is text.
            values[name] = value
    return values


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """`units.latency: ms` as `units: {latency: ms}`."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        inner = nested
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested


def dump(params: Params) -> str:
    """Complete text of `params.yaml`: every parameter with its meaning as a comment."""
    return "# Complete by design: `analytics params --write` adds what is missing. Meanings come from analytics/params.py.\n" + "".join(
        f"{name}:{_block(getattr(params, name), 1)}" for name in Params.model_fields
    )


def comments(text: str) -> list[str]:
    """Comments in the text of a `params.yaml`, in their order."""
    tokens = list(yaml.scan(text))
    # What YAML passes over between two tokens; a '#' inside a value is in none of these.
    between = [text[before.end_mark.index : after.start_mark.index] for before, after in itertools.pairwise(tokens)]
    return [found.strip() for gap in between for found in re.findall(r"#(.*)", gap)]


def _block(value: Any, depth: int) -> str:
    indent = "  " * depth
    if isinstance(value, BaseModel):
        lines = []
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            if isinstance(inner, BaseModel):
                lines.append(f"{indent}{name}:{_block(inner, depth + 1)}")
            elif isinstance(inner, dict) and inner:
                head = f"{indent}{name}:"
                lines.append(f"{head:<44}  # {field.description}{_block(inner, depth + 1)}")
            else:
                text = f"{indent}{name}: {_scalar(inner)}"
                lines.append(f"{text:<44}  # {field.description}\n")
        return "\n" + "".join(lines)
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return "\n" + "".join(f"{indent}{line}\n" for line in text.splitlines())


def _scalar(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True).removesuffix("\n...\n").strip()


def describe(model: type[BaseModel] = Params, prefix: str = "") -> list[tuple[str, str, str, str]]:
    """Every parameter as (name, type, default, meaning), in the order of `params.yaml`."""
    rows: list[tuple[str, str, str, str]] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            rows += describe(inner, f"{prefix}{name}.")
        else:
            kind = inner.__name__ if isinstance(inner, type) else str(inner).replace("typing.", "")
            rows.append((f"{prefix}{name}", kind, _scalar(field.get_default(call_default_factory=True)), field.description or ""))
    return rows
