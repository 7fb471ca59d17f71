import numpy as np
import numpy.testing as npt
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from analytics.plots import marks

NAN = np.nan


def test_a_short_line_is_left_alone():
    x, _ = marks.decimate(np.arange(400), np.ones(400), columns=200)
    assert len(x) == 400


def test_each_column_keeps_its_lowest_and_highest_point_in_order():
    y = np.array([1.0, 5, 2, 3, 9, 0, 4, 4])
    x, thin = marks.decimate(np.arange(8), y, columns=2)
    npt.assert_array_equal(x, [0, 1, 4, 5])
    npt.assert_array_equal(thin, [1, 5, 9, 0])


def test_a_gap_stays_a_gap():
    y = np.r_[np.ones(40), np.full(40, NAN), np.ones(40)]
    _, thin = marks.decimate(np.arange(120), y, columns=12)
    first, last = np.flatnonzero(np.isnan(thin))[[0, -1]]
    assert np.isfinite(thin[:first]).all()
    assert np.isfinite(thin[last + 1 :]).all()


def test_a_line_without_any_value_has_none_after_it():
    _, thin = marks.decimate(np.arange(1000), np.full(1000, NAN), columns=10)
    assert np.isnan(thin).all()


@given(hnp.arrays(np.float64, st.integers(1, 2000), elements=st.floats(-1e6, 1e6) | st.just(NAN)))
def test_thinning_keeps_extremes_and_at_most_400_points(y):
    x = np.arange(len(y))
    thin_x, thin_y = marks.decimate(x, y)
    assert len(thin_x) <= 400
    assert (np.diff(thin_x) > 0).all()
    npt.assert_array_equal(y[thin_x], thin_y)
    if np.isfinite(y).any():
        assert np.nanmin(thin_y) == np.nanmin(y)
        assert np.nanmax(thin_y) == np.nanmax(y)


def test_equal_neighbours_are_one_rectangle():
    runs = marks._runs(np.array([[True, True, False, True], [False, False, False, False]]), np.array([0.0, 1, 2, 3, 4]))
    npt.assert_array_equal(runs, [[0, 0, 2], [0, 3, 4]])


def test_bars_that_touch_are_joined_and_short_ones_are_visible():
    bars = np.array([[0, 10.0, 10.1], [0, 10.5, 10.6], [1, 10.0, 10.1], [0, 20.0, 25.0]])
    npt.assert_allclose(marks._joined(bars, 1.0), [[0, 10, 11.5], [0, 20, 25], [1, 10, 11]])


def test_a_long_bar_swallows_what_lies_inside_it():
    bars = np.array([[0, 0.0, 100.0], [0, 5.0, 6.0], [0, 90.0, 120.0]])
    npt.assert_allclose(marks._joined(bars, 0.5), [[0, 0, 120]])


def test_too_many_bars_become_fewer_without_leaving_their_row():
    rng = np.random.default_rng(0)
    bars = np.column_stack([rng.integers(0, 40, 20_000), rng.random(20_000) * 1000, np.zeros(20_000)])
    bars[:, 2] = bars[:, 1] + 0.01
    joined = marks._joined(bars, 0.05)
    assert len(joined) <= marks.MAX_RECTANGLES
    assert set(joined[:, 0]) == set(range(40))
    assert (joined[:, 2] > joined[:, 1]).all()


def test_values_that_no_line_joins_are_dots():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    nan = np.nan
    marks.lone_points(ax, np.arange(7), np.array([1, nan, 2, 3, nan, nan, 4]))
    [line] = ax.lines
    assert line.get_xdata().tolist() == [0, 6]
    marks.lone_points(ax, np.arange(3), np.array([1.0, 2, 3]))
    assert len(ax.lines) == 1
