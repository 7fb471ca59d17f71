"""The notebook of `baseline` runs on a small world, on nothing but metrics, and on no day of data; what it saves and shows is right."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analytics import expected, params, registry, store
from analytics.reporting import check
from analytics.sources import simulated
from tests import projects
from tests.shown import NOTEBOOKS, shown


@pytest.fixture(scope="module")
def small_world(tmp_path_factory):
    """A project with four services for 16 days around a change of clocks, ingested."""
    with projects.opened(tmp_path_factory.mktemp("baseline") / "project") as root:
        simulated.write_world(params.Simulate(services=3, regions=2, days=16, step_s=300, end="2026-04-10"), workers=1)
        projects.ingest_all()
        yield root


@pytest.fixture(scope="module")
def page(small_world):
    return shown("baseline")


def test_page_is_sound_and_says_how_many_baselines_there_are(page):
    assert check.check_page(page) == []
    baselines = store.load("baselines")
    newest = baselines[baselines["valid_to"].isna()]
    assert f"{len(newest)}\u00a0series have a baseline" in page
    assert "Confidence" in page


def test_every_series_has_one_baseline_at_any_time_after_its_first_day(page):
    baselines, series = store.load("baselines"), store.load("series")
    assert set(baselines["series_id"]) <= set(series["series_id"])
    for _, mine in baselines.sort_values("valid_from").groupby("series_id", observed=True):
        ends = mine["valid_to"].iloc[:-1].to_numpy()
        np.testing.assert_array_equal(ends, mine["valid_from"].iloc[1:].to_numpy())
        assert pd.isna(mine["valid_to"].iloc[-1])
    assert (baselines["learnt_to"] <= baselines["valid_from"]).all()


def test_models_hold_what_the_table_says(page):
    baselines = store.load("baselines")
    for name in registry.models("baseline"):
        model = registry.load(name, stage="baseline")
        mine = baselines[baselines["model_id"] == model.model_id]
        assert len(mine) == len(model.arrays["series_id"])
        ids = mine["series_id"].to_numpy().astype(str)
        n = {ids[row]: count for rows, part in expected.unpack(model.arrays, ids) for row, count in zip(rows, part.n, strict=True)}
        assert n == dict(zip(ids, mine["n"], strict=True))


def test_latency_of_the_default_world_has_a_course_of_the_day(page):
    named = store.load("seasonality").merge(store.load("series")[["series_id", "signal"]], on="series_id")
    daily = named[(named["period_s"] == 86_400) & (named["signal"] == "requests")]
    assert len(daily) == (store.load("series")["signal"] == "requests").sum()


def test_one_service_leaves_out_the_others(small_world):
    service = store.load("series")["service"].iloc[0]
    shown("baseline", service=service, now="2026-04-05T00:00Z")
    named = store.load("baselines").merge(store.load("series")[["series_id", "service"]], on="series_id")
    assert set(named["service"]) == {service}
    assert (named["valid_from"] < pd.Timestamp("2026-04-05T00:00Z")).all()


@pytest.mark.parametrize(("n", "said"), [(280, "nothing is known to be normal"), (2000, "1\u00a0series has a baseline")])
def test_metrics_alone_have_baselines_once_they_are_a_day_old(tmp_path, n, said):
    with projects.opened(tmp_path / "project"):
        times = pd.date_range("2026-03-02", periods=n, freq="5min", tz="UTC")
        frame = pd.DataFrame({"time": times, "service": "db", "signal": "cpu", "value": np.arange(n) % 288 / 288})
        for day, rows in frame.groupby(frame["time"].dt.date):
            store.write_raw_day("metrics", "metrics", day, projects.raw_metrics(rows))
        projects.ingest_all()
        assert said in shown("baseline")


def test_a_young_landscape_of_several_steps_has_baselines_too(tmp_path):
    """Five days at 5 min, an hour and a day, that end between two whole days."""
    with projects.opened(tmp_path / "project"):
        for signal, step, end in (("cpu", "5min", "06T10:05"), ("load", "1h", "05T10:00"), ("size", "1D", "05T09:00")):
            times = pd.date_range("2026-03-02T09:00Z", f"2026-03-{end}Z", freq=step)
            frame = pd.DataFrame({"time": times, "service": "db", "signal": signal, "value": 1.0 + np.arange(len(times)) % 24})
            for day, rows in frame.groupby(frame["time"].dt.date):
                store.write_raw_day(signal, "metrics", day, projects.raw_metrics(rows))
        projects.ingest_all()
        assert "series have a baseline" in shown("baseline")
        assert set(store.load("series")["step_s"]) == {300, 3600, 86_400}


def test_notebook_holds_no_logic():
    cells = json.loads((NOTEBOOKS / "10_baseline.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any(
        word in line for source in code for line in source.splitlines() for word in ("def ", "class ", "for ", "while ", "Path(")
    )
    assert all(not cell.get("outputs") for cell in cells)
