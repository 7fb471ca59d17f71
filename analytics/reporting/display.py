"""Verbs of a notebook: each shows one part of a report, in JupyterLab as in the published page.

A part is HTML whose every value is escaped, a sentence for viewers without HTML, and a role by which `render` finds it. Its HTML carries
a short style of its own, which a published page does not need and leaves out.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analytics import words
from analytics.reporting import frames

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["chapters", "figure", "finding", "kicker", "statements", "table", "text", "tiles", "title", "todo"]

ROLE = "analytics"
"""Key of the output's metadata that holds its role."""

FIGURE_ROWS = 40
"""Rows of the table behind a figure."""

STYLE = """<style>
.report { --ink: var(--jp-content-font-color1, #1b2330); --muted: var(--jp-content-font-color2, #566170);
  --line: var(--jp-border-color2, #d9dee6); --wash: var(--jp-layout-color2, #f5f7fa); --axis: var(--jp-border-color1, #c9d0da);
  --grid: var(--jp-border-color3, #e4e8ee); --paper: var(--jp-layout-color0, #fff); max-width: 900px; font-size: 14px; line-height: 1.5 }
[data-jp-theme-light="false"] .report { --series: #86b4f2; --band: #22344d; --violet: #b3a6e8;
  --worse: #f0a267; --bad: #f58ab9; --good: #6fcfa8;
  --worse-wash: #33241a; --bad-wash: #351d2a; --good-wash: #172b24; --calm-wash: #1f2630 }
.report .finding { font-size: 17px } .report .tiles { display: flex; flex-wrap: wrap; gap: 8px 40px } .report figure { margin: 12px 0 }
.report :is(.kicker, .why, .context, dt, figcaption, caption, summary) { color: var(--muted) } .report dd { margin: 0 }
.report :is(.what, .figure-title, .do-title, .value) { font-weight: 600 } .report .value { font-size: 22px }
.report svg.figure { width: 100%; height: auto } .report circle { stroke: none; fill: var(--worse, #b4500f) }
.report .spark { width: 110px; height: 26px; fill: none; stroke: var(--series, #2b5c9e); stroke-width: 1.3 }
.report table { border-collapse: collapse } .report caption { text-align: left } .report th button { all: unset }
.report :is(td, th) { padding: 4px 14px 4px 0; text-align: left } .report .n { text-align: right }
.report .chip { padding: 1px 8px; border-radius: 9px; background: var(--wash); color: var(--muted) }
.report .chip.bad { background: var(--bad-wash, #fbe9f1); color: var(--bad, #a81e5b) }
.report .chip.worse { background: var(--worse-wash, #fdf0e6); color: var(--worse, #b4500f) }
.report .chip.good { background: var(--good-wash, #e6f4ee); color: var(--good, #14704f) }
.report .do { padding: 8px 16px; border-left: 3px solid #1f5fbf; background: var(--wash) }
</style>"""
"""Enough for JupyterLab, light and dark; `render` takes it out."""


def finding(sentence: str) -> None:
    """The answer to the page's question, in one or two sentences: it stands under the title."""
    _show("finding", f'<p class="finding">{html.escape(sentence)}</p>', sentence)


def title(sentence: str) -> None:
    """A heading that is computed: it takes the place of the notebook's own on the page."""
    _show("title", f'<p class="finding">{html.escape(sentence)}</p>', sentence)


def kicker(line: str) -> None:
    """The line above the title: what, when, how much. 'Objectives · 2 February to 12 April 2026 · 12 services, 3 regions'."""
    _show("kicker", f'<p class="kicker">{html.escape(line)}</p>', line)


def text(markdown: str) -> None:
    """A paragraph in markdown; HTML in it is shown, not obeyed."""
    _show("text", markdown_html(markdown), markdown)


def tiles(facts: Sequence[tuple[str, str, str]]) -> None:
    """Up to four numbers side by side, each as (label, value, context)."""
    parts = [[html.escape(str(part)) for part in fact] for fact in facts]
    inner = "".join(f'<div class="tile"><dt>{a}</dt><dd class="value">{b}</dd><dd class="context">{c}</dd></div>' for a, b, c in parts)
    plain = "; ".join(f"{label}: {value} ({context})" for label, value, context in facts)
    _show("tiles", f'<dl class="tiles">{inner}</dl>', plain)


def table(
    frame: pd.DataFrame,
    *,
    caption: str,
    formats: Mapping[str, frames.Format] | None = None,
    chips: Mapping[str, Mapping[Any, str]] | None = None,
    links: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    anchors: str | None = None,
    sort: str | None = None,
    zone: str = "UTC",
    limit: int = 60,
    empty: str = "There is nothing to list.",
) -> None:
    """A table that sorts; without rows it is the sentence `empty`. Options as in `frames.table_html`."""
    if frame.empty:
        _show_empty(empty)
        return
    body = frames.table_html(
        frame,
        caption=caption,
        formats=formats,
        chips=chips,
        links=links,
        headers=headers,
        anchors=anchors,
        sort=sort,
        zone=zone,
        limit=limit,
    )
    _show("table", body, caption)


