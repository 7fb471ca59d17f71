"""Commands about fitted models: list, diff."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analytics.cli import base

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add them to the command line."""
    models = commands.add_parser("models", help="which detectors are stored; how two versions differ", description="Fitted models.")
    inner = models.add_subparsers(title="commands", metavar="COMMAND", required=True)
    base.add_command(inner, "list", _list, "the stored detectors: what each has seen, and by which settings")
    diff = base.add_command(inner, "diff", _diff, "alarms that two versions of the stored detectors tell of what has come since")
    diff.add_argument("one", type=Path, metavar="FOLDER", help="a copy of data/models/anomalies, of an older commit say")
    diff.add_argument(
        "other", type=Path, nargs="?", default=Path("data/models/anomalies"), metavar="FOLDER", help="the other (default: %(default)s)"
    )


def _list(given: argparse.Namespace) -> int:
    from analytics import params, session
    from analytics.anomalies import replay

    for line in replay.listed(zone=params.load(session.root() / "params.yaml").project.zone):
        base.say(line)
    return 0


def _diff(given: argparse.Namespace) -> int:
    from analytics.anomalies import replay

    for line in replay.difference(given.one, given.other):
        base.say(line)
    return 0
