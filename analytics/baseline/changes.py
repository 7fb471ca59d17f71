"""Lasting changes of each series against its reference: what a baseline must not learn, and what stage drift judges."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, engine, params, rebaselines, tables
from analytics.baseline import cohorts, follow, history
from analytics.baseline.cohorts import Followed
from analytics.baseline.history import BORN_DAYS
from analytics.calendars import DAY_MS
from analytics.panel import FIRST_MONDAY_MS, Panels, to_ms
from analytics.stats import changes

__all__ = ["course_of", "find_changes", "rows_of", "series_of"]

FloatArray = npt.NDArray[np.float64]
Course = tuple[tuple[int, float], ...]
"""Pairs of a time in ms and what was known from then on."""

YEAR_DAYS = 365.25
WEEK_POINTS = 60_000
"""Points judged in the time that a week of a chain costs however little it holds: years of daily checks are worth a second worker."""
KEY = ["series_id", "kind", "detected_at"]
TIMES = ("detected_at", "start", "start_low", "start_high", "end", "learnt_from", "learnt_to")


def find_changes(
    signals: Panels,
    masks: pd.DataFrame,
    regions: pd.DataFrame,
    events: pd.DataFrame,
    decisions: pd.DataFrame,
    *,
    settings: params.Baseline,
    project: params.Project,
    now: pd.Timestamp,
) -> pd.DataFrame:
    """Rows of table `changes`: lasting changes of all series that were told before `now`; with the `course` of each (`course_of`).

    Parameters
    ----------
    events : table `events`
    decisions : rows of `data/decisions/rebaselines.csv`
    """
    series = series_of(signals)
    found, known = None, -1
    accepted = rebaselines.accepted_changes(decisions, _none(), events, series)
    # A change that a rule accepts makes a new reference, against which there may be others that rules accept.
    while found is None or len(accepted) > known:
        known = len(accepted)
        found = _found(signals, masks, regions, accepted[accepted["time"] < now], settings=settings, project=project, now=now)
        accepted = rebaselines.accepted_changes(decisions, found, events, series)
    return found


def series_of(signals: Panels) -> pd.DataFrame:
    """The series of all panels: series_id, service, region."""
    frames = [ref.series[["series_id", "service", "region"]] for ref in signals]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["series_id", "service", "region"])


def _none() -> pd.DataFrame:
    return tables.schema(tables.TABLES["changes"]).empty_table().to_pandas().assign(course=pd.Series([], dtype=object))


def _found(
    signals: Panels,
    masks: pd.DataFrame,
    regions: pd.DataFrame,
    accepted: pd.DataFrame,
    *,
    settings: params.Baseline,
    project: params.Project,
    now: pd.Timestamp,
) -> pd.DataFrame:
    chains = history.weeks(signals, follow.in_ms(masks, now), accepted, calendars.places(regions), now_ms=to_ms(now))
    work, rows = partial(cohorts.advance, settings=settings), partial(rows_of, settings=settings)
    points = signals.size + WEEK_POINTS * sum(len(chain) for chain in chains)
    found = engine.fold(work, rows, chains, workers=project.workers, points=points)
    parts = [part for part in found if len(part)]
    if not parts:
        return _none()
    return pd.concat(parts, ignore_index=True).sort_values(["series_id", "detected_at", "kind"], ignore_index=True)


def rows_of(state: Followed, *, settings: params.Baseline) -> pd.DataFrame:
    """Rows of table `changes`, as known at the end of the data, with the course of each."""
    open_ones = [cohorts.told(cohort, settings, state.step_s) for cohort in state.cohorts]
    filled = [part for part in (state.over, *open_ones) if len(part)]
    if not filled:
        return _none()
    found = pd.concat(filled, ignore_index=True)
    end_ms = FIRST_MONDAY_MS + state.end * state.step_s * 1000
    born = found["series_id"].map(state.series.set_index("series_id")["born"]).to_numpy(np.int64)
    since_ms = FIRST_MONDAY_MS + born * state.step_s * 1000 + BORN_DAYS * DAY_MS
    rows = found.assign(
        direction=_direction(found),
        p_value=_chance(found["statistic"].to_numpy(float), end_ms - since_ms),
        effect_size=found["size"].where(found["kind"] == "level"),
        course=[_firming(*one) for one in zip(found["course"], found["detected_at"].astype(int), since_ms.tolist(), strict=True)],
        **{name: _utc(found[name]) for name in TIMES},
    )
    return rows[[*tables.TABLES["changes"].names, "course"]].reset_index(drop=True)


def _chance(statistic: FloatArray, judged_ms: FloatArray) -> FloatArray:
    """Chance that a series that never changes shows as much evidence in the time in which it was judged."""
    return changes.p_value(statistic, years=judged_ms / (YEAR_DAYS * DAY_MS))


def _firming(course: Course, detected_ms: int, since_ms: int) -> Course:
    """Times and the chance known from then on; what was clear before a change mattered counts from its detection on."""
    at = np.array([time for time, _ in course], np.int64)
    p_value = _chance(np.array([evidence for _, evidence in course]), np.maximum(at, detected_ms) - since_ms)
    # What was as unlikely once stays so: with time alone chance would become likelier.
    known = dict(zip(np.maximum(at, detected_ms).tolist(), np.minimum.accumulate(p_value).tolist(), strict=True))
    return tuple(known.items())


def course_of(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of table `change_course` of the changes that `find_changes` found."""
    rows = found[[*KEY, "course"]].explode("course", ignore_index=True)
    at, p_value = ([one[part] for one in rows["course"]] for part in (0, 1))
    return rows[KEY].assign(at=_utc(pd.Series(at, dtype=float)), p_value=np.array(p_value, float))


def _direction(found: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Slower, more uneven and more failures are regressions; of other signals and of the course of the day nobody can say."""
    is_judged = np.array([name.startswith("latency") or name == "availability" for name in found["signal"]], bool)
    is_judged &= (found["kind"] != "season").to_numpy()
    return np.where(is_judged, np.where(found["is_up"].astype(bool), "regression", "improvement"), "neutral")


def _utc(times_ms: pd.Series) -> pd.Series:
    return pd.to_datetime(times_ms.astype("Float64"), unit="ms", utc=True).astype("datetime64[ms, UTC]")
