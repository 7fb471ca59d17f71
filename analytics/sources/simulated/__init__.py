"""A landscape of services with known truth: deterministic, of any size, made day by day."""

from analytics.sources.simulated.source import Simulated, SimulatedOptions
from analytics.sources.simulated.world import World, simulate, write_world

__all__ = ["Simulated", "SimulatedOptions", "World", "simulate", "write_world"]
