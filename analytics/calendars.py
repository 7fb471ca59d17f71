"""Local time, calendar periods and holidays: what a UTC instant means to the people of a region."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from holidays import HolidayBase

__all__ = [
    "NOWHERE",
    "Clock",
    "Period",
    "clock",
    "holiday_dates",
    "is_holiday",
    "is_weekend",
    "local_hours_of_week",
    "local_offset_ms",
    "midnights",
    "months",
    "places",
    "zone_of",
]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOWHERE = ("UTC", "")
"""Zone and calendar of a region of which neither is known."""


@dataclass(frozen=True)
class Period:
    """One calendar month in a zone, as the UTC interval [start, end): 23- and 25-hour days are what they are."""

    label: str
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True)
class Clock:
    """What a regular grid of times reads on the clocks of a region.

    Attributes
    ----------
    start_ms : start of the first step, ms since 1970 UTC
    step_s : length of a step, s
    local_ms : int array, shape (n_times,); clock on the wall at the start of each step, ms since 1970 there
    is_holiday : bool array, shape (n_times,)
    """

    start_ms: int
    step_s: int
    local_ms: npt.NDArray[np.int64]
    is_holiday: npt.NDArray[np.bool_]

    @property
    def hour_of_week(self) -> npt.NDArray[np.float64]:
        """Hours since Monday 00:00 of the local week at the middle of each step, 0 to 168, shape (n_times,)."""
        middle = self.local_ms + self.step_s * 500
        # 1970-01-01 was a Thursday, three days after a Monday.
        return (middle / HOUR_MS + 72) % 168

    @property
    def steps_per_cell(self) -> int:
        """Steps that make one cell: an hour, or a step that is longer."""
        return max(1, 3600 // self.step_s)

    @property
    def lead(self) -> int:
        """Steps of the first cell that lie before the first step, so that cells are full hours of the clock."""
        return int(self.local_ms[0] % HOUR_MS) // (self.step_s * 1000) if self.steps_per_cell > 1 and len(self.local_ms) else 0

    @property
    def n_cells(self) -> int:
        """Cells that the steps lie in."""
        return -(-(self.lead + len(self.local_ms)) // self.steps_per_cell)

    def between(self, first: int, stop: int) -> Clock:
        """The steps from number `first` to before `stop`."""
        here = slice(first, stop)
        return Clock(self.start_ms + first * self.step_s * 1000, self.step_s, self.local_ms[here], self.is_holiday[here])


def places(regions: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Zone and calendar of holidays of each region of table `regions`; UTC and none where they are unknown."""
    known = regions[["region", "zone", "holidays"]].astype("object").fillna("")
    return {row.region: (row.zone or NOWHERE[0], row.holidays) for row in known.itertuples()}


