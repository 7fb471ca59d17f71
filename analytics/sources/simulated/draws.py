"""Where all randomness of a world comes from: one generator per purpose and place, whatever order they are asked for in."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = ["Stream", "generator"]


class Stream(IntEnum):
    """What a generator is for; a number never changes its meaning, or every world would change."""

    WANDER = 1
    DEMAND = 2
    CHECKS = 3
    STORY = 4
    PERSONALITY = 5
    BURSTS = 6
    FLUTTER = 7
    REQUESTS = 8
    CPU = 9
    DISK = 10


def generator(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """The generator of that purpose at that place (day, service, region …), the same in every process."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence((seed, int(stream), *place))))
