"""Decisions about drifts, replayed."""

import pandas as pd
import pytest

from analytics.drift import decisions
from tests.drift import made

DRIFT = {"drift_id": "d1", "direction": "regression", "effect_low": 0.04, "effect_high": 0.08, "event_id": "deploy-7"}


def drifts(*rows):
    frame = pd.DataFrame([{**DRIFT, "detected_at": made.at(10), **row} for row in rows or [{}]])
    return frame.assign(detected_at=pd.to_datetime(frame["detected_at"], utc=True).astype("datetime64[ms, UTC]"))


def word(action, hours, *, drift_id="d1", author="ann"):
    decisions.decide(drift_id, action, author=author, reason="because", time=made.at(hours))


def rule(action="accept", hours=0.0, *, event_id="deploy-7", direction="regression", bound=0.1):
    decisions.decide_event(event_id, action, direction=direction, bound=bound, author="bob", reason="planned", time=made.at(hours))


def replayed(*rows, now=100.0):
    return decisions.replay(decisions.read_decisions(), drifts(*rows), now=made.at(now))


def test_nothing_is_decided_by_itself(project):
    assert replayed()["action"].isna().all()
    assert replayed()["decided_at"].isna().all()


def test_last_word_counts_written_out(project):
    word("accept", 20)
    word("reject", 30, author="eve")
    found = replayed().iloc[0]
    assert (found["action"], found["author"], found["reason"]) == ("reject", "eve", "because")
    assert found["decided_at"] == made.at(30)
    assert not found["is_rule"]


def test_words_that_are_written_late_are_put_in_the_order_of_time(project):
    word("reject", 30)
    word("accept", 20)
    assert replayed()["action"].tolist() == ["reject"]


def test_of_two_words_at_one_time_the_later_row_counts(project):
    word("accept", 20)
    word("reject", 20)
    assert replayed()["action"].tolist() == ["reject"]


def test_a_decision_is_not_known_before_it_is_made(project):
    word("accept", 20)
    word("reject", 30)
    assert replayed(now=19.0)["action"].isna().all()
    assert replayed(now=25.0)["action"].tolist() == ["accept"]


def test_other_drifts_are_not_concerned(project):
    word("accept", 20)
    assert replayed({}, {"drift_id": "d2"})["action"].fillna("none").tolist() == ["accept", "none"]


def test_a_rule_accepts_what_it_names_from_its_detection_on(project):
    rule()
    found = replayed().iloc[0]
    assert (found["action"], found["author"]) == ("accept", "bob")
    assert found["decided_at"] == made.at(10)
    assert found["is_rule"]
    assert replayed(now=9.0)["action"].isna().all()


@pytest.mark.parametrize(
    "other",
    [
        {"event_id": "deploy-8"},
        {"event_id": None},
        {"direction": "improvement"},
        {"effect_high": 0.11},
        {"effect_low": -0.11},
    ],
)
def test_a_rule_does_not_accept_anything_else(project, other):
    rule()
    assert replayed(other)["action"].isna().all()


def test_a_rule_for_an_improvement_bounds_it_too(project):
    rule(direction="improvement", bound=0.2)
    better = {"direction": "improvement", "effect_low": -0.19, "effect_high": -0.1}
    assert replayed(better)["action"].tolist() == ["accept"]
    assert replayed({**better, "effect_low": -0.3})["action"].isna().all()


def test_a_person_takes_back_what_a_rule_accepted(project):
    rule()
    word("reject", 20)
    assert replayed()["action"].tolist() == ["reject"]


def test_a_rule_is_taken_back_by_a_rule(project):
    rule()
    rule("reject", 50)
    assert replayed(now=40.0)["action"].tolist() == ["accept"]
    assert replayed()["action"].tolist() == ["reject"]


def test_replaying_changes_no_input(project):
    word("accept", 20)
    read, rows = decisions.read_decisions(), drifts()
    before = read.copy(), rows.copy()
    decisions.replay(read, rows, now=made.at(100))
    pd.testing.assert_frame_equal(read, before[0])
    pd.testing.assert_frame_equal(rows, before[1])


def test_no_drifts_need_no_decision(project):
    word("accept", 20)
    assert len(decisions.replay(decisions.read_decisions(), drifts().iloc[:0], now=made.at(100))) == 0


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan")])
def test_a_rule_needs_a_bound(project, bound):
    with pytest.raises(ValueError, match="expected the largest relative effect"):
        rule(bound=bound)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("d1,deploy-7,regression,0.1", "row 1: expected either a drift_id, or"),
        (",,,", "row 1: expected either a drift_id, or"),
        (",deploy-7,,0.1", "row 1: a rule needs event_id, direction and a bound above 0"),
        (",deploy-7,regression,-1", "row 1: a rule needs event_id, direction and a bound above 0"),
    ],
)
def test_rows_that_say_neither_or_both_are_refused(project, line, message):
    path = project / "data" / "decisions" / "rebaselines.csv"
    path.parent.mkdir(parents=True)
    header = "time,author,action,drift_id,event_id,direction,bound,reason"
    path.write_text(f"{header}\n2026-03-01T10:00Z,ann,accept,{line},x\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        decisions.read_decisions()
