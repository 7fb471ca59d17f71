"""Panels on disk: complete grids by block and week, the same bytes, found again whole or in part."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics import panel, store

MONDAY = pd.Timestamp("2026-03-02T00:00Z")
WEEK = pd.Timedelta(weeks=1)
STEP_S = 3600


def series_of(services, *, step_s=STEP_S, n_weeks=2):
    rows = [(f"id-{service}", service, "r", "latency_ms", "ms", step_s, "check") for service in services]
    frame = pd.DataFrame(rows, columns=["series_id", "service", "region", "signal", "unit", "step_s", "origin"])
    blocks = store.n_blocks(len(services))
    last = MONDAY + n_weeks * WEEK - pd.Timedelta(seconds=step_s)
    return frame.assign(first=MONDAY, last=last, n=1, missing_share=0.0, block=[store.block_of(name, blocks) for name in services])


def write(series, values, n_checks, *, step_s=STEP_S):
    """Panels of whole weeks, week by week and block by block."""
    steps = 604_800 // step_s
    for week in range(values.shape[1] // steps):
        monday = panel.to_ms(MONDAY + week * WEEK)
        here = slice(week * steps, (week + 1) * steps)
        for block, rows in series.groupby("block"):
            content = store.encode_panel(rows, monday, step_s, values[rows.index, here], n_checks[rows.index, here])
            store.write_panels("signals", [(store.panel_file_name(block, step_s, monday), content)])


@pytest.fixture
def written(project, rng):
    series = series_of([f"service {number}" for number in range(20)])
    n_checks = rng.integers(0, 5, (20, 336)).astype(np.int32)
    values = np.where(n_checks, rng.normal(size=n_checks.shape), np.nan).astype(np.float32)
    write(series, values, n_checks)
    store.save(series, "series")
    return series, values, n_checks


def test_what_was_written_comes_back(written):
    series, values, n_checks = written
    refs = store.panels("signals")
    assert sorted({ref.block for ref in refs}) == sorted(series["block"].unique())
    for ref in refs:
        loaded = ref.load()
        rows = [series.index[series["series_id"] == one][0] for one in loaded.series["series_id"]]
        npt.assert_array_equal(loaded.values, values[rows])
        npt.assert_array_equal(loaded.n_checks, n_checks[rows])
        assert loaded.times[0] == np.datetime64("2026-03-02")


@pytest.mark.parametrize(
    ("start", "end"), [("2026-03-08T22:00Z", "2026-03-09T03:00Z"), ("2026-03-03T00:30Z", None), (None, "2026-03-02T00:01Z")]
)
def test_a_part_comes_back_as_a_part(written, start, end):
    start, end = (None if one is None else pd.Timestamp(one) for one in (start, end))
    whole = store.panels("signals").select(service="service 7")[0].load()
    part = store.panels("signals").select(service="service 7").between(start, end)[0].load()
    npt.assert_array_equal(part.values, whole.between(start, end).values)
    npt.assert_array_equal(part.times, whole.between(start, end).times)


def test_any_tool_can_read_the_files(written, project):
    series, values, _ = written
    path = sorted((project / "out" / "data" / "panels" / "signals").iterdir())[0]
    long = pq.read_table(path).to_pandas()
    assert long.columns.tolist() == ["series_id", "service", "region", "signal", "time", "value", "n_checks"]
    one = long[long["series_id"] == long["series_id"].iloc[0]]
    row = series.index[series["series_id"] == one["series_id"].iloc[0]][0]
    npt.assert_array_equal(one["value"], values[row, :168])
    assert one["time"].iloc[[0, -1]].tolist() == [MONDAY, MONDAY + WEEK - pd.Timedelta("1h")]


def test_a_missing_week_is_missing_values(project):
    series = series_of(["a"], n_weeks=3)
    store.save(series, "series")
    full = np.ones((1, 168), np.float32)
    for week in (0, 2):
        monday = panel.to_ms(MONDAY + week * WEEK)
        store.write_panels(
            "signals", [(store.panel_file_name(0, STEP_S, monday), store.encode_panel(series, monday, STEP_S, full, full.astype(np.int32)))]
        )
    loaded = store.panels("signals")[0].load()
    npt.assert_array_equal(np.isfinite(loaded.values[0]).reshape(3, -1).sum(axis=1), [168, 0, 168])
    npt.assert_array_equal(loaded.n_checks[0].reshape(3, -1).sum(axis=1), [168, 0, 168])


def test_the_same_panel_gives_the_same_bytes():
    series = series_of(["a", "b"])
    values, n_checks = np.ones((2, 168), np.float32), np.ones((2, 168), np.int32)
    first = store.encode_panel(series, 0, STEP_S, values, n_checks)
    assert first == store.encode_panel(series.astype({"service": "category"}), 0, STEP_S, np.asfortranarray(values), n_checks)
    assert first != store.encode_panel(series, 0, STEP_S, values * 2, n_checks)


def test_a_week_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="a week of 3600-s steps has 168 steps, got 7"):
        store.encode_panel(series_of(["a"]), 0, STEP_S, np.ones((1, 7), np.float32), np.ones((1, 7), np.int32))


@pytest.mark.parametrize(("services", "blocks"), [(0, 1), (1, 1), (8, 1), (9, 2), (16, 2), (17, 4), (200, 32)])
def test_blocks_hold_about_eight_services(services, blocks):
    assert store.n_blocks(services) == blocks


def test_a_new_service_moves_no_other_unless_the_number_of_blocks_changes():
    names = [f"s{number}" for number in range(16)]
    assert series_of(names[:15])["block"].tolist() == series_of(names)["block"].tolist()[:15]
    assert {store.block_of(name, 4) % 2 == store.block_of(name, 2) for name in names} == {True}


def test_files_left_from_another_step_are_not_taken(written, project):
    leftover = series_of(["service 1"], step_s=7200)
    monday = panel.to_ms(MONDAY)
    values = np.ones((1, 84), np.float32)
    store.write_panels(
        "signals", [(store.panel_file_name(0, 7200, monday), store.encode_panel(leftover, monday, 7200, values, values.astype(np.int32)))]
    )
    assert {ref.step_s for ref in store.panels("signals")} == {STEP_S}


def test_the_key_of_a_panel_changes_with_its_files(written, project):
    before = {ref.block: ref.key for ref in store.panels("signals")}
    path = sorted((project / "out" / "data" / "panels" / "signals").iterdir())[0]
    path.write_bytes(path.read_bytes() + b"x")
    after = {ref.block: ref.key for ref in store.panels("signals")}
    assert [block for block in after if after[block] != before[block]] == [int(path.name[1:5])]


def test_a_stage_may_read_only_the_panels_that_it_declares(written, project):
    store.begin("slo")
    assert len(store.panels("signals"))
    with pytest.raises(ValueError, match="stage 'slo' does not declare that it reads panels 'scores'; add them to its `panels_read`"):
        store.panels("scores")


def test_panels_that_do_not_exist_name_the_remedy(project):
    with pytest.raises(FileNotFoundError, match="panels 'signals' have not been written yet; run `analytics run"):
        store.panels("signals")


def test_a_half_written_and_a_foreign_panel_are_named_with_the_remedy(written, project):
    path = sorted((project / "out" / "data" / "panels" / "signals").iterdir())[0]
    block = int(path.name[1:5])
    ref = next(ref for ref in store.panels("signals") if ref.block == block)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=f"{path.name} is not a whole Parquet file"):
        ref.load()
    pq.write_table(pa.table({"value": [1.0]}), path)
    with pytest.raises(ValueError, match=f"{path.name} is no panel of a format this code reads"):
        ref.load()
