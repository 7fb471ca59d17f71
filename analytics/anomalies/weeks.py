"""The detectors of each block of services, week by week: a new day costs the newest week, and memory does not grow with the days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from analytics import engine, params, registry, store
from analytics.anomalies.advance import State, advance, found
from analytics.anomalies.found import Found
from analytics.anomalies.models import KEYS, asked, to_model
from analytics.panel import WEEK_MS, PanelRef, Panels, to_ms, week_start

__all__ = ["Block", "Followed", "conclude", "follow", "judge_blocks", "weeks"]

COST = 4
"""What a point costs here, in points that are only read and measured."""


@dataclass(frozen=True)
class Followed:
    """Detectors of a block as they are now, and as they were on the newest Monday, which is kept; before the first Monday both are one."""

    block: int
    now: State
    monday: State


@dataclass(frozen=True)
class Block:
    """What was strange in a block of services, and its detectors as a model."""

    found: Found
    model: registry.Model


def judge_blocks(signals: Panels, *, regions: pd.DataFrame, settings: params.Anomalies, workers: int) -> Iterator[Block]:
    """All blocks of services, each from its beginning or from what is kept of it.

    Parameters
    ----------
    regions : table `regions`, for the clocks and calendars
    """
    chains = [weeks(ref) for ref in signals if ref.start_ms < ref.end_ms]
    places = regions[["region", "zone", "holidays"]].reset_index(drop=True)
    own = asked(settings)
    go_on, end = partial(follow, regions=places, settings=own), partial(conclude, settings=own)
    return engine.fold(go_on, end, chains, workers=workers, points=COST * signals.size)


def weeks(ref: PanelRef) -> list[PanelRef]:
    """A panel week by week; each holds the series that have begun by its end, so that a series to come does not change the past."""
    begins = [to_ms(time) for time in ref.series["first"]]
    # Columns that the next day changes (last, n) do not belong to a week of the past.
    plain = replace(ref, series=ref.series[KEYS])
    found = []
    for monday in range(week_start(ref.start_ms), ref.end_ms, WEEK_MS):
        end = min(monday + WEEK_MS, ref.end_ms)
        has_begun = [begin < end for begin in begins]
        known = plain if all(has_begun) else replace(plain, series=plain.series[has_begun].reset_index(drop=True))
        found.append(store.cut(known, max(monday, ref.start_ms), end))
    return found


def follow(before: Followed | None, ref: PanelRef, *, regions: pd.DataFrame, settings: params.Anomalies) -> Followed:
    """The detectors after a week."""
    now = advance(None if before is None else before.now, ref, regions=regions, settings=settings)
    is_monday = week_start(now.known_to_ms) == now.known_to_ms
    stored = now if before is None or is_monday else before.now
    return Followed(ref.block, now, replace(stored, settled=Found.together([])))


def conclude(followed: Followed, *, settings: params.Anomalies) -> Block:
    """What was strange by the last week."""
    return Block(found(followed.now), to_model(followed.monday, block=followed.block, settings=settings))
