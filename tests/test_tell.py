"""`analytics alerts …`: what is open, who is told, who is not, and with which exit code."""

import json
import os
import sys

import pandas as pd
import pytest

from analytics import cli, params, session, store, tables
from tests.alerts.made import plain
from tests.delivery import made
from tests.delivery.made import alert, at

NOW = pd.Timestamp(at(0))


@pytest.fixture
def say(project, monkeypatch, capsys):
    """Runs a command at noon; its exit code, what it says and what it complains of."""
    monkeypatch.setattr("analytics.cli.base.now", lambda: NOW)

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["analytics", "alerts", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), plain(said.out).splitlines(), plain(said.err).splitlines()

    return command


def publish(*rows, until=0):
    """Tables `alerts` and `series`, whose data reach until that minute."""
    store.save(made.frame(*rows), "alerts")
    scores = {"series_id": ["s"], "time": [pd.Timestamp(at(until))], "p_value": [0.6], "per_week": [1.0], "score": [50.0]}
    values = {"observed": [200.0], "expected": [100.0], "low": [80.0], "high": [120.0]}
    store.save(pd.DataFrame(scores | values), "scores")
    series = {
        "series_id": ["s"], "service": ["web"], "region": ["eu"], "signal": ["latency_ms"], "unit": ["ms"], "step_s": [300],
        "origin": ["check"],
        "first": [pd.Timestamp(at(-999))], "last": [pd.Timestamp(at(until - 5))], "n": [1], "missing_share": [0.0], "block": [0],
    }  # fmt: skip
    store.save(pd.DataFrame(series)[tables.TABLES["series"].names], "series")


def test_metrics_say_how_strange_each_series_is(say, project):
    configure(project, graph={"kind": "openmetrics", "path": "a.prom"})
    publish(*ROWS)
    assert say("send")[0] == 0
    assert 'analytics_anomaly_score{service="web",region="eu",signal="latency_ms"} 50' in (project / "a.prom").read_text().splitlines()


def configure(project, **channels):
    chosen = params.Params(project={"zone": "UTC"}, delivery={"channels": channels, "report_url": "https://reports.example"})
    (project / "params.yaml").write_text(params.dump(chosen), encoding="utf-8")


FILE = {"kind": "file", "path": "told.jsonl"}
ROWS = (
    alert("a1"), alert("a2", severity="critical", title="db: availability -2 %"), alert("a3", end=-30, title="web: it is over"),
    alert("a4", silenced_by="maintenance", silenced_text="declared maintenance from 2 Mar 10:00 to 2 Mar 13:00", title="api: slow"),
)  # fmt: skip


def test_without_alerts_the_stage_to_run_is_named(say):
    code, _, complaints = say("list")
    assert code == cli.FAILED
    assert complaints == ["table 'alerts' has not been written yet; run `analytics run alerts` (or `analytics run --all`)"]


def test_open_alerts_are_listed_the_most_urgent_first(say, project):
    configure(project)
    publish(*ROWS)
    assert say("list") == (
        0,
        [
            "critical  2 Mar 11:00  db: availability -2 %  [a2]",
            "warning   2 Mar 11:00  web: latency_ms +18 % in eu  [a1]",
            "2 open alerts, 1 silent, 1 resolved",
        ],
        [],
    )
    assert say("list", "--all")[1] == [
        "critical  2 Mar 11:00  db: availability -2 %  [a2]",
        "warning   2 Mar 11:00  web: latency_ms +18 % in eu  [a1]",
        "warning   2 Mar 11:00  api: slow  [a4]",
        "          silent: declared maintenance from 2 Mar 10:00 to 2 Mar 13:00",
        "warning   2 Mar 11:00 until 2 Mar 11:30  web: it is over  [a3]",
        "2 open alerts, 1 silent, 1 resolved",
    ]


def test_a_table_without_alerts_is_a_sentence(say, project):
    configure(project)
    publish()
    assert say("list") == (0, ["0 open alerts, 0 resolved"], [])
    configure(project, ops=FILE)
    assert say("send") == (0, ["ops: 0 messages sent"], [])


def test_sending_tells_what_was_sent_and_once(say, project):
    configure(project, ops=FILE)
    publish(*ROWS)
    dry = say("send", "--dry-run")
    assert dry == (
        0,
        [
            "ops: 3 messages would be sent",
            "  opened     web: latency_ms +18 % in eu",
            "  opened     db: availability -2 %",
            "  resolved   web: it is over",
        ],
        [],
    )
    assert not (project / "data" / "delivery").exists()
    assert say("send") == (0, ["ops: 3 messages sent", *dry[1][1:]], [])
    assert say("send") == (0, ["ops: 0 messages sent"], [])
    assert say("send", "--quiet") == (0, [], [])
    assert len((project / "told.jsonl").read_text().splitlines()) == 3


def test_without_channels_it_says_where_to_add_one(say, project):
    code, said, _ = say("send")
    assert code == 0
    assert said[0].startswith("no channel is configured; add one under `delivery.channels`")


def test_a_channel_that_fails_is_named_with_what_remains(say, project):
    configure(project, ops=FILE, broken=FILE | {"path": "/dev/full"}, wrong={"kind": "pigeon"})
    publish(*ROWS)
    code, said, complaints = say("send")
    assert code == cli.FAILED
    assert "ops: 3 messages sent" in said
    assert complaints[0] == "broken: /dev/full: no space left on device; 3 messages left for the next run"
    assert complaints[1].startswith("wrong: delivery.channels.wrong: kind 'pigeon' does not exist")
    code, said, complaints = say("send", "--quiet")
    assert (code, said, len(complaints)) == (cli.FAILED, [], 2)


