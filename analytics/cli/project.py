"""Commands about the project itself: params, dvc-deps, doctor, version."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from analytics.cli import base

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add them to the command line."""
    params = base.add_command(commands, "params", _params, "every parameter with its default and meaning")
    params.add_argument("section", nargs="?", help="only this section, e.g. slo")
    params.add_argument("--write", action="store_true", help="complete params.yaml; values that stand there are kept, comments are not")

    base.add_command(commands, "dvc-deps", _dvc_deps, "write dvc.yaml from the import graph and the tables").add_argument(
        "--check", action="store_true", help="only say what is stale in it"
    )
    base.add_command(commands, "doctor", _doctor, "what is missing on this machine")
    base.add_command(commands, "version", _version, "versions of this program and of the packages it uses")


def _params(given: argparse.Namespace) -> int:
    from analytics import params, store

    if given.write:
        path = store.root() / "params.yaml"
        before = path.read_text(encoding="utf-8")
        after = params.dump(params.load(path))
        store.write_atomically(path, after.encode())
        base.say("params.yaml was complete" if before == after else "params.yaml is complete now")
        lost = [comment for comment in params.comments(before) if comment not in params.comments(after)]
        for line in ["comments that it writes itself replace these:", *(f"  # {comment}" for comment in lost)] if lost else []:
            base.say(line)
        return 0
    rows = [row for row in params.describe() if given.section in (None, row[0].partition(".")[0])]
    if not rows:
        known = sorted({row[0].partition(".")[0] for row in params.describe()})
        raise ValueError(f"there is no section '{given.section}'; there are {', '.join(known)}")
    for name, kind, default, meaning in rows:
        base.say(f"{name:<38} {default:<16} {meaning}  ({kind})")
    return 0


def _dvc_deps(given: argparse.Namespace) -> int:
    from analytics import dvcfiles, session

    root = session.root()
    if given.check:
        stale = dvcfiles.check(root)
        for line in stale or ["dvc.yaml is as the code says"]:
            base.say(line)
        return base.FAILED if stale else 0
    base.say("dvc.yaml was written" if dvcfiles.write_dvc_yaml(root) else "dvc.yaml was as the code says")
    return 0


def _doctor(given: argparse.Namespace) -> int:
    from analytics import doctor

    findings = doctor.examine()
    for finding in findings:
        base.say(
            f"{'ok     ' if finding.is_fine else 'missing'}  {finding.what}" + ("" if finding.is_fine else f"\n         {finding.remedy}")
        )
    return 0 if all(finding.is_fine or not finding.is_needed for finding in findings) else base.FAILED


def _version(given: argparse.Namespace) -> int:
    from importlib import metadata

    import analytics

    base.say(f"analytics {analytics.__version__}, Python {sys.version.split()[0]}")
    for name in ("pandas", "numpy", "pyarrow", "duckdb", "dvc", "papermill", "matplotlib"):
        base.say(f"  {name} {metadata.version(name)}")
    return 0
