"""The whole chain on a small world: every notebook runs, finds what is really there, and gives the same bytes again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analytics import params, pipeline, tables
from analytics.anomalies import replay
from analytics.reporting import check
from tests import trial

REPOSITORY = Path(__file__).parents[2]
STAGES = [stage.name for stage in tables.STAGES.values()]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
WORLD = params.Simulate(services=8, regions=2, days=28)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A project with four weeks of eight services in two regions, all stages run once."""
    root = tmp_path_factory.mktemp("small")
    (root / "params.yaml").write_text(params.dump(params.Params(simulate=WORLD)), encoding="utf-8")
    shutil.copytree(REPOSITORY / "notebooks", root / "notebooks")
    for stage in STAGES:
        pipeline.run(stage, root=root, verbosity="quiet")
    return root


@pytest.fixture(scope="module")
def read(small):
    """Reader of a saved table of that project."""
    return lambda name: pq.read_table(small / "data" / "tables" / f"{name}.parquet").to_pandas()


@pytest.fixture(scope="module")
def truth(small):
    return pq.read_table(small / "data" / "raw" / "simulated" / "truth.parquet").to_pandas()


def test_every_stage_publishes_its_tables_and_its_page(small):
    for stage in tables.STAGES.values():
        for name in tables.writes(stage.name):
            assert (small / "data" / "tables" / f"{name}.parquet").is_file()
        if stage.number is not None:
            page = "index" if stage.name == "summary" else stage.name
            assert (small / "reports" / f"{page}.html").is_file()
            assert (small / "reports" / "executed" / f"{stage.name}.ipynb").is_file()


def test_pages_are_self_contained_small_and_accessible(small):
    for page in sorted((small / "reports").glob("*.html")):
        assert check.check_page(page.read_text(encoding="utf-8")) == [], page.name


def test_faults_of_probers_are_found_and_nothing_else_is_taken_for_one(read, truth):
    there = truth[truth["kind"] == "prober_outage"]
    found = read("masks").query("reason == 'prober'")
    assert len(there) > 0
    assert _overlapping(there, found) == len(there)
    assert _overlapping(found, there) == len(found)


def test_true_outages_of_services_are_confirmed_and_count(read, truth):
    incidents = truth[truth["kind"].isin(["incident", "regional_outage"]) & (truth["signal"] == "availability")]
    hard = incidents[(incidents["effect"] >= 0.5) & incidents["service"].notna() & incidents["region"].notna()]
    outages = read("outages")
    counting = outages[outages["is_confirmed"] & outages["excluded_reason"].isna()]
    assert len(hard) > 0
    for one in hard.itertuples():
        mine = counting[(counting["service"] == one.service) & (counting["region"] == one.region)]
        assert ((mine["start"] < one.end) & (mine["end"].fillna(one.end) > one.start)).any(), one.text


def test_true_gaps_are_flagged(read, truth):
    gaps = truth[(truth["kind"] == "gap") & (truth["end"] - truth["start"] > pd.Timedelta("1h"))]
    flags = read("quality_flags").query("flag == 'gap'")
    assert len(gaps) > 0
    assert _overlapping(gaps, flags) == len(gaps)


def test_availability_of_the_tables_is_that_of_the_checks(small, read):
    checks = pd.concat(
        pq.read_table(path, columns=["service", "region", "state"]).to_pandas()
        for path in sorted((small / "data" / "raw" / "simulated" / "checks").glob("*.parquet"))
    )
    judged = checks[checks["state"].isin(["up", "down"])]
    plain = judged.assign(is_up=judged["state"] == "up").groupby(["service", "region"], observed=True)["is_up"].agg(["sum", "size"])
    ours = read("coverage").groupby(["service", "region"], observed=True)[["n_up", "n_checks"]].sum()
    pd.testing.assert_series_equal(ours["n_up"], plain["sum"], check_names=False, check_dtype=False, check_index_type=False)
    pd.testing.assert_series_equal(ours["n_checks"], plain["size"], check_names=False, check_dtype=False, check_index_type=False)


