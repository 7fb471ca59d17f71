"""Baselines week by week: what each is learnt from, and that nothing else matters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analytics import baseline, calendars, params, tables
from analytics.baseline import follow
from analytics.panel import Panels
from tests import projects
from tests.alerts.made import plain
from tests.baseline import panels

MONDAY, START = pd.Timestamp("2026-03-02", tz="UTC"), pd.Timestamp("2026-03-04", tz="UTC")
DAY = pd.Timedelta("1D")
SETTINGS, PROJECT = params.Baseline(weeks=2), params.Project(workers=1)
NO_MASKS = pd.DataFrame({"service": [], "region": [], "start": [], "end": [], "reason": []})
REGIONS = pd.DataFrame({"region": ["default"], "zone": ["Europe/Zurich"], "holidays": [None]})


def write(days, *, changed=None, late=(), gone=()):
    """A metric of two services every hour; `late` ones begin after a week, `gone` ones end then, `changed` maps days to a factor."""
    rng = np.random.default_rng(8)
    factor = np.repeat([(changed or {}).get(number, 1) for number in range(days)], 24)
    values = (5 + np.sin(np.arange(days * 24) / 24 * 2 * np.pi) + 0.1 * np.concatenate(rng.normal(size=(days, 2, 24)), axis=1)) * factor
    for row, name in enumerate(("api", "web")):
        if name in gone:
            values[row, 7 * 24 :] = np.nan
    first = [START + int(name in late) * 7 * DAY for name in ("api", "web")]
    # Files begin on Mondays.
    before = np.full((2, (START - MONDAY) // pd.Timedelta("1h")), np.nan)
    keys = [(name, "default", "load") for name in ("api", "web")]
    return panels.written(keys, np.concatenate([before, values], axis=1), start=MONDAY, step_s=3600, first=first)


NO_CHANGES = tables.schema(tables.TABLES["changes"]).empty_table().to_pandas()
NO_EVENTS, NONE_DECIDED = (pd.DataFrame(columns=table.names) for table in (tables.TABLES["events"], tables.DECISIONS["rebaselines"]))


def learn(signals, *, masks=NO_MASKS, changes=NO_CHANGES, days):
    return baseline.learn(
        signals, masks, REGIONS, changes, NO_EVENTS, NONE_DECIDED, settings=SETTINGS, project=PROJECT, now=START + days * DAY
    )


def test_a_new_series_gets_a_baseline_after_one_day_three_days_and_on_mondays(project):
    signals = write(20, late=("web",))
    known = learn(signals, days=20)
    series = signals[0].series.set_index("series_id")["service"]
    begins = known.table.groupby(known.table["series_id"].map(series))["valid_from"].apply(list)
    assert [(time - START) / DAY for time in begins["api"]] == [1, 3, 5, 12, 19]  # 9, 16 and 23 March are Mondays
    assert [(time - START) / DAY for time in begins["web"]] == [8, 10, 12, 19]
    newest = known.table[known.table["valid_to"].isna()]
    assert set(newest["valid_from"]) == {START + 19 * DAY}
    assert (known.table["learnt_to"] <= known.table["valid_from"]).all()


def test_no_future_value_changes_a_past_baseline(tmp_path):
    found = []
    for name, changed in (("plain", {}), ("changed", {15: 9.0})):
        with projects.opened(tmp_path / name):
            known = learn(write(20, changed=changed), days=20)
            found.append(known.table.set_index(["series_id", "valid_from"]))
    same = (found[0]["model_id"] == found[1]["model_id"]).groupby("valid_from").all()
    assert [(time - START) / DAY for time in same.index[same]] == [1, 3, 5, 12]


def test_a_new_day_leaves_what_was_learnt_as_it_is(project):
    before = learn(write(20), days=20)
    kept = sorted((project / "data" / "memo" / "baseline.follow.learn_window").iterdir())
    after = learn(write(21), days=21)
    assert sorted((project / "data" / "memo" / "baseline.follow.learn_window").iterdir()) == kept
    assert len(kept) == before.table["valid_from"].nunique()
    pd.testing.assert_frame_equal(after.table, before.table)


def test_a_changed_past_is_learnt_again_by_those_who_saw_it(project):
    before = learn(write(30), days=30).table.set_index(["series_id", "valid_from"])
    after = learn(write(30, changed={2: 1.5}), days=30).table.set_index(["series_id", "valid_from"])
    same = (before["model_id"] == after["model_id"]).groupby("valid_from").all()
    # Only those of the days 3, 5 and 12 have seen day 2.
    assert [(time - START) / DAY for time in same.index[same]] == [1, 19, 26]


def test_what_is_masked_is_not_learnt_from(project):
    signals = write(20)
    mask = pd.DataFrame(
        {"service": ["web"], "region": [None], "start": [START + 15 * DAY], "end": [START + 16 * DAY], "reason": ["incident"]}
    )
    hours = baseline.shows.left_out_hours(learn(signals, masks=mask, days=20))
    masked = hours[hours["masked_h"] > 0]
    assert masked[["service", "day", "masked_h"]].to_numpy().tolist() == [["web", START + 15 * DAY, 24.0]]


def test_what_came_while_a_drift_was_open_is_told_apart_from_what_was_masked(project):
    signals = write(20)
    mask = pd.DataFrame(
        {"service": ["web"], "region": [None], "start": [START + 16 * DAY], "end": [START + 17 * DAY], "reason": ["maintenance"]}
    )
    web = signals[0].series.set_index("service")["series_id"]["web"]
    times = {"detected_at": START + 14 * DAY, "start": START + 13 * DAY, "end": START + 15 * DAY}
    changes = pd.DataFrame([{"series_id": web, "kind": "level", **times}]).reindex(columns=NO_CHANGES.columns)
    known = learn(signals, masks=mask, changes=changes, days=20)
    hours = baseline.shows.left_out_hours(known)
    mine = hours[(hours["service"] == "web") & (hours["unusual_h"] == 0)]
    assert [(row.day - START) / DAY for row in mine.itertuples()] == [13, 14, 16]
    assert mine[["masked_h", "held_h"]].to_numpy().tolist() == [[0, 24], [0, 24], [24, 0]]
    table = baseline.shows.left_out_table(hours)
    assert table.loc[table["service"] == "web", ["held_s", "masked_s"]].to_numpy().tolist() == [[48 * 3600.0, 24 * 3600.0]]
    said = plain(baseline.says.left_out_sentence(table))
    assert "2 d because a drift was open, 1 d because they were masked" in said
    what = [what for what, _ in baseline.says.todo(baseline.shows.newest(known, signals), table)]
    assert what[0] == "Check the drifts of web in default."


def test_only_the_newest_baseline_of_a_series_tells_what_was_left_out(project):
    """A drift that is open keeps the baseline of web at that of day 12, of a mask on day 11: api has learnt from it twice since."""
    signals = write(20)
    mask = pd.DataFrame(
        {"service": ["api"], "region": [None], "start": [START + 11 * DAY], "end": [START + 12 * DAY], "reason": ["incident"]}
    )
    web = signals[0].series.set_index("service")["series_id"]["web"]
    changes = pd.DataFrame([{"series_id": web, "kind": "level", "detected_at": START + 14 * DAY, "start": START + 13 * DAY, "end": pd.NaT}])
    changes = changes.reindex(columns=NO_CHANGES.columns).assign(end=pd.to_datetime(changes["end"], utc=True))
    hours = baseline.shows.left_out_hours(learn(signals, masks=mask, changes=changes, days=20))
    assert hours.loc[hours["masked_h"] > 0, ["service", "masked_h"]].to_numpy().tolist() == [["api", 24.0]]


@pytest.mark.parametrize(("block", "days"), [(0, 0), (3, 3), (6, 6), (7, 0)])
def test_blocks_of_services_take_turns_at_the_week_that_is_over(project, block, days):
    """The weeks up to Monday, 30 March, are looked at from that day on, or from a later one of that week."""
    (ref,) = write(30)
    signals = Panels([replace(ref, block=block)])
    monday = MONDAY + 28 * DAY

    def looked_to(now):
        found = baseline.find_seasons(signals.between(None, now), settings=SETTINGS, project=PROJECT, now=now)
        assert found["period_s"].tolist() == [86_400, 86_400]
        return set(found["looked_to"])

    assert looked_to(monday + days * DAY) == {monday}
    assert looked_to(monday + days * DAY - pd.Timedelta("1h")) == {monday - 7 * DAY}


def look(signals, known, seasons):
    events, masks = pd.DataFrame(columns=tables.TABLES["events"].names), pd.DataFrame(columns=tables.TABLES["masks"].names)
    return baseline.look_at(signals, known, seasons, REGIONS, events, masks, settings=SETTINGS, now=START + 20 * DAY)


def test_the_example_is_a_series_that_is_still_measured(project):
    signals = write(20, gone=("api",), changed={5: 2})
    known = learn(signals, days=20)
    ids = signals[0].series.set_index("service")["series_id"]
    strong = pd.DataFrame({"series_id": ids[["api", "web"]].to_numpy(), "strength": [0.9, 0.1]})
    example = look(signals, known, strong)
    assert example.series["service"] == "web"
    assert example.course["value"].notna().any()
    # Where nothing is measured any more it is over its own last days.
    alone = look(signals.select(service="api"), known, strong)
    assert alone.series["service"] == "api"
    assert alone.course["value"].notna().any()


def test_a_week_without_a_course_is_a_sentence():
    week = pd.DataFrame({"hour": range(168), "expected": 5.0, "p95": 6.0})
    nothing, series = pd.DataFrame(), {"service": "web", "region": "eu", "signal": "load", "unit": "1"}
    example = baseline.Example(series, nothing, week, nothing)
    assert baseline.shows.week_rows(example).empty
    assert plain(baseline.says.week_sentence(example)).endswith(", load is expected to be the same at every hour of the week.")


@pytest.mark.parametrize(("zone", "cells"), [("UTC", [10, 11, 12]), ("Asia/Kolkata", [10, 11, 12, 13])])
def test_a_mask_touches_the_hours_of_the_local_clock(zone, cells):
    from tests.slo import made

    (ref,) = made.signals({("web", "eu"): np.ones(288), ("api", "eu"): np.ones(288)}, start="2026-03-04T00:00Z")
    start = int(START.timestamp() * 1000)
    masks = pd.DataFrame({"service": ["web"], "region": [None], "start_ms": [start + 10 * 3_600_000], "end_ms": [start + 13 * 3_600_000]})
    clock = calendars.clock(start, 288, step_s=300, zone=zone)
    masked = follow.masked_cells(ref.load(), clock, masks)
    assert list(np.flatnonzero(masked[0])) == cells
    assert not masked[1].any()


def test_nothing_measured_has_no_baseline():
    store_panels, none = follow.Panels([]), (NO_CHANGES, NO_EVENTS, NONE_DECIDED)
    known = baseline.learn(store_panels, NO_MASKS, REGIONS, *none, settings=SETTINGS, project=PROJECT, now=START)
    assert len(known.table) == len(known.models) == len(store_panels) == 0
    assert len(baseline.find_seasons(store_panels, settings=SETTINGS, project=PROJECT, now=START)) == 0


def test_a_series_that_has_vanished_has_a_last_baseline(project):
    signals = write(40, gone=("web",))
    known = learn(signals, days=40)
    series = signals[0].series.set_index("series_id")["service"]
    ends = known.table.groupby(known.table["series_id"].map(series))["valid_to"].max()
    # Last seen on day 6, in the week of 9 March: its history of two weeks is empty from 30 March on.
    assert (ends["web"] - START) / DAY == 26
    assert set(baseline.shows.newest(known, signals)["service"]) == {"api"}
