"""Every state and every transition of the life of a drift."""

import itertools
from typing import get_args

import pytest

from analytics import tables
from analytics.drift import states

WRITTEN_OUT = """
learning  learnt      steady
steady    suspected   suspected
steady    detected    open
suspected cleared     steady
suspected detected    open
suspected expired     expired
open      detected    open
open      accepted    accepted
open      rejected    open
open      returned    reverted
open      expired     expired
accepted  accepted    accepted
accepted  rejected    open
accepted  rebaselined learning
expired   accepted    accepted
expired   detected    open
expired   returned    reverted
expired   rejected    expired
reverted  rejected    reverted
"""
POSSIBLE = {(before, what): after for before, what, after in map(str.split, WRITTEN_OUT.strip().splitlines())}


@pytest.mark.parametrize(("before", "what"), [*itertools.product(get_args(states.State), get_args(states.Happening))])
def test_every_state_and_happening(before, what):
    if (before, what) in POSSIBLE:
        assert states.next_state(before, what) == POSSIBLE[before, what]
    else:
        with pytest.raises(ValueError, match=f"'{what}' cannot happen to what is {before}; expected one of "):
            states.next_state(before, what)


def test_life_of_an_accepted_drift():
    assert states.state_after(["learnt", "suspected", "cleared", "suspected", "detected", "detected", "accepted"]) == "accepted"
    assert states.state_after(["rebaselined", "learnt"], start="accepted") == "steady"


def test_open_drift_is_never_absorbed_without_a_decision():
    """From open, whatever happens short of a decision or a return leads to a state that is shown."""
    reached, new = set(), {"open"}
    while new:
        reached |= new
        undecided = [(before, what) for before, what in POSSIBLE if before in new and what not in ("accepted", "returned")]
        new = {POSSIBLE[pair] for pair in undecided} - reached
    assert reached == {"open", "expired"}


def test_states_of_drifts_are_those_of_the_table():
    assert {*tables.DRIFT_STATES, "learning", "steady"} == set(get_args(states.State))


def test_unknown_state_is_refused():
    with pytest.raises(ValueError, match="state 'asleep' is none of learning"):
        states.next_state("asleep", "detected")
