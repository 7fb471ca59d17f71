"""Changed series by hand."""

from __future__ import annotations

import pandas as pd

from analytics import params, tables
from analytics.drift import find

MONDAY = pd.Timestamp("2026-03-02T00:00Z").as_unit("ms")


def at(hours):
    """Hours after Monday, 2 March 2026, 00:00 UTC; None is no time."""
    return pd.NaT if hours is None else (MONDAY + pd.Timedelta(hours=hours)).as_unit("ms")


def change(series_id="web/eu/latency_ms", *, start=0.0, low=None, high=None, detected=None, end=None, effect=0.5, **more):
    """One row of table `changes`; times in hours, the onset's interval an hour to each side unless given."""
    service, region, signal = series_id.split("/")
    row = {
        "series_id": series_id,
        "service": service,
        "region": region,
        "signal": signal,
        "kind": "level",
        "direction": "regression",
        "start": at(start),
        "start_low": at(start - 1 if low is None else low),
        "start_high": at(start + 1 if high is None else high),
        "detected_at": at(start + 10 if detected is None else detected),
        "end": at(end),
        "effect": effect,
        "effect_low": effect - 0.1,
        "effect_high": effect + 0.1,
        "effect_size": 3.0,
        "day_size": 0.25,
        "p_value": 1e-6,
    }
    return {"effect_told": effect, **row, **more}


def changes(*rows):
    """Frame of rows of `change`."""
    frame = pd.DataFrame(list(rows), columns=list(change()) if not rows else None)
    for name in ("start", "start_low", "start_high", "detected_at", "end"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]")
    return frame


NOW = at(24 * 14)
NO_EVENTS = pd.DataFrame(columns=tables.TABLES["events"].names)
NO_DEPENDENCIES = pd.DataFrame(columns=tables.TABLES["dependencies"].names)
NO_DECISIONS = pd.DataFrame(columns=tables.DECISIONS["rebaselines"].names)


def series(*series_ids, first=-24 * 28, last=24 * 14, step_s=300):
    """Rows of table `series`."""
    names = [name.split("/") for name in series_ids]
    return pd.DataFrame(
        {
            "series_id": list(series_ids),
            **{column: [name[place] for name in names] for place, column in enumerate(("service", "region", "signal"))},
            "unit": ["1" if name[2] == "availability" else "ms" for name in names],
            "step_s": step_s,
            "origin": "check",
            "first": at(first),
            "last": at(last),
            "n": 1,
            "missing_share": 0.0,
            "block": 0,
        }
    )


def courses(frame):
    """Rows of table `change_course`: all that is known of each change was known when it was detected."""
    return frame[["series_id", "kind", "detected_at", "p_value"]].assign(at=frame["detected_at"])


def found(*rows, course=None, known=None, checks=1000, decisions=NO_DECISIONS, events=NO_EVENTS, now=NOW, settings=None, objective=None):
    """Drifts of changes; every service and region had `checks` in the last week."""
    frame = changes(*({"before": 100.0, **row} for row in rows)).reindex(columns=[*change(), "before"])
    known = series(*sorted(set(frame["series_id"]))) if known is None else known
    places = known[["service", "region"]].drop_duplicates()
    coverage = places.assign(day=now - pd.Timedelta(days=2), n_checks=checks)
    services = pd.DataFrame({"service": places["service"].unique(), "objective": objective})
    plain = frame[[name for name in frame.columns if name not in ("service", "region", "signal")]]
    options = {"settings": settings or params.Drift(), "project": params.Project(objective=0.99, workers=1), "now": now}
    return find.find_drifts(
        plain, courses(plain) if course is None else course, known, services, coverage, events, NO_DEPENDENCIES, decisions, **options
    )
