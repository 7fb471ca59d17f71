import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st

from analytics.stats import pattern
from analytics.stats.past import Past

STEP_S, DAY = 1200, 72
"""A piece is a step, a quarter of a day 18 of them."""


def distances(values, *, step_s=STEP_S, lengths=None):
    """Distances of gapless values about a level of 0, in pieces of some lengths."""
    past, lead = Past(), pattern.reach(step_s) - 1
    whole = np.concatenate([np.full((len(values), lead), np.nan), values], axis=1).astype(np.float32)
    ends = [*np.minimum(np.cumsum(lengths or []), values.shape[1]).tolist(), values.shape[1]]
    found = []
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        if begin < end:
            off = values[:, begin:end]
            found.append(pattern.distances(whole[:, begin : end + lead], off, np.zeros_like(off), least=0.01, step_s=step_s, past=past))
    return np.concatenate(found, axis=1)


def naive_distances(values, block):
    """Root of the weighted mean square difference to the nearest course that was over before the block, in spreads of what was before."""
    kept, half_life = 0.5 ** (1 / (3 * DAY)), 12
    weights = [round(8 * 0.5 ** (age / half_life)) for age in range(24)]
    result = np.full(len(values), np.nan)
    for now in range(23, len(values)):
        start = now // block * block
        ages = kept ** np.arange(start)[::-1]
        spread = 1.2533 * (ages * np.abs(values[:start])).sum() / ages.sum() if start else np.nan
        rounded = np.clip(np.round(values[: now + 1] / spread * 16), -255, 255) / 16
        ends = range(max(23, start - 576), start)
        squares = [sum(weights[age] * (rounded[now - age] - rounded[end - age]) ** 2 for age in range(24)) for end in ends]
        if len(squares) >= 12:
            result[now] = (min(squares) / sum(weights)) ** 0.5
    return result


def test_distances_are_those_to_the_nearest_course_that_was_over_before_the_quarter_of_the_day(rng):
    values = np.cumsum(rng.normal(size=200)) % 7 - 3
    npt.assert_allclose(distances(values[None])[0], naive_distances(values, 18), rtol=1e-5, atol=1e-6)


def test_what_is_remembered_is_forgotten_after_eight_days(rng):
    values = rng.normal(size=(1, 12 * DAY))
    values[0, DAY : DAY + 24] = values[0, 8 * DAY : 8 * DAY + 24] = values[0, 11 * DAY : 11 * DAY + 24] = 5 * rng.normal(size=24)
    found = distances(values)[0]
    assert found[8 * DAY + 23] < 0.1
    assert found[11 * DAY + 23] < 0.1
    values[0, 8 * DAY : 8 * DAY + 24] = rng.normal(size=24)
    assert distances(values)[0, 11 * DAY + 23] > 1


def test_the_second_time_is_no_longer_new(rng):
    values = np.sin(2 * np.pi * np.arange(6 * DAY) / DAY)[None] + 0.05 * rng.normal(size=(1, 6 * DAY))
    # Values that are all usual, in an order that is not.
    values[0, 4 * DAY : 4 * DAY + 24] = values[0, 5 * DAY : 5 * DAY + 24] = np.tile([0.9, 0.9, -0.9, -0.9], 6)
    found = distances(values)[0]
    assert found[4 * DAY + 23] > 5 * np.nanmedian(found)
    assert found[5 * DAY + 23] < 2 * np.nanmedian(found)


def test_nothing_is_known_before_there_are_courses_to_compare_with(rng):
    values = rng.normal(size=(1, 3 * DAY))
    values[0, :30] = np.nan
    found = distances(values)[0]
    # 12 courses of 24 values, all of them over before a quarter of a day begins.
    npt.assert_array_equal(np.isfinite(found), np.arange(3 * DAY) >= 72)


def test_a_series_that_never_moves_is_like_itself():
    found = distances(np.zeros((1, 4 * DAY)))
    npt.assert_array_equal(found[np.isfinite(found)], 0)
    assert np.isfinite(found[0, -1])


def test_series_do_not_touch_each_other(rng):
    values = rng.normal(size=(3, 4 * DAY))
    npt.assert_array_equal(distances(values)[1:2], distances(values[1:2]))


@given(scale=st.sampled_from([0.25, 2.0, 1024.0]))
def test_distances_do_not_depend_on_the_unit(scale):
    values = np.random.default_rng(1).normal(size=(1, 3 * DAY))
    npt.assert_array_equal(distances(values * scale), distances(values))


@pytest.mark.parametrize("step_s", [300, 420, 3600, 86_400])
@given(lengths=st.lists(st.integers(0, 90), max_size=8))
def test_distances_are_the_same_however_the_columns_are_cut(step_s, lengths):
    values = np.random.default_rng(2).normal(size=(2, 400)).cumsum(axis=1) % 11
    npt.assert_array_equal(distances(values, step_s=step_s, lengths=lengths), distances(values, step_s=step_s))


def test_distances_are_looked_at_when_a_piece_is_over(rng):
    values = rng.normal(size=(1, 3 * 288)).cumsum(axis=1) % 11
    found = distances(values, step_s=300)[0]
    known = np.isfinite(found)
    assert known[-1]
    changes = np.flatnonzero(known[1:] & (found[1:] != found[:-1])) + 1
    npt.assert_array_equal(changes % 4, 3)
    # The same as of the means of the pieces.
    means = values.reshape(1, -1, 4).mean(axis=2)
    near = distances(means)[0]
    assert np.corrcoef(found[3::4][np.isfinite(near)], near[np.isfinite(near)])[0, 1] > 0.9
