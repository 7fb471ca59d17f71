"""What has quietly become worse, or better: since when, of which kind, how badly."""

from analytics.drift.judge import judge

__all__ = ["judge"]
