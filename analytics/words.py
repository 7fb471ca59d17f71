"""Numbers and times as they stand in print: no locale, no more digits than help, non-breaking spaces, a real minus sign.

Missing values are an en dash. Nothing is ever rounded to a claim: a share below one is not written as 100 %, one above zero not as 0 %.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

__all__ = [
    "against",
    "axis",
    "change",
    "change_interval",
    "change_sentence",
    "count",
    "counted",
    "day",
    "deviation",
    "duration",
    "fixed",
    "interval",
    "listed",
    "milliseconds",
    "moment",
    "month",
    "named",
    "number",
    "percent",
    "relative",
    "short_names",
    "signed",
    "span",
    "without_numbers",
]

NBSP = "\u00a0"
MINUS = "\u2212"
MISSING = "\u2013"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LONG_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
UNITS_S = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def _is_missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def _fixed(value: float, digits: int) -> str:
    text = f"{abs(value):,.{digits}f}"
    return MINUS + text if value < 0 and text.strip("0.,") else text


def number(value: float | None, digits: int = 3) -> str:
    """A plain number with at most `digits` significant digits, whole above that: 0.0123, 1.25, 146, 12,345."""
    if _is_missing(value):
        return MISSING
    size = abs(float(value))  # type: ignore[arg-type]
    if math.isinf(size):
        return (MINUS if value < 0 else "") + "∞"  # type: ignore[operator]
    decimals = 0 if size == 0 else max(0, digits - 1 - math.floor(math.log10(size)))
    text = _fixed(float(value), min(decimals, 12))  # type: ignore[arg-type]
    return text.rstrip("0").rstrip(".") if "." in text else text


def fixed(value: float | None, digits: int) -> str:
    """A number with exactly `digits` decimals, for columns that align: 1.40, 0.00, −0.25."""
    if _is_missing(value) or math.isinf(float(value)):  # type: ignore[arg-type]
        return number(value)
    return _fixed(float(value), digits)  # type: ignore[arg-type]


def count(value: float | None) -> str:
    """A whole number with thousands separators: 3,628,800."""
    return MISSING if _is_missing(value) else _fixed(round(float(value)), 0)  # type: ignore[arg-type]


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A number of things, not broken across lines: 1 outage, 2 outages, 0 series."""
    return f"{count(n)}{NBSP}{noun if n == 1 else plural or noun + 's'}"


def percent(share: float | None, digits: int | None = None) -> str:
    """A fraction in per cent: 99.93 %, 38 %, 0.07 %, −90 %.

    Parameters
    ----------
    share : float
        The fraction, 1 for 100 %.
    digits : int, optional
        Decimals, for columns that align. Without it as many as the distance to 0 or to 100 %, whichever is nearer, needs to be seen.
    """
    if _is_missing(share):
        return MISSING
    value = float(share)  # type: ignore[arg-type]
    if math.isinf(value):
        return number(value) + NBSP + "%"
    if digits is None:
        text = percent(value, _percent_digits(value)).removesuffix(NBSP + "%")
        return (text.rstrip("0").rstrip(".") if "." in text else text) + NBSP + "%"
    text = _fixed(100 * value, digits)
    if value < 1 and text == _fixed(100, digits):
        text = _fixed(100 - 10.0**-digits, digits)
    if value != 0 and not text.strip("0.,"):
        text = _fixed(math.copysign(10.0**-digits, value), digits)
    return text + NBSP + "%"


def _percent_digits(share: float) -> int:
    distance = 100 * min(abs(share), abs(1 - share))
    if distance == 0 or distance >= 10:
        return 0
    power = math.floor(math.log10(distance))
    if share > 0.5:
        return min(max(2 if share > 0.99 else 1, -power), 6)
    # One digit more where the first is a 1: 0.12 and 1.4, but 0.07 and 21.
    return min(max(1, -power + (distance < 2 * 10.0**power)), 6)


def relative(change: float | None) -> str:
    """A relative change in per cent: 18 %, 1.4 %, 103 %, 1,508 %; a loss is never rounded to all there was: −99.6 %."""
    if _is_missing(change):
        return MISSING
    if change < 0:  # type: ignore[operator]
        return MINUS + percent(-float(change))  # type: ignore[arg-type]
    return number(100 * float(change), 2) + NBSP + "%"  # type: ignore[arg-type]


