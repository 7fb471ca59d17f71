"""Detectors as stored models: plain arrays that judge the same again, and go on from where they stopped."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import engine, params, registry
from analytics.anomalies.advance import State, Watched
from analytics.anomalies.found import Found
from analytics.anomalies.judge import Group, Judged
from analytics.stats import past

__all__ = ["CODE", "JUDGED_BY", "KEYS", "asked", "from_model", "name_of", "to_model"]

CODE = "analytics.anomalies.advance"
"""Module whose code, with all that it imports, gives a stored state its meaning."""

KEYS = ["series_id", "service", "region", "signal"]
"""Columns that name a series."""
JUDGED_BY = {"false_alarms_per_week", "learning_h", "left_out"}
"""Settings that detectors depend on."""


def asked(settings: params.Anomalies) -> params.Anomalies:
    """The settings that detectors depend on; all others at their defaults.

    The others decide what is told of what was found: when they change, kept results stay valid.
    """
    mine = settings.model_dump(include=JUDGED_BY)
    return params.Anomalies(**mine | {"left_out": sorted(settings.left_out)})


def name_of(block: int, step_s: int) -> str:
    """Name of the model of a block of services on one grid."""
    return f"b{block:04d}-{step_s}s"


def to_model(state: State, *, block: int, settings: params.Anomalies) -> registry.Model:
    """The detectors of a block of services; what is settled is not kept, since it has been told."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, one in enumerate(state.watched):
        named = {"past": one.past.by_series, "shared": one.past.shared, "recent": vars(one.recent)}
        arrays |= {f"{number}.{part}.{name}": array for part, held in named.items() for name, array in held.items()}
    parameters = {
        "step_s": state.step_s,
        "known_from_ms": state.known_from_ms,
        "known_to_ms": state.known_to_ms,
        "settings": settings.model_dump(mode="json", include=JUDGED_BY),
        "groups": [_card(one) for one in state.watched],
    }
    window = [pd.Timestamp(at, unit="ms", tz="UTC").isoformat() for at in (state.known_from_ms, state.known_to_ms)]
    lineage = {"data": state.data, "code": engine.code_digest(CODE), "window": window}
    return registry.Model(name_of(block, state.step_s), arrays, parameters, lineage)


def _card(one: Watched) -> dict[str, Any]:
    """What is not an array. Before the first step each array held one number: it is kept as text, for JSON has no NaN."""
    first = {name: repr(array.flat[0].item()) for name, array in one.past.first.items() if name in one.past.by_series}
    group = one.group
    series = group.series[KEYS].to_numpy().tolist()
    return {"kind": group.kind, "zone": group.zone, "holidays": group.holidays, "series": series, "first": first}


def from_model(model: registry.Model) -> State:
    """The detectors as they were stored: nothing is settled, what went on then still does."""
    said = model.parameters
    watched = tuple(_watched(model, number, card) for number, card in enumerate(said["groups"]))
    times = (said["step_s"], said["known_from_ms"], said["known_to_ms"])
    return State(*times, watched, Found.together([]), model.lineage["data"])


def _watched(model: registry.Model, number: int, card: dict[str, Any]) -> Watched:
    held: dict[str, dict[str, npt.NDArray[Any]]] = {"past": {}, "shared": {}, "recent": {}}
    for name, array in model.arrays.items():
        of, part, rest = name.split(".", 2)
        if int(of) == number:
            held[part][rest] = array
    by_series = held["past"]
    first = {name: _one_row(by_series[name], text) for name, text in card["first"].items()}
    group = Group(card["kind"], card["zone"], card["holidays"], pd.DataFrame(card["series"], columns=KEYS, dtype=object))
    recent = Judged(**{part.name: held["recent"][part.name] for part in fields(Judged)})
    return Watched(group, past.State(by_series, first, held["shared"]), recent)


def _one_row(like: npt.NDArray[Any], text: str) -> npt.NDArray[Any]:
    """An array of one series that holds one number."""
    number = text == "True" if like.dtype == bool else float(text)
    return np.full((1, *like.shape[1:]), number, like.dtype)
