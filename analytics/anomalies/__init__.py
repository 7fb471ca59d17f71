"""Anomalies: what was strange, how strange, and is it worth waking someone?"""

from analytics.anomalies import explain, says, shows
from analytics.anomalies.calibration import causes, realised
from analytics.anomalies.course import Course, look_at
from analytics.anomalies.find import Anomalies, Known, anomalies_of, find_anomalies, save
from analytics.anomalies.found import Found
from analytics.anomalies.replay import budgets
from analytics.anomalies.stored import Detectors, stored_detectors
from analytics.anomalies.trial import Trial, try_out

__all__ = [
    "Anomalies",
    "Course",
    "Detectors",
    "Found",
    "Known",
    "Trial",
    "anomalies_of",
    "budgets",
    "causes",
    "explain",
    "find_anomalies",
    "look_at",
    "realised",
    "save",
    "says",
    "shows",
    "stored_detectors",
    "try_out",
]
