"""Between two runs of the chain what breaks is told one step later, once, by the ids of the chain, and nothing of the chain is written."""

import json
import sys

import pandas as pd
import pytest

from analytics import cli, params, store, watch
from tests import projects
from tests.watched import CUT, ROWS, begin, bring, chain, feed

TABLES = ("scores", "anomalies", "anomaly_members", "anomaly_course", "suppressed", "alerts", "alert_changes")
NBSP = "\u00a0"


@pytest.fixture
def watched(project):
    """A project whose chain has run until the cut."""
    begin(project)
    return project


def look(root, minutes, **more):
    """A pass so many minutes after the cut, of what has been measured by then."""
    clock = CUT + pd.Timedelta(minutes=minutes)
    feed(root, clock)
    return watch.watch(root, clock=clock, **more)


def told(root):
    path = root / "told.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def changes(root):
    """What was told of which service, in order."""
    return [(one["change"], one["alert"]["service"]) for one in told(root)]


def known(name):
    with store.newest():
        return store.load(name)


def test_what_breaks_is_told_a_step_later_once_and_when_it_is_over(watched):
    assert look(watched, 5).lines == [f"judged until 13{NBSP}Mar{NBSP}00:05", f"  0{NBSP}open alerts", f"lines: 0{NBSP}messages sent"]
    assert look(watched, 10).now == CUT + pd.Timedelta(minutes=10)
    (first,) = told(watched)
    assert (first["change"], first["alert"]["service"], first["alert"]["detected_at"]) == ("opened", "web", "2026-03-13T00:10:00Z")
    look(watched, 10)
    assert len(told(watched)) == 1
    for minutes in (15, 30, 45, 60, 85):
        look(watched, minutes)
    assert changes(watched)[0] == ("opened", "web")
    assert changes(watched)[-1] == ("resolved", "web")
    assert {service for _, service in changes(watched)} == {"web"}
    assert {one["alert"]["alert_id"] for one in told(watched)} == {first["alert"]["alert_id"]}


def test_a_step_is_judged_when_it_is_over(watched):
    look(watched, 9)
    assert not told(watched)
    assert known("anomalies").empty


def test_missed_passes_are_caught_up_with_to_the_same_tables(watched, tmp_path):
    for minutes in (10, 15, 35, 60):
        look(watched, minutes, is_sent=False)
    steps = {name: known(name) for name in TABLES}
    (watched / "data" / "live" / "known_until").unlink()
    look(watched, 60, is_sent=False)
    for name in TABLES:
        pd.testing.assert_frame_equal(known(name), steps[name])


def test_the_chain_finds_the_same_by_the_same_ids(watched):
    look(watched, 60)
    seen = {name: known(name) for name in TABLES}
    chain()
    look(watched, 60)
    for name in TABLES:
        pd.testing.assert_frame_equal(store.load(name), seen[name])
    assert changes(watched) == [("opened", "web")]


def test_nothing_of_the_chain_is_written(watched):
    before = projects.outputs(watched)
    look(watched, 30)
    assert projects.outputs(watched) == before


def test_what_the_chain_knows_later_counts(watched):
    look(watched, 30)
    assert known("alerts")["state"].tolist() == ["updated"]
    bring(watched, CUT + pd.Timedelta(minutes=90))
    chain()
    assert known("alerts")["state"].tolist() == ["resolved"]


def test_the_newest_scores_are_kept_and_an_outage_has_a_high_one(watched):
    look(watched, 15)
    scores = known("scores").merge(known("series")[["series_id", "service", "signal"]], on="series_id")
    score = scores.set_index(["service", "signal"])["score"]
    assert score["web", "availability"] > 90
    assert (scores["time"] <= CUT + pd.Timedelta(minutes=15)).all()
    assert score["api", "availability"] == 0


def test_panels_of_weeks_that_the_chain_knows_are_not_kept(watched):
    folder = watched / "data" / "live" / "panels" / "signals"
    folder.mkdir(parents=True)
    (folder / "b0000-300s-20260302.parquet").write_bytes(b"of last week")
    look(watched, 5)
    assert [path.name for path in folder.iterdir()] == ["b0000-300s-20260309.parquet"]


def test_two_passes_at_once_are_one(watched):
    import filelock

    with filelock.FileLock(watched / "data" / ".locks" / "watch.lock"), pytest.raises(watch.Busy, match="another process is watching"):
        look(watched, 30)
    assert not told(watched)


def test_a_source_that_fails_is_said_and_the_stored_rows_are_judged(watched):
    bring(watched, CUT + pd.Timedelta(minutes=30))
    (watched / "checks.csv").unlink()
    seen = watch.watch(watched, clock=CUT + pd.Timedelta(minutes=30))
    assert "checks.csv" in seen.problems[0]
    assert changes(watched) == [("opened", "web")]


def killed(now):
    raise KeyboardInterrupt


