"""The command line: `analytics …`. What each command does lives elsewhere; here are its words."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from analytics.runner import client

__all__ = ["main"]

DESCRIPTION = "Reproducible analytics for service monitoring data: is anything wrong, what breaks next, why, what to do."
EPILOG = """\
usual ways in:
  analytics run --all             bring every report up to date: what is stale, and only that
  analytics analyze checks.csv    finished reports for data of your own, nothing to configure
  analytics collect               fetch what is new from the sources in params.yaml
  analytics status                what is stale and why, how old the data are
  analytics alerts send           tell people of what was found, by the channels in params.yaml
  analytics drift accept ID       make a lasting change the new normal

exit codes:
  0  done        1  failed, the message says why
  2  wrong use   130  stopped by Ctrl-C; nothing is left half-written
"""
FAILED, WRONG_USE, STOPPED = 1, 2, 130


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
        _complain("stopped; what was published is unchanged")
        return STOPPED
    except BrokenPipeError:
        # Who read the output has seen enough (`| head`); nothing more can be said, not even at exit.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return 0
    except (ValueError, OSError, RuntimeError) as error:
        # Errors of these kinds are written for people; any other is a defect of this program and keeps its traceback.
        details = getattr(error, "details", "") if getattr(given, "verbosity", "") == "verbose" else ""
        if text := "\n".join(part for part in (details, str(error)) if part):
            _complain(text)
        return FAILED


class _Parser(argparse.ArgumentParser):
    """Wrong words are answered with the nearest right one."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice" in message and self._subparsers is not None:
            word = message.split("'")[1]
            known = list(self._subparsers._group_actions[0].choices or [])
            near = difflib.get_close_matches(word, known, n=1)
            message = f"there is no command '{word}'; " + (f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}")
        self.print_usage(sys.stderr)
        self.exit(WRONG_USE, f"{self.prog}: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(prog="analytics", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = _add(commands, "run", _run, "run one stage, or all that is stale")
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
    _add_verbosity(run)

    collect = _add(commands, "collect", _collect, "fetch what is new from the sources, and record it with DVC")
    collect.add_argument("sources", nargs="*", metavar="SOURCE", help="names in params.yaml; none: all that are collected")
    collect.add_argument("--from", dest="start", metavar="TIME", help="fetch again from this time (with a zone) instead of from the cursor")
    collect.add_argument("--again", action="store_true", help="replace what is stored of the named sources: after their options changed")
    collect.add_argument("--no-dvc", action="store_true", help="do not record the data with DVC")
    _add_verbosity(collect)

    analyze = _add(commands, "analyze", _analyze, "finished reports for a file or a server, in a folder of their own")
    analyze.add_argument("data", metavar="FILE|URL", help="CSV, Parquet or JSON lines of checks; or the address of a Prometheus")
    analyze.add_argument("--out", type=Path, default=Path("analytics-report"), metavar="FOLDER", help="where to (default: %(default)s)")
    analyze.add_argument("--timezone", metavar="ZONE", help="zone of times that have none, e.g. Europe/Zurich")
    analyze.add_argument("--zone", metavar="ZONE", help="zone of the reports' times and months (a new folder's default: UTC)")
    analyze.add_argument(
        "-o", "--option", action="append", default=[], metavar="NAME=VALUE", help="option of the source, e.g. units.latency=ms"
    )
    _add_verbosity(analyze)

    _add(commands, "status", _status, "what is stale and why, and how old the data are")
    _add_alerts(commands)
    _add_drift(commands)

    audit = _add(commands, "audit", _audit, "re-run a revision from a clean checkout and compare every output")
    audit.add_argument("revision", nargs="?", default="HEAD", help="commit, tag or branch (default: %(default)s)")
    _add_verbosity(audit)

    params = _add(commands, "params", _params, "every parameter with its default and meaning")
    params.add_argument("section", nargs="?", help="only this section, e.g. slo")
    params.add_argument("--write", action="store_true", help="complete params.yaml; values that stand there are kept, comments are not")

    _add(commands, "dvc-deps", _dvc_deps, "write dvc.yaml from the import graph and the tables").add_argument(
        "--check", action="store_true", help="only say what is stale in it"
    )
    _add(commands, "doctor", _doctor, "what is missing on this machine")
    _add(commands, "version", _version, "versions of this program and of what it stands on")
    return parser


def _add_alerts(commands: Any) -> None:
    alerts = commands.add_parser("alerts", help="what is open; tell people; silence", description="Alerts: what is open, who is told.")
    inner = alerts.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = _add(inner, "list", _alerts_list, "alerts that are open, the most urgent first")
    listing.add_argument("--all", action="store_true", help="also those that nobody is told of, with the reason, and the resolved")

    sending = _add(inner, "send", _alerts_send, "deliver what is due by every channel in params.yaml")
    sending.add_argument("--dry-run", action="store_true", help="only say what would be sent where")
    _add_verbosity(sending)

    silence = _add(inner, "silence", _alerts_silence, "do not tell of some alerts for a while (written to data/decisions/silences.csv)")
    silence.add_argument(
        "matcher", nargs="+", metavar="NAME=PATTERN", help="which: service, region, signal, finding, severity, alert; all must hold"
    )
    silence.add_argument("--reason", required=True, help="why; it is shown wherever the silence is")
    length = silence.add_mutually_exclusive_group(required=True)
    length.add_argument("--until", metavar="TIME", help="until this time (with a zone)")
    length.add_argument("--for", dest="length", metavar="LENGTH", help="for so long, e.g. 4h or 2d")
    silence.add_argument("--from", dest="start", metavar="TIME", help="from this time (with a zone) instead of from now")
    silence.add_argument("--author", help="who decides it (default: the name you are logged in by)")

    label = _add(inner, "label", _alerts_label, "call an anomaly a false alarm, or a true one (written to data/decisions/feedback.csv)")
    label.add_argument("anomaly_id", metavar="ANOMALY_ID", help="which: its id or the beginning of it")
    label.add_argument("label", choices=("false", "true"), help="what it was")
    label.add_argument("--reason", required=True, help="why; it is shown wherever its like is kept back")
    label.add_argument("--author", help="who says it (default: the name you are logged in by)")

    replay = _add(inner, "replay", _alerts_replay, "what the same history would have told with other parameters; nothing is changed")
    replay.add_argument(
        "--set", action="append", required=True, metavar="anomalies.NAME=VALUE", help="another budget, rule or detector, e.g. "
        "anomalies.false_alarms_per_week=1, anomalies.left_out=[run]",
    )  # fmt: skip
    replay.add_argument("--weeks", type=int, default=4, metavar="N", help="newest weeks that are compared (default: %(default)s)")

    test = _add(inner, "test", _alerts_test, "send a test message by one channel")
    test.add_argument("channel", metavar="CHANNEL", help="its name under delivery.channels in params.yaml")


def _add_drift(commands: Any) -> None:
    drift = commands.add_parser(
        "drift", help="what has drifted; what of it is the new normal", description="Drifts, and what becomes of them."
    )
    inner = drift.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = _add(inner, "list", _drift_list, "drifts that are open, the gravest first")
    listing.add_argument("--all", action="store_true", help="also those that are accepted or over")

    accept = _add(inner, "accept", _drift_accept, "make a drift the new normal (written to data/decisions/rebaselines.csv)")
    accept.add_argument("drift_id", nargs="?", metavar="DRIFT_ID", help="which: its id or the beginning of it")
    accept.add_argument("--event", metavar="EVENT_ID", help="instead of a drift: whatever begins with this declared event")
    accept.add_argument("--direction", choices=("regression", "improvement", "neutral"), help="with --event: only what goes this way")
    accept.add_argument("--bound", type=float, metavar="FRACTION", help="with --event: only what is at most so large, e.g. 0.3")

    reject = _add(inner, "reject", _drift_reject, "take back that a drift was accepted")
    reject.add_argument("drift_id", metavar="DRIFT_ID", help="which: its id or the beginning of it")
    for parser in (accept, reject):
        parser.add_argument("--reason", required=True, help="why; it is kept with the decision")
        parser.add_argument("--author", metavar="NAME", help="who decides it (default: git's user.name, or the name you are logged in by)")


def _add(commands: Any, name: str, command: Any, meaning: str) -> _Parser:
    parser: _Parser = commands.add_parser(name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")
    parser.set_defaults(command=command)
    return parser


def _add_verbosity(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--quiet", dest="verbosity", action="store_const", const="quiet", default="normal", help="say nothing but errors")
    group.add_argument("--verbose", dest="verbosity", action="store_const", const="verbose", help="say more, with tracebacks")


def _run(given: argparse.Namespace) -> int:
    from analytics import params, pipeline, session

    root = session.root()
    if not given.all:
        if len(given.stages) != 1 or given.force:
            raise ValueError("name one stage (analytics run ingest), or bring all up to date with: analytics run --all")
        done = pipeline.run(given.stages[0], root=root, parameters=params.assignments(given.parameter), verbosity=given.verbosity)
        if done.report is not None and given.verbosity != "quiet":
            _say(str(done.report))
        return 0
    if given.parameter:
        raise ValueError("-p varies one stage: analytics run ingest -p service=checkout; for all stages change params.yaml")
    result = pipeline.run_all(root=root, targets=tuple(given.stages), force=given.force, verbosity=given.verbosity)
    if given.verbosity != "quiet":
        ran = f"{len(result.changed)} of {len(result.stages)} stages ran" if result.changed else "everything was up to date"
        _say(f"{ran} ({result.wall_s:.1f} s)\n")
        _say_findings(root)
    return 0


def _collect(given: argparse.Namespace) -> int:
    from analytics import params, session, sources
    from analytics.sources import base

    root = session.root()
    configured = params.load(root / "params.yaml").sources
    names = given.sources or [name for name in configured if sources.is_collected(name)]
    unknown = [name for name in names if name not in configured]
    if unknown:
        raise ValueError(f"source '{unknown[0]}' is not in params.yaml; {base.did_you_mean(unknown[0], configured)}")
    if not names:
        raise ValueError("params.yaml has no source to collect from; add one under `sources` (README, 'Your own data')")
    if given.again and (not given.sources or given.start):
        raise ValueError("--again replaces all that is stored of a source: name it (analytics collect --again NAME), without --from")
    start = None if given.start is None else _time(given.start)
    say = (lambda text: None) if given.verbosity == "quiet" else _say
    failed = 0
    for name in names:
        try:
            _collect_one(name, configured[name], root=root, start=start, again=given.again, is_recorded=not given.no_dvc, say=say)
        except (ValueError, OSError, RuntimeError) as error:
            # A server that does not answer must not keep the other sources waiting until it does.
            _complain(str(error))
            failed += 1
    _read_from_now_on(root, "sources of params.yaml", say)
    return FAILED if failed else 0


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


def _analyze(given: argparse.Namespace) -> int:
    from analytics import analyze, params
    from analytics.sources.base import SourceError

    say = (lambda text: None) if given.verbosity == "quiet" else _say
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
        _say("")
        _say_findings(root)
    return 0


def _status(given: argparse.Namespace) -> int:
    from analytics import session, status

    for line in status.describe(session.root()):
        _say(line)
    return 0


def _alerts_list(given: argparse.Namespace) -> int:
    from analytics import session, tell

    for line in tell.list_alerts(session.root(), is_all=given.all, now=_now()):
        _say(line)
    return 0


def _alerts_send(given: argparse.Namespace) -> int:
    from analytics import session, tell

    said = tell.send(session.root(), is_dry=given.dry_run, now=_now())
    for line in said.lines if given.verbosity != "quiet" else ():
        _say(line)
    for line in said.problems:
        _complain(line)
    return FAILED if said.problems else 0


def _alerts_silence(given: argparse.Namespace) -> int:
    import getpass
    import shlex

    from analytics import session, tell

    root = session.root()
    start = _now() if given.start is None else _time(given.start)
    until = start + _length(given.length) if given.until is None else _time(given.until)
    matcher = " ".join(shlex.quote(part) if any(letter in part for letter in " \t'\"\\") else part for part in given.matcher)
    author = given.author or getpass.getuser()
    for line in tell.silence(root, matcher, author=author, reason=given.reason, start=start, until=until, now=_now()):
        _say(line)
    _read_from_now_on(root, "silences")
    return 0


def _alerts_label(given: argparse.Namespace) -> int:
    from analytics import session
    from analytics.anomalies import feedback

    for line in feedback.label(given.anomaly_id, given.label, **_decision(given)):
        _say(line)
    _read_from_now_on(session.root(), "feedback")
    return 0


def _alerts_replay(given: argparse.Namespace) -> int:
    from analytics.anomalies import replay

    for line in replay.replay(given.set, weeks=given.weeks, say=_complain):
        _say(line)
    return 0


def _read_from_now_on(root: Path, what: str, say: Callable[[str], None] | None = None) -> None:
    """Let the chain depend on a file that has come."""
    from analytics import dvcfiles

    if (root / "dvc.yaml").is_file() and dvcfiles.write_dvc_yaml(root):
        (say or _say)(f"dvc.yaml: the chain reads the {what} now")


def _alerts_test(given: argparse.Namespace) -> int:
    from analytics import session, tell

    _say(tell.try_channel(session.root(), given.channel, now=_now()))
    return 0


def _drift_list(given: argparse.Namespace) -> int:
    from analytics import params, session
    from analytics.drift import decide

    zone = params.load(session.root() / "params.yaml").project.zone
    for line in decide.list_drifts(zone=zone, is_all=given.all):
        _say(line)
    return 0


def _drift_accept(given: argparse.Namespace) -> int:
    from analytics.drift import decide

    if given.event is None:
        if given.drift_id is None or given.direction is not None or given.bound is not None:
            raise ValueError("name one drift (analytics drift list), or --event with --direction and --bound")
        lines = decide.accept(given.drift_id, **_decision(given))
    else:
        if given.drift_id is not None or given.direction is None or given.bound is None:
            raise ValueError("--event needs --direction and --bound, and no drift")
        lines = decide.accept_event(given.event, direction=given.direction, bound=given.bound, **_decision(given))
    for line in lines:
        _say(line)
    return 0


def _drift_reject(given: argparse.Namespace) -> int:
    from analytics.drift import decide

    for line in decide.reject(given.drift_id, **_decision(given)):
        _say(line)
    return 0


def _decision(given: argparse.Namespace) -> dict[str, Any]:
    """Who decides, why, when; and the zone to answer in."""
    import getpass
    import shutil
    import subprocess

    from analytics import params, session

    root = session.root()
    asked = ["git", "-C", str(root), "config", "user.name"]
    of_git = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() if shutil.which("git") else ""
    author = given.author or of_git or getpass.getuser()
    return {"author": author, "reason": given.reason, "zone": params.load(root / "params.yaml").project.zone, "now": _now()}


def _audit(given: argparse.Namespace) -> int:
    from analytics import audit, session

    result = audit.audit(given.revision, root=session.root(), verbosity=given.verbosity)
    for line in result.lines:
        _say(line)
    return 0 if result.is_same else FAILED


def _params(given: argparse.Namespace) -> int:
    from analytics import params, store

    if given.write:
        path = store.root() / "params.yaml"
        before = path.read_text(encoding="utf-8")
        after = params.dump(params.load(path))
        store.write_atomically(path, after.encode())
        _say("params.yaml was complete" if before == after else "params.yaml is complete now")
        lost = [comment for comment in params.comments(before) if comment not in params.comments(after)]
        for line in ["comments that it writes itself replace these:", *(f"  # {comment}" for comment in lost)] if lost else []:
            _say(line)
        return 0
    rows = [row for row in params.describe() if given.section in (None, row[0].partition(".")[0])]
    if not rows:
        known = sorted({row[0].partition(".")[0] for row in params.describe()})
        raise ValueError(f"there is no section '{given.section}'; there are {', '.join(known)}")
    for name, kind, default, meaning in rows:
        _say(f"{name:<38} {default:<16} {meaning}  ({kind})")
    return 0


def _dvc_deps(given: argparse.Namespace) -> int:
    from analytics import dvcfiles, session

    root = session.root()
    if given.check:
        stale = dvcfiles.check(root)
        for line in stale or ["dvc.yaml is as the code says"]:
            _say(line)
        return FAILED if stale else 0
    _say("dvc.yaml was written" if dvcfiles.write_dvc_yaml(root) else "dvc.yaml was as the code says")
    return 0


def _doctor(given: argparse.Namespace) -> int:
    from analytics import doctor

    findings = doctor.examine()
    for finding in findings:
        _say(f"{'ok     ' if finding.is_fine else 'missing'}  {finding.what}" + ("" if finding.is_fine else f"\n         {finding.remedy}"))
    return 0 if all(finding.is_fine or not finding.is_needed for finding in findings) else FAILED


def _version(given: argparse.Namespace) -> int:
    from importlib import metadata

    import analytics

    _say(f"analytics {analytics.__version__}, Python {sys.version.split()[0]}")
    for name in ("pandas", "numpy", "pyarrow", "duckdb", "dvc", "papermill", "matplotlib"):
        _say(f"  {name} {metadata.version(name)}")
    return 0


def _time(text: str) -> Any:
    import pandas as pd

    time = pd.Timestamp(text)
    if time.tzinfo is None:
        raise ValueError(f"'{text}' has no zone; write it with one (2026-03-01T00:00Z)")
    return time.tz_convert("UTC")


def _now() -> Any:
    import pandas as pd

    return pd.Timestamp.now(tz="UTC")


def _length(text: str) -> Any:
    import pandas as pd

    try:
        length = pd.Timedelta(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no length of time; write 30min, 4h or 2d") from error
    if not length > pd.Timedelta(0):
        raise ValueError(f"'{text}' is no length of time that lasts; write 30min, 4h or 2d")
    return length


def _say_findings(root: Path) -> None:
    """What the summary found, and where it stands."""
    from analytics import status

    for line in status.findings(root):
        _say(line)
    _say(f"\n{(root / 'reports' / 'index.html').resolve()}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
