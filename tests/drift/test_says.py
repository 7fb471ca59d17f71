"""Drifts that are not drawn are told all the same."""

from types import SimpleNamespace

import pandas as pd

from analytics.drift import says, shows
from analytics.drift.find import Drifts
from analytics.words import NBSP
from tests.drift.made import at

EVENTS = pd.DataFrame(columns=["event_id", "kind", "title", "start"])


def found(*rows):
    usual = {
        "service": "web", "region": "eu", "kind": "level", "start": at(0), "start_low": at(-1), "start_high": at(1), "detected_at": at(10),
        "end": pd.NaT, "state": "open", "effect": 0.18, "severity": 20.0, "effect_factor": 0.4, "exposure_factor": 1.0,
        "duration_factor": 0.5, "excess_ms": None, "budget_burnt": None, "event_id": None, "direction": "regression", "q_value": 0.001,
    }  # fmt: skip
    drifts = pd.DataFrame([usual | row for row in rows])
    details = drifts[["drift_id", "service", "region", "kind", "effect"]].assign(signal="latency_ms")
    return Drifts(drifts, pd.DataFrame(), details, len(drifts), 0, 1.0, at(24 * 14))


def told(drifts, *shown):
    return says.others(drifts, [SimpleNamespace(drift=SimpleNamespace(drift_id=name)) for name in shown], EVENTS, "UTC")


def test_drifts_without_a_figure_are_told_with_their_address():
    drifts = found(
        {"drift_id": "drawn", "severity": 80.0},
        {"drift_id": "small", "severity": 5.0, "service": "db"},
        {"drift_id": "over", "state": "reverted", "end": at(50), "severity": 90.0},
    )
    items = told(drifts, "drawn")
    assert [item["anchor"] for item in items] == ["small", "over"]
    assert items[0]["heading"].replace(NBSP, " ") == "db in eu became 18 % slower on 2 Mar"
    assert "It was over on 4 Mar" in items[1]["text"].replace(NBSP, " ")
    assert all(item["figures"] == [] for item in items)


def test_many_drifts_do_not_fill_the_page():
    drifts = found(*({"drift_id": f"d{k:02d}", "severity": float(k)} for k in range(60)))
    items = told(drifts)
    assert len(items) == says.MOST_TOLD
    assert items[0]["anchor"] == "d00"


def test_a_small_q_value_is_not_zero():
    assert [shows.chance(q) for q in (0.0001, 0.005, 0.37)] == [f"<{NBSP}0.01", "0.01", "0.37"]