def test_what_is_gone_from_the_table_is_taken_back(say, project):
    configure(project, ops=FILE)
    publish(*ROWS)
    say("send")
    publish(*ROWS[1:])
    assert say("send")[1] == ["ops: 1 message sent", "  withdrawn  web: latency_ms +18 % in eu"]


def test_a_silence_is_written_says_what_it_hits_and_holds_at_once(say, project):
    configure(project, ops=FILE)
    publish(*ROWS)
    code, said, _ = say("silence", "service=web", "region=e*", "--for", "4h", "--reason", "moving, again", "--author", "ada")
    assert (code, said) == (
        0,
        [
            "written to data/decisions/silences.csv (commit it): service=web region=e* until 2 Mar 2026 16:00",
            "it silences 2 open alerts", "  web: latency_ms +18 % in eu", "  db: availability -2 %",
        ],
    )  # fmt: skip
    assert (project / "data" / "decisions" / "silences.csv").read_text().splitlines() == [
        "author,reason,matcher,from,until", 'ada,"moving, again",service=web region=e*,2026-03-02T12:00:00Z,2026-03-02T16:00:00Z',
    ]  # fmt: skip
    assert say("list")[1] == ["0 open alerts, 3 silent, 1 resolved"]
    assert "          silent: silenced until 2 Mar 16:00 by ada: moving, again" in say("list", "--all")[1]
    assert say("send")[1] == ["ops: 1 message sent", "  resolved   web: it is over"]


def test_a_silence_can_begin_later_and_name_a_service_with_a_blank(say, project):
    configure(project)
    assert say("silence", "service=my shop", "--from", "2026-03-03T00:00Z", "--until", "2026-03-04T00:00Z", "--reason", "x")[0] == 0
    found = store.decisions("silences").iloc[0]
    assert found["matcher"] == "'service=my shop'"
    assert found["from"] == pd.Timestamp("2026-03-03T00:00Z")
    assert found["author"]


def test_a_silence_of_what_does_not_exist_says_so(say, project):
    configure(project)
    publish(*ROWS)
    said = say("silence", "service=wbe", "region=e*", "--for", "4h", "--reason", "x")[1]
    assert said[2] == "no service is called 'wbe' so far; did you mean 'web'?"


def test_the_chain_is_told_of_the_first_silence(say, project):
    configure(project)
    (project / "dvc.yaml").write_text("stages: {}\n")
    words = ("silence", "service=web", "--for", "4h", "--reason", "x")
    assert say(*words)[1][-1] == "dvc.yaml: the chain reads the silences now"
    assert say(*words)[1][-1] == "there are no alerts yet"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("servise=web", "--for", "4h"), "did you mean 'service'?"),
        (("service=web", "--for", "soon"), "'soon' is no length of time; write 30min, 4h or 2d"),
        (("service=web", "--for", "-4h"), "'-4h' is no length of time that lasts"),
        (("service=web", "--for", "4"), "'4' is no length of time that lasts; write it with its unit"),
        (("service=web", "--until", "2026-03-02T12:00:00.5Z"), "would end"),
        (("service=web", "--until", "2026-03-01T00:00Z"), "would end"),
        (("service=web", "--until", "2026-03-03"), "has no zone"),
    ],
)
def test_a_wrong_silence_is_not_written(say, project, words, message):
    matcher, option, value = words
    code, _, complaints = say("silence", matcher, f"{option}={value}", "--reason", "x")
    assert code == cli.FAILED
    assert message in complaints[0]
    assert not (project / "data" / "decisions").exists()


def test_a_silence_needs_a_reason_and_an_end(say):
    assert say("silence", "service=web", "--for", "4h")[0] == cli.WRONG_USE
    assert say("silence", "service=web", "--reason", "x")[0] == cli.WRONG_USE


def test_a_channel_can_be_tried(say, project):
    configure(project, ops=FILE, metrics={"kind": "openmetrics", "path": "a.prom"})
    assert say("test", "ops") == (0, ["ops: a test message was sent"], [])
    line = json.loads((project / "told.jsonl").read_text())
    assert (line["change"], line["sentence"]) == ("test", "Only a test: nothing is wrong.")
    assert say("test", "metrics")[0] == 0
    code, _, complaints = say("test", "pigeon")
    assert (code, complaints) == (cli.FAILED, ["channel 'pigeon' is not in params.yaml; there is ops, metrics"])
    configure(project)
    assert "none; add one" in say("test", "ops")[2][0]
    assert not (project / "data" / "delivery").exists()


def test_a_wrong_word_is_answered_with_the_nearest(say):
    code, _, complaints = say("lst")
    assert code == cli.WRONG_USE
    assert "there is no command 'lst'; did you mean 'list'?" in complaints[-1]


def test_drafts_are_never_told(project, monkeypatch):
    monkeypatch.delenv("ANALYTICS_OUT")
    store.save(made.frame(alert("draft")), "alerts")
    assert store.load("alerts")["alert_id"].tolist() == ["draft"]
    with session.published(), pytest.raises(FileNotFoundError):
        store.load("alerts")
    assert "ANALYTICS_OUT" not in os.environ
