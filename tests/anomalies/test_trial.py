"""What is put into a copy of the newest weeks is what it says, where nothing else was, and is judged by the rules in use."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from analytics import anomalies, params
from analytics.anomalies import says, shows, trial
from analytics.anomalies.advance import detect
from analytics.anomalies.find import anomalies_of, find_anomalies
from analytics.panel import Panels
from tests import projects
from tests.anomalies.made import SETTINGS
from tests.baseline.panels import written

START = pd.Timestamp("2026-03-02T00:00Z")
WEEKS = 5
NOW = START + pd.Timedelta(days=7 * WEEKS - 3)
KEYS = [(service, region, signal) for service in ("db", "web") for region in ("eu", "us") for signal in trial.SIGNALS]
REGIONS = pd.DataFrame({"region": ["eu", "us"], "zone": ["Europe/Berlin", None], "holidays": [None, None]})
COVERAGE = pd.DataFrame({"service": [], "region": [], "day": pd.DatetimeIndex([], tz="UTC"), "n_checks": []})
MASKS = pd.DataFrame(
    {"service": ["web"], "region": ["eu"], "start": [START + pd.Timedelta(days=14)], "end": [START + pd.Timedelta(days=17)]}
)
MASKS = MASKS.assign(reason="maintenance", source="plan")
FEEDBACK = pd.DataFrame(columns=["time", "author", "anomaly_id", "label", "reason", "service", "signal", "direction", "hour", "strength"])
PROJECT = params.Project(workers=1, zone="UTC")
HALF_HOUR = pd.Timedelta(minutes=30)
KIND = {kind.name: kind for kind in trial.KINDS}


def values(seed=5):
    """Response times about 100 ms, no failures, some hundred requests; db of us is out for an hour on the 24th day."""
    rng = np.random.default_rng(seed)
    n = WEEKS * 2016
    made = {
        "latency_ms": lambda: 100 * np.exp(0.02 * rng.standard_normal(n)),
        "latency_p95_ms": lambda: 150 * np.exp(0.03 * rng.standard_normal(n)),
        "availability": lambda: np.ones(n),
        "requests": lambda: rng.poisson(400, n).astype(float),
    }
    rows = np.array([made[signal]() for _, _, signal in KEYS])
    rows[KEYS.index(("db", "us", "availability")), 24 * 288 : 24 * 288 + 12] = 0
    return rows


def tried(signals, *, now=NOW, **settings):
    chosen = SETTINGS.model_copy(update=settings)
    series = pd.concat([ref.series for ref in signals], ignore_index=True)
    known = anomalies.Known(series, REGIONS, MASKS, COVERAGE, FEEDBACK)
    found = find_anomalies(signals.between(None, now), known, settings=chosen, project=PROJECT, now=now)
    return found, anomalies.try_out(signals.between(None, now), found, known, settings=chosen, project=PROJECT, now=now)


@pytest.fixture(scope="module")
def signals(tmp_path_factory):
    with projects.opened(tmp_path_factory.mktemp("trial")):
        yield written(KEYS, values(), start=START, step_s=300)


@pytest.fixture(scope="module")
def whole(signals):
    return tried(signals)


@pytest.fixture(scope="module")
def sample(signals):
    return trial.sample_of(signals, settings=SETTINGS, now=NOW)


def test_the_sample_is_the_newest_whole_weeks(sample):
    assert (sample.start, sample.end) == (START, START + pd.Timedelta(days=28))
    assert sample.tested_from == START + pd.Timedelta(days=7)


def test_fewer_places_are_whole_services(signals):
    (ref,) = trial.sample_of(signals, settings=SETTINGS.model_copy(update={"trial_places": 3}), now=NOW).refs
    assert ref.series["service"].nunique() == 1
    assert ref.series["region"].nunique() == 2


def test_each_place_has_an_anomaly_in_four_days_after_the_first_week_and_regions_take_turns_with_all_kinds(sample):
    (ref,) = sample.refs
    plan = trial.plan(ref)
    assert len(plan) == 4 * 5
    assert min(put.first for put in plan) >= 2016
    assert max(put.stop for put in plan) <= 4 * 2016
    for service in ("db", "web"):
        mine = sorted((put.first, put.stop) for put in plan if put.service == service)
        assert all(later - stop >= 6 for (_, stop), (later, _) in itertools.pairwise(mine))
        assert sorted(put.kind for put in plan if put.service == service) == list(range(len(trial.KINDS)))
    assert trial.plan(ref) == plan


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("twice as slow for an hour", {"latency_ms": [200.0] * 12, "latency_p95_ms": [300.0] * 12}),
        ("4 times as slow for one step", {"latency_ms": [400.0], "latency_p95_ms": [600.0]}),
        ("half of the requests missing for half an hour", {"requests": [25.0] * 6}),
        # One of the ten checks of each two steps.
        ("1 of 10 checks fails for half an hour", {"availability": [1.0, 0.8] * 3}),
        ("half of the checks fail for half an hour", {"availability": [0.6, 0.4] * 3}),
        ("all checks fail for 5 minutes", {"availability": [0.0], "latency_ms": [np.nan], "latency_p95_ms": [np.nan]}),
    ],
)
def test_what_is_put_in_is_what_its_name_says(sample, name, changed):
    whole = sample.refs[0].load()
    plain = {"latency_ms": 100.0, "latency_p95_ms": 150.0, "availability": 1.0, "requests": 50.0}
    rows = whole.series["signal"].map(plain).to_numpy(np.float32)
    flat = np.repeat(rows[:, None], 40, axis=1)
    panel = type(whole)(whole.series, whole.start_ms, whole.step_s, flat, np.full(flat.shape, 5, np.int32))
    kind = KIND[name]
    length = len(next(iter(changed.values())))
    got = trial.put_into(panel, [trial.Put(trial.KINDS.index(kind), "web", "us", 8, 8 + length)])
    expected = flat.copy()
    for row, key in enumerate(zip(*(whole.series[part] for part in ("service", "region", "signal")), strict=True)):
        if key[:2] == ("web", "us") and key[2] in changed:
            expected[row, 8 : 8 + length] = changed[key[2]]
    npt.assert_allclose(got.values, expected, rtol=1e-6)
    npt.assert_array_equal(panel.values, flat)


def test_nothing_is_tried_where_something_was_strange_or_masked(whole):
    found, done = whole
    assert len(found.anomalies)
    for put in done.put.itertuples():
        mine = found.anomalies[found.anomalies["service"] == put.service]
        assert not ((mine["start"] < put.end + HALF_HOUR) & (mine["end"] > put.start - HALF_HOUR)).any()
        assert put.service != "web" or not (put.start < MASKS["end"].iloc[0] and put.end > MASKS["start"].iloc[0])
    assert 14 <= len(done.put) < 20


def test_outages_are_caught_at_once_and_what_is_within_the_noise_is_not(whole):
    _, done = whole
    of = done.put.groupby("kind")["is_caught"].agg(["sum", "size"])
    for name in ("all checks fail for 5 minutes", "all checks fail for half an hour", "half of the checks fail for half an hour"):
        assert of.loc[name, "sum"] == of.loc[name, "size"], name
    assert of.loc["4 times as slow for an hour", "sum"] == of.loc["4 times as slow for an hour", "size"]
    assert of.loc["1.5 times as slow for an hour", "sum"] <= of.loc["4 times as slow for an hour", "sum"]
    caught = done.put[done.put["is_caught"]]
    assert (caught["delay_s"] >= 300).all()
    assert (caught["delay_s"] <= (caught["end"] - caught["start"]).dt.total_seconds() + 1800).all()
    assert done.put.loc[~done.put["is_caught"], "delay_s"].isna().all()


def test_of_few_series_nothing_is_said_of_a_larger_budget(signals):
    done = tried(signals.select(region="eu"))[1]
    assert len(done.put)
    assert done.put["is_caught_for_more"].isna().all()
    assert shows.trial_table(done)["for_more"].isna().all()


def test_the_copy_of_some_weeks_says_what_the_whole_history_would(signals, sample, whole):
    (ref,) = sample.refs
    copy = trial.put_into(signals[0].load(), trial.plan(ref)).between(None, NOW)
    strange = detect(copy, regions=REGIONS, settings=SETTINGS)
    known = anomalies.Known(signals[0].series, REGIONS, MASKS, COVERAGE, FEEDBACK)
    told = anomalies_of(strange, known, settings=SETTINGS, project=PROJECT, now=NOW).alarms
    agreed = [
        row.is_caught
        == bool(((told["service"] == row.service) & (told["detected_at"] > row.start) & (told["detected_at"] <= row.end + HALF_HOUR)).any())
        for row in whole[1].put.itertuples()
    ]
    assert np.mean(agreed) >= 0.9


def test_the_rules_in_use_decide_what_is_caught(signals, whole):
    least = tried(signals, min_relative_effect=5.0)[1].put
    slow = least["kind"].str.contains("slow")
    assert whole[1].put["is_caught"][slow].any()
    assert not least.loc[slow, "is_caught"].any()
    npt.assert_array_equal(least.loc[~slow & ~least["kind"].str.contains("requests"), "is_caught"],
                           whole[1].put.loc[~slow & ~least["kind"].str.contains("requests"), "is_caught"])  # fmt: skip


def test_a_new_day_changes_nothing_that_was_tried(signals, whole):
    later = tried(signals, now=NOW + pd.Timedelta(days=1))[1]
    pd.testing.assert_frame_equal(later.put, whole[1].put)


def test_the_table_counts_what_was_caught(whole):
    _, done = whole
    rows = shows.trial_table(done).set_index("what")
    assert list(rows.index) == [kind.name for kind in trial.KINDS if kind.name in set(done.put["kind"])]
    for name, mine in done.put.groupby("kind"):
        assert rows.loc[name, "n"] == len(mine)
        assert rows.loc[name, "share"] == pytest.approx(sum(mine["is_caught"]) / len(mine))
    said = says.trial_sentence(done, "UTC")
    assert f"{len(done.put)}\u00a0anomalies" in said
    assert f"; {int(done.put['is_caught'].sum())} were told" in said


@pytest.mark.parametrize("now", [START + pd.Timedelta(days=8), START])
def test_of_a_history_too_short_nothing_is_tried(signals, now):
    done = tried(signals, now=now)[1]
    assert done.put.empty
    assert shows.trial_table(done).empty
    assert says.trial_sentence(done, "UTC").startswith("No anomaly was tried")


def test_a_trial_can_be_left_out(signals):
    assert tried(signals, trial_places=0)[1].put.empty


def test_nothing_measured_is_nothing_tried():
    series = pd.DataFrame(columns=["series_id", "service", "region", "signal", "unit", "step_s"])
    known = anomalies.Known(series, REGIONS, MASKS, COVERAGE, FEEDBACK)
    nothing = find_anomalies(Panels([]), known, settings=SETTINGS, project=PROJECT, now=NOW)
    assert anomalies.try_out(Panels([]), nothing, known, settings=SETTINGS, project=PROJECT, now=NOW).put.empty
