"""Holidays of a region, in weeks of which everything is known: shops that keep them like Sundays, and shops that do not care."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analytics import calendars, params
from analytics.anomalies import judge
from analytics.panel import Panel, to_ms
from analytics.stats import surprise
from analytics.stats.past import Past

# From midnight of a Monday in Berlin on. Good Friday and Easter Monday are in weeks four and five, 1 May in six, Ascension Day in ten, Whit
# Monday in twelve; the clock is put forward at the end of the first.
START, WEEKS, N_SHOPS = pd.Timestamp("2025-03-23T23:00Z"), 12, 24
STEP_S, ZONE, CALENDAR = 3600, "Europe/Berlin", "DE"
CLOCK = calendars.clock(to_ms(START), WEEKS * 168, step_s=STEP_S, zone=ZONE, holidays=CALENDAR)
DAY, HOUR = CLOCK.local_ms // calendars.DAY_MS, CLOCK.local_ms % calendars.DAY_MS // 3_600_000
HOLIDAYS = np.unique(DAY[CLOCK.is_holiday])
AFTER = np.setdiff1d(HOLIDAYS + 1, HOLIDAYS)
SUNDAY, SATURDAY = 0.5, 0.8


def share_of(day, keeps):
    """Customers of a day as a share of those of a working day."""
    if keeps and day in HOLIDAYS:
        return SUNDAY
    return {5: SATURDAY, 6: SUNDAY}.get((day + 3) % 7, 1.0)


@functools.cache
def requests(keeps):
    """Requests an hour, shape (N_SHOPS, n_times): a broad working day, in the night what is left."""
    rng = np.random.default_rng(1)
    shares = np.array([share_of(day, keeps) for day in DAY])
    usual = np.geomspace(500, 50_000, N_SHOPS)[:, None] * shares * (0.13 + 0.87 * np.exp(-0.5 * ((HOUR - 13) / 4.2) ** 2))
    return rng.poisson(usual * np.exp(0.05 * rng.standard_normal((N_SHOPS, len(DAY))))).astype(np.float32)


def told(values, calendar):
    """Steps that are told, once three weeks are known."""
    names = [f"shop{row}" for row in range(len(values))]
    series = pd.DataFrame({"series_id": names, "service": names, "region": "eu", "signal": "requests"})
    regions = pd.DataFrame({"region": ["eu"], "zone": [ZONE], "holidays": [calendar]})
    panel = Panel(series, to_ms(START), STEP_S, values, np.ones(values.shape, np.int32))
    ((group, _),) = judge.groups(series, regions)
    return judge.judged(panel, group, params.Anomalies(false_alarms_per_week=1.0), Past()).is_told & (DAY[0] + 21 <= DAY)


def share_told(hits, days):
    """Share of some days of each shop in which something is told."""
    return np.mean([hits[:, day == DAY].any(axis=1) for day in days])


def with_outages(values, days):
    """At noon of some days most requests are lost for two hours; whether that is told, (n_shops, n_days)."""
    at = [int(np.flatnonzero((day == DAY) & (HOUR == 12))[0]) for day in days]
    lost = values.copy()
    for first in at:
        lost[:, first : first + 2] = np.rint(lost[:, first : first + 2] * 0.2)
    return lost, at


def caught(values, days, calendar):
    lost, at = with_outages(values, days)
    hits = told(lost, calendar)
    return np.mean([hits[:, first : first + 2].any(axis=1) for first in at])


def kinds_at_noon_and_at_two(start, n_days):
    """Rest, odd and open days from a day on, in Germany, and whether they are open at two in the morning."""
    clock = calendars.clock(to_ms(pd.Timestamp(start, tz="UTC")), 24 * n_days, step_s=3600, zone="UTC", holidays="DE")
    days = judge._days(clock, "DE")
    return [
        tuple("".join("-x"[int(one)] for one in part[hour::24]) for part in (days.is_rest, days.is_odd, days.is_open)) for hour in (12, 2)
    ]


def test_days_after_holidays_are_odd_and_bridges_and_the_night_after_are_open():
    # Wednesday to Monday about Thursday, 1 May; Saturday to Thursday about Tuesday, 3 October.
    assert kinds_at_noon_and_at_two("2025-04-30", 6) == [("-x-xx-", "-xx---", "-xx---"), ("-x-xx-", "-xx---", "-xx---")]
    assert kinds_at_noon_and_at_two("2023-09-30", 6) == [("xx-x--", "--xxx-", "--xx--"), ("xx-x--", "--xxx-", "--xxx-")]


def test_what_is_far_from_all_holidays_need_not_be_known():
    values, local_step = np.log(requests(True)[:4].astype(float) + 1), CLOCK.local_ms // 3_600_000
    days = judge._days(CLOCK, CALENDAR)
    assert 0.3 < days.is_near.mean() < 0.8
    near, all_of_them = (
        surprise.surprises(values, local_step, step_s=STEP_S, days=given)
        for given in (days, replace(days, is_near=np.ones_like(days.is_near)))
    )
    np.testing.assert_array_equal(near.by_detector, all_of_them.by_detector)


@pytest.mark.parametrize("keeps", [True, False])
def test_holidays_and_the_days_after_bring_no_more_alarms_than_they_may(keeps):
    hits = told(requests(keeps), CALENDAR)
    # One a week is the budget of each shop.
    assert share_told(hits, HOLIDAYS) <= 1 / 7
    assert share_told(hits, AFTER) <= 1 / 7


def test_without_a_calendar_shops_that_keep_holidays_are_told_of():
    unaware, aware = (share_told(told(requests(True), calendar), HOLIDAYS) for calendar in (None, CALENDAR))
    assert unaware > 0.3 > 5 * aware


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("days", [HOLIDAYS, AFTER], ids=["holidays", "days after"])
def test_an_outage_is_caught_as_often_as_without_a_calendar(keeps, days):
    unaware, aware = (caught(requests(keeps), days, calendar) for calendar in (None, CALENDAR))
    assert aware >= max(unaware, 0.9)


def test_a_place_without_a_calendar_is_judged_as_ever():
    plain, empty = (told(requests(True), calendar) for calendar in (None, ""))
    np.testing.assert_array_equal(plain, empty)
