"""The life of a series and of a drift: which state follows from what happened."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Literal, get_args

__all__ = ["TRANSITIONS", "Happening", "State", "next_state", "state_after"]

State = Literal["learning", "steady", "suspected", "open", "accepted", "reverted", "expired"]
"""A series without a drift is learning (too little history for a reference) or steady; the others are those of a drift."""

Happening = Literal["learnt", "suspected", "cleared", "detected", "accepted", "rejected", "returned", "expired", "rebaselined"]
"""learnt: the history is enough for a reference. suspected: evidence below the limit of an alarm; cleared: it went away. detected: the
limit was passed. accepted, rejected: decided by a person or a rule. returned: the series is back at its reference. expired: no data to
judge it by for too long. rebaselined: a reference was learnt since the onset, and the series starts anew."""

TRANSITIONS: dict[tuple[State, Happening], State] = {
    ("learning", "learnt"): "steady",
    ("steady", "suspected"): "suspected",
    ("steady", "detected"): "open",
    ("suspected", "cleared"): "steady",
    ("suspected", "detected"): "open",
    ("suspected", "expired"): "expired",
    ("open", "detected"): "open",  # evidence that goes on is the same drift
    ("open", "accepted"): "accepted",
    ("open", "rejected"): "open",
    ("open", "returned"): "reverted",
    ("open", "expired"): "expired",
    ("accepted", "accepted"): "accepted",
    ("accepted", "rejected"): "open",  # a rollback: judged against the old reference again
    ("accepted", "rebaselined"): "learning",
    ("expired", "accepted"): "accepted",
    ("expired", "detected"): "open",  # the data came back, and so did the drift
    ("expired", "returned"): "reverted",
    ("expired", "rejected"): "expired",
    ("reverted", "rejected"): "reverted",
}
"""All that can happen. An open drift is never steady again by itself: it is accepted, has returned, or expires with notice. A reverted
one is over: the same change again is a new drift."""


def next_state(state: State, happening: Happening) -> State:
    """State after something happened.

    Raises
    ------
    ValueError
        If that cannot happen in this state, or there is no such state or happening; the message says what can.
    """
    if state not in get_args(State):
        raise ValueError(f"state '{state}' is none of {', '.join(get_args(State))}")
    if (state, happening) not in TRANSITIONS:
        possible = [what for before, what in TRANSITIONS if before == state]
        raise ValueError(f"'{happening}' cannot happen to what is {state}; expected one of {', '.join(possible)}")
    return TRANSITIONS[state, happening]


def state_after(happenings: Iterable[Happening], *, start: State = "learning") -> State:
    """State after all of these, in order of time."""
    return reduce(next_state, happenings, start)
