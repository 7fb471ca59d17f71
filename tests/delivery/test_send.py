"""Runs of delivery: what is sent, what stays, what a failure of one channel means for the others."""

import json
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from analytics import delivery, params
from analytics.delivery import channels, run
from analytics.delivery.channels.base import Channel, ChannelError, Options, checked
from tests.delivery import made
from tests.delivery.made import alert, at, ledger, sent

FILE = {"kind": "file", "path": "told.jsonl"}


class Fake(Channel):
    """A channel that does what the test says: each entry of `script` is an error to raise or None."""

    script: ClassVar[list] = []
    got: ClassVar[list] = []

    def __init__(self, name, options, given):
        super().__init__(name, checked(Options, options, name), given)

    def send(self, message, *, now):
        self.got.append(message)
        step = self.script.pop(0) if self.script else None
        if callable(step):
            step()
        elif step is not None:
            raise step
        return ""


@pytest.fixture
def fake(monkeypatch):
    """Kind `fake`; pauses between attempts take no time."""
    made_here = type("FakeOfTest", (Fake,), {"script": [], "got": []})
    monkeypatch.setitem(channels.KINDS, "fake", made_here)
    monkeypatch.setattr(run, "PAUSES_S", (0.0, 0.0))
    return made_here


def lines(root, name="told.jsonl"):
    path = root / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_run_tells_each_channel_once_and_the_next_run_nothing(tmp_path):
    both = {"one": FILE, "two": FILE | {"path": "urgent.jsonl", "at_least": "critical"}}
    rows = alert("a"), alert("b", changed=1, severity="critical")
    first, again = sent(tmp_path, *rows, **both), sent(tmp_path, *rows, now=5, **both)
    assert {name: len(one.sent) for name, one in first.items()} == {"one": 2, "two": 1}
    assert {name: (len(one.sent), one.n_left, one.problem) for name, one in again.items()} == {"one": (0, 0, ""), "two": (0, 0, "")}
    assert [line["alert"]["alert_id"] for line in lines(tmp_path)] == ["a", "b"]
    assert [line["change"] for line in lines(tmp_path, "urgent.jsonl")] == ["opened"]


def test_a_line_says_all_that_is_known(tmp_path):
    sent(tmp_path, alert(), now=5, one=FILE)
    line = lines(tmp_path)[0]
    assert line["key"] == "a1.1.one"
    assert line["sentence"] == "New alert, warning."
    assert line["link"] == "https://reports.example/drift.html#d1"
    assert line["sent_at"] == "2026-03-02T12:05:00+00:00"
    assert line["alert"]["start"] == "2026-03-02T11:00:00Z"
    assert line["alert"]["signals"] == ["latency_ms"]
    assert line["alert"]["end"] is None


def test_a_failure_that_may_pass_is_tried_again_in_the_same_run(tmp_path, fake):
    fake.script += [ChannelError("busy", may_pass=True), ChannelError("busy", may_pass=True), None]
    assert len(sent(tmp_path, alert(), a={"kind": "fake"})["a"].sent) == 1
    assert len({message.key for message in fake.got}) == 1
    assert len(fake.got) == 3


def test_a_channel_that_keeps_failing_is_left_alone_until_the_next_run(tmp_path, fake):
    fake.script += [ChannelError("down", may_pass=True)] * 3
    rows = alert("a"), alert("b", changed=1)
    outcome = sent(tmp_path, *rows, a={"kind": "fake"}, b=FILE)
    assert (outcome["a"].problem, outcome["a"].n_left, len(outcome["a"].sent)) == ("down", 2, 0)
    assert (outcome["b"].problem, outcome["b"].n_left, len(outcome["b"].sent)) == ("", 0, 2)
    assert len(fake.got) == 3
    outcome = sent(tmp_path, *rows, now=5, a={"kind": "fake"}, b=FILE)
    assert [message.alert_id for message in outcome["a"].sent] == ["a", "b"]
    assert ledger(tmp_path) == [
        ("a", "a", 1, "opened", "sent"), ("a", "b", 1, "opened", "sent"), ("b", "a", 1, "opened", "sent"), ("b", "b", 1, "opened", "sent"),
    ]  # fmt: skip


