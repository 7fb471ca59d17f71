"""Telling people of alerts: what `analytics alerts …` does. It reads what the chain, or since then `analytics watch`, has found."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analytics import alerts, delivery, params, store, words

__all__ = ["Said", "known_alerts", "list_alerts", "send", "silence", "try_channel"]

SEVERITY_ORDER = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Said:
    """Lines to print, and problems, which go to the error output and make the command fail."""

    lines: list[str]
    problems: list[str]


def list_alerts(root: Path, *, is_all: bool, now: pd.Timestamp) -> list[str]:
    """Alerts that are open and told, the most urgent first; with `is_all` also the silent, with the reason, and the resolved."""
    project = _params(root).project
    known = _alerts(project.zone, now)
    is_open, is_silent = known["state"] != "resolved", known["silenced_by"].notna()
    shown = known if is_all else known[is_open & ~is_silent]
    ordered = shown.assign(order=shown["severity"].map(SEVERITY_ORDER), is_over=shown["state"] == "resolved")
    ordered = ordered.sort_values(["is_over", "order", "start", "alert_id"])
    lines = [_line(row, project.zone) for row in ordered.to_dict("records")]
    n_open, n_silent = int((is_open & ~is_silent).sum()), int((is_open & is_silent).sum())
    silent = f", {words.count(n_silent)} silent" if n_silent else ""
    return [*lines, f"{words.counted(n_open, 'open alert')}{silent}, {words.count(int((~is_open).sum()))} resolved"]


def _line(alert: dict[str, object], zone: str) -> str:
    until = f" until {words.moment(alert['end'], zone)}" if alert["state"] == "resolved" else ""
    silent = f"\n{'':<10}silent: {alert['silenced_text']}" if pd.notna(alert["silenced_text"]) else ""
    return f"{alert['severity']:<9} {words.moment(alert['start'], zone)}{until}  {alert['title']}  [{alert['alert_id']}]{silent}"


def send(root: Path, *, is_dry: bool, now: pd.Timestamp) -> Said:
    """Deliver what is due by every channel; with `is_dry` only say what that would be."""
    chosen = _params(root)
    if not chosen.delivery.channels:
        return Said(["no channel is configured; add one under `delivery.channels` in params.yaml (README, 'Tell somebody')"], [])
    known = _alerts(chosen.project.zone, now)
    given = delivery.Given(project=chosen.project.name, report_url=chosen.delivery.report_url, root=root, scores=_scores())
    as_of = store.known_until().to_pydatetime()
    if is_dry:
        return _dry(known, chosen.delivery, given, as_of)
    try:
        outcomes = delivery.send(known, settings=chosen.delivery, given=given, as_of=as_of)
    except delivery.Busy as busy:
        return Said([str(busy)], [])
    said = [_outcome(one) for one in outcomes]
    return Said([line for one in said for line in one.lines], [line for one in said for line in one.problems])


def _scores() -> tuple[dict[str, Any], ...]:
    """How strange each series is now."""
    with store.newest():
        scored = store.load("scores").merge(store.load("series")[["series_id", "service", "region", "signal"]], on="series_id")
    return tuple(scored[["service", "region", "signal", "score"]].to_dict("records"))


def _outcome(outcome: delivery.Outcome) -> Said:
    lines = [f"{outcome.channel}: {words.counted(len(outcome.sent), 'message')} sent"]
    lines += [f"  {message.change:<10} {message.alert['title']}" for message in outcome.sent]
    lines += [f"  {note}" for note in outcome.notes]
    problems = [f"{outcome.channel}: {outcome.problem}; {_left(outcome)}"] if outcome.problem else []
    if outcome.n_given_up:
        problems.append(f"{outcome.channel}: {words.counted(outcome.n_given_up, 'message')} given up (delivery.give_up_s)")
    return Said(lines, problems)


def _left(outcome: delivery.Outcome) -> str:
    return f"{words.counted(outcome.n_left, 'message')} left for the next run" if outcome.n_left else "no message is left"


def _dry(known: pd.DataFrame, settings: params.Delivery, given: delivery.Given, as_of: object) -> Said:
    found, wrong = delivery.due(known, settings=settings, given=given, as_of=as_of)  # type: ignore[arg-type]
    lines = []
    for name, messages in found.items():
        lines.append(f"{name}: {words.counted(len(messages), 'message')} would be sent")
        lines += [f"  {message.change:<10} {message.alert['title']}" for message in messages]
    return Said(lines, [f"{name}: {problem}" for name, problem in wrong.items()])


def silence(
    root: Path, matcher: str, *, author: str, reason: str, start: pd.Timestamp, until: pd.Timestamp, now: pd.Timestamp
) -> list[str]:
    """Write a silence to `data/decisions/silences.csv`; what it silences now."""
    compiled = alerts.parse_matcher(matcher)
    # As it is written: in whole seconds.
    if until.floor("s") <= start.floor("s"):
        raise ValueError(f"the silence would end ({_iso(until)}) before it begins ({_iso(start)})")
    zone = _params(root).project.zone
    row = {"author": author, "reason": reason, "matcher": matcher, "from": _iso(start), "until": _iso(until)}
    path = store.decide("silences", row)
    lines = [f"written to {path.relative_to(root)} (commit it): {matcher} until {words.moment(until, zone, year=True)}"]
    try:
        before, only = known_alerts(), store.decisions("silences").tail(1)
    except FileNotFoundError:
        return [*lines, "there are no alerts yet"]
    is_open = (before["state"] != "resolved") & before["silenced_by"].isna()
    after = alerts.apply_silences(before[is_open], only, now=max(start, now), zone=zone)
    hit = after[after["silenced_by"] == "silence"]
    lines += [f"it silences {words.counted(len(hit), 'open alert')}", *(f"  {title}" for title in hit["title"])]
    return [*lines, *_unknown(compiled)]


def _unknown(matcher: alerts.Matcher) -> list[str]:
    """Services and regions that a matcher names and that do not exist: misspelt, or to come."""
    lines = []
    for name, pattern in matcher.patterns:
        if name in ("service", "region") and not set(pattern) & set("*?["):
            with store.newest():
                known = store.load("series")[name].unique().tolist()
            near = difflib.get_close_matches(pattern, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            lines += [f"no {name} is called '{pattern}' so far{hint}"] * (pattern not in known)
    return lines


def try_channel(root: Path, name: str, *, now: pd.Timestamp) -> str:
    """Send a test message by one channel."""
    chosen = _params(root)
    given = delivery.Given(project=chosen.project.name, report_url=chosen.delivery.report_url, root=root)
    note = delivery.send_test(name, settings=chosen.delivery, given=given, now=now.to_pydatetime())
    return f"{name}: {note or 'a test message was sent'}"


def _params(root: Path) -> params.Params:
    return params.load(root / "params.yaml")


def known_alerts() -> pd.DataFrame:
    """Table `alerts` as it is known now."""
    with store.newest():
        return store.load("alerts")


def _alerts(zone: str, now: pd.Timestamp) -> pd.DataFrame:
    """Table `alerts`, with silences that were decided since it was written."""
    return alerts.apply_silences(known_alerts(), store.decisions("silences"), now=now, zone=zone)


def _iso(time: pd.Timestamp) -> str:
    return time.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
