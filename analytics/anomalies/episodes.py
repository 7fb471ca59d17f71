"""Judged steps of series -> the episodes in them: where each began, how large it was, what was known of it when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import expected
from analytics.anomalies.found import EPISODES, LOOKS, NEWEST, Around, Found
from analytics.anomalies.judge import DETECTORS, GAP_S, Group, Judged, strange
from analytics.expected import Kind
from analytics.stats import failures

__all__ = ["LEAST_AROUND_S", "Episode", "found_in", "newest_of", "reach_of", "to_found", "without"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

LOOK_STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Steps after its detection at which it is looked how large an anomaly has become."""

BAND = 1.96
"""Half width of the band in scales: 19 of 20 steps lie in it while nothing happens."""

LEAST_AROUND_S, MOST_AROUND_S = 6 * 3600, 3 * 86_400
"""Time drawn before an episode, half of which is the least drawn after it, and the longest episode that is drawn whole, s."""


@dataclass(frozen=True)
class Episode:
    """Strange steps of a series that are close to each other.

    Attributes
    ----------
    series : row of the series
    first, last : its first and last strange step
    settled_at : how many steps must be known for nothing of it to change any more
    row, looks, around : of `Found`: its row of the episodes, its rows of the looks, the steps around it
    expected, scale : what was expected while it went on and its spread, as in `Judged`
    """

    series: int
    first: int
    last: int
    settled_at: int
    row: tuple[Any, ...]
    looks: list[tuple[Any, ...]]
    around: Around
    expected: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Line:
    """One series as arrays of shape (n_times,): what is needed of `Judged`, the band in the unit of the series; time of the first step."""

    kind: Kind
    series_id: str
    signal: str
    start_ms: int
    step_s: int
    found: Judged
    expected: FloatArray
    low: FloatArray
    high: FloatArray

    def time(self, step: int) -> pd.Timestamp:
        return pd.Timestamp(self.start_ms + step * self.step_s * 1000, unit="ms", tz="UTC")


def to_found(episodes: list[Episode]) -> Found:
    """Episodes as tables; the weeks judged are not theirs to say."""
    rows = pd.DataFrame([one.row for one in episodes], columns=EPISODES)
    looks = pd.DataFrame([row for one in episodes for row in one.looks], columns=LOOKS)
    courses = {(one.row[0], one.row[1]): one.around for one in episodes}
    return Found.together([Found(rows, looks, pd.Series(dtype=float), courses, pd.DataFrame(columns=NEWEST))])


def newest_of(judged: Judged, group: Group, *, start_ms: int, step_s: int) -> pd.DataFrame:
    """The newest value of each series and how strange it is, in the columns `found.NEWEST`; a series without one has no row."""
    if not judged.n_times:
        return pd.DataFrame(columns=NEWEST)
    is_there = np.isfinite(judged.values)
    rows = np.flatnonzero(is_there.any(axis=1))
    last = judged.n_times - 1 - is_there[rows, ::-1].argmax(axis=1)
    value, rate, middle, scale = (
        part[rows, last].astype(np.float64) for part in (judged.values, judged.per_week, judged.expected, judged.scale)
    )
    low, expect, high = _band(middle, scale, group.kind)
    time = pd.to_datetime(start_ms + (last + 1) * step_s * 1000, unit="ms", utc=True)
    name = group.series["series_id"].to_numpy()[rows]
    return pd.DataFrame(dict(zip(NEWEST, (name, time, rate, value, expect, low, high), strict=True)))


