"""Raw rows are stored once, whatever the order, the number of parts, or the moment at which a run dies."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from analytics import store, tables
from analytics.store.raw import appending
from tests import projects
from tests.store.raw import made


def test_repeating_rows_adds_nothing_and_changes_no_file(project):
    store.append_raw("s", "checks", made.checks(range(100), latency_ms=None))
    before = made.files(project)
    again = store.append_raw("s", "checks", made.checks(range(40, 80)))
    assert (again.n_new, again.n_repeated, len(again.refused)) == (0, 40, 0)
    assert made.files(project) == before


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_failed_check_repeats_itself(project, missing):
    rows = pa.table(
        [
            pa.array([missing], pa.float64(), from_pandas=False) if name == "latency_ms" else column
            for name, column in zip(tables.RAW["checks"].names, made.checks([1]).columns, strict=True)
        ],
        schema=tables.schema(tables.RAW["checks"]),
    )
    store.append_raw("s", "checks", rows)
    again = store.append_raw("s", "checks", rows)
    assert (again.n_new, again.n_repeated, len(again.refused)) == (0, 1, 0)
    assert made.stored()[0]["latency_ms"] is None


@pytest.mark.parametrize(
    ("change", "value"), [("latency_ms", 11.0), ("state", "pending"), ("status_code", 500), ("error", "refused"), ("origin", "change")]
)
def test_a_row_that_contradicts_a_stored_one_is_refused_with_the_reason(project, change, value):
    store.append_raw("s", "checks", made.checks([1, 2, 3], latency_ms=10.0))
    added = store.append_raw("s", "checks", made.checks([2, 4], **{"latency_ms": 10.0, change: value}))
    assert (added.n_new, added.n_repeated) == (1, 0)
    refused = added.refused.to_pylist()
    assert [(row["source"], row["kind"], row["place"], row["reason"]) for row in refused] == [
        ("s", "checks", "2026-03-02T00:02:00.000+00:00", "contradicts a stored row: the first is kept")
    ]
    assert '"service": "a"' in refused[0]["row"]
    assert len(made.stored()) == 4
    assert made.stored()[1]["latency_ms"] == 10.0


def test_repeats_within_one_append_are_refused_as_duplicates_or_contradictions(project):
    added = store.append_raw("s", "checks", made.checks([1, 2, 2, 2, 2], latency_ms=[1.0, 2.0, 2.0, 3.0, 3.0]))
    assert added.n_new == 2
    assert added.refused.column("reason").to_pylist() == [appending.DUPLICATE, appending.SAME_FETCH, appending.SAME_FETCH]
    assert [row["latency_ms"] for row in made.stored()] == [1.0, 2.0]


def test_sifting_tells_what_an_append_would_do_and_writes_nothing(project):
    store.append_raw("s", "checks", made.checks([1, 2], latency_ms=1.0))
    before = made.files(project)
    rows = made.checks([1, 2, 3, 3, 1500], latency_ms=[1.0, 9.0, 5.0, 5.0, 6.0])
    sifted = store.sift_raw("s", "checks", rows)
    assert sifted.new.column("latency_ms").to_pylist() == [5.0, 6.0]
    assert (sifted.n_repeated, len(sifted.duplicates), len(sifted.contradictions)) == (1, 1, 1)
    assert store.sift_raw("s", "checks", rows, afresh=True).new.num_rows == 4
    assert made.files(project) == before
    store.add_raw("s", "checks", sifted.new)
    assert [row["latency_ms"] for row in made.stored()] == [1.0, 1.0, 5.0, 6.0]


def test_what_a_killed_writer_left_is_removed_and_that_of_a_living_one_is_not(project):
    store.append_raw("s", "checks", made.checks([1]))
    folder = project / "data" / "raw" / "s" / "checks"
    dead, alive = folder / ".2026-03-02.parquet.4194303.tmp", folder / f".2026-03-02.parquet.{os.getpid()}.tmp"
    for path in (dead, alive):
        path.write_bytes(b"half")
    store.tidy_raw("s")
    assert (dead.exists(), alive.exists()) == (False, True)
    store.remove_raw("s")
    assert not folder.parent.exists()
    store.tidy_raw("s")


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), parts=st.integers(1, 6))
def test_order_of_arrival_changes_no_byte_once_days_are_compacted(tmp_path_factory, seed, parts):
    rng = np.random.default_rng(seed)
    rows = pa.concat_tables([made.checks(rng.choice(3000, 40, replace=False), service=name) for name in ("b", "ä", "a")])
    found = []
    for order in (np.arange(len(rows)), rng.permutation(len(rows))):
        with projects.opened(tmp_path_factory.mktemp("p")) as root:
            for part in np.array_split(order, parts):
                store.append_raw("s", "checks", rows.take(pa.array(part)))
            seen = made.stored()
            store.compact_raw("s", before=made.FAR)
            assert made.stored() == seen
            found.append(made.files(root))
    assert found[0] == found[1]
    assert all(len(Path(name).suffixes) == 1 for name in found[0])


def test_compaction_spares_days_that_are_not_over(project):
    store.append_raw("s", "checks", made.checks([1, 1441]))
    assert store.compact_raw("s", before=date(2026, 3, 3)) == 1
    assert ["seg" in name for name in made.files(project)] == [False, True]
    assert store.compact_raw("s", before=date(2026, 3, 3)) == 0


def test_a_run_killed_between_writing_the_day_and_removing_segments_changes_nothing(project, monkeypatch):
    for minutes in (range(50), range(50, 100), range(100, 120)):
        store.append_raw("s", "checks", made.checks(minutes))
    seen, runs = made.stored(), store.raw_days("s", "checks")[0].runs

    def killed(self, missing_ok=False):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(appending, "write_atomically", lambda path, content: path.write_bytes(content))
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            store.compact_raw("s", before=made.FAR)
    assert len(made.files(project)) == 4
    assert made.stored() == seen
    assert store.raw_days("s", "checks")[0].runs == runs
    assert store.append_raw("s", "checks", made.checks(range(120))).n_new == 0
    store.compact_raw("s", before=made.FAR)
    assert list(made.files(project)) == ["2026-03-02.parquet"]
    assert made.stored() == seen


def test_a_killed_write_leaves_no_day_half_written(project, monkeypatch):
    def killed(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            store.append_raw("s", "checks", made.checks([1]))
    assert [path for path in (project / "data" / "raw").rglob("*") if path.is_file()] == []
    assert store.append_raw("s", "checks", made.checks([1])).n_new == 1


def test_late_rows_change_only_their_day(project):
    store.append_raw("s", "checks", made.checks(range(0, 4000, 10)))
    store.compact_raw("s", before=made.FAR)
    before = made.files(project)
    store.append_raw("s", "checks", made.checks([1445]))
    store.compact_raw("s", before=made.FAR)
    after = made.files(project)
    assert [name for name in after if after[name] != before[name]] == ["2026-03-03.parquet"]
    assert len(made.stored()) == 401


def test_a_whole_day_replaces_what_was_there(project):
    store.append_raw("s", "checks", made.checks(range(10)))
    store.write_raw_day("s", "checks", date(2026, 3, 2), made.checks([3, 2]))
    assert len(made.stored()) == 2
    store.write_raw_day("t", "checks", date(2026, 3, 2), made.checks([2, 3]))
    assert made.files(project) == made.files(project, "t")


@pytest.mark.parametrize(
    ("minutes", "message"), [([1, 1], "1 repeated keys"), ([1, 1441], "rows of 2 days"), ([1441], "rows of 1 days, first 2026-03-03")]
)
def test_a_whole_day_with_wrong_rows_is_refused(project, minutes, message):
    with pytest.raises(ValueError, match=message):
        store.write_raw_day("s", "checks", date(2026, 3, 2), made.checks(minutes))


def test_refused_rows_are_kept_once_per_content(project):
    refused = store.append_raw("s", "checks", made.checks([1, 1])).refused
    for _ in range(2):
        store.append_raw("s", "quarantine", refused)
    assert store.read_raw_table("s", "quarantine").num_rows == 1


def test_small_tables_are_replaced_whole(project):
    for ids in (["1", "2"], ["3"]):
        store.write_raw("s", "events", projects.raw_events([{"event_id": one, "start": made.DAY, "kind": "deploy"} for one in ids]))
    assert store.read_raw_table("s", "events").column("event_id").to_pylist() == ["3"]
    assert store.read_raw_table("other", "events").num_rows == 0


def test_an_unknown_kind_and_missing_columns_are_named(project):
    with pytest.raises(ValueError, match="raw kind 'cheks' does not exist; there are checks"):
        store.raw_days("s", "cheks")
    with pytest.raises(ValueError, match="raw checks: columns state are missing; they are time, service"):
        store.append_raw("s", "checks", made.checks([1]).drop_columns("state"))
