"""Anomalies: what was strange, how strange, and is it worth waking someone?"""

from analytics.anomalies import explain, says, shows
from analytics.anomalies.calibration import causes, realised
from analytics.anomalies.course import Course, look_at
from analytics.anomalies.find import Anomalies, find_anomalies, save
from analytics.anomalies.replay import budgets
from analytics.anomalies.trial import Trial, try_out

__all__ = [
    "Anomalies",
    "Course",
    "Trial",
    "budgets",
    "causes",
    "explain",
    "find_anomalies",
    "look_at",
    "realised",
    "save",
    "says",
    "shows",
    "try_out",
]
