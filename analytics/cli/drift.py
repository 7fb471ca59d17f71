"""Commands about drifts: list, accept, reject."""

from __future__ import annotations

import argparse
from typing import Any

from analytics.cli import base

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add them to the command line."""
    drift = commands.add_parser(
        "drift", help="what has drifted; what of it is the new normal", description="Drifts, and what becomes of them."
    )
    inner = drift.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = base.add_command(inner, "list", _list, "drifts that are open, the gravest first")
    listing.add_argument("--all", action="store_true", help="also those that are accepted or over")

    accept = base.add_command(inner, "accept", _accept, "make a drift the new normal (written to data/decisions/rebaselines.csv)")
    accept.add_argument("drift_id", nargs="?", metavar="DRIFT_ID", help="which: its id or the beginning of it")
    accept.add_argument("--event", metavar="EVENT_ID", help="instead of a drift: whatever begins with this declared event")
    accept.add_argument("--direction", choices=("regression", "improvement", "neutral"), help="with --event: only what goes this way")
    accept.add_argument("--bound", type=float, metavar="FRACTION", help="with --event: only what is at most so large, e.g. 0.3")

    reject = base.add_command(inner, "reject", _reject, "take back that a drift was accepted")
    reject.add_argument("drift_id", metavar="DRIFT_ID", help="which: its id or the beginning of it")
    for parser in (accept, reject):
        parser.add_argument("--reason", required=True, help="why; it is kept with the decision")
        parser.add_argument("--author", metavar="NAME", help="who decides it (default: git's user.name, or the name you are logged in by)")


def _list(given: argparse.Namespace) -> int:
    from analytics import params, session
    from analytics.drift import decide

    zone = params.load(session.root() / "params.yaml").project.zone
    for line in decide.list_drifts(zone=zone, is_all=given.all):
        base.say(line)
    return 0


def _accept(given: argparse.Namespace) -> int:
    from analytics.drift import decide

    if given.event is None:
        if given.drift_id is None or given.direction is not None or given.bound is not None:
            raise ValueError("name one drift (analytics drift list), or --event with --direction and --bound")
        lines = decide.accept(given.drift_id, **base.decision(given))
    else:
        if given.drift_id is not None or given.direction is None or given.bound is None:
            raise ValueError("--event needs --direction and --bound, and no drift")
        lines = decide.accept_event(given.event, direction=given.direction, bound=given.bound, **base.decision(given))
    for line in lines:
        base.say(line)
    return 0


def _reject(given: argparse.Namespace) -> int:
    from analytics.drift import decide

    for line in decide.reject(given.drift_id, **base.decision(given)):
        base.say(line)
    return 0
