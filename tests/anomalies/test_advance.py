"""Detectors go on from where they stopped: however time is cut, stored or not, they find what one run over all of it finds."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from analytics import registry
from analytics.anomalies import episodes, weeks
from analytics.anomalies.advance import advance, detect, found
from analytics.anomalies.models import from_model, name_of, to_model
from analytics.panel import Panel, to_ms
from tests.anomalies.made import SETTINGS
from tests.baseline import panels

START = pd.Timestamp("2026-03-02T00:00Z")
STEP_S, PER_DAY, DAYS = 900, 96, 24
WEEK = 7 * PER_DAY
REGIONS = pd.DataFrame({"region": ["eu", "us"], "zone": ["Europe/Berlin", None], "holidays": ["IE", None]})
"""St Patrick's Day, 17 March, is in week three."""
PLACES = [("web", "eu"), ("web", "us"), ("web", "eu"), ("db", "us"), ("db", "us")]
SIGNALS = ["latency_ms", "latency_ms", "availability", "availability", "load"]
KEYS = [(*place, signal) for place, signal in zip(PLACES, SIGNALS, strict=True)]


@functools.cache
def drawn():
    """Values of a world in which something is always going on where a week begins, shape (5, n_times); the clock changes in week four."""
    rng, n = np.random.default_rng(1), DAYS * PER_DAY
    course = 0.3 * np.sin(2 * np.pi * np.arange(n) / PER_DAY)
    slow = 100 * np.exp(course + 0.05 * rng.standard_normal((2, n)))
    slow[0, 2 * WEEK - 10 : 2 * WEEK + 6] *= 4
    slow[1, WEEK + 20 : 3 * WEEK // 2] *= 3
    slow[1, :PER_DAY] = np.nan
    slow[:, rng.random(n) < 0.02] = np.nan
    up = np.where(rng.random((2, n)) < 0.002, 0.8, 1.0)
    up[0, 2 * WEEK - 3 : 2 * WEEK + 2] = 0
    # So few that they are told only together, a day long: the first of them lie before a week begins.
    up[1, 2 * WEEK - 15 : 2 * WEEK + 30 : 5] = 0.8
    up[1, 3 * WEEK + 10 :] = 0.2
    load = 5 + np.cumsum(0.01 * rng.standard_normal(n)) % 1 + 0.2 * rng.standard_normal(n)
    load[2 * WEEK + 50 : 2 * WEEK + 60] *= 5
    return np.concatenate([slow, up, load[None]]).astype(np.float32)


def world(begin=0, end=DAYS * PER_DAY, rows=(0, 1, 2, 3, 4)):
    """Steps of some of the series."""
    series = pd.DataFrame([KEYS[row] for row in rows], columns=["service", "region", "signal"])
    series.insert(0, "series_id", ["/".join(KEYS[row]) for row in rows])
    values = drawn()[list(rows), begin:end]
    return Panel(series, to_ms(START) + begin * STEP_S * 1000, STEP_S, values, np.where(np.isfinite(values), 5, 0).astype(np.int32))


def onward(state, panel):
    return advance(state, panel, regions=REGIONS, settings=SETTINGS)


def in_order(frame, *names):
    return frame.sort_values(["series_id", *names], ignore_index=True)


def assert_same(one, other):
    pd.testing.assert_frame_equal(in_order(one.episodes, "start"), in_order(other.episodes, "start"), check_exact=True)
    pd.testing.assert_frame_equal(in_order(one.looks, "start", "known_at"), in_order(other.looks, "start", "known_at"), check_exact=True)
    pd.testing.assert_series_equal(one.weeks.sort_index(), other.weeks.sort_index())
    assert one.courses.keys() == other.courses.keys()
    for key, around in one.courses.items():
        assert around.start == other.courses[key].start
        npt.assert_array_equal(around.values, other.courses[key].values)


@pytest.fixture(scope="module")
def whole():
    return detect(world(), regions=REGIONS, settings=SETTINGS)


def test_the_world_holds_what_can_go_wrong_at_a_border(whole):
    border = START + pd.Timedelta(days=14)
    crossing = whole.episodes[(whole.episodes["start"] < border) & (whole.episodes["end"] > border)]
    assert set(crossing["series_id"]) == {"web/eu/latency_ms", "web/eu/availability", "db/us/availability"}
    assert (crossing["detected_at"] > border).any()
    assert whole.episodes["end"].isna().any()


@settings(max_examples=6)
@given(lengths=st.lists(st.sampled_from([1, 2, 7, 30, 96, 672]), min_size=1, max_size=40))
def test_however_time_is_cut_the_findings_are_the_same(lengths):
    state, ends = None, [*np.minimum(np.cumsum(lengths) + WEEK, DAYS * PER_DAY), DAYS * PER_DAY]
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        if begin < end:
            state = onward(state, world(begin, end))
    assert_same(found(state), detect(world(), regions=REGIONS, settings=SETTINGS))


def test_step_by_step_over_a_border_nothing_is_lost(whole):
    state = onward(None, world(0, 2 * WEEK - 12))
    for step in range(2 * WEEK - 12, 2 * WEEK + 12):
        state = onward(state, world(step, step + 1))
    assert_same(found(onward(state, world(2 * WEEK + 12))), whole)


def test_what_is_remembered_does_not_grow_with_the_days():
    state = onward(None, world(0, 2 * WEEK - PER_DAY))
    later = onward(state, world(2 * WEEK - PER_DAY, 3 * WEEK + 5))
    longest = [max(one.recent.n_times for one in moved.watched) for moved in (state, later)]
    # A day that is looked back upon, six hours drawn before.
    assert longest[0] <= PER_DAY + episodes.LEAST_AROUND_S // STEP_S + 2 * PER_DAY
    assert longest[1] <= longest[0] + PER_DAY
    sizes = [[one.past.bytes_per_series for one in moved.watched] for moved in (state, later)]
    assert sizes[0] == sizes[1]


def test_steps_that_were_seen_are_passed_over_and_steps_between_are_missing(whole):
    state = onward(onward(None, world(0, 1500)), world(1400))
    assert_same(found(state), whole)
    assert onward(state, world(1400)) is state
    apart = onward(onward(None, world(0, 1500)), world(1600))
    gap = world()
    gap.values[:, 1500:1600] = np.nan
    assert_same(found(apart), detect(gap, regions=REGIONS, settings=SETTINGS))


def test_a_series_that_begins_later_joins_and_one_that_the_panel_lacks_stays():
    late = world()
    late.values[4, : WEEK + 5] = np.nan
    state = onward(None, world(0, WEEK, rows=(0, 1, 2, 3)))
    joined = replace(late.between(START + pd.Timedelta(days=7), None))
    assert_same(found(onward(state, joined)), detect(late, regions=REGIONS, settings=SETTINGS))
    left = onward(onward(None, world(0, 1500)), world(1500, 1510, rows=(0, 1)))
    assert len(left.series) == 5


def test_a_panel_that_was_seen_changes_nothing(whole):
    state = onward(None, world())
    assert_same(found(onward(state, world(100, 200))), whole)


@pytest.mark.parametrize("now", [{"zone": ["Asia/Tokyo", None]}, {"holidays": ["DE", None]}])
def test_a_series_whose_clock_or_calendar_is_another_one_now_begins_with_nothing(now):
    moved = REGIONS.assign(**now)
    state = advance(onward(None, world(0, 1500)), world(1500), regions=moved, settings=SETTINGS)
    weeks_of = found(state).weeks
    assert weeks_of["web/eu/availability"] == pytest.approx((DAYS * PER_DAY - 1500) / WEEK)
    assert weeks_of["db/us/availability"] == pytest.approx(DAYS * PER_DAY / WEEK)


def test_a_panel_of_other_steps_is_refused():
    state = onward(None, world(0, 10))
    with pytest.raises(ValueError, match="steps of 900 s got a panel with steps of 300 s"):
        onward(state, replace(world(10, 20), step_s=300))


@pytest.mark.parametrize("stop", [2 * WEEK, 2 * WEEK + 1, 1000])
def test_a_stored_model_goes_on_as_if_it_had_never_stopped(project, whole, stop):
    state = onward(None, world(0, stop))
    model = to_model(state, block=3, settings=SETTINGS)
    assert registry.save(model, stage="anomalies") == model.model_id
    loaded = registry.load(name_of(3, STEP_S), stage="anomalies")
    assert to_model(from_model(loaded), block=3, settings=SETTINGS).model_id == model.model_id
    again, on = (onward(one, world(stop)) for one in (from_model(loaded), state))
    assert to_model(again, block=3, settings=SETTINGS).model_id == to_model(on, block=3, settings=SETTINGS).model_id
    since = found(again)
    known = set(zip(state.settled.episodes["series_id"], state.settled.episodes["start"], strict=True))
    told = whole.episodes[[key not in known for key in zip(whole.episodes["series_id"], whole.episodes["start"], strict=True)]]
    pd.testing.assert_frame_equal(in_order(since.episodes, "start"), in_order(told, "start"))
    pd.testing.assert_series_equal(since.weeks.sort_index(), whole.weeks.sort_index())


def test_what_is_stored_is_what_was_known_on_monday(project):
    blocks = [written(end) for end in (2 * WEEK - 5, 2 * WEEK, 2 * WEEK + 1, 3 * WEEK - 1)]
    ids = [block.model.model_id for block in blocks]
    assert ids[1] == ids[2] == ids[3] != ids[0]
    assert blocks[3].model.lineage["window"] == ["2026-03-02T00:00:00+00:00", "2026-03-16T00:00:00+00:00"]


def in_files(end=DAYS * PER_DAY, first=None):
    return panels.written(KEYS, drawn()[:, :end], start=START, step_s=STEP_S, first=first)


def judged_blocks(signals, **changed):
    return list(weeks.judge_blocks(signals, regions=REGIONS, settings=SETTINGS.model_copy(update=changed), workers=1))


def written(end):
    return judged_blocks(in_files(end))[0]


@pytest.fixture
def followed(monkeypatch):
    """Begin of each week that is followed."""
    begins = []

    def advanced(before, ref, **more):
        begins.append(pd.Timestamp(ref.start_ms, unit="ms", tz="UTC"))
        return advance(before, ref, **more)

    monkeypatch.setattr(weeks, "advance", advanced)
    return begins


MONDAYS = [START + pd.Timedelta(days=7 * number) for number in range(4)]


def test_weeks_come_to_what_one_run_finds_and_a_new_day_costs_its_week(project, followed):
    yesterday = judged_blocks(in_files(end=(DAYS - 1) * PER_DAY))[0]
    assert followed == MONDAYS
    followed.clear()
    signals = in_files()
    today = judged_blocks(signals)[0]
    assert followed == MONDAYS[3:]
    assert_same(today.found, detect(signals[0], regions=REGIONS, settings=SETTINGS))
    assert (today.found.weeks > yesterday.found.weeks).all()


def test_a_change_of_the_budget_follows_all_weeks_again_and_one_of_what_matters_none(project, followed):
    judged_blocks(in_files())
    followed.clear()
    judged_blocks(in_files(), min_points=5)
    assert followed == []
    assert len(judged_blocks(in_files(), false_alarms_per_week=4.0)[0].found.episodes)
    assert followed == MONDAYS


def test_late_data_are_judged_again_from_their_week_on(project, followed):
    judged_blocks(in_files())
    followed.clear()
    late = drawn().copy()
    late[0, 2 * WEEK + 100] = 90.0
    judged_blocks(panels.written(KEYS, late, start=START, step_s=STEP_S))
    assert followed == MONDAYS[2:]


def test_a_series_to_come_does_not_change_the_past(project, followed):
    begins = [START] * 4 + [START + pd.Timedelta(days=16)]
    judged_blocks(in_files(end=2 * WEEK + 10, first=begins))
    followed.clear()
    signals = in_files(first=begins)
    block = judged_blocks(signals)[0]
    assert followed == MONDAYS[2:]
    assert_same(block.found, detect(signals[0], regions=REGIONS, settings=SETTINGS))