def milliseconds(value: float | None) -> str:
    """A response time: 0.52 ms, 12.4 ms, 146 ms, 1,250 ms."""
    return MISSING if _is_missing(value) else number(value) + NBSP + "ms"


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units: 0.4 s, 45 s, 41 min, 2 h 5 min, 3 d, 3 d 4 h, −5 min."""
    if _is_missing(seconds):
        return MISSING
    value = float(seconds)  # type: ignore[arg-type]
    sign, size = (MINUS if value < 0 else ""), abs(value)
    if math.isinf(size):
        return f"{sign}∞"
    if size < 10:
        return f"{sign if size else ''}{number(size, 2)}{NBSP}s"
    for unit, smaller in itertools.pairwise(UNITS_S):
        # Rounded before it is split, so that 119.6 min is 2 h and not 1 h 60 min.
        parts = round(size / smaller[1])
        whole, rest = divmod(parts, unit[1] // smaller[1])
        if whole and unit[0] == "min" and size >= 600:
            return f"{sign}{round(size / 60)}{NBSP}min"
        if whole:
            return f"{sign}{count(whole)}{NBSP}{unit[0]}" + (f"{NBSP}{rest}{NBSP}{smaller[0]}" if rest else "")
    return f"{sign}{round(size)}{NBSP}s"


def interval(low: float | None, high: float | None, write: Callable[[float], str] = number) -> str:
    """An interval without its unit, which stands at the estimate: +18 % [15, 21]."""
    if _is_missing(low) or _is_missing(high):
        return MISSING
    ends = [write(low), write(high)]  # type: ignore[arg-type]
    units = {end.rpartition(NBSP)[2] for end in ends if NBSP in end}
    if len(units) == 1 and all(end.count(NBSP) == 1 for end in ends):
        ends = [end.rpartition(NBSP)[0] for end in ends]
    return f"[{ends[0]},{NBSP}{ends[1]}]"


def _range(one: float, other: float, write: Callable[[float], str]) -> str:
    """From the least to the most of several: 10 to 25 %, or 18 % where they are alike in print."""
    ends = [write(size) for size in sorted((one, other))]
    if ends[0] == ends[1]:
        return ends[0]
    return f"{ends[0].rpartition(NBSP)[0] if NBSP in ends[0] else ends[0]} to {ends[1]}"


def signed(value: float | None, write: Callable[[float], str] = number) -> str:
    """A change, with its sign: +18 %, −0.02, 0."""
    if _is_missing(value):
        return MISSING
    return ("+" if value > 0 else "") + write(value)  # type: ignore[operator, arg-type]


def _local(time: Any, zone: str) -> pd.Timestamp:
    stamp = pd.Timestamp(time)
    if stamp.tz is None:
        raise ValueError(f"time {stamp} has no zone; times are UTC (datetime64[ms, UTC])")
    return stamp.tz_convert(zone)


def day(time: Any, zone: str = "UTC", *, year: bool = False) -> str:
    """A day in the reader's zone: 15 Nov, or 15 Nov 2026."""
    if _is_missing(time):
        return MISSING
    local = _local(time, zone)
    return f"{local.day}{NBSP}{MONTHS[local.month - 1]}" + (f"{NBSP}{local.year}" if year else "")


def moment(time: Any, zone: str = "UTC", *, year: bool = False) -> str:
    """A minute in the reader's zone: 15 Nov 14:00."""
    if _is_missing(time):
        return MISSING
    local = _local(time, zone)
    return f"{day(local, zone, year=year)}{NBSP}{local.hour:02d}:{local.minute:02d}"


def month(time: Any, zone: str = "UTC") -> str:
    """A month in the reader's zone: November 2026."""
    if _is_missing(time):
        return MISSING
    local = _local(time, zone)
    return f"{LONG_MONTHS[local.month - 1]}{NBSP}{local.year}"


