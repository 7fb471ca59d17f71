"""All baselines and seasons of a landscape: as tables, and as models that can be loaded again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import engine, expected, params, rebaselines, registry, store, tables
from analytics.baseline import follow
from analytics.baseline.changes import course_of, series_of
from analytics.baseline.follow import Version, Window
from analytics.calendars import DAY_MS
from analytics.panel import WEEK_MS, PanelRef, Panels, to_ms, week_start
from analytics.stats import robust, season

__all__ = ["Known", "find_seasons", "learn", "save"]

STAGE = "baseline"
DAY_S = 86_400
LONG_AGO, FOR_EVER = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2262-01-01", tz="UTC")


@dataclass(frozen=True)
class Known:
    """What is normal.

    Attributes
    ----------
    table : rows of table `baselines`
    models : the arrays behind them, one model for each time at which baselines begin to hold
    newest : each newest window with what was learnt from it, for those who look at what was left out
    """

    table: pd.DataFrame
    models: list[registry.Model]
    newest: list[tuple[Window, Version]]


def learn(
    signals: Panels,
    masks: pd.DataFrame,
    regions: pd.DataFrame,
    changes: pd.DataFrame,
    events: pd.DataFrame,
    decisions: pd.DataFrame,
    *,
    settings: params.Baseline,
    project: params.Project,
    now: pd.Timestamp,
) -> Known:
    """All versions of the baselines of all series, each learnt only from what was known before it began to hold.

    While a change (rows of `changes`) is open nothing is learnt from what came since its onset; once it was accepted by one of the
    `decisions` (rows of `data/decisions/rebaselines.csv`) nothing from what was before.
    """
    held = held_stretches(changes, rebaselines.accepted_changes(decisions, changes, events, series_of(signals)))
    rows, models, newest = [], [], []
    found = follow.follow(follow.windows(signals, masks, held, regions, settings=settings, now=now), workers=project.workers)
    for valid_from, of_time in groupby(found, key=lambda one: one[0].valid_from_ms):
        versions = list(of_time)
        arrays, until = _packed(versions)
        begin = _time(valid_from)
        lineage = {
            "data": store.digest(*(version.data for _, version in versions)),
            "valid_from": begin.isoformat(),
            "weeks": settings.weeks,
        }
        models.append(registry.Model(f"{begin:%Y-%m-%d}", arrays, {"levels": expected.LEVELS.tolist()}, lineage))
        rows.append(_rows(arrays, until, models[-1]))
        newest += [(window, version) for window, version in versions if (window.until == 0).any()]
    return Known(_joined(rows, "baselines"), models, newest)


def held_stretches(changes: pd.DataFrame, accepted: pd.DataFrame) -> pd.DataFrame:
    """Stretches of single series that baselines beginning in [known_ms, until_ms) must not learn from: series_id, start_ms, end_ms beside.

    A change that is over is left out up to its end, one that is open for ever, but only until it is accepted: then what was before it is.
    """
    key = ["series_id", "kind", "detected_at"]
    decided = accepted.rename(columns={"start": "accepted_start", "time": "accepted_at"})
    met = changes[[*key, "start"]].merge(decided[["series_id", "accepted_start", "accepted_at"]], on="series_id")
    is_meant = (met["start"] + rebaselines.SLACK >= met["accepted_start"]) & (met["detected_at"] <= met["accepted_at"])
    rows = changes.merge(met[is_meant].groupby(key, as_index=False, observed=True)["accepted_at"].min(), on=key, how="left")
    names, until = rows["series_id"], rows["accepted_at"].fillna(FOR_EVER)
    during = {"series_id": names, "known": rows["detected_at"], "until": until, "start": rows["start"], "end": rows["end"].fillna(FOR_EVER)}
    before = {"series_id": names, "known": rows["accepted_at"], "until": FOR_EVER, "start": LONG_AGO, "end": rows["start"]}
    both = pd.concat([pd.DataFrame(during), pd.DataFrame(before)[rows["accepted_at"].notna()]], ignore_index=True)
    times = {f"{name}_ms": [to_ms(time) for time in both[name]] for name in ("known", "until", "start", "end")}
    return pd.DataFrame({"series_id": both["series_id"], **times}).astype(dict.fromkeys(times, "int64"))


def find_seasons(signals: Panels, *, settings: params.Baseline, project: params.Project, now: pd.Timestamp) -> pd.DataFrame:
    """Rows of table `seasonality`: periods that series had in the weeks before the newest Monday (before `now`, when they are younger).

    Blocks of services take turns at a week that is over, one or more each day, so that no day costs as much as all of them.
    """
    past = [
        store.cut(replace(ref, series=ref.series[follow.KEYS]), until - settings.season_weeks * WEEK_MS, until)
        for ref in signals
        for until in [_looked_to(ref, to_ms(now))]
    ]
    past = [ref for ref in past if ref.start_ms < ref.end_ms]
    parts = engine.map(seasons_of, past, workers=project.workers, points=sum(ref.size for ref in past))
    return _joined(list(parts), "seasonality")


def _looked_to(ref: PanelRef, now_ms: int) -> int:
    """End of the newest week whose turn has come for a block; of series that are younger the last whole step before `now`."""
    end_ms = week_start(now_ms - ref.block % 7 * DAY_MS)
    return end_ms if ref.start_ms <= end_ms - WEEK_MS else now_ms // (ref.step_s * 1000) * ref.step_s * 1000


def seasons_of(ref: PanelRef) -> pd.DataFrame:
    """Seasons of the series of a panel, looked for in hours (in steps, where they are longer) on the scale of each."""
    panel = ref.load()
    per_cell = max(1, 3600 // panel.step_s)
    cell_s = per_cell * panel.step_s
    whole = panel.values[:, : panel.values.shape[1] // per_cell * per_cell]
    rows = []
    for group in follow.groups(panel.series, {}):
        values = expected.transform(whole[group.rows], group.kind).reshape(len(group.rows), -1, per_cell)
        cells = robust.mean(values) if group.kind == "logit" else robust.midmean(values)
        usual = [length // cell_s for length in (DAY_S, 7 * DAY_S) if length >= 2 * cell_s]
        for row, seasons in zip(group.rows, season.find_seasons(cells, usual=usual), strict=True):
            rows += [(panel.series["series_id"].iloc[row], one.period * cell_s, one.strength, one.p_value) for one in seasons]
    frame = pd.DataFrame(rows, columns=["series_id", "period_s", "strength", "p_value"])
    return frame.assign(looked_from=_time(ref.start_ms), looked_to=_time(ref.end_ms))


def save(known: Known, seasons: pd.DataFrame, changes: pd.DataFrame) -> None:
    """Write tables and models; those of the past are kept as they were written, since to compress them costs more than to make them."""
    for model, content in zip(known.models, engine.map(registry.encode, known.models), strict=True):
        registry.save(model, stage=STAGE, content=content)
    store.save(known.table, "baselines")
    store.save(seasons, "seasonality")
    store.save(tables.picked(changes, tables.TABLES["changes"]), "changes")
    store.save(course_of(changes), "change_course")


def _packed(versions: Sequence[tuple[Window, Version]]) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.int64]]:
    """Arrays of all series that had something to learn from, and when each is replaced."""
    ids, parts, until = [], [], []
    for window, version in versions:
        names = window.series["series_id"].to_numpy().astype(str)
        for group, learnt in version.groups:
            rows = np.flatnonzero(learnt.baselines.n > 0)
            ids.append(names[group.rows[rows]])
            parts.append(learnt.baselines.select(rows))
            until.append(window.until[group.rows[rows]])
    return expected.pack(ids, parts), np.concatenate(until)


def _rows(arrays: dict[str, npt.NDArray[Any]], until: npt.NDArray[np.int64], model: registry.Model) -> pd.DataFrame:
    """Rows of table `baselines` of the arrays of one model."""
    return pd.DataFrame(
        {
            "series_id": arrays["series_id"],
            "valid_from": pd.Timestamp(model.lineage["valid_from"]),
            "valid_to": _times(until).where(pd.Series(until > 0)),
            "model_id": model.model_id,
            "scale_kind": arrays["kind"],
            "confidence": 1 / arrays["widening"].astype(float) ** 2,
            "error": arrays["error"].astype(float),
            "spread": arrays["scale"].astype(float),
            "n": arrays["n"],
            "n_excluded": arrays["n_excluded"],
            "n_days": arrays["n_days"].astype(float),
            "learnt_from": _times(arrays["learnt_from_ms"]),
            "learnt_to": _times(arrays["learnt_to_ms"]),
        }
    )


def _times(times_ms: npt.NDArray[np.int64]) -> pd.Series:
    return pd.Series(times_ms.astype("datetime64[ms]")).dt.tz_localize("UTC")


def _joined(frames: Sequence[pd.DataFrame], table: str) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return tables.schema(tables.TABLES[table]).empty_table().to_pandas()
    joined = pd.concat(filled, ignore_index=True)
    times = [column.name for column in tables.TABLES[table].columns if column.kind == "time"]
    return joined.astype(dict.fromkeys(times, "datetime64[ms, UTC]"))


def _time(time_ms: int) -> pd.Timestamp:
    return pd.Timestamp(time_ms, unit="ms", tz="UTC").as_unit("ms")
