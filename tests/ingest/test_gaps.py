"""Stretches without a value, of each series and of all together, whoever looks: the chain at once, or a watch week by week."""

import itertools

import numpy as np
import pandas as pd
import pytest

from analytics import ingest, params, store
from tests import projects

MONDAY = pd.Timestamp("2026-03-02T00:00Z")
SUNDAY = MONDAY - pd.Timedelta("1D")


def at(minutes):
    return MONDAY + pd.Timedelta(minutes=minutes)


def checks(minutes, *, service="a", **more):
    return pd.DataFrame({"time": [at(minute) for minute in minutes], "service": service, "state": "up", "latency_ms": 10.0, **more})


def gaps_of(*frames, metrics=()):
    """Gaps as (service, signal, minutes of start, end and known_at); of all series without a service."""
    for number, frame in enumerate(frames):
        store.append_raw(f"s{number}", "checks", projects.raw_checks(frame))
    for number, frame in enumerate(metrics):
        store.append_raw(f"m{number}", "metrics", projects.raw_metrics(frame))
    made = projects.ingest_all()
    return named(store.load("gaps"), made.measured.series)


def named(gaps, series):
    rows = gaps.merge(series[["series_id", "service", "signal"]], on="series_id", how="left").astype({"service": object, "signal": object})
    times = [[int((time - MONDAY) / pd.Timedelta("1min")) for time in rows[name]] for name in ("start", "end", "known_at")]
    keys = [[None if pd.isna(key) else key for key in rows[name]] for name in ("service", "signal")]
    return sorted(zip(*keys, *times, strict=True), key=str)


ALWAYS = checks(range(300), service="b")


def test_a_gap_begins_with_the_last_step_that_has_a_value_and_is_over_when_the_next_one_is(project):
    assert gaps_of(ALWAYS, checks([*range(101), *range(122, 300)])) == [("a", "availability", 105, 120, 125)]


def test_a_single_step_without_a_value_is_no_gap(project):
    assert gaps_of(ALWAYS, checks([*range(100), *range(105, 300)])) == []
    assert [row[2:] for row in gaps_of(checks([*range(100), *range(110, 300)], service="c"))] == [(100, 110, 115)]


def test_failing_checks_are_values(project):
    down = checks(range(100, 200), state="down", latency_ms=np.nan)
    assert gaps_of(ALWAYS, pd.concat([checks(range(100)), down, checks(range(200, 300))])) == []


def test_checks_in_maintenance_give_no_value(project):
    masked = checks(range(100, 200), state="maintenance")
    assert gaps_of(ALWAYS, pd.concat([checks(range(100)), masked, checks(range(200, 300))])) == [("a", "availability", 100, 200, 205)]


@pytest.mark.parametrize("signal", ["cpu", "latency_ms"])
def test_a_metric_has_gaps_of_its_own(project, signal):
    times = [at(5 * step) for step in range(60) if not 20 <= step < 30]
    metric = pd.DataFrame({"time": times, "service": "m", "signal": signal, "value": 1.0})
    assert gaps_of(ALWAYS, metrics=[metric]) == [("m", signal, 100, 150, 155)]


def test_nothing_at_all_is_a_gap_of_all(project):
    kept = [*range(100), *range(200, 300)]
    found = gaps_of(checks(kept), checks([*range(60), *range(240, 300)], service="b"))
    assert found == [("a", "availability", 100, 200, 205), ("b", "availability", 60, 240, 245), (None, None, 100, 200, 205)]


def test_gaps_over_the_end_of_a_week_are_found(project):
    kept = [*range(-300, -60), *range(60, 300)]
    expected = [("a", "availability", -60, 60, 65)]
    assert gaps_of(checks(range(-300, 300), service="b"), checks(kept)) == expected


def test_weeks_without_a_value_are_one_gap(project):
    later = 21 * 1440
    found = gaps_of(checks([*range(-300, -60), *range(later, later + 300)]))
    assert found == [("a", "availability", -60, later, later + 5), (None, None, -60, later, later + 5)]


def test_the_shortest_step_says_when_nothing_came(project):
    hourly = checks(range(0, 600, 60), service="slow")
    found = gaps_of(hourly[hourly["time"] < at(180)], hourly[hourly["time"] >= at(480)], checks([*range(130), *range(500, 600)]))
    assert [row for row in found if row[0] is None] == [(None, None, 130, 500, 505)]


def spotted(rng, n_days):
    """Checks of three services with pauses of all lengths, now and then of all at once."""
    minutes = np.arange(0, n_days * 1440, 5)
    frames = []
    everywhere = np.ones(len(minutes), bool)
    for first in rng.integers(0, len(minutes), 4):
        everywhere[first : first + rng.integers(2, 700)] = False
    for service in "abc":
        kept = everywhere.copy()
        for first in rng.integers(0, len(minutes), 6):
            kept[first : first + rng.integers(1, 900)] = False
        frames.append(checks(minutes[kept], service=service))
    return frames


def naive(frames):
    """Gaps by a loop over the steps that have a check."""
    steps = {frame["service"].iloc[0]: sorted({int((time - MONDAY) / pd.Timedelta("5min")) for time in frame["time"]}) for frame in frames}
    named = [(service, "availability", starts) for service, starts in steps.items()]
    named.append((None, None, sorted(set().union(*steps.values()))))
    found = []
    for service, signal, starts in named:
        for one, other in itertools.pairwise(starts):
            if other - one > 2:
                found.append((service, signal, 5 * one + 5, 5 * other, 5 * other + 5))
    return sorted(found, key=str)


def test_gaps_equal_a_loop(project, rng):
    frames = spotted(rng, 17)
    expected = naive(frames)
    assert len(expected) > 20
    assert gaps_of(*frames) == expected


@pytest.mark.parametrize("cut_days", [5.0, 7.0, 7.02, 11.3, 16.9])
def test_newer_weeks_continue_what_was_known(project, rng, cut_days):
    """As `analytics watch` does: a run that has seen all until the cut, and the weeks from its Monday on."""
    frames = spotted(rng, 17)
    cut = at(cut_days * 1440)
    for number, frame in enumerate(frames):
        store.append_raw(f"s{number}", "checks", projects.raw_checks(frame[frame["time"] < cut]))
    before = projects.ingest_all().measured
    since = max(MONDAY, (before.series["last"].max().normalize() - pd.Timedelta(days=before.series["last"].max().weekday())))
    for number, frame in enumerate(frames):
        store.append_raw(f"s{number}", "checks", projects.raw_checks(frame[frame["time"] >= cut]))
    chosen = params.Params(project={"workers": 1})
    found = ingest.survey(store.raw_sources(), params=chosen.ingest, project=chosen.project)
    weeks = [week for week in found.weeks if pd.Timestamp(week.monday_ms, unit="ms", tz="UTC") >= since]
    newest = ingest.measure(type(found)(**{**vars(found), "weeks": weeks}), params=chosen.ingest, project=chosen.project)
    gaps = ingest.with_earlier_gaps(newest.gaps, newest.series, before.gaps, before.series, since=since)
    assert named(gaps, before.series) == naive(frames)
