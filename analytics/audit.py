"""Make a revision's results again, from a clean checkout, and compare every one of them with what that revision recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics import dvcfiles, packages, repository
from analytics.runner import runs
from analytics.runner.alike import TOLERANCE, same_numbers
from analytics.runner.progress import Verbosity

__all__ = ["Audit", "audit"]

# The revision's own code runs, as it was; it is asked for nothing but its whole chain.
SCRIPT = """
import sys
from pathlib import Path
from analytics import pipeline
try:
    pipeline.run_all(root=Path.cwd(), force=True, commit=False, use_run_cache=False, verbosity=sys.argv[1])
except (RuntimeError, ValueError, OSError) as error:
    sys.exit(str(error))
"""

# What nothing may depend on: an audit on the machine that made the results must see what another machine would.
FOREIGN = {"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4711"}


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    revision : the commit that was made again
    n_outputs : outputs compared
    different : those that differ
    alike : those that agree in their numbers only, made on another or an unknown kind of processor
    """

    revision: str
    n_outputs: int
    different: tuple[str, ...]
    alike: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """No output differs."""
        return not self.different

    @property
    def lines(self) -> list[str]:
        """The findings as sentences."""
        said = [f"{path} differs from what {self.revision[:12]} recorded" for path in self.different]
        said += [
            f"{path}: the same numbers to {TOLERANCE:g}, not the same bytes (made on another or an unknown kind of CPU)"
            for path in self.alike
        ]
        same = self.n_outputs - len(self.different) - len(self.alike)
        return [*said, f"{same} of {self.n_outputs} outputs of {self.revision[:12]} have the same bytes on {runs.cpu_kind()}"]


