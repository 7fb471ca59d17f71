"""The same raw rows give the same bytes of every table and panel, however they are computed."""

import numpy as np
import pandas as pd
import pytest

from analytics import engine, store
from analytics.ingest import day
from tests import projects

MONDAY = pd.Timestamp("2026-03-02T00:00Z")


@pytest.fixture
def raw_rows(rng):
    """Three weeks of checks of ten services in two regions, every two hours."""
    frames = []
    for number in range(10):
        for region in ("east", "west"):
            times = MONDAY + pd.to_timedelta(np.arange(3 * 7 * 12) * 2, unit="h")
            state = rng.choice(["up", "down", "maintenance"], len(times), p=[0.96, 0.03, 0.01])
            latency = np.where(state == "up", rng.lognormal(4, 0.4, len(times)), np.nan)
            frames.append(pd.DataFrame({"time": times, "service": f"s{number}", "region": region, "state": state, "latency_ms": latency}))
    return projects.raw_checks(pd.concat(frames, ignore_index=True))


def outputs_of(root, raw_rows, **options):
    with projects.opened(root):
        store.append_raw("s", "checks", raw_rows)
        projects.ingest_all(**options)
        return projects.outputs(root)


def test_a_second_run_and_two_workers_give_the_same_bytes(tmp_path, raw_rows, monkeypatch):
    once = outputs_of(tmp_path / "once", raw_rows)
    assert len([name for name in once if "panels" in name]) == 3 * len({name.split("/")[-1][:5] for name in once if "panels" in name})
    assert outputs_of(tmp_path / "again", raw_rows) == once
    monkeypatch.setattr(engine, "POINTS_PER_WORKER", 1)
    assert outputs_of(tmp_path / "pool", raw_rows, workers=2) == once


def test_however_few_rows_are_in_hand_the_bytes_are_the_same(tmp_path, raw_rows, monkeypatch):
    whole = outputs_of(tmp_path / "whole", raw_rows)
    monkeypatch.setattr(day, "PART_ROWS", 50)
    assert outputs_of(tmp_path / "parts", raw_rows) == whole


def test_kept_results_give_the_same_bytes_and_inputs_stay_as_they_were(project, raw_rows):
    before = raw_rows.to_pylist()
    store.append_raw("s", "checks", raw_rows)
    projects.ingest_all()
    assert raw_rows.to_pylist() == before
    first = projects.outputs(project)
    assert len(list((project / "data" / "memo").rglob("*.pickle"))) == 3
    projects.ingest_all()
    assert projects.outputs(project) == first


def test_compaction_changes_no_byte(project, raw_rows):
    store.append_raw("s", "checks", raw_rows.slice(0, 2900))
    store.append_raw("s", "checks", raw_rows.slice(2900))
    projects.ingest_all()
    first = projects.outputs(project)
    store.compact_raw("s", before=pd.Timestamp("2027-01-01").date())
    projects.ingest_all()
    assert projects.outputs(project) == first


def test_a_late_row_computes_only_its_week_again(project, raw_rows):
    store.append_raw("s", "checks", raw_rows)
    projects.ingest_all()
    before = {name: content for name, content in projects.outputs(project).items() if "panels" in name}
    late = pd.DataFrame({"time": [MONDAY + pd.Timedelta("8D 7min")], "service": "s1", "region": "east", "state": "up", "latency_ms": 999.0})
    store.append_raw("s", "checks", projects.raw_checks(late))
    projects.ingest_all()
    after = {name: content for name, content in projects.outputs(project).items() if "panels" in name}
    changed = [name for name in after if after[name] != before[name]]
    assert len(changed) == 1
    assert changed[0].endswith("20260309.parquet")
    assert len(list((project / "data" / "memo").rglob("*.pickle"))) == 4
