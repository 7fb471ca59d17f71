"""Commands that fetch, run, watch and check: run, collect, watch, analyze, status, audit."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analytics.cli import base

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add them to the command line."""
    run = base.add_command(commands, "run", _run, "run one stage, or all that is stale")
    run.add_argument(
        "stages", nargs="*", metavar="STAGE", help="stage to run alone, e.g. ingest; with --all: bring it and its inputs up to date"
    )
    run.add_argument("--all", action="store_true", help="bring everything up to date, as `dvc repro` would, in one warm process")
    run.add_argument("--force", action="store_true", help="with --all: run every stage, stale or not")
    run.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="vary a parameter; the results are a draft in data/draft",
    )
    base.add_verbosity(run)

    collect = base.add_command(commands, "collect", _collect, "fetch what is new from the sources, and record it with DVC")
    collect.add_argument("sources", nargs="*", metavar="SOURCE", help="names in params.yaml; none: all that are collected")
    collect.add_argument("--from", dest="start", metavar="TIME", help="fetch again from this time (with a zone) instead of from the cursor")
    collect.add_argument("--again", action="store_true", help="replace what is stored of the named sources: after their options changed")
    collect.add_argument("--no-dvc", action="store_true", help="do not record the data with DVC")
    base.add_verbosity(collect)

    watch = base.add_command(commands, "watch", _watch, "fetch the newest data, judge them by the stored detectors, tell people")
    watch.add_argument("--every", metavar="LENGTH", help="go on until stopped, once in so long, e.g. 5min; without it: one pass")
    watch.add_argument("--no-collect", action="store_true", help="do not ask the sources: judge what is stored")
    watch.add_argument("--no-send", action="store_true", help="tell nobody")
    base.add_verbosity(watch)

    analyze = base.add_command(commands, "analyze", _analyze, "finished reports for a file or a server, in a folder of their own")
    analyze.add_argument("data", metavar="FILE|URL", help="CSV, Parquet or JSON lines of checks; or the address of a Prometheus")
    analyze.add_argument("--out", type=Path, default=Path("analytics-report"), metavar="FOLDER", help="where to (default: %(default)s)")
    analyze.add_argument("--timezone", metavar="ZONE", help="zone of times that have none, e.g. Europe/Zurich")
    analyze.add_argument("--zone", metavar="ZONE", help="zone of the reports' times and months (a new folder's default: UTC)")
    analyze.add_argument(
        "-o", "--option", action="append", default=[], metavar="NAME=VALUE", help="option of the source, e.g. units.latency=ms"
    )
    base.add_verbosity(analyze)

    base.add_command(commands, "status", _status, "what is stale and why, and how old the data are")

    audit = base.add_command(commands, "audit", _audit, "re-run a revision from a clean checkout and compare every output")
    audit.add_argument("revision", nargs="?", default="HEAD", help="commit, tag or branch (default: %(default)s)")
    base.add_verbosity(audit)


def _run(given: argparse.Namespace) -> int:
    from analytics import params, pipeline, session

    root = session.root()
    if not given.all:
        if len(given.stages) != 1 or given.force:
            raise ValueError("name one stage (analytics run ingest), or bring all up to date with: analytics run --all")
        done = pipeline.run(given.stages[0], root=root, parameters=params.assignments(given.parameter), verbosity=given.verbosity)
        if done.report is not None and given.verbosity != "quiet":
            base.say(str(done.report))
        return 0
    if given.parameter:
        raise ValueError("-p varies one stage: analytics run ingest -p service=checkout; for all stages change params.yaml")
    result = pipeline.run_all(root=root, targets=tuple(given.stages), force=given.force, verbosity=given.verbosity)
    if given.verbosity != "quiet":
        ran = f"{len(result.changed)} of {len(result.stages)} stages ran" if result.changed else "everything was up to date"
        base.say(f"{ran} ({result.wall_s:.1f} s)\n")
        _say_findings(root)
    return 0