def test_workers_locale_zone_and_hash_seed_change_no_byte(small, tmp_path):
    copies = []
    for number, setting in enumerate(trial.SETTINGS):
        root = tmp_path / str(number)
        shutil.copytree(small, root, ignore=shutil.ignore_patterns("memo", "tables", "panels", "reports"))
        copies.append(trial.outputs_under(root, STAGES[1:], setting))
    assert copies[0] == copies[1]
    assert len(copies[0]) > 20


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_cell_by_cell_in_a_kernel_as_in_jupyterlab(notebook, small):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax", f"notebooks/{notebook.name}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANALYTICS_", "PYTEST_"))}
    environment |= {"PYTHONPATH": str(REPOSITORY), "JUPYTER_PLATFORM_DIRS": "1"}
    before = (small / "reports" / "index.html").read_bytes()
    done = subprocess.run(command, cwd=small, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (small / "reports" / "index.html").read_bytes() == before


def _overlapping(ones: pd.DataFrame, others: pd.DataFrame) -> int:
    """How many of `ones` overlap one of `others` in time and region."""
    same = [
        others[(others["region"].isna() | (others["region"] == one.region)) & (others["start"] < one.end) & (others["end"] > one.start)]
        for one in ones.itertuples()
    ]
    return sum(len(found) > 0 for found in same)


def test_anomalies_that_were_made_are_told_and_hardly_any_other(read, truth):
    anomalies, suppressed = read("anomalies"), read("suppressed")
    told = anomalies[~anomalies["anomaly_id"].isin(suppressed["anomaly_id"])]
    slack = pd.Timedelta(minutes=10)

    def during(row, rows, until):
        same = rows["service"].isna() | (rows["service"].astype("object") == row.service)
        return rows[same & (rows["start"] < until + slack) & (rows["end"].fillna(until) > row.start - slack)]

    failing = truth[(truth["signal"] == "availability") & truth["kind"].isin(["incident", "regional_outage"]) & truth["service"].notna()]
    caught = [len(during(row, told, row.end)) > 0 for row in failing.itertuples()]
    assert len(caught) > 3
    assert sum(caught) >= 0.8 * len(caught)
    chance = [row for row in told.itertuples() if during(row, truth, row.end if pd.notna(row.end) else row.start).empty]
    # Four weeks of eight services may cost eight false alarms; twice as many are rarer than once in a hundred such worlds.
    assert len(chance) <= 16


def test_the_true_outage_of_a_region_is_one_alert_that_names_it(read, truth):
    alerts = read("alerts")
    groups = truth[(truth["kind"] == "regional_outage") & truth["service"].notna()].groupby("group_id")
    assert groups.ngroups > 0
    for _, members in groups:
        start, end, region = members["start"].min(), members["end"].max(), members["region"].iloc[0]
        mine = alerts[
            (alerts["region"] == region) & (alerts["start"] >= start - pd.Timedelta(minutes=10)) & (alerts["start"] < end)
            & (alerts["finding"] == "anomaly") & alerts["service"].isin(members["service"])
        ]  # fmt: skip
        told = mine[mine["silenced_by"].isna()]
        assert len(told) == 1
        assert told["title"].iloc[0].startswith(f"region {region}: ")
        assert (mine["silenced_by"] == "shared").sum() >= len(members) / 2


def test_every_alarm_and_every_alert_of_one_has_a_place_that_its_link_leads_to(small, read):
    page = (small / "reports" / "anomalies.html").read_text(encoding="utf-8")
    places = set(re.findall(r' id="([^"]+)"', page))
    suppressed = set(read("suppressed")["anomaly_id"])
    alarms = [name for name in read("anomalies")["anomaly_id"] if name not in suppressed]
    assert len(alarms) > 5
    assert set(alarms) <= places
    linked = read("alerts").query("finding == 'anomaly'")["evidence"].str.partition("#")[2]
    assert set(linked) <= places


def test_a_rule_is_replayed_on_what_was_published(small, read, monkeypatch):
    monkeypatch.setenv("ANALYTICS_ROOT", str(small))
    said = []
    lines = replay.replay(["anomalies.min_failing_share=1", "anomalies.min_relative_effect=1e9"], weeks=4, say=said.append)
    anomalies = read("anomalies")
    n = int((~anomalies["anomaly_id"].isin(read("suppressed")["anomaly_id"])).sum())
    assert said == []
    assert lines[1].split() == ["alarms", str(n), "0"]
    assert f"lost: {n}\u00a0alarms" in lines


def test_anomalies_become_alerts_that_end_with_them(read):
    alerts, anomalies = read("alerts"), read("anomalies")
    mine = alerts[alerts["finding"] == "anomaly"]
    assert len(mine)
    assert set(mine["finding_id"]) <= set(anomalies["anomaly_id"])
    assert not set(mine["finding_id"]) & set(read("suppressed")["anomaly_id"])
    over = anomalies.set_index("anomaly_id")["end"].notna()
    single = mine[mine["finding_id"].map(over).astype(bool) & (mine["n_findings"] <= 1)]
    assert (single["state"] == "resolved").all()