def figure(
    drawing: Axes | Figure,
    *,
    title: str,
    caption: str,
    alt: str,
    data: pd.DataFrame | None = None,
    formats: Mapping[str, frames.Format] | None = None,
    headers: Mapping[str, str] | None = None,
    zone: str = "UTC",
    empty: str = "There is nothing to draw.",
) -> None:
    """A figure with what it shows (`title`), how to read it (`caption`), and for those who do not see it a sentence and the data.

    Parameters
    ----------
    alt : str
        The sentence: what the figure shows, not what kind of figure it is.
    data : DataFrame, optional
        What was drawn, as a table folded below; without rows the figure is replaced by the sentence `empty`.

    Raises
    ------
    ValueError
        If `alt` is not a sentence of its own.
    """
    from analytics.reporting.figures import to_svg

    if data is not None and data.empty:
        _show_empty(empty)
        return
    if len(alt.split()) < 4 or alt.strip().rstrip(".") == title.strip().rstrip("."):
        raise ValueError(f"figure '{title}': alt text '{alt}' is not a sentence; say what the figure shows, with its numbers")
    rows = ""
    if data is not None:
        inner = frames.table_html(
            data, caption=title, formats=formats, headers=headers, zone=zone, limit=FIGURE_ROWS, is_sortable=False
        )  # fmt: skip
        rows = f"<details><summary>Data of this figure</summary>{inner}</details>"
    said = html.escape(title)
    body = (
        f'<figure><p class="figure-title">{said}</p><div class="scroll" tabindex="0" role="group" aria-label="{said}">'
        f"{to_svg(drawing, alt=alt)}</div><figcaption><b>Figure.</b> {html.escape(caption)}</figcaption>{rows}</figure>"
    )
    _show("figure", body, f"{title}. {alt}")


def chapters(items: Sequence[Mapping[str, Any]], *, empty: str = "There is nothing to tell.") -> None:
    """Findings one after the other; without any, the sentence `empty`.

    Parameters
    ----------
    items
        Each with its `heading`, a sentence; its `text`, a paragraph; its `anchor`, with which a link to it ends; and its `figures`, a
        list of arguments of `figure`.
    """
    if not items:
        _show_empty(empty)
    for item in items:
        heading = f'<h3 id="{html.escape(item["anchor"], quote=True)}">{html.escape(item["heading"])}</h3>'
        _show("chapter", f"{heading}<p>{html.escape(item['text'])}</p>", f"{item['heading']}\n{item['text']}")
        for drawn in item["figures"]:
            figure(**drawn)


def statements(items: Sequence[tuple[Any, ...]]) -> None:
    """Numbered statements, each (what, why, chip, link): chip is (words, tone) or None, link is (words, address) or None."""
    rows = [(*item, None, None, None)[:4] for item in items]
    if not rows:
        raise ValueError("statements: the list is empty; say in a sentence that nothing matters (report.text)")
    inner = "".join(f"<li><div>{_statement(*row)}</div></li>" for row in rows)
    _show("statements", f'<ol class="statements">{inner}</ol>', "\n".join(f"{i}. {row[0]} {row[1] or ''}" for i, row in enumerate(rows, 1)))


def todo(items: Sequence[str | tuple[str, str]], *, title: str = "What to do") -> None:
    """What to do: each item a sentence, or (what to do, what it gains and how one would see that it was wrong; `commands` in backticks)."""
    pairs = [(item, "") if isinstance(item, str) else item for item in items]
    inner = "".join(f"<p><b>{html.escape(what)}</b> {_with_code(why)}</p>" for what, why in pairs)
    body = f'<div class="do" role="note"><p class="do-title">{html.escape(title)}</p>{inner}</div>'
    _show("todo", body, "\n".join([f"{title}:", *(f"- {what} {why}".rstrip() for what, why in pairs)]))


def _with_code(sentence: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(sentence))


def _statement(what: str, why: str | None, mark: tuple[str, str] | None, link: tuple[str, str] | None) -> str:
    pill = " " + frames.chip(*mark) if mark else ""
    evidence = f' <a href="{frames.address(link[1])}">{html.escape(link[0])}</a>' if link else ""
    reason = f'<p class="why">{html.escape(why or "")}{evidence}</p>' if why or evidence else ""
    return f'<p class="what">{html.escape(what)}{pill}</p>{reason}'


def markdown_html(source: str) -> str:
    """Markdown as HTML; HTML in it is escaped, because names from data may stand in it. A number is not parted from its unit."""
    import mistune

    body = str(mistune.create_markdown(escape=True, plugins=["table"])(source)).strip()
    return re.sub(r"(?<=\d) (?=(?:%|ms|min|h|d|s)(?![\w-]))", words.NBSP, body)


def _show_empty(sentence: str) -> None:
    _show("text", f'<p class="empty">{html.escape(sentence)}</p>', sentence)


def _show(role: str, body: str, plain: str) -> None:
    from IPython.display import display

    display({"text/html": f'<div class="report">{STYLE}{body}</div>', "text/plain": plain}, metadata={ROLE: role}, raw=True)
