"""The product as others call it to compare: calls of the package at its defaults."""

from __future__ import annotations

from analytics.stats import changepoint

changepoints = changepoint.change_points
