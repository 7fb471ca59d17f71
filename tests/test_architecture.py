"""Rules of the layout that a reader relies on."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analytics import tables

REPOSITORY = Path(__file__).parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
PACKAGE = sorted((REPOSITORY / "analytics").rglob("*.py"))
IN_NOTEBOOKS_FORBIDDEN = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.With, ast.Try,
    ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp,
)  # fmt: skip
PATH_LIKE = re.compile(r"[~.\w-]*(/[\w.*-]+)+/?|[\w-]+\.(parquet|csv|ya?ml|json|ipynb|db|npz)|.*\\\w.*")
HEAVY = {"sklearn", "statsmodels", "seaborn"}


def cells(notebook, kind):
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def code_of(notebook):
    return "\n".join("".join(cell["source"]) for cell in cells(notebook, "code"))


def in_notebook(notebook):
    return pytest.param(notebook, id=notebook.name)


def forbidden_in(code):
    return [type(node).__name__ for node in ast.walk(ast.parse(code)) if isinstance(node, IN_NOTEBOOKS_FORBIDDEN)]


def paths_in(code):
    constants = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in constants if PATH_LIKE.fullmatch(text)]


@pytest.mark.parametrize(
    "code", ["def f(): pass", "class A: pass", "for x in y: pass", "while 1: pass", "[x for x in y]", "f(lambda x: x)"]
)
def test_the_rule_for_code_in_notebooks_sees(code):
    assert forbidden_in(code)


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        ("data/tables/x.parquet", True),
        ("../a", True),
        ("/tmp/x", True),
        ("mine.csv", True),
        ("C:\\x", True),
        ("ms / check", False),
        ("How long?", False),
        ("latency_ms", False),
        ("", False),
    ],
)
def test_the_rule_for_paths_in_notebooks_sees(text, is_path):
    assert bool(paths_in(repr(text))) == is_path


@pytest.mark.parametrize("notebook", [in_notebook(one) for one in NOTEBOOKS])
def test_a_notebook_holds_no_functions_loops_or_paths(notebook):
    assert forbidden_in(code_of(notebook)) == []
    assert paths_in(code_of(notebook)) == []


@pytest.mark.parametrize("notebook", [in_notebook(one) for one in NOTEBOOKS])
def test_a_notebook_is_kept_without_outputs(notebook):
    for cell in cells(notebook, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.parametrize("notebook", [in_notebook(one) for one in NOTEBOOKS])
def test_a_notebook_begins_with_its_question_and_has_parameters(notebook):
    number, _, name = notebook.stem.partition("_")
    stage = tables.stage_of(name)
    assert int(number) == stage.number
    first = "".join(cells(notebook, "markdown")[0]["source"]).splitlines()[0]
    assert first.startswith("# ")
    tagged = [cell for cell in cells(notebook, "code") if "parameters" in cell["metadata"].get("tags", [])]
    assert len(tagged) == 1
    assert "overrides = {}" in "".join(tagged[0]["source"])


def test_every_stage_with_a_number_has_its_notebook():
    expected = {f"{stage.number:02d}_{stage.name}" for stage in tables.STAGES.values() if stage.number is not None}
    assert {notebook.stem for notebook in NOTEBOOKS} == expected


def test_nothing_imports_upward():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def loaded_by(statement):
    """Top-level modules that a fresh process has after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_loads_nothing_else():
    assert loaded_by("import analytics") - loaded_by("pass") == {"analytics"}


@pytest.mark.parametrize("module", ["store", "ingest", "engine", "registry", "calendars", "alerts", "delivery"])
def test_importing_a_part_loads_no_heavy_library(module):
    loaded = loaded_by(f"import analytics.{module}")
    assert loaded & {*HEAVY, "matplotlib", "duckdb", "dvc", "papermill", "nbconvert", "httpx", "holidays", "scipy"} == set()


def test_every_module_of_the_package_is_short_and_says_what_it_is():
    for path in PACKAGE:
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), path
        assert text.count("\n") < 520, path


def test_what_is_public_is_named():
    for path in PACKAGE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [node for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"]
        assert named or path.name == "__init__.py", path


def spoken_of_hosts(text):
    words = (
        "py" + "pi.org",
        "python" + "hosted",
        "--index" + "-url",
        "--extra-index" + "-url",
        "UV_" + "INDEX",
        "PIP_" + "INDEX",
        "artifact" + "ory",
    )
    return [word for word in words if word.lower() in text.lower()]


def test_the_project_names_no_package_index():
    assert spoken_of_hosts("pip install --index" + "-url x") != []
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines()
    kinds = (".py", ".toml", ".lock", ".md", ".yaml", ".yml", ".ipynb", ".txt", "Makefile", ".ci/run", ".dvc", ".cfg", ".html")
    wrong = {
        name: found
        for name in listed
        if name.endswith(kinds) and (path := REPOSITORY / name).is_file()
        if (found := spoken_of_hosts(path.read_text(encoding="utf-8")))
    }
    assert wrong == {}
