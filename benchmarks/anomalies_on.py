"""Anomalies of a block of 100 series at 5 minutes: weeks at once, one new step, and what is remembered of a series between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import measure
import numpy as np
import pandas as pd
from figures import Figure

from analytics import params
from analytics.anomalies.advance import State, advance
from analytics.panel import FIRST_MONDAY_MS, WEEK_MS, Panel

STEP_S, PER_DAY = 300, 288
N_SERIES, WEEKS, NEW_STEPS = 100, 5, 40
REGIONS = pd.DataFrame({"region": ["eu"], "zone": ["Europe/Zurich"], "holidays": ["CH-ZH"]})
SETTINGS = params.Anomalies()


def run(_: Path) -> list[Figure]:
    panel, n_known = _panel(), (WEEKS - 1) * 7 * PER_DAY
    known = _go_on(None, panel, [(0, n_known)])
    steps = [(step, step + 1) for step in range(n_known, n_known + NEW_STEPS)]
    week = (n_known, n_known + 7 * PER_DAY)
    variants = {"week": lambda: _go_on(known, panel, [week]), "steps": lambda: _go_on(known, panel, steps)}
    costs = {name: measure.median_cost(found) for name, found in measure.in_turns(variants, repeats=3).items()}
    remembered = sum(one.past.bytes_per_series for one in known.watched)
    recent = sum(array.nbytes for one in known.watched for array in vars(one.recent).values()) / N_SERIES
    per_point = costs["steps"].cpu_s / (NEW_STEPS * N_SERIES)
    in_batch = costs["week"].cpu_s / (7 * PER_DAY * N_SERIES)
    return [
        Figure("anomalies, a week at once", in_batch * 1e5, "CPU s per 100,000 points", 1.0, is_compared=False, repeats=3),
        Figure("anomalies, one new step of 100 series", per_point * 1e6, "CPU us per series", 200, is_compared=False, repeats=3),
        Figure("anomalies, one new step against a week at once", per_point / in_batch, "x per point", cpu_s=per_point, peer_cpu_s=in_batch),
        Figure("anomalies, remembered", remembered / 1024, "KiB per series", 64),
        Figure("anomalies, with the newest steps", (remembered + recent) / 1024, "KiB per series", 64),
    ]


def _go_on(state: State | None, panel: Panel, spans: list[tuple[int, int]]) -> Any:
    for begin, end in spans:
        start_ms = panel.start_ms + begin * STEP_S * 1000
        part = Panel(panel.series, start_ms, STEP_S, panel.values[:, begin:end], panel.n_checks[:, begin:end])
        state = advance(state, part, regions=REGIONS, settings=SETTINGS)
    return state


def _panel() -> Panel:
    """Response times with a course of the day, heavy-tailed noise and a few gaps."""
    rng, n = np.random.default_rng(1), WEEKS * 7 * PER_DAY
    course = 0.3 * np.sin(2 * np.pi * np.arange(n) / PER_DAY)
    values = (100 * np.exp(course + 0.05 * rng.standard_t(5, size=(N_SERIES, n)))).astype(np.float32)
    values[:, rng.random(n) < 0.01] = np.nan
    names = [f"svc-{one:03d}" for one in range(N_SERIES)]
    series = pd.DataFrame({"series_id": names, "service": names, "region": "eu", "signal": "latency_ms"})
    return Panel(series, FIRST_MONDAY_MS + 2860 * WEEK_MS, STEP_S, values, np.where(np.isfinite(values), 5, 0).astype(np.int32))
