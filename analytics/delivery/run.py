"""Sending: what each channel is owed is put into the outbox, and every channel is served by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from analytics import params
from analytics.delivery.channels import Channel, ChannelError, Given, make_channel
from analytics.delivery.messages import Message, alert_of, is_over
from analytics.delivery.outbox import Outbox, OutboxError
from analytics.delivery.plan import Planned, plan

__all__ = ["Busy", "Outcome", "due", "outbox_path", "send", "send_test"]

PAUSES_S = (1.0, 3.0)
"""Before the second and third attempt of one run; the next run is the next attempt after that."""

PATIENCE_S = 60.0
"""So long a run waits for its slowest channel; what it has not taken by then is tried by the next run."""

FAILURES = 3
"""Messages that a channel refuses in a run before it is left alone: one that nobody can take must not keep back the others."""

Clock = Callable[[], datetime]


class Busy(RuntimeError):
    """Another process is sending at this moment; it tells what is due."""


@dataclass
class Outcome:
    """What became of one channel in one run."""

    channel: str
    sent: list[Message] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_left: int = 0
    n_given_up: int = 0
    problem: str = ""


def outbox_path(root: Path) -> Path:
    """Where the outbox of a project lies."""
    return root / "data" / "delivery" / "outbox.sqlite"


def due(
    alerts: pd.DataFrame, *, settings: params.Delivery, given: Given, as_of: datetime | None
) -> tuple[dict[str, list[Planned | Message]], dict[str, str]]:
    """What would be sent now, by channel, and what is wrong with channels that cannot be used; nothing is changed."""
    rows = _rows(alerts)
    path = outbox_path(given.root)
    found: dict[str, list[Planned | Message]] = {}
    channels, wrong = _channels(settings, given)
    with Outbox(path if path.is_file() else None) as outbox:
        for name, channel in channels.items():
            owed = _plan(rows, outbox, channel, settings, as_of) if channel.is_told else []
            renewed = {str(one.alert["alert_id"]) for one in owed}
            waiting = [message for message in outbox.due(name) if message.alert_id not in renewed]
            found[name] = [*waiting, *(one for one in owed if not one.withheld)]
    return found, wrong


def send(
    alerts: pd.DataFrame,
    *,
    settings: params.Delivery,
    given: Given,
    as_of: datetime | None,
    clock: Clock = lambda: datetime.now(UTC),
    patience_s: float = PATIENCE_S,
) -> list[Outcome]:
    """Tell every channel what it is owed; what became of it, by channel, in the order of the parameters.

    Parameters
    ----------
    alerts : table `alerts`
    as_of : until when the data behind it reach, if it is complete (see `plan`)
    patience_s : so long it waits for the slowest channel, s

    Notes
    -----
    Messages of a channel are sent one after the other, those of different channels at the same time, so that a dead channel delays no
    other. After a failure that may pass, a message is tried twice more, and a channel that fails then is left alone until the next run;
    a message that is refused is passed over.

    Raises
    ------
    Busy
        If another process is sending.
    OutboxError
        If the outbox cannot be written (a full disk): nothing was sent then.
    """
    from filelock import FileLock, Timeout

    path = outbox_path(given.root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name("send.lock"), timeout=0):
            return _send(_rows(alerts), settings=settings, given=given, as_of=as_of, clock=clock, patience_s=patience_s)
    except Timeout:
        raise Busy("another process is sending at this moment; it tells what is due") from None


def send_test(name: str, *, settings: params.Delivery, given: Given, now: datetime) -> str:
    """Send a test message by one channel; what it notes about it. Nothing of it stays in the outbox."""
    if name not in settings.channels:
        known = ", ".join(settings.channels) or "none; add one under `delivery.channels`"
        raise ChannelError(f"channel '{name}' is not in params.yaml; there is {known}")
    channel = make_channel(name, settings.channels[name], given)
    alert = _test_alert(now)
    if not channel.is_told:
        channel.refresh([], now=now)
        return "written without alerts; the next `analytics alerts send` writes those that are open"
    return channel.send(Message(f"test.{int(now.timestamp())}.{name}", name, "test", 1, "test", alert, None, now), now=now)


def _test_alert(now: datetime) -> dict[str, Any]:
    moment = pd.Timestamp(now).floor("s")
    return alert_of(
        {
            "alert_id": "test", "finding": "test", "finding_id": "test", "service": "test", "region": None, "signals": ["test"],
            "start": moment, "detected_at": moment, "changed_at": moment, "end": None, "state": "open", "severity": "info", "score": 0.0,
            "direction": "neutral", "n_findings": 1, "n_reopened": 0, "title": "a test message of this channel",
            "text": "What: somebody tests whether messages arrive", "event": None, "evidence": None, "owner": None,
            "silenced_by": None, "silenced_text": None,
        }
    )  # fmt: skip


def _rows(alerts: pd.DataFrame) -> list[dict[str, Any]]:
    return [alert_of(row) for row in alerts.to_dict("records")]


def _channels(settings: params.Delivery, given: Given) -> tuple[dict[str, Channel], dict[str, str]]:
    """Channels that can be used, and what is wrong with the others: a mistake in one keeps no other from being told."""
    channels, wrong = {}, {}
    for name, options in settings.channels.items():
        try:
            channels[name] = make_channel(name, options, given)
        except ChannelError as error:
            wrong[name] = str(error)
    return channels, wrong


def _plan(rows: list[dict[str, Any]], outbox: Outbox, channel: Channel, settings: params.Delivery, as_of: datetime | None) -> list[Planned]:
    chosen = channel.common
    return plan(rows, outbox.told(channel.name), at_least=chosen.at_least, updates=chosen.updates, settings=settings, as_of=as_of)


def _send(
    rows: list[dict[str, Any]], *, settings: params.Delivery, given: Given, as_of: datetime | None, clock: Clock, patience_s: float
) -> list[Outcome]:
    channels, wrong = _channels(settings, given)
    path = outbox_path(given.root)
    with Outbox(path) as outbox:
        for channel in channels.values():
            if channel.is_told:
                outbox.put(channel.name, _plan(rows, outbox, channel, settings, as_of), now=clock())
    outcomes = {name: Outcome(name, problem=wrong.get(name, "")) for name in settings.channels}
    end = time.monotonic() + patience_s
    workers = {
        name: threading.Thread(
            target=_serve, args=(channel, path, rows, outcomes[name], settings, clock, end), name=f"send-{name}", daemon=True
        )
        for name, channel in channels.items()
    }
    for worker in workers.values():
        worker.start()
    for worker in workers.values():
        worker.join(max(0.0, end - time.monotonic()))
    with Outbox(path) as outbox:
        for name, channel in channels.items():
            outcomes[name] = _settled(outcomes[name], workers[name].is_alive(), patience_s)
            outcomes[name].n_left = len(outbox.due(channel.name))
    return list(outcomes.values())


def _settled(outcome: Outcome, is_alive: bool, patience_s: float) -> Outcome:
    """An outcome that a thread which is still busy cannot change any more."""
    problem = f"did not finish within {patience_s:g} s" if is_alive else outcome.problem
    return Outcome(outcome.channel, list(outcome.sent), list(outcome.notes), n_given_up=outcome.n_given_up, problem=problem)


def _serve(
    channel: Channel, path: Path, rows: list[dict[str, Any]], outcome: Outcome, settings: params.Delivery, clock: Clock, end: float
) -> None:
    """All that one channel is owed, in its own thread and with its own connection to the outbox."""
    try:
        with Outbox(path) as outbox:
            _deliver_all(channel, outbox, outcome, settings, clock, end)
            _refresh(channel, rows, outbox, clock)
    except (ChannelError, OutboxError) as error:
        outcome.problem = str(error)
    except Exception as error:  # noqa: BLE001  a defect of one channel must neither pass unseen nor keep the others from being told
        outcome.problem = f"defect in this channel: {type(error).__name__}"


def _deliver_all(channel: Channel, outbox: Outbox, outcome: Outcome, settings: params.Delivery, clock: Clock, end: float) -> None:
    refused: list[ChannelError] = []
    for message in outbox.due(channel.name):
        try:
            _deliver(channel, message, outbox, outcome, settings, clock, end)
        except ChannelError as error:
            refused.append(error)
            if error.may_pass or len(refused) == FAILURES:
                break
    if refused:
        raise refused[-1]


def _deliver(
    channel: Channel, message: Message, outbox: Outbox, outcome: Outcome, settings: params.Delivery, clock: Clock, end: float
) -> None:
    outbox.begin(message.key)
    try:
        note = _attempts(channel, message, clock, end)
    except ChannelError as error:
        is_given_up = clock() - message.created_at > timedelta(seconds=settings.give_up_s)
        outbox.fail(message.key, note=str(error), is_given_up=is_given_up)
        outcome.n_given_up += is_given_up
        raise
    outbox.end(message.key, now=clock(), note=note)
    outcome.sent.append(message)
    if note:
        outcome.notes.append(f"{message.key}: {note}")


def _attempts(channel: Channel, message: Message, clock: Clock, end: float) -> str:
    for pause in (*PAUSES_S, None):
        try:
            return channel.send(message, now=clock())
        except ChannelError as error:
            wait = max(pause or 0.0, error.wait_s)
            if pause is None or not error.may_pass or time.monotonic() + wait > end:
                raise
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _refresh(channel: Channel, rows: list[dict[str, Any]], outbox: Outbox, clock: Clock) -> None:
    """Say again what is open, where the channel would forget it."""
    if channel.refresh_s is None:
        return
    now, before = clock(), outbox.refreshed_at(channel.name)
    if before is not None and now - before < timedelta(seconds=channel.refresh_s):
        return
    known = outbox.told(channel.name)
    active = [row for row in rows if not is_over(row) and row["silenced_by"] is None]
    if channel.is_told:
        active = [row for row in active if (told := known.get(row["alert_id"])) and told.sent is not None and not is_over(told.sent)]
    channel.refresh(active, now=now)
    outbox.refresh(channel.name, now=now)
