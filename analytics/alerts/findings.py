"""What stages have found, as findings: one frame whatever found them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import tables, words

__all__ = ["findings_of_drifts", "no_findings"]

KIND_WORDS = {"spread": "spread of ", "tail": "tail of ", "season": "daily course of "}
"""Kind of drift -> what stands before the signal; a change of level or availability is one of the signal itself."""


def no_findings() -> pd.DataFrame:
    """An empty frame of findings."""
    return _typed(pd.DataFrame(columns=tables.FINDINGS.names))


def findings_of_drifts(
    drifts: pd.DataFrame, members: pd.DataFrame, series: pd.DataFrame, events: pd.DataFrame, *, zone: str
) -> pd.DataFrame:
    """Drifts as findings: one row when a drift was detected, another when it was over; a drift of several services is told of each.

    Parameters
    ----------
    drifts, members : tables `drifts` and `drift_members`
        A drift keeps only its last severity: its detection is told with that one.
    series, events : tables of these names

    Notes
    -----
    When the end of a drift became known is not stored; it is taken as known when it came, or when the drift was detected if that was later.
    """
    if drifts.empty:
        return no_findings()
    places = members[["drift_id", "series_id"]].merge(series[["series_id", "service", "region", "signal"]], on="series_id", validate="m:1")
    places = places.groupby(["drift_id", "service"], as_index=False).agg(
        region=("region", _only), signals=("signal", lambda signals: sorted(set(signals)))
    )
    rows = places.merge(drifts, on="drift_id", validate="m:1").merge(
        events[["event_id", "kind", "title", "start"]].add_prefix("of_event_").rename(columns={"of_event_event_id": "event_id"}),
        on="event_id",
        how="left",
    )
    found = pd.DataFrame(
        {
            "finding": "drift",
            "finding_id": rows["drift_id"],
            "known_at": rows["detected_at"],
            "service": rows["service"],
            "region": rows["region"],
            "signals": rows["signals"],
            "start": rows["start"],
            "end": pd.NaT,
            "state": rows["state"].where(rows["state"] == "suspected", "open"),
            "severity": rows["severity"].abs(),
            "direction": rows["direction"],
            "what": [_what(row) for row in rows.itertuples()],
            "size": [_size(row) for row in rows.itertuples()],
            "event": [_event(row, zone) for row in rows.itertuples()],
            "evidence": "drift.html#" + rows["drift_id"],
        }
    )
    is_over = rows["end"].notna()
    later = found[is_over].assign(
        known_at=rows[["detected_at", "end"]].max(axis=1)[is_over] + pd.Timedelta(1, "ms"),
        end=rows["end"][is_over],
        state=rows["state"].where(rows["state"].isin(tables.FINDING_STATES[2:]), "over")[is_over],
    )
    return _typed(pd.concat([found, later], ignore_index=True))


def _only(regions: pd.Series) -> str | None:
    return str(regions.iloc[0]) if regions.nunique() == 1 else None


def _what(row: Any) -> str:
    signals = words.listed(row.signals)
    return f"{KIND_WORDS.get(row.kind, '')}{signals} {words.signed(row.effect, words.percent)}"


def _size(row: Any) -> str:
    between = words.interval(row.effect_low, row.effect_high, words.percent)
    return f"{between}, {words.number(abs(row.effect_size), 2)} times its usual scatter"


def _event(row: Any, zone: str) -> str | None:
    if pd.isna(row.of_event_kind):
        return None
    title = "" if pd.isna(row.of_event_title) else f" '{row.of_event_title}'"
    return f"{row.of_event_kind}{title}, {words.moment(row.of_event_start, zone)}"


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    times = {column.name: "datetime64[ms, UTC]" for column in tables.FINDINGS.columns if column.kind == "time"}
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True).astype(kind) for name, kind in times.items()})
