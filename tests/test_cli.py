"""The words of the command line, and what it answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from analytics import cli, doctor, params, store
from tests import trial

# What DVC's own libraries warn of is theirs.
OF_DVC = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["analytics", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project with git and DVC, as a person who has changed to it."""
    root = trial.dvc_project(tmp_path / "chain", "## What was found", trial.FIGURE)
    monkeypatch.delenv("ANALYTICS_ROOT", raising=False)
    monkeypatch.chdir(root)
    return root


def test_a_source_that_fails_does_not_keep_the_others_from_being_collected(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "checks.csv").write_text("time,service,up\n2026-03-01T00:00:00Z,web,1\n")
    (project / "params.yaml").write_text("sources:\n  a: {kind: files, path: gone.csv}\n  b: {kind: files, path: checks.csv}\n")
    assert command(monkeypatch, "collect", "--no-dvc") == cli.FAILED
    said = capsys.readouterr()
    assert "b: 1 new check" in said.out
    assert "source 'a': there is no file" in said.err
    assert store.raw_sources() == ["b"]


def test_a_wrong_command_is_answered_with_the_nearest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "colect") == cli.WRONG_USE
    assert "there is no command 'colect'; did you mean 'collect'?" in capsys.readouterr().err


@OF_DVC
def test_status_tells_what_is_stale_and_that_there_are_no_data(
    chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "run", "--all", "--quiet") == 0
    assert capsys.readouterr().out == ""
    (chain / "notebooks" / "55_slo.ipynb").write_text((chain / "notebooks" / "55_slo.ipynb").read_text().replace("found", "seen"))
    assert command(monkeypatch, "status") == 0
    assert capsys.readouterr().out.splitlines() == [
        "slo          stale: modified notebooks/55_slo.ipynb",
        "summary      up to date",
        "",
        "no data yet",
    ]


def test_status_without_dvc_tells_the_age_of_the_data(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "checks.csv").write_text("time,service,up\n2026-03-01T00:00:00Z,web,1\n2026-03-02T10:00:00Z,web,1\n")
    (project / "params.yaml").write_text("sources:\n  b: {kind: files, path: checks.csv}\n")
    assert command(monkeypatch, "collect", "--no-dvc", "--quiet") == 0
    assert command(monkeypatch, "status") == 0
    first, _, data = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert first == "this folder has no DVC: run its stages with `analytics run STAGE`"
    assert data.startswith("data/raw/b: 2 days, newest 2026-03-02 10:00 UTC, ")


@pytest.mark.parametrize(("there", "code"), [({"git", "make"}, 0), ({"make"}, cli.FAILED)])
def test_doctor_fails_only_for_what_is_needed(
    there: set[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/bin/{name}" if name in there else None)
    monkeypatch.setattr(doctor, "_packages", lambda: doctor.Finding("packages", True))
    monkeypatch.setattr(doctor, "_disk", lambda: doctor.Finding("disk", True))
    assert command(monkeypatch, "doctor") == code
    said = capsys.readouterr().out
    assert "ok       make (the two commands of the README): /bin/make\n" in said
    assert "missing  chromium (tests of the reports in a browser)\n         apt-get install chromium\n" in said
    assert ("missing  git (records what was run)\n         apt-get install git\n" in said) == (code == cli.FAILED)


def test_doctor_names_packages_that_differ_from_the_lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements.lock").write_text("numpy==1.0.0\npandas==0.1 ; python_version < '3'\n")
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "analytics" / "doctor.py"))
    found = doctor._packages()
    assert not found.is_fine
    assert found.what.startswith("packages differ from requirements.lock: numpy ")


def test_params_are_completed_and_lost_comments_are_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "params.yaml").write_text("# ours, since 2024\nsources: {}\nslo:  # ask Kim first\n  recent_days: 9\n")
    assert command(monkeypatch, "params", "--write") == 0
    assert capsys.readouterr().out == (
        "params.yaml is complete now\ncomments that it writes itself replace these:\n  # ours, since 2024\n  # ask Kim first\n"
    )
    assert (project / "params.yaml").read_text() == params.dump(params.Params(sources={}, slo={"recent_days": 9}))
    assert command(monkeypatch, "params", "--write") == 0
    assert capsys.readouterr().out == "params.yaml was complete\n"


def test_help_of_params_says_that_comments_are_not_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "params", "--help") == 0
    assert "comments are not" in " ".join(capsys.readouterr().out.split())


def test_run_of_a_stage_names_its_page_and_a_varied_one_its_draft(
    chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "run", "slo") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "reports/slo.html"
    assert command(monkeypatch, "run", "slo", "-p", "recent_days=3") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "data/draft/reports/slo.html"


@OF_DVC
def test_run_of_all_tells_how_much_ran(chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "run", "--all") == 0
    said = capsys.readouterr().out
    assert "2 of 2 stages ran (" in said
    assert said.endswith(f"\n{chain / 'reports' / 'index.html'}\n")
    assert command(monkeypatch, "run", "--all") == 0
    assert "everything was up to date (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name one stage (analytics run ingest), or bring all up to date"),
        (["slo", "summary"], "name one stage"),
        (["slo", "--force"], "name one stage"),
        (["slos"], "did you mean 'slo'"),
        (["slo", "-p", "recent_days"], "'recent_days' is no NAME=VALUE"),
        (["slo", "-p", "recent_day=3"], "did you mean 'recent_days'?"),
        (["--all", "-p", "recent_days=3"], "-p varies one stage"),
    ],
)
def test_run_says_what_it_needs(
    words: list[str], said: str, chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "run", *words) == cli.FAILED
    assert said in capsys.readouterr().err
    assert not (chain / "reports").exists()


def test_run_that_fails_says_why_and_exits_with_1(chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    trial.make(chain, "raise ValueError('no checks')")
    assert command(monkeypatch, "run", "slo") == cli.FAILED
    said = capsys.readouterr().err
    assert "slo failed in cell" in said
    assert "no checks" in said


def test_options_that_are_no_yaml_are_text() -> None:
    assert params.assignments(["time_format=%d.%m.%Y", "service=web", "level=0.9"]) == {
        "time_format": "%d.%m.%Y",
        "service": "web",
        "level": 0.9,
    }
