"""Which decisions count."""

import pandas as pd

from analytics import rebaselines, tables

DAYS = pd.date_range("2026-02-14", periods=9, tz="UTC").as_unit("ms")
NO_EVENTS = pd.DataFrame(columns=tables.TABLES["events"].names)
NO_SERIES = pd.DataFrame(columns=["series_id", "service", "region"])


def decisions(*rows):
    """(day, action, drift, series, onset)."""
    frame = pd.DataFrame(rows, columns=["time", "action", "drift_id", "series_id", "start"])
    return frame.assign(**{name: DAYS[frame[name].astype(int)] for name in ("time", "start")}).reindex(
        columns=tables.DECISIONS["rebaselines"].names
    )


def accepted(*rows):
    found = rebaselines.accepted_changes(decisions(*rows), pd.DataFrame(), NO_EVENTS, NO_SERIES)
    return [tuple(row) for row in found.assign(time=DAYS.get_indexer(found["time"]), start=DAYS.get_indexer(found["start"])).to_numpy()]


def test_the_last_decision_on_a_series_of_a_drift_counts():
    assert accepted((2, "accept", "d", "a", 0), (2, "accept", "d", "b", 1)) == [("a", 0, 2), ("b", 1, 2)]
    assert accepted((2, "accept", "d", "a", 0), (2, "accept", "d", "b", 1), (3, "reject", "d", "a", 0)) == [("b", 1, 2)]
    assert accepted((3, "reject", "d", "a", 0), (2, "accept", "d", "a", 0)) == []
    assert accepted((2, "reject", "d", "a", 0), (3, "accept", "d", "a", 0)) == [("a", 0, 3)]
    assert accepted((2, "accept", "d", "a", 0), (4, "reject", "e", "a", 3)) == [("a", 0, 2)]
    assert accepted() == []


def test_a_rule_is_held_against_the_effect_that_was_told():
    change = {"series_id": "a", "kind": "level", "direction": "regression", "detected_at": DAYS[3], "start": DAYS[2]}
    onset = {"start_low": DAYS[2], "start_high": DAYS[2]}
    rule = {"time": DAYS[0], "action": "accept", "event_id": "e", "direction": "regression", "bound": "0.2"}
    rules = pd.DataFrame([rule]).reindex(columns=tables.DECISIONS["rebaselines"].names)
    events = pd.DataFrame({"event_id": ["e"], "start": DAYS[[2]], "service": [None], "region": [None]})
    series = pd.DataFrame({"series_id": ["a"], "service": ["web"], "region": ["eu"]})
    for told, now, n in ((0.1, 0.5, 1), (0.5, 0.1, 0)):
        changes = pd.DataFrame([{**change, **onset, "effect": now, "effect_told": told}])
        assert len(rebaselines.accepted_changes(rules, changes, events, series)) == n


def test_a_change_is_accepted_if_it_began_since_and_was_known():
    rows = [("a", "level", 3, 1), ("a", "tail", 5, 2), ("a", "level", 3, 0), ("b", "level", 3, 1)]
    frame = pd.DataFrame(rows, columns=["series_id", "kind", "detected_at", "start"])
    changes = frame.assign(**{name: DAYS[frame[name]] for name in ("detected_at", "start")})
    decided = pd.DataFrame({"series_id": ["a"], "start": DAYS[[1]], "time": DAYS[[4]]})
    assert rebaselines.is_accepted(changes, decided).tolist() == [True, False, False, False]
    assert rebaselines.is_accepted(changes[:0], decided).tolist() == []
