"""Raw checks made by hand, and what a store holds of them."""

from datetime import date

import numpy as np
import pandas as pd

from analytics import store
from tests import projects

DAY = pd.Timestamp("2026-03-02T00:00Z")
FAR = date(2027, 1, 1)


def checks(minutes, *, latency_ms=None, service="a", **more):
    minutes = np.asarray(minutes)
    latency = 10.0 + minutes % 97 / 100 if latency_ms is None else latency_ms
    times = DAY + pd.to_timedelta(minutes, unit="min")
    return projects.raw_checks(pd.DataFrame({"time": times, "service": service, "state": "up", "latency_ms": latency, **more}))


def stored(source="s", kind="checks"):
    """All rows of a source as a reader sees them."""
    return [row for day in store.raw_days(source, kind) for row in store.read_raw(day).to_pylist()]


def files(root, source="s", kind="checks"):
    folder = root / "data" / "raw" / source / kind
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}
