"""What became worse is not learnt by waiting; what was accepted is learnt from its onset on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from analytics import baseline, params, tables
from analytics.baseline import known
from analytics.panel import Panels
from tests.slo import made

START = pd.Timestamp("2026-01-05", tz="UTC")  # a Monday
DAY = pd.Timedelta("1D")
SETTINGS, PROJECT = params.Baseline(weeks=4), params.Project(workers=1)
NO_MASKS = pd.DataFrame({"service": [], "region": [], "start": [], "end": [], "reason": []})
REGIONS = pd.DataFrame({"region": ["eu"], "zone": ["UTC"], "holidays": [None]})


def latency(days, *, n=1, seed=1, step_s=3600, noise=0.05):
    rng = np.random.default_rng(seed)
    time = np.arange(days * 86_400 // step_s) * step_s / 86_400
    return 100 * np.exp(0.3 * np.sin(2 * np.pi * time) + rng.normal(0, noise, (n, len(time))))


def at(*days):
    return pd.DatetimeIndex([START + day * DAY for day in days], dtype="datetime64[ms, UTC]")


NO_EVENTS = pd.DataFrame(columns=tables.TABLES["events"].names)


def decided(*rows):
    """Decisions on drift d as (series, onset as a day, day of the decision)."""
    frame = pd.DataFrame([(f"{name}/eu/latency_ms", *days) for name, *days in rows], columns=["series_id", "start", "time"])
    times = {name: at(*frame[name]) for name in ("start", "time")}
    return frame.assign(**times, action="accept", drift_id="d").reindex(columns=tables.DECISIONS["rebaselines"].names)


NONE = decided()


def read(ref, key):
    """What lies under the key that a panel was made with: parts of it have keys of their own."""
    return made.read(replace(ref, key=key))


def learnt(values, *, days, decisions=NONE, events=NO_EVENTS, step_s=3600):
    """Changes and baselines of series a/eu/latency_ms, b/… known after `days`; days since the start in place of times."""
    series = {(name, "eu"): one[: days * 86_400 // step_s] for name, one in zip("abcdefgh", values, strict=False)}
    (ref,) = made.signals(series, start=START, step_s=step_s, signal="latency_ms")
    signals = Panels([replace(ref, read=partial(read, key=ref.key))])
    options = {"settings": SETTINGS, "project": PROJECT, "now": START + days * DAY}
    changes = baseline.find_changes(signals, NO_MASKS, REGIONS, events, decisions, **options)
    table = baseline.learn(signals, NO_MASKS, REGIONS, changes, events, decisions, **options).table
    return in_days(changes), in_days(table)


def in_days(table):
    times = [name for name in table.columns if name in ("start", "end", "detected_at", "valid_from", "valid_to", "learnt_to")]
    return table.assign(**{name: (table[name] - START) / DAY for name in times})


@pytest.fixture(scope="module")
def stepped():
    """Two series; the first becomes 20 % slower on day 40, a Saturday."""
    values = latency(84, n=2)
    values[0, 40 * 24 :] *= 1.2
    return values


def test_a_regression_that_nobody_accepts_is_never_learnt(project, stepped):
    changes, table = learnt(stepped, days=70)
    (change,) = changes.itertuples()
    assert 40 < change.detected_at < 43
    mine = table[table["series_id"] == "a/eu/latency_ms"]
    # Monday of day 42: not yet known, or known; from day 49 on for sure there is none.
    assert mine["valid_from"].max() <= 42
    assert pd.isna(mine["valid_to"].iloc[-1])
    assert table.loc[table["series_id"] == "b/eu/latency_ms", "valid_from"].max() == 63


def test_after_the_decision_the_next_baseline_knows_the_time_since_the_onset_only(project, stepped):
    _, table = learnt(stepped, days=84, decisions=decided(("a", 40, 50)))
    mine = table[table["series_id"] == "a/eu/latency_ms"].set_index("valid_from")
    assert mine.index[mine.index > 40].tolist() == [56, 63, 70, 77]
    assert mine.loc[56, "n_days"] == pytest.approx(16, abs=0.5)
    assert mine.loc[70, "n_days"] == pytest.approx(28, abs=0.5)
    assert mine.loc[35, "valid_to"] == 56


def test_before_the_decision_it_is_as_if_it_never_came(project, stepped):
    _, without = learnt(stepped, days=50)
    _, table = learnt(stepped, days=84, decisions=decided(("a", 40, 50)))
    then = table[table["valid_from"] < 50].reset_index(drop=True)
    pd.testing.assert_frame_equal(then.drop(columns="valid_to"), without.drop(columns="valid_to"))


def test_a_change_that_went_back_is_left_out(project):
    values = latency(60)
    values[0, 37 * 24 : 45 * 24] *= 1.5
    changes, table = learnt(values, days=60)
    (change,) = changes.itertuples()
    assert 45 < change.end < 49.1
    last = table.iloc[-1]
    assert last["valid_from"] == 56
    assert last["n_days"] == pytest.approx(28 - (change.end - change.start), abs=0.5)


NAMES = ["series_id", "kind", "detected_at", "start", "end"]


def held(rows, accepted):
    frame = pd.DataFrame(rows, columns=NAMES)
    changes = frame.assign(**{name: at(*frame[name]) for name in NAMES[2:]}, series_id=frame["series_id"] + "/eu/latency_ms")
    stretches = known.held_stretches(changes, decided(*accepted)[["series_id", "start", "time"]])
    zero = START.value // 1_000_000
    inside = stretches.assign(**{name: (stretches[name] - zero) / 86_400_000 for name in stretches.columns[1:]})
    return [[None if abs(value) > 10_000 else value for value in row] for row in inside.iloc[:, 1:].to_numpy().tolist()]


NEVER = np.nan


def test_stretches_that_are_held_written_out():
    # known, until, start, end; None: always.
    assert held([("a", "level", 12, 10, NEVER)], []) == [[12, None, 10, None]]
    assert held([("a", "level", 12, 10, 20)], []) == [[12, None, 10, 20]]
    assert held([("a", "level", 12, 10, NEVER)], [("a", 10, 15)]) == [[12, 15, 10, None], [15, None, None, 10]]
    assert held([("a", "level", 12, 10, NEVER)], [("b", 10, 15)]) == [[12, None, 10, None]]


def test_each_of_several_accepted_changes_is_accepted():
    rows = [("a", "level", 12, 10, NEVER), ("a", "level", 52, 50, NEVER)]
    both = held(rows, [("a", 10, 15), ("a", 50, 55)])
    assert both == [[12, 15, 10, None], [52, 55, 50, None], [15, None, None, 10], [55, None, None, 50]]
    # The decision on the second one says nothing of the first.
    assert held(rows, [("a", 50, 55)])[0] == [12, None, 10, None]


DEPLOY = pd.DataFrame({"event_id": ["e1"], "start": at(39.9), "service": ["a"], "region": [None]})
RULE = {"action": "accept", "event_id": "e1", "direction": "regression", "bound": "0.3"}


def rules(*given):
    """Rules that were made on day 0, or rows of a drift."""
    frame = pd.DataFrame([{"time": START, **row} for row in given]).reindex(columns=tables.DECISIONS["rebaselines"].names)
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("time", "start")})


def test_a_rule_accepts_what_an_event_does_when_it_is_detected(project, stepped):
    changes, table = learnt(stepped, days=84, decisions=rules(RULE), events=DEPLOY)
    mine = table[table["series_id"] == "a/eu/latency_ms"].set_index("valid_from")
    assert len(changes) == 1
    assert mine.index[mine.index > 40].tolist() == [42, 49, 56, 63, 70, 77]
    assert mine.loc[56, "n_days"] == pytest.approx(16, abs=0.5)


ACCEPTS_NOTHING = {
    "another direction": {"direction": "improvement"},
    "too large": {"bound": "0.1"},
    "another event": {"event_id": "e2"},
    "taken back": {"action": "reject"},
}


@pytest.mark.parametrize("more", ACCEPTS_NOTHING.values(), ids=ACCEPTS_NOTHING)
def test_a_rule_accepts_nothing_else(project, stepped, more):
    _, table = learnt(stepped, days=51, decisions=rules(RULE | more), events=DEPLOY)
    assert table.loc[table["series_id"] == "a/eu/latency_ms", "valid_from"].max() == 35


@pytest.mark.parametrize("event", [{"service": ["b"]}, {"region": ["us"]}, {"start": at(38)}, {"start": at(41)}])
def test_a_rule_needs_its_event_at_the_onset(project, stepped, event):
    _, table = learnt(stepped, days=51, decisions=rules(RULE), events=DEPLOY.assign(**event))
    assert table.loc[table["series_id"] == "a/eu/latency_ms", "valid_from"].max() == 35


def test_who_rejects_a_drift_has_the_last_word_over_a_rule(project, stepped):
    (change,) = learnt(stepped, days=51)[0].itertuples()
    no = {"action": "reject", "drift_id": "d", "series_id": change.series_id, "start": START + change.start * DAY}
    _, table = learnt(stepped, days=51, decisions=rules(RULE, no), events=DEPLOY)
    assert table.loc[table["series_id"] == "a/eu/latency_ms", "valid_from"].max() == 35


@pytest.mark.parametrize("per_week", [0.005, -0.005, 0.003])
def test_slow_creep_is_reported_and_not_absorbed(project, per_week):
    values = latency(26 * 7, n=3, noise=0.1)
    values *= np.exp(per_week * np.arange(values.shape[1]) / 168)
    changes, table = learnt(values, days=26 * 7)
    first = changes.groupby("series_id")["detected_at"].min()
    assert len(first) == 3
    assert (abs(np.expm1(per_week * first / 7)) < 0.08).all()
    for name, mine in table.groupby("series_id"):
        assert mine["valid_from"].max() <= first[name]


def test_the_tables_are_those_that_are_written(project, stepped):
    changes, table = learnt(stepped, days=60)
    assert changes.columns.tolist() == [*tables.TABLES["changes"].names, "course"]
    assert table.columns.tolist() == tables.TABLES["baselines"].names
