"""Samples of labelled series to rows of checks and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics import tables
from analytics.sources.base import Batch, SourceError, labels, no_rows, refuse
from analytics.sources.promanswers import Sampled
from analytics.sources.times import EARLIEST_MS
from analytics.sources.uptime_metrics import REGION_LABELS, REPLICA_LABELS, Extra, Preset
from analytics.sources.values import DECIMALS_MS, MAX_LATENCY_MS, MS_PER, STATES, UP, as_shares

__all__ = ["Key", "Labelling", "checks_of", "metrics_of"]

Key = tuple[str, str, str]
"""Service, region, monitor."""


HANDOVER_MS = 300_000
"""So long an exporter and its successor may be sampled side by side: for five minutes Prometheus holds a series for alive."""


@dataclass
class Labelling:
    """How labels become service, region and monitor."""

    source: str
    usual_service: Sequence[str]
    usual_monitor: str
    service: Sequence[str] = ()
    region: Sequence[str] = ()
    monitor: Sequence[str] = ()
    _known: dict[tuple[tuple[str, str], ...], Key] = field(default_factory=dict)

    def key(self, of: Mapping[str, str]) -> Key:
        """Service, region and monitor of a series.

        Raises
        ------
        SourceError
            If it lacks a label that was asked for; the message names those it has.
        """
        cached = tuple(of.items())
        if cached not in self._known:
            self._known[cached] = self._new_key(of)
        return self._known[cached]

    def _new_key(self, of: Mapping[str, str]) -> Key:
        service = self._joined(of, self.service, "service") or _first(of, self.usual_service)
        if not service:
            seen = ", ".join(name for name in of if name != "__name__") or "none"
            raise SourceError(
                f"source '{self.source}': a series of {of.get('__name__', 'the query')} has none of the labels "
                f"{', '.join(self.usual_service)}; "
                f"it has {seen}; say which names the service by `labels: {{service: ...}}`"
            )
        region = self._joined(of, self.region, "region") or _first(of, REGION_LABELS) or "default"
        usual = of.get(self.usual_monitor, "")
        monitor = self._joined(of, self.monitor, "monitor") or (f"{self.source}/{usual}" if usual else self.source)
        return service, region, monitor

    def _joined(self, of: Mapping[str, str], names: Sequence[str], role: str) -> str:
        missing = [name for name in names if not of.get(name)]
        if missing:
            seen = ", ".join(name for name in of if name != "__name__") or "none"
            raise SourceError(f"source '{self.source}': labels: {role}: a series has no label {missing[0]}; it has {seen}")
        return "/".join(of[name] for name in names)

    def by_key(self, found: Sequence[Sampled]) -> dict[Key, Sampled]:
        """Series by key, in order: of replicas the one with most samples, of those that follow one another (a restart) all.

        Raises
        ------
        SourceError
            If two that differ in more than the name of a replica were sampled side by side: they are not one service.
        """
        lives: dict[Key, dict[frozenset[tuple[str, str]], Sampled]] = {}
        for one in sorted(found, key=lambda one: (-len(one.times), sorted(one.labels.items()))):
            lives.setdefault(self.key(one.labels), {}).setdefault(frozenset(_without_replica(one.labels).items()), one)
        return {key: self._in_turn(key, list(series.values())) for key, series in sorted(lives.items())}

    def _in_turn(self, key: Key, series: Sequence[Sampled]) -> Sampled:
        first, *others = sorted(series, key=lambda one: (one.times[0], one.times[-1], sorted(one.labels.items())))
        for other in others:
            if min(first.times[-1], other.times[-1]) - other.times[0] > HANDOVER_MS:
                raise self._side_by_side(key, first.labels, other.labels)
            later = other.times > first.times[-1]
            times, values = (np.concatenate([getattr(first, name), getattr(other, name)[later]]) for name in ("times", "values"))
            first = Sampled(other.labels, times, values)
        return first

    def _side_by_side(self, key: Key, one: Mapping[str, str], other: Mapping[str, str]) -> SourceError:
        one, other = _without_replica(one), _without_replica(other)
        differing = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
        together = ", ".join([*(self.service or self.usual_service[:1]), differing[0]])
        return SourceError(
            f"source '{self.source}': two series are both service '{key[0]}' in region '{key[1]}' at the same time; they differ in "
            f"{', '.join(differing)}: tell them apart by `labels: {{service: [{together}]}}` or leave one out by `match`"
        )


def _first(of: Mapping[str, str], names: Sequence[str]) -> str:
    return next((of[name] for name in names if of.get(name)), "")


def _without_replica(of: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in of.items() if name not in REPLICA_LABELS and name != "__name__"}


def checks_of(found: Sequence[Sampled], preset: Preset, labelling: Labelling) -> Iterator[Batch]:
    """Checks of one window, and the metrics that the same monitor exports beside them."""
    by_metric: dict[str, list[Sampled]] = {name: [] for name in preset.metrics}
    for one in found:
        if (name := one.labels.get("__name__", "")) not in by_metric:
            raise SourceError(f"source '{labelling.source}': asked for {', '.join(by_metric)}, the server gave series {one.labels}")
        by_metric[name].append(one)
    status = labelling.by_key(by_metric[preset.status])
    if status:
        yield _checks(
            status, labelling.by_key(by_metric[preset.duration]), labelling.by_key(by_metric.get(preset.code, [])), preset, labelling.source
        )
    extras = {name: (extra, by_metric[name]) for name, extra in preset.extras.items() if by_metric[name]}
    if extras:
        yield metrics_of(extras, labelling)


def _checks(status: dict[Key, Sampled], duration: dict[Key, Sampled], code: dict[Key, Sampled], preset: Preset, source: str) -> Batch:
    """Samples of one scrape have one time: state, latency and status code are joined where their times are equal."""
    keys = list(status)
    counts = [len(status[key].times) for key in keys]
    times = np.concatenate([status[key].times for key in keys])
    values = np.concatenate([status[key].values for key in keys])
    state = _states(values, preset.states)
    seconds = np.concatenate([_at(duration.get(key), status[key].times) for key in keys])
    codes = np.nan_to_num(np.concatenate([_at(code.get(key), status[key].times) for key in keys])).astype(np.int64)
    is_up = state == UP
    factor = MS_PER[preset.duration_unit]
    # A failed probe is timed too, and quick: a refused connection takes 0.3 ms.
    latency = np.where(is_up, seconds if factor == 1 else np.round(seconds * factor, DECIMALS_MS), np.nan)
    bad = (state < 0) | (latency < 0) | (latency > MAX_LATENCY_MS)
    series = np.repeat(np.arange(len(keys)), counts)
    refused = [
        (
            f"{preset.status} of {keys[series[row]][0]} at {np.datetime64(int(times[row]), 'ms')}Z",
            f"{preset.status} {values[row]:g} is no state" if state[row] < 0 else f"{preset.duration} {seconds[row]:g} is no response time",
            f"{'/'.join(keys[series[row]])},{values[row]:g},{seconds[row]:g}",
        )
        for row in np.flatnonzero(bad).tolist()
    ]
    rows = pa.table(
        [
            pa.array(times).cast(pa.timestamp("ms", tz="UTC")),
            *(_keyed([key[part] for key in keys], series) for part in range(3)),
            labels(STATES, np.maximum(state, 0)),
            pa.array(latency, mask=np.isnan(latency)),
            pa.array(codes, mask=codes == 0),
            pa.nulls(len(times), tables.schema(tables.RAW["checks"]).field("error").type),
            labels(["check"], np.zeros(len(times), np.int32)),
        ],
        schema=tables.schema(tables.RAW["checks"]),
    )
    return Batch("checks", rows.filter(pa.array(~bad)) if refused else rows, refuse(source, "checks", refused))


def _states(values: npt.NDArray[np.float64], meaning: Mapping[float, str]) -> npt.NDArray[np.int64]:
    state = np.full(len(values), -1, np.int64)
    for value, name in meaning.items():
        state[values == value] = STATES.index(name)
    return state


def _at(one: Sampled | None, times: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Values of a series at exactly these times, NaN where it has none."""
    if one is None or not len(one.times):
        return np.full(len(times), np.nan)
    if len(one.times) == len(times) and (one.times == times).all():
        return one.values
    place = np.minimum(np.searchsorted(one.times, times), len(one.times) - 1)
    return np.where(one.times[place] == times, one.values[place], np.nan)


