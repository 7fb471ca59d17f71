"""Collecting: once however often, whole or not at all, one at a time."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from analytics import session, store
from analytics.params import Ingest
from analytics.sources import Batch, SourceError, collect as collecting
from analytics.sources.base import Discovery, no_rows
from analytics.sources.collect import collect, record
from analytics.sources.tabular import labels

NOW = pd.Timestamp("2026-03-10T12:00Z")
HEADER = "time,service,up,latency_ms\n"


def line(minute: int, service: str = "web", up: int = 1, day: int = 1) -> str:
    return f"2026-03-{day:02d}T{minute // 60:02d}:{minute % 60:02d}:00Z,{service},{up},{minute}.5\n"


def run(project: Path, *, now: pd.Timestamp = NOW, **options: Any) -> collecting.Collected:
    return collect("mine", {"kind": "files", "path": "checks.csv", **options}, root=project, now=now)


def stored(kind: str = "checks") -> list[dict[str, Any]]:
    return [row for day in store.raw_days("mine", kind) for row in store.read_raw(day).to_pylist()]


def files(project: Path) -> dict[str, bytes]:
    return {str(path.relative_to(project)): path.read_bytes() for path in sorted((project / "data" / "raw").rglob("*")) if path.is_file()}


def test_new_checks_are_stored_and_told_in_a_sentence(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0) + line(1) + line(0, "db", day=3))
    collected = run(project)
    assert collected.sentence == "mine: 3 new checks of 2 series, 2026-03-01 to 2026-03-03"
    assert [(row["service"], row["latency_ms"]) for row in stored()] == [("web", 0.5), ("web", 1.5), ("db", 0.5)]


def test_second_run_adds_nothing_and_changes_no_byte(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0) + line(1) + line(2, up=7) * 0)
    run(project)
    before = files(project)
    assert run(project).sentence == "mine: nothing new"
    assert files(project) == before


def test_file_that_is_read_again_adds_nothing(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0) + "2026-03-01T00:01:00Z,web,odd,5\n" + "".join(line(m) for m in range(2, 60)))
    assert run(project).n_refused == 1
    before = files(project)
    options = {"kind": "files", "path": "checks.csv"}
    collected = collect("mine", options, root=project, now=NOW, start=pd.Timestamp("2026-01-01T00:00Z"))
    assert (collected.n_new, collected.n_repeated, collected.n_refused) == ({"checks": 0}, 59, 0)
    assert files(project) == before


def test_file_that_only_has_another_time_of_change_is_not_read(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0))
    run(project)
    before = files(project)
    os.utime(project / "checks.csv", ns=(1, 1))
    assert counts(run(project)) == (0, 0, 0)
    assert {name for name, content in files(project).items() if content != before[name]} == {"data/raw/mine/cursor.json"}


def test_late_and_repeated_rows_change_exactly_what_they_must(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0) + line(2) + line(0, day=2))
    run(project)
    before = files(project)
    (project / "checks.csv").write_text(HEADER + line(0) + line(1) + line(2) + line(0, day=2))
    assert run(project).sentence == "mine: 1 new check of 1 series, 2026-03-01 to 2026-03-02"
    changed = {name for name, content in files(project).items() if before.get(name) != content}
    assert changed == {"data/raw/mine/cursor.json", "data/raw/mine/checks/2026-03-01.parquet"}
    assert [row["latency_ms"] for row in stored()] == [0.5, 1.5, 2.5, 0.5]


def test_days_that_are_over_are_compacted_and_today_is_not(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0, day=9) + line(0, day=10))
    assert run(project).n_days_compacted == 1
    names = [path.name for path in sorted((project / "data/raw/mine/checks").iterdir())]
    assert names[0] == "2026-03-09.parquet"
    assert names[1].startswith("2026-03-10.")
    assert names[1].endswith(".seg.parquet")


def test_rows_stored_do_not_depend_on_their_order(project: Path) -> None:
    rows = [line(m, service, day=day) for day in (1, 2, 3) for service in ("web", "db") for m in range(50)]
    (project / "checks.csv").write_text(HEADER + "".join(rows))
    run(project)
    one = {name: content for name, content in files(project).items() if "cursor" not in name}
    for path in sorted((project / "data/raw/mine").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (project / "checks.csv").write_text(HEADER + "".join(rows[::-1]))
    run(project)
    assert {name: content for name, content in files(project).items() if "cursor" not in name} == one


def test_too_many_refused_rows_store_nothing_and_show_the_first_ten(project: Path) -> None:
    (project / "checks.csv").write_text(
        HEADER + "".join(line(m) for m in range(80)) + "".join(f"2026-03-01T02:{m:02d}:00Z,web,odd,5\n" for m in range(20))
    )
    with pytest.raises(
        SourceError,
        match=r"20 of 100 rows were refused, more than the 5% .* nothing was stored. The first 10:\n  checks.csv:82: state 'odd'",
    ) as error:
        run(project)
    assert [text.startswith("  checks.csv:") for text in str(error.value).splitlines()].count(True) == 10
    assert not (project / "data" / "raw").exists()


def test_share_of_refused_rows_is_a_parameter(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0) + "2026-03-01T02:00:00Z,web,odd,5\n")
    options = {"kind": "files", "path": "checks.csv"}
    collected = collect("mine", options, root=project, now=NOW, ingest=Ingest(max_rejected_share=0.5))
    assert collected.sentence == "mine: 1 new check of 1 series, 2026-03-01 to 2026-03-01; 1 row refused"
    assert store.read_raw_table("mine", "quarantine").to_pylist()[0]["place"] == "checks.csv:3"


def test_refused_rows_are_told_with_their_reasons(project: Path) -> None:
    bad = "".join(f"2026-03-01T02:0{m}:00Z,web,1,-{m}\n" for m in (1, 2)) + "2026-03-01T02:03:00Z,web,,5\n"
    (project / "checks.csv").write_text(HEADER + line(0) + bad)
    collected = collect("mine", {"kind": "files", "path": "checks.csv"}, root=project, now=NOW, ingest=Ingest(max_rejected_share=0.9))
    assert collected.sentences[-3:] == [
        "mine: 1 new check of 1 series, 2026-03-01 to 2026-03-01; 3 rows refused",
        "  2 rows refused: latency … ms is negative; first checks.csv:3: 2026-03-01T02:01:00Z,web,1,-1",
        "  1 row refused: state is empty; first checks.csv:5: 2026-03-01T02:03:00Z,web,,5",
    ]


def test_repeated_and_contradicting_rows_go_to_quarantine(project: Path) -> None:
    repeats = line(0).replace("0.5", "7.5") + line(1)
    (project / "checks.csv").write_text(HEADER + line(0) + repeats + "".join(line(m) for m in range(1, 60)))
    collected = run(project)
    assert stored()[0]["latency_ms"] == 0.5
    reasons = [row["reason"] for row in store.read_raw_table("mine", "quarantine").to_pylist()]
    assert sorted(reason.partition(" ")[0] for reason in reasons) == ["contradicts", "duplicate:"]
    assert collected.n_refused == 2


def test_file_that_says_everything_twice_loses_nothing(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + "".join(line(m) for m in range(20)) * 2)
    assert counts(run(project)) == (20, 0, 20)


def test_places_that_are_not_told_apart_are_refused_and_their_column_named(project: Path) -> None:
    rows = [f"2026-03-01T00:{m:02d}:00Z,web,{city},1,{m + n}\n" for m in range(20) for n, city in enumerate(("oslo", "rome", "lima"))]
    (project / "checks.csv").write_text("time,service,city,up,latency_ms\n" + "".join(rows))
    with pytest.raises(SourceError, match=r"(?s)40 of 60 rows were refused.*contradicts a row of the same fetch.*not used: city"):
        run(project)
    assert not (project / "data" / "raw").exists()
    assert counts(run(project, columns={"region": "city"})) == (60, 0, 0)


def test_contradictions_count_before_anything_is_stored(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + "".join(line(m) for m in range(20)))
    run(project)
    before = files(project)
    (project / "checks.csv").write_text(HEADER + "".join(line(m).replace(".5", ".7") for m in range(20)) + line(30))
    with pytest.raises(SourceError, match=r"(?s)20 of 21 rows were refused.*contradicts a stored row.*analytics collect --again mine"):
        run(project)
    assert files(project) == before
    collected = collect("mine", {"kind": "files", "path": "checks.csv"}, root=project, now=NOW, again=True)
    assert counts(collected) == (21, 0, 0)
    assert [row["latency_ms"] % 1 for row in stored()] == pytest.approx([0.7] * 20 + [0.5])


def test_collecting_again_what_has_no_rows_keeps_what_is_stored(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0))
    run(project)
    before = files(project)
    (project / "checks.csv").write_text(HEADER)
    with pytest.raises(SourceError, match="gave no rows; what is stored of it was left as it is"):
        collect("mine", {"kind": "files", "path": "checks.csv"}, root=project, now=NOW, again=True)
    assert files(project) == before


def test_fetch_from_a_time_hides_nothing_that_lies_before_it(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0, day=1) + line(0, day=5))
    options = {"kind": "files", "path": "checks.csv"}
    late = collect("mine", options, root=project, now=NOW, start=pd.Timestamp("2026-03-04T00:00Z"))
    assert (counts(late), counts(run(project)), counts(run(project))) == ((1, 0, 0), (1, 1, 0), (0, 0, 0))


def test_time_of_a_timed_source_moves_only_without_a_gap(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endless, "fetch", lambda *_: iter([Batch("metrics", metric_rows(), no_rows("quarantine"))]))
    monkeypatch.setattr(collecting, "open_source", lambda *_, **__: Endless())
    last = []
    for start in ("2026-02-01T00:00Z", None, "2026-03-05T00:00Z", "2026-02-01T00:00Z"):
        collect("mine", {}, root=project, now=NOW, start=None if start is None else pd.Timestamp(start))
        last.append(store.cursor("mine")["last"])
    assert last == [None, *["2026-03-01T00:01:00+00:00"] * 3]


def test_litter_of_a_killed_collector_is_removed(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0))
    run(project)
    litter = project / "data" / "raw" / "mine" / "checks" / ".2026-03-01.parquet.4194303.tmp"
    litter.write_bytes(b"half")
    run(project)
    assert not litter.exists()


def test_check_in_the_future_is_refused_beyond_what_clocks_differ(project: Path) -> None:
    (project / "checks.csv").write_text(
        HEADER + "".join(line(m, day=1) for m in range(60)) + line(12 * 60 + 4, day=10) + line(12 * 60 + 6, day=10)
    )
    collected = run(project)
    assert (collected.n_new["checks"], collected.n_refused) == (61, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"units": {"latency": "ms"}}, {"units": {"latency": "s"}}),
        ({"columns": {"region": "latency_s"}}, {}),
        ({"timezone": "UTC"}, {"timezone": "Asia/Tokyo"}),
        ({"service": "all", "columns": {}}, {}),
    ],
)
def test_other_options_stop_until_what_is_stored_is_replaced(project: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    (project / "checks.csv").write_text("time,service,up,latency_s\n2026-03-01T00:00:00Z,web,1,5\n")
    run(project, **before)
    kept = files(project)
    with pytest.raises(
        SourceError, match=r"options changed since its rows were stored \(.*; `analytics collect --again mine` replaces them"
    ):
        run(project, **after)
    assert files(project) == kept
    collect("mine", {"kind": "files", "path": "checks.csv", **after}, root=project, now=NOW, again=True)
    assert len(stored()) == 1
    assert counts(run(project, **after)) == (0, 0, 0)


def test_one_signal_more_of_a_wide_table_is_added(project: Path) -> None:
    (project / "checks.csv").write_text("time,service,c,m\n2026-03-01T00:00:00Z,web,5,7\n")
    cpu, memory = {"column": "c", "unit": "percent"}, {"column": "m", "unit": "MB"}
    run(project, holds="metrics", signals={"cpu": cpu})
    assert counts(run(project, holds="metrics", signals={"cpu": cpu, "memory": memory})) == (1, 1, 0)
    with pytest.raises(SourceError, match=r"options changed .* \(signals\.cpu\)"):
        run(project, holds="metrics", signals={"cpu": memory})


def growing(project: Path, *texts: str, name: str = "checks.csv", **options: Any) -> list[collecting.Collected]:
    """One file with each text in turn, collected each time."""
    found = []
    for text in texts:
        (project / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        found.append(collect("mine", {"kind": "files", "path": name, **options}, root=project, now=NOW))
    return found


def counts(collected: collecting.Collected) -> tuple[int, int, int]:
    return sum(collected.n_new.values()), collected.n_repeated, collected.n_refused


@pytest.mark.parametrize("name", ["checks.csv", "checks.csv.gz", "checks.tsv"])
def test_of_a_file_that_has_grown_only_the_new_rows_are_read(project: Path, name: str) -> None:
    texts = [HEADER + "".join(line(m) for m in range(n)) for n in (60, 63, 63, 70)]
    texts = [text.replace(",", "\t") for text in texts] if name.endswith(".tsv") else texts
    assert [counts(one) for one in growing(project, *texts, name=name)] == [(60, 0, 0), (3, 0, 0), (0, 0, 0), (7, 0, 0)]
    assert [row["latency_ms"] for row in stored()] == [m + 0.5 for m in range(70)]


def test_json_lines_that_have_grown_are_read_on(project: Path) -> None:
    rows = [f'{{"time": "2026-03-01T00:{m:02d}:00Z", "service": "web", "up": true}}\n' for m in range(9)]
    assert [counts(one) for one in growing(project, "".join(rows[:5]), "".join(rows), name="checks.jsonl")] == [(5, 0, 0), (4, 0, 0)]


def test_file_that_has_changed_at_its_beginning_is_read_whole(project: Path) -> None:
    first = HEADER + "".join(line(m) for m in range(10))
    changed = first.replace("web,1,3.5", "web,1,9.5") + line(10)
    (project / "params.yaml").write_text("ingest: {max_rejected_share: 0.5}\nsources: {}\n")
    assert [counts(one) for one in growing(project, first, changed)] == [(10, 0, 0), (1, 9, 1)]


def test_file_that_has_been_cut_is_read_whole(project: Path) -> None:
    texts = [HEADER + "".join(line(m) for m in numbers) for numbers in (range(10), range(20, 23))]
    assert [counts(one) for one in growing(project, *texts)] == [(10, 0, 0), (3, 0, 0)]


def test_row_without_line_end_is_read_again_when_it_has_one(project: Path) -> None:
    text = HEADER + line(0) + line(1)
    assert [counts(one) for one in growing(project, text[:-1], text + line(2))] == [(2, 0, 0), (1, 1, 0)]


def test_place_of_a_row_is_its_line_in_a_file_that_has_grown(project: Path) -> None:
    first = HEADER + "".join(line(m) for m in range(60))
    (project / "params.yaml").write_text("ingest: {max_rejected_share: 0.9}\nsources: {}\n")
    growing(project, first, first + line(60) + "2026-03-01T02:00:00Z,web,odd,5\n")
    assert store.read_raw_table("mine", "quarantine").to_pylist()[0]["place"] == "checks.csv:63"


def test_rows_of_the_future_are_read_again_once_their_time_has_come(project: Path) -> None:
    text = HEADER + "".join(line(m) for m in range(60)) + line(13 * 60, day=10)
    (first,) = growing(project, text)
    (project / "checks.csv").write_text(text + line(14 * 60, day=10))
    later = run(project, now=NOW + pd.Timedelta("1D"))
    assert (first.n_refused, later.n_new) == (1, {"checks": 2})


def test_hours_that_a_clock_repeats_are_told_by_rows_that_came_later(project: Path) -> None:
    lines = [f"2026-10-25 {hour},web,1,5\n" for hour in ("00:30", "01:30", "02:30", "02:30", "03:30")]
    texts = [HEADER + "".join(lines[:n]) for n in (3, 5)]
    (project / "params.yaml").write_text("ingest: {max_rejected_share: 0.9}\nsources: {}\n")
    for text in texts:
        (project / "checks.csv").write_text(text)
        run(project, now=pd.Timestamp("2026-11-01T00:00Z"), timezone="Europe/Zurich")
    assert [row["time"].hour for row in stored()] == [22, 23, 0, 1, 2]


def test_a_file_that_has_grown_is_read_as_its_first_rows_say(project: Path) -> None:
    first = "time;service;up;latency_ms\n2026-03-01T00:00:00Z;web;1;0,5\n"
    growing(project, first, first + "2026-03-01T00:01:00Z;web;1;1,500\n")
    assert [row["latency_ms"] for row in stored()] == [0.5, 1.5]


def test_second_unit_of_a_series_is_refused(project: Path) -> None:
    def sample(minute: int, service: str, value: int, unit: str) -> str:
        return f"2026-03-01T00:{minute:02d}:00Z,{service},memory,{value},{unit}\n"

    (project / "params.yaml").write_text("ingest: {max_rejected_share: 0.3}\nsources: {}\n")
    path = project / "checks.csv"
    path.write_text("time,service,signal,value,unit\n" + "".join(sample(m, s, 900 + m, "MB") for m in range(4) for s in ("web", "db")))
    with path.open("a") as file:
        file.write(sample(5, "web", 1, "GB") + sample(5, "mail", 1, "GB"))
    assert counts(run(project, holds="metrics")) == (9, 0, 1)
    with path.open("a") as file:
        file.write("".join(sample(m, "mail", m, "GB") for m in range(6, 20)) + sample(6, "web", 2, "GB"))
    collected = run(project, holds="metrics")
    assert counts(collected) == (14, 0, 1)
    assert collected.refused[0].text == "is in GB, other rows of its series in MB; convert it"


class Endless:
    """A source that hands over one batch and then waits to be interrupted."""

    name, late_s = "mine", 3600

    def discover(self) -> Discovery:
        return Discovery(["endless"])

    def resume(self, state: dict[str, Any]) -> None: ...

    def state(self) -> dict[str, Any]:
        return {}

    def meaning(self) -> dict[str, Any]:
        return {}

    def fetch(self, start: pd.Timestamp | None, end: pd.Timestamp) -> Iterator[Batch]:
        yield Batch("metrics", metric_rows(), no_rows("quarantine"))
        raise KeyboardInterrupt


def metric_rows() -> pa.Table:
    times = pa.array([1772323200000, 1772323260000]).cast(pa.timestamp("ms", tz="UTC"))
    zero = [0, 0]
    return pa.table(
        [times, labels(["web"], zero), labels(["default"], zero), labels(["cpu"], zero), pa.array([0.1, 0.2]), labels(["fraction"], zero)],
        schema=no_rows("metrics").schema,
    )


def test_interrupted_fetch_stores_nothing_and_leaves_no_litter(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    litter = project / "data" / ".staging"
    (litter / "collect-mine-4194303").mkdir(parents=True)
    monkeypatch.setattr(collecting, "open_source", lambda *_, **__: Endless())
    with pytest.raises(KeyboardInterrupt):
        collect("mine", {}, root=project, now=NOW)
    assert not (project / "data" / "raw").exists()
    assert list(litter.iterdir()) == []


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", ".hidden", "", "x" * 101, "a*"])
def test_source_whose_name_cannot_be_a_folders_is_refused_before_anything_is_written(name: str, project: Path) -> None:
    before = sorted(project.rglob("*"))
    with pytest.raises(SourceError, match="cannot be a folder's name"):
        collect(name, {"kind": "files", "path": "checks.csv"}, root=project, now=NOW)
    assert sorted(project.rglob("*")) == before


def test_fetch_spares_the_folders_of_other_fetches_and_stages(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0))
    others = [project / "data" / ".staging" / f"{name}-{os.getppid()}" for name in ("collect-mine-too", "ingest")]
    for folder in others:
        folder.mkdir(parents=True)
    run(project)
    assert all(folder.is_dir() for folder in others)


def test_stage_spares_the_folder_of_a_fetch(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: Any) -> Iterator[Batch]:
        with session.staging_folder(project, "ingest"):
            yield Batch("metrics", metric_rows(), no_rows("quarantine"))

    source = Endless()
    monkeypatch.setattr(source, "fetch", fetch)
    monkeypatch.setattr(collecting, "open_source", lambda *_, **__: source)
    assert collect("mine", {}, root=project, now=NOW).n_new == {"metrics": 2}


def test_run_killed_while_storing_is_completed_by_the_next(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "checks.csv").write_text(HEADER + "".join(line(m, day=day) for day in (1, 2, 3) for m in range(5)))
    run(project)
    whole = files(project)
    for path in sorted((project / "data/raw/mine").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    calls = iter(range(10))

    def failing(*args: Any) -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt
        append(*args)

    append = store.add_raw
    monkeypatch.setattr(store, "add_raw", failing)
    with pytest.raises(KeyboardInterrupt):
        run(project)
    assert store.cursor("mine") == {}
    monkeypatch.undo()
    monkeypatch.setenv("ANALYTICS_ROOT", str(project))
    assert run(project).n_new == {"checks": 5}
    assert files(project) == whole


def test_two_collectors_of_one_source_are_kept_apart(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0))
    hold = "from analytics.sources import collect as c\nwith c._only_one('mine'):\n    print('held', flush=True)\n    input()\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(SourceError, match=rf"being collected by another process \(process {holder.pid}\); wait until it has finished"):
            run(project)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        for stream in (holder.stdin, holder.stdout):
            assert stream is not None
            stream.close()
    # A killed holder releases its lock.
    assert run(project).n_new == {"checks": 1}


def test_late_data_of_a_timed_source_are_asked_for_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[pd.Timestamp | None] = []

    class Timed(Endless):
        def fetch(self, start: pd.Timestamp | None, end: pd.Timestamp) -> Iterator[Batch]:
            asked.append(start)
            yield Batch("metrics", metric_rows(), no_rows("quarantine"))

    monkeypatch.setattr(collecting, "open_source", lambda *_, **__: Timed())
    assert collect("mine", {}, root=project, now=NOW).n_new == {"metrics": 2}
    assert collect("mine", {}, root=project, now=NOW).n_new == {"metrics": 0}
    assert asked == [None, pd.Timestamp("2026-02-28T23:01:00Z")]


def test_recording_needs_dvc(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0))
    run(project)
    assert record("mine", root=project) is False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_recording_writes_the_dvc_file(project: Path) -> None:
    (project / "checks.csv").write_text(HEADER + line(0))
    run(project)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=project, check=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"})
    assert record("mine", root=project) is True
    assert "data/raw/mine.dvc" in {str(path.relative_to(project)) for path in (project / "data/raw").glob("*.dvc")}
