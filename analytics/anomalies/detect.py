"""Values of a panel -> strange stretches of its series, and what was known of each when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, expected, params
from analytics.expected import Kind
from analytics.panel import Panel, PanelRef
from analytics.stats import alarms, failures, levels, surprise

__all__ = ["GAP_S", "Found", "Judged", "detect", "judge"]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

LOOK_STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Steps after its detection at which it is looked how large an anomaly has become."""

GAP_S = 1800
"""What is not longer interrupted is one episode, s; at least one step."""
BAND = 1.96
"""Half width of the band in scales: 19 of 20 steps lie in it while nothing happens."""

LEVEL_DAYS = (7, 28)
"""Days from which on it shows whether a series has a level, and days that it is told by."""

AROUND_S = (6 * 3600, 3 * 86_400)
"""Least time drawn before an episode, half of it after, and the longest episode that is drawn whole, s."""

EPISODES = [
    "series_id", "start", "peak", "end", "detected_at", "direction", "per_week", "observed", "expected", "low", "high", "effect",
    "n_points", "detector",
]  # fmt: skip
TIMES = ("start", "peak", "end", "detected_at", "known_at")
LOOKS = ["series_id", "start", "known_at", "effect", "per_week"]


class Around(NamedTuple):
    """The steps around an episode: start of the first, their length, and value, expected, low and high of each, shape (4, n_steps)."""

    start: pd.Timestamp
    step_s: int
    values: npt.NDArray[np.float32]

    def frame(self) -> pd.DataFrame:
        """As columns time, value, expected, low, high."""
        times = self.start + pd.to_timedelta(np.arange(self.values.shape[1]) * self.step_s, unit="s")
        named = zip(("value", "expected", "low", "high"), self.values.astype(float), strict=True)
        return pd.DataFrame({"time": times.as_unit("ms"), **dict(named)})


@dataclass(frozen=True)
class Found:
    """Strange stretches of series.

    Attributes
    ----------
    episodes : series_id and the columns of table `anomaly_members` but for anomaly_id and score
    looks : series_id, start (of the episode), known_at; effect and per_week as they were known then
    weeks : weeks judged, by series_id
    courses : the steps around each episode, by series_id and start
    """

    episodes: pd.DataFrame
    looks: pd.DataFrame
    weeks: pd.Series
    courses: dict[tuple[str, pd.Timestamp], Around]

    @classmethod
    def together(cls, parts: Sequence[Found]) -> Found:
        """All parts as one."""
        episodes = [part.episodes for part in parts if len(part.episodes)]
        looks = [part.looks for part in parts if len(part.looks)]
        return cls(
            _typed(episodes, EPISODES),
            _typed(looks, LOOKS),
            pd.concat([part.weeks for part in parts]) if parts else pd.Series(dtype=float),
            {key: around for part in parts for key, around in part.courses.items()},
        )


