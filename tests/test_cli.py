"""The words of the command line, and what it answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from analytics import cli, store


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["analytics", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


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
