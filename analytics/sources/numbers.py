"""Numbers of any foreign form: which sign is the decimal one, and the numbers themselves."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics.sources.base import SourceError

__all__ = ["EMPTY_WORDS", "Decimal", "recognise_decimal", "to_numbers"]

Decimal = Literal[".", ","]
EMPTY_WORDS = {"", "nan", "null", "none", "na", "n/a", "-"}
FEW = 0.05
"""Up to this share of numbers of the other form are taken for broken rows, which are refused one by one."""

_WITH_COMMA = r"^\s*[+-]?\d*,\d[\d,]*([eE][+-]?\d+)?\s*$"
_WITH_POINT = r"^\s*[+-]?\d*\.\d+([eE][+-]?\d+)?\s*$"
# 1,500 may be one and a half or fifteen hundred; 0,500 and 12,5 may not.
_MAY_BE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+$")


def recognise_decimal(column: pa.ChunkedArray, *, name: str, given: Decimal | None, where: str) -> Decimal:
    """The decimal sign of a column of numbers, from a look at those with a comma.

    Raises
    ------
    SourceError
        If the commas may as well separate thousands, or some numbers have a comma and some a point.
    """
    if given is not None or not _is_text(column.type):
        return given or "."
    text = column.cast(pa.string())
    commas, points = _matching(text, _WITH_COMMA), _matching(text, _WITH_POINT)
    if len(commas) <= FEW * len(points):
        return "."
    if len(points) > FEW * len(commas):
        raise SourceError(
            f"{where}: column '{name}' has numbers with a comma ('{commas[0]}') and numbers with a point ('{points[0]}'); "
            "say which sign is the decimal one by `decimal: ','` or `decimal: '.'` (the others are refused)"
        )
    if all(_MAY_BE_THOUSANDS.match(value.strip()) for value in commas):
        raise SourceError(
            f"{where}: in column '{name}' '{commas[0]}' may be {commas[0].replace(',', '.')} or {commas[0].replace(',', '')}; say that the "
            "comma is the decimal sign by `decimal: ','`, or write the numbers without separators of thousands"
        )
    return ","


def _matching(text: pa.ChunkedArray, pattern: str) -> list[str]:
    return [str(value) for value in text.filter(pc.fill_null(pc.match_substring_regex(text, pattern), False)).to_pylist()]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)


def to_numbers(column: pa.ChunkedArray, decimal: Decimal = ".") -> tuple[npt.NDArray[np.float64], dict[int, str]]:
    """Numbers of a column (of durations: in their own unit), NaN where empty; texts that are no number by row."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_duration(array.type):
        array = array.cast(pa.int64())
    if (
        pa.types.is_decimal(array.type)
        or pa.types.is_integer(array.type)
        or pa.types.is_floating(array.type)
        or pa.types.is_null(array.type)
    ):
        return _floats(array.cast(pa.float64(), safe=False)), {}
    text = array.cast(pa.string())
    plain = text if decimal == "." else _with_points(text)
    try:
        return _floats(pc.if_else(pc.equal(plain, ""), None, plain).cast(pa.float64())), {}
    except pa.ArrowInvalid:
        return _one_by_one(plain.to_pylist(), text)


def _with_points(text: pa.Array) -> pa.Array:
    """Commas as points; a point that was there before makes a number none: it might separate thousands."""
    return pc.replace_substring(pc.replace_substring(text, ".", "_"), ",", ".")


def _floats(array: pa.Array) -> npt.NDArray[np.float64]:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def _one_by_one(texts: list[str | None], written: pa.Array) -> tuple[npt.NDArray[np.float64], dict[int, str]]:
    numbers = np.full(len(texts), np.nan)
    refused: dict[int, str] = {}
    for row, text in enumerate(texts):
        word = (text or "").strip()
        if word.lower() in EMPTY_WORDS:
            continue
        try:
            numbers[row] = _number(word)
        except ValueError:
            refused[row] = written[row].as_py().strip()
    return numbers, refused


def _number(word: str) -> float:
    # Python takes '1_5' for a number.
    return float(word if "_" not in word else "no number")