def test_a_failure_that_will_not_pass_is_tried_once_a_run(tmp_path, fake):
    fake.script += [ChannelError("no such place")]
    assert sent(tmp_path, alert(), a={"kind": "fake"})["a"].problem == "no such place"
    assert len(fake.got) == 1


def test_a_message_that_nobody_takes_keeps_back_no_other(tmp_path, fake):
    rows = [alert(f"a{k}", changed=k) for k in range(5)]
    fake.script += [ChannelError("too long"), None, ChannelError("too long"), ChannelError("too long")]
    outcome = sent(tmp_path, *rows, a={"kind": "fake"})["a"]
    assert ([one.alert_id for one in outcome.sent], outcome.n_left, outcome.problem) == (["a1"], 4, "too long")
    assert [one.alert_id for one in fake.got] == ["a0", "a1", "a2", "a3"]
    fake.script += [ChannelError("too long")] * 6
    for _ in range(2):
        sent(tmp_path, *rows, a={"kind": "fake"})
    fake.script += [None, ChannelError("too long"), ChannelError("too long"), None]
    outcome = sent(tmp_path, *rows, a={"kind": "fake"})["a"]
    assert ([one.alert_id for one in outcome.sent], outcome.n_left) == (["a4", "a3"], 2)


def test_a_receiver_that_asks_for_time_gets_it_within_the_patience_of_the_run(tmp_path, fake):
    fake.script += [ChannelError("slowly", may_pass=True, wait_s=0.2)]
    begun = time.monotonic()
    assert len(sent(tmp_path, alert(), a={"kind": "fake"})["a"].sent) == 1
    assert time.monotonic() - begun >= 0.2
    fake.script += [ChannelError("later", may_pass=True, wait_s=1000)]
    assert sent(tmp_path, alert("b"), a={"kind": "fake"})["a"].problem == "later"


def test_a_message_is_given_up_after_its_time_and_that_is_said_once(tmp_path, fake):
    fake.script += [ChannelError("gone")] * 3
    given_up = [sent(tmp_path, alert(), now=now, a={"kind": "fake"}, give_up_s=600)["a"] for now in (0, 9, 11, 20)]
    assert [(one.n_given_up, one.n_left) for one in given_up] == [(0, 1), (0, 1), (1, 0), (0, 0)]
    assert ledger(tmp_path)[0][-1] == "given up"
    assert [message.change for message in sent(tmp_path, alert(changed=1, n_findings=2), now=30, a={"kind": "fake"})["a"].sent] == [
        "opened"
    ]


def test_a_channel_that_hangs_delays_no_other_and_its_message_stays(tmp_path, fake):
    release = threading.Event()
    fake.script += [lambda: release.wait(30)]
    outcome = sent(tmp_path, alert(), patience_s=0.5, a={"kind": "fake"}, b=FILE)
    assert outcome["a"].problem == "did not finish within 0.5 s"
    assert outcome["a"].n_left == 1
    assert len(outcome["b"].sent) == 1
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("send-"):
            thread.join(10)


