"""`analytics drift …`: what is open, what is accepted, what is taken back."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from analytics import cli, store
from tests import projects
from tests.alerts.made import plain
from tests.drift import made
from tests.shown import shown


@pytest.fixture
def say(project, monkeypatch, capsys):
    """Runs a command two weeks after the Monday; its exit code, what it says and what it complains of."""
    monkeypatch.setattr("analytics.cli.base.now", lambda: made.NOW)

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["analytics", "drift", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), plain(said.out).splitlines(), plain(said.err).splitlines()

    return command


def publish(*rows, **more):
    """Tables of the drifts of these changes; the drifts."""
    found = made.found(*rows, **more)
    known = made.series(*sorted({row["series_id"] for row in rows}))
    store.save(found.drifts, "drifts")
    store.save(found.members, "drift_members")
    store.save(known, "series")
    return found.drifts


WEB = [made.change("web/eu/latency_ms", start=0, effect=0.2), made.change("web/us/latency_ms", start=0.5, effect=0.2)]
API = made.change("api/eu/latency_ms", start=100, effect=-0.3, direction="improvement")
OVER = made.change("db/eu/latency_ms", start=50, end=90)


def test_open_drifts_are_listed_with_their_ids(say):
    drifts = publish(*WEB, API, OVER)
    of = drifts.set_index(drifts["service"].astype(str))["drift_id"]
    code, said, _ = say("list")
    assert code == 0
    assert said == [
        f"  29  open       web became 20 % slower on 2 Mar  [{of['web']}]",
        f" \N{MINUS SIGN}50  open       api in eu became 30 % faster on 6 Mar  [{of['api']}]",
        "2 open drifts, 1 reverted",
    ]
    assert f"  51  reverted   db in eu became 50 % slower on 4 Mar  [{of['db']}]" in "\n".join(say("list", "--all")[1])


def test_nothing_is_open_is_a_sentence(say):
    publish(OVER)
    assert say("list")[1] == ["0 open drifts, 1 reverted"]


def test_accepting_writes_a_row_for_each_series_with_its_onset(say):
    (drift_id,) = publish(*WEB)["drift_id"]
    code, said, _ = say("accept", drift_id[:6], "--reason", "new search, slower but better", "--author", "ada")
    assert code == 0
    assert said == [
        "written to data/decisions/rebaselines.csv (commit it): web became 20 % slower on 2 Mar; it is the new normal for 2 series",
        "it counts from the next run on: analytics run --all",
    ]
    rows = store.decisions("rebaselines")
    assert rows["series_id"].tolist() == ["web/eu/latency_ms", "web/us/latency_ms"]
    assert rows["start"].tolist() == [made.at(0), made.at(0.5)]
    assert set(rows["drift_id"]) == {drift_id}
    assert set(rows["author"]) == {"ada"}
    # Of data that are older than the decision it counts from their end on.
    assert (rows["time"] <= made.NOW).all()
    assert made.found(*WEB, decisions=rows).drifts["state"].tolist() == ["accepted"]


def test_a_decision_can_be_taken_back_and_made_again_but_not_twice(say):
    (drift_id,) = publish(*WEB)["drift_id"]
    assert say("reject", drift_id, "--reason", "x")[2][0].endswith("it is not accepted, so there is nothing to take back")
    assert say("accept", drift_id, "--reason", "x")[0] == 0
    assert say("accept", drift_id, "--reason", "x")[2][0].endswith("it is accepted already")
    assert say("reject", drift_id, "--reason", "a mistake")[1][0].endswith("it is open again for 2 series")
    assert made.found(*WEB, decisions=store.decisions("rebaselines")).drifts["state"].tolist() == ["open"]


def test_who_decides_is_whom_git_knows(say, project, monkeypatch):
    import subprocess

    subprocess.run(["git", "-C", str(project), "init", "-q"], check=True)
    subprocess.run(["git", "-C", str(project), "config", "user.name", "Ada L."], check=True)
    (drift_id,) = publish(*WEB)["drift_id"]
    say("accept", drift_id, "--reason", "x")
    assert set(store.decisions("rebaselines")["author"]) == {"Ada L."}


def test_an_unknown_id_is_answered_with_the_nearest_and_nothing_is_written(say, project):
    (drift_id,) = publish(*WEB)["drift_id"]
    wrong = drift_id[:8] + "xxxx" + drift_id[12:]
    assert say("accept", wrong, "--reason", "x") == (cli.FAILED, [], [f"there is no drift '{wrong}'; did you mean '{drift_id}'?"])
    assert say("accept", "zz", "--reason", "x")[2] == ["there is no drift 'zz'; there are 1 drifts"]
    assert not (project / "data" / "decisions").exists()


def test_a_beginning_that_several_ids_have_is_not_enough(say):
    drifts = publish(*WEB, API, OVER)
    code, _, complaints = say("accept", "", "--reason", "x")
    assert code == cli.FAILED
    assert complaints[0] == f"'' begins the ids of 3 drifts: {', '.join(sorted(drifts['drift_id']))}; write more of it"


def test_a_rule_is_written_for_a_known_event(say):
    publish(*WEB)
    event = {"event_id": "deploy-7", "start": made.at(-1), "end": None, "kind": "deploy", "service": "web", "source": "s"}
    frame = pd.DataFrame([event]).reindex(columns=made.NO_EVENTS.columns)
    store.save(
        frame.assign(**{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("start", "end")}), "events"
    )
    words = ("--direction", "improvement", "--bound", "0.3", "--reason", "cache")
    code, said, _ = say("accept", "--event", "deploy-7", *words)
    assert code == 0
    assert said[0].endswith("an improvement of at most 30 % that begins with the deploy of 2 Mar 00:00 is the new normal")
    (row,) = store.decisions("rebaselines").itertuples()
    assert (row.event_id, row.direction, row.bound, row.drift_id, row.series_id) == ("deploy-7", "improvement", "0.3", None, None)
    assert say("accept", "--event", "deploy-8", *words)[2] == ["there is no event 'deploy-8'; did you mean 'deploy-7'?"]
    assert "expected the largest effect" in say("accept", "--event", "deploy-7", *words[:2], "--bound", "0", "--reason", "x")[2][0]


@pytest.mark.parametrize(
    "words", [(), ("abc", "--bound", "1"), ("--event", "e"), ("abc", "--event", "e", "--direction", "neutral", "--bound", "1")]
)
def test_a_drift_or_a_rule_but_not_half_of_both(say, words):
    assert say("accept", *words, "--reason", "x")[0] == cli.FAILED


START = pd.Timestamp("2026-01-05", tz="UTC")


def write(days):
    """A metric of two services every hour; that of web rises by a fifth on day 35."""
    rng = np.random.default_rng(8)
    hours = np.arange(days * 24)
    for name in ("api", "web"):
        values = (5 + np.sin(hours / 24 * 2 * np.pi)) * np.exp(0.05 * rng.normal(size=len(hours)))
        values[35 * 24 :] *= 1.2 if name == "web" else 1
        frame = pd.DataFrame({"time": START + hours * pd.Timedelta("1h"), "service": name, "signal": "load", "value": values})
        for day, rows in frame.groupby(frame["time"].dt.date):
            store.write_raw_day(name, "metrics", day, projects.raw_metrics(rows))
    projects.ingest_all()


def state_of_level():
    drifts = store.load("drifts")
    return drifts.loc[drifts["kind"] == "level", "state"].tolist()


def newest_of_web():
    baselines = store.load("baselines").merge(store.load("series")[["series_id", "service"]], on="series_id")
    return baselines[(baselines["service"] == "web")].sort_values("valid_from").iloc[-1]


def test_what_is_accepted_is_learnt_by_the_next_run_and_what_is_rejected_is_not(say, project, monkeypatch):
    write(60)
    monkeypatch.setattr("analytics.cli.base.now", lambda: START + pd.Timedelta(days=45))
    shown("baseline")
    shown("drift")
    drifts = store.load("drifts")
    (drift_id,) = drifts.loc[drifts["kind"] == "level", "drift_id"]
    before = newest_of_web()
    assert before["valid_from"] <= START + pd.Timedelta(days=35)
    assert say("accept", drift_id[:5], "--reason", "more users")[0] == 0
    shown("baseline")
    shown("drift")
    assert state_of_level() == ["accepted"]
    after = newest_of_web()
    assert after["valid_from"] == START + pd.Timedelta(days=56)
    # Days since the onset, but for those of a short change of its shape that came with it.
    assert 14 < after["n_days"] < 21.1
    assert say("reject", drift_id[:5], "--reason", "they were robots")[0] == 0
    shown("baseline")
    shown("drift")
    assert state_of_level() == ["open"]
    assert newest_of_web()["valid_from"] == before["valid_from"]