def test_a_pass_that_is_killed_leaves_what_was_known(watched, monkeypatch):
    look(watched, 10)
    with monkeypatch.context() as broken:
        broken.setattr(store, "mark_newest", killed)
        with pytest.raises(KeyboardInterrupt):
            look(watched, 60)
    assert store.known_until() == CUT + pd.Timedelta(minutes=10)
    look(watched, 60)
    assert changes(watched)[0] == ("opened", "web")


def listen(root, minutes, *, silent, **more):
    """A pass so many minutes after the cut; `silent`: service (None: all) -> minutes from which to which nothing of it is measured."""
    clock = CUT + pd.Timedelta(minutes=minutes)
    rows = ROWS[ROWS["time"] < clock]
    for service, (first, last) in silent.items():
        is_gone = (rows["time"] >= CUT + pd.Timedelta(minutes=first)) & (rows["time"] < CUT + pd.Timedelta(minutes=last))
        rows = rows[~(is_gone & (service is None or rows["service"] == service))]
    rows.to_csv(root / "checks.csv", index=False)
    return watch.watch(root, clock=clock, **more)


def test_a_service_that_falls_silent_is_told_once_and_when_it_is_back(watched):
    for minutes in (10, 15, 55):
        seen = listen(watched, minutes, silent={"db": (0, 50)})
        is_said = f"  silent     db: no data in default since 13{NBSP}Mar{NBSP}00:00" in seen.lines
        assert is_said == (15 <= minutes < 55)
    assert [one for one in changes(watched) if one[1] == "db"] == [("opened", "db")]
    listen(watched, 70, silent={"db": (0, 50)})
    mine = [one for one in told(watched) if one["alert"]["service"] == "db"]
    assert [one["change"] for one in mine] == ["opened", "resolved"]
    assert mine[0]["alert"]["detected_at"] == "2026-03-13T00:15:00Z"
    assert mine[1]["alert"]["end"] == "2026-03-13T00:50:00Z"
    seen = known("alerts")
    chain()
    pd.testing.assert_frame_equal(store.load("alerts"), seen)


def test_data_that_stop_are_one_alert_until_they_are_back(watched):
    for minutes in (5, 20, 120):
        seen = listen(watched, minutes, silent={None: (5, 125)})
    assert seen.now == CUT + pd.Timedelta(minutes=5)
    assert f"  silent     all services: no data since 13{NBSP}Mar{NBSP}00:05" in seen.lines
    assert changes(watched) == [("opened", "all services")]
    assert store.known_until() == CUT + pd.Timedelta(minutes=120)
    listen(watched, 145, silent={None: (5, 125)})
    assert changes(watched)[1:] == [("resolved", "all services")]
    seen = known("alerts")
    chain()
    pd.testing.assert_frame_equal(store.load("alerts"), seen)


def test_data_that_only_came_late_take_the_alert_back(watched):
    listen(watched, 20, silent={None: (0, 20)})
    look(watched, 25)
    assert changes(watched)[:2] == [("opened", "all services"), ("withdrawn", "all services")]


def test_without_anything_new_it_knows_what_the_chain_does(project):
    monday = CUT - pd.Timedelta(days=4)
    begin(project, until=monday)
    seen = watch.watch(project, clock=monday + pd.Timedelta(minutes=20), is_collected=False)
    assert seen.now == monday
    assert f"  silent     all services: no data since 9{NBSP}Mar{NBSP}00:00" in seen.lines


def test_without_a_chain_the_remedy_is_named(project):
    (project / "params.yaml").write_text(params.dump(params.Params(sources={})), encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="run --all"):
        watch.watch(project, clock=CUT)


@pytest.fixture
def say(monkeypatch, capsys):
    """Runs `analytics watch`; its exit code, what it says and what it complains of."""

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["analytics", "watch", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return command


def test_the_command_goes_on_every_few_minutes_until_it_is_stopped(watched, say, monkeypatch):
    clock = [CUT]

    def sleep(seconds):
        assert 0 < seconds <= 300
        if clock[0] > CUT + pd.Timedelta(minutes=20):
            raise KeyboardInterrupt
        clock[0] += pd.Timedelta(minutes=5)
        feed(watched, clock[0])

    monkeypatch.setattr("analytics.cli.base.now", lambda: clock[0])
    monkeypatch.setattr("time.sleep", sleep)
    code, said, _ = say("--every", "5min")
    assert code == cli.STOPPED
    assert said.count("judged until") == 6
    assert changes(watched)[0] == ("opened", "web")


def test_the_command_fails_when_a_source_does_and_tells_nobody_when_asked_not_to(watched, say, monkeypatch):
    monkeypatch.setattr("analytics.cli.base.now", lambda: CUT + pd.Timedelta(minutes=30))
    feed(watched, CUT + pd.Timedelta(minutes=30))
    assert say("--no-send", "--quiet") == (0, "", "")
    assert not told(watched)
    (watched / "checks.csv").unlink()
    code, _, complaint = say("--no-send")
    assert code == cli.FAILED
    assert "checks.csv" in complaint
    assert say("--no-send", "--no-collect", "--quiet")[0] == 0
