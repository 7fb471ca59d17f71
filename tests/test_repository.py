"""What DVC cannot do is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics import audit, dvcfiles, repository, status
from analytics.sources.collect import record

CONFLICT = "<<<<<<< HEAD\nsources: {}\n=======\nsources: {a: {}}\n>>>>>>> theirs\n"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with DVC, one stage, and data of a source."""
    from dvc.repo import Repo

    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "params.yaml").write_text("sources: {}\n", encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text("stages:\n  one:\n    cmd: 'true'\n    params: [sources]\n", encoding="utf-8")
    (tmp_path / "data" / "raw" / "mine").mkdir(parents=True)
    (tmp_path / "data" / "raw" / "mine" / "a").write_text("a", encoding="utf-8")
    monkeypatch.setenv("ANALYTICS_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["dvc.lock", "params.yaml", "dvc.yaml"])
def test_status_names_the_file_with_marks_of_a_conflict(project: Path, name: str) -> None:
    assert status.describe(project)[0].startswith("one")
    (project / name).write_text(CONFLICT, encoding="utf-8")
    with pytest.raises(RuntimeError, match=rf"DVC: .*{name}'"):
        status.describe(project)


def test_what_a_run_holds_is_said_to_be_held(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dvc.lock.DEFAULT_TIMEOUT", 0)
    with repository.opened(project) as held, held.lock:
        for attempt in (lambda: status.describe(project), lambda: record("mine", root=project)):
            with pytest.raises(RuntimeError, match="DVC: Unable to acquire lock"):
                attempt()


@pytest.mark.parametrize(("name", "read"), [("params.yaml", dvcfiles.sources_of), ("dvc.yaml", dvcfiles.stage_names)])
def test_files_of_the_chain_with_marks_of_a_conflict_are_named(project: Path, name: str, read: object) -> None:
    (project / name).write_text(CONFLICT, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"{name} is not valid YAML \(are there marks of a conflict in it\?\)"):
        read(project)  # type: ignore[operator]
    (project / name).write_text("- a\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"{name} holds list; expected names and values"):
        read(project)  # type: ignore[operator]


def test_lock_of_a_revision_with_marks_of_a_conflict_is_named() -> None:
    with pytest.raises(ValueError, match=r"dvc\.lock is not valid YAML"):
        audit._outputs(CONFLICT)
