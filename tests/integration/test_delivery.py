"""Delivery against real servers: an Alertmanager, mail servers, webhooks that fail in every way; killed processes and full disks."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import logging
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics import delivery
from analytics.delivery import run
from tests.delivery import made
from tests.delivery.made import alert, ledger, sent
from tests.integration import receivers, servers

pytestmark = pytest.mark.server
REPOSITORY = Path(__file__).parents[2]
SECRET = "very/secret/path"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(run, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def hook():
    with receivers.web() as server:
        yield server


def webhook(server, **more):
    return {"kind": "webhook", "url": server.url, **more}


# Webhooks


def test_a_webhook_gets_a_cloud_event_that_it_can_verify(tmp_path, hook, monkeypatch):
    monkeypatch.setenv("KEY", "whsec_" + base64.b64encode(b"shared").decode())
    outcome = sent(tmp_path, alert(), now=5, w=webhook(hook, secret_env="KEY", source="/analytics/zurich"))["w"]
    assert (outcome.problem, len(outcome.sent)) == ("", 1)
    got = hook.got[0]
    event = json.loads(got.body)
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert {name: event[name] for name in event if name != "data"} == {
        "specversion": "1.0", "id": "a1.1.w", "source": "/analytics/zurich", "type": "analytics.alert.opened", "subject": "web",
        "time": "2026-03-02T12:05:00Z", "datacontenttype": "application/json",
    }  # fmt: skip
    assert event["data"]["title"] == "web: latency_ms +18 % in eu"
    assert event["data"]["link"] == "https://reports.example/drift.html#d1"
    signed = f"a1.1.w.{int(made.at(5).timestamp())}.".encode() + got.body
    expected = base64.b64encode(hmac.new(b"shared", signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert got.headers["webhook-timestamp"] == str(int(made.at(5).timestamp()))
    assert got.headers["webhook-id"] == "a1.1.w"


@pytest.mark.parametrize("step", [500, 503, 429, b"this is no HTTP\r\n\r\n", b"", (200, {"content-length": "100"}, b"cut")], ids=str)
def test_a_webhook_that_fails_and_recovers_gets_the_message_in_the_same_run(tmp_path, hook, step):
    hook.script += [step, step]
    outcome = sent(tmp_path, alert(), w=webhook(hook))["w"]
    assert (outcome.problem, len(outcome.sent)) == ("", 1)
    assert {got.headers["webhook-id"] for got in hook.got} == {"a1.1.w"}
    assert len(hook.got) == 3


def test_a_webhook_that_stays_down_gets_the_message_from_a_later_run(tmp_path, hook):
    hook.script += [500] * 3
    assert sent(tmp_path, alert(), w=webhook(hook))["w"].problem == f"{hook.url} refuses with HTTP 500"
    assert len(sent(tmp_path, alert(), now=5, w=webhook(hook))["w"].sent) == 1
    assert sent(tmp_path, alert(), now=10, w=webhook(hook))["w"].sent == []
    assert len(hook.got) == 4


def test_a_webhook_that_hangs_is_left_and_delays_no_other(tmp_path, hook):
    hook.script += [hook.hang] * 3
    begun = time.monotonic()
    with receivers.web() as other:
        outcome = sent(tmp_path, alert(), w=webhook(hook, timeout_s=0.3), other=webhook(other))
    assert outcome["w"].problem == f"{hook.url} did not answer within 0.3 s"
    assert len(outcome["other"].sent) == 1
    assert time.monotonic() - begun < 10


def test_a_webhook_that_drips_for_ever_is_left_after_the_patience_of_the_run(tmp_path, hook):
    hook.script += [hook.drip()]
    outcome = sent(tmp_path, alert(), patience_s=0.5, w=webhook(hook, timeout_s=5))["w"]
    assert (outcome.problem, outcome.n_left) == ("did not finish within 0.5 s", 1)
    hook.released.set()
    receivers.until(lambda: not [thread for thread in threading.enumerate() if thread.name == "send-w"])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(tmp_path, hook, status):
    with receivers.web() as elsewhere:
        hook.script += [(status, {"location": f"{elsewhere.url}/steal"}, b"")]
        outcome = sent(tmp_path, alert(), w=webhook(hook))["w"]
    assert outcome.problem == f"{hook.url} answers with a redirect (HTTP {status}), which is not followed; set the address it leads to"
    assert (elsewhere.got, len(hook.got), outcome.n_left) == ([], 1, 1)


def test_a_refusal_is_tried_once_a_run_and_its_reason_shown(tmp_path, hook):
    hook.script += [(403, {"content-type": "application/json"}, b'{"error": "no such hook"}')]
    assert (
        sent(tmp_path, alert(), w=webhook(hook))["w"].problem
        == f'{hook.url} refuses with HTTP 403: {{"error": "no such hook"}}; is the secret right?'
    )
    assert len(hook.got) == 1


def test_no_connection_and_an_unknown_name_are_said(tmp_path):
    gone = f"http://127.0.0.1:{servers.free_port()}"
    outcome = sent(tmp_path, alert(), a={"kind": "webhook", "url": gone}, b={"kind": "webhook", "url": "http://no-such-host.invalid"})
    assert outcome["a"].problem == f"{gone}: connection refused"
    assert outcome["b"].problem == "http://no-such-host.invalid: its name is unknown"


def test_a_certificate_must_be_trusted(tmp_path):
    cert, context = receivers.certificate(tmp_path)
    with receivers.web(context=context) as server:
        outcome = sent(tmp_path, alert(), w=webhook(server))["w"]
        assert "its certificate is not trusted" in outcome.problem
        assert "ca_file" in outcome.problem
        assert len(sent(tmp_path, alert(), w=webhook(server, ca_file=str(cert)))["w"].sent) == 1
        other = webhook(server, ca_file=str(cert)) | {"url": server.url.replace("localhost", "127.0.0.1")}
        assert "its certificate is not trusted" in sent(tmp_path, alert(changed=1, n_findings=2), w=other)["w"].problem


def test_nothing_secret_is_written_logged_or_said(tmp_path, hook, monkeypatch, caplog):
    monkeypatch.setenv("HOOK", f"{hook.url}/{SECRET}")
    monkeypatch.setenv("TOKEN", "tok-4711")
    caplog.set_level(logging.INFO)
    hook.script += [(500, {"content-type": "text/plain"}, f"cannot POST {hook.url}/{SECRET} with tok-4711".encode())] * 3
    channel = {"kind": "slack", "url_env": "HOOK", "token_env": "TOKEN", "at_least": "info"}
    outcome = sent(tmp_path, alert(), s=channel)["s"]
    assert hook.got[0].path == f"/{SECRET}"
    assert hook.got[0].headers["authorization"] == "Bearer tok-4711"
    assert outcome.problem == f"{hook.url} refuses with HTTP 500: cannot POST *** with ***"
    sent(tmp_path, alert(), s=channel)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for hidden in (SECRET, "tok-4711"):
        assert hidden.encode() not in written
        assert hidden not in caplog.text
        assert hidden not in str(outcome)


def test_a_missing_secret_and_one_without_encryption_are_refused_before_sending(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "tok-4711")
    monkeypatch.delenv("GONE", raising=False)
    outcome = sent(
        tmp_path,
        alert(),
        a={"kind": "slack", "url_env": "GONE"},
        b={"kind": "webhook", "url": "http://hooks.example", "token_env": "TOKEN"},
    )
    assert "the environment variable GONE is not set" in outcome["a"].problem
    assert outcome["b"].problem == "http://hooks.example would get a secret unencrypted; use https"


# Chat


def test_slack_gets_text_and_blocks(tmp_path, hook):
    rows = alert(title="web: a < b & c", severity="critical")
    assert len(sent(tmp_path, rows, s={"kind": "slack", "url": hook.url})["s"].sent) == 1
    card = json.loads(hook.got[0].body)
    assert card["text"] == "[critical] web: a < b & c New alert, critical."
    header, section, context = card["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "[critical] web: a < b & c"}
    assert section["text"]["text"].splitlines() == [
        "New alert, critical.", "*What:* latency_ms +18 % (drift, worse)", "*Where:* web, eu", "It came back 2 times.",
        "*Owner:* shop team", "*Page:* https://reports.example/drift.html#d1",
    ]  # fmt: skip
    assert context["elements"][0]["text"] == "Test · a1.1.s"


def test_teams_gets_an_adaptive_card_and_its_hidden_failures_are_seen(tmp_path, hook):
    hook.script += [(200, {"content-type": "text/plain"}, b"Webhook message delivery failed with error: HTTP error 429"), (202, {}, b"")]
    assert len(sent(tmp_path, alert(), t={"kind": "teams", "url": hook.url})["t"].sent) == 1
    assert len(hook.got) == 2
    attached = json.loads(hook.got[1].body)["attachments"][0]
    assert attached["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attached["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["body"][0] | {} == {
        "type": "TextBlock", "text": "[warning] web: latency_ms +18 % in eu", "wrap": True,
        "size": "Large", "weight": "Bolder", "color": "Warning",
    }  # fmt: skip
    assert card["body"][2]["facts"][0] == {"title": "What", "value": "latency_ms +18 % (drift, worse)"}
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open the page", "url": "https://reports.example/drift.html#d1"}]


def test_people_are_not_woken_for_information(tmp_path, hook):
    assert sent(tmp_path, alert(severity="info"), s={"kind": "slack", "url": hook.url})["s"].sent == []


# Mail


def smtp(server, **more):
    return {
        "kind": "smtp",
        "host": "localhost",
        "port": server.port,
        "sender": "a@example.org",
        "to": ["b@example.org", "c@example.org"],
        **more,
    }


def test_mail_is_text_and_html_in_one_thread(tmp_path):
    with receivers.mail() as server:
        channel = smtp(server, security="none")
        rows = [
            alert(title="web: a\r\nBcc: x@y.org <b>"),
            alert(changed=1, n_findings=2, severity="critical"),
            alert(changed=2, end=1, n_findings=2),
        ]
        for k, row in enumerate(rows):
            assert sent(tmp_path, row, now=k, m=channel)["m"].problem == ""
    mails = [email.message_from_bytes(content, policy=email.policy.default) for _, _, content in server.got]
    assert [receiver for _, receiver, _ in server.got] == [["b@example.org", "c@example.org"]] * 3
    assert [mail["Subject"] for mail in mails] == [
        "[warning] web: a Bcc: x@y.org <b>", "[critical] web: latency_ms +18 % in eu", "[resolved] web: latency_ms +18 % in eu",
    ]  # fmt: skip
    assert [mail["Message-ID"] for mail in mails] == [f"<a1.{n}.m@example.org>" for n in (1, 2, 3)]
    assert {mail["References"] for mail in mails} == {"<a1.m@example.org>"}
    assert mails[0]["Bcc"] is None
    assert mails[0]["Date"].datetime == made.at(0)
    assert mails[0]["Auto-Submitted"] == "auto-generated"
    text, page = (mails[0].get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert text.splitlines()[:3] == ["New alert, warning.", "What: latency_ms +18 % (drift, worse)", "Where: web, eu"]
    assert "a\r\nBcc: x@y.org &lt;b&gt;" in page or "a Bcc: x@y.org &lt;b&gt;" in page
    assert '<a href="https://reports.example/drift.html#d1">' in page
    assert mails[1].get_body(("plain",)).get_content().startswith("More urgent: critical, was warning.")


# Where TLS comes first, aiosmtpd does not see that it is there.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("is_tls", [False, True], ids=["starttls", "tls"])
def test_mail_is_encrypted_and_the_server_known(tmp_path, monkeypatch, is_tls):
    cert, context = receivers.certificate(tmp_path)
    monkeypatch.setenv("USER_NAME", "ada")
    monkeypatch.setenv("PASSWORD", "lovelace-1815")
    with receivers.mail(context=context, is_tls=is_tls, login=("ada", "lovelace-1815")) as server:
        channel = smtp(server, security="tls" if is_tls else "starttls", user_env="USER_NAME", password_env="PASSWORD", timeout_s=5)
        assert sent(tmp_path, alert(), m=channel)["m"].problem == "localhost: its certificate is not trusted; set ca_file if it is your own"
        assert sent(tmp_path, alert(), m=channel | {"ca_file": str(cert)})["m"].problem == ""
        assert len(server.got) == 1
        monkeypatch.setenv("PASSWORD", "wrong-4711")
        outcome = sent(tmp_path, alert(changed=1, n_findings=2), m=channel | {"ca_file": str(cert)})["m"]
    assert outcome.problem == "localhost refuses the login (535); is the secret right?"
    assert "wrong-4711" not in str(outcome)


def test_a_server_without_encryption_is_not_talked_to_in_the_clear(tmp_path):
    with receivers.mail() as server:
        outcome = sent(tmp_path, alert(), m=smtp(server))["m"]
        assert "offers no encryption" in outcome.problem
        assert server.got == []


def test_receivers_that_are_refused_are_named(tmp_path):
    with receivers.mail() as server:
        server.refuse = {"c@example.org": "550 unknown"}
        outcome = sent(tmp_path, alert(), m=smtp(server, security="none"))["m"]
        assert (outcome.problem, outcome.notes) == ("", ["a1.1.m: not for c@example.org (550)"])
        server.refuse |= {"b@example.org": "450 busy"}
        outcome = sent(tmp_path, alert("b"), as_of=None, m=smtp(server, security="none"))["m"]
        assert outcome.problem == "localhost refuses the receivers: b@example.org (450), c@example.org (550)"
        server.refuse = {}
        assert len(sent(tmp_path, alert("b"), as_of=None, m=smtp(server, security="none"))["m"].sent) == 1


def test_a_mail_server_that_hangs_or_is_none_is_left(tmp_path, hook):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        channel = {"kind": "smtp", "host": "127.0.0.1", "port": silent.getsockname()[1], "sender": "a@b", "to": ["c@d"], "security": "none"}
        assert sent(tmp_path, alert(), m=channel | {"timeout_s": 0.2})["m"].problem == "127.0.0.1: no answer in time"
    assert sent(tmp_path, alert(), m=channel | {"timeout_s": 0.2})["m"].problem == "127.0.0.1: connection refused"


# Alertmanager


class Manager:
    """A real Alertmanager, what its own webhook got, and a clock that stands at the present."""

    def __init__(self, url, hook, root):
        self.url, self.hook, self.root = url, hook, root
        self.now = datetime.now(UTC).replace(microsecond=0)

    def row(self, minutes, *, end=None, **more):
        start = self.now - timedelta(minutes=60)
        times = {"start": start, "detected_at": start, "changed_at": self.now + timedelta(minutes=minutes)}
        return alert(**times | ({"state": "resolved"} if end is not None else {}) | more) | (
            {"end": self.now + timedelta(minutes=end)} if end is not None else {}
        )

    def sent(self, *rows, later_s=0, **more):
        options = {"kind": "alertmanager", "url": self.url, "labels": {"team": "ops"}} | more
        outcome = delivery.send(
            made.frame(*rows), settings=made.settings(am=options), given=made.given(self.root), as_of=self.now,
            clock=lambda: self.now + timedelta(seconds=later_s),
        )[0]  # fmt: skip
        assert outcome.problem == "", outcome.problem
        return [message.change for message in outcome.sent]

    def active(self):
        import httpx

        found = httpx.get(f"{self.url}/api/v2/alerts", params={"active": "true"}, trust_env=False).json()
        return {one["labels"]["severity"]: one for one in found}

    def told(self):
        """(status, severity) of all that it has passed on."""
        return [(one["status"], one["labels"]["severity"]) for got in self.hook.got for one in json.loads(got.body)["alerts"]]


@pytest.fixture
def manager(tmp_path, hook):
    with servers.alertmanager(tmp_path, receiver=hook.url) as url:
        yield Manager(url, hook, tmp_path)


def test_alertmanager_hears_of_the_whole_life_of_an_alert(manager):
    assert manager.sent(manager.row(0)) == ["opened"]
    one = manager.active()["warning"]
    assert one["labels"] == {
        "alertname": "analytics_drift", "alert_id": "a1", "service": "web", "region": "eu", "severity": "warning", "finding": "drift",
        "owner": "shop team", "team": "ops",
    }  # fmt: skip
    assert one["annotations"]["summary"] == "web: latency_ms +18 % in eu"
    assert one["generatorURL"] == "https://reports.example/drift.html#d1"
    assert datetime.fromisoformat(one["startsAt"]) == manager.now - timedelta(minutes=60)
    assert datetime.fromisoformat(one["endsAt"]) == manager.now + timedelta(hours=2)
    receivers.until(lambda: manager.told() == [("firing", "warning")])

    assert manager.sent(manager.row(0)) == []
    assert manager.sent(manager.row(1, severity="critical")) == ["escalated"]
    receivers.until(lambda: manager.active().keys() == {"critical"})
    receivers.until(lambda: {("firing", "critical"), ("resolved", "warning")} <= set(manager.told()))

    assert manager.sent(manager.row(2, severity="critical", end=-1)) == ["resolved"]
    receivers.until(lambda: manager.active() == {})
    receivers.until(lambda: ("resolved", "critical") in manager.told())
    assert manager.told().count(("firing", "warning")) == 1


def test_what_is_open_is_said_again_before_alertmanager_forgets_it(manager):
    manager.sent(manager.row(0), keep_s=7200)
    for later_s, ends_s in [(1000, 7200), (1800, 9000), (2000, 9000)]:
        assert manager.sent(manager.row(0), later_s=later_s, keep_s=7200) == []
        assert datetime.fromisoformat(manager.active()["warning"]["endsAt"]) == manager.now + timedelta(seconds=ends_s)
    silenced = manager.row(0, silenced_by="silence", silenced_text="x")
    assert manager.sent(silenced, later_s=6000) == []
    assert datetime.fromisoformat(manager.active()["warning"]["endsAt"]) == manager.now + timedelta(seconds=9000)


def test_an_alert_that_is_taken_back_ends_in_alertmanager(manager):
    manager.sent(manager.row(0))
    assert manager.sent() == ["withdrawn"]
    receivers.until(lambda: manager.active() == {})


def test_a_test_message_reaches_alertmanager_and_mail_behind_it(tmp_path, hook):
    with receivers.mail() as inbox, servers.alertmanager(tmp_path, receiver=hook.url, mail_port=inbox.port) as url:
        now = datetime.now(UTC)
        settings = made.settings(am={"kind": "alertmanager", "url": url})
        assert delivery.send_test("am", settings=settings, given=made.given(tmp_path), now=now) == ""
        receivers.until(lambda: inbox.got)
        receivers.until(lambda: hook.got)
    assert b"a test message of this channel" in hook.got[0].body
    assert b"analytics_test" in inbox.got[0][2]
    assert not delivery.outbox_path(tmp_path).exists()


@pytest.mark.parametrize(
    "answer", [(200, {"content-type": "text/html"}, b"<html>Welcome</html>"), (200, {"content-type": "application/json"}, b'{"a": 1}')]
)
def test_something_else_at_the_address_of_alertmanager_is_seen(tmp_path, hook, answer):
    hook.script += [answer]
    outcome = sent(tmp_path, alert(), am={"kind": "alertmanager", "url": hook.url})["am"]
    assert "not as Alertmanager does; is the url right?" in outcome.problem
    assert outcome.n_left == 1


# Metrics


def test_promtool_reads_the_metrics(tmp_path):
    servers.needs("promtool")
    sent(tmp_path, alert(service='we"b\\ö'), alert("b", finding="anomaly"), m={"kind": "openmetrics", "path": "a.prom"})
    done = subprocess.run(["promtool", "check", "metrics"], input=(tmp_path / "a.prom").read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# Killed, and full


SENDER = """
import sys
from tests.delivery.made import alert, sent
root, url = sys.argv[1:]
from pathlib import Path
print(sent(Path(root), *(alert(f"a{k}", changed=k) for k in range(4)), w={"kind": "webhook", "url": url}))
"""


def sender(root, url):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(SENDER), str(root), url], env=environment, stdout=subprocess.PIPE)


@pytest.mark.parametrize("when", ["before it is answered", "after it was answered"])
def test_a_process_that_is_killed_between_two_sends_loses_and_repeats_nothing_else(tmp_path, hook, when):
    process = sender(tmp_path, hook.url)
    hook.script += [200, process.kill if when == "before it is answered" else 200]
    if when == "after it was answered":
        hook.script += [process.kill]
    process.communicate(timeout=60)
    assert process.returncode == -9
    n_got = len(hook.got)
    outcome = sent(tmp_path, *(alert(f"a{k}", changed=k) for k in range(4)), w={"kind": "webhook", "url": hook.url})["w"]
    ids = [got.headers["webhook-id"] for got in hook.got]
    # Only the message whose fate is unknown comes again, with the id that tells the receiver so.
    assert ids[:n_got] == [f"a{k}.1.w" for k in range(n_got)]
    assert ids[n_got:] == [f"a{k}.1.w" for k in range(n_got - 1, 4)]
    assert outcome.n_left == 0
    assert {row[-1] for row in ledger(tmp_path)} == {"sent"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False).returncode
    ):
        pytest.skip("no right to mount a file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder):
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass


def test_on_a_full_disk_nothing_is_sent_and_later_everything_once(small_disk, hook):
    fill(small_disk)
    with pytest.raises(delivery.OutboxError, match="make room on the disk and send again"):
        sent(small_disk, alert(), w=webhook(hook))
    assert hook.got == []
    (small_disk / "ballast").unlink()
    assert len(sent(small_disk, alert(), w=webhook(hook))["w"].sent) == 1
    fill(small_disk)
    many = [alert(f"a{k}", changed=k, text="x" * 2000) for k in range(20)]
    with pytest.raises(delivery.OutboxError, match="make room on the disk"):
        sent(small_disk, *many, w=webhook(hook), as_of=None)
    assert len(hook.got) == 1


def test_what_was_sent_is_noted_although_the_disk_became_full_meanwhile(small_disk, hook):
    hook.script += [lambda: fill(small_disk)]
    rows = [alert(f"a{k}", changed=k) for k in range(3)]
    outcome = sent(small_disk, *rows, w=webhook(hook))["w"]
    assert (outcome.problem, len(outcome.sent)) == ("", 3)
    assert sent(small_disk, *rows, w=webhook(hook))["w"].sent == []
    assert len(hook.got) == 3