def _band(middle: FloatArray, scale: FloatArray, kind: Kind) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Low, expected and high in the unit of the series."""
    low, expect, high = (expected.untransform(middle + k * BAND * scale, kind) for k in (-1, 0, 1))
    return (np.maximum(low, 0), expect, np.minimum(high, 1)) if kind == "logit" else (low, expect, high)


def found_in(judged: Judged, group: Group, *, start_ms: int, step_s: int) -> list[Episode]:
    """Strange steps that are at most `GAP_S` apart, as one episode each.

    Parameters
    ----------
    start_ms : start of the first step
    """
    gap = max(1, GAP_S // step_s)
    is_strange = strange(judged, group.kind)
    found: list[Episode] = []
    for series in np.flatnonzero(is_strange.any(axis=1)):
        stretches = _stretches(np.flatnonzero(is_strange[series]), gap)
        mine = judged.one(int(series))
        line = _line(mine if group.kind == "logit" else _held(mine, stretches), group, int(series), start_ms, step_s)
        found += [_episode(line, int(series), steps, gap) for steps in stretches]
    return found


def without(judged: Judged, settled: list[Episode]) -> Judged:
    """Judged steps in which these episodes have been dealt with: they are told no more, and what was expected then stays."""
    if not settled:
        return judged
    expect, scale, is_told = judged.expected.copy(), judged.scale.copy(), judged.is_told.copy()
    for one in settled:
        steps = slice(one.first, one.last + 1)
        expect[one.series, steps], scale[one.series, steps], is_told[one.series, steps] = one.expected, one.scale, False
    return replace(judged, expected=expect, scale=scale, is_told=is_told)


def reach_of(kind: Kind, step_s: int) -> int:
    """Steps after which a step can no longer become part of an episode that is told later."""
    return failures.longest(step_s) if kind == "logit" else 0


def _held(one: Judged, stretches: list[IntArray]) -> Judged:
    """A series in which, while something strange goes on, what is expected is what was as it began, along the usual course of the day.

    A forecast from the last values follows what is strange, and would soon expect it.
    """
    middle, scale = one.expected.copy(), one.scale.copy()
    for steps in stretches:
        first, whole = int(steps[0]), slice(int(steps[0]), int(steps[-1]) + 1)
        moved = one.usual[0, whole] - one.usual[0, first]
        middle[0, whole] = middle[0, first] + np.nan_to_num(moved)
        scale[0, whole] = scale[0, first]
    return replace(one, expected=middle, scale=scale)


def _line(one: Judged, group: Group, series: int, start_ms: int, step_s: int) -> _Line:
    low, expect, high = _band(one.expected[0].astype(np.float64), one.scale[0].astype(np.float64), group.kind)
    name, signal = group.series["series_id"].iloc[series], group.series["signal"].iloc[series]
    return _Line(group.kind, name, signal, start_ms, step_s, one, expect, low, high)


def _stretches(steps: IntArray, gap: int) -> list[IntArray]:
    return np.split(steps, np.flatnonzero(np.diff(steps) > gap) + 1)


def _episode(line: _Line, series: int, steps: IntArray, gap: int) -> Episode:
    first, last = int(steps[0]), int(steps[-1])
    begin, stop = _drawn(line, first, last)
    settled_at = max(stop, last + gap + 1 + reach_of(line.kind, line.step_s))
    expect, scale = (part[0, first : last + 1] for part in (line.found.expected, line.found.scale))
    row, looks = _row(line, steps, gap), list(_looks(line, steps))
    return Episode(series, first, last, settled_at, row, looks, _around(line, begin, stop), expect, scale)


def _drawn(line: _Line, first: int, last: int) -> tuple[int, int]:
    """The steps around an episode: some hours before, and half as many after, or half of its own length."""
    least, most = (seconds // line.step_s for seconds in (LEAST_AROUND_S, MOST_AROUND_S))
    length = min(last + 1 - first, most)
    return max(first - least, 0), min(last + 1, first + most) + max(length // 2, least // 2)


def _around(line: _Line, begin: int, stop: int) -> Around:
    drawn = slice(begin, stop)
    values = [line.found.values[0, drawn], *(part[drawn] for part in (line.expected, line.low, line.high))]
    return Around(line.time(begin), line.step_s, np.stack(values).astype(np.float32))


def _row(line: _Line, steps: IntArray, gap: int) -> tuple[Any, ...]:
    rate, values = line.found.per_week[0], line.found.values[0]
    rarest = int(steps[np.argmin(rate[steps])])
    effect = _effect(line, steps)
    peak = _peak(line, steps, effect)
    goes_on = steps[-1] + gap >= len(values)
    n_failed = np.rint((1 - values[steps]) * line.found.n_checks[0, steps])
    return (
        line.series_id,
        line.time(int(steps[0])),
        line.time(peak),
        pd.NaT if goes_on else line.time(int(steps[-1]) + 1),
        line.time(_told(line, steps) + 1),
        _direction(line.signal, effect),
        float(rate[rarest]),
        float(values[peak]),
        *(float(part[peak]) for part in (line.expected, line.low, line.high)),
        effect,
        int(np.nansum(n_failed)) if line.signal == "availability" else len(steps),
        DETECTORS[int(line.found.detector[0, rarest])],
    )


def _peak(line: _Line, steps: IntArray, effect: float) -> int:
    """The step furthest from what was expected, in the direction of the effect.

    Not the rarest one: what came and went is rarest at the step at which it has gone, and sums are at a step like those before it.
    """
    away = np.sign(effect) * (line.found.values[0, steps] - line.expected[steps])
    if line.signal == "availability":
        away = -away
    return int(steps[np.argmax(np.nan_to_num(away, nan=-np.inf))])


def _told(line: _Line, steps: IntArray) -> int:
    """The first step that shows it."""
    return int(steps[line.found.is_told[0, steps]][0])


def _effect(line: _Line, steps: IntArray) -> float:
    """Relative deviation over some steps; of availability the share that fails more, its mean.

    The median over the first 1, 2, 4, ... or all of them, whichever is largest: deviations that were added up stay strange for hours after
    the values have come back, and would make nothing of a short and large one.
    """
    values, expect = line.found.values[0, steps].astype(float), line.expected[steps]
    if line.signal == "availability":
        return float(np.nanmean(expect - values))
    apart = np.where(expect != 0, values / np.where(expect != 0, expect, 1) - 1, np.sign(values))
    firsts = [apart[: 2**power] for power in range(len(steps).bit_length())]
    return max((float(np.nanmedian(some)) for some in [*firsts, apart]), key=abs)


def _looks(line: _Line, steps: IntArray) -> Iterator[tuple[Any, ...]]:
    """What was known of an episode at the end of its first steps: its effect, and how rare it was."""
    for after in LOOK_STEPS:
        at = _told(line, steps) + after
        if at > steps[-1]:
            break
        known = steps[steps <= at]
        rarest = float(line.found.per_week[0, known].min())
        yield line.series_id, line.time(int(steps[0])), line.time(at + 1), _effect(line, known), rarest


def _direction(signal: str, effect: float) -> str:
    """Slower answers and more failures are regressions; of other signals nobody can say."""
    if signal.startswith("latency") or signal == "availability":
        return "regression" if effect > 0 else "improvement"
    return "neutral"
