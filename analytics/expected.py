"""Baselines evaluated: what is normal for any series at any time.

A baseline is learnt on a scale on which the noise of a signal is about as large at any level and time: latency by its logarithm, counts by
a root that becomes a logarithm, availability by the share itself (its location as log odds, so that it stays between 0 and 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.calendars import NOWHERE, Clock

__all__ = [
    "LEVELS",
    "Baselines",
    "Kind",
    "at",
    "kind_of",
    "least_noise",
    "pack",
    "quantile",
    "residual",
    "transform",
    "unpack",
    "untransform",
]

FloatArray = npt.NDArray[np.floating[Any]]
Kind = Literal["log", "logit", "count", "linear"]

LEVELS = np.array([0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99])
"""Levels of the quantiles of the residual that a baseline holds."""

PARTS_OF_DAY = 4
HOURS_PER_PART = 24 // PARTS_OF_DAY
PART_OF_WEEK = np.concatenate([np.tile(np.arange(PARTS_OF_DAY), 5), np.tile(PARTS_OF_DAY + np.arange(PARTS_OF_DAY), 2)])
"""Part (quarter of a working day or of a weekend day) of each of the 28 quarters of days of a week: what spread and tails are told by."""

KINDS: dict[str, Kind] = {"availability": "logit", "requests": "count"}
SUNDAY = 6
TINY_SHARE = 1e-9
COUNT_OFFSET = 0.375
OVERDISPERSION = 0.0025
"""Relative variance of counts beyond Poisson: a steady 5 %, above 400 a step more than what chance alone adds."""


@dataclass(frozen=True)
class Baselines:
    """What is normal for some series of one kind, each learnt from [learnt_from_ms, learnt_to_ms).

    Attributes
    ----------
    kind : the scale all of these series are learnt on
    location : float32 array, shape (n_series, 168); centre by local hour of the week on the transformed scale, NaN without data
    quantiles : float32 array, shape (n_series, 8, 7); residual of level `LEVELS` in each part of `PART_OF_WEEK`
    scale : float32 array, shape (n_series,); robust spread of the residual
    widening : float32 array, shape (n_series,); by how much the residuals of times to come are wider than those learnt from, at least 1
    error : float32 array, shape (n_series,); standard error of `location`
    holiday_weight : float32 array, shape (n_series,); 1: a holiday is like a Sunday, 0: like any such day of the week
    n, n_excluded : int arrays, shape (n_series,); steps learnt from, and steps with a value that were left out
    n_days : float32 array, shape (n_series,); days learnt from, parts of days count as parts
    learnt_from_ms, learnt_to_ms : int arrays, shape (n_series,); ms since 1970
    """

    kind: Kind
    location: npt.NDArray[np.float32]
    quantiles: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    widening: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    holiday_weight: npt.NDArray[np.float32]
    n: npt.NDArray[np.int64]
    n_excluded: npt.NDArray[np.int64]
    n_days: npt.NDArray[np.float32]
    learnt_from_ms: npt.NDArray[np.int64]
    learnt_to_ms: npt.NDArray[np.int64]

    def select(self, rows: npt.NDArray[np.int64]) -> Baselines:
        """The baselines of these series."""
        return Baselines(self.kind, **{name: getattr(self, name)[rows] for name in ARRAYS})

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """Part of the variance to come that is noise and not ignorance, shape (n_series,): 1 where all that can be known is known."""
        return np.where(self.n > 0, 1 / self.widening**2, np.float32(0)).astype(np.float32)


ARRAYS = tuple(field.name for field in fields(Baselines) if field.name != "kind")
"""Names of the arrays of baselines, each with one row per series."""


def pack(series_ids: Sequence[npt.NDArray[np.str_]], parts: Sequence[Baselines]) -> dict[str, npt.NDArray[Any]]:
    """Baselines of any kinds as the arrays of one model, one row per series in the order given."""
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS}
    kinds = np.concatenate([np.full(len(part.n), part.kind) for part in parts])
    return {"series_id": np.concatenate(series_ids), "kind": kinds, **arrays}


def unpack(arrays: Mapping[str, npt.NDArray[Any]], series_ids: npt.NDArray[np.str_]) -> list[tuple[npt.NDArray[np.int64], Baselines]]:
    """Baselines of some series from the arrays of a model, one of each kind: positions in `series_ids`, and their baselines.

    Series that the model does not know are in none.
    """
    place = {name: row for row, name in enumerate(arrays["series_id"].tolist())}
    known = np.array([row for row, name in enumerate(series_ids.tolist()) if name in place], np.int64)
    there = np.array([place[series_ids[row]] for row in known], np.int64)
    found = []
    for kind in sorted(set(arrays["kind"][there].tolist())):
        mine = arrays["kind"][there] == kind
        found.append((known[mine], Baselines(kind, **{name: arrays[name][there[mine]] for name in ARRAYS})))
    return found


def kind_of(signal: str) -> Kind:
    """Scale on which a signal is learnt: by its name, `latency_ms`, `latency_p95_ms`, `availability`, `requests`; linear for others."""
    if signal.startswith("latency"):
        return "log"
    return KINDS.get(signal, "linear")


def alike(series: pd.DataFrame, places: Mapping[str, tuple[str, str]]) -> list[tuple[tuple[Kind, str, str], npt.NDArray[np.int64]]]:
    """Series that can be looked at together: scale, zone and calendar of holidays, and the rows of those that have them in common.

    Parameters
    ----------
    series : frame with signal and region
    places : zone and calendar of each region (`calendars.places`); of others nothing is known
    """
    found: dict[tuple[Kind, str, str], list[int]] = {}
    for row, (signal, region) in enumerate(zip(series["signal"], series["region"], strict=True)):
        found.setdefault((kind_of(signal), *places.get(region, NOWHERE)), []).append(row)
    return [(key, np.array(rows, np.int64)) for key, rows in sorted(found.items())]


def transform(values: FloatArray, kind: Kind) -> FloatArray:
    """Values on the scale that residuals are measured on; NaN stays NaN, shape and dtype as given.

    log: natural logarithm, NaN where not positive. count: variance-stabilising for counts with a relative variance of `OVERDISPERSION`
    beyond Poisson, a square root for small counts, a logarithm for large ones. logit (shares) and linear: the value itself.

    References
    ----------
    Anscombe (1948), The transformation of Poisson, binomial and negative-binomial data, Biometrika 35.
    """
    if kind == "log":
        return np.log(values, out=np.full_like(values, np.nan), where=values > 0)
    if kind == "count":
        root = np.sqrt(OVERDISPERSION * (np.maximum(values, 0) + COUNT_OFFSET))
        return (2 / np.sqrt(OVERDISPERSION) * np.arcsinh(root)).astype(values.dtype)
    return values


def untransform(values: FloatArray, kind: Kind) -> FloatArray:
    """Inverse of `transform`: values in the unit of the series."""
    if kind == "log":
        return np.exp(values)
    if kind == "count":
        root = np.sinh(values * (np.sqrt(OVERDISPERSION) / 2))
        return np.maximum(root**2 / OVERDISPERSION - COUNT_OFFSET, 0)
    return values


def least_noise(level: FloatArray, kind: Kind) -> FloatArray:
    """Standard deviation about some levels, all on the transformed scale, that chance alone gives: of counts that of Poisson, else 0."""
    if kind != "count":
        return np.zeros_like(level)
    # The scale is the one on which counts with a relative variance of `OVERDISPERSION` more than Poisson have a deviation of 1.
    return 1 / np.sqrt(1 + OVERDISPERSION * np.maximum(untransform(level, kind), 0))


def at(baselines: Baselines, clock: Clock) -> FloatArray:
    """Expected values on the transformed scale, shape (n_series, n_times) float32, linear between the centres of hours."""
    hours = clock.hour_of_week
    expected = _between(baselines.location, hours)
    holiday = np.flatnonzero(clock.is_holiday)
    if len(holiday):
        sunday = _between(baselines.location, SUNDAY * 24 + hours[holiday] % 24)
        expected[:, holiday] += baselines.holiday_weight[:, None] * (sunday - expected[:, holiday])
    return _share(expected) if baselines.kind == "logit" else expected


def quantile(baselines: Baselines, clock: Clock, level: float) -> FloatArray:
    """Quantile of `level` of the values to come, in the unit of each series, shape (n_series, n_times) float32.

    The widening for what the history cannot tell is included.

    Raises
    ------
    ValueError
        For a level that is not one of `LEVELS`.
    """
    found = at(baselines, clock) + offset(baselines, clock, level)
    return np.clip(found, 0, 1) if baselines.kind == "logit" else untransform(found, baselines.kind)


def offset(baselines: Baselines, clock: Clock, level: float) -> FloatArray:
    """Quantile of `level` of the residuals to come, shape (n_series, n_times), linear between the middles of parts of days."""
    return _between(offsets_by_part(baselines, level)[:, PART_OF_WEEK], clock.hour_of_week / HOURS_PER_PART)


def offsets_by_part(baselines: Baselines, level: float) -> FloatArray:
    """Quantile of `level` of the residuals to come, shape (n_series, 8): widened about the median."""
    found = np.flatnonzero(np.isclose(LEVELS, level))
    if not len(found):
        raise ValueError(f"level {level} is not kept by baselines; use one of {', '.join(f'{one:g}' for one in LEVELS)}")
    middle = baselines.quantiles[..., np.flatnonzero(LEVELS == 0.5)[0]]
    return middle + baselines.widening[:, None] * (baselines.quantiles[..., found[0]] - middle)


def residual(baselines: Baselines, values: FloatArray, clock: Clock) -> FloatArray:
    """Observed minus expected on the transformed scale, shape (n_series, n_times): relative for latency, a share for shares."""
    return transform(values, baselines.kind) - at(baselines, clock)


def log_odds(share: FloatArray) -> FloatArray:
    """Log odds of shares, finite also for 0 and 1."""
    clipped = np.clip(share, TINY_SHARE, 1 - TINY_SHARE)
    return np.log(clipped / (1 - clipped))


def _share(odds: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-odds))


def _between(nodes: FloatArray, position: FloatArray) -> FloatArray:
    """Linear interpolation on a circle between nodes at 0.5, 1.5, …, shape (n_series, n_times) float32."""
    low = np.floor(position - 0.5)
    part = (position - 0.5 - low).astype(np.float32)
    first = low.astype(np.int64) % nodes.shape[1]
    below = np.take(nodes, first, axis=1)
    above = np.take(nodes, (first + 1) % nodes.shape[1], axis=1)
    above -= below
    above *= part
    below += above
    return below
