"""What is normal for each series, learnt without being told."""

from analytics.baseline import says, shows
from analytics.baseline.changes import course_of, find_changes
from analytics.baseline.example import Example, look_at
from analytics.baseline.fit import fit
from analytics.baseline.judge import judge
from analytics.baseline.known import Known, find_seasons, learn, save
from analytics.baseline.rules import rules

__all__ = [
    "Example",
    "Known",
    "course_of",
    "find_changes",
    "find_seasons",
    "fit",
    "judge",
    "learn",
    "look_at",
    "rules",
    "save",
    "says",
    "shows",
]
