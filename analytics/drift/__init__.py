"""Drift: what has quietly become worse or better, since when, how badly, and why?"""

from analytics.drift.attribution import attribute
from analytics.drift.decisions import decide, decide_event, read_decisions, replay
from analytics.drift.grouping import Grouped, group
from analytics.drift.severity import grade, weekly_cost
from analytics.drift.states import next_state, state_after

__all__ = [
    "Grouped",
    "attribute",
    "decide",
    "decide_event",
    "grade",
    "group",
    "next_state",
    "read_decisions",
    "replay",
    "state_after",
    "weekly_cost",
]
