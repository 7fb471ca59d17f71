"""A new day costs its week and comes to the same as everything from scratch, whatever has changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics import baseline, calendars, params, tables
from analytics.baseline import cohorts, follow, history, watch
from analytics.panel import to_ms
from analytics.stats import changes as stats_changes
from tests.baseline import panels

START = pd.Timestamp("2026-01-05", tz="UTC")  # a Monday
DAY = pd.Timedelta("1D")
STEP_S, PER_DAY = 3600, 24
SETTINGS, PROJECT = params.Baseline(), params.Project(workers=1)
NO_MASKS = pd.DataFrame({"service": [], "region": [], "start": [], "end": [], "reason": []})
NO_EVENTS = pd.DataFrame(columns=tables.TABLES["events"].names)
NONE_DECIDED = pd.DataFrame(columns=tables.DECISIONS["rebaselines"].names)
REGIONS = pd.DataFrame({"region": ["eu"], "zone": ["Asia/Kolkata"], "holidays": [None]})
SIGNALS = {"a": "latency_ms", "b": "latency_ms", "c": "latency_ms", "d": "availability"}


def eventful(days):
    """One series of each service, shape (4, n_times): one becomes slower, one does and goes back, one creeps, one fails more."""
    rng = np.random.default_rng(5)
    time = np.arange(days * PER_DAY) / PER_DAY
    latency = 100 * np.exp(0.3 * np.sin(2 * np.pi * time) + rng.normal(0, 0.1, (3, len(time))))
    latency[0, 40 * PER_DAY :] *= 1.3
    latency[1, 36 * PER_DAY : 46 * PER_DAY] *= 1.4
    latency[2] *= np.exp(0.007 * time / 7)
    share = 1 - rng.binomial(60, np.where(time > 44, 0.01, 0.001), (1, len(time))) / 60
    return np.concatenate([latency, share]).astype(np.float32)


def written(values, *, days, first=(0, 0, 0, 0)):
    """The panel of the first days; `first` is the day on which each service begins."""
    keys = [(name, "eu", signal) for name, signal in SIGNALS.items()]
    begins = [START + day * DAY for day in first]
    return panels.written(keys, values[:, : days * PER_DAY], start=START, step_s=STEP_S, first=begins)


def decided(*rows):
    """(series, onset as a day, day of the decision)."""
    frame = pd.DataFrame([(f"{name}/eu/latency_ms", START + start * DAY, START + day * DAY) for name, start, day in rows])
    frame.columns = ["series_id", "start", "time"]
    times = {name: frame[name].astype("datetime64[ms, UTC]") for name in ("start", "time")}
    return frame.assign(**times, action="accept", drift_id="d").reindex(columns=tables.DECISIONS["rebaselines"].names)


def masked(*rows):
    frame = pd.DataFrame(rows, columns=["service", "start", "end"]).assign(region=None, reason="maintenance")
    times = {name: pd.to_datetime([START + day * DAY for day in frame[name]]).astype("datetime64[ms, UTC]") for name in ("start", "end")}
    return frame.assign(**times)


def found(signals, *, days, masks=NO_MASKS, decisions=NONE_DECIDED):
    options = {"settings": SETTINGS, "project": PROJECT, "now": START + days * DAY}
    return baseline.find_changes(signals, masks, REGIONS, NO_EVENTS, decisions, **options)


def from_scratch(signals, *, days, masks=NO_MASKS, decisions=NONE_DECIDED):
    now = START + days * DAY
    accepted = decisions.loc[decisions["time"] < now, ["series_id", "start", "time"]]
    places = calendars.places(REGIONS)
    (chain,) = history.weeks(signals, follow.in_ms(masks, now), accepted, places, now_ms=to_ms(now))
    return panels.changes_of_weeks(chain, settings=SETTINGS).sort_values(["series_id", "detected_at", "kind"], ignore_index=True)


def the_same(signals, **what):
    """Changes of a run that uses what is kept, which are those of a run from nothing."""
    table = found(signals, **what)
    pd.testing.assert_frame_equal(table, from_scratch(signals, **what), check_exact=True)
    return table


@pytest.fixture
def weeks_followed(monkeypatch):
    """Day on which each week begins that is followed from now on."""
    followed = []
    advance = cohorts.advance

    def noted(before, week, *, settings):
        followed.append((week.time_ms(week.start) - to_ms(START)) / 86_400_000)
        return advance(before, week, settings=settings)

    noted.__module__, noted.__qualname__ = advance.__module__, advance.__qualname__
    monkeypatch.setattr(cohorts, "advance", noted)
    return followed


@pytest.fixture(scope="module")
def values():
    return eventful(64)


def test_day_after_day_is_everything_from_scratch(project, values):
    # Mondays are 35, 42, 49 and 56; references are due on day 28, creep is looked for on day 56.
    told = [len(the_same(written(values, days=days), days=days)) for days in (28, 42, 43, 56, 64)]
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] >= 4


def test_a_new_day_costs_its_week(project, values, weeks_followed):
    found(written(values, days=45), days=45)
    assert weeks_followed == [0, 7, 14, 21, 28, 35, 42]
    weeks_followed.clear()
    found(written(values, days=46), days=46)
    assert weeks_followed == [42]
    weeks_followed.clear()
    found(written(values, days=50), days=50)
    assert weeks_followed == [42, 49]
    weeks_followed.clear()
    found(written(values, days=50), days=50)
    assert weeks_followed == []


@pytest.mark.parametrize(("day", "weeks"), [(47, [42, 49]), (20, [0, 7, 14, 21, 28, 35, 42, 49])])
def test_late_data_are_followed_from_their_week_or_from_the_beginning(project, values, weeks_followed, day, weeks):
    the_same(written(values, days=51), days=51)
    late = values.copy()
    late[:, day * PER_DAY : (day + 1) * PER_DAY] = np.nan
    weeks_followed.clear()
    found(written(late, days=51), days=51)
    assert weeks_followed == weeks
    the_same(written(late, days=51), days=51)


@pytest.mark.parametrize(
    "known",
    [
        {"masks": masked(("a", 50, 51))},
        {"masks": masked(("a", 39, 50))},
        {"masks": masked((None, 30, 33))},
        {"decisions": decided(("a", 40, 49))},
        {"decisions": decided(("a", 40, 42))},
    ],
    ids=["mask of today", "mask of the drift", "mask of all", "decision of today", "older decision"],
)
def test_what_is_declared_or_decided_later_counts(project, values, known):
    signals = written(values, days=51)
    before, after = found(signals, days=51), the_same(signals, days=51, **known)
    tomorrow = the_same(written(values, days=57), days=57, **known)
    assert len(before)
    assert len(after) <= len(before)
    assert set(tomorrow["series_id"]) >= set(after["series_id"])


def test_a_new_service_does_not_touch_the_past_of_others(project, values, weeks_followed):
    first = (0, 0, 0, 44)
    found(written(values, days=43, first=first), days=43)
    weeks_followed.clear()
    found(written(values, days=46, first=first), days=46)
    assert weeks_followed == [42]
    the_same(written(values, days=64, first=first), days=64)


def test_the_newest_bins_show_as_much_as_all_bins_together(project, values):
    (chain,) = history.weeks(written(values, days=44), follow.in_ms(NO_MASKS, START), NONE_DECIDED, {}, now_ms=to_ms(START + 44 * DAY))
    state = None
    for week in chain:
        state = cohorts.advance(state, week, settings=SETTINGS)
    level = stats_changes.level_for(SETTINGS.false_alarms_per_series_year)
    watches = [one for cohort in state.cohorts for one in cohort.watches]
    shown = [(watch.evidence_of(one).statistic > level).any(axis=(1, 2)) for one in watches]
    np.testing.assert_array_equal(np.concatenate(shown), np.concatenate([one.has_shown for one in watches]))
    assert 0 < np.concatenate(shown).sum() < 4
