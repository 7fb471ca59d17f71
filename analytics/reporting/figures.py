"""A matplotlib figure as SVG inside a page: text stays text, colours follow the page, the bytes depend on the drawing only.

Colours of `plots.style.COLOURS` become CSS variables (with the light colour as fallback, for viewers without our style sheet), so
that one figure serves light, dark and print. Coordinates are relative and rounded to a tenth of a point: finer than a screen, and
a third of the size.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from analytics.plots import style
from analytics.plots.marks import decimate
from analytics.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decimate", "to_svg"]

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"
VARIABLES = {colour: name for name, colour in COLOURS.items()}
# What SVG or the page's style sheet assumes anyway.
DEFAULTS = {
    "stroke-linejoin": {"miter", "round"}, "stroke-linecap": {"butt", "square", "round"}, "stroke-miterlimit": {"100000"}, "opacity": {"1"},
    "stroke-dashoffset": {"0"}, "text-anchor": {"start"}, "stroke-opacity": {"1"}, "stroke-width": {"1", "0"}, "font-weight": {"400"},
}  # fmt: skip
_PATH = re.compile(r"([MLQCZz])([^MLQCZz]*)")
_NO_TURN = re.compile(r"rotate\(-?0[ ,][^)]*\)$")
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def to_svg(drawing: Figure | Axes, *, alt: str) -> str:
    """A figure, or the figure of the axes given, as an `<svg>` element that says `alt` to those who do not see it."""
    root = ElementTree.fromstring(_drawn(drawing))
    for element in [child for child in root if child.tag.endswith("metadata")]:
        root.remove(element)
    _tidy(root, {name for element in root.iter() for name in _references(element)})
    body = "".join(_written(child) for child in root)
    identity = "fig-" + hashlib.sha256(body.encode()).hexdigest()[:8]
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{identity}-", body)
    _, _, width, height = root.attrib["viewBox"].split()
    box = f'viewBox="0 0 {_short(float(width))} {_short(float(height))}"'
    return f'<svg class="figure" xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{html.escape(alt)}">{body}</svg>'


def _drawn(drawing: Figure | Axes) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure: Any = drawing if hasattr(drawing, "savefig") else drawing.figure
    text = io.StringIO()
    # Some settings are only looked up while drawing: the style must hold then, too.
    with style.use():
        # Not `savefig`: it draws everything once more beforehand, to find a backend and a bounding box that are known here.
        FigureCanvasSVG(figure).print_svg(text)
    return text.getvalue()


def _references(element: ElementTree.Element) -> list[str]:
    return [name for value in element.attrib.values() for name in re.findall(r"url\(#([^)]+)\)", value)] + [
        element.attrib.get(XLINK, "#")[1:]
    ]


def _tidy(element: ElementTree.Element, used: set[str]) -> None:
    """In place: shorter attributes; groups that say nothing are dissolved; what draws nothing is dropped."""
    _shorten(element, used)
    children: list[ElementTree.Element] = []
    for child in element:
        _tidy(child, used)
        if child.tag == f"{SVG}g" and not child.attrib:
            children.extend(child)
        elif not _draws_nothing(child):
            children.append(child)
    element[:] = children
    if element.tag != f"{SVG}text" and element.tag != f"{SVG}tspan":
        element.text = None
    element.tail = None


def _draws_nothing(element: ElementTree.Element) -> bool:
    if element.tag in (f"{SVG}g", f"{SVG}defs"):
        return len(element) == 0
    is_blank = element.get("fill") == "none" and "stroke" not in element.attrib
    return element.tag == f"{SVG}path" and "id" not in element.attrib and (is_blank or not element.get("d"))


def _shorten(element: ElementTree.Element, used: set[str]) -> None:
    old = dict(element.attrib)
    element.attrib.clear()
    identity = old.pop("id", None)
    if identity in used:
        element.set("id", str(identity))
    styles = dict(part.split(":", 1) for part in old.pop("style", "").split(";") if ":" in part)
    for name, value in [*old.items(), *((name.strip(), value.strip()) for name, value in styles.items())]:
        for short_name, short_value in _attribute(name, value, element.tag):
            element.set(short_name, short_value)


def _attribute(name: str, value: str, tag: str) -> list[tuple[str, str]]:
    """One attribute or style property, as the attributes that replace it."""
    if name == "font":
        return _font(value)
    if name == XLINK:
        return [("href", value)]
    if value in DEFAULTS.get(name, ()) or name == "font-family" or (name == "transform" and _NO_TURN.match(value)):
        return []
    if name == "d":
        return [("d", _path(value))]
    if name in ("fill", "stroke"):
        variable = VARIABLES.get(value.lower())
        return [(name, f"var(--{variable}, {value})" if variable else value)]
    if name == "image-rendering":
        return [("style", f"image-rendering:{value}")]
    # Scale and rotation need their digits; a picture's edges too.
    if name == "transform" and ("scale" in value or "matrix" in value or tag == f"{SVG}image"):
        return [(name, value)]
    if name in ("x", "y", "width", "height", "transform", "stroke-dasharray", "stroke-width", "font-size"):
        return [(name, _NUMBER.sub(lambda m: _short(float(m[0])), value.replace(", ", ",")))]
    return [(name, value)]


def _font(value: str) -> list[tuple[str, str]]:
    """`font: 700 10px 'DejaVu Sans'` without its family: the page has its own."""
    found = re.match(r"(?:(bold|\d{3}) )?([\d.]+)px", value)
    if not found:
        raise ValueError(f"font '{value}': expected '[weight] <size>px <family>', as matplotlib writes it")
    weight = [("font-weight", "600")] if found[1] not in (None, "400") else []
    return [("font-size", _short(float(found[2]))), *weight]


def _short(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return (
        "0"
        if text == "-0"
        else text.replace("-0.", "-.")
        if text.startswith("-0.")
        else text.removeprefix("0")
        if text.startswith("0.")
        else text
    )


def _path(absolute: str) -> str:
    """The path with relative steps; sums of rounded steps are exact because all is counted in tenths."""
    x = y = 0
    parts: list[str] = []
    for command, rest in _PATH.findall(absolute):
        if command in "Zz":
            parts.append("z")
            continue
        tenths = [round(10 * float(number)) for number in _NUMBER.findall(rest)]
        steps = [value - (x, y)[index % 2] for index, value in enumerate(tenths)]
        x, y = tenths[-2:]
        if command == "L" and parts and parts[-1] != "z" and steps == [0, 0]:
            continue
        if command == "L" and 0 in steps:
            parts.append(f"v{_tenths(steps[1])}" if steps[0] == 0 else f"h{_tenths(steps[0])}")
        elif command == "M":
            parts.append("M" + _joined(tenths))
        else:
            # A repeated command letter may be left out.
            letter = "" if parts and parts[-1][0] == command.lower() else command.lower()
            text = _joined(steps)
            parts.append(command.lower() + text if letter else parts.pop() + ("" if text.startswith("-") else " ") + text)
    return "".join(parts)


def _joined(tenths: list[int]) -> str:
    text = " ".join(_tenths(value) for value in tenths)
    return text.replace(" -", "-")


def _tenths(value: int) -> str:
    return _short(value / 10)


def _written(element: ElementTree.Element) -> str:
    tag = element.tag.removeprefix(SVG)
    attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in element.attrib.items() if not name.startswith("{"))
    inner = html.escape(element.text or "", quote=False) + "".join(_written(child) for child in element)
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"
