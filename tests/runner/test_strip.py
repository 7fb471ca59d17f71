from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from analytics.runner.strip import on_save

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture
def contents(tmp_path):
    from jupyter_server.services.contents.largefilemanager import LargeFileManager

    manager = LargeFileManager(root_dir=str(tmp_path))
    manager.register_pre_save_hook(on_save)
    return manager


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saving_a_notebook_that_was_run_writes_the_committed_bytes(path, contents, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.execution_count = number + 1
        cell.outputs = [nbformat.v4.new_output("stream", text="shown")]
        cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
    notebook.metadata["language_info"]["version"] = "3.99"
    contents.save({"type": "notebook", "format": "json", "content": json.loads(nbformat.writes(notebook))}, path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_other_files_are_saved_as_they_are(contents, tmp_path):
    contents.save({"type": "file", "format": "text", "content": "outputs"}, "note.txt")
    assert (tmp_path / "note.txt").read_text() == "outputs"
