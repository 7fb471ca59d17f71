"""What is remembered: however the columns are cut, whatever looks back says the same to the last bit."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings, strategies as st

from analytics.stats import alarms, failures, rest, surprise
from analytics.stats.past import Past, pieces

CADENCES = {10: 9000, 60: 2500, 300: 3000, 900: 1500, 3600: 500, 21_600: 200, 86_400: 150}
"""Columns tried of each length of a step: a day of the finest one, more than a week of those from 5 minutes on."""

cuts = st.lists(st.sampled_from([1, 1, 2, 7, 50, 288, 2016]), min_size=1, max_size=12)


def test_columns_before_come_back_and_none_are_missing():
    past = Past()
    npt.assert_array_equal(past.joined("one", np.array([[1.0, 2.0]]), 3), [[np.nan, np.nan, np.nan, 1, 2]])
    npt.assert_array_equal(past.joined("one", np.array([[3.0, 4.0]]), 3), [[np.nan, 1, 2, 3, 4]])
    npt.assert_array_equal(past.joined("other", np.array([[3.0]]), 1, missing=0.0), [[0, 3]])


def test_a_block_comes_back_when_it_is_over():
    past = Past()
    assert past.finished("one", np.array([[1.0, 2.0]]), 0, 3) is None
    npt.assert_array_equal(past.finished("one", np.array([[3.0]]), 2, 3), [[1, 2, 3]])
    assert past.finished("one", np.array([[4.0]]), 0, 3) is None
    npt.assert_array_equal(past.state().by_series["one"], [[4, np.nan, np.nan]])


def test_parts_have_names_of_their_own():
    past = Past()
    past.part("a").keep("one", np.zeros((2, 1)))
    past.keep("one", np.ones((2, 1)))
    assert sorted(past.state().by_series) == ["a.one", "one"]


def test_a_state_stays_as_it_was():
    past = Past()
    past.joined("one", np.array([[1.0]]), 1)
    state = past.state()
    Past(state).joined("one", np.array([[2.0]]), 1)
    npt.assert_array_equal(state.by_series["one"], [[1]])


def test_a_state_is_picked_by_series_and_a_new_one_knows_nothing():
    past = Past()
    past.joined("one", np.array([[1.0], [2.0]]), 1)
    npt.assert_array_equal(past.state().rows(np.array([1, -1, 0])).by_series["one"], [[2], [np.nan], [1]])


@given(passed=st.integers(0, 50), n_times=st.integers(0, 60), length=st.integers(1, 13))
def test_pieces_lie_in_one_block_each(passed, n_times, length):
    found = list(pieces(passed, n_times, length))
    assert [column for start, stop, _ in found for column in range(start, stop)] == list(range(n_times))
    for start, stop, begun in found:
        assert begun == (passed + start) % length
        assert begun + stop - start <= length


def values_of(step_s, rng):
    """Series with gaps, one that begins later, one of zeros with a few large values; a clock that is put forward and back."""
    n = CADENCES[step_s]
    values = 100 + 5 * rng.standard_t(3, size=(4, n))
    values[:, rng.random(n) < 0.1] = np.nan
    values[1, n // 2 : n // 2 + 40] = np.nan
    values[2, : n // 3] = np.nan
    values[3] = np.where(rng.random(n) < 0.02, 50.0, 0.0)
    hour, column = 3600 // step_s, np.arange(n)
    return values, column + 7 + hour * (column > n // 3) - hour * (column > 2 * n // 3)


def in_pieces(judge, n_times, lengths):
    """All results of a function of begin and end of a piece, side by side; the last piece takes the rest."""
    ends = np.minimum(np.append(np.cumsum(lengths), n_times), n_times)
    parts = [judge(int(begin), int(end)) for begin, end in zip([0, *ends[:-1]], ends, strict=True) if begin < end]
    return [np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)]


def days_of(local, step_s):
    """Two days of rest of seven, a holiday every fifth day, which is open for an hour more."""
    day, later = (steps * step_s // 86_400 for steps in (local, local - 3600 // step_s))
    is_holiday = day % 5 == 3
    return rest.Days((day % 7 >= 5) | is_holiday, is_holiday | ((day - 1) % 5 == 3), is_holiday | (later % 5 == 3), day % 11 > 1)


def judged(values, local, step_s, lengths, days=None):
    past, alike = Past(), np.array([0, 0, 1, 1])

    def judge(begin, end):
        here, is_open = (None, None) if days is None else (days.at(slice(begin, end)), days.is_open[begin:end])
        found = surprise.surprises(values[:, begin:end], local[begin:end], step_s=step_s, days=here, past=past.part("values"))
        rates = alarms.rates(found.strength, found.by_detector[-1], step_s=step_s, alike=alike, is_open=is_open, past=past.part("rates"))
        return *rates, found.strength, found.by_detector, found.expected, found.scale, found.usual

    return in_pieces(judge, values.shape[1], lengths), past.state()


def assert_same_state(one, other):
    for name in ("by_series", "first", "shared"):
        assert getattr(one, name).keys() == getattr(other, name).keys()
        for key, array in getattr(one, name).items():
            npt.assert_array_equal(array, getattr(other, name)[key], err_msg=key)


@pytest.mark.parametrize("step_s", CADENCES)
@settings(max_examples=5)
@given(lengths=cuts)
def test_values_are_judged_alike_however_they_are_cut(step_s, lengths):
    values, local = values_of(step_s, np.random.default_rng(1))
    whole, after = judged(values, local, step_s, [values.shape[1]])
    parts, same = judged(values, local, step_s, lengths)
    for one, other in zip(whole, parts, strict=True):
        npt.assert_array_equal(one, other)
    assert_same_state(after, same)


@pytest.mark.parametrize("step_s", [60, 900, 21_600, 86_400])
@settings(max_examples=3)
@given(lengths=cuts)
def test_values_are_judged_alike_through_holidays_however_they_are_cut(step_s, lengths):
    values, local = values_of(step_s, np.random.default_rng(5))
    days = days_of(local, step_s)
    whole, after = judged(values, local, step_s, [values.shape[1]], days)
    parts, same = judged(values, local, step_s, lengths, days)
    for one, other in zip(whole, parts, strict=True):
        npt.assert_array_equal(one, other)
    assert_same_state(after, same)


def test_holidays_change_nothing_before_them():
    values, local = values_of(900, np.random.default_rng(6))
    days, first = days_of(local, 900), np.flatnonzero(days_of(local, 900).is_odd)[0]
    plain, known = (judged(values, local, 900, [values.shape[1]], given_days)[0] for given_days in (None, days))
    for one, other in zip(plain, known, strict=True):
        npt.assert_array_equal(one[..., :first], other[..., :first])
    assert not np.array_equal(plain[3][:, first:], known[3][:, first:], equal_nan=True)


def test_values_are_judged_alike_one_by_one():
    values, local = (part[..., 400:650] for part in values_of(900, np.random.default_rng(2)))
    for one, other in zip(judged(values, local, 900, [250])[0], judged(values, local, 900, [1] * 250)[0], strict=True):
        npt.assert_array_equal(one, other)


def test_a_series_that_begins_later_is_judged_as_if_it_had_been_known_from_the_beginning():
    values, local = values_of(900, np.random.default_rng(3))
    first = values.shape[1] // 4
    whole, _ = judged(values, local, 900, [values.shape[1]])
    past = Past()
    old, alike = np.array([0, 1, 3]), np.array([0, 0, 1, 1])
    found = surprise.surprises(values[old, :first], local[:first], step_s=900, past=past.part("values"))
    alarms.rates(found.strength, found.by_detector[-1], step_s=900, alike=alike[old], past=past.part("rates"))
    past = Past(past.state().rows(np.array([0, 1, -1, 2])))
    found = surprise.surprises(values[:, first:], local[first:], step_s=900, past=past.part("values"))
    rates = alarms.rates(found.strength, found.by_detector[-1], step_s=900, alike=alike, past=past.part("rates"))
    npt.assert_array_equal(rates.per_week, whole[0][:, first:])
    npt.assert_array_equal(found.by_detector, whole[4][..., first:])


@pytest.mark.parametrize("step_s", CADENCES)
@given(lengths=cuts)
def test_failures_are_judged_alike_however_they_are_cut(step_s, lengths):
    rng, n = np.random.default_rng(4), CADENCES[step_s]
    n_checks = rng.integers(0, 4, size=(3, n)).astype(float)
    failed = rng.binomial(n_checks.astype(int), 0.01).astype(float)
    failed[0, n // 2 : n // 2 + 30] = n_checks[0, n // 2 : n // 2 + 30]

    def told(lengths):
        past = Past()

        def judge(begin, end):
            found = failures.judge_failures(failed[:, begin:end], n_checks[:, begin:end], step_s=step_s, past=past.part("failures"))
            apart = max(1, 1800 // step_s)
            shown = failures.raised(found, budget_per_week=0.25, apart=apart, step_s=step_s, past=past.part("told"))
            return found.per_week, found.usual, found.reach, *shown

        return in_pieces(judge, n, lengths)

    whole = told([n])
    assert whole[3].any()
    for one, other in zip(whole, told(lengths), strict=True):
        npt.assert_array_equal(one, other)


def test_what_is_remembered_of_a_series_is_small():
    values = 100 + np.random.default_rng(5).normal(size=(2, 4032))
    past = Past()
    found = surprise.surprises(values, np.arange(4032), step_s=300, past=past.part("values"))
    alarms.rates(found.strength, found.by_detector[-1], step_s=300, past=past.part("rates"))
    assert past.state().bytes_per_series < 44 * 1024
