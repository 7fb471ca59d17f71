"""What people have decided to be the new normal: `data/decisions/rebaselines.csv`, its decisions on drifts and its rules."""

from __future__ import annotations

import pandas as pd

__all__ = ["SLACK", "accepted_changes", "is_accepted"]

DAY = pd.Timedelta(days=1)
"""A change that a rule accepts begins at most so long after the event: what a deploy does, it does within a day."""

SLACK = pd.Timedelta(hours=6)
"""What the estimated onset of a change may lie before the one that was accepted: hours later it is known better."""

COLUMNS = ["series_id", "start", "time"]
KEY = ["series_id", "kind", "detected_at"]


def accepted_changes(decisions: pd.DataFrame, changes: pd.DataFrame, events: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Changes that are the new normal: series_id, since when (`start`), decided when (`time`); of several decisions the last one counts.

    A rule accepts a change of its event's service and region whose onset may lie between the event and a day after it, if it is of the
    rule's direction and its effect, as it was known when the change was told, within the bound: as soon as both change and rule are known,
    and unless the change was rejected. What became of it later takes nothing back.

    Parameters
    ----------
    decisions : rows of `data/decisions/rebaselines.csv`
    changes, events : tables of these names
    series : frame with series_id, service, region
    """
    on_drifts, rules = (decisions[decisions["event_id"].isna() == is_drift] for is_drift in (True, False))
    last = on_drifts.sort_values("time", kind="stable").drop_duplicates(["drift_id", "series_id"], keep="last")
    decided = last.loc[last["action"] == "accept", COLUMNS].astype({"series_id": "object"})
    if rules.empty or changes.empty:
        return decided.reset_index(drop=True)
    rejected = pd.MultiIndex.from_frame(last.loc[last["action"] == "reject", ["series_id", "start"]])
    ruled = _ruled(rules, changes, events, series)
    is_rejected = pd.MultiIndex.from_frame(ruled[["series_id", "start"]]).isin(rejected)
    return pd.concat([decided, ruled[~is_rejected]], ignore_index=True) if len(decided) else ruled[~is_rejected].reset_index(drop=True)


def _ruled(rules: pd.DataFrame, changes: pd.DataFrame, events: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Changes that rules accept."""
    last = rules.sort_values("time", kind="stable").drop_duplicates("event_id", keep="last")
    last = last.loc[last["action"] == "accept", ["time", "event_id", "direction", "bound"]]
    of_event = events[["event_id", "start", "service", "region"]].rename(
        columns=lambda name: name if name == "event_id" else f"event_{name}"
    )
    known = changes.astype({"direction": "object"}).merge(series[["series_id", "service", "region"]], on="series_id")
    met = known.merge(last.merge(of_event, on="event_id"), on="direction")
    same = [
        met[f"event_{name}"].isna() | (met[f"event_{name}"].astype("object") == met[name].astype("object"))
        for name in ("service", "region")
    ]
    is_near = (met["start_high"] >= met["event_start"]) & (met["start_low"] <= met["event_start"] + DAY)
    is_small = met["effect_told"].abs() <= met["bound"].astype(float)
    ruled = met[same[0] & same[1] & is_near & is_small]
    return ruled.assign(time=ruled[["time", "detected_at"]].max(axis=1))[COLUMNS].drop_duplicates()


def is_accepted(changes: pd.DataFrame, accepted: pd.DataFrame) -> pd.Series:
    """Whether each change is one that was accepted: it began with or after, and was known before the decision."""
    decided = accepted.rename(columns={"start": "accepted_start", "time": "accepted_at"})
    met = changes[[*KEY, "start"]].reset_index(names="row").merge(decided, on="series_id")
    meant = met.loc[(met["start"] + SLACK >= met["accepted_start"]) & (met["detected_at"] <= met["accepted_at"]), "row"]
    return pd.Series(changes.index.isin(meant), index=changes.index)
