"""What is stored of a source is read back; what cannot be is named with the remedy."""

from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics import store
from tests import projects
from tests.store.raw import made


def test_rows_come_back_as_they_were_sorted_by_key(project):
    rows = pa.concat_tables([made.checks([5, 3], service="b"), made.checks([3, 1500], service="a", region="é")])
    assert store.append_raw("s", "checks", rows).n_new == 4
    expected = sorted(rows.to_pylist(), key=lambda row: (row["time"].date(), row["service"], row["region"], row["monitor"], row["time"]))
    assert made.stored() == expected
    assert [day.day for day in store.raw_days("s", "checks")] == [date(2026, 3, 2), date(2026, 3, 3)]


@pytest.mark.parametrize("segments", [[range(50)], [range(50), range(50, 100)]], ids=["renamed", "merged"])
def test_a_day_that_is_compacted_after_it_was_listed_is_read_all_the_same(project, segments):
    for minutes in segments:
        store.append_raw("s", "checks", made.checks(minutes))
    [listed] = store.raw_days("s", "checks")
    rows, runs = store.read_raw(listed), listed.runs
    store.compact_raw("s", before=made.FAR)
    assert not any(path.exists() for path in listed.paths)
    assert store.read_raw(listed).equals(rows)
    assert listed.runs == runs
    assert listed.key == store.raw_days("s", "checks")[0].key


def test_a_day_that_is_gone_names_the_file(project):
    store.append_raw("s", "checks", made.checks(range(5)))
    [listed] = store.raw_days("s", "checks")
    listed.paths[0].unlink()
    with pytest.raises(FileNotFoundError, match=listed.paths[0].name):
        store.read_raw(listed)


def test_runs_tell_first_last_number_and_usual_interval(project):
    rows = pa.concat_tables(
        [made.checks([0, 1, 2, 3, 9]), made.checks([5], service="b"), made.checks([5, 10, 15], service="b", monitor="n")]
    )
    store.append_raw("s", "checks", rows)
    start = int(made.DAY.timestamp() * 1000)
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
        store.append_raw("s", "checks", made.checks(minutes))
    before = store.raw_days("s", "checks")[0].runs
    store.compact_raw("s", before=made.FAR)
    assert store.raw_days("s", "checks")[0].runs == before
    assert [(run.n, run.interval_ms) for run in before] == [(61, 60_000)]


def test_metrics_keep_their_unit_in_the_runs(project):
    frame = pd.DataFrame({"time": [made.DAY], "service": "a", "signal": "cpu", "value": [0.5], "unit": "fraction"})
    store.append_raw("s", "metrics", projects.raw_metrics(frame))
    assert [run.unit for run in store.raw_days("s", "metrics")[0].runs] == ["fraction"]


def test_a_half_written_day_names_the_file_and_the_remedy(project):
    store.append_raw("s", "checks", made.checks(range(100)))
    path = store.raw_days("s", "checks")[0].paths[0]
    path.write_bytes(path.read_bytes()[:-20])
    for read in (lambda: made.stored(), lambda: store.raw_days("s", "checks")[0].runs):
        with pytest.raises(ValueError, match=f"{path.name} is not a whole Parquet file .*; restore it with `dvc checkout`, or delete it"):
            read()


@pytest.mark.parametrize("name", ["2026-03-02.parquet", "2026-03-02.foreign.seg.parquet"])
def test_a_foreign_file_among_the_days_is_named_with_the_remedy(project, name):
    folder = project / "data" / "raw" / "s" / "checks"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"time": [1]}), folder / name)
    for read in (lambda: made.stored(), lambda: store.raw_days("s", "checks")[0].runs):
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


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "/abs"])
def test_a_source_is_one_folder_s_name(project, name):
    with pytest.raises(ValueError, match="cannot be a folder's name"):
        store.append_raw(name, "checks", made.checks([1]))


@pytest.mark.parametrize(("n_rows", "expected"), [(1, ["a", "b", "c"]), (40, ["a", "b", "c"]), (75, ["ab", "c"]), (1000, ["abc"])])
@pytest.mark.parametrize("is_compact", [True, False])
def test_parts_are_whole_services_and_together_the_day(project, n_rows, expected, is_compact):
    for service, n in (("a", 30), ("b", 40), ("c", 50)):
        store.append_raw("s", "checks", made.checks(range(n), service=service))
    if is_compact:
        store.compact_raw("s", before=made.FAR)
    (day,) = store.raw_days("s", "checks")
    wanted = ["service", "time", "latency_ms", "state"]
    parts = list(store.read_raw_parts(day, wanted, n_rows=n_rows))
    assert pa.concat_tables(parts).unify_dictionaries().to_pylist() == store.read_raw(day, wanted).to_pylist()
    services = ["".join(sorted(set(part.column("service").to_pylist()))) for part in parts]
    # Segments that are not merged yet are merged in memory, and then one piece.
    assert services == (expected if is_compact else ["abc"])


def test_parts_of_a_day_that_was_compacted_since_are_found(project):
    store.append_raw("s", "checks", made.checks(range(5)))
    store.append_raw("s", "checks", made.checks(range(5), service="b"))
    (day,) = store.raw_days("s", "checks")
    store.compact_raw("s", before=made.FAR)
    assert sum(len(part) for part in store.read_raw_parts(day, ["service"], n_rows=4)) == 10
