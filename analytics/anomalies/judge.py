"""Values of a panel -> every step judged: what was expected, how rare it is, and whether to tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, expected, params
from analytics.anomalies import own
from analytics.expected import Kind
from analytics.panel import Panel, PanelRef
from analytics.stats import alarms, failures, levels, rest, surprise, trailing
from analytics.stats.past import Past, pieces

__all__ = ["DETECTORS", "GAP_S", "Group", "Judged", "groups", "judge", "judged", "strange"]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

GAP_S = 1800
"""What is not longer interrupted is one episode, s; at least one step."""

NIGHT_MS = 4 * 3_600_000
"""What a holiday lasts after midnight, ms: nobody goes to bed on the stroke of twelve."""

BEFORE_DAYS, AFTER_DAYS = 3, 9
"""Days about a holiday: a bridge before it and the day before that, the day after it and the week in which that is left out."""

LONG_S = 3600
"""Steps so long that what lies beyond is looked for in more than a day: all of them are near."""

LEVEL_DAYS = (7, 28)
"""Days from which on it shows whether a series has a level, and days that it is told by."""

DETECTORS = (*surprise.DETECTORS[:-1], *own.DETECTORS, "pattern", "failures")
"""All that are asked, by the numbers that `Judged.detector` gives them."""


@dataclass(frozen=True)
class Group:
    """Series that are judged together: their scale, clock and calendar, and series_id, service, region and signal of each."""

    kind: Kind
    zone: str
    holidays: str
    series: pd.DataFrame


@dataclass(frozen=True)
class Judged:
    """Steps of some series judged; arrays of shape (n_series, n_times).

    Attributes
    ----------
    values, n_checks : as they were measured
    expected, scale : what was expected and its spread, on the scale that the signal is learnt on
    usual : what is usual at this time of the day
    per_week : how many episodes as strange chance makes in a week
    is_told : steps that show something strange
    reach : how many steps back what they show has begun; an outage has begun before it could be known
    detector : index into `DETECTORS` of the one that found it strangest
    """

    values: npt.NDArray[np.float32]
    n_checks: npt.NDArray[np.int32]
    expected: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    usual: npt.NDArray[np.float32]
    per_week: FloatArray
    is_told: BoolArray
    reach: npt.NDArray[np.int32]
    detector: npt.NDArray[np.int8]

    @property
    def n_times(self) -> int:
        return int(self.values.shape[1])

    def columns(self, begin: int, end: int | None = None) -> Judged:
        """Some of the steps."""
        return Judged(**{part.name: getattr(self, part.name)[:, begin:end].copy() for part in fields(self)})

    def then(self, later: Judged) -> Judged:
        """These steps and later ones."""
        return Judged(**{part.name: np.concatenate([getattr(self, part.name), getattr(later, part.name)], axis=1) for part in fields(self)})

    def rows(self, rows: IntArray) -> Judged:
        """The steps of these series; -1 is one that was not there yet."""
        nothing = Judged.nothing(1, self.n_times)
        return Judged(**{part.name: np.concatenate([getattr(self, part.name), getattr(nothing, part.name)])[rows] for part in fields(self)})

    def one(self, row: int) -> Judged:
        """The steps of one series."""
        return Judged(**{part.name: getattr(self, part.name)[row : row + 1] for part in fields(self)})

    @classmethod
    def nothing(cls, n_series: int, n_times: int) -> Judged:
        """Steps in which there was nothing to judge."""
        shape = (n_series, n_times)
        nan, none = np.full(shape, np.nan, np.float32), np.zeros(shape, np.int32)
        return cls(
            nan, none, nan, nan, nan, nan.astype(np.float64), np.zeros(shape, bool), np.ones(shape, np.int32), np.zeros(shape, np.int8)
        )


def groups(series: pd.DataFrame, regions: pd.DataFrame) -> list[tuple[Group, IntArray]]:
    """Series by scale, clock and calendar, with their rows.

    Parameters
    ----------
    regions : table `regions`, for the clocks and calendars
    """
    named = series[["series_id", "service", "region", "signal"]].astype("object")
    together = expected.alike(series, calendars.places(regions))
    return [(Group(*key, named.iloc[rows].reset_index(drop=True)), rows) for key, rows in together]


def judge(ref: PanelRef, *, regions: pd.DataFrame, settings: params.Anomalies) -> Iterator[tuple[Group, Judged]]:
    """Every step of the series of a panel judged from nothing, those of one scale and clock together."""
    panel = ref.load()
    for group, rows in groups(panel.series, regions):
        yield group, judged(replace(panel, values=panel.values[rows], n_checks=panel.n_checks[rows]), group, settings, Past())


def judged(panel: Panel, group: Group, settings: params.Anomalies, past: Past) -> Judged:
    """Steps of the series of a group judged by what is known of those before; `past` moves on."""
    found = _shares(panel, settings, past) if group.kind == "logit" else _values(panel, group, settings, past)
    # Nothing is strange in the first steps of a series: too little is known of it.
    age = trailing.age(np.isfinite(panel.values), past) - round(settings.learning_h * 3600 / panel.step_s)
    return replace(found, is_told=found.is_told & (age > 0), reach=np.minimum(found.reach, np.maximum(age, 1)).astype(np.int32))


def _values(panel: Panel, group: Group, settings: params.Anomalies, past: Past) -> Judged:
    """Values against what the series itself leads to expect."""
    step_s = panel.step_s
    clock = calendars.clock(panel.start_ms, panel.values.shape[1], step_s=step_s, zone=group.zone, holidays=group.holidays)
    local_step = clock.local_ms // (step_s * 1000)
    values = expected.transform(panel.values, group.kind)
    noise, days = partial(expected.least_noise, kind=group.kind), _days(clock, group.holidays)
    found = surprise.surprises(values, local_step, step_s=step_s, noise=noise, days=days, past=past.part("surprise"))
    found = _asked(found, own.strengths(values, local_step, step_s=step_s, past=past.part("own")), settings.left_out)
    alike = np.unique(group.series["signal"], return_inverse=True)[1]
    is_open = None if days is None else days.is_open
    rates = alarms.rates(found.strength, found.by_detector[-1], step_s=step_s, alike=alike, is_open=is_open, past=past.part("rates"))
    is_told = alarms.raised(rates.news, budget_per_week=settings.false_alarms_per_week)
    if group.kind == "linear":
        is_told &= _had_level(panel, past)
    strongest = np.abs(np.nan_to_num(found.by_detector[:-1])).argmax(axis=0)
    strongest = np.where(rates.is_pattern, DETECTORS.index("pattern"), strongest).astype(np.int8)
    expect, scale, usual = (part.astype(np.float32) for part in (found.expected, found.scale, found.usual))
    reach = np.ones(is_told.shape, np.int32)
    return Judged(panel.values, panel.n_checks, expect, scale, usual, rates.per_week, is_told, reach, strongest)


def _days(clock: calendars.Clock, calendar: str) -> rest.Days | None:
    """The kind of the day of each step; None where no calendar is known."""
    if not calendar:
        return None
    day = calendars.DAY_MS
    is_after, is_night = (calendars.is_holiday(clock.local_ms - late, calendar) for late in (day, NIGHT_MS))
    is_rest, was_rest, will_rest = (_is_rest(clock.local_ms + later, calendar) for later in (0, -day, day))
    # A working day between two days of rest is a holiday to some.
    is_bridge = was_rest & will_rest & ~is_rest
    is_near = np.full(is_rest.shape, clock.step_s > LONG_S)
    for days in range(-BEFORE_DAYS, AFTER_DAYS + 1):
        is_near |= calendars.is_holiday(clock.local_ms - days * day, calendar)
    return rest.Days(is_rest, clock.is_holiday | is_after | is_bridge, clock.is_holiday | is_night | is_bridge, is_near)


def _is_rest(local_ms: IntArray, calendar: str) -> BoolArray:
    return calendars.is_holiday(local_ms, calendar) | calendars.is_weekend(local_ms, calendar)


def _asked(found: surprise.Surprise, further: FloatArray, left_out: Sequence[str]) -> surprise.Surprise:
    """What the detectors say that are asked: further ones before `pattern`, without those that are left out."""
    if not len(further) and not set(left_out) & set(surprise.DETECTORS):
        return found
    is_asked = np.array([name not in left_out for name in DETECTORS[:-1]])[:, None, None]
    is_judged = np.isfinite(found.strength)
    all_of_them = np.concatenate([found.by_detector[:-1], further, found.by_detector[-1:]])
    by_detector = np.where(is_asked & is_judged, np.nan_to_num(all_of_them), 0.0)
    strongest = np.abs(by_detector[:-1]).argmax(axis=0)[None]
    strength = np.take_along_axis(by_detector, strongest, axis=0)[0]
    return replace(found, strength=np.where(is_judged, strength, np.nan), by_detector=by_detector)


def _had_level(panel: Panel, past: Past) -> BoolArray:
    """Steps of series that had a level in the weeks before: a certificate that was renewed is nothing strange."""
    per_day, n_series = max(1, 86_400 // panel.step_s), len(panel.values)
    had = np.ones(panel.values.shape, bool)
    first, none = past.passed(panel.values.shape[1]), np.full((n_series, LEVEL_DAYS[1]), np.nan, np.float32)
    for start, stop, begun in pieces(first, panel.values.shape[1], per_day):
        if (first + start) // per_day >= LEVEL_DAYS[0]:
            had[:, start:stop] = levels.days_have_level(past.array("days", none))[:, None]
        day = past.finished("day", panel.values[:, start:stop], begun, per_day)
        if day is not None:
            past.pushed("days", levels.days(day, per_day)[:, 0], none)
    return had


def _shares(panel: Panel, settings: params.Anomalies, past: Past) -> Judged:
    """Failed checks against the share that usually fails."""
    n_checks = np.where(np.isfinite(panel.values), panel.n_checks, 0).astype(float)
    found = failures.judge_failures(_failed(panel.values, n_checks), n_checks, step_s=panel.step_s, past=past.part("failures"))
    if "failures" in settings.left_out:
        found = found._replace(per_week=np.full_like(found.per_week, np.inf))
    is_told, reach = failures.raised(
        found,
        budget_per_week=settings.false_alarms_per_week,
        apart=max(1, GAP_S // panel.step_s),
        step_s=panel.step_s,
        past=past.part("told"),
    )
    if "failures" in settings.left_out:
        is_told = np.zeros_like(is_told)
    usual = (1 - found.usual).astype(np.float32)
    scale = np.sqrt(found.usual * (1 - found.usual) / np.maximum(n_checks, 1)).astype(np.float32)
    detector = np.full(reach.shape, DETECTORS.index("failures"), np.int8)
    return Judged(panel.values, panel.n_checks, usual, scale, usual, found.per_week, is_told, reach.astype(np.int32), detector)


def _failed(values: FloatArray, n_checks: FloatArray | npt.NDArray[np.int32]) -> FloatArray:
    """How many checks failed in each step; 0 where there was none."""
    return np.asarray(np.rint(np.nan_to_num(1 - values.astype(float)) * n_checks))


def strange(found: Judged, kind: Kind) -> BoolArray:
    """Steps that belong to an episode: those that are told, and what they show the end of, from its first failed check on."""
    if kind != "logit":
        return found.is_told
    n_times, column = found.n_times, np.arange(found.n_times)
    failed = _failed(found.values, found.n_checks)
    next_failed = np.minimum.accumulate(np.where(failed > 0, column, n_times)[:, ::-1], axis=1)[:, ::-1]
    row, step = np.nonzero(found.is_told)
    starts = np.zeros((len(failed), n_times + 1), np.int64)
    np.add.at(starts, (row, next_failed[row, np.maximum(step + 1 - found.reach[row, step], 0)]), 1)
    np.add.at(starts, (row, step + 1), -1)
    return np.asarray(np.cumsum(starts, axis=1)[:, :-1] > 0)
