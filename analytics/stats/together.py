"""What began at once in several, and in one place: too much of a coincidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["at_once"]

IntArray = npt.NDArray[np.int64]


def at_once(
    start_s: npt.NDArray[Any],
    who: npt.NDArray[Any],
    where: npt.NDArray[Any],
    *,
    within_s: float,
    enough: Callable[[str, int, IntArray], bool],
) -> list[tuple[str, IntArray]]:
    """Groups of things that began in one place within some time of the first of them, each thing in at most one.

    Parameters
    ----------
    start_s : array, shape (n,)
        When each began, s.
    who, where : arrays of text, shape (n,)
        Whose it is, and in which place; empty: in several places. Such things count in each place, but alone they are of all places.
    within_s : s
    enough : function of place, number of different `who`, and rows (in the order of their begin), that says whether they are a group

    Returns
    -------
    place and rows of each group, rows in the order of their begin; place '' first, then in the order of their names
    """
    order = np.lexsort((who, start_s))
    is_free = np.ones(len(order), bool)
    found = []
    for place in sorted({"", *where.tolist()}):
        here = order[is_free[order] & ((where[order] == place) | (where[order] == ""))]
        for rows in _chains(here, start_s, within_s):
            if enough(place, len(set(who[rows].tolist())), rows):
                is_free[rows] = False
                found.append((place, rows))
    return found


def _chains(rows: IntArray, start_s: npt.NDArray[Any], within_s: float) -> list[IntArray]:
    """Rows in the order of their begin, cut where one began later than so long after the first of the chain."""
    chains = []
    first = 0
    for place in range(1, len(rows) + 1):
        if place == len(rows) or start_s[rows[place]] - start_s[rows[first]] > within_s:
            chains.append(rows[first:place])
            first = place
    return chains
