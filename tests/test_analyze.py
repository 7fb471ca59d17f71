"""Reports of a stranger's data, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analytics import analyze, environment, params, pipeline, store
from analytics.sources import collect

HEADER = "time,service,up,latency_ms\n"


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stages that were run; none is run really."""
    ran: list[str] = []
    monkeypatch.setattr(pipeline, "run", lambda stage, **_: ran.append(stage))
    return ran


def checks(path: Path, service: str) -> str:
    path.write_text(HEADER + f"2026-03-01T00:00:00Z,{service},1,5.5\n2026-03-01T00:01:00Z,{service},1,6.5\n", encoding="utf-8")
    return str(path)


def test_folder_of_its_own_holds_data_notebooks_and_parameters(tmp_path: Path, stages: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = analyze.analyze(checks(tmp_path / "a.csv", "web"), folder=tmp_path / "out", options={"region": "eu"})
    assert stages == ["ingest", "baseline", "drift", "anomalies", "alerts", "slo", "summary"]
    assert (root / "notebooks" / "05_ingest.ipynb").is_file()
    monkeypatch.setenv("ANALYTICS_ROOT", str(root))
    assert [row["region"] for day in store.raw_days("data", "checks") for row in store.read_raw(day).to_pylist()] == ["eu", "eu"]


def test_second_call_keeps_parameters_that_were_changed(tmp_path: Path, stages: list[str]) -> None:
    data, out = checks(tmp_path / "a.csv", "web"), tmp_path / "out"
    analyze.analyze(data, folder=out, options={})
    path = out / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("objective: 0.999 ", "objective: 0.95 "), encoding="utf-8")
    analyze.analyze(data, folder=out, options={"region": "eu"})
    known = params.load(path)
    assert (known.project.objective, known.sources["data"]["region"]) == (0.95, "eu")


def services(out: Path) -> list[str]:
    with environment.variables_set({"ANALYTICS_ROOT": str(out)}):
        return [row["service"] for day in store.raw_days("data", "checks") for row in store.read_raw(day).to_pylist()]


def test_other_options_take_the_place_of_mistaken_ones(tmp_path: Path, stages: list[str]) -> None:
    data, out = checks(tmp_path / "a.csv", "web"), tmp_path / "out"
    analyze.analyze(data, folder=out, options={"service": "all"})
    assert services(out) == ["all", "all"]
    analyze.analyze(data, folder=out, options={})
    assert services(out) == ["web", "web"]


def test_anything_asked_for_otherwise_begins_again(project: Path) -> None:
    (project / "a.csv").write_text(HEADER + "2026-03-01T00:00:00Z,web,1,5.5\n", encoding="utf-8")
    options = {"kind": "files", "path": "a.csv", "columns": {"service": "service"}}
    assert not collect.is_outdated("data", options, root=project)
    collect.collect("data", options, root=project, now=pd.Timestamp("2026-03-10T00:00Z"))
    assert not collect.is_outdated("data", options, root=project)
    assert collect.is_outdated("data", {**options, "columns": {}}, root=project)
    assert collect.is_outdated("data", {**options, "path": "b.csv"}, root=project)


def test_corrected_file_takes_the_place_of_the_first_and_one_that_grew_is_read_on(tmp_path: Path, stages: list[str]) -> None:
    data, out, said = checks(tmp_path / "a.csv", "web"), tmp_path / "out", list[str]()
    analyze.analyze(data, folder=out, options={})
    with (tmp_path / "a.csv").open("a", encoding="utf-8") as file:
        file.write("2026-03-01T00:02:00Z,web,1,6.5\n")
    analyze.analyze(data, folder=out, options={}, say=said.append)
    assert any("1 new check of" in text for text in said)
    checks(tmp_path / "a.csv", "shop")
    analyze.analyze(data, folder=out, options={})
    assert services(out) == ["shop", "shop"]


def test_other_data_are_never_mixed_into_the_reports_of_the_first(tmp_path: Path, stages: list[str]) -> None:
    out = tmp_path / "out"
    first = checks(tmp_path / "a.csv", "web")
    analyze.analyze(first, folder=out, options={})
    with pytest.raises(ValueError, match=f"holds the reports of {first}; choose another folder with --out"):
        analyze.analyze(checks(tmp_path / "b.csv", "mail"), folder=out, options={})
    assert stages == ["ingest", "baseline", "drift", "anomalies", "alerts", "slo", "summary"]


def test_folder_with_other_things_is_refused(tmp_path: Path, stages: list[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other things"):
        analyze.analyze(checks(tmp_path / "a.csv", "web"), folder=tmp_path / "out", options={})
    (tmp_path / "out" / "dvc.yaml").write_text("stages: {}")
    with pytest.raises(ValueError, match="is a project with DVC"):
        analyze.analyze(checks(tmp_path / "a.csv", "web"), folder=tmp_path / "out", options={})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dvc.yaml", "thesis.txt"]


def test_write_that_is_stopped_leaves_the_parameters_of_the_first_call(
    tmp_path: Path, stages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = checks(tmp_path / "a.csv", "web"), tmp_path / "out"
    analyze.analyze(data, folder=out, options={})
    before = (out / "params.yaml").read_text(encoding="utf-8")

    def stopped(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stopped)
    with pytest.raises(KeyboardInterrupt):
        analyze.analyze(data, folder=out, options={"region": "eu"})
    assert (out / "params.yaml").read_text(encoding="utf-8") == before


def test_file_without_rows_is_said_to_be_empty(tmp_path: Path, stages: list[str]) -> None:
    (tmp_path / "a.csv").write_text(HEADER, encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.csv' holds no rows of checks or metrics"):
        analyze.analyze(str(tmp_path / "a.csv"), folder=tmp_path / "out", options={})
    assert stages == []


def test_reports_are_in_utc_unless_the_reader_has_a_zone(tmp_path: Path, stages: list[str]) -> None:
    data, out = checks(tmp_path / "a.csv", "web"), tmp_path / "out"
    analyze.analyze(data, folder=out, options={})
    assert params.load(out / "params.yaml").project.zone == "UTC"
    analyze.analyze(data, folder=out, options={}, zone="Asia/Tokyo")
    assert params.load(out / "params.yaml").project.zone == "Asia/Tokyo"
    analyze.analyze(data, folder=out, options={})
    assert params.load(out / "params.yaml").project.zone == "Asia/Tokyo"
