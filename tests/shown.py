"""Pages of notebooks whose cells run in this process."""

from __future__ import annotations

from pathlib import Path

import nbformat

from analytics.reporting import render

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def shown(stage, **given):
    """The page of a notebook whose cells ran in this process with these parameters."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    notebook = nbformat.read(next(NOTEBOOKS.glob(f"*_{stage}.ipynb")), 4)
    names: dict[str, object] = {}
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        with capture_output() as captured:
            exec(cell.source, names)
        if "parameters" in cell.metadata.get("tags", []):
            names.update(given)
        cell.outputs = [nbformat.v4.new_output("display_data", data=one.data, metadata=one.metadata) for one in captured.outputs]
    return render.render(notebook, stage=stage, provenance={"Data": "made"}, pages=[("index.html", "Summary")], site="Trial")
