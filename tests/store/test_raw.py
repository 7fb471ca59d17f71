"""Raw rows are stored once, whatever the order, the number of parts, or the moment at which a run dies."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from analytics import store, tables
from analytics.store import raw as raw_store
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


def test_rows_come_back_as_they_were_sorted_by_key(project):
    rows = pa.concat_tables([checks([5, 3], service="b"), checks([3, 1500], service="a", region="é")])
    assert store.append_raw("s", "checks", rows).n_new == 4
    expected = sorted(rows.to_pylist(), key=lambda row: (row["time"].date(), row["service"], row["region"], row["monitor"], row["time"]))
    assert stored() == expected
    assert [day.day for day in store.raw_days("s", "checks")] == [date(2026, 3, 2), date(2026, 3, 3)]


def test_repeating_rows_adds_nothing_and_changes_no_file(project):
    store.append_raw("s", "checks", checks(range(100), latency_ms=None))
    before = files(project)
    again = store.append_raw("s", "checks", checks(range(40, 80)))
    assert (again.n_new, again.n_repeated, len(again.refused)) == (0, 40, 0)
    assert files(project) == before


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_failed_check_repeats_itself(project, missing):
    rows = pa.table(
        [
            pa.array([missing], pa.float64(), from_pandas=False) if name == "latency_ms" else column
            for name, column in zip(tables.RAW["checks"].names, checks([1]).columns, strict=True)
        ],
        schema=tables.schema(tables.RAW["checks"]),
    )
    store.append_raw("s", "checks", rows)
    again = store.append_raw("s", "checks", rows)
    assert (again.n_new, again.n_repeated, len(again.refused)) == (0, 1, 0)
    assert stored()[0]["latency_ms"] is None


@pytest.mark.parametrize(
    ("change", "value"), [("latency_ms", 11.0), ("state", "pending"), ("status_code", 500), ("error", "refused"), ("origin", "change")]
)
def test_a_row_that_contradicts_a_stored_one_is_refused_with_the_reason(project, change, value):
    store.append_raw("s", "checks", checks([1, 2, 3], latency_ms=10.0))
    added = store.append_raw("s", "checks", checks([2, 4], **{"latency_ms": 10.0, change: value}))
    assert (added.n_new, added.n_repeated) == (1, 0)
    refused = added.refused.to_pylist()
    assert [(row["source"], row["kind"], row["place"], row["reason"]) for row in refused] == [
        ("s", "checks", "2026-03-02T00:02:00.000+00:00", "contradicts a stored row: the first is kept")
    ]
    assert '"service": "a"' in refused[0]["row"]
    assert len(stored()) == 4
    assert stored()[1]["latency_ms"] == 10.0


def test_repeats_within_one_append_are_refused(project):
    added = store.append_raw("s", "checks", checks([1, 2, 2, 2], latency_ms=[1.0, 2.0, 2.0, 3.0]))
    assert added.n_new == 2
    assert added.refused.column("reason").to_pylist() == ["duplicate: the first is kept"] * 2
    assert [row["latency_ms"] for row in stored()] == [1.0, 2.0]


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), parts=st.integers(1, 6))
def test_order_of_arrival_changes_no_byte_once_days_are_compacted(tmp_path_factory, seed, parts):
    rng = np.random.default_rng(seed)
    rows = pa.concat_tables([checks(rng.choice(3000, 40, replace=False), service=name) for name in ("b", "ä", "a")])
    found = []
    for order in (np.arange(len(rows)), rng.permutation(len(rows))):
        with projects.opened(tmp_path_factory.mktemp("p")) as root:
            for part in np.array_split(order, parts):
                store.append_raw("s", "checks", rows.take(pa.array(part)))
            seen = stored()
            store.compact_raw("s", before=FAR)
            assert stored() == seen
            found.append(files(root))
    assert found[0] == found[1]
    assert all(len(Path(name).suffixes) == 1 for name in found[0])


def test_compaction_spares_days_that_are_not_over(project):
    store.append_raw("s", "checks", checks([1, 1441]))
    assert store.compact_raw("s", before=date(2026, 3, 3)) == 1
    assert ["seg" in name for name in files(project)] == [False, True]
    assert store.compact_raw("s", before=date(2026, 3, 3)) == 0


def test_a_run_killed_between_writing_the_day_and_removing_segments_changes_nothing(project, monkeypatch):
    for minutes in (range(50), range(50, 100), range(100, 120)):
        store.append_raw("s", "checks", checks(minutes))
    seen, runs = stored(), store.raw_days("s", "checks")[0].runs

    def killed(self, missing_ok=False):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(raw_store, "write_atomically", lambda path, content: path.write_bytes(content))
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            store.compact_raw("s", before=FAR)
    assert len(files(project)) == 4
    assert stored() == seen
    assert store.raw_days("s", "checks")[0].runs == runs
    assert store.append_raw("s", "checks", checks(range(120))).n_new == 0
    store.compact_raw("s", before=FAR)
    assert list(files(project)) == ["2026-03-02.parquet"]
    assert stored() == seen


@pytest.mark.parametrize("segments", [[range(50)], [range(50), range(50, 100)]], ids=["renamed", "merged"])
def test_a_day_that_is_compacted_after_it_was_listed_is_read_all_the_same(project, segments):
    for minutes in segments:
        store.append_raw("s", "checks", checks(minutes))
    [listed] = store.raw_days("s", "checks")
    rows, runs = store.read_raw(listed), listed.runs
    store.compact_raw("s", before=FAR)
    assert not any(path.exists() for path in listed.paths)
    assert store.read_raw(listed).equals(rows)
    assert listed.runs == runs
    assert listed.key == store.raw_days("s", "checks")[0].key


def test_a_day_that_is_gone_names_the_file(project):
    store.append_raw("s", "checks", checks(range(5)))
    [listed] = store.raw_days("s", "checks")
    listed.paths[0].unlink()
    with pytest.raises(FileNotFoundError, match=listed.paths[0].name):
        store.read_raw(listed)


def test_a_killed_write_leaves_no_day_half_written(project, monkeypatch):
    def killed(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            store.append_raw("s", "checks", checks([1]))
    assert [path for path in (project / "data" / "raw").rglob("*") if path.is_file()] == []
    assert store.append_raw("s", "checks", checks([1])).n_new == 1


def test_late_rows_change_only_their_day(project):
    store.append_raw("s", "checks", checks(range(0, 4000, 10)))
    store.compact_raw("s", before=FAR)
    before = files(project)
    store.append_raw("s", "checks", checks([1445]))
    store.compact_raw("s", before=FAR)
    after = files(project)
    assert [name for name in after if after[name] != before[name]] == ["2026-03-03.parquet"]
    assert len(stored()) == 401


@pytest.mark.parametrize(
    "latency",
    [[0.01, 123.45, 99999.99], [0.1 + 0.2, np.pi, 1e-9], [21474836.47, 21474836.48, 1e300], [0.0, np.inf, -1.25], [5e-324, 1 / 3, 0.07]],
    ids=["two decimals", "all digits", "wide", "infinite", "tiny"],
)
def test_latency_loses_nothing(project, latency):
    rows = checks(range(3), latency_ms=latency)
    store.append_raw("s", "checks", rows)
    store.append_raw("s", "checks", checks([7], latency_ms=[1.25]))
    store.compact_raw("s", before=FAR)
    assert [row["latency_ms"] for row in stored()] == [*latency, 1.25]


def test_latency_with_two_decimals_takes_few_bytes(project, rng):
    rows = checks(range(1440), latency_ms=np.round(rng.lognormal(4, 0.1, 1440), 2))
    store.append_raw(
        "s",
        "checks",
        pa.concat_tables(
            [rows] + [checks(range(1440), latency_ms=np.round(rng.lognormal(4, 0.1, 1440), 2), service=f"x{n}") for n in range(20)]
        ),
    )
    assert sum(len(content) for content in files(project).values()) / (21 * 1440) < 2.0


def test_runs_tell_first_last_number_and_usual_interval(project):
    rows = pa.concat_tables([checks([0, 1, 2, 3, 9]), checks([5], service="b"), checks([5, 10, 15], service="b", monitor="n")])
    store.append_raw("s", "checks", rows)
    start = int(DAY.timestamp() * 1000)
    minute = 60_000
    assert [
        (run.keys, (run.first - start) // minute, (run.last - start) // minute, run.n, run.interval_ms // minute)
        for run in store.raw_days("s", "checks")[0].runs
    ] == [
        (("a", "default", "m"), 0, 9, 5, 1),
        (("b", "default", "m"), 5, 5, 1, 0),
        (("b", "default", "n"), 5, 15, 3, 5),
    ]


def test_runs_of_segments_are_those_of_the_whole_day(project):
    for minutes in (range(0, 60, 2), range(1, 60, 2), [100]):
        store.append_raw("s", "checks", checks(minutes))
    before = store.raw_days("s", "checks")[0].runs
    store.compact_raw("s", before=FAR)
    assert store.raw_days("s", "checks")[0].runs == before
    assert [(run.n, run.interval_ms) for run in before] == [(61, 60_000)]


def test_metrics_keep_their_unit_in_the_runs(project):
    frame = pd.DataFrame({"time": [DAY], "service": "a", "signal": "cpu", "value": [0.5], "unit": "fraction"})
    store.append_raw("s", "metrics", projects.raw_metrics(frame))
    assert [run.unit for run in store.raw_days("s", "metrics")[0].runs] == ["fraction"]


def test_a_whole_day_replaces_what_was_there(project):
    store.append_raw("s", "checks", checks(range(10)))
    store.write_raw_day("s", "checks", date(2026, 3, 2), checks([3, 2]))
    assert len(stored()) == 2
    store.write_raw_day("t", "checks", date(2026, 3, 2), checks([2, 3]))
    assert files(project) == files(project, "t")


@pytest.mark.parametrize(
    ("minutes", "message"), [([1, 1], "1 repeated keys"), ([1, 1441], "rows of 2 days"), ([1441], "rows of 1 days, first 2026-03-03")]
)
def test_a_whole_day_with_wrong_rows_is_refused(project, minutes, message):
    with pytest.raises(ValueError, match=message):
        store.write_raw_day("s", "checks", date(2026, 3, 2), checks(minutes))


def test_refused_rows_are_kept_once_per_content(project):
    refused = store.append_raw("s", "checks", checks([1, 1])).refused
    for _ in range(2):
        store.append_raw("s", "quarantine", refused)
    assert store.read_raw_table("s", "quarantine").num_rows == 1


def test_small_tables_are_replaced_whole(project):
    for ids in (["1", "2"], ["3"]):
        store.write_raw("s", "events", projects.raw_events([{"event_id": one, "start": DAY, "kind": "deploy"} for one in ids]))
    assert store.read_raw_table("s", "events").column("event_id").to_pylist() == ["3"]
    assert store.read_raw_table("other", "events").num_rows == 0


def test_a_cursor_is_remembered_and_a_damaged_one_says_what_to_do(project):
    assert store.cursor("s") == {}
    store.set_cursor("s", {"until": "2026-03-02", "é": 1})
    assert store.cursor("s") == {"until": "2026-03-02", "é": 1}
    (project / "data" / "raw" / "s" / "cursor.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="delete it to collect from the beginning"):
        store.cursor("s")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "/abs"])
def test_a_source_is_one_folder_s_name(project, name):
    with pytest.raises(ValueError, match="cannot be a folder's name"):
        store.append_raw(name, "checks", checks([1]))


def test_an_unknown_kind_and_missing_columns_are_named(project):
    with pytest.raises(ValueError, match="raw kind 'cheks' does not exist; there are checks"):
        store.raw_days("s", "cheks")
    with pytest.raises(ValueError, match="raw checks: columns state are missing; they are time, service"):
        store.append_raw("s", "checks", checks([1]).drop_columns("state"))


def test_a_half_written_day_names_the_file_and_the_remedy(project):
    store.append_raw("s", "checks", checks(range(100)))
    path = store.raw_days("s", "checks")[0].paths[0]
    path.write_bytes(path.read_bytes()[:-20])
    for read in (lambda: stored(), lambda: store.raw_days("s", "checks")[0].runs):
        with pytest.raises(ValueError, match=f"{path.name} is not a whole Parquet file .*; restore it with `dvc checkout`, or delete it"):
            read()


@pytest.mark.parametrize("name", ["2026-03-02.parquet", "2026-03-02.foreign.seg.parquet"])
def test_a_foreign_file_among_the_days_is_named_with_the_remedy(project, name):
    folder = project / "data" / "raw" / "s" / "checks"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"time": [1]}), folder / name)
    for read in (lambda: stored(), lambda: store.raw_days("s", "checks")[0].runs):
        with pytest.raises(ValueError, match=f"{name} holds no raw checks of this project; move it away"):
            read()


def test_a_file_that_is_no_day_is_named_with_the_remedy(project):
    folder = project / "data" / "raw" / "s" / "checks"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"time": [1]}), folder / "export.parquet")
    with pytest.raises(ValueError, match=r"export\.parquet is not named like a day of raw data .*; move it away"):
        store.raw_days("s", "checks")


def test_a_foreign_small_table_is_named_with_the_remedy(project):
    folder = project / "data" / "raw" / "s"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"event_id": ["1"]}), folder / "events.parquet")
    with pytest.raises(ValueError, match=r"events\.parquet holds no raw events of this project"):
        store.read_raw_table("s", "events")


def test_a_file_of_a_later_format_asks_for_newer_code(project, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(raw_store, "RAW_FORMAT", 99)
        store.append_raw("s", "checks", checks([1]))
    with pytest.raises(ValueError, match=r"has format 99, this code reads up to \d; update the code"):
        stored()
