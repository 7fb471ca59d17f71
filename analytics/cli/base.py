"""What all commands share: how one is added, what a person writes (times, lengths), what is answered, exit codes."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

__all__ = [
    "AUTHOR",
    "FAILED",
    "STOPPED",
    "WRONG_USE",
    "Parser",
    "add_command",
    "add_verbosity",
    "author",
    "complain",
    "decision",
    "length",
    "moment",
    "now",
    "read_from_now_on",
    "say",
]

FAILED, WRONG_USE, STOPPED = 1, 2, 130


class Parser(argparse.ArgumentParser):
    """Wrong words are answered with the nearest right one."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice" in message and self._subparsers is not None:
            word = message.split("'")[1]
            known = list(self._subparsers._group_actions[0].choices or [])
            near = difflib.get_close_matches(word, known, n=1)
            message = f"there is no command '{word}'; " + (f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}")
        self.print_usage(sys.stderr)
        self.exit(WRONG_USE, f"{self.prog}: {message}\n")


def add_command(commands: Any, name: str, command: Any, meaning: str) -> Parser:
    """Add a command, and what runs it."""
    parser: Parser = commands.add_parser(name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")
    parser.set_defaults(command=command)
    return parser


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add --quiet and --verbose."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--quiet", dest="verbosity", action="store_const", const="quiet", default="normal", help="say nothing but errors")
    group.add_argument("--verbose", dest="verbosity", action="store_const", const="verbose", help="say more, with tracebacks")


def moment(text: str) -> Any:
    """The time that somebody has written."""
    import pandas as pd

    time = pd.Timestamp(text)
    if time.tzinfo is None:
        raise ValueError(f"'{text}' has no zone; write it with one (2026-03-01T00:00Z)")
    return time.tz_convert("UTC")


def now() -> Any:
    """What time it is; tests stop this clock."""
    import pandas as pd

    return pd.Timestamp.now(tz="UTC")


def length(text: str) -> Any:
    """The length of time that somebody has written."""
    import pandas as pd

    try:
        found = pd.Timedelta(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no length of time; write 30min, 4h or 2d") from error
    # A bare number would be so many nanoseconds.
    if not found >= pd.Timedelta("1s"):
        raise ValueError(f"'{text}' is no length of time that lasts; write it with its unit: 30min, 4h or 2d")
    return found


def decision(given: argparse.Namespace) -> dict[str, Any]:
    """Who decides, why, when; and the zone to answer in."""
    from analytics import params, session

    zone = params.load(session.root() / "params.yaml").project.zone
    return {"author": given.author or author(), "reason": given.reason, "zone": zone, "now": now()}


AUTHOR = "who decides it (default: git's user.name, or the name you are logged in by)"
"""Help for the option that `author` is the default of."""


def author() -> str:
    """Who is at the keyboard, by git, or by the system."""
    import getpass
    import shutil
    import subprocess

    from analytics import session

    asked = ["git", "-C", str(session.root()), "config", "user.name"]
    of_git = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() if shutil.which("git") else ""
    return of_git or getpass.getuser()


def read_from_now_on(root: Path, what: str, tell: Callable[[str], None] | None = None) -> None:
    """Let the chain depend on a file that has come."""
    from analytics import dvcfiles

    if (root / "dvc.yaml").is_file() and dvcfiles.write_dvc_yaml(root):
        (tell or say)(f"dvc.yaml: the chain reads the {what} now")


def say(text: str) -> None:
    """Answer."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Say what is wrong, where errors go."""
    sys.stderr.write(text + "\n")
