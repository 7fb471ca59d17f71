"""An audit makes a revision again from a clean checkout and tells every output that differs."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from analytics import audit, pipeline
from analytics.runner import runs
from analytics.runner.alike import same_numbers
from tests import trial

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    root = trial.dvc_project(tmp_path / "project")
    pipeline.run_all(root=root, verbosity="quiet")
    trial.commit(root)
    return root


def test_clean_checkout_makes_the_same_bytes_and_touches_nothing(chain):
    before = trial.hashes(chain)
    found = audit.audit(root=chain, verbosity="quiet")
    assert found.is_same
    assert found.n_outputs == 6
    assert found.lines[-1].startswith("6 of 6 outputs of ")
    assert trial.hashes(chain) == before
    assert trial.git(chain, "status", "--porcelain") == ""
    assert trial.git(chain, "worktree", "list").count("\n") == 1


def test_a_revision_is_made_in_another_locale_zone_and_hash_seed(tmp_path, monkeypatch):
    for name, value in (("LC_ALL", "C.UTF-8"), ("LANGUAGE", "en"), ("TZ", "UTC"), ("PYTHONHASHSEED", "0")):
        monkeypatch.setenv(name, value)
    # The revision's own code runs: here it is one that only says where it runs.
    (tmp_path / "analytics").mkdir()
    (tmp_path / "analytics" / "__init__.py").touch()
    code = "import json, os, pathlib\ndef run_all(**_): pathlib.Path('seen').write_text(json.dumps(dict(os.environ)))"
    (tmp_path / "analytics" / "pipeline.py").write_text(code)
    audit._run(tmp_path, "quiet")
    seen = json.loads((tmp_path / "seen").read_text())
    assert {name: seen[name] for name in audit.FOREIGN} == audit.FOREIGN
    assert not set(audit.FOREIGN.values()) & {"C.UTF-8", "en", "UTC", "0"}


def test_output_that_differs_is_named(chain):
    lock = yaml.safe_load((chain / "dvc.lock").read_text())
    [page] = [out for out in lock["stages"]["summary"]["outs"] if out["path"] == "reports/index.html"]
    page["md5"] = "0" * 32
    (chain / "dvc.lock").write_text(yaml.safe_dump(lock))
    trial.commit(chain)
    found = audit.audit(root=chain, verbosity="quiet")
    assert found.different == ("reports/index.html",)
    assert not found.is_same
    assert "reports/index.html differs" in found.lines[0]


def test_revision_without_results_is_told(tmp_path):
    root = trial.dvc_project(tmp_path / "project")
    with pytest.raises(ValueError, match=r"HEAD has no dvc\.lock"):
        audit.audit(root=root)
    with pytest.raises(ValueError, match="no revision 'nowhere'"):
        audit.audit("nowhere", root=root)


def test_revision_with_other_packages_is_told_with_the_remedy(chain):
    (chain / "requirements.lock").write_text("numpy==1.0.0 \\\n    --hash=sha256:00\n")
    trial.commit(chain)
    with pytest.raises(ValueError, match=r"other packages: numpy==1\.0\.0 .*install its requirements\.lock"):
        audit.audit(root=chain)


def test_page_is_known_by_the_kind_of_processor_that_made_it(chain):
    page = yaml.safe_load((chain / "dvc.lock").read_text())["stages"]["slo"]["outs"]
    [md5] = [out["md5"] for out in page if out["path"] == "reports/slo.html"]
    assert runs.made_on(chain, "slo", md5) == runs.cpu_kind()
    assert runs.made_on(chain, "slo", "f" * 32) is None


def test_other_kind_of_processor_needs_the_same_numbers_only(chain):
    log = chain / "data" / "runs.jsonl"
    lines = [json.dumps({**json.loads(line), "cpu": "another"}) for line in log.read_text().splitlines()]
    log.write_text("\n".join(lines) + "\n")
    lock = yaml.safe_load((chain / "dvc.lock").read_text())
    [page] = [out for out in lock["stages"]["slo"]["outs"] if out["path"] == "reports/slo.html"]
    content = (chain / "reports" / "slo.html").read_bytes()
    recorded = {"reports/slo.html": ("slo", page["md5"])}
    folder = chain.parent / "made"
    (folder / "reports").mkdir(parents=True)
    (folder / "reports" / "slo.html").write_bytes(content + b" ")
    made = {"reports/slo.html": ("slo", "1" * 32)}
    assert audit._compare("c", recorded, made, root=chain, folder=folder).different == ("reports/slo.html",)
    (folder / "reports" / "slo.html").write_bytes(content)
    found = audit._compare("c", recorded, made, root=chain, folder=folder)
    assert found.alike == ("reports/slo.html",)
    assert found.is_same
    assert "same numbers to 1e-06" in found.lines[0]


def test_numbers_are_compared_to_a_tolerance(tmp_path):
    def table(name: str, values: list[float]) -> Path:
        pq.write_table(pa.table({"key": ["a", "b"], "value": values}), tmp_path / f"{name}.parquet")
        return tmp_path / f"{name}.parquet"

    base = table("base", [1.0, np.nan])
    assert same_numbers(base, table("near", [1.0 + 1e-9, np.nan]))
    assert not same_numbers(base, table("far", [1.001, np.nan]))
    assert not same_numbers(base, table("filled", [1.0, 0.0]))


def test_numbers_in_text_are_compared_to_a_tolerance(tmp_path):
    def page(name: str, text: str) -> Path:
        (tmp_path / f"{name}.html").write_text(text)
        return tmp_path / f"{name}.html"

    base = page("base", "<p>0.12345678 s, code 0123456789abcdef</p>")
    assert same_numbers(base, page("near", "<p>0.12345679 s, code fedcba9876543210</p>"))
    assert not same_numbers(base, page("far", "<p>0.124 s, code 0123456789abcdef</p>"))
    assert not same_numbers(base, page("other", "<p>0.12345678 m, code 0123456789abcdef</p>"))
