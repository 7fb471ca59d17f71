"""What is usual on a holiday and the day after it."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import rest, surprise
from analytics.stats.past import Past

# One value a day from Monday on; the second Wednesday (column 9) is a holiday.
#                    Mo Tu We Th Fr Sa Su Mo Tu We Th Fr
IS_REST = np.array([0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0], bool)
IS_ODD = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0], bool)
IS_OPEN = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], bool)
COLUMN = np.arange(12)
ALWAYS = np.ones(12, bool)
WIDTH = 7
KEEPS = [10, 10, 10, 10, 10, 5, 5, 10, 10, 5, 10, 10]
"""A service that keeps holidays as it keeps Sundays."""


def ago():
    """Columns of the seven days before, among seven that came before the first and these."""
    found = WIDTH + COLUMN[:, None] - np.arange(1, 8)
    return np.where(found >= WIDTH, found, -1)


def found_of(is_open=IS_OPEN):
    return rest.references(ago(), rest.Days(IS_REST, IS_ODD, is_open, ALWAYS), width=WIDTH, past=Past())


def days_of(columns):
    return sorted(int(one) - WIDTH for one in columns if one >= 0)


def arguments(values):
    """Values and what was recent of them."""
    values = np.array(values, float)[None]
    return values, np.concatenate([np.full((1, WIDTH), np.nan), values], axis=1).astype(np.float32)


def bounds_of(given_values):
    values, recent = arguments(given_values)
    low, high = rest.bounds(recent, values, found_of(), window=3, past=Past())
    return low[0], high[0]


def nearest_of(given_values, is_open=IS_OPEN):
    values, recent = arguments(given_values)
    return rest.nearest(values, recent, found_of(is_open), window=3, past=Past())


def test_days_are_told_apart_by_their_kind():
    found = found_of()
    assert days_of(found.work[9]) == [2, 3, 4, 7, 8]
    assert days_of(found.rest[9]) == [5, 6]
    # The holiday is one of the days of rest of the days after it.
    assert days_of(found.rest[11]) == [5, 6, 9]
    assert days_of(found.work[8]) == [1, 2, 3, 4, 7]


def test_a_holiday_and_the_day_after_say_nothing_of_ordinary_days():
    assert days_of(found_of().ordinary[11]) == [4, 5, 6, 7, 8]


def test_odd_days_are_looked_at_where_there_are_no_others():
    npt.assert_array_equal(rest.references(ago(), rest.Days(ALWAYS, ALWAYS, ALWAYS, ALWAYS), width=WIDTH, past=Past()).ordinary, ago())


def test_what_lies_between_working_days_and_days_of_rest_is_usual_on_a_holiday():
    low, high = bounds_of(KEEPS)
    npt.assert_array_equal([low[8], high[8]], [10, 10])
    npt.assert_array_equal([low[9], high[9]], [5, 10])
    npt.assert_array_equal([low[10], high[10]], [10, 10])


def test_a_service_without_a_weekly_course_has_nothing_between_them():
    low, high = bounds_of([10] * 12)
    npt.assert_array_equal([low[6:], high[6:]], 10)


def test_what_lies_beyond_for_long_moves_the_bounds():
    # A third higher since Monday: by Wednesday two of the last three days lay 4 above what such days were.
    low, high = bounds_of([12, 12, 12, 12, 12, 6, 6, 16, 16, 10, 16, 16])
    npt.assert_array_equal([low[9], high[9]], [6 + 4, 12 + 4])


@pytest.mark.parametrize(("value", "usual"), [(7.0, 7.0), (2.0, 5.0), (14.0, 10.0), (np.nan, 7.5)])
def test_nearest_is_the_value_itself_within_and_a_bound_beyond(value, usual):
    found = nearest_of([*KEEPS[:9], value, *KEEPS[10:]])
    assert found.usual[0, 9] == usual
    assert found.before[0, 9] == 10
    npt.assert_array_equal(np.flatnonzero(found.is_odd[0]), [9, 10])
    npt.assert_array_equal(np.flatnonzero(found.is_open[0]), [9])


def test_what_is_likely_is_what_was_nearest_before_but_where_a_day_of_another_kind_begins():
    values, recent = arguments([*KEEPS[:9], 7, 9, 8])
    always = rest.Days(IS_REST | (COLUMN >= 9), IS_ODD | (COLUMN >= 9), COLUMN >= 9, ALWAYS)
    found = rest.nearest(values, recent, rest.references(ago(), always, width=WIDTH, past=Past()), window=3, past=Past())
    npt.assert_array_equal(found.likely[0, 8:12], [10, 7, 7, 9])


@given(value=st.floats(-1e6, 1e6))
def test_nearest_is_never_further_than_working_days_or_days_of_rest(value):
    found = nearest_of([*KEEPS[:9], value, *KEEPS[10:]])
    assert abs(value - found.usual[0, 9]) <= min(abs(value - one) for one in (5, 10))


@pytest.mark.parametrize("step_s", [60, 900, 86_400])
def test_a_calendar_without_holidays_changes_nothing(step_s, rng):
    values, local = 100 + 5 * rng.standard_t(3, size=(2, 900)), np.arange(900)
    none = np.zeros(900, bool)
    days = rest.Days(local * step_s // 86_400 % 7 >= 5, none, none, ~none)
    plain, known = (surprise.surprises(values, local, step_s=step_s, days=given_days) for given_days in (None, days))
    npt.assert_array_equal(known.by_detector, plain.by_detector)
    npt.assert_array_equal(known.usual, plain.usual)


def test_a_sunday_may_differ_from_a_saturday():
    # The Sunday before lies within what days of rest were: nothing is moved by it.
    low, high = bounds_of([10, 10, 10, 10, 10, 8, 8, 10, 10, 5, 10, 10])
    npt.assert_array_equal([low[9], high[9]], [8, 10])
