"""Signals made by hand, as the lazy panels that a stage gets."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from analytics import params
from analytics.panel import Panel, PanelRef, Panels, to_ms

HELD: dict[str, Panel] = {}


def signals(values, *, start, step_s=300, n_checks=1, signal="availability"):
    """Panels of one block: `values` maps (service, region) to the steps from `start` on; NaN is no data."""
    keys = list(values)
    matrix = np.array([values[key] for key in keys], np.float32)
    counts = np.where(np.isfinite(matrix), np.broadcast_to(np.asarray(n_checks), matrix.shape), 0).astype(np.int32)
    begin = pd.Timestamp(start)
    panel = Panel(_series(keys, signal, begin, step_s, matrix), to_ms(begin), step_s, matrix, counts)
    key = hashlib.sha256(repr((keys, signal, start, step_s)).encode() + matrix.tobytes() + counts.tobytes()).hexdigest()
    HELD[key] = panel
    end_ms = panel.start_ms + matrix.shape[1] * step_s * 1000
    return Panels([PanelRef("signals", 0, step_s, panel.series, (), key, panel.start_ms, end_ms, read)])


def _series(keys, signal, begin, step_s, matrix):
    step = pd.Timedelta(seconds=step_s)
    return pd.DataFrame(
        {
            "series_id": [f"{service}/{region}/{signal}" for service, region in keys],
            "service": [service for service, _ in keys],
            "region": [region for _, region in keys],
            "signal": signal,
            "step_s": step_s,
            "first": begin,
            "last": begin + (matrix.shape[1] - 1) * step,
            "n": np.isfinite(matrix).sum(axis=1),
            "block": 0,
        }
    )


def read(ref):
    """What a store would load."""
    whole = HELD[ref.key]
    step_ms = ref.step_s * 1000
    first = -(-(ref.start_ms - whole.start_ms) // step_ms)
    stop = -(-(ref.end_ms - whole.start_ms) // step_ms)
    rows = [list(whole.series["series_id"]).index(name) for name in ref.series["series_id"]]
    return Panel(ref.series, whole.start_ms + first * step_ms, ref.step_s, whole.values[rows, first:stop], whole.n_checks[rows, first:stop])


def joined(*panels):
    """Several sets of panels as one."""
    return Panels([ref for one in panels for ref in one])


def promises(*services, objective=0.9, latency_ms=None):
    """What `find_promises` says of services that promise the same."""
    rows = [(name, name, "service", "availability", objective, np.nan) for name in services]
    if latency_ms is not None:
        rows += [(name, name, "service", "latency", 0.95, latency_ms) for name in services]
    columns = ["service", "name", "role", "objective_kind", "objective", "limit_ms"]
    return pd.DataFrame(rows, columns=columns).sort_values(["service", "objective_kind"], ignore_index=True)


def outages(*rows):
    """(service, region, start, end, is_confirmed, excluded_reason)."""
    frame = pd.DataFrame(rows, columns=["service", "region", "start", "end", "is_confirmed", "excluded_reason"])
    times = {name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("start", "end")}
    return frame.assign(**times, n_failed=2, unmeasured_s=0.0).astype({"excluded_reason": "object", "is_confirmed": "bool"})


def masks(*rows):
    """(service, region, start, end, reason)."""
    frame = pd.DataFrame(rows, columns=["service", "region", "start", "end", "reason"])
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("start", "end")})


def coverage(*rows):
    """(service, region, day, n_excluded)."""
    frame = pd.DataFrame(rows, columns=["service", "region", "day", "n_excluded"])
    return frame.assign(day=pd.to_datetime(frame["day"], utc=True).astype("datetime64[ms, UTC]"))


def project(**more):
    """Parameters of the project: readers in UTC, this process alone."""
    accounting = params.Accounting(**more.pop("accounting", {}))
    return params.Project(**{"zone": "UTC", "workers": 1, **more}, accounting=accounting)
