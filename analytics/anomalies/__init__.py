"""Anomalies: what was strange, how strange, and is it worth waking someone?"""

from analytics.anomalies import explain, says, shows
from analytics.anomalies.course import Course, look_at
from analytics.anomalies.find import Anomalies, find_anomalies, save

__all__ = ["Anomalies", "Course", "explain", "find_anomalies", "look_at", "save", "says", "shows"]
