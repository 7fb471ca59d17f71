"""What must be true of every published page, checked on its text: a perfect accessibility score says nothing about alt text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["MAX_BYTES", "check_page"]

MAX_BYTES = 200_000
"""Largest page that still opens at once on a phone."""

# Attributes whose target a browser fetches by itself; a link that a reader follows is not one.
FETCHED = {
    "src", "srcset", "poster", "data", "background", "ping", "xlink:href"
}  # fmt: skip
FETCHED_HREF = {"link", "use", "image", "base"}
OUTSIDE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//|^\s*(?!data:)[a-z][a-z0-9+.-]*:", re.I)
IN_STYLE = re.compile(r"@import|url\(\s*['\"]?(?!data:|#|['\"])[^)]*", re.I)
PLACEHOLDERS = re.compile(r"^\W*(?:no description.*|image|picture|figure|plot|chart|graph|alt|untitled|none|nan|<.*>)\W*\d*\W*$", re.I)
VOID = {"meta", "link", "img", "br", "hr", "input", "source", "area", "base", "col", "embed", "wbr"}


def check_page(page: str) -> list[str]:
    """What is wrong with a page, one sentence each; an empty list for a page that may be published.

    Looks for anything fetched from outside, pictures without words or with a placeholder, figures without a caption, headings that
    are missing or repeated, ids used twice, and a size above 200 KB.
    """
    reader = _Reader()
    reader.feed(page)
    found = list(reader.found)
    if reader.n_titles != 1:
        found.append(f"the page has {reader.n_titles} main headings (h1), expected one")
    repeated = sorted({name for name in reader.ids if reader.ids.count(name) > 1}) if len(set(reader.ids)) < len(reader.ids) else []
    found += [f"id '{name}' is used more than once" for name in repeated]
    size = len(page.encode())
    if size > MAX_BYTES:
        found.append(f"the page has {size:,} bytes, allowed are {MAX_BYTES:,}: show fewer rows, or fewer points")
    return found


class _Reader(HTMLParser):
    """Walks the page once and notes what is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []
        self.n_titles = 0
        self._open: list[str] = []
        self._has_caption: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if "id" in named:
            self.ids.append(named["id"])
        self.n_titles += tag == "h1"
        self._check_fetches(tag, named)
        self._check_words(tag, named)
        if tag == "figure":
            self._has_caption.append(False)
        if tag == "figcaption" and self._has_caption:
            self._has_caption[-1] = True
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag == "figure" and self._has_caption and not self._has_caption.pop():
            self.found.append(f"a figure has no caption (figcaption) in line {self.getpos()[0]}")
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self._check_style(data)

    def _check_fetches(self, tag: str, named: dict[str, str]) -> None:
        for name, value in named.items():
            is_fetched = name in FETCHED or (name == "href" and tag in FETCHED_HREF)
            if is_fetched and OUTSIDE.search(value):
                self.found.append(f"<{tag} {name}> fetches from outside: {value[:80]}")
        self._check_style(named.get("style", ""))

    def _check_style(self, style: str) -> None:
        for match in IN_STYLE.finditer(style):
            self.found.append(f"a style fetches from outside: {match[0][:80]}")

    def _check_words(self, tag: str, named: dict[str, str]) -> None:
        if named.get("aria-hidden") == "true" or named.get("role") == "presentation":
            return
        if tag == "img":
            words = named.get("alt", "")
        elif tag == "svg" or named.get("role") == "img":
            words = named.get("aria-label", "")
        else:
            return
        line = self.getpos()[0]
        if not words.strip():
            self.found.append(f"<{tag}> in line {line} has no words for those who do not see it (alt or aria-label)")
        elif PLACEHOLDERS.match(words):
            self.found.append(f"<{tag}> in line {line} has a placeholder for words: '{words[:60]}'")