def _keyed(names: Sequence[str], series: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    distinct = sorted(set(names))
    code = np.array([distinct.index(name) for name in names], np.int32)
    return labels(distinct, code[series])


def metrics_of(found: Mapping[str, tuple[Extra, Sequence[Sampled]]], labelling: Labelling) -> Batch:
    """Samples of metrics; infinite ones, and shares outside 0 and 1, are refused."""
    parts: list[pa.Table] = []
    refused: list[tuple[str, str, str]] = []
    for name, (extra, series) in found.items():
        for (service, region, _), one in labelling.by_key(series).items():
            values = one.values * extra.factor
            if extra.is_time_left:
                # Some exporters give the moment (seconds since 1970) instead of the time that is left until then.
                values = np.where(values > EARLIEST_MS / 1000, values - one.times / 1000, values)
            shares, bad = as_shares(extra.signal, values)
            bad |= dict.fromkeys(np.flatnonzero(~np.isfinite(values)).tolist(), f"{name} is infinite")
            refused += [
                (f"{name} of {service} at {np.datetime64(int(one.times[row]), 'ms')}Z", reason, str(values[row]))
                for row, reason in sorted(bad.items())
            ]
            good = np.delete(np.arange(len(values)), list(bad))
            n = len(good)
            zero = np.zeros(n, np.int32)
            columns = [
                pa.array(one.times[good]).cast(pa.timestamp("ms", tz="UTC")),
                *(labels([text], zero) for text in (service, region, extra.signal)),
                pa.array(shares[good]),
                labels([extra.unit], zero),
            ]
            parts.append(pa.table(columns, schema=tables.schema(tables.RAW["metrics"])))
    rows = pa.concat_tables(parts).unify_dictionaries() if parts else no_rows("metrics")
    return Batch("metrics", rows, refuse(labelling.source, "metrics", refused))
