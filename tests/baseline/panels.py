"""Panels in files, week by week, as stage ingest leaves them, without running it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics import session, store
from analytics.baseline import changes, cohorts
from analytics.panel import WEEK_MS, PanelRef, Panels, to_ms

WEEK = pd.Timedelta(days=7)


def written(keys, values, *, start, step_s, first=None):
    """One block: `keys` are (service, region, signal) of each row of `values` from `start` (a Monday) on, NaN where there is no data.

    A series begins at its time in `first`, else with `start`; files know it from that week on. It ends with its last value.
    """
    series = pd.DataFrame(keys, columns=["service", "region", "signal"])
    step = pd.Timedelta(seconds=step_s)
    begins = pd.DatetimeIndex(first if first is not None else [start] * len(keys))
    last = [start + int(np.flatnonzero(np.isfinite(row)).max(initial=0)) * step for row in values]
    ids = ["/".join(key) for key in keys]
    series = series.assign(series_id=ids, unit="1", step_s=step_s, block=0, first=begins, last=last, n=np.isfinite(values).sum(axis=1))
    end = start + values.shape[1] * step
    series = series[series["first"] < end].reset_index(drop=True)
    known = np.where(start + np.arange(values.shape[1]) * step >= begins.to_numpy()[:, None], values, np.nan).astype(np.float32)
    files = [
        _week(series[series["first"] < monday + WEEK], known, monday, start, step_s)
        for monday in pd.date_range(start, end, freq=WEEK, inclusive="left")
    ]
    return Panels([PanelRef("signals", 0, step_s, series, tuple(files), "", to_ms(series["first"].min()), to_ms(end), store.read_panel)])


def _week(series, values, monday, start, step_s):
    per_week = WEEK_MS // (step_s * 1000)
    begin = (to_ms(monday) - to_ms(start)) // (step_s * 1000)
    week = np.full((len(series), per_week), np.nan, np.float32)
    part = values[series.index, begin : begin + per_week]
    week[:, : part.shape[1]] = part
    name = store.panel_file_name(0, step_s, to_ms(monday))
    checks = np.where(np.isfinite(week), 60, 0).astype(np.int32)
    store.write_panels("signals", [(name, store.encode_panel(series, to_ms(monday), step_s, week, checks))])
    return session.out() / "panels" / "signals" / name


def changes_of_weeks(weeks, *, settings):
    """Rows of table `changes` of the series of one chain of weeks, nothing kept."""
    state = None
    for week in weeks:
        state = cohorts.advance(state, week, settings=settings)
    return changes.rows_of(state, settings=settings)
