"""Tables as HTML: numbers as in print, verdicts as chips, trends as sparklines, headers that sort. Every value is escaped."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics import words
from analytics.plots.marks import decimate

__all__ = ["FORMATS", "TONES", "Format", "address", "chip", "sparkline", "table_html"]

Tone = Literal["bad", "worse", "good", "calm"]
TONES = ("bad", "worse", "good", "calm")
Format = str | Callable[[Any], str]
"""Name of one of `FORMATS`, or a function from the value to its words."""


def _text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return words.MISSING
    return str(value)


FORMATS: dict[str, Callable[[Any, str], str]] = {
    "percent": lambda value, _: words.percent(value),
    "percent0": lambda value, _: words.percent(value, 0),
    "percent1": lambda value, _: words.percent(value, 1),
    "percent2": lambda value, _: words.percent(value, 2),
    "percent3": lambda value, _: words.percent(value, 3),
    "duration": lambda value, _: words.duration(value),
    "ms": lambda value, _: words.milliseconds(value),
    "count": lambda value, _: words.count(value),
    "number": lambda value, _: words.number(value),
    "number0": lambda value, _: words.fixed(value, 0),
    "number1": lambda value, _: words.fixed(value, 1),
    "number2": lambda value, _: words.fixed(value, 2),
    "day": lambda value, zone: words.day(value, zone, year=True),
    "moment": lambda value, zone: words.moment(value, zone),
    "moment_year": lambda value, zone: words.moment(value, zone, year=True),
    "month": lambda value, zone: words.month(value, zone),
    "text": lambda value, _: _text(value),
}
"""How a value is written: name -> (value, zone of the reader) -> words. `spark` draws a sequence of numbers instead."""

WRAP_AT = 36
"""Longest text of a column that stays on one line where there is room."""

WRAP_NEVER = 12
"""Longest text of a column that stays on one line even where others need the room (eu-central)."""

WRAP_NAMES_AT = 20
"""Longest name in the first column that does: the numbers beside it are what the table is for."""

NAME_WIDTH = 48
"""Longest name that is shown whole."""

LEFT = {"text", "spark"}
TIMES = {"day", "moment", "moment_year", "month"}


def chip(text: str, tone: str) -> str:
    """A word in a coloured pill; the word says it, the colour only repeats it."""
    if tone not in TONES:
        raise ValueError(f"chip '{text}': tone '{tone}' is none of {', '.join(TONES)}")
    return f'<span class="chip {tone}">{html.escape(text)}</span>'


def address(target: str) -> str:
    """Where a link leads, fit for its attribute.

    Raises
    ------
    ValueError
        For what no reader of a page should follow, such as a script.
    """
    scheme = target.partition(":")[0] if ":" in target.partition("/")[0] else ""
    if scheme.lower() not in ("", "http", "https", "mailto"):
        raise ValueError(f"link '{target}': only pages of the reports (drift.html#…), http, https and mailto are linked")
    return html.escape(target, quote=True)


def sparkline(values: Sequence[float] | NDArray[Any], *, mark: int | None = None) -> str:
    """A line the size of a word, with a dot at index `mark`; it says its range to those who do not see it."""
    y = np.asarray(values, dtype="float64")
    finite = y[np.isfinite(y)]
    if not len(finite):
        return words.MISSING
    low, width = float(finite.min()), float(np.ptp(finite))
    if not width:
        # Without a range of its own it lies in the middle: at the bottom it would look like nothing.
        low, width = low - 0.5, 1.0
    x_thin, y_thin = decimate(np.linspace(1, 109, len(y)), y, columns=30)
    points = [f"{a:.0f},{23 - 20 * (b - low) / width:.0f}" for a, b in zip(x_thin, y_thin, strict=True) if math.isfinite(b)]
    dot = (
        ""
        if mark is None
        else f'<circle cx="{1 + 108 * mark / max(len(y) - 1, 1):.0f}" cy="{23 - 20 * (y[mark] - low) / width:.0f}" r="2.6"/>'
    )
    first, last, lowest, highest = (words.number(float(end)) for end in (finite[0], finite[-1], finite.min(), finite.max()))
    said = f"from {first} to {last}, lowest {lowest}, highest {highest}"
    return f'<svg class="spark" viewBox="0 0 110 26" role="img" aria-label="{said}"><polyline points="{" ".join(points)}"/>{dot}</svg>'


def table_html(
    frame: pd.DataFrame,
    *,
    caption: str,
    formats: Mapping[str, Format] | None = None,
    chips: Mapping[str, Mapping[Any, str]] | None = None,
    links: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    anchors: str | None = None,
    sort: str | None = None,
    zone: str = "UTC",
    limit: int = 60,
    is_sortable: bool = True,
) -> str:
    """A frame as an HTML table.

    Parameters
    ----------
    formats : dict, optional
        Column -> format; without it the type and the unit in the column's name decide.
    chips : dict, optional
        Column -> value -> tone (bad, worse, good, calm) of its chip.
    links : dict, optional
        Column -> column that holds where its values lead; that one is not shown, and a missing address is no link.
    headers : dict, optional
        Column -> its heading; without it the column's name, with its unit where the cells do not have one.
    anchors : str, optional
        Column of what a link to a row ends with; it is not shown. Links to rows beyond `limit` lead to the caption, which says so.
    sort : str, optional
        Column to sort by; with '-' in front from the largest down.
    limit : int
        Rows shown at most; the caption says how many there are.

    Raises
    ------
    ValueError
        For a format, tone or column that does not exist.
    """
    formats, chips, links, headers = dict(formats or {}), dict(chips or {}), dict(links or {}), dict(headers or {})
    key = (sort or "").removeprefix("-")
    _check_columns(frame, [*formats, *chips, *links, *links.values(), *headers, *([key] if key else []), *([anchors] if anchors else [])])
    names = [column for column in frame.columns if column not in [*links.values(), anchors]]
    kinds = {str(column): _with_year(formats.get(str(column), _usual(frame[column], str(column))), frame[column]) for column in names}
    for column, kind in kinds.items():
        if isinstance(kind, str) and kind not in FORMATS and kind != "spark":
            raise ValueError(f"column '{column}': format '{kind}' is none of {', '.join(FORMATS)}, spark; a function works too")
    ordered = frame.sort_values(key, ascending=key == sort, kind="stable", na_position="last") if key else frame
    shown = ordered.head(limit)
    said = (
        html.escape(caption.rstrip("."))
        + "."
        + _remarks(len(frame), len(shown), zone if TIMES & {k for k in kinds.values() if isinstance(k, str)} else "")
    )
    leads = {column: shown[target] for column, target in links.items()}
    columns = [
        _cells(shown[c], kinds[str(c)], chips.get(str(c), {}), zone, is_sortable, is_first=position == 0, targets=leads.get(str(c)))
        for position, c in enumerate(names)
    ]
    head = "".join(_heading(frame[c], str(c), kinds[str(c)], headers, sort, is_sortable) for c in names)
    ids = [""] * len(ordered) if anchors is None else [f' id="{html.escape(str(name), quote=True)}"' for name in ordered[anchors]]
    said += "".join(f"<i{name}></i>" for name in ids[limit:] if name)
    body = "".join(f"<tr{name}>{''.join(row)}</tr>" for name, *row in zip(ids[:limit], *columns, strict=True))
    label = html.escape(caption, quote=True)
    return (
        f'<div class="table" tabindex="0" role="group" aria-label="{label}"><table><caption><span>{said}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _check_columns(frame: pd.DataFrame, names: list[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise ValueError(f"column '{name}' is not in the table; it has {', '.join(map(str, frame.columns))}")


def _usual(values: pd.Series, name: str) -> str:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return {"day": "day", "period_start": "month"}.get(name, "moment")
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return "text"
    if name.endswith("_ms"):
        return "ms"
    if name.endswith("_s"):
        return "duration"
    if name.endswith(("_share", "_low", "_high")) or name in ("share", "availability", "compliance", "objective"):
        return "percent"
    return "count" if pd.api.types.is_integer_dtype(values.dtype) else "number"


def _with_year(kind: Format, values: pd.Series) -> Format:
    """Moments of several years say which."""
    is_of_years = kind == "moment" and isinstance(values.dtype, pd.DatetimeTZDtype) and values.dt.year.nunique() > 1
    return "moment_year" if is_of_years else kind


def _remarks(n_all: int, n_shown: int, zone: str) -> str:
    times = f" Times: {html.escape(zone)}." if zone else ""
    return times + (f" The first {words.count(n_shown)} of {words.count(n_all)} rows." if n_shown < n_all else "")


def _heading(values: pd.Series, column: str, kind: Format, headers: dict[str, str], sort: str | None, is_sortable: bool) -> str:
    text = html.escape(headers.get(column, _title(column)))
    side = "" if _is_left(values, kind) else ' class="n"'
    if not is_sortable or kind == "spark":
        return f'<th scope="col"{side}>{text}</th>'
    order = {column: "ascending", f"-{column}": "descending"}
    state = next((order[said] for said in order if said == sort), "none")
    return f'<th scope="col"{side} aria-sort="{state}"><button type="button">{text}</button></th>'


def _title(column: str) -> str:
    for unit in ("_ms", "_s", "_share"):
        column = column.removesuffix(unit)
    column = column.replace("n_", "", 1) if column.startswith("n_") else column
    column = column.removeprefix("is_").replace("_", " ")
    return column[:1].upper() + column[1:]


def _is_left(values: pd.Series, kind: Format) -> bool:
    return kind in LEFT if isinstance(kind, str) else not pd.api.types.is_numeric_dtype(values.dtype)


def _cells(
    values: pd.Series,
    kind: Format,
    tones: Mapping[Any, str],
    zone: str,
    is_sortable: bool,
    *,
    is_first: bool,
    targets: pd.Series | None,
) -> list[str]:
    if kind == "spark":
        return [f"<td>{sparkline(value)}</td>" for value in values]
    is_left = _is_left(values, kind)
    write: Callable[[Any], str] = (lambda value: FORMATS[kind](value, zone)) if isinstance(kind, str) else kind
    side = _wrapping([str(value) for value in values], is_first) if is_left else "n"
    if side == "w" and kind == "text" and not tones:
        return _names(values, targets)
    start = f'<td class="{side}"' if side else "<td"
    # The script sorts by what is written unless the cell carries the number itself.
    keys = [_sort_key(value) if is_sortable and not is_left else "" for value in values]
    said = [_said(value, write(value), tones) for value in values]
    if targets is not None:
        said = [_linked(text, target) for text, target in zip(said, targets, strict=True)]
    return [f"{start}{key}>{text}</td>" for key, text in zip(keys, said, strict=True)]


def _name(whole: str, text: str, target: Any) -> str:
    title = f' title="{html.escape(whole, quote=True)}"' if whole != text else ""
    # Names are paths: they are best broken after a slash, a dot or an underscore.
    parts = re.sub(r"([/._])(?=.)", r"\1<wbr>", html.escape(text))
    return f'<td class="w"{title}>{_linked(parts, target)}</td>'


def _names(values: pd.Series, targets: pd.Series | None) -> list[str]:
    """Cells of names: beyond `NAME_WIDTH` shortened in their middle, the whole name as their title."""
    short = words.short_names({str(value) for value in values}, width=NAME_WIDTH)
    leads = [None] * len(values) if targets is None else targets
    return [_name(str(value), short[str(value)], target) for value, target in zip(values, leads, strict=True)]


def _wrapping(texts: list[str], is_first: bool) -> str:
    """How the cells of a column of text wrap: short ones never; `l` and, kept wide, sentences (`t`) between words; names (`w`) anywhere."""
    longest = max(texts, key=len, default="")
    if len(longest) <= (WRAP_NAMES_AT if is_first else WRAP_AT):
        return "" if len(longest) <= WRAP_NEVER else "l"
    return "w" if is_first or " " not in longest else "t"


def _said(value: Any, text: str, tones: Mapping[Any, str]) -> str:
    if tones and pd.api.types.is_scalar(value) and not pd.isna(value) and value in tones:
        return chip(text, tones[value])
    return html.escape(text)


def _linked(text: str, target: Any) -> str:
    return text if pd.isna(target) else f'<a href="{address(str(target))}">{text}</a>'


def _sort_key(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return f' data-v="{value.timestamp():.0f}"' if not pd.isna(value) else ""
    if pd.isna(value) or not math.isfinite(float(value)):
        return ""
    return f' data-v="{float(value):.6g}"'
