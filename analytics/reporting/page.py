"""What of an executed notebook goes where on its page.

The first heading is the title, the first finding stands under it, every heading of the second level opens a section. A section shows
what its cells displayed; their code is folded at the end of the page, that of each figure also below it.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from analytics.reporting import display

__all__ = ["Page", "Section", "compose"]

SET_UP = {"parameters", "injected-parameters"}
_HEADING = re.compile(r"<h2>(.*?)</h2>", re.S)
_TAG = re.compile(r"<[^>]+>")
_FALLBACK = re.compile(r"var\((--[a-z-]+), #[0-9a-f]{6}\)")


@dataclass
class Section:
    """A part of the page under one heading; the lead has none."""

    identity: str = ""
    heading: str = ""
    parts: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)


@dataclass
class Page:
    """A page before it is laid out; all strings but `title` are HTML."""

    title: str = ""
    kicker: str = ""
    finding: str = ""
    intro: str = ""
    sections: list[Section] = field(default_factory=lambda: [Section()])
    set_up: list[str] = field(default_factory=list)
    n_figures: int = 0

    @property
    def has_code(self) -> bool:
        """Whether there is any code to fold."""
        return bool(self.set_up or any(section.code for section in self.sections))


def compose(notebook: Any) -> Page:
    """The page of a notebook, read from top to bottom."""
    page = Page()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            _add_markdown(page, cell.source)
        elif cell.cell_type == "code":
            _add_code_cell(page, cell)
    lead, *rest = page.sections
    # A section that shows nothing is machinery: "Save" needs no heading on the page.
    page.set_up += [code for section in rest if not section.parts for code in section.code]
    page.sections = [lead, *(section for section in rest if section.parts)]
    return page


def _add_markdown(page: Page, source: str) -> None:
    body = display.markdown_html(source)
    if not page.title and (found := re.search(r"<h1>(.*?)</h1>", body, re.S)):
        page.title = _plain(found[1])
        intro, heading, rest = body[found.end() :].partition("<h2>")
        page.intro += intro.strip()
        body = body[: found.start()] + heading + rest
    _add(page, body)


def _add(page: Page, body: str) -> None:
    """HTML to the open section; each heading in it opens another."""
    before, *rest = _HEADING.split(body)
    if before.strip():
        page.sections[-1].parts.append(before.strip())
    for heading, after in zip(rest[::2], rest[1::2], strict=True):
        page.sections.append(Section(_identity(_plain(heading), page), heading))
        if after.strip():
            page.sections[-1].parts.append(after.strip())


def _plain(body: str) -> str:
    return html.unescape(_TAG.sub("", body)).strip()


def _identity(heading: str, page: Page) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") or "section"
    taken = {section.identity for section in page.sections}
    return next(name for name in (slug, *(f"{slug}-{i}" for i in range(2, 10_000))) if name not in taken)


def _add_code_cell(page: Page, cell: Any) -> None:
    drawn = iter(_drawing_code(cell.source))
    printed: list[str] = []
    for output in cell.get("outputs", []):
        _add_output(page, output, drawn, cell.source, printed)
    is_set_up = bool(SET_UP & set(cell.metadata.get("tags", []))) or len(page.sections) == 1
    target = page.set_up if is_set_up else page.sections[-1].code
    if cell.source.strip():
        target.append(f"<pre><code>{html.escape(cell.source.strip(), quote=False)}</code></pre>")
    target += printed


def _add_output(page: Page, output: Any, drawn: Iterator[str], source: str, printed: list[str]) -> None:
    if output.output_type == "stream":
        printed.append(f'<pre class="printed">{html.escape(output.text, quote=False)}</pre>')
        return
    if output.output_type == "error":
        said = html.escape(f"{output.ename}: {output.evalue}")
        page.sections[-1].parts.append(f'<div class="error"><p>This page is not complete: a cell failed.</p><pre>{said}</pre></div>')
        return
    role, data = output.metadata.get(display.ROLE), output.data
    body = str(data.get("text/html", "")).replace(display.STYLE, "")
    if role == "kicker":
        page.kicker = page.kicker or _inner(body)
    elif role == "title":
        page.title = html.unescape(_inner(body))
    elif role == "finding" and not page.finding:
        page.finding = _inner(body)
    elif role == "figure":
        page.n_figures += 1
        _add(page, _numbered(_unwrapped(body), page.n_figures, next(drawn, source)))
    elif role == "todo":
        page.sections[-1].parts.append(_unwrapped(body).replace(f'<p class="do-title">{page.sections[-1].heading}</p>', ""))
    elif role:
        _add(page, _unwrapped(body))
    else:
        _add_foreign(page, data, output.metadata, printed)


def _unwrapped(body: str) -> str:
    return body.removeprefix('<div class="report">').removesuffix("</div>")


def _inner(body: str) -> str:
    return re.sub(r"^<p[^>]*>|</p>$", "", _unwrapped(body))


def _numbered(body: str, n: int, code: str) -> str:
    """A figure with its number, ids of its own, and the line that drew it; without the fallbacks that the page's style sheet replaces."""
    body = re.sub(r"\bfig-[0-9a-f]{8}\b", f"f{n}", _FALLBACK.sub(r"var(\1)", body))
    body = body.replace("<figure>", f'<figure id="figure-{n}">', 1).replace("<b>Figure.</b>", f"<b>Figure {n}.</b>", 1)
    body = body.replace("<summary>Data of this figure</summary>", f"<summary>Data of figure {n}</summary>", 1)
    caption, ending, details = body.rpartition("</figcaption>")
    details = details.removesuffix("</figure>")
    drawn = html.escape(code.strip(), quote=False)
    code_details = f"<details><summary>Code of figure {n}</summary><pre><code>{drawn}</code></pre></details>"
    return f'{caption}{ending}<div class="folded">{details}{code_details}</div></figure>'


def _drawing_code(source: str) -> list[str]:
    """For each `report.figure(...)` of a cell, the expression that drew it: its first argument, or what was assigned to that name."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        # A cell with a magic of IPython: its figures show the whole cell.
        return []
    assignments = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    assigned = {target.id: node.value for node in assignments for target in node.targets if isinstance(target, ast.Name)}
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "figure"
    ]
    drawn = [
        assigned.get(call.args[0].id, call.args[0]) if isinstance(call.args[0], ast.Name) else call.args[0] for call in calls if call.args
    ]
    return [ast.get_source_segment(source, node) or source for node in drawn]


def _add_foreign(page: Page, data: Any, metadata: Any, printed: list[str]) -> None:
    """An output that is not one of ours: shown as it is if it was meant to be seen, else with the code."""
    parts = page.sections[-1].parts
    alt = html.escape(str(metadata.get("alt", "")), quote=True)
    if "text/html" in data:
        parts.append(f'<div class="table" tabindex="0" role="group" aria-label="Output">{data["text/html"]}</div>')
    elif "image/svg+xml" in data:
        parts.append(str(data["image/svg+xml"])[str(data["image/svg+xml"]).index("<svg") :])
    elif "image/png" in data:
        parts.append(f'<img alt="{alt}" src="data:image/png;base64,{str(data["image/png"]).replace(chr(10), "")}">')
    elif "text/markdown" in data:
        _add(page, display.markdown_html(str(data["text/markdown"])))
    elif "text/plain" in data:
        printed.append(f'<pre class="printed">{html.escape(str(data["text/plain"]), quote=False)}</pre>')