def test_a_defect_of_one_channel_is_said_and_keeps_no_other_from_being_told(tmp_path, fake):
    fake.script += [KeyError("secret")]
    outcome = sent(tmp_path, alert(), a={"kind": "fake"}, b=FILE)
    assert outcome["a"].problem == "defect in this channel: KeyError"
    assert len(outcome["b"].sent) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "pigeon"}, "delivery.channels.a: kind 'pigeon' does not exist; there are alertmanager, webhook, smtp, slack"),
        ({}, "kind 'None' does not exist"),
        ({"kind": "file", "pth": "x"}, "delivery.channels.a: 'pth' is not a parameter; did you mean 'path'?"),
        ({"kind": "webhook"}, "needs either url or url_env"),
        ({"kind": "webhook", "url": "https://u:p@x.example"}, "must hold no password"),
        ({"kind": "alertmanager", "url": "http://x", "labels": {"a-b": "c"}}, "label 'a-b' must consist of letters"),
        ({"kind": "smtp", "host": "h", "sender": "a@b", "to": ["c"]}, "'c' is no e-mail address"),
        (
            {"kind": "smtp", "host": "h", "sender": "a@b", "to": ["c@d"], "user_env": "U", "password_env": "P", "security": "none"},
            "unencrypted",
        ),
        ({"kind": "openmetrics", "path": "x.txt"}, "must end in .prom"),
    ],
)
def test_a_wrong_channel_says_what_would_be_right_and_the_others_are_told(tmp_path, options, message):
    outcome = sent(tmp_path, alert(), a=options, b=FILE)
    assert message in outcome["a"].problem
    assert "u:p" not in outcome["a"].problem
    assert len(outcome["b"].sent) == 1


def test_two_runs_at_once_send_once(tmp_path, fake):
    started, release = threading.Event(), threading.Event()

    def wait():
        started.set()
        release.wait(30)

    fake.script += [wait]
    first = threading.Thread(target=sent, args=(tmp_path, alert()), kwargs={"a": {"kind": "fake"}})
    first.start()
    started.wait(30)
    with pytest.raises(delivery.Busy, match="another process is sending"):
        sent(tmp_path, alert(), a={"kind": "fake"})
    release.set()
    first.join(30)
    assert len(fake.got) == 1
    assert sent(tmp_path, alert(), a={"kind": "fake"})["a"].sent == []


def test_a_dry_run_says_what_would_be_sent_and_changes_nothing(tmp_path, fake):
    def due(*rows):
        chosen = made.settings(a={"kind": "fake"}, b={"kind": "pigeon"}, c=FILE)
        found, wrong = delivery.due(made.frame(*rows), settings=chosen, given=made.given(tmp_path), as_of=at(0))
        assert list(wrong) == ["b"]
        return {name: [(one.change, one.alert["alert_id"]) for one in messages] for name, messages in found.items()}

    assert due(alert()) == {"a": [("opened", "a1")], "c": [("opened", "a1")]}
    assert list(tmp_path.iterdir()) == []
    fake.script += [ChannelError("down")]
    sent(tmp_path, alert(), a={"kind": "fake"}, c=FILE)
    assert due(alert()) == {"a": [("opened", "a1")], "c": []}
    assert due(alert(changed=1, n_findings=2)) == {"a": [("opened", "a1")], "c": [("updated", "a1")]}
    assert len(ledger(tmp_path)) == 2


def test_a_message_of_unknown_fate_is_not_written_twice_into_a_file(tmp_path):
    sent(tmp_path, alert(), one=FILE)
    with delivery.Outbox(delivery.outbox_path(tmp_path)) as outbox:
        outbox.begin("a1.1.one")
    outcome = sent(tmp_path, alert(), one=FILE)["one"]
    assert outcome.notes == ["a1.1.one: was there already"]
    assert len(lines(tmp_path)) == 1


def test_a_line_that_a_killed_process_left_unfinished_does_not_spoil_the_next(tmp_path):
    (tmp_path / "told.jsonl").write_text('{"key": "a1.1.on')
    sent(tmp_path, alert(), one=FILE)
    assert json.loads((tmp_path / "told.jsonl").read_text().splitlines()[1])["key"] == "a1.1.one"


def test_a_full_device_is_a_failure_and_the_message_stays(tmp_path):
    outcome = sent(tmp_path, alert(), one=FILE | {"path": "/dev/full"}, two=FILE)
    assert outcome["one"].problem == "/dev/full: no space left on device"
    assert outcome["one"].n_left == 1
    assert len(outcome["two"].sent) == 1


