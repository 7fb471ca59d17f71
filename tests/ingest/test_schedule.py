"""How often a monitor checks, and how many checks were due: from slow, changing and failing monitors."""

import numpy as np
import pandas as pd
import pytest

from analytics import ingest, params, store
from analytics.ingest.schedule import interval_changes
from tests import projects

MONDAY = pd.Timestamp("2026-03-02T00:00Z")
DAY_MIN = 1440


def checks_at(minutes, **more):
    times = MONDAY + pd.to_timedelta(np.asarray(minutes) * 60, unit="s")
    return pd.DataFrame({"time": times, "service": "a", "state": "up", "latency_ms": 5.0 + np.arange(len(times)) % 7, **more})


def ingested(*frames):
    store.append_raw("s", "checks", projects.raw_checks(pd.concat(frames, ignore_index=True)))
    return projects.ingest_all()


def every(minutes, *, days, first_day=0):
    return np.arange(0, days * DAY_MIN, minutes) + first_day * DAY_MIN


@pytest.mark.parametrize("hours", [5, 7, 24, 36, 72])
def test_of_a_slow_schedule_all_checks_that_were_due_came(project, hours):
    made = ingested(checks_at(every(hours * 60, days=60)))
    coverage = made.measured.coverage
    assert coverage["n_expected"].tolist() == coverage["n_checks"].tolist()
    assert ingest.says.coverage_sentence(made.measured, zone="UTC").startswith("On all ")


@pytest.mark.parametrize("hours", [6, 24])
def test_checks_a_little_early_or_late_around_midnight_are_due_where_they_came(project, rng, hours):
    minutes = every(hours * 60, days=60)
    coverage = ingested(checks_at(minutes + rng.uniform(-7, 7, len(minutes)))).measured.coverage
    assert coverage["n_expected"].tolist() == coverage["n_checks"].tolist()
    assert coverage["n_checks"].nunique() > 1


def test_a_slow_schedule_that_pauses_is_missed_when_it_was_due(project):
    minutes = every(72 * 60, days=60)
    coverage = ingested(checks_at(np.delete(minutes, slice(5, 9)))).measured.coverage
    missed = coverage[coverage["n_checks"] < coverage["n_expected"]]
    assert missed["day"].tolist() == [MONDAY + pd.Timedelta(days=3 * number) for number in range(5, 9)]


def test_a_change_of_the_interval_is_told_and_nothing_is_missing(project):
    made = ingested(checks_at(np.concatenate([every(1, days=20), every(10, days=15, first_day=20)])))
    changed = made.flags[made.flags["flag"] == "interval_changed"]
    assert changed[["service", "start", "severity"]].to_numpy().tolist() == [["a", MONDAY + pd.Timedelta("20D"), "info"]]
    assert changed["text"].iloc[0].replace("\u00a0", " ") == "checks came every 1 min before 2026-03-22, every 10 min since"
    assert set(made.flags["flag"]) == {"interval_changed"}
    assert made.measured.days["n_pauses"].sum() == 0
    assert made.measured.coverage["n_expected"].tolist() == [1440.0] * 20 + [144.0] * 15


def test_a_new_interval_of_the_last_days_is_none_yet(project):
    made = ingested(checks_at(np.concatenate([every(1, days=20), every(10, days=4, first_day=20)])))
    assert "interval_changed" not in set(made.flags["flag"])
    assert made.measured.coverage["n_expected"].tolist()[20:] == [1440.0, 1440.0, 1440.0, 1431.0]


@pytest.mark.parametrize("kind", ["half of one day", "random"])
def test_missing_checks_are_no_new_interval(project, rng, kind):
    minutes = every(1, days=24)
    if kind == "random":
        # Two of three are missing for ten days: the median pause is two minutes, but no schedule.
        kept = (minutes < 14 * DAY_MIN) | (rng.random(len(minutes)) < 1 / 3)
    else:
        kept = (minutes // DAY_MIN != 10) | (minutes % 2 == 0)
    made = ingested(checks_at(minutes[kept]))
    assert interval_changes(made.found.schedules).empty
    assert set(made.found.schedules["interval_ms"]) == {60_000}


def test_intervals_change_back_and_forth(project):
    parts = [every(60, days=10), every(10, days=10, first_day=10), every(60, days=10, first_day=20)]
    schedules = ingested(checks_at(np.concatenate(parts))).found.schedules
    assert (schedules["interval_ms"] // 60_000).tolist() == [60] * 10 + [10] * 10 + [60] * 10


def test_a_second_monitor_is_expected_from_its_own_first_check_to_its_last(project):
    coverage = ingested(checks_at(every(5, days=6), monitor="A"), checks_at(every(5, days=2, first_day=2), monitor="B")).measured.coverage
    assert coverage["n_expected"].tolist() == [288.0, 288.0, 576.0, 576.0, 288.0, 288.0]


def test_outages_of_a_slow_stretch_last_until_the_next_check(project):
    minutes = np.concatenate([every(1, days=10), every(10, days=10, first_day=10)])
    state = np.where((minutes >= 15 * DAY_MIN) & (minutes < 15 * DAY_MIN + 30), "down", "up")
    outages = ingested(checks_at(minutes, state=state)).outages
    assert outages[["start", "end"]].to_numpy().tolist() == [[MONDAY + pd.Timedelta("15D"), MONDAY + pd.Timedelta("15D 30min")]]


def test_checks_that_come_in_bursts_are_due_once_a_burst(project):
    """A service that is listed twice is asked twice a day, a second apart: that second is no schedule."""
    daily = every(DAY_MIN, days=60)
    made = ingested(checks_at(np.sort(np.concatenate([daily, daily + 1 / 60]))))
    assert made.measured.coverage["n_expected"].tolist() == [1.0] * 60
    assert made.measured.coverage["n_checks"].tolist() == [2] * 60
    assert not set(made.flags["flag"]) & {"interval_changed", "gap"}


def test_a_monitor_that_slept_for_months_keeps_its_interval(project):
    minutes = np.concatenate([every(5, days=7), every(5, days=7, first_day=200)])
    coverage = ingested(checks_at(minutes)).measured.coverage
    assert coverage["n_expected"].iloc[[0, 3, -2]].tolist() == [288.0] * 3


def test_no_schedule_without_checks(project):
    store.append_raw("s", "metrics", projects.raw_metrics(pd.DataFrame({"time": [MONDAY], "service": "a", "signal": "cpu", "value": 1.0})))
    found = ingest.survey(["s"], params=params.Ingest(), project=params.Project())
    assert found.schedules.empty
    assert interval_changes(found.schedules).empty
