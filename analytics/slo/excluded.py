"""What does not count against a service: masked steps, excluded outages, failures that were not confirmed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params
from analytics.panel import Panel, to_ms

__all__ = ["Excluded", "excluded_reasons", "judged_steps"]

MOST = 0.5
"""A step is left out when masks cover at least this share of it."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def excluded_reasons(rules: params.Accounting) -> list[str]:
    """Reasons of masks and outages that the rules leave out."""
    return ["maintenance"] * rules.exclude_maintenance + ["prober"] * rules.exclude_prober_faults


@dataclass(frozen=True)
class Excluded:
    """What concerns some services, as frames with service, region (empty: all), start_ms, end_ms.

    Attributes
    ----------
    masks : stretches that do not count
    forgiven : excluded outages, whose failures do not count where no mask covers most of a step
    confirmed : the only outages that count; None: every failed check counts
    """

    masks: pd.DataFrame
    forgiven: pd.DataFrame
    confirmed: pd.DataFrame | None

    @classmethod
    def of(cls, outages: pd.DataFrame, masks: pd.DataFrame, services: set[str], rules: params.Accounting, now: pd.Timestamp) -> Excluded:
        """What the rules leave out of these services' checks."""
        reasons = excluded_reasons(rules)
        mine = outages[outages["service"].isin(services)]
        is_excluded = mine["excluded_reason"].isin(reasons)
        over = masks[masks["reason"].isin(reasons) & (masks["service"].isna() | masks["service"].isin(services))]
        counting = mine[mine["is_confirmed"].astype(bool) & ~is_excluded]
        return cls(
            _in_ms(over, now),
            _in_ms(mine[is_excluded], now),
            _in_ms(counting, now) if rules.count == "confirmed" else None,
        )


def _in_ms(frame: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    ends = frame["end"].fillna(now)
    times = {"start_ms": [to_ms(time) for time in frame["start"]], "end_ms": [to_ms(time) for time in ends]}
    text = {name: frame[name].astype("object").where(frame[name].notna(), None).to_numpy() for name in ("service", "region")}
    return pd.DataFrame({**text, **times}).astype({"start_ms": "int64", "end_ms": "int64"})


def judged_steps(
    panel: Panel, n: FloatArray, bad: FloatArray, excluded: Excluded, *, is_forgiving: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Counting checks, bad ones, and left-out ones of each step, each of shape (n_series, n_times).

    Parameters
    ----------
    n, bad : checks and bad checks of each step, shape (n_series, n_times)
    is_forgiving : failures of excluded outages, and those that were not confirmed, do not count
    """
    masked = _covered(panel, excluded.masks) >= MOST
    left_out = np.where(masked, n, 0)
    n, bad = n - left_out, np.where(masked, 0, bad)
    if not is_forgiving:
        return n, bad, left_out
    is_excluded = _touched(panel, excluded.forgiven)
    forgiven = np.where(is_excluded, bad, 0)
    n, bad, left_out = n - forgiven, bad - forgiven, left_out + forgiven
    if excluded.confirmed is not None:
        # A failure that was not confirmed counts as what a second look found: a success.
        bad = np.where(_touched(panel, excluded.confirmed), bad, 0)
    return n, bad, left_out


def _covered(panel: Panel, stretches: pd.DataFrame) -> FloatArray:
    """Share of each step inside the union of the stretches, shape (n_series, n_times)."""
    n_series, n_times = panel.values.shape
    share = np.zeros((n_series, n_times))
    step = panel.step_s * 1000
    for row, (start, end) in enumerate(_of_rows(panel, stretches)):
        for begin, stop in zip(*_union(start, end), strict=True):
            first = max((begin - panel.start_ms) // step, 0)
            last = min(-((panel.start_ms - stop) // step), n_times)
            edges = panel.start_ms + np.arange(first, last + 1) * step
            share[row, first:last] += (np.minimum(edges[1:], stop) - np.maximum(edges[:-1], begin)) / step
    return share


def _touched(panel: Panel, stretches: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Steps that overlap any of the stretches, shape (n_series, n_times)."""
    touched = np.zeros(panel.values.shape, bool)
    step = panel.step_s * 1000
    for row, (start, end) in enumerate(_of_rows(panel, stretches)):
        first = np.maximum((start - panel.start_ms) // step, 0)
        last = np.maximum(-((panel.start_ms - end) // step), first + 1)
        for begin, stop in zip(first, last, strict=True):
            touched[row, begin:stop] = True
    return touched


def _of_rows(panel: Panel, stretches: pd.DataFrame) -> list[tuple[IntArray, IntArray]]:
    """For each series the starts and ends of the stretches that concern it and overlap the panel, in order."""
    begin, stop = panel.start_ms, panel.start_ms + panel.values.shape[1] * panel.step_s * 1000
    inside = (stretches["start_ms"].to_numpy() < stop) & (stretches["end_ms"].to_numpy() > begin)
    if not inside.any():
        return [(np.zeros(0, np.int64), np.zeros(0, np.int64))] * len(panel.series)
    near = stretches[inside].sort_values(["start_ms", "end_ms"])
    start, end = near["start_ms"].to_numpy(), near["end_ms"].to_numpy()
    service, region = near["service"].to_numpy(object), near["region"].to_numpy(object)
    whole = {
        name: np.array([value is None or pd.isna(value) for value in values], bool) for name, values in (("s", service), ("r", region))
    }
    found = []
    for one, place in zip(panel.series["service"], panel.series["region"], strict=True):
        mine = (whole["s"] | (service == one)) & (whole["r"] | (region == place))
        found.append((start[mine], end[mine]))
    return found


def _union(start: IntArray, end: IntArray) -> tuple[list[int], list[int]]:
    """Sorted stretches, joined where they touch or overlap."""
    begins: list[int] = []
    stops: list[int] = []
    for begin, stop in zip(start.tolist(), end.tolist(), strict=True):
        if stops and begin <= stops[-1]:
            stops[-1] = max(stops[-1], stop)
        else:
            begins.append(begin)
            stops.append(stop)
    return begins, stops
