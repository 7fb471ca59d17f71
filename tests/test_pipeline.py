"""A stage is published whole or not at all; the chain runs what is stale, and a failure says what a person needs."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from analytics import params, pipeline, tables
from analytics.runner import runs, warm
from analytics.runner.cells import Position
from analytics.runner.child import Limits
from analytics.runner.failure import ChainFailed, StageFailed
from analytics.runner.progress import Progress
from tests import trial

FAILING = "from analytics import store as s\ns.load('signals')"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return trial.make(tmp_path / "project", "## What was found\nText.", trial.FIGURE)


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    return trial.dvc_project(tmp_path / "project", "## What was found", trial.FIGURE)


def _break(root: Path, *cells: str) -> None:
    trial.make(root, "## What was found", *cells)


def test_stage_publishes_tables_page_and_executed_notebook(root):
    result = pipeline.run("slo", root=root, verbosity="quiet")
    assert not result.is_draft
    assert result.report == Path("reports/slo.html")
    assert sorted(trial.hashes(root)) == [
        "data/tables/error_budgets.parquet",
        "data/tables/slo_compliance.parquet",
        "reports/executed/slo.ipynb",
        "reports/slo.html",
    ]
    assert list((root / "data" / ".staging").iterdir()) == []


def test_second_run_gives_the_same_bytes(root):
    pipeline.run("slo", root=root, verbosity="quiet")
    before = trial.hashes(root)
    pipeline.run("slo", root=root, verbosity="quiet")
    assert trial.hashes(root) == before


def test_bytes_do_not_depend_on_workers_locale_zone_and_hash_seed(root):
    first, second = (trial.outputs_under(root, ["slo", "summary"], setting) for setting in trial.SETTINGS)
    assert len(first) == 6
    assert first == second


def test_page_of_the_summary_is_the_first_page(root):
    assert pipeline.run("summary", root=root, verbosity="quiet").report == Path("reports/index.html")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"servce": "web"}, "no parameter 'servce'; did you mean 'service'?"),
        ({"recent_day": 3}, "did you mean 'recent_days'?"),
        ({"overrides": {"recent_day": 3}}, "did you mean 'recent_days'?"),
        ({"recent_days": "many"}, "'recent_days' is 'many'"),
        ({"recent_days": 99}, "'recent_days' is 99"),
        ({"service": 7}, "'service' is 7: expected text"),
        ({"now": "2026-03-01"}, "has no zone"),
        ({"start": "yesterdayish"}, "expected a time such as"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_starts(root, parameters, said):
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        pipeline.run("slo", root=root, parameters=parameters, verbosity="quiet")
    assert not (root / "data").exists()


def test_unknown_stage_names_the_nearest(root):
    with pytest.raises(ValueError, match="did you mean 'slo'"):
        pipeline.run("slos", root=root)


def test_run_with_own_parameters_is_a_draft(root):
    pipeline.run("slo", root=root, verbosity="quiet")
    before = trial.hashes(root)
    result = pipeline.run("slo", root=root, parameters={"service": "web", "recent_days": 3}, verbosity="quiet")
    assert result.is_draft
    assert result.report == Path("data/draft/reports/slo.html")
    assert (root / "data" / "draft" / "tables" / "error_budgets.parquet").is_file()
    assert trial.hashes(root) == before
    executed = json.loads((root / "data" / "draft" / "reports" / "executed" / "slo.ipynb").read_text())
    [injected] = [cell for cell in executed["cells"] if "injected-parameters" in cell["metadata"].get("tags", [])]
    assert 'overrides = {"recent_days": 3}' in injected["source"]


def test_parameters_equal_to_the_projects_are_no_draft(root):
    assert not pipeline.run("slo", root=root, parameters={"service": None, "recent_days": 7}, verbosity="quiet").is_draft


def test_failure_is_eight_lines_and_leaves_what_was_published(root):
    pipeline.run("slo", root=root, verbosity="quiet")
    before = trial.hashes(root)
    _break(root, FAILING)
    with pytest.raises(StageFailed) as failed:
        pipeline.run("slo", root=root, parameters=None, verbosity="quiet")
    said = str(failed.value).splitlines()
    assert len(said) == 8
    assert said[0] == "slo failed in cell 4 of 5 of notebooks/55_slo.ipynb"
    assert said[1].split(maxsplit=1) == ["heading", "What was found"]
    assert "table 'signals' does not exist" in said[3]
    assert "analytics/store/frames.py:" in said[4]
    assert "recent_days=7" in said[5]
    assert "data/draft/reports/slo.html" in said[6]
    assert "ValueError" in failed.value.details
    assert trial.hashes(root) == before
    assert "does not exist" in (root / "data" / "draft" / "reports" / "slo.html").read_text()
    assert list((root / "data" / ".staging").iterdir()) == []


def test_further_lines_of_a_cause_follow(root):
    _break(root, "raise ValueError('3 rows refused:\\nrow 1\\nrow 2')")
    with pytest.raises(StageFailed) as failed:
        pipeline.run("slo", root=root, verbosity="quiet")
    assert str(failed.value).splitlines()[8:] == ["    row 1", "    row 2"]


def test_stage_that_reaches_its_time_limit_says_so(root):
    _break(root, "while True: pass")
    with pytest.raises(StageFailed, match=r"cause       it ran longer than its limit of 1\.5 s"):
        pipeline.run("slo", root=root, limits=Limits(seconds=1.5), verbosity="quiet")


def test_stage_that_saves_too_little_is_not_published(root):
    path = root / "notebooks" / "55_slo.ipynb"
    path.write_text(path.read_text().replace(trial.save_all().splitlines()[0].replace('"', '\\"'), "pass"))
    path.write_text(path.read_text().replace("store.save(made['slo_compliance'], 'slo_compliance')", "pass"))
    with pytest.raises(StageFailed, match="saved no slo_compliance"):
        pipeline.run("slo", root=root, verbosity="quiet")
    assert trial.hashes(root) == {}


def test_staging_folders_of_killed_runs_are_removed(root):
    left = root / "data" / ".staging" / "slo-4194303"
    other = root / "data" / ".staging" / f"ingest-{os.getppid()}"
    for folder in (left, other):
        folder.mkdir(parents=True)
    pipeline.run("slo", root=root, verbosity="quiet")
    assert not left.exists()
    assert other.exists()


def test_log_knows_how_long_a_stage_takes(root):
    assert runs.expected_s(root, "slo") is None
    result = pipeline.run("slo", root=root, verbosity="quiet")
    assert runs.expected_s(root, "slo") == pytest.approx(result.wall_s, abs=0.001)


def test_limits_are_changed_by_the_environment(monkeypatch):
    monkeypatch.setenv("ANALYTICS_TIME_LIMIT_S", "90")
    monkeypatch.setenv("ANALYTICS_MEMORY_LIMIT_MB", "512")
    assert pipeline.limits_of("slo") == Limits(90, 512 * 2**20)


def test_progress_is_plain_lines_without_a_terminal():
    stream = io.StringIO()
    progress = Progress("slo", expected_s=8.0, stream=stream)
    progress.start()
    progress.cell(Position(2, 9, "Budgets"))
    progress.end("done")
    assert [line.rpartition(" in ")[0] or line for line in stream.getvalue().splitlines()] == ["slo: starts, expected 8.0 s", "slo: done"]


def test_progress_is_one_line_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    progress = Progress("slo", expected_s=8.0, stream=stream)
    progress.drawn_at = -1.0
    progress.cell(Position(2, 9, "Budgets\x1b[2J"))
    progress.end("done")
    assert stream.getvalue().count("\n") == 1
    assert "of about 8.0 s  cell 2/9  Budgets[2J" in stream.getvalue()


def test_quiet_progress_says_nothing():
    stream = io.StringIO()
    progress = Progress("slo", expected_s=None, verbosity="quiet", stream=stream)
    progress.start()
    progress.end("done")
    assert stream.getvalue() == ""


@pytest.mark.filterwarnings("ignore")
def test_chain_runs_what_is_stale_in_a_warm_process(chain, capfd):
    first = pipeline.run_all(root=chain)
    assert first.changed == ("slo", "summary")
    assert "slo: done in" in capfd.readouterr().err
    before = trial.hashes(chain)
    assert pipeline.run_all(root=chain, verbosity="quiet").changed == ()
    assert pipeline.run_all(root=chain, force=True, verbosity="quiet").changed == ("slo", "summary")
    assert trial.hashes(chain) == before
    trial.commit(chain)
    assert trial.git(chain, "status", "--porcelain") == ""


@pytest.mark.filterwarnings("ignore")
def test_failing_stage_of_the_chain_leaves_outputs_and_is_told_once(chain, capfd):
    pipeline.run_all(root=chain, verbosity="quiet")
    before = trial.hashes(chain)
    _break(chain, FAILING)
    with pytest.raises(ChainFailed, match="stopped at slo") as failed:
        pipeline.run_all(root=chain, verbosity="quiet")
    assert failed.value.stage == "slo"
    said = capfd.readouterr().err
    assert said.count("cause ") == 1
    assert "Traceback" not in said
    assert trial.hashes(chain) == before


@pytest.mark.filterwarnings("ignore")
def test_incomplete_parameters_are_told_with_the_remedy(chain):
    (chain / "params.yaml").write_text("sources: {}\n")
    with pytest.raises(ChainFailed, match="analytics params --write"):
        pipeline.run_all(root=chain, verbosity="quiet")


def test_wrong_parameters_are_told_before_dvc_starts(chain, monkeypatch):
    path = chain / "params.yaml"
    path.write_text(path.read_text().replace("at_risk_left: 0.25", "at_risk_left: much"))
    monkeypatch.setattr(warm, "parent", lambda run, **options: pytest.fail("something was started"))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"params\.yaml: .*at_risk_left.*much"):
            pipeline.run_all(root=chain, verbosity="quiet")


def test_parameters_that_were_right_are_not_checked_again(chain, monkeypatch):
    pipeline._refuse_wrong_parameters(chain)
    monkeypatch.setattr(params, "load", lambda path: pytest.fail("checked again"))
    pipeline._refuse_wrong_parameters(chain)


def test_source_without_data_is_told_with_the_remedy(root):
    text = (root / "params.yaml").read_text().replace("sources:\n  {}", "sources:\n  shop:\n    kind: files")
    (root / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match="source 'shop' has no data yet; get them with: analytics collect shop"):
        pipeline.run_all(root=root)


@pytest.mark.parametrize("is_published", [False, True])
def test_only_a_first_run_imports_at_once(chain, monkeypatch, is_published):
    if is_published:
        (chain / "reports").mkdir(exist_ok=True)
        (chain / "reports" / "index.html").touch()
    asked = []

    @contextlib.contextmanager
    def parent(run, *, at_once):
        asked.append(at_once)
        yield {}

    monkeypatch.setattr(warm, "parent", parent)
    monkeypatch.setattr("dvc.repo.Repo.reproduce", lambda *given, **options: [])
    pipeline.run_all(root=chain, verbosity="quiet")
    assert asked == [not is_published]


def test_socket_of_the_warm_process_is_private():
    with warm.parent(lambda stage: 0, at_once=False) as variables:
        folder = Path(variables["ANALYTICS_WARM"]).parent
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_every_stage_has_a_page_of_its_own():
    from analytics.runner.provenance import pages

    addresses = [address for address, _ in pages()]
    assert addresses[0] == "index.html"
    assert len(set(addresses)) == len([stage for stage in tables.STAGES.values() if stage.number is not None])


def _clone(chain: Path, folder: Path) -> Path:
    trial.git(chain, "clone", "-q", str(chain), str(folder))
    return folder


@pytest.mark.filterwarnings("ignore")
def test_fresh_clone_without_a_remote_makes_the_same_bytes(chain, tmp_path):
    pipeline.run_all(root=chain, verbosity="quiet")
    trial.commit(chain)
    clone = _clone(chain, tmp_path / "clone")
    assert pipeline.run_all(root=clone, verbosity="quiet").changed == ("slo", "summary")
    assert trial.hashes(clone) == trial.hashes(chain)
    assert trial.git(clone, "status", "--porcelain") == ""


@pytest.mark.filterwarnings("ignore")
def test_fresh_clone_with_a_remote_has_nothing_to_run(chain, tmp_path):
    from dvc.repo import Repo

    pipeline.run_all(root=chain, verbosity="quiet")
    with (chain / ".dvc" / "config").open("a") as config:
        config.write(f"    remote = kept\n['remote \"kept\"']\n    url = {tmp_path / 'kept'}\n")
    trial.commit(chain)
    with Repo(str(chain)) as repo:
        repo.push()
    clone = _clone(chain, tmp_path / "clone")
    with Repo(str(clone)) as repo:
        repo.pull()
    assert trial.hashes(clone) == trial.hashes(chain)
    assert pipeline.run_all(root=clone, verbosity="quiet").changed == ()


def test_plain_dvc_repro_does_the_same_and_a_failure_leaves_what_was_published(chain, tmp_path):
    command = tmp_path / "bin" / "analytics"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'from analytics.cli import main; main()' \"$@\"\n")
    command.chmod(0o755)
    path = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(trial.REPOSITORY), "DVC_NO_ANALYTICS": "1"}

    def repro() -> subprocess.CompletedProcess[str]:
        dvc = [sys.executable, "-m", "dvc", "repro", "-q"]
        return subprocess.run(dvc, cwd=chain, env=environment, capture_output=True, text=True, check=False)

    assert repro().returncode == 0
    before = trial.hashes(chain)
    assert len(before) == 6
    _break(chain, FAILING)
    failed = repro()
    assert failed.returncode != 0
    assert "slo failed in cell 4 of 5" in failed.stderr
    assert trial.hashes(chain) == before


# DVC runs commands in the user's shell: one becomes the command, the other (Debian's sh) stays between and dies of the same Ctrl-C.
@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/sh"])
@pytest.mark.filterwarnings("ignore")
def test_interrupted_chain_leaves_nothing_behind(chain, tmp_path, shell):
    pipeline.run_all(root=chain, verbosity="quiet")
    before = trial.hashes(chain)
    _break(chain, f"from pathlib import Path\nPath({str(tmp_path / 'begun')!r}).touch()\nwhile True: pass")
    code = f"from pathlib import Path\nfrom analytics import pipeline\npipeline.run_all(root=Path({str(chain)!r}), verbosity='quiet')"
    environment = {**os.environ, "PYTHONPATH": str(trial.REPOSITORY), "SHELL": shell}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (tmp_path / "begun").exists() and process.poll() is None:
        os.sched_yield()
    # As a terminal does: to all of its processes.
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in said
    assert "slo: stopped; what was published is unchanged" in said
    assert trial.hashes(chain) == before
    assert list((chain / "data" / ".staging").iterdir()) == []