def _collect(given: argparse.Namespace) -> int:
    from analytics import params, session, sources
    from analytics.sources.base import did_you_mean

    root = session.root()
    configured = params.load(root / "params.yaml").sources
    names = given.sources or [name for name in configured if sources.is_collected(name)]
    unknown = [name for name in names if name not in configured]
    if unknown:
        raise ValueError(f"source '{unknown[0]}' is not in params.yaml; {did_you_mean(unknown[0], configured)}")
    if not names:
        raise ValueError("params.yaml has no source to collect from; add one under `sources` (README, 'Your own data')")
    if given.again and (not given.sources or given.start):
        raise ValueError("--again replaces all that is stored of a source: name it (analytics collect --again NAME), without --from")
    start = None if given.start is None else base.moment(given.start)
    say = (lambda text: None) if given.verbosity == "quiet" else base.say
    failed = 0
    for name in names:
        try:
            _collect_one(name, configured[name], root=root, start=start, again=given.again, is_recorded=not given.no_dvc, say=say)
        except (ValueError, OSError, RuntimeError) as error:
            # A server that does not answer must not keep the other sources waiting until it does.
            base.complain(str(error))
            failed += 1
    base.read_from_now_on(root, "sources of params.yaml", say)
    return base.FAILED if failed else 0


def _collect_one(
    name: str, options: dict[str, Any], *, root: Path, start: Any, again: bool, is_recorded: bool, say: Callable[[str], None]
) -> None:
    import pandas as pd

    from analytics.sources import collect

    collected = collect.collect(name, options, root=root, now=pd.Timestamp.now(tz="UTC"), start=start, again=again, progress=say)
    for sentence in collected.sentences:
        say(sentence)
    if is_recorded and collect.record(name, root=root):
        say(f"recorded: data/raw/{name}.dvc (commit it, so that today's data can be brought back)")


def _watch(given: argparse.Namespace) -> int:
    from analytics import session, watch

    pause = None if given.every is None else base.length(given.every).total_seconds()
    say = (lambda text: None) if given.verbosity == "quiet" else base.say
    while True:
        began = time.monotonic()
        failed = _watch_once(session.root(), given, say, watch)
        if pause is None:
            return base.FAILED if failed else 0
        time.sleep(max(0.0, pause - (time.monotonic() - began)))


def _watch_once(root: Path, given: argparse.Namespace, say: Callable[[str], None], watch: Any) -> bool:
    """One pass; whether something went wrong. Who goes on says so and tries again."""
    try:
        seen = watch.watch(root, clock=base.now(), is_collected=not given.no_collect, is_sent=not given.no_send, say=say)
    except watch.Busy as busy:
        say(str(busy))
        return False
    except (ValueError, OSError, RuntimeError) as error:
        if given.every is None:
            raise
        base.complain(str(error))
        return True
    for line in seen.lines:
        say(line)
    for line in seen.problems:
        base.complain(line)
    return bool(seen.problems)


def _analyze(given: argparse.Namespace) -> int:
    from analytics import analyze, params
    from analytics.sources.base import SourceError

    say = (lambda text: None) if given.verbosity == "quiet" else base.say
    options = params.nested(params.assignments(given.option))
    if given.timezone:
        options["timezone"] = given.timezone
    try:
        root = analyze.analyze(given.data, folder=given.out, options=options, zone=given.zone, verbosity=given.verbosity, say=say)
    except SourceError as error:
        raise ValueError(
            f"{error}\n(here options are given by -o, e.g. -o units.latency=ms -o columns.time=when -o service=web)"
        ) from error
    if given.verbosity != "quiet":
        base.say("")
        _say_findings(root)
    return 0


def _status(given: argparse.Namespace) -> int:
    from analytics import session, status

    for line in status.describe(session.root()):
        base.say(line)
    return 0


def _audit(given: argparse.Namespace) -> int:
    from analytics import audit, session

    result = audit.audit(given.revision, root=session.root(), verbosity=given.verbosity)
    for line in result.lines:
        base.say(line)
    return 0 if result.is_same else base.FAILED


def _say_findings(root: Path) -> None:
    """What the summary found, and where it stands."""
    from analytics import status

    for line in status.findings(root):
        base.say(line)
    base.say(f"\n{(root / 'reports' / 'index.html').resolve()}")