def test_standard_output_gets_a_line_too(tmp_path, capsys):
    sent(tmp_path, alert(), one=FILE | {"path": "-"})
    assert json.loads(capsys.readouterr().out)["key"] == "a1.1.one"


METRICS = {"kind": "openmetrics", "path": "textfile/analytics.prom"}


def test_metrics_show_what_is_open_now(tmp_path):
    rows = (
        alert(service='we"b\n', owner=None),
        alert("b", end=0),
        alert("c", silenced_by="silence"),
        alert("d", finding="anomaly", region=None),
    )
    outcome = sent(tmp_path, *rows, m=METRICS)["m"]
    assert (outcome.problem, outcome.sent, outcome.n_left) == ("", [], 0)
    path = tmp_path / "textfile" / "analytics.prom"
    assert path.read_text().splitlines() == [
        "# HELP analytics_alert_active 1 for each alert that is open and told",
        "# TYPE analytics_alert_active gauge",
        'analytics_alert_active{alert_id="a1",finding="drift",service="we\\"b\\n",region="eu",severity="warning"} 1',
        'analytics_alert_active{alert_id="d",finding="anomaly",service="web",severity="warning",owner="shop team"} 1',
        "# HELP analytics_anomaly_score How strange the newest value of a series is, 0 to 100; 50 is what chance makes once a week",
        "# TYPE analytics_anomaly_score gauge",
        "# HELP analytics_anomaly_severity Severity of open alerts of kind anomaly, 0 to 100",
        "# TYPE analytics_anomaly_severity gauge",
        'analytics_anomaly_severity{alert_id="d",finding="anomaly",service="web",severity="warning",owner="shop team"} 42',
        "# HELP analytics_drift_severity Severity of open alerts of kind drift, 0 to 100",
        "# TYPE analytics_drift_severity gauge",
        'analytics_drift_severity{alert_id="a1",finding="drift",service="we\\"b\\n",region="eu",severity="warning"} 42',
        "# EOF",
    ]
    assert path.stat().st_mode & 0o777 == 0o644
    sent(tmp_path, m=METRICS)
    assert "{" not in path.read_text()
    assert [one.name for one in path.parent.iterdir()] == ["analytics.prom"]


def test_the_outbox_takes_all_messages_or_none_when_the_disk_is_full():
    outbox = delivery.Outbox(None)
    outbox._connection.execute(f"PRAGMA max_page_count = {outbox._connection.execute('PRAGMA page_count').fetchone()[0]}")
    planned = [delivery.Planned("opened", {"alert_id": f"a{k}", "text": "x" * 900, "changed_at": ""}, None, 1) for k in range(20)]
    with pytest.raises(delivery.OutboxError, match="full; make room on the disk and send again"):
        outbox.put("c", planned, now=at(0))
    assert outbox.due("c") == []
    outbox.put("c", planned[:1], now=at(0))
    assert len(outbox.due("c")) == 1


def test_an_outbox_that_is_none_says_what_to_do(tmp_path):
    path = delivery.outbox_path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("no database, but long enough to be taken for one" * 20)
    with pytest.raises(delivery.OutboxError, match="can be moved away"):
        sent(tmp_path, alert(), one=FILE)


def test_every_kind_says_how_often_a_message_arrives():
    kinds = [kind if isinstance(kind, type) else None for kind in channels.KINDS.values()]
    assert all(kind.guarantee for kind in kinds)


def test_the_channels_of_the_readme_are_right(tmp_path):
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    example = next(block for block in text.split("```yaml\n")[1:] if block.startswith("delivery:")).partition("```")[0]
    chosen = params.parse(yaml.safe_load(example)).delivery
    found, wrong = delivery.due(made.frame(), settings=chosen, given=made.given(tmp_path), as_of=None)
    assert (len(found), wrong) == (6, {})
