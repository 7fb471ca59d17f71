"""Anomalies: what was strange, how strange, and is it worth waking someone?"""

from analytics.anomalies import explain, says, shows
from analytics.anomalies.course import Course, look_at
from analytics.anomalies.detectors import Detectors, stored_detectors
from analytics.anomalies.find import Anomalies, anomalies_of, find_anomalies

__all__ = ["Anomalies", "Course", "Detectors", "anomalies_of", "explain", "find_anomalies", "look_at", "says", "shows", "stored_detectors"]
