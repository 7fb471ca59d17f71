"""States, latencies, status codes and units of any foreign form to those of `tables.RAW`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics import tables
from analytics.sources.base import SourceError
from analytics.sources.numbers import EMPTY_WORDS, Decimal, to_numbers

__all__ = [
    "KUMA_STATES", "MAX_LATENCY_MS", "STATE_WORDS", "Coded", "as_shares", "coded", "latencies", "no_number", "standard_unit", "states",
    "status_codes",
]  # fmt: skip

STATES = tables.STATES
UP, DOWN = STATES.index("up"), STATES.index("down")
NO_STATE = -1

STATE_WORDS: dict[str, str] = {
    **dict.fromkeys(
        ("1", "1.0", "true", "t", "yes", "y", "up", "ok", "success", "successful", "succeeded", "pass", "passed", "healthy"), "up"
    ),
    **dict.fromkeys(("online", "available", "operational", "alive", "reachable"), "up"),
    **dict.fromkeys(
        ("0", "0.0", "false", "f", "no", "n", "down", "fail", "failed", "failure", "error", "err", "unhealthy", "offline"), "down"
    ),
    **dict.fromkeys(("unavailable", "unreachable", "timeout", "critical", "dead", "outage"), "down"),
    **dict.fromkeys(("pending", "retry", "retrying"), "pending"),
    **dict.fromkeys(("maintenance", "paused"), "maintenance"),
    **dict.fromkeys(("unknown",), "unknown"),
}
KUMA_STATES = {"0": "down", "1": "up", "2": "pending", "3": "maintenance"}

MS_PER = {"ms": 1.0, "s": 1e3, "us": 1e-3, "ns": 1e-6}
MAX_LATENCY_MS = 86_400_000.0
"""A day: checks come more often than that, so none can have waited as long; 120 ms told in nanoseconds would be 33 hours."""

DECIMALS_MS = 6
"""Places kept after a unit is converted: 0.0897 s is 89.7 ms, not 89.69999999999999."""


@dataclass(frozen=True)
class Coded:
    """A column of few distinct texts: the texts, and one code per row (-1: empty)."""

    names: list[str]
    codes: npt.NDArray[np.int64]


def coded(column: pa.ChunkedArray) -> Coded:
    """A column as distinct texts and codes; blanks around a text do not count."""
    array = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    array = array.unify_dictionaries().combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    raw = ["" if name is None else str(name).strip() for name in array.dictionary.to_pylist()]
    names = sorted({name for name in raw if name})
    place = {name: code for code, name in enumerate(names)}
    renamed = np.array([*(place.get(name, -1) for name in raw), -1], np.int64)
    codes = array.indices.fill_null(len(raw)).to_numpy(zero_copy_only=False).astype(np.int64)
    return Coded(names, codes if raw == names and array.null_count == 0 else renamed[codes])


def states(column: Coded, words: Mapping[str, str]) -> tuple[npt.NDArray[np.int64], dict[int, str]]:
    """State of each row as a position in `tables.STATES`; the reason by row for words that are no state."""
    known = {**STATE_WORDS, **{str(word).lower(): state for word, state in words.items()}}
    of_name = np.array(
        [STATES.index(known[name.lower()]) if name.lower() in known else NO_STATE for name in column.names] + [NO_STATE], np.int64
    )
    found = of_name[column.codes]
    bad = dict.fromkeys(np.flatnonzero(column.codes < 0).tolist(), "state is empty")
    for row in np.flatnonzero((found == NO_STATE) & (column.codes >= 0)).tolist():
        word = column.names[column.codes[row]][:40]
        bad[row] = f"state '{word}' is unknown; say what it means by `states: {{{word}: up}}`"
    return found, bad


def status_codes(column: Coded) -> tuple[npt.NDArray[np.int64], dict[int, str]]:
    """Status code of each row, 0 where there is none (0 is what monitors write when nothing answered)."""
    numbers = np.zeros(len(column.names) + 1, np.int64)
    wrong = set()
    for code, name in enumerate(column.names):
        try:
            numbers[code] = int(float(name))
        except (ValueError, OverflowError):
            if name.lower() not in EMPTY_WORDS:
                wrong.add(code)
    bad = {
        row: f"status code '{column.names[column.codes[row]][:40]}' is no number"
        for row in np.flatnonzero(np.isin(column.codes, list(wrong))).tolist()
    }
    return numbers[column.codes], bad


def latencies(
    column: pa.ChunkedArray, unit: str, is_up: npt.NDArray[np.bool_], *, decimal: Decimal = "."
) -> tuple[npt.NDArray[np.float64], dict[int, str]]:
    """Milliseconds of each row, NaN where the check failed or was not timed; the reason by row for impossible ones.

    A failed check has no latency, whatever the monitor timed: a refused connection takes a fraction of a millisecond.
    """
    numbers, wrong = to_numbers(column, decimal)
    bad = {row: f"latency {no_number(text, decimal)}" for row, text in wrong.items() if is_up[row]}
    ms = numbers if unit == "ms" else np.round(numbers * MS_PER[unit], DECIMALS_MS)
    with np.errstate(invalid="ignore"):
        impossible = is_up & ((ms < 0) | (ms > MAX_LATENCY_MS))
    for row in np.flatnonzero(impossible).tolist():
        bad[row] = f"latency {numbers[row]:g} {unit} is {_impossible(float(ms[row]))}"
    return np.where(is_up & ~impossible, ms, np.nan), bad


def _impossible(ms: float) -> str:
    if ms < 0:
        return "negative"
    return "infinite" if np.isinf(ms) else "more than a day: a wrong unit or a broken clock"


def no_number(text: str, decimal: Decimal) -> str:
    """Why a text is refused as a number, and what to do if it is one."""
    other = "." if decimal == "," else ","
    remedy = "; write it without separators of thousands" if decimal in text else f"; if '{other}' is decimal, say `decimal: '{other}'`"
    return f"'{text[:40]}' is no number{remedy if other in text else ''}"


_DUST = 1e-9
"""So far from 0 and 1 a share may lie by the error of its computation: an average of ones can be 1.0000000000000002."""


def as_shares(signal: str, values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], dict[int, str]]:
    """Values of a signal that is a share by its meaning, within 0 and 1; the reason by row for those that are none. Others as they are."""
    if tables.SERIES_SIGNALS.get(signal) != "fraction":
        return values, {}
    wrong = np.flatnonzero((values < -_DUST) | (values > 1 + _DUST)).tolist()
    return np.clip(values, 0, 1), {row: f"{signal} {values[row]:g} is no fraction from 0 to 1; is it percent?" for row in wrong}


_SCALES: dict[str, tuple[str, float]] = {
    "%": ("fraction", 0.01),
    "percent": ("fraction", 0.01),
    "pct": ("fraction", 0.01),
    "ratio": ("fraction", 1.0),
    "fraction": ("fraction", 1.0),
}
_SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "milliseconds": 1e-3,
    "us": 1e-6,
    "microseconds": 1e-6,
    "ns": 1e-9,
    "nanoseconds": 1e-9,
}


def standard_unit(signal: str, unit: str, *, where: str) -> tuple[str, float]:
    """Unit in which a signal is stored and the factor to it: percent -> fraction; seconds -> ms where the name ends in _ms.

    Raises
    ------
    SourceError
        If the signal has a fixed unit (tables.SERIES_SIGNALS, a name ending in _ms) that `unit` cannot be converted to.
    """
    lower = unit.lower()
    target = tables.SERIES_SIGNALS.get(signal, "ms" if signal.endswith("_ms") else "s" if signal.endswith("_s") else None)
    if target in ("ms", "s") and lower in _SECONDS:
        return target, _SECONDS[lower] * (1e3 if target == "ms" else 1.0)
    if target in (None, "fraction") and lower in _SCALES:
        return _SCALES[lower]
    if target is None or unit == target:
        return unit, 1.0
    known = sorted(_SECONDS) if target in ("ms", "s") else sorted(_SCALES) if target == "fraction" else [target]
    raise SourceError(
        f"{where}: signal '{signal}' is stored in {target}, but its unit is said to be '{unit}'; give one of {', '.join(known)}"
    )
