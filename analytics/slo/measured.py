"""How much of each step was measured: where data begin, end or pause, only a part of a step is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.panel import Panel, to_ms

__all__ = ["measured_shares"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def measured_shares(panel: Panel) -> FloatArray:
    """Share of each step that its checks stand for, shape (n_series, n_times): 1 within a stretch of data, 0 where there are none.

    A step beside an empty one holds the first or the last check of a stretch: it counts as far as its checks are as many as usual, the
    median of the steps within stretches (of all steps where every one is an edge: their most).
    """
    some = panel.n_checks > 0
    edges = some & ~_between_data(panel, some)
    share = some.astype(float)
    for row in np.flatnonzero(edges.any(axis=1)):
        edge, counts = edges[row], panel.n_checks[row]
        inside = counts[some[row] & ~edge]
        usual = np.median(inside) if len(inside) else counts.max()
        share[row, edge] = np.minimum(counts[edge] / usual, 1)
    return share


def _between_data(panel: Panel, some: BoolArray) -> BoolArray:
    """Whether the steps before and after have data too; what lies beyond the panel has, as long as the series goes on there."""
    end_ms = panel.start_ms + some.shape[1] * panel.step_s * 1000
    begun = np.array([to_ms(time) < panel.start_ms for time in panel.series["first"]])
    goes_on = np.array([to_ms(time) >= end_ms for time in panel.series["last"]])
    padded = np.column_stack([begun, some, goes_on])
    return padded[:, :-2] & padded[:, 2:]