def _typed(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """All parts as one frame, whose types do not depend on whether there is a row."""
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    numbers = dict.fromkeys(("per_week", "effect"), "float64")
    times = {name: "datetime64[ms, UTC]" for name in TIMES if name in columns}
    return whole.assign(**{name: pd.to_datetime(whole[name], utc=True) for name in times}).astype({**times, **numbers})


@dataclass(frozen=True)
class Judged:
    """Every step of some series judged; arrays of shape (n_series, n_times).

    Attributes
    ----------
    is_strange : steps that belong to an episode
    is_told : those of them that show it; an outage has begun before it could be known
    per_week : how many episodes as strange chance makes in a week
    expected, low, high : what was expected and the band, in the unit of the series
    detector : index into `detectors` of the one that found it strangest
    """

    is_strange: BoolArray
    is_told: BoolArray
    per_week: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray
    detector: IntArray
    detectors: tuple[str, ...]


def detect(ref: PanelRef, *, regions: pd.DataFrame, settings: params.Anomalies) -> Found:
    """Strange stretches of the series of a panel: what chance makes in each of them no more often than the whole service may cost.

    Parameters
    ----------
    regions : table `regions`, for the clocks
    """
    parts = []
    for panel, judged in judge(ref, regions=regions, settings=settings):
        episodes, looks, courses = _episodes(panel, judged, max(1, GAP_S // panel.step_s))
        weeks = np.isfinite(panel.values).sum(axis=1) * panel.step_s / (7 * 86_400)
        parts.append(Found(episodes, looks, pd.Series(weeks, index=panel.series["series_id"].astype("object")), courses))
    return Found.together(parts)


def judge(ref: PanelRef, *, regions: pd.DataFrame, settings: params.Anomalies) -> Iterator[tuple[Panel, Judged]]:
    """Every step of the series of a panel judged, those of one scale and clock together."""
    panel = ref.load()
    for rows, kind, zone in _groups(panel.series, regions):
        mine = Panel(panel.series.iloc[rows], panel.start_ms, panel.step_s, panel.values[rows], panel.n_checks[rows])
        judged = _judge_shares(mine, settings) if kind == "logit" else _judge_values(mine, kind, zone, settings)
        yield mine, _without_learning(mine, judged, round(settings.learning_h * 3600 / panel.step_s))


def _without_learning(panel: Panel, judged: Judged, n_steps: int) -> Judged:
    """Nothing is strange in the first steps of a series: too little is known of it."""
    present = np.isfinite(panel.values)
    first = np.where(present.any(axis=1), present.argmax(axis=1), panel.values.shape[1])
    is_young = np.arange(panel.values.shape[1]) < first[:, None] + n_steps
    return replace(judged, is_strange=judged.is_strange & ~is_young, is_told=judged.is_told & ~is_young)


def _groups(series: pd.DataFrame, regions: pd.DataFrame) -> list[tuple[IntArray, Kind, str]]:
    """Rows of the series of one scale and clock."""
    zone_of = dict(zip(regions["region"], regions["zone"].astype("object").where(regions["zone"].notna(), "UTC"), strict=True))
    found: dict[tuple[Kind, str], list[int]] = {}
    for row, (signal, region) in enumerate(zip(series["signal"], series["region"], strict=True)):
        found.setdefault((expected.kind_of(signal), zone_of.get(region, "UTC")), []).append(row)
    return [(np.array(rows, np.int64), *key) for key, rows in sorted(found.items())]


def _judge_values(panel: Panel, kind: Kind, zone: str, settings: params.Anomalies) -> Judged:
    """Values against what the series itself leads to expect."""
    step_s = panel.step_s
    clock = calendars.clock(panel.start_ms, panel.values.shape[1], step_s=step_s, zone=zone, holidays="")
    found = surprise.surprises(expected.transform(panel.values, kind), clock.local_ms // (step_s * 1000), step_s=step_s)
    found = _without(found, settings.left_out)
    rate = alarms.false_rates(found.strength, step_s=step_s, alike=np.unique(panel.series["signal"], return_inverse=True)[1])
    is_strange = alarms.raised(rate, budget_per_week=settings.false_alarms_per_week)
    if kind == "linear":
        is_strange &= _had_level(panel)
    middle, half = _held(found, is_strange, max(1, GAP_S // step_s))
    low, middle, high = (expected.untransform(middle + k * half, kind) for k in (-BAND, 0, BAND))
    strongest = np.abs(np.nan_to_num(found.by_detector)).argmax(axis=0)
    return Judged(
        is_strange, is_strange, rate, middle, low, high, strongest, tuple(surprise.DETECTORS)
    )  # fmt: skip


def _without(found: surprise.Surprise, left_out: Sequence[str]) -> surprise.Surprise:
    """What the other detectors say."""
    if not set(left_out) & set(surprise.DETECTORS):
        return found
    is_asked = np.array([name not in left_out for name in surprise.DETECTORS])[:, None, None]
    by_detector = np.where(is_asked, found.by_detector, 0 * found.by_detector)
    strongest = np.nan_to_num(np.abs(by_detector)).argmax(axis=0)[None]
    strength = np.take_along_axis(np.nan_to_num(by_detector), strongest, axis=0)[0]
    return replace(found, strength=np.where(np.isfinite(found.strength), strength, np.nan), by_detector=by_detector)


def _had_level(panel: Panel) -> BoolArray:
    """Steps of series that had a level in the weeks before: a certificate that was renewed is nothing strange."""
    per_day = max(1, 86_400 // panel.step_s)
    had = np.ones(panel.values.shape, bool)
    for day in range(LEVEL_DAYS[0], panel.values.shape[1] // per_day + 1):
        before = panel.values[:, max(0, day - LEVEL_DAYS[1]) * per_day : day * per_day]
        had[:, day * per_day : (day + 1) * per_day] = levels.has_level(before, per_day)[:, None]
    return had


def _held(found: surprise.Surprise, is_strange: BoolArray, gap: int) -> tuple[FloatArray, FloatArray]:
    """What was expected and its scale; while something strange goes on, what was expected as it began, along the usual course of the day.

    A forecast from the last values follows what is strange, and would soon expect it.
    """
    middle, scale = found.expected.copy(), found.scale.copy()
    for series in np.flatnonzero(is_strange.any(axis=1)):
        for steps in _stretches(np.flatnonzero(is_strange[series]), gap):
            first, whole = int(steps[0]), slice(int(steps[0]), int(steps[-1]) + 1)
            moved = found.usual[series, whole] - found.usual[series, first]
            middle[series, whole] = middle[series, first] + np.nan_to_num(moved)
            scale[series, whole] = scale[series, first]
    return middle, scale


def _judge_shares(panel: Panel, settings: params.Anomalies) -> Judged:
    """Failed checks against the share that usually fails."""
    n_checks = np.where(np.isfinite(panel.values), panel.n_checks, 0).astype(float)
    failed = np.rint(np.nan_to_num(1 - panel.values.astype(float)) * n_checks)
    found = failures.judge_failures(failed, n_checks, step_s=panel.step_s)
    if "failures" in settings.left_out:
        found = found._replace(per_week=np.full_like(found.per_week, np.inf))
    is_told, reach = failures.raised(
        found, budget_per_week=settings.false_alarms_per_week, apart=max(1, GAP_S // panel.step_s), step_s=panel.step_s
    )
    # An outage is told by its second or third failed check, but begins with the first.
    n_times = failed.shape[1]
    next_failed = np.minimum.accumulate(np.where(failed > 0, np.arange(n_times), n_times)[:, ::-1], axis=1)[:, ::-1]
    row, step = np.nonzero(is_told)
    starts = np.zeros((len(failed), n_times + 1), np.int64)
    np.add.at(starts, (row, next_failed[row, np.maximum(step + 1 - reach[row, step], 0)]), 1)
    np.add.at(starts, (row, step + 1), -1)
    is_strange = np.cumsum(starts, axis=1)[:, :-1] > 0
    usual = 1 - found.usual
    spread = BAND * np.sqrt(found.usual * usual / np.maximum(n_checks, 1))
    return Judged(
        is_strange, is_told, found.per_week, usual, np.maximum(usual - spread, 0), np.minimum(usual + spread, 1),
        np.zeros(failed.shape, np.int64), ("failures",),
    )  # fmt: skip


def _episodes(panel: Panel, judged: Judged, gap: int) -> tuple[pd.DataFrame, pd.DataFrame, dict[tuple[str, pd.Timestamp], Around]]:
    """Strange steps that are at most `gap` steps apart, as one row each; what was known of each at `LOOK_STEPS`; the steps around it."""
    rows, looks, courses = [], [], {}
    for series in np.flatnonzero(judged.is_strange.any(axis=1)):
        for steps in _stretches(np.flatnonzero(judged.is_strange[series]), gap):
            rows.append(_episode(panel, judged, int(series), steps, gap))
            looks += _looks(panel, judged, int(series), steps)
            courses[rows[-1][:2]] = _around(panel, judged, int(series), steps)
    return pd.DataFrame(rows, columns=EPISODES), pd.DataFrame(looks, columns=LOOKS), courses


def _around(panel: Panel, judged: Judged, series: int, steps: IntArray) -> Around:
    """The steps of an episode with as many before and half as many after, but at least some hours."""
    begin, end = int(steps[0]), int(steps[-1]) + 1
    least, most = (seconds // panel.step_s for seconds in AROUND_S)
    length = min(end - begin, most)
    drawn = slice(max(begin - max(length, least), 0), min(min(end, begin + most) + max(length // 2, least // 2), panel.values.shape[1]))
    values = [panel.values[series, drawn], *(getattr(judged, name)[series, drawn] for name in ("expected", "low", "high"))]
    return Around(_time(panel, drawn.start), panel.step_s, np.stack(values).astype(np.float32))


def _stretches(steps: IntArray, gap: int) -> list[IntArray]:
    return np.split(steps, np.flatnonzero(np.diff(steps) > gap) + 1)


def _effect(panel: Panel, judged: Judged, series: int, steps: IntArray) -> float:
    """Relative deviation over some steps; of availability the share that fails more, its mean.

    The median over the first 1, 2, 4, ... or all of them, whichever is largest: deviations that were added up stay strange for hours after
    the values have come back, and would make nothing of a short and large one.
    """
    values, expected = panel.values[series, steps].astype(float), judged.expected[series, steps].astype(float)
    if panel.series["signal"].iloc[series] == "availability":
        return float(np.nanmean(expected - values))
    apart = np.where(expected != 0, values / np.where(expected != 0, expected, 1) - 1, np.sign(values))
    firsts = [apart[: 2**power] for power in range(len(steps).bit_length())]
    return max((float(np.nanmedian(some)) for some in [*firsts, apart]), key=abs)


def _episode(panel: Panel, judged: Judged, series: int, steps: IntArray, gap: int) -> tuple[Any, ...]:
    peak = int(steps[np.argmin(judged.per_week[series, steps])])
    told = int(steps[judged.is_told[series, steps]][0])
    effect = _effect(panel, judged, series, steps)
    goes_on = steps[-1] + gap >= panel.values.shape[1]
    signal = panel.series["signal"].iloc[series]
    n_failed = np.rint((1 - panel.values[series, steps]) * panel.n_checks[series, steps])
    return (
        panel.series["series_id"].iloc[series],
        _time(panel, int(steps[0])),
        _time(panel, peak),
        pd.NaT if goes_on else _time(panel, int(steps[-1]) + 1),
        _time(panel, told + 1),
        _direction(signal, effect),
        float(judged.per_week[series, peak]),
        float(panel.values[series, peak]),
        *(float(getattr(judged, name)[series, peak]) for name in ("expected", "low", "high")),
        effect,
        int(np.nansum(n_failed)) if signal == "availability" else len(steps),
        judged.detectors[int(judged.detector[series, peak])],
    )


def _looks(panel: Panel, judged: Judged, series: int, steps: IntArray) -> list[tuple[Any, ...]]:
    """What was known of an episode at the end of its first steps: its effect, and how rare it was."""
    name, start = panel.series["series_id"].iloc[series], _time(panel, int(steps[0]))
    found = []
    told = int(steps[judged.is_told[series, steps]][0])
    for after in LOOK_STEPS:
        at = told + after
        if at > steps[-1]:
            break
        known = steps[steps <= at]
        effect = _effect(panel, judged, series, known)
        found.append((name, start, _time(panel, at + 1), effect, float(judged.per_week[series, known].min())))
    return found


def _time(panel: Panel, step: int) -> pd.Timestamp:
    return pd.Timestamp(panel.start_ms + step * panel.step_s * 1000, unit="ms", tz="UTC")


def _direction(signal: str, effect: float) -> str:
    """Slower answers and more failures are regressions; of other signals nobody can say."""
    if signal.startswith("latency") or signal == "availability":
        return "regression" if effect > 0 else "improvement"
    return "neutral"
