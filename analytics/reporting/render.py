"""An executed notebook as one self-contained page, by a template of our own for nbconvert: no request leaves the page, ever."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from analytics import tables
from analytics.reporting.page import compose

__all__ = ["render"]

TEMPLATE = files("analytics.reporting") / "template"
AS_CODE = {"Reproduce"}
"""Rows of the footer that are commands."""


def render(
    notebook: Any,
    *,
    stage: str,
    provenance: Mapping[str, str | Sequence[str]],
    pages: Sequence[tuple[str, str]],
    site: str = "Service analytics",
) -> str:
    """The page of an executed notebook; the same notebook gives the same bytes.

    Parameters
    ----------
    notebook : NotebookNode
        Executed; outputs of the display verbs are recognised by their metadata, others are shown as they are.
    stage : str
        Name of the stage, or of a custom report.
    provenance : dict
        Footer: what the page was made from (Data, Code, Parameters, Models, Packages, Reproduce) -> one or several lines.
    pages : sequence of (address, title)
        All pages there are, in order; the one of this stage is marked.
    site : str
        Name of the whole publication.
    """
    page = compose(notebook)
    known = tables.STAGES.get(stage)
    own = "index.html" if stage == "summary" else f"{stage}.html"
    resources = {
        "page": page,
        "title": page.title or (known.question if known else stage),
        "kicker": page.kicker or html.escape(known.title if known else stage),
        "site": site,
        "pages": [(address, title, address == own) for address, title in pages],
        "provenance": [(name, [lines] if isinstance(lines, str) else list(lines), name in AS_CODE) for name, lines in provenance.items()],
        **_assets(),
    }
    body, _ = _exporter().from_notebook_node(notebook, resources=resources)
    return str(body)


@functools.cache
def _exporter() -> Any:
    from nbconvert.exporters.templateexporter import TemplateExporter

    # All is in the template; nbconvert's own preprocessors would only look for what our notebooks do not have.
    folder = str(TEMPLATE.joinpath(".."))
    return TemplateExporter(
        template_name="template", template_file="index.html.j2", extra_template_basedirs=[folder], default_preprocessors=[]
    )


@functools.cache
def _assets() -> dict[str, str]:
    style = re.sub(r"/\*.*?\*/", "", TEMPLATE.joinpath("report.css").read_text(encoding="utf-8"), flags=re.S)
    style = re.sub(r"\s+", " ", style).strip()
    script = TEMPLATE.joinpath("report.js").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Nothing may be fetched and no script but this one may run, whatever stands in the data.
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    return {"style": style, "script": script, "policy": policy}
