"""Drift: what has quietly become worse or better, since when, how badly, and why?"""

from analytics.drift.find import Drifts, find_drifts

__all__ = ["Drifts", "find_drifts"]
