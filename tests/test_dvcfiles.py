"""`dvc.yaml` says what the code says: the tables, the modules a notebook reaches, nothing by hand."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from analytics import dvcfiles, imports, params, tables
from tests import trial

REPOSITORY = Path(__file__).parents[1]


def _package(root: Path, **modules: str) -> Path:
    """A package `analytics` at `root`, its modules by dotted name with '__' for the dot."""
    for name, source in {"": "", **modules}.items():
        parts = [part for part in name.split("__") if part]
        is_package = any(other.startswith(f"{name}__") for other in modules) or not name
        path = root.joinpath("analytics", *parts)
        path = path / "__init__.py" if is_package else path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return root


def _files(root: Path, *use: str) -> list[str]:
    return [path.removeprefix("analytics/") for path in imports.reach(root, use=use).files]


def test_imports_are_followed_module_by_module(tmp_path):
    root = _package(tmp_path, a="from analytics import b", b="import analytics.c.d", c="", c__d="", e="")
    assert _files(root, "analytics.a") == ["__init__.py", "a.py", "b.py", "c/__init__.py", "c/d.py"]


def test_imports_inside_functions_count(tmp_path):
    root = _package(tmp_path, a="def f():\n    if True:\n        from analytics import b", b="")
    assert "b.py" in _files(root, "analytics.a")


def test_imports_for_type_checking_do_not_count(tmp_path):
    root = _package(tmp_path, a="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from analytics import b", b="")
    assert "b.py" not in _files(root, "analytics.a")


def test_package_that_is_passed_through_does_not_count_for_what_its_functions_import(tmp_path):
    source = "def open_all():\n    from analytics.p import other"
    root = _package(tmp_path, a="from analytics.p import one", b="from analytics.p import open_all", p=source, p__one="", p__other="")
    assert "p/other.py" not in _files(root, "analytics.a")
    assert "p/other.py" in _files(root, "analytics.b")


def test_relative_imports_are_followed(tmp_path):
    root = _package(tmp_path, p="", p__one="from . import two\nfrom .three import x", p__two="", p__three="from ..a import y", a="")
    assert _files(root, "analytics.p.one") == ["__init__.py", "a.py", "p/__init__.py", "p/one.py", "p/three.py", "p/two.py"]


def test_module_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"'analytics\.gone' is imported, but analytics/gone\.py does not exist"):
        imports.reach(_package(tmp_path, a="import analytics.gone"), use=["analytics.a"])


def test_notebook_reaches_what_its_cells_import(tmp_path):
    root = _package(tmp_path, a="", b="")
    notebook = trial.write_notebook(tmp_path / "n.ipynb", ["# import analytics.b", "%matplotlib inline\nfrom analytics import a"])
    reached = imports.reach(root)
    imports.reach_notebook(reached, notebook)
    assert reached.files == ["analytics/__init__.py", "analytics/a.py"]


def test_stage_depends_on_its_notebook_tables_and_parameters_but_not_on_workers(tmp_path):
    stage = dvcfiles.stages(trial.make(tmp_path))["slo"]
    assert stage["cmd"] == "analytics run slo"
    assert set(stage["deps"]) >= {"notebooks/55_slo.ipynb", *(f"data/tables/{name}.parquet" for name in tables.STAGES["slo"].reads)}
    assert "slo" in stage["params"]
    assert "project.zone" in stage["params"]
    assert "project.workers" not in stage["params"]


def test_outputs_survive_the_start_of_their_stage(tmp_path):
    outs = dvcfiles.stages(trial.make(tmp_path))["slo"]["outs"]
    assert {"reports/slo.html": {"persist": True}} in outs
    assert all(options == {"persist": True} for out in outs for options in out.values())


def test_stage_exists_with_its_notebook_or_its_source(tmp_path):
    root = trial.make(tmp_path)
    assert list(dvcfiles.stages(root)) == ["slo", "summary"]
    (root / "params.yaml").write_text(params.dump(params.Params()))
    assert list(dvcfiles.stages(root)) == ["simulate", "slo", "summary"]
    assert dvcfiles.stages(root)["simulate"]["outs"] == [{"data/raw/simulated": {"persist": True}}]


def test_ingest_depends_on_every_configured_source_and_declared_file(tmp_path):
    root = trial.make(tmp_path)
    sources = {"shop": {"kind": "files", "path": "x.csv"}, "simulated": {"kind": "simulated"}}
    (root / "params.yaml").write_text(params.dump(params.Params(sources=sources)))
    trial.write_notebook(root / "notebooks" / "05_ingest.ipynb", ["# T", "1"])
    (root / "data").mkdir()
    (root / "data" / "services.csv").write_text("service\n")
    deps = dvcfiles.stages(root)["ingest"]["deps"]
    assert {"data/raw/shop", "data/raw/simulated", "data/services.csv"} <= set(deps)
    assert "data/services.csv" not in dvcfiles.stages(root)["slo"]["deps"]


def test_decision_is_a_dependency_of_the_stage_that_reads_it(tmp_path):
    root = trial.make(tmp_path, "store.decisions('feedback')")
    (root / "data" / "decisions").mkdir(parents=True)
    (root / "data" / "decisions" / "feedback.csv").write_text("x\n")
    assert "data/decisions/feedback.csv" in dvcfiles.stages(root)["slo"]["deps"]
    assert "data/decisions/feedback.csv" not in dvcfiles.stages(root)["summary"]["deps"]


def test_stage_that_saves_a_model_has_it_as_output(tmp_path):
    root = trial.make(tmp_path, "from analytics import registry\nregistry.save(None, stage='slo') if False else None")
    assert {"data/models/slo": {"persist": True}} in dvcfiles.stages(root)["slo"]["outs"]


def test_stage_depends_on_the_models_that_it_reads():
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert "data/models/baseline" in stages["drift"]["deps"]
    assert any("data/models/baseline" in out for out in stages["baseline"]["outs"])


def test_stale_file_is_told_and_written_again(tmp_path):
    root = trial.make(tmp_path)
    assert dvcfiles.check(root) == ["dvc.yaml does not exist; write it with: analytics dvc-deps"]
    assert dvcfiles.write_dvc_yaml(root)
    assert dvcfiles.check(root) == []
    assert not dvcfiles.write_dvc_yaml(root)
    content = yaml.safe_load((root / "dvc.yaml").read_text())
    content["stages"]["slo"]["deps"].remove("notebooks/55_slo.ipynb")
    (root / "dvc.yaml").write_text(yaml.safe_dump(content))
    assert "dvc.yaml: stage 'slo' lacks dep notebooks/55_slo.ipynb" in dvcfiles.check(root)


def test_git_ignores_what_dvc_keeps():
    lines = (REPOSITORY / ".gitignore").read_text().splitlines()
    assert [line for line in dvcfiles.GITIGNORE if line not in lines] == []


def test_committed_file_is_as_the_code_says():
    if not (REPOSITORY / "dvc.yaml").is_file():
        pytest.skip("no dvc.yaml yet; write it with: analytics dvc-deps")
    assert dvcfiles.check(REPOSITORY) == []


def test_write_that_is_stopped_leaves_the_old_dvc_yaml(tmp_path, monkeypatch):
    root = trial.make(tmp_path)
    (root / "dvc.yaml").write_text("stages: {}\n")

    def stopped(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stopped)
    with pytest.raises(KeyboardInterrupt):
        dvcfiles.write_dvc_yaml(root)
    assert (root / "dvc.yaml").read_text() == "stages: {}\n"


def test_importing_it_does_not_load_arrow():
    code = "import sys, analytics.dvcfiles\nprint('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=trial.REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