def audit(revision: str = "HEAD", *, root: Path, verbosity: Verbosity = "normal") -> Audit:
    """Run every stage of a revision again, in another locale, time zone and hash seed, and compare each output with its `dvc.lock`.

    Raises
    ------
    ValueError
        If the revision does not exist, has recorded nothing, needs other package versions than are installed, or its raw data are
        neither in DVC's cache nor in a remote.
    RuntimeError
        If one of its stages fails.
    """
    root = root.resolve()
    commit = _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", remedy=f"there is no revision '{revision}'").strip()
    recorded = _outputs(
        _git(
            root,
            "show",
            f"{commit}:./dvc.lock",
            remedy=f"{revision} has no dvc.lock: nothing to compare; commit it after `analytics run --all`",
        )
    )
    temporary = Path(tempfile.mkdtemp(prefix="analytics-audit-"))
    try:
        folder = _checkout(root, commit, temporary)
        _refuse_other_packages(folder / "requirements.lock", revision)
        _share_cache(root, folder)
        _bring_raw(folder, revision)
        _run(folder, verbosity)
        made = _outputs((folder / "dvc.lock").read_text(encoding="utf-8"))
        return _compare(commit, recorded, made, root=root, folder=folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _git(folder: Path, *arguments: str, remedy: str = "") -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(remedy or f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def _outputs(lock: str) -> dict[str, tuple[str, str]]:
    """Path of each output -> (stage, hash)."""
    stages = dvcfiles.parsed(lock, name="dvc.lock").get("stages", {})
    return {out["path"]: (name, out["md5"]) for name, stage in stages.items() for out in stage.get("outs", [])}


def _checkout(root: Path, commit: str, temporary: Path) -> Path:
    inside = _git(root, "rev-parse", "--show-prefix").strip()
    top = _git(root, "rev-parse", "--show-toplevel").strip()
    clone = temporary / "project"
    _git(temporary, "clone", "--quiet", "--shared", "--no-checkout", top, str(clone))
    _git(clone, "checkout", "--quiet", "--detach", commit)
    return clone / inside


def _refuse_other_packages(lock: Path, revision: str) -> None:
    """The numbers are promised for the versions in the lock file only."""
    if not lock.is_file():
        return
    wrong = [f"{pin.name}{pin.wanted} (here {pin.installed})" for pin in packages.pins(lock) if not pin.is_right]
    if wrong:
        raise ValueError(
            f"{revision} was made with other packages: {', '.join(wrong[:5])}{' …' if len(wrong) > 5 else ''}; "
            "install its requirements.lock in an environment of its own and audit from there"
        )


def _share_cache(root: Path, folder: Path) -> None:
    """Let the checkout read this project's cache and remotes, wherever they are."""
    with repository.opened(root) as repo:
        lines = ["[cache]", f"    dir = {repo.cache.local.path}"]
        for name, remote in repo.config["remote"].items():
            lines += [f"['remote \"{name}\"']", *(f"    {key} = {value}" for key, value in remote.items())]
    (folder / ".dvc" / "config.local").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _bring_raw(folder: Path, revision: str) -> None:
    """Check out what the revision tracks with DVC beside its stages: collected raw data, registered models."""
    tracked = [path for path in _git(folder, "ls-files", "*.dvc").splitlines() if path]
    if not tracked or _dvc(folder, "checkout", "--quiet", *tracked).returncode == 0:
        return
    fetched = _dvc(folder, "pull", "--quiet", *tracked)
    if fetched.returncode:
        raise ValueError(
            f"raw data of {revision} are neither in DVC's cache nor in a remote: {fetched.stderr.strip().splitlines()[-1:]}; "
            "configure the remote that has them (dvc remote add), or audit where they were collected"
        )


def _dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def _run(folder: Path, verbosity: Verbosity) -> None:
    own = folder if (folder / "analytics" / "pipeline.py").is_file() else Path(__file__).parents[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANALYTICS_", "DVC_"))}
    environment |= {**FOREIGN, "PYTHONPATH": str(own)}
    done = subprocess.run([sys.executable, "-c", SCRIPT, verbosity], cwd=folder, env=environment, check=False)
    if done.returncode:
        raise RuntimeError("the revision could not be made again; what failed stands above")


def _compare(commit: str, recorded: dict[str, Any], made: dict[str, Any], *, root: Path, folder: Path) -> Audit:
    different: list[str] = []
    alike: list[str] = []
    for path in sorted(recorded.keys() | made.keys()):
        if recorded.get(path, ("", ""))[1] == made.get(path, ("", ""))[1]:
            continue
        is_alike = path in recorded and path in made and _is_alike(path, recorded, root=root, folder=folder)
        (alike if is_alike else different).append(path)
    return Audit(commit, len(recorded.keys() | made.keys()), tuple(different), tuple(alike))


def _is_alike(path: str, recorded: dict[str, tuple[str, str]], *, root: Path, folder: Path) -> bool:
    """The output was not made on this kind of processor, as far as is known, and has the same numbers."""
    stage, _ = recorded[path]
    pages = [md5 for other, (name, md5) in recorded.items() if name == stage and other.endswith(".html")]
    if any(runs.made_on(root, stage, md5) == runs.cpu_kind() for md5 in pages):
        return False
    before = _cached(root, path, recorded[path][1], folder.parent / "before")
    return before is not None and same_numbers(before, folder / path)


def _cached(root: Path, path: str, md5: str, place: Path) -> Path | None:
    """The recorded output from DVC's cache, laid out below `place`; None if the cache does not have it."""
    import json

    with repository.opened(root) as repo:
        cache = Path(repo.cache.local.path)
    kept = cache / md5[:2] / md5[2:]
    if not kept.is_file():
        return None
    target = place / path
    if not md5.endswith(".dir"):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kept, target)
        return target
    for entry in json.loads(kept.read_text(encoding="utf-8")):
        one = cache / entry["md5"][:2] / entry["md5"][2:]
        if not one.is_file():
            return None
        (target / entry["relpath"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one, target / entry["relpath"])
    return target
