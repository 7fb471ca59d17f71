"""Times of any foreign form to milliseconds in UTC, without guessing a zone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics import calendars
from analytics.sources.base import SourceError, did_you_mean
from analytics.sources.numbers import to_numbers

__all__ = ["TimeForm", "Times", "parse_times", "recognise"]

MISSING = np.iinfo(np.int64).min
EARLIEST_MS = 946_684_800_000
LATEST_MS = 4_102_444_800_000
"""The years 2000 to 2100: anything else is a wrong unit or a broken clock."""

SAMPLE = 200
PER_MS = {"s": 1e-3, "ms": 1.0, "us": 1e3, "ns": 1e6}
_ZONED = re.compile(r"(Z|[+-]\d\d(:?\d\d)?|UTC|GMT)$")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$")


@dataclass(frozen=True)
class TimeForm:
    """How times are written: numbers since 1970 in `unit`, or text with or without a zone."""

    kind: Literal["epoch", "zoned", "local"]
    unit: str = ""
    format: str | None = None
    zone: str | None = None

    @property
    def says(self) -> str:
        if self.kind == "epoch":
            return f"time: numbers are {self.unit} since 1970, UTC"
        if self.kind == "zoned":
            return "time: written with its zone -> UTC"
        return f"time: written without zone, read as {self.zone} -> UTC"


@dataclass(frozen=True)
class Times:
    """Milliseconds since 1970 UTC, one per row.

    Attributes
    ----------
    bad : row number -> the reason for refusing it
    undecided : rows in an hour that the clock repeats, where only other rows tell which of the two it is
    """

    ms: npt.NDArray[np.int64]
    bad: dict[int, str]
    undecided: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def _refuse_unknown_zone(name: str) -> None:
    try:
        calendars.zone_of(name)
    except ValueError:
        from zoneinfo import available_timezones

        hint = did_you_mean(name, sorted(available_timezones()), what="examples are UTC, Europe/Zurich; all:")
        raise SourceError(f"timezone: '{name}' is no IANA time zone; {hint[:200]}") from None


def recognise(column: pa.Array | pa.ChunkedArray, *, timezone: str | None, format: str | None, where: str) -> TimeForm:
    """The form of a column of times, from its type or a sample of its values.

    Raises
    ------
    SourceError
        If times have no zone and none is given, or their unit cannot be told from their size.
    """
    if pa.types.is_timestamp(column.type):
        return TimeForm("zoned") if column.type.tz else _local(column, timezone, None, where)
    if pa.types.is_date(column.type):
        return _local(column, timezone, None, where)
    sample = [str(value) for value in column.slice(0, SAMPLE).to_pylist() if value is not None and str(value) != ""]
    if not sample:
        return TimeForm("zoned")
    if format is not None:
        return TimeForm("zoned", format=format) if "%z" in format else _local(sample, timezone, format, where)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or _mostly(sample, _NUMBER.match):
        return TimeForm("epoch", _epoch_unit([float(value) for value in sample if _NUMBER.match(value)], where))
    understood = [value for value in sample if _from_iso(value) is not None]
    if sample and not understood:
        raise SourceError(
            f"{where}: time '{sample[0]}' is not understood; write times as 2026-03-01T00:00:00Z or seconds since 1970, or say how they "
            "are written, for example `time_format: '%d/%m/%Y %H:%M'`, or name another column by `columns: {time: ...}`"
        )
    if _mostly(understood, _ZONED.search):
        return TimeForm("zoned")
    return _local(understood, timezone, None, where)


def _mostly(sample: list[str], test: object) -> bool:
    return bool(sample) and sum(bool(test(value)) for value in sample) * 2 > len(sample)  # type: ignore[operator]


def _local(sample: object, timezone: str | None, format: str | None, where: str) -> TimeForm:
    if timezone is None:
        values = [value for value in list(sample)[:SAMPLE] if value is not None]  # type: ignore[call-overload]
        first = f", first '{values[0]}'" if values else ""
        raise SourceError(
            f"{where}: times have no zone{first}; write them with one (2026-03-01T00:00Z) or say which it is by "
            "`timezone: Europe/Zurich` (--timezone Europe/Zurich; `timezone: UTC` if they are in UTC)"
        )
    _refuse_unknown_zone(timezone)
    return TimeForm("local", format=format, zone=timezone)


def _epoch_unit(values: list[float], where: str) -> str:
    fitting = [unit for unit, per_ms in PER_MS.items() if values and all(EARLIEST_MS <= value / per_ms < LATEST_MS for value in values)]
    if len(fitting) == 1:
        return fitting[0]
    for unit, per_ms in PER_MS.items():
        # A few broken values must not hide the unit of the others: they are refused one by one.
        if values and sum(EARLIEST_MS <= value / per_ms < LATEST_MS for value in values) >= 0.9 * len(values):
            return unit
    first = f"{values[0]:g}" if values else "none"
    raise SourceError(
        f"{where}: times are numbers (first {first}) that are neither s, ms, us nor ns since 1970 between 2000 and 2100; "
        "name another column by `columns: {time: ...}` or write times as 2026-03-01T00:00:00Z"
    )


def parse_times(column: pa.ChunkedArray, form: TimeForm, series: npt.NDArray[np.int64], *, is_whole: bool = True) -> Times:
    """Times of a block of rows.

    Parameters
    ----------
    column : as read; text, numbers or timestamps
    form : of the whole table, by `recognise`
    series : code of the series of each row: hours that a clock change repeats are told apart by the order of the rows in a series
    is_whole : no other block has rows of the same hours; else these stay undecided
    """
    bad: dict[int, str] = {}
    undecided = np.zeros(0, np.int64)
    if form.kind == "epoch":
        ms = _from_epoch(column, form.unit, bad)
    else:
        ms, is_local = _from_text(column, form, bad) if not pa.types.is_temporal(column.type) else _from_stamps(column, form, bad)
        if form.zone is not None and is_local.any():
            ms, undecided = _to_utc(ms, is_local, form.zone, series if is_whole else None, bad)
    if len(ms) and ms.min() >= EARLIEST_MS and ms.max() < LATEST_MS:
        return Times(ms, bad, undecided)
    for row in np.flatnonzero((ms != MISSING) & ((ms < EARLIEST_MS) | (ms >= LATEST_MS))).tolist():
        bad.setdefault(row, f"time {_shown(int(ms[row]))} lies outside the years 2000 to 2100")
    for row in np.flatnonzero(ms == MISSING).tolist():
        bad.setdefault(row, "time is empty")
    return Times(ms, bad, undecided)


def _shown(ms: int) -> str:
    return str(np.datetime64(ms, "ms")) if abs(ms) < 2e14 else f"{ms} ms"


def _from_epoch(column: pa.ChunkedArray, unit: str, bad: dict[int, str]) -> npt.NDArray[np.int64]:
    numbers, refused = to_numbers(column)
    bad |= {row: f"time '{text}' is not a number as the others are" for row, text in refused.items()}
    scaled = np.floor(numbers / PER_MS[unit] + 1e-6)
    known = np.isfinite(scaled) & (np.abs(scaled) < 2.0**62)
    for row in np.flatnonzero(np.isfinite(numbers) & ~known).tolist():
        bad[row] = f"time {numbers[row]:g} lies outside the years 2000 to 2100"
    return np.where(known, np.where(known, scaled, 0).astype(np.int64), MISSING)


def _from_stamps(column: pa.ChunkedArray, form: TimeForm, bad: dict[int, str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    stamps = column.cast(pa.timestamp("ms", tz=getattr(column.type, "tz", None)), safe=False)
    whole = stamps.cast(pa.int64())
    return pc.fill_null(whole, MISSING).to_numpy(), np.full(len(column), form.zone is not None)


def _from_text(column: pa.ChunkedArray, form: TimeForm, bad: dict[int, str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    text = column.cast(pa.string()) if not pa.types.is_string(column.type) else column
    if form.format is None:
        # Microseconds first: a cast to milliseconds refuses finer times instead of cutting them.
        target = pa.timestamp("us", tz=None if form.zone else "UTC")
        try:
            micros = text.cast(target).cast(pa.int64())
            ms = pc.fill_null(micros, 0).to_numpy() // 1000
            if micros.null_count:
                ms = np.where(micros.is_valid().to_numpy(), ms, MISSING)
            return ms, np.full(len(text), form.zone is not None)
        except pa.ArrowInvalid:
            pass  # Some time is written otherwise: read them one by one to say which.
    return _one_by_one(text.to_pylist(), form, bad)


def _one_by_one(texts: list[str | None], form: TimeForm, bad: dict[int, str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    ms = np.full(len(texts), MISSING, np.int64)
    is_local = np.zeros(len(texts), bool)
    for row, text in enumerate(texts):
        if text is None or not text.strip():
            continue
        moment = _from_format(text, form.format) if form.format else _from_iso(text)
        if moment is None:
            bad[row] = f"time '{text[:40]}' is not understood"
        elif moment.tzinfo is None and form.zone is None:
            bad[row] = f"time '{text[:40]}' has no zone while others have one"
        else:
            is_local[row] = moment.tzinfo is None
            ms[row] = _milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return ms, is_local


def _milliseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _from_iso(text: str) -> datetime | None:
    plain = re.sub(r"\s*(UTC|GMT)$", "Z", text.strip())
    plain = re.sub(r"(\.\d{6})\d+", r"\1", plain)
    try:
        return datetime.fromisoformat(plain) if not plain.isdigit() else None
    except ValueError:
        return None


def _from_format(text: str, format: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), format)
    except ValueError:
        return None


def _to_utc(
    ms: npt.NDArray[np.int64], is_local: npt.NDArray[np.bool_], name: str, series: npt.NDArray[np.int64] | None, bad: dict[int, str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Local clock times to UTC: hours skipped by a clock change are refused, repeated ones told apart by the order of the rows.

    Without `series` the rows of repeated hours are returned as undecided.
    """
    import pandas as pd

    rows = np.flatnonzero(is_local & (ms > -(2**53)) & (ms < 2**53))
    local = pd.DatetimeIndex(ms[rows].view("datetime64[ms]"))
    first = local.tz_localize(name, ambiguous=np.ones(len(rows), bool), nonexistent="NaT")
    second = local.tz_localize(name, ambiguous=np.zeros(len(rows), bool), nonexistent="NaT")
    early, late = (np.where(index.isna(), MISSING, index.tz_convert("UTC").as_unit("ms").asi8) for index in (first, second))
    result = ms.copy()
    result[rows] = early
    for row in rows[early == MISSING].tolist():
        bad[row] = f"time {_shown(int(ms[row]))} does not exist in {name}: the clock was set forward"
    doubtful = early != late
    if series is None:
        return result, rows[doubtful]
    if doubtful.any():
        is_late, unclear = _second_pass(ms[rows[doubtful]], series[rows[doubtful]])
        result[rows[doubtful]] = np.where(is_late, late[doubtful], early[doubtful])
        for row in rows[doubtful][unclear].tolist():
            bad[row] = (
                f"time {_shown(int(ms[row]))} happened twice in {name}: the clock was set back, "
                "and the order of the rows does not tell which"
            )
    return result, rows[:0]


def _second_pass(local: npt.NDArray[np.int64], series: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which rows of repeated hours belong to the second pass; unclear where a series does not step back exactly once in a day."""
    day = local // 86_400_000
    order = np.lexsort((np.arange(len(local)), day, series))
    same = np.concatenate([[False], (series[order][1:] == series[order][:-1]) & (day[order][1:] == day[order][:-1])])
    back = np.concatenate([[False], local[order][1:] <= local[order][:-1]]) & same
    group = np.cumsum(~same) - 1
    steps = np.cumsum(back)
    before = steps[~same][group]
    is_late = np.zeros(len(local), bool)
    unclear = np.zeros(len(local), bool)
    is_late[order] = steps > before
    unclear[order] = np.bincount(group, weights=back)[group] != 1
    return is_late, unclear
