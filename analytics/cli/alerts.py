"""Commands about alerts: list, send, silence, label, replay, test."""

from __future__ import annotations

import argparse
from typing import Any

from analytics.cli import base

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add them to the command line."""
    alerts = commands.add_parser("alerts", help="what is open; tell people; silence", description="Alerts: what is open, who is told.")
    inner = alerts.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = base.add_command(inner, "list", _list, "alerts that are open, the most urgent first")
    listing.add_argument("--all", action="store_true", help="also those that nobody is told of, with the reason, and the resolved")

    sending = base.add_command(inner, "send", _send, "deliver what is due by every channel in params.yaml")
    sending.add_argument("--dry-run", action="store_true", help="only say what would be sent where")
    base.add_verbosity(sending)

    silence = base.add_command(inner, "silence", _silence, "do not tell of some alerts for a while (in data/decisions/silences.csv)")
    silence.add_argument(
        "matcher", nargs="+", metavar="NAME=PATTERN", help="which: service, region, signal, finding, severity, alert; all must hold"
    )
    silence.add_argument("--reason", required=True, help="why; it is shown wherever the silence is")
    length = silence.add_mutually_exclusive_group(required=True)
    length.add_argument("--until", metavar="TIME", help="until this time (with a zone)")
    length.add_argument("--for", dest="length", metavar="LENGTH", help="for so long, e.g. 4h or 2d")
    silence.add_argument("--from", dest="start", metavar="TIME", help="from this time (with a zone) instead of from now")
    silence.add_argument("--author", help=base.AUTHOR)

    label = base.add_command(inner, "label", _label, "call an anomaly a false alarm, or a true one (in data/decisions/feedback.csv)")
    label.add_argument("anomaly_id", metavar="ID", help="which: its id, or that of the alert it opened, or the beginning of it")
    label.add_argument("label", choices=("false", "true"), help="what it was")
    label.add_argument("--reason", required=True, help="why; it is shown wherever its like is kept back")
    label.add_argument("--author", help=base.AUTHOR)

    replay = base.add_command(inner, "replay", _replay, "what the same history would have told with other parameters; nothing is changed")
    replay.add_argument(
        "--set", action="append", required=True, metavar="anomalies.NAME=VALUE",
        help="another budget, rule or detector, e.g. anomalies.false_alarms_per_week=1, anomalies.left_out=[run]",
    )  # fmt: skip
    replay.add_argument("--weeks", type=int, default=4, metavar="N", help="newest weeks that are compared (default: %(default)s)")

    test = base.add_command(inner, "test", _test, "send a test message by one channel")
    test.add_argument("channel", metavar="CHANNEL", help="its name under delivery.channels in params.yaml")


def _list(given: argparse.Namespace) -> int:
    from analytics import session, tell

    for line in tell.list_alerts(session.root(), is_all=given.all, now=base.now()):
        base.say(line)
    return 0


def _send(given: argparse.Namespace) -> int:
    from analytics import session, tell

    said = tell.send(session.root(), is_dry=given.dry_run, now=base.now())
    for line in said.lines if given.verbosity != "quiet" else ():
        base.say(line)
    for line in said.problems:
        base.complain(line)
    return base.FAILED if said.problems else 0


def _silence(given: argparse.Namespace) -> int:
    import shlex

    from analytics import session, tell

    root = session.root()
    start = base.now() if given.start is None else base.moment(given.start)
    until = start + base.length(given.length) if given.until is None else base.moment(given.until)
    matcher = " ".join(shlex.quote(part) if any(letter in part for letter in " \t'\"\\") else part for part in given.matcher)
    author = given.author or base.author()
    for line in tell.silence(root, matcher, author=author, reason=given.reason, start=start, until=until, now=base.now()):
        base.say(line)
    base.read_from_now_on(root, "silences")
    return 0


def _label(given: argparse.Namespace) -> int:
    from analytics import session
    from analytics.anomalies import feedback

    for line in feedback.label(given.anomaly_id, given.label, **base.decision(given)):
        base.say(line)
    base.read_from_now_on(session.root(), "feedback")
    return 0


def _replay(given: argparse.Namespace) -> int:
    from analytics.anomalies import replay

    for line in replay.replay(given.set, weeks=given.weeks, say=base.complain):
        base.say(line)
    return 0


def _test(given: argparse.Namespace) -> int:
    from analytics import session, tell

    base.say(tell.try_channel(session.root(), given.channel, now=base.now()))
    return 0
