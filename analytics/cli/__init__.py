"""The command line: `analytics …`. What each command does lives elsewhere; here are its words."""

from __future__ import annotations

import argparse
import os
import sys

from analytics.cli import alerts, base, chain, drift, models, project
from analytics.cli.base import FAILED, STOPPED, WRONG_USE
from analytics.runner import client

__all__ = ["FAILED", "STOPPED", "WRONG_USE", "main"]

DESCRIPTION = "Reproducible analytics for service monitoring data: is anything wrong, what breaks next, why, what to do."
EPILOG = """\
usual ways in:
  analytics run --all             bring every report up to date: what is stale, and only that
  analytics analyze checks.csv    finished reports for data of your own, nothing to configure
  analytics collect               fetch what is new from the sources in params.yaml
  analytics status                what is stale and why, how old the data are
  analytics alerts send           tell people of what was found, by the channels in params.yaml
  analytics watch                 judge and tell what is newest, every few minutes, between two runs of the chain
  analytics drift accept ID       make a lasting change the new normal

exit codes:
  0  done        1  failed, the message says why
  2  wrong use   130  stopped by Ctrl-C; nothing is left half-written
"""


def main() -> None:
    """Entry point of the command `analytics`."""
    # A stage that DVC starts within `analytics run --all` is handed to the waiting warm process before anything is imported.
    code = client.forward(sys.argv[1:])
    sys.exit(_command(sys.argv[1:]) if code == client.CANNOT_ASK else code)


def _command(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    try:
        return int(given.command(given) or 0)
    except KeyboardInterrupt:
        base.complain("stopped; what was published is unchanged")
        return STOPPED
    except BrokenPipeError:
        # Who read the output has seen enough (`| head`); nothing more can be said, not even at exit.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return 0
    except (ValueError, OSError, RuntimeError) as error:
        # Errors of these kinds are written for people; any other is a defect of this program and keeps its traceback.
        details = getattr(error, "details", "") if getattr(given, "verbosity", "") == "verbose" else ""
        if text := "\n".join(part for part in (details, str(error)) if part):
            base.complain(text)
        return FAILED


def _parser() -> base.Parser:
    parser = base.Parser(prog="analytics", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for topic in (chain, alerts, drift, models, project):
        topic.add(commands)
    return parser
