"""The notebooks of `slo` and `summary` run on a small world, on nothing but metrics, and on long data; what they save and show is right."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analytics import params, store, words
from analytics.reporting import check
from analytics.slo.counts import ALL
from analytics.sources import simulated
from tests import projects
from tests.shown import NOTEBOOKS, shown


@pytest.fixture(scope="module")
def small_world(tmp_path_factory):
    """A project with eight services for 20 days around a change of month, ingested."""
    with projects.opened(tmp_path_factory.mktemp("slo") / "project") as root:
        simulated.write_world(params.Simulate(services=8, regions=2, days=20, step_s=300, end="2026-04-10"), workers=1)
        projects.ingest_all()
        projects.find_nothing("drift", "anomalies", "alerts")
        yield root


def test_slo_shows_and_saves_its_verdicts(small_world):
    page = shown("slo")
    assert check.check_page(page) == []
    compliance, budgets = store.load("slo_compliance"), store.load("error_budgets")
    assert set(compliance["region"]) >= {ALL}
    assert compliance.groupby("service").size().min() >= 2
    judged = compliance[compliance["state"].isin(["kept", "at risk", "missed"])]
    assert len(judged) == len(budgets)
    assert "So far in April" in page


def test_summary_says_the_finding_and_links_the_evidence(small_world):
    shown("slo")
    page = shown("summary")
    assert check.check_page(page) == []
    heading = page.partition("<h1")[2].partition("</h1>")[0]
    assert "their promises" in heading or "its promises" in heading
    assert 'href="slo.html#' in page
    anchors = {part.partition('"')[0] for part in page.split('href="slo.html#')[1:]}
    evidence = shown("slo")
    assert all(f'id="{anchor}"' in evidence for anchor in anchors)


def test_slo_of_one_service_in_one_region_leaves_out_the_others(small_world):
    services = store.load("services")
    one = services.loc[services["role"] == "service", "service"].iloc[0]
    region = store.load("series")["region"].iloc[0]
    shown("slo", service=one, region=region, now="2026-04-05T00:00Z")
    compliance = store.load("slo_compliance")
    assert set(compliance["service"]) == {one}
    assert set(compliance["region"]) == {region, ALL}
    assert (compliance["period_start"] < pd.Timestamp("2026-04-05T00:00Z")).all()
    shown("slo")


def test_overrides_change_the_verdict(small_world):
    shown("slo", overrides={"at_risk_left": 1.0})
    newest = store.load("slo_compliance")
    running = newest[~newest["is_complete"]]
    assert "kept" not in set(running.loc[running["n_bad"] > 0, "state"])
    shown("slo")


def test_notebooks_of_metrics_without_checks_say_so(tmp_path):
    with projects.opened(tmp_path / "project"):
        times = pd.date_range("2026-03-02", periods=300, freq="5min", tz="UTC")
        frame = pd.DataFrame({"time": times, "service": "db", "signal": "cpu", "value": np.arange(300.0)})
        for day, rows in frame.groupby(frame["time"].dt.date):
            store.write_raw_day("metrics", "metrics", day, projects.raw_metrics(rows))
        projects.ingest_all()
        projects.find_nothing("drift", "anomalies", "alerts")
        assert "Nothing was measured that a promise could be judged by" in shown("slo")
        assert "No promise could be judged" in shown("summary")


def test_declared_certificate_reaches_both_pages(tmp_path):
    with projects.opened(tmp_path / "project"):
        times = pd.date_range("2026-03-02", periods=300, freq="5min", tz="UTC")
        frame = pd.DataFrame({"time": times, "service": "web", "state": "up", "latency_ms": 5.0})
        for day, rows in frame.groupby(frame["time"].dt.date):
            store.write_raw_day("made", "checks", day, projects.raw_checks(rows))
        expiry = pd.Timestamp("2026-03-12T08:00Z")
        event = {"event_id": "1", "start": expiry, "kind": "certificate", "service": "web"}
        store.write_raw("made", "events", projects.raw_events([event]))
        projects.ingest_all()
        projects.find_nothing("drift", "anomalies", "alerts")
        assert "declared" in shown("slo").partition("Certificates that expire</h2>")[2]
        assert f"The certificate of web expires in 9{words.NBSP}days." in shown("summary")


@pytest.mark.parametrize("name", ["55_slo", "65_summary"])
def test_notebooks_hold_no_logic(name):
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any(
        word in line for source in code for line in source.splitlines() for word in ("def ", "class ", "for ", "while ", "Path(")
    )
    assert all(not cell.get("outputs") for cell in cells)
