"""Detectors that go on: what is known of a block of services after a step is all that the next step needs.

`advance` goes from one stretch of time to the next, as long or short as they come; `found` says what was strange so far. However the time
is cut, the findings are the same, to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, params, store
from analytics.anomalies import episodes
from analytics.anomalies.found import Found
from analytics.anomalies.judge import Group, Judged, groups, judged
from analytics.panel import Panel, PanelRef
from analytics.stats import past
from analytics.stats.past import Past

__all__ = ["State", "Watched", "advance", "detect", "found"]

IntArray = npt.NDArray[np.int64]

WEEK_S = 7 * 86_400


@dataclass(frozen=True)
class Watched:
    """Series that are judged together, as known after a step.

    Attributes
    ----------
    past : what is remembered of the steps before
    recent : the last steps, as far back as what is not settled yet may reach
    """

    group: Group
    past: past.State
    recent: Judged


@dataclass(frozen=True)
class State:
    """Detectors of the series of a block on one grid.

    Attributes
    ----------
    step_s : length of a step, s
    known_from_ms, known_to_ms : begin of the first and end of the last step that they have seen, ms since 1970
    watched : the series, those of one scale and clock together
    settled : strange stretches in which nothing can change any more
    data : hash of all values seen
    """

    step_s: int
    known_from_ms: int
    known_to_ms: int
    watched: tuple[Watched, ...]
    settled: Found
    data: str

    @cached_property
    def series(self) -> pd.DataFrame:
        """series_id, service, region and signal of all series."""
        return pd.concat([one.group.series for one in self.watched], ignore_index=True)


def detect(ref: PanelRef | Panel, *, regions: pd.DataFrame, settings: params.Anomalies) -> Found:
    """Strange stretches of the series of a panel: what chance makes in each of them no more often than the whole service may cost.

    Parameters
    ----------
    regions : table `regions`, for the clocks and calendars
    """
    return found(advance(None, ref, regions=regions, settings=settings))


def advance(before: State | None, ref: PanelRef | Panel, *, regions: pd.DataFrame, settings: params.Anomalies) -> State:
    """The detectors after the steps of a panel, from what they were before it.

    Steps that they have seen are passed over; those that lie between what they have seen and the panel are missing. Series may be new;
    of those that the panel lacks nothing came.

    Parameters
    ----------
    before : None: they have seen nothing
    regions : table `regions`, for the clocks and calendars

    Raises
    ------
    ValueError
        If the panel has steps of another length.
    """
    panel = ref.load() if isinstance(ref, PanelRef) else ref
    if before is not None:
        panel = _continued(before, panel)
        if not panel.values.shape[1]:
            return before
    watched, settled = [], []
    for known, mine in _parts(before, panel, regions, settings):
        moved, over = _moved(known, mine, settings)
        watched.append(moved)
        settled += over
    seen = store.digest(*(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data for part in (panel.values, panel.n_checks)))
    earlier = [before.settled] if before is not None else []
    return State(
        panel.step_s,
        panel.start_ms if before is None else before.known_from_ms,
        panel.start_ms + panel.values.shape[1] * panel.step_s * 1000,
        tuple(watched),
        earlier[0] if earlier and not settled else Found.together([*earlier, episodes.to_found(settled)]),
        seen if before is None else store.digest(before.data, seen),
    )


def found(state: State) -> Found:
    """What was strange since the beginning, or since the state was stored."""
    parts = [state.settled]
    for one in state.watched:
        start_ms = state.known_to_ms - one.recent.n_times * state.step_s * 1000
        waiting = episodes.to_found(episodes.found_in(one.recent, one.group, start_ms=start_ms, step_s=state.step_s))
        newest = episodes.newest_of(one.recent, one.group, start_ms=start_ms, step_s=state.step_s)
        parts.append(replace(waiting, weeks=_weeks(one, state.step_s), newest=newest))
    return Found.together(parts)


def _weeks(one: Watched, step_s: int) -> pd.Series:
    n_known = one.past.by_series["known"][:, 0]
    return pd.Series(n_known * step_s / WEEK_S, index=one.group.series["series_id"].astype("object"))


def _continued(before: State, panel: Panel) -> Panel:
    """The steps from where a state ends, of its series and of new ones."""
    if panel.step_s != before.step_s:
        raise ValueError(
            f"detectors of steps of {before.step_s} s got a panel with steps of {panel.step_s} s; begin with others for that grid"
        )
    step_ms = panel.step_s * 1000
    later = panel.between(pd.Timestamp(before.known_to_ms, unit="ms", tz="UTC"), None)
    lead = (later.start_ms - before.known_to_ms) // step_ms if later.values.shape[1] else 0
    row_of = {name: row for row, name in enumerate(name for one in before.watched for name in one.group.series["series_id"])}
    is_new = [name not in row_of for name in later.series["series_id"]]
    series = before.series
    if any(is_new):
        series = pd.concat([series, later.series.loc[is_new, series.columns].astype("object")], ignore_index=True)
        row_of = {name: row for row, name in enumerate(series["series_id"])}
    rows = np.array([row_of[name] for name in later.series["series_id"]], np.int64)
    shape = (len(series), lead + later.values.shape[1])
    values, n_checks = np.full(shape, np.nan, np.float32), np.zeros(shape, np.int32)
    values[rows, lead:], n_checks[rows, lead:] = later.values, later.n_checks
    return Panel(series, before.known_to_ms, panel.step_s, values, n_checks)


def _parts(
    before: State | None, panel: Panel, regions: pd.DataFrame, settings: params.Anomalies
) -> Iterator[tuple[Watched, Panel]]:  # fmt: skip
    """What is known of the series that are judged together, and their part of a panel."""
    if before is not None and len(panel.series) == len(before.series) and _keep_their_clocks(before, regions):
        # As at most steps: the series of each group lie together in their order.
        ends = np.cumsum([len(one.group.series) for one in before.watched])
        parts = [(one, np.arange(end - len(one.group.series), end)) for one, end in zip(before.watched, ends, strict=True)]
        yield from ((one, _rows(panel, rows)) for one, rows in parts)
        return
    for group, rows in groups(panel.series, regions):
        mine = _rows(panel, rows)
        yield _known(before, group, mine, settings), mine


def _rows(panel: Panel, rows: IntArray) -> Panel:
    return replace(panel, values=panel.values[rows], n_checks=panel.n_checks[rows])


def _keep_their_clocks(before: State, regions: pd.DataFrame) -> bool:
    place_of = calendars.places(regions)
    return all(
        place_of.get(region, calendars.NOWHERE) == (one.group.zone, one.group.holidays)
        for one in before.watched
        for region in set(one.group.series["region"])
    )


def _empty(before: State, panel: Panel) -> Panel:
    """The series of a panel in the time that a state knows, in which there was nothing of them: steps are counted from its beginning."""
    shape = (len(panel.values), (before.known_to_ms - before.known_from_ms) // (panel.step_s * 1000))
    return replace(panel, start_ms=before.known_from_ms, values=np.full(shape, np.nan, np.float32), n_checks=np.zeros(shape, np.int32))


def _known(before: State | None, group: Group, panel: Panel, settings: params.Anomalies) -> Watched:
    """What is known of the series of a group; new ones, and those whose clock is another one now, begin with nothing."""
    nothing = Watched(group, Past().state(), Judged.nothing(len(panel.values), 0))
    if before is None:
        return nothing
    key = (group.kind, group.zone, group.holidays)
    same = [one for one in before.watched if (one.group.kind, one.group.zone, one.group.holidays) == key]
    if not same:
        return _moved(nothing, _empty(before, panel), settings)[0]
    row_of = {name: row for row, name in enumerate(same[0].group.series["series_id"])}
    rows = np.array([row_of.get(name, -1) for name in group.series["series_id"]], np.int64)
    return Watched(group, same[0].past.rows(rows), same[0].recent.rows(rows))


def _moved(one: Watched, panel: Panel, settings: params.Anomalies) -> tuple[Watched, list[episodes.Episode]]:
    """Series after the steps of a panel, and the strange stretches that are settled by then."""
    past, step_s = Past(one.past), panel.step_s
    recent = one.recent.then(judged(panel, one.group, settings, past))
    n_known = past.array("known", np.zeros((len(panel.values), 1), np.int64))
    past.keep("known", n_known + np.isfinite(panel.values).sum(axis=1, keepdims=True))
    start_ms = panel.start_ms - one.recent.n_times * step_s * 1000
    all_of_them = episodes.found_in(recent, one.group, start_ms=start_ms, step_s=step_s)
    settled = [episode for episode in all_of_them if episode.settled_at <= recent.n_times]
    waiting = [episode.first for episode in all_of_them if episode.settled_at > recent.n_times]
    # An episode that is told next may have begun so long before.
    oldest = min([*waiting, recent.n_times - episodes.reach_of(one.group.kind, step_s)])
    begin = max(oldest - episodes.LEAST_AROUND_S // step_s, 0)
    return Watched(one.group, past.state(), episodes.without(recent, settled).columns(begin)), settled