def span(start: Any, end: Any, zone: str = "UTC") -> str:
    """The days of a half-open interval [start, end): 31 August to 22 November 2026."""
    first, last = _local(start, zone), _local(end, zone) - pd.Timedelta(1, "ms")
    ends = [f"{local.day}{NBSP}{LONG_MONTHS[local.month - 1]}" for local in (first, last)]
    if first.date() >= last.date():
        return f"{ends[0]}{NBSP}{first.year}"
    if first.year != last.year:
        return f"{ends[0]}{NBSP}{first.year} to {ends[1]}{NBSP}{last.year}"
    if first.month == last.month:
        return f"{first.day} to {ends[1]}{NBSP}{last.year}"
    return f"{ends[0]} to {ends[1]}{NBSP}{last.year}"


def listed(names: Iterable[str], *, limit: int = 4) -> str:
    """Names in a sentence: a, b and c; the rest beyond `limit` as a number: a, b, c and 5 more."""
    said = [str(name) for name in names]
    if len(said) > limit:
        said = [*said[: limit - 1], f"{len(said) - limit + 1} more"]
    if len(said) < 2:
        return "".join(said)
    return f"{', '.join(said[:-1])} and {said[-1]}"


def named(given: str, known: Sequence[str], what: str, table: str) -> str:
    """The one id that `given` is, or begins; `what` and `table` name one of them and all of them.

    Raises
    ------
    ValueError
        If none does, with the nearest one, or several do.
    """
    if given in known:
        return given
    begun = [name for name in known if name.startswith(given)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise ValueError(f"'{given}' begins the ids of {len(begun)} {table}: {', '.join(sorted(begun)[:5])}; write more of it")
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.4)
    raise ValueError(f"there is no {what} '{given}'; " + (f"did you mean '{near[0]}'?" if near else f"there are {len(known)} {table}"))


def without_numbers(text: str) -> str:
    """A sentence with each number as an ellipsis, so that sentences which differ in numbers only are alike: latency … ms is negative."""
    quoted = re.sub(r"'[^']*\d[^']*'", "'…'", text)
    return re.sub(r"…( …)+", "…", re.sub(r"(?<!\w)[-+]?\d[\w.:+-]*", "…", quoted))


def axis(signal: str, unit: str) -> str:
    """What an axis shows and in which unit, once where the name of a signal ends in it: latency, ms; cpu, fraction."""
    return f"{signal.removesuffix(f'_{unit}')}, {unit}" if unit else signal


def short_names(names: Iterable[str], *, width: int) -> dict[str, str]:
    """Every name in about `width` letters: a long one by its beginning and what tells it from the others.

    Names that would look alike all the same are numbered, in alphabetical order.
    """
    ordered = sorted(set(names))
    shared = [_n_alike(*pair) for pair in itertools.pairwise(["", *ordered, ""])]
    found: dict[str, str] = {}
    for name, *n_shared in zip(ordered, shared, shared[1:], strict=False):
        text = name if len(name) <= width else _shortened(name, max(n_shared), width)
        n_alike = sum(other == text or other.startswith(f"{text} (") for other in found.values())
        found[name] = f"{text} ({n_alike + 1})" if n_alike else text
    return found


