"""Stretches in which nothing came: of each series, and of all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import tables
from analytics.ingest.grid import Grid
from analytics.panel import to_ms, week_start

__all__ = ["gaps_between", "gaps_table", "gaps_within", "with_earlier_gaps"]

IntArray = npt.NDArray[np.int64]

LEAST_STEPS = 2
"""Steps of which at least one has a value where there is no gap: a single one without is the rounding of a schedule to a grid."""

ALL = ""
"""In place of a series: all of them."""

TIMES = ("start", "end", "known_at")


def _tells(layout: pd.DataFrame) -> pd.Series:
    """Whether a series without a value was not measured: response times of checks have none either while all checks fail."""
    return (layout["kind"] != "checks") | (layout["signal"] == "availability")


def gaps_within(grids: Iterable[Grid], monday_ms: int) -> pd.DataFrame:
    """Gaps between two values of one week: of each series, and of all series ('').

    Returns
    -------
    frame with series_id, start (end of the last step with a value), end (start of the next one) and known_at (end of that), ms since 1970
    """
    parts, starts, steps = [], [], []
    for grid in grids:
        step_ms = grid.step_s * 1000
        present = np.isfinite(grid.values)
        seen = monday_ms + np.flatnonzero(present.any(axis=0)) * step_ms
        starts.append(seen)
        steps.append(np.full(len(seen), step_ms))
        rows = np.flatnonzero(_tells(grid.layout))
        row, place = np.nonzero(present[rows])
        of = grid.layout["series_id"].to_numpy(object)[rows[row]]
        parts.append(_gaps(of, monday_ms + place * step_ms, np.full(len(row), step_ms)))
    return _joined([*parts, _gaps_of_all(np.concatenate(starts), np.concatenate(steps))])


def gaps_between(extents: pd.DataFrame, layout: pd.DataFrame) -> pd.DataFrame:
    """Gaps between the last value of a week and the first of a later one, in the columns of `gaps_within`.

    Parameters
    ----------
    extents : frame with series_id, first and last value of a series in a week, ms since 1970
    layout : the series (see `survey.Survey.layout`)
    """
    known = layout.assign(step_ms=layout["step_s"] * 1000)
    parts = extents.merge(known[["series_id", "signal", "kind", "step_ms"]], on="series_id")
    parts["part"] = week_start(parts["first"])
    return _joined([_between(_ends(parts[_tells(parts)])), _between(_ends_of_all(parts))])


def _ends(parts: pd.DataFrame) -> pd.DataFrame:
    """Oldest and newest value of each series in each part of the history: series_id, part, is_first, start, step_ms."""
    both = [parts.assign(start=parts[name], is_first=name == "first") for name in ("first", "last")]
    return pd.concat(both)[["series_id", "part", "is_first", "start", "step_ms"]]


def _ends_of_all(parts: pd.DataFrame) -> pd.DataFrame:
    """The same of all series together: the step that was over first, and the one that began last."""
    ends = _ends(parts).assign(series_id=ALL)
    ends["end"] = ends["start"] + ends["step_ms"]
    far = ends["end"].where(ends["is_first"], -ends["start"])
    return ends.assign(far=far).sort_values(["part", "is_first", "far", "start", "end"]).drop_duplicates(["part", "is_first"])


def _between(ends: pd.DataFrame) -> pd.DataFrame:
    """Gaps from the newest value of each part to the oldest of the next; what lies between the two of one part is not known here."""
    chain = ends.sort_values(["series_id", "part", "is_first"], ascending=[True, True, False])
    is_across = np.append(chain["is_first"].to_numpy(bool)[1:], False)
    of, start, step_ms = (chain[name].to_numpy() for name in ("series_id", "start", "step_ms"))
    return _gaps(of, start, step_ms, is_across)


def _gaps_of_all(starts: IntArray, steps: IntArray) -> pd.DataFrame:
    """Gaps of all series from the steps in which any has a value.

    In the order in which they were over: that something came in the hour since ten is not known before eleven, and tells nothing new if
    something has come at half past ten.
    """
    order = np.lexsort((starts, starts + steps))
    before = np.maximum.accumulate(np.append(-1, starts[order]))[:-1]
    kept = order[starts[order] > before]
    return _gaps(np.full(len(kept), ALL, object), starts[kept], steps[kept])


def _gaps(of: npt.NDArray[Any], starts: IntArray, steps: IntArray, where: npt.NDArray[np.bool_] | None = None) -> pd.DataFrame:
    """Where too many steps are missing between a step with a value and the next of the same series (and `where` says so, of the first)."""
    ends = starts + steps
    # Until the next step is over: a long one that begins soon says something as late.
    is_wide = (ends[1:] - ends[:-1] > LEAST_STEPS * steps[:-1]) & (of[1:] == of[:-1])
    if where is not None:
        is_wide &= where[:-1]
    place = np.flatnonzero(is_wide)
    return pd.DataFrame({"series_id": of[place], "start": ends[place], "end": starts[place + 1], "known_at": ends[place + 1]})


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def gaps_table(*found: pd.DataFrame) -> pd.DataFrame:
    """Table `gaps` from rows with times in ms since 1970."""
    gaps = _joined(list(found))
    times = {name: pd.to_datetime(gaps[name].astype("Int64"), unit="ms", utc=True).astype("datetime64[ms, UTC]") for name in TIMES}
    named = gaps["series_id"].astype("object").where(gaps["series_id"] != ALL, None)
    return gaps.assign(series_id=named, **times).sort_values(["start", "series_id"], ignore_index=True, na_position="first")


def with_earlier_gaps(
    gaps: pd.DataFrame, series: pd.DataFrame, earlier_gaps: pd.DataFrame, earlier_series: pd.DataFrame, *, since: pd.Timestamp
) -> pd.DataFrame:
    """Table `gaps` of all that is known, from that of the weeks from `since` on and the one of a run that has seen what was before.

    Parameters
    ----------
    gaps, series : tables of these names, of the weeks from `since` on
    earlier_gaps, earlier_series : the same as they were published
    """
    parts = pd.concat([_as_part(earlier_series, 0), _as_part(series, 1)], ignore_index=True)
    is_before = (parts["part"] == 0) & (parts["last"] < to_ms(since))
    # What goes on after `since` has its gaps, up to that one and over it, in what was published.
    across = [_between(_ends(parts[is_before | (parts["part"] == 1)]))]
    if is_before.equals(parts["part"] == 0):
        across.append(_between(_ends_of_all(parts)))
    rows = [earlier_gaps[earlier_gaps["start"] <= since], gaps, gaps_table(*across)]
    return _joined(rows).drop_duplicates(list(tables.TABLES["gaps"].key), ignore_index=True)


def _as_part(series: pd.DataFrame, part: int) -> pd.DataFrame:
    """Series with a place in the order of time; response times without those that stand with an availability."""
    place = pd.MultiIndex.from_frame(series[["service", "region"]])
    is_timed = series["signal"].isin(tables.LATENCIES)
    series = series[~(is_timed & place.isin(place[series["signal"] == "availability"]))]
    ms = {name: series[name].map(to_ms).astype("int64") for name in ("first", "last")}
    return pd.DataFrame({"series_id": series["series_id"], "part": part, "step_ms": series["step_s"] * 1000, **ms})
