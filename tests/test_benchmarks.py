"""Benchmarks can be started, and what they measure is compared with the reference as promised. (Nothing is measured here.)"""

from __future__ import annotations

import ast
import csv
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_figures", FOLDER / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_help_names_every_benchmark() -> None:
    said = subprocess.run([sys.executable, str(FOLDER / "run.py"), "--help"], check=True, capture_output=True, text=True).stdout
    for name in ("csv", "panels", "bytes", "anomalies", "start", "size", "prometheus", "--update", "--only", "25 %"):
        assert name in said


def test_every_benchmark_says_what_it_measures_and_can_be_run() -> None:
    run = ast.parse((FOLDER / "run.py").read_text(encoding="utf-8"))
    programs = [
        value.value
        for node in run.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for value in node.value.values
        if isinstance(value, ast.Constant)
    ]
    assert len(programs) == 7
    for program in programs:
        tree = ast.parse((FOLDER / f"{program}.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(tree)
        assert "run" in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_reference_holds_a_ratio_for_each_short_benchmark() -> None:
    with (FOLDER / "reference.csv").open(encoding="utf-8", newline="") as file:
        values = {row["name"]: float(row["value"]) for row in csv.DictReader(file)}
    names = ("csv to store", "raw to panels", "panels to memory", "bytes of a stored check", "import analytics.store, .ingest")
    assert set(names) <= set(values)
    assert all(value > 0 for value in values.values())


def test_ratio_is_the_median_of_the_rounds(figures: ModuleType) -> None:
    ours = [figures.Cost(3.0, 1.0), figures.Cost(8.0, 1.0), figures.Cost(10.0, 1.0)]
    peer = [figures.Cost(1.0, 1.0), figures.Cost(2.0, 1.0), figures.Cost(2.0, 1.0)]
    found = figures.ratio("csv", ours, peer, against="scan", must=3, load=0.5)
    assert found.value == 4.0  # of 3, 4 and 5
    assert not found.is_met


@pytest.mark.parametrize(
    ("value", "more_is_better", "is_worse"), [(2.5, False, False), (2.51, False, True), (1.6, True, False), (1.59, True, True)]
)
def test_only_more_than_a_quarter_worse_is_worse(figures: ModuleType, value: float, more_is_better: bool, is_worse: bool) -> None:
    figure = figures.Figure("speed", value, "x", more_is_better=more_is_better)
    assert bool(figures.worse([figure], {"speed": 2.0})) is is_worse


def test_seconds_and_unknown_figures_are_not_compared(figures: ModuleType) -> None:
    seconds = figures.Figure("seconds", 9.0, "CPU s", is_compared=False)
    new = figures.Figure("new", 9.0, "x")
    assert figures.worse([seconds, new], {"seconds": 1.0}) == []


def test_an_update_keeps_what_was_not_measured(figures: ModuleType, tmp_path: Path) -> None:
    reference = tmp_path / "reference.csv"
    figures.write_reference(reference, [figures.Figure("a", 1.0, "x"), figures.Figure("b", 2.0, "x")])
    figures.write_reference(reference, [figures.Figure("b", 3.0, "x"), figures.Figure("c", 4.0, "s", is_compared=False)])
    assert figures.read_reference(reference) == {"a": 1.0, "b": 3.0}
    assert figures.read_reference(tmp_path / "none.csv") == {}


def test_table_says_which_figure_is_missed(figures: ModuleType) -> None:
    said = figures.table([figures.Figure("a", 1.0, "x", 2.0), figures.Figure("b", 3.0, "x", 2.0)], {"a": 1.1})
    lines = said.splitlines()
    assert "met" in lines[1]
    assert "1.1" in lines[1]
    assert "MISSED" in lines[2]
