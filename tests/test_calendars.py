"""Local time across clock changes, ends of years and odd zones."""

from datetime import date

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from hypothesis import example, given, strategies as st

from analytics import calendars
from tests import naive


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def test_months_of_zurich_in_spring_2026_lose_an_hour_in_march():
    found = calendars.months(utc("2026-02-28T23:30"), utc("2026-04-01"), "Europe/Zurich")
    assert [(month.label, month.start, month.end) for month in found] == [
        ("2026-03", utc("2026-02-28T23:00"), utc("2026-03-31T22:00")),
        ("2026-04", utc("2026-03-31T22:00"), utc("2026-04-30T22:00")),
    ]
    assert found[0].end - found[0].start == pd.Timedelta("31D") - pd.Timedelta("1h")


def test_an_instant_on_a_border_belongs_to_the_month_that_begins():
    assert [month.label for month in calendars.months(utc("2026-01-01"), utc("2026-02-01"), "UTC")] == ["2026-01"]
    assert [month.label for month in calendars.months(utc("2026-01-01"), utc("2026-01-01"), "UTC")] == []


@given(
    start=st.datetimes(min_value=pd.Timestamp("1999-11-01"), max_value=pd.Timestamp("2030-01-01")),
    days=st.floats(0.01, 400),
    zone=st.sampled_from(["Europe/Zurich", "America/Havana", "America/Asuncion", "Asia/Kathmandu", "Pacific/Apia", "UTC"]),
)
def test_months_equal_a_loop(start, days, zone):
    start = utc(start)
    end = start + pd.Timedelta(days=days)
    found = calendars.months(start, end, zone)
    expected = naive.month_starts(start, end, zone)
    assert [month.start for month in found] == expected[:-1]
    assert [month.end for month in found] == expected[1:]


@given(
    start=st.datetimes(min_value=pd.Timestamp("2009-01-01"), max_value=pd.Timestamp("2026-01-01")),
    days=st.floats(0.01, 20),
    zone=st.sampled_from(["Africa/Cairo", "America/Havana", "America/Asuncion", "Asia/Beirut", "Asia/Kathmandu"]),
)
@example(start=pd.Timestamp("2025-04-20"), days=10.0, zone="Africa/Cairo")
@example(start=pd.Timestamp("2020-10-28"), days=10.0, zone="America/Havana")
def test_midnights_equal_a_loop(start, days, zone):
    start = utc(start).as_unit("ms")
    end = start + pd.Timedelta(days=days)
    assert list(calendars.midnights(start, end, zone)) == naive.midnights(start, end, zone)


def test_hours_of_the_local_week_jump_with_the_clock():
    instants = [utc("2026-03-29T00:30"), utc("2026-03-29T01:30"), utc("2026-03-29T22:30"), utc("2026-10-25T00:30"), utc("2026-10-25T01:30")]
    times = np.array([int(one.timestamp() * 1000) for one in instants])
    sunday = 6 * 24
    assert calendars.local_hours_of_week(times, "Europe/Zurich").tolist() == [sunday + 1, sunday + 3, 0, sunday + 2, sunday + 2]


@given(
    days=st.lists(st.integers(0, 20_000 * 1440), min_size=1, max_size=20),
    zone=st.sampled_from(["Europe/Zurich", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"]),
)
def test_hours_of_the_local_week_equal_what_a_clock_says(days, zone):
    times = np.array(days, np.int64) * 60_000
    clocks = [pd.Timestamp(int(time), unit="ms", tz="UTC").tz_convert(zone) for time in times]
    assert calendars.local_hours_of_week(times, zone).tolist() == [clock.day_of_week * 24 + clock.hour for clock in clocks]


def test_holidays_of_a_country_and_of_a_part_of_it():
    assert calendars.holiday_dates("DE", date(2026, 1, 1), date(2026, 1, 6)).keys() == {date(2026, 1, 1)}
    assert calendars.holiday_dates("DE-BY", date(2026, 1, 1), date(2026, 1, 6)).keys() == {date(2026, 1, 1), date(2026, 1, 6)}
    assert len(calendars.holiday_dates("DE", date(2025, 12, 25), date(2026, 1, 1))) == 3
    assert calendars.holiday_dates("", date(2026, 1, 1), date(2026, 12, 31)) == {}


@pytest.mark.parametrize("locale", ["C", "de_DE.UTF-8", "fr_FR.UTF-8"])
def test_names_of_holidays_do_not_depend_on_the_locale_of_the_machine(monkeypatch, locale):
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.delenv("LANGUAGE", raising=False)
    assert calendars.holiday_dates("DE", date(2026, 4, 3), date(2026, 4, 3)) == {date(2026, 4, 3): "Good Friday"}


@pytest.mark.parametrize("code", ["XX", "CH-XX", "de"])
def test_an_unknown_calendar_names_the_remedy(code):
    with pytest.raises(ValueError, match=f"holiday calendar '{code}' is unknown; use a country code"):
        calendars.holiday_dates(code, date(2026, 1, 1), date(2026, 1, 2))


@pytest.mark.parametrize("name", ["", "Europe", "Europe/Zurihc", "../etc/passwd", "CET+1"])
def test_an_unknown_zone_names_the_remedy(name):
    with pytest.raises(ValueError, match="is unknown; use an IANA name such as Europe/Zurich or UTC"):
        calendars.zone_of(name)


@pytest.mark.parametrize(("calendar", "days"), [("DE", [5, 6]), ("CH-ZH", [5, 6]), ("IL", [4, 5]), ("IR", [4])])
def test_weekends_are_those_of_the_country(calendar, days):
    # Monday, 2 March 2026, to Sunday.
    local_ms = (np.datetime64("2026-03-02") + np.arange(7)).astype("datetime64[ms]").astype(np.int64)
    assert list(np.flatnonzero(calendars.is_weekend(local_ms, calendar))) == days


def test_times_of_a_holiday_are_told_to_the_millisecond():
    midnight = np.datetime64("2026-05-01", "ms").astype(np.int64)
    local_ms = midnight + np.array([-1, 0, calendars.DAY_MS - 1, calendars.DAY_MS])
    npt.assert_array_equal(calendars.is_holiday(local_ms, "DE"), [False, True, True, False])
    assert not calendars.is_holiday(local_ms, "").any()
