"""What is normal for each series, learnt without being told."""

from analytics.baseline.fit import fit

__all__ = ["fit"]
