"""Drift: what has quietly become worse or better, since when, how badly, and why?"""

from analytics.drift import says, shows
from analytics.drift.course import Course, Known, look_at
from analytics.drift.find import Drifts, find_drifts, of_signals, published

__all__ = ["Course", "Drifts", "Known", "find_drifts", "look_at", "of_signals", "published", "says", "shows"]
