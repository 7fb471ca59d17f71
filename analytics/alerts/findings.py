"""What stages have found, as findings: one frame whatever found them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import tables, words
from analytics.alerts import declared

__all__ = ["findings_of_drifts", "no_findings"]


def no_findings() -> pd.DataFrame:
    """An empty frame of findings."""
    return _typed(pd.DataFrame(columns=tables.FINDINGS.names))


def findings_of_drifts(
    drifts: pd.DataFrame, members: pd.DataFrame, series: pd.DataFrame, events: pd.DataFrame, decisions: pd.DataFrame, *, zone: str
) -> pd.DataFrame:
    """Drifts as findings: one row when a drift was detected, another when it became open (`drifts.open_at`), a third when it was over.

    A drift of several services is told of each, with what has changed there. What never was sure is suspected for all its life.

    Parameters
    ----------
    drifts, members : tables `drifts` and `drift_members`
        A drift keeps only its last severity: what was known of it earlier is told with that one.
    series, events : tables of these names
    decisions : rows of `data/decisions/rebaselines.csv`
        A drift that was accepted is over when that was decided; one that nobody has decided on when it expires.

    Notes
    -----
    When the end of a drift became known is not stored; it is taken as known when it came, or when the drift was detected if that was later.
    """
    if drifts.empty:
        return no_findings()
    rows = _places(drifts, members, series)
    said = {event.event_id: declared.named(event, zone) for event in events.itertuples()}
    found = pd.DataFrame(
        {
            "finding": "drift",
            "finding_id": rows["drift_id"],
            "known_at": rows["detected_at"],
            "service": rows["service"],
            "region": rows["place"],
            "signals": rows["signals"],
            "start": rows["start"],
            "end": pd.NaT,
            "state": "suspected",
            "severity": rows["severity"].abs().fillna(0.0),
            "direction": rows["direction"],
            "what": [words.change(row.kind, row.effect, row.changed) for row in rows.itertuples()],
            "size": [_size(row) for row in rows.itertuples()],
            "event": [said.get(event_id) for event_id in rows["event_id"]],
            "evidence": "drift.html#" + rows["drift_id"],
        }
    )
    open_at = _as_time(rows["open_at"])
    is_open = open_at.notna()
    opened = found.assign(state="open", known_at=open_at.fillna(rows["detected_at"]))
    # What was sure at once was never suspected.
    found = found[~(is_open & (opened["known_at"] == found["known_at"]))]
    accepted_at = _as_time(rows["drift_id"].map(_accepted(decisions)))
    end = _as_time(rows["end"]).fillna(accepted_at.where(rows["state"] == "accepted"))
    end = end.fillna(_as_time(rows["expires_at"].where(rows["state"] == "expired")))
    later = opened.assign(
        known_at=end.where(end > opened["known_at"], opened["known_at"]) + pd.Timedelta(1, "ms"),
        end=end,
        state=rows["state"].where(rows["state"].isin(tables.FINDING_STATES[2:]), "over").where(is_open, "suspected"),
    )
    return _typed(pd.concat([found, opened[is_open], later[end.notna()]], ignore_index=True))


def _places(drifts: pd.DataFrame, members: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Rows of `drifts` for each of their services: its `place` (region; None: several), all `signals`, and the `changed` that name it.

    Effect and severity are the service's own where a drift has several.
    """
    of_series = series[["series_id", "service", "region", "signal"]]
    rows = members.merge(of_series, on="series_id", validate="m:1")
    named = rows.merge(drifts[["drift_id", "kind"]], on="drift_id", suffixes=("", "_of_drift"), validate="m:1")
    key = ["drift_id", "service"]
    places = named.groupby(key, as_index=False, observed=True).agg(place=("region", _only), signals=("signal", _distinct))
    alike = named[named["kind"] == named["kind_of_drift"]]
    changed = alike.groupby(key, as_index=False, observed=True).agg(changed=("signal", _distinct))
    joined = places.merge(changed, on=key, how="left")
    joined["changed"] = joined["changed"].where(joined["changed"].notna(), joined["signals"])
    whole = joined.merge(drifts.drop(columns="region"), on="drift_id", suffixes=("", "_of_drift"), validate="m:1")
    own = joined[key].merge(_of_service(alike, key), on=key, how="left")
    is_shared = whole["service_of_drift"].isna()
    mine = {name: own[name].where(is_shared & own[name].notna(), whole[name]) for name in OWN}
    return whole.assign(**mine, effect_size=whole["effect_size"].mask(is_shared))


OWN = ["effect", "effect_low", "effect_high", "severity"]
"""What each service of a drift has of its own."""


def _of_service(members: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Medians of the effects in each service of each drift; its severity is the sum over its regions, for they share its checks."""
    effects = members.groupby(key, as_index=False, observed=True)[OWN[:3]].median()
    by_region = members.groupby([*key, "region"], observed=True)["severity"].median()
    severity = by_region.groupby(level=[0, 1], observed=True).sum(min_count=1).reset_index()
    return effects.merge(severity, on=key)


def _accepted(decisions: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """When each drift was last accepted."""
    rows = decisions[decisions["action"] == "accept"].dropna(subset="drift_id").sort_values("time", kind="stable")
    return dict(zip(rows["drift_id"], rows["time"], strict=True))


def _distinct(names: pd.Series) -> list[str]:
    return sorted(set(names))


def _only(regions: pd.Series) -> str | None:
    return str(regions.iloc[0]) if regions.nunique() == 1 else None


def _size(row: Any) -> str:
    between = words.change_interval(row.kind, row.effect, row.effect_low, row.effect_high)
    # Only a change of the level has a size in scatters of the series.
    scatter = "" if pd.isna(row.effect_size) else f", {words.number(abs(row.effect_size), 2)} times its usual scatter"
    return f"{between}{scatter}"


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    times = [column.name for column in tables.FINDINGS.columns if column.kind == "time"]
    return frame.assign(**{name: _as_time(frame[name]) for name in times})


def _as_time(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, utc=True).astype("datetime64[ms, UTC]")
