"""Detectors that were stored judge what has come since, and two versions of them are told apart by their alarms."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
import yaml

from analytics import session
from analytics.anomalies import replay, stored_detectors
from tests import watched

LATER = watched.CUT + pd.Timedelta(hours=3)


@pytest.fixture
def folder(project):
    """The stored detectors of a project that has measured on."""
    watched.begin(project)
    watched.bring(project, LATER)
    watched.chain()
    return session.out() / "models" / "anomalies"


def test_a_version_differs_from_itself_in_nothing(folder):
    lines = replay.difference(folder, folder)
    # Three services, watched for four days and three hours.
    assert [line.split()[-2:] for line in lines[1:3]] == [["1", "1"], ["0.57", "0.57"]]
    assert [line.replace("\u00a0", " ") for line in lines[-2:]] == ["gained: 0 alarms", "lost: 0 alarms"]


def test_what_a_smaller_budget_would_have_kept_back_is_lost(folder, project, tmp_path):
    before = shutil.copytree(folder, tmp_path / "before")
    chosen = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    chosen["anomalies"]["left_out"] = ["failures"]
    (project / "params.yaml").write_text(yaml.safe_dump(chosen), encoding="utf-8")
    watched.chain()
    lines = replay.difference(before, folder)
    assert "lost: 1\u00a0alarm" in lines
    assert any("checks of web failed" in line for line in lines)
    assert "gained: 1\u00a0alarm" in replay.difference(folder, before)


def test_each_is_listed_with_what_it_has_seen(folder):
    (line,) = replay.listed(zone="UTC")
    assert line.replace("\u00a0", " ").split("  ", 1)[1].split(maxsplit=1)[1] == "9 series, 2 Mar 2026 00:00 to 9 Mar 2026 00:00"


def test_an_empty_folder_and_other_code_are_refused(folder, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no detectors are in"):
        stored_detectors(tmp_path / "empty")
    monkeypatch.setattr("analytics.engine.code_digest", lambda module: "another")
    with pytest.raises(ValueError, match="made by another version of this program"):
        stored_detectors()
