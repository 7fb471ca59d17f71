"""Local time, calendar periods and holidays: what a UTC instant means to the people of a region."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Period", "holiday_dates", "local_hours_of_week", "local_offset_ms", "midnights", "months", "zone_of"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Period:
    """One calendar month in a zone, as the UTC interval [start, end): 23- and 25-hour days are what they are."""

    label: str
    start: pd.Timestamp
    end: pd.Timestamp


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
    import holidays

    country, _, subdivision = calendar.partition("-")
    try:
        # Without a language the titles, and so the bytes of all that holds them, would be those of the machine's locale.
        known = holidays.country_holidays(country, subdiv=subdivision or None, years=range(first.year, last.year + 1), language="en_US")
    except NotImplementedError as error:
        raise ValueError(f"holiday calendar '{calendar}' is unknown; use a country code (DE) or one with a subdivision (CH-ZH)") from error
    return {day: name for day, name in sorted(known.items()) if first <= day <= last}


def _midnight(year: int, month: int, place: ZoneInfo) -> pd.Timestamp:
    return pd.Timestamp(year=year, month=month, day=1, tz=place).tz_convert("UTC").as_unit("ms")
