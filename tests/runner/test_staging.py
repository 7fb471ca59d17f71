"""What is published is there, old or new, whenever a process is killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from analytics import pipeline, store
from analytics.runner import staging
from tests import trial

REPOSITORY = Path(__file__).parents[2]
PANEL = Path("data/panels/signals")
# Publishes a staged folder in a process that is killed once it has done what `until` says.
KILLED = """
import os, signal, sys
from pathlib import Path
from analytics.runner import staging
root, until = Path(sys.argv[1]), sys.argv[2]
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if until == "old one aside":
    Path.replace = kill
else:
    staging._settle = kill
staging.publish(root / "data/.staging/ingest-1", root=root, place=lambda path: root / path)
"""


def folder(path, content):
    path.mkdir(parents=True)
    (path / "part.parquet").write_text(content)


def found(root):
    return {str(path.relative_to(root)): path.read_text() for path in sorted((root / "data" / "panels").rglob("*")) if path.is_file()}


def killed(root, until):
    folder(root / PANEL, "old")
    folder(root / "data" / ".staging" / "ingest-1" / PANEL, "new")
    done = subprocess.run([sys.executable, "-c", KILLED, str(root), until], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL
    assert "data/panels/.signals.replaced/part.parquet" in found(root)


def test_new_folder_takes_the_place_of_the_old_one(tmp_path):
    folder(tmp_path / PANEL, "old")
    folder(tmp_path / "made" / PANEL, "new")
    assert staging.publish(tmp_path / "made", root=tmp_path, place=lambda path: tmp_path / path) == [PANEL]
    assert found(tmp_path) == {"data/panels/signals/part.parquet": "new"}


@pytest.mark.parametrize(("until", "left"), [("old one aside", "old"), ("new one there", "new")])
def test_next_run_settles_what_a_killed_one_has_left(tmp_path, until, left):
    root = trial.make(tmp_path / "project", "raise ValueError('no')")
    killed(root, until)
    with pytest.raises(pipeline.StageFailed):
        pipeline.run("slo", root=root, verbosity="quiet")
    assert found(root) == {"data/panels/signals/part.parquet": left}


def test_chain_settles_before_it_asks_what_is_stale(tmp_path, monkeypatch):
    root = trial.make(tmp_path / "project")
    killed(root, "old one aside")
    monkeypatch.setattr(pipeline, "_refuse_uncollected", lambda root: (_ for _ in ()).throw(ValueError(str(found(root)))))
    with pytest.raises(ValueError, match=r"\{'data/panels/signals/part.parquet': 'old'\}"):
        pipeline.run_all(root=root)


def test_rename_that_fails_leaves_the_old_folder_in_place(tmp_path, monkeypatch):
    folder(tmp_path / PANEL, "old")
    folder(tmp_path / "made" / PANEL, "new")

    def failing(self, target):
        raise OSError("disk is gone")

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="disk is gone"):
        staging.publish(tmp_path / "made", root=tmp_path, place=lambda path: tmp_path / path)
    assert found(tmp_path) == {"data/panels/signals/part.parquet": "old"}


def test_folder_left_aside_is_no_source(project):
    folder(project / "data" / "raw" / "simulated", "")
    folder(project / "data" / "raw" / ".simulated.replaced", "")
    assert store.raw_sources() == ["simulated"]
