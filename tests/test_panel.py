"""Panels: grids of series, cut and chosen, on disk and in memory."""

from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from analytics import panel
from analytics.panel import Panel, PanelRef, Panels

MONDAY = pd.Timestamp("2026-03-02T00:00Z")


@pytest.fixture
def panel_3x12():
    series = pd.DataFrame({"series_id": list("xyz"), "service": list("aab"), "region": list("rsr"), "signal": "latency_ms"})
    values = np.arange(36, dtype=np.float32).reshape(3, 12)
    values[1, 4] = np.nan
    return Panel(series, panel.to_ms(MONDAY), 300, values, np.where(np.isnan(values), 0, 5).astype(np.int32))


def at(minutes):
    return MONDAY + pd.Timedelta(minutes=minutes)


def test_times_are_the_starts_of_steps(panel_3x12):
    assert panel_3x12.times[[0, 1, -1]].tolist() == [at(minutes).tz_localize(None).to_pydatetime() for minutes in (0, 5, 55)]


@pytest.mark.parametrize(
    ("start", "end", "first", "stop"),
    [
        (None, None, 0, 12),
        (0, 60, 0, 12),
        (10, 20, 2, 4),
        (11, 19, 3, 4),
        (-99, 999, 0, 12),
        (10, 10, 2, 2),
        (58, None, 12, 12),
        (None, 1, 0, 1),
        (20, 10, 4, 4),
        (-20, -10, 0, 0),
    ],
)
def test_between_keeps_steps_that_begin_in_the_window(panel_3x12, start, end, first, stop):
    cut = panel_3x12.between(*(None if one is None else at(one) for one in (start, end)))
    npt.assert_array_equal(cut.values, panel_3x12.values[:, first:stop])
    npt.assert_array_equal(cut.n_checks, panel_3x12.n_checks[:, first:stop])
    npt.assert_array_equal(cut.times, panel_3x12.times[first:stop])


def test_select_keeps_series_with_these_keys(panel_3x12):
    assert panel_3x12.select(service="a", region=None).series["series_id"].tolist() == ["x", "y"]
    npt.assert_array_equal(panel_3x12.select(service="a", region="s").values, panel_3x12.values[[1]])
    assert panel_3x12.select(service="c").values.shape == (0, 12)


def test_long_table_holds_every_step_missing_ones_too(panel_3x12):
    long = panel_3x12.frame()
    assert long.columns.tolist() == ["time", "service", "region", "signal", "value", "n_checks"]
    assert len(long) == 36
    row = long[(long["service"] == "a") & (long["region"] == "s") & (long["time"] == at(20))].iloc[0]
    assert np.isnan(row["value"])
    assert row["n_checks"] == 0
    assert long["time"].dt.tz is not None


@given(st.datetimes(min_value=pd.Timestamp("1960-01-01"), max_value=pd.Timestamp("2100-01-01")))
def test_weeks_begin_on_monday_midnight(time):
    stamp = pd.Timestamp(time).floor("ms")
    start = pd.Timestamp(panel.week_start(panel.to_ms(stamp)), unit="ms")
    assert start == (stamp - pd.Timedelta(days=stamp.day_of_week)).normalize()


def whole(ref, source):
    return replace(source.select(), series=ref.series).between(
        pd.Timestamp(ref.start_ms, unit="ms", tz="UTC"), pd.Timestamp(ref.end_ms, unit="ms", tz="UTC")
    )


@pytest.fixture
def panels_of_two(panel_3x12):
    refs = []
    for step_s in (300, 3600):
        start = panel.to_ms(MONDAY)
        series = panel_3x12.series if step_s == 300 else panel_3x12.series.assign(service="c")
        refs.append(PanelRef("signals", 0, step_s, series, (), "k", start, start + 12 * step_s * 1000, lambda ref: whole(ref, panel_3x12)))
    return Panels(refs)


def test_a_set_of_panels_is_a_sequence(panels_of_two):
    assert len(panels_of_two) == 2
    assert panels_of_two[0].step_s == 300
    assert [ref.step_s for ref in panels_of_two[1:]] == [3600]
    assert panels_of_two.size == 72
    assert panels_of_two.end == MONDAY + pd.Timedelta("12h")
    assert Panels([]).end is None
    assert len(Panels([]).frame()) == 0


def test_selecting_keeps_only_partitions_with_such_series(panels_of_two):
    assert [ref.step_s for ref in panels_of_two.select(service="c")] == [3600]
    assert [len(ref.series) for ref in panels_of_two.select(region="s", service=None)] == [1, 1]
    assert len(panels_of_two.select(service="nobody")) == 0


def test_what_nobody_measures_is_an_error_with_the_nearest_name(panels_of_two):
    assert len(panels_of_two.of(service=None, region=None)) == 2
    assert [ref.step_s for ref in panels_of_two.of(service="c", region=None)] == [3600]
    assert len(Panels([]).of(service="nobody", region=None)) == 0
    with pytest.raises(ValueError, match="no region is called 'ss'; did you mean 's'"):
        panels_of_two.of(service=None, region="ss")
    with pytest.raises(ValueError, match="no service is called 'nobody'; there are "):
        panels_of_two.of(service="nobody", region=None)


@pytest.mark.parametrize(("start", "end"), [(0, 60), (11, 49), (11, None), (None, 31), (59, 61), (20, 20), (-5, 3)])
def test_a_window_of_lazy_panels_is_the_window_of_the_panel(panels_of_two, panel_3x12, start, end):
    window = [None if one is None else at(one) for one in (start, end)]
    expected = panel_3x12.between(*window)
    found = [ref for ref in panels_of_two.between(*window) if ref.step_s == 300]
    assert sum(ref.size for ref in found) == expected.values.size
    for ref in found:
        assert ref.start_ms == expected.start_ms
        npt.assert_array_equal(ref.load().values, expected.values)


def test_a_window_holds_hours_only_if_they_begin_in_it(panels_of_two):
    hourly = [ref for ref in panels_of_two.between(at(1), at(121)) if ref.step_s == 3600]
    assert [(ref.start_ms, ref.end_ms) for ref in hourly] == [(panel.to_ms(at(60)), panel.to_ms(at(180)))]