def _n_alike(one: str, other: str) -> int:
    """Letters that two names begin with in common."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _shortened(name: str, n_shared: int, width: int) -> str:
    """The first letters, and from the word on in which it differs from its neighbours, as far as there is room; else its end."""
    head = width // 3
    room = width - head - 1
    word = max((name.rfind(mark, 0, n_shared) + 1 for mark in "/ ._-"), default=0)
    if word <= head or word >= len(name) - room:
        return f"{name[:head]}…{name[-room:]}"
    return f"{name[:head]}…{name[word : word + room - 1]}…"


SHARES = {"tail": ("answers", "are slow", "have been slow"), "availability": ("checks", "fail", "have failed")}
"""Kind of a lasting change that is one of a share -> of what, what that share does, and has done; its effect is counted in 100 of them."""

ALL = 0.995
"""Share of checks that more than usual fail from which all of them do, in print."""

COURSES = {"spread": "spread of ", "season": "daily swing of "}
"""Kind of a lasting change -> what of the signal has changed; without an entry it is the signal itself."""


def change(kind: str, effect: float, signals: Sequence[str]) -> str:
    """A lasting change in a few words: latency_ms +18 %, spread of cpu −20 %, 2.1 more of 100 answers are slow."""
    if kind in SHARES:
        what, does, _ = SHARES[kind]
        return f"{_in_hundred(effect)} of 100 {what} {does}"
    return f"{COURSES.get(kind, '')}{listed(_without_quantiles(signals))} {signed(effect, relative)}"


def deviation(signal: str, effect: float) -> str:
    """A passing deviation in a few words: latency_ms +84 %, 12 more of 100 checks fail, all checks fail."""
    if signal == "availability":
        return "all checks fail" if effect >= ALL else f"{_in_hundred(effect)} of 100 checks fail"
    return f"{signal} {signed(effect, lambda share: percent(share, 0 if abs(share) >= 0.1 else None))}"


def against(signal: str, unit: str, *, value: float, expected: float, low: float, high: float) -> str:
    """What came where what was expected: 699 ms where 230 ms [206, 256] was expected."""
    if signal == "availability":
        usual = f"{percent(expected)} {interval(low, high, percent)}"
        return f"{percent(value)} of the checks succeeded where {usual} was expected"
    came, usual = (f"{number(size)}{NBSP}{unit}".rstrip() for size in (value, expected))
    return f"{came} where {usual} {interval(low, high)} was expected"


def change_interval(kind: str, effect: float, low: float, high: float) -> str:
    """The interval of its effect, in the unit and direction in which `change` says it: [15, 21]."""
    if kind not in SHARES:
        return interval(low, high, relative)
    ends = (low, high) if effect > 0 else (-high, -low)
    return interval(100 * ends[0], 100 * ends[1], _two_digits)


def change_sentence(
    kind: str, effect: float, *, place: str, signals: Sequence[str], since: str, most: float | None = None
) -> str:  # fmt: skip
    """The same as a sentence without its full stop: payments became 18 % slower on 17 Mar.

    Parameters
    ----------
    since : its day
    most : the largest effect where several services have changed by `effect` and more: api and web became 10 to 25 % slower
    """
    to = effect if most is None else most
    if kind in SHARES:
        what, _, done = SHARES[kind]
        size = _range(100 * abs(effect), 100 * abs(to), _two_digits)
        return f"{size} {'more' if effect > 0 else 'fewer'} of 100 {what} of {place} {done} since {since}"
    is_time = any(signal.startswith("latency") for signal in signals)
    if kind == "spread":
        of = "response times" if is_time else listed(signals)
        have = "have" if is_time or len(signals) > 1 else "has"
        return f"{of} of {place} {have} scattered {_much(effect, to, 'more', 'less', 'much')} since {since}"
    if kind == "season":
        return f"the daily swing of {place} has been {_much(effect, to, 'larger', 'smaller', 'large')} since {since}"
    if is_time:
        return f"{place} became {_much(effect, to, 'slower', 'faster', 'slow')} on {since}"
    rose = f"to {_range(1 + effect, 1 + to, _two_digits)} times the usual" if effect >= 1 else f"by {_range(abs(effect), abs(to), _whole)}"
    return f"{listed(signals)} of {place} {'rose' if effect > 0 else 'fell'} {rose} on {since}"


def _much(effect: float, to: float, more: str, less: str, alike: str) -> str:
    """18 % slower, 10 to 25 % faster; from twice as much on 3.3 times as slow."""
    if effect >= 1:
        return f"{_range(1 + effect, 1 + to, _two_digits)} times as {alike}"
    return f"{_range(abs(effect), abs(to), _whole)} {more if effect > 0 else less}"


def _whole(change: float) -> str:
    return relative(change) if change >= 1 else percent(change, 0)


def _without_quantiles(signals: Sequence[str]) -> list[str]:
    """Names of signals; of response times the quantiles only where the median has not changed, for mostly they move together."""
    is_median = "latency_ms" in signals
    return [signal for signal in signals if not (is_median and signal.startswith("latency_p"))]


def _two_digits(value: float) -> str:
    return number(value, 2)


def _in_hundred(share: float) -> str:
    return f"{_two_digits(100 * abs(share))} {'more' if share > 0 else 'fewer'}"
