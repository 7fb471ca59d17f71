"""One drift looked at closely, in a small project that went through the stages before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics import baseline, drift, params, store
from tests import projects

START = pd.Timestamp("2026-01-05", tz="UTC")
PROJECT = params.Project(workers=1)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course of a metric about 5 that rises by a fifth on day 35 of 45."""
    with projects.opened(tmp_path_factory.mktemp("course") / "project"):
        hours = np.arange(45 * 24)
        values = (5 + np.sin(hours / 24 * 2 * np.pi)) * np.exp(0.05 * np.random.default_rng(8).normal(size=len(hours)))
        values[35 * 24 :] *= 1.2
        frame = pd.DataFrame({"time": START + hours * pd.Timedelta("1h"), "service": "web", "signal": "load", "value": values})
        for day, rows in frame.groupby(frame["time"].dt.date):
            store.write_raw_day("web", "metrics", day, projects.raw_metrics(rows))
        projects.ingest_all()
        store.begin("baseline")
        signals, now, none = store.panels("signals"), store.now(), store.decisions("rebaselines")
        masks, regions, events, series = (store.load(name) for name in ("masks", "regions", "events", "series"))
        learning = {"settings": params.Baseline(), "project": PROJECT, "now": now}
        changes = baseline.find_changes(signals, masks, regions, events, none, **learning)
        known = baseline.learn(signals, masks, regions, changes, events, none, **learning)
        baseline.save(known, baseline.find_seasons(signals, **learning), changes)
        store.begin("drift")
        tables = (series, store.load("services"), store.load("coverage"), events, store.load("dependencies"), none)
        found = drift.find_drifts(
            changes[changes["kind"] == "level"], baseline.course_of(changes), *tables, settings=params.Drift(), project=PROJECT, now=now
        )
        given = drift.Known(known.table, regions, events, masks)
        assert drift.look_at(found, signals, given, n=0, zone="UTC", now=now) == []
        (one,) = drift.look_at(found, signals, given, n=3, zone="UTC", now=now)
        return one


def test_course_spans_two_weeks_before_to_now_and_leaves_its_expectation(course):
    rows = course.course
    onset = START + pd.Timedelta(days=35)
    assert (rows["time"].iloc[0], rows["time"].iloc[-1]) == (
        onset - drift.course.BEFORE,
        START + pd.Timedelta(days=45) - pd.Timedelta("3h"),
    )
    before, since = rows[rows["time"] < onset], rows[rows["time"] >= onset]
    assert abs(before["residual"].median()) < 0.5
    assert since["residual"].median() > 2
    assert (since["value"] / since["expected"]).median() == pytest.approx(1.2, abs=0.03)
    # The band holds nine of ten single steps; the middle of three hours is nearer to what is expected.
    assert ((before["low"] <= before["value"]) & (before["value"] <= before["high"])).mean() >= 0.9
    assert ((since["low"] <= since["value"]) & (since["value"] <= since["high"])).mean() < 0.5


def test_quantiles_and_hours_of_the_day_before_and_since(course):
    assert (course.quantiles["current"] / course.quantiles["reference"]).to_numpy() == pytest.approx(1.2, abs=0.06)
    assert (course.profile["current"] / course.profile["reference"]).median() == pytest.approx(1.2, abs=0.03)
    assert course.profile["hour"].tolist() == list(range(24))


def test_its_words_are_of_this_series(course):
    assert course.series == {"service": "web", "region": "default", "signal": "load", "unit": "1"}
    assert course.heading.startswith("Load of web rose by 19\N{NO-BREAK SPACE}%")
    assert "No declared change lies near its onset." in course.text
    assert course.events.empty
    assert course.masks.empty
