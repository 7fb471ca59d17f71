"""The import graph of the package, read from its source: which files a notebook's results depend on.

Imports inside functions count as well. Only where a package is merely passed through to reach one of its modules
(`from analytics.sources import simulated`) does its `__init__` count with what it imports on the way, without what its functions would.
"""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Reached", "reach", "reach_notebook"]

PACKAGE = "analytics"


@dataclass
class Reached:
    """Modules that are reached: those used (with all their imports) and those only passed through; calls of interest in them."""

    root: Path
    used: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    is_imports_only: bool = False

    @property
    def files(self) -> list[str]:
        """Their files, relative to the project, sorted."""
        return sorted({str(_file(self.root, name).relative_to(self.root)) for name in self.used | self.passed})


def reach(root: Path, *, use: list[str] | tuple[str, ...] = (), imports_only: bool = False) -> Reached:
    """What is reached from modules of the package; if only the imports are asked for, in half the time."""
    reached = Reached(root, is_imports_only=imports_only)
    for name in use:
        _use(reached, name)
    return reached


def reach_notebook(reached: Reached, notebook: Path) -> None:
    """Add what the code cells of a notebook reach."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    lines = []
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            # Magics and shell lines are not Python; they import nothing of the package.
            lines += ["pass" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    _follow(reached, _nodes(ast.parse("\n".join(lines), filename=notebook.name), inner=True), here="")


def _use(reached: Reached, name: str) -> None:
    if name in reached.used:
        return
    _file(reached.root, name)
    reached.used.add(name)
    _pass_parents(reached, name)
    _follow(reached, _nodes_of(reached, name, inner=True), here=name)


def _pass(reached: Reached, name: str) -> None:
    if name in reached.used | reached.passed:
        return
    reached.passed.add(name)
    _pass_parents(reached, name)
    _follow(reached, _nodes_of(reached, name, inner=False), here=name)


def _pass_parents(reached: Reached, name: str) -> None:
    parent = name.rpartition(".")[0]
    if parent:
        _pass(reached, parent)


def _follow(reached: Reached, nodes: Sequence[ast.AST], *, here: str) -> None:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                _import(reached, alias.name)
        elif isinstance(node, ast.ImportFrom):
            _import_from(reached, node, here)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            reached.texts.add(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            reached.calls.add(f"{node.func.value.id}.{node.func.attr}")


def _nodes(tree: ast.AST, *, inner: bool, imports_only: bool = False) -> list[ast.AST]:
    """Imports, texts and calls, except those under `if TYPE_CHECKING:`; without `inner` also except those inside functions."""
    skipped: tuple[type[ast.AST], ...] = (ast.expr,) if imports_only else ()
    if not inner:
        skipped = (*skipped, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    found: list[ast.AST] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Constant | ast.Call):
            found.append(node)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, skipped) and not _is_type_checking(child):
                waiting.append(child)
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _import(reached: Reached, name: str) -> None:
    if name.partition(".")[0] == PACKAGE:
        _use(reached, name)


def _import_from(reached: Reached, node: ast.ImportFrom, here: str) -> None:
    base = node.module or ""
    if node.level:
        package = here.split(".") if _is_package(reached.root, here) else here.split(".")[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
    if base.partition(".")[0] != PACKAGE:
        return
    for alias in node.names:
        if _exists(reached.root, f"{base}.{alias.name}"):
            _use(reached, f"{base}.{alias.name}")
        else:
            _use(reached, base)


def _path(root: Path, name: str) -> Path:
    return root.joinpath(*name.split("."))


def _is_package(root: Path, name: str) -> bool:
    return (_path(root, name) / "__init__.py").is_file()


def _exists(root: Path, name: str) -> bool:
    return _is_package(root, name) or _path(root, name).with_suffix(".py").is_file()


def _file(root: Path, name: str) -> Path:
    if _is_package(root, name):
        return _path(root, name) / "__init__.py"
    path = _path(root, name).with_suffix(".py")
    if not path.is_file():
        raise ValueError(f"module '{name}' is imported, but {path.relative_to(root)} does not exist")
    return path


def _nodes_of(reached: Reached, name: str, *, inner: bool) -> list[ast.AST]:
    path = _file(reached.root, name)
    return _read(path, path.stat().st_mtime_ns, inner, reached.is_imports_only)


@functools.lru_cache(maxsize=1024)
def _read(path: Path, changed_ns: int, inner: bool, imports_only: bool) -> list[ast.AST]:
    """Nodes of a file; many modules reach the same ones."""
    del changed_ns
    return _nodes(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)), inner=inner, imports_only=imports_only)
