"""Checks of three services, one of which breaks just after the chain has run, and that chain without its notebooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analytics import alerts, anomalies, params, session, store
from analytics.sources.collect import collect
from tests import projects

START = pd.Timestamp("2026-03-02T00:00Z")
DAYS = 11
CUT = START + pd.Timedelta(days=DAYS)
"""Until when the chain knows: a Friday, so that the stored detectors end on the Monday before."""
DOWN, UP = CUT + pd.Timedelta(minutes=7), CUT + pd.Timedelta(minutes=40)
HOURS = 6


def rows():
    """Checks of three services once a minute; `web` is down from seven to forty minutes after the cut."""
    rng = np.random.default_rng(5)
    times = START + pd.to_timedelta(np.arange(DAYS * 1440 + HOURS * 60), unit="min")
    parts = []
    for service, level in (("api", 40.0), ("db", 12.0), ("web", 90.0)):
        course = 1 + 0.2 * np.sin(2 * np.pi * np.arange(len(times)) / 1440)
        latency = level * course * np.exp(0.08 * rng.standard_normal(len(times)))
        is_down = (service == "web") & (times >= DOWN) & (times < UP)
        latency[is_down] = np.nan
        parts.append(pd.DataFrame({"time": times, "service": service, "latency_ms": latency.round(2), "up": np.where(is_down, 0, 1)}))
    return pd.concat(parts).sort_values(["time", "service"], ignore_index=True)


ROWS = rows()


def chain():
    """Stages ingest, anomalies and alerts; no drift has been found."""
    projects.find_nothing("baseline", "drift")
    projects.ingest_all()
    chosen = params.load(store.root() / "params.yaml")
    store.begin("anomalies")
    known, now = anomalies.Known.loaded(), store.now()
    found = anomalies.find_anomalies(store.panels("signals"), known, settings=chosen.anomalies, project=chosen.project, now=now)
    anomalies.save(found)
    store.begin("alerts")
    loaded = {name: store.load(name) for name in ("services", "series", "dependencies", "masks")}
    raised = alerts.raise_alerts(
        alerts.findings_of_anomalies(found.anomalies, found.course, found.suppressed, store.load("events"), zone="UTC"),
        alerts.findings_of_silences(store.load("gaps"), loaded["series"], loaded["masks"], settings=chosen.alerts, now=store.now()),
        **loaded, silences=store.decisions("silences"), settings=chosen.alerts, zone="UTC", now=store.now(),
    )  # fmt: skip
    store.save(raised.alerts, "alerts")
    store.save(raised.changes, "alert_changes")
    session._session.stage = None


SOURCE = {"kind": "files", "path": "checks.csv"}


def feed(root: Path, until: pd.Timestamp) -> None:
    """The file that a monitor writes: what it has measured by then."""
    ROWS[ROWS["time"] < until].to_csv(root / "checks.csv", index=False)


def begin(root: Path, *, until: pd.Timestamp = CUT) -> None:
    """A project that collects this file and tells into another; its chain has run until the cut, or another time."""
    channels = {"lines": {"kind": "file", "path": "told.jsonl", "at_least": "info"}}
    chosen = params.Params(project={"zone": "UTC", "workers": 1}, sources={"web": SOURCE}, delivery={"channels": channels})
    (root / "params.yaml").write_text(params.dump(chosen), encoding="utf-8")
    bring(root, until)
    chain()


def bring(root: Path, until: pd.Timestamp) -> None:
    """Measure and collect until then."""
    feed(root, until)
    collect("web", SOURCE, root=root, now=until)