def zone_of(name: str) -> ZoneInfo:
    """Time zone of that IANA name.

    Raises
    ------
    ValueError
        For an unknown name, with a remedy.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"time zone '{name}' is unknown; use an IANA name such as Europe/Zurich or UTC") from error


def months(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> list[Period]:
    """Calendar months of a zone that overlap [start, end), oldest first; whole months, also at both ends."""
    if end <= start:
        return []
    place = zone_of(zone)
    first = start.tz_convert(place)
    year, month = first.year, first.month
    found = []
    while (begin := _midnight(year, month, place)) < end:
        after = (year + month // 12, month % 12 + 1)
        found.append(Period(f"{year:04d}-{month:02d}", begin, _midnight(*after, place)))
        year, month = after
    return found


def midnights(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> pd.DatetimeIndex:
    """Beginnings (UTC) of the local days from that of `start` to that of `end`, both included.

    Where the clock skips midnight a day begins when it goes on, where midnight comes twice with the first one.
    """
    first, last = (time.tz_convert(zone_of(zone)).tz_localize(None).normalize() for time in (start, end))
    local = pd.date_range(first, last, freq="D")
    there = local.tz_localize(zone_of(zone), nonexistent="shift_forward", ambiguous=np.ones(len(local), bool))
    return there.tz_convert("UTC").as_unit("ms")


def local_offset_ms(times_ms: npt.NDArray[np.int64], zone: str) -> npt.NDArray[np.int64]:
    """What must be added to UTC times (ms since 1970) to read a clock on the wall of `zone`, shape as given."""
    times = pd.DatetimeIndex(times_ms.astype("datetime64[ms]")).tz_localize("UTC").tz_convert(zone_of(zone))
    local = np.asarray(times.tz_localize(None).as_unit("ms").asi8)
    return local - times_ms


def local_hours_of_week(times_ms: npt.NDArray[np.int64], zone: str) -> npt.NDArray[np.int64]:
    """Hour of the local week of UTC times (ms since 1970): 0 is Monday 00:00 to 01:00, 167 the last of Sunday."""
    local = times_ms + local_offset_ms(times_ms, zone)
    # 1970-01-01 was a Thursday, three days after a Monday.
    return (local // HOUR_MS + 72) % 168


def clock(start_ms: int, n_times: int, *, step_s: int, zone: str, holidays: str = "") -> Clock:
    """Clock of a region for `n_times` steps from `start_ms` (ms since 1970 UTC) on; `holidays` is a calendar code or empty."""
    times_ms = start_ms + np.arange(n_times, dtype=np.int64) * step_s * 1000
    local_ms = times_ms + local_offset_ms(times_ms, zone)
    return Clock(start_ms, step_s, local_ms, is_holiday(local_ms, holidays))


def is_holiday(local_ms: npt.NDArray[np.int64], calendar: str) -> npt.NDArray[np.bool_]:
    """Whether local times (ms since 1970 there) lie on a holiday of a calendar code or empty, shape (n_times,)."""
    if not calendar or not len(local_ms):
        return np.zeros(len(local_ms), bool)
    days = local_ms // DAY_MS
    first, last = (np.datetime64(int(day), "D").item() for day in (days.min(), days.max()))
    return np.isin(days, [(day - date(1970, 1, 1)).days for day in holiday_dates(calendar, first, last)])


def is_weekend(local_ms: npt.NDArray[np.int64], calendar: str) -> npt.NDArray[np.bool_]:
    """Whether local times (ms since 1970 there) lie on a weekend of the country of a calendar code, shape (n_times,)."""
    # 1970-01-01 was a Thursday, three days after a Monday.
    return np.isin((local_ms // DAY_MS + 3) % 7, sorted(_weekend(calendar)))


def holiday_dates(calendar: str, first: date, last: date) -> dict[date, str]:
    """Public holidays from `first` to `last`, both included, of a calendar code: country (DE) or country-subdivision (CH-ZH).

    Names are English on every machine.

    Raises
    ------
    ValueError
        For an unknown code, with a remedy.
    """
    if not calendar:
        return {}
    return {day: name for day, name in _holidays(calendar, first.year, last.year) if first <= day <= last}


@functools.lru_cache(maxsize=256)
def _holidays(calendar: str, first: int, last: int) -> tuple[tuple[date, str], ...]:
    """All holidays of some years, in order: to ask for them takes longer than most of what is done with them."""
    return tuple(sorted(_calendar(calendar, range(first, last + 1)).items()))


@functools.lru_cache(maxsize=256)
def _weekend(calendar: str) -> frozenset[int]:
    """Days of the week of which the weekend is made; 0 is Monday."""
    return frozenset(_calendar(calendar, ()).weekend)


def _calendar(calendar: str, years: Iterable[int]) -> HolidayBase:
    """The calendar of a code, with the holidays of some years.

    Raises
    ------
    ValueError
        For an unknown code, with a remedy.
    """
    import holidays

    country, _, subdivision = calendar.partition("-")
    try:
        # Without a language the titles, and so the bytes of all that holds them, would be those of the machine's locale.
        return holidays.country_holidays(country, subdiv=subdivision or None, years=years, language="en_US")
    except NotImplementedError as error:
        raise ValueError(f"holiday calendar '{calendar}' is unknown; use a country code (DE) or one with a subdivision (CH-ZH)") from error


def _midnight(year: int, month: int, place: ZoneInfo) -> pd.Timestamp:
    return pd.Timestamp(year=year, month=month, day=1, tz=place).tz_convert("UTC").as_unit("ms")
