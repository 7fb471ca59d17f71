"""Reproducible analytics for service monitoring data: what is wrong, what breaks next, why, and what to do."""

__version__ = "0.1.0"
