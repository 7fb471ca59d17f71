"""What was made to happen is told once, soon, as what it was; nothing else is; and nothing of the future has a say."""

from __future__ import annotations

import typing

import numpy as np
import pandas as pd
import pytest

from analytics import anomalies, params, tables
from analytics.anomalies import episodes, judge
from analytics.stats import surprise
from tests.anomalies.made import SETTINGS, feedback
from tests.slo import made

START = pd.Timestamp("2026-03-02T00:00Z")
PER_DAY = 288
DAYS = 21
REGIONS = pd.DataFrame({"region": ["eu", "us"], "zone": ["Europe/Berlin", None], "holidays": [None, None]})
COVERAGE = pd.DataFrame({"service": [], "region": [], "day": pd.DatetimeIndex([], tz="UTC"), "n_checks": []})
NO_MASKS = pd.DataFrame({"service": [], "region": [], "start": [], "end": [], "reason": []})
PROJECT = params.Project(workers=1, zone="UTC")


def step(day, hour=0.0, minute=0):
    return round((day + hour / 24) * PER_DAY) + minute // 5


def at(day, hour=0.0, minute=0):
    return START + step(day, hour, minute) * pd.Timedelta(minutes=5)


def latency(seed):
    """About 100 ms that swing by the hour, wander a little, with noise."""
    rng = np.random.default_rng(seed)
    n = DAYS * PER_DAY
    course = 0.3 * np.sin(2 * np.pi * np.arange(n) / PER_DAY)
    return 100 * np.exp(course + np.repeat(rng.normal(0, 0.02, n // 36), 36) + 0.05 * rng.standard_normal(n))


def world():
    """Two services in two regions: a slow hour of web everywhere, failures of db in eu, a single failed check of web in us."""
    slow = {(service, region): latency(seed) for seed, (service, region) in enumerate((s, r) for s in ("web", "db") for r in ("eu", "us"))}
    up = {key: np.ones(DAYS * PER_DAY) for key in slow}
    for region in ("eu", "us"):
        slow["web", region][step(15, 10) : step(15, 11)] *= 3
    up["db", "eu"][step(17, 3) : step(17, 3, 20)] = 0.2
    slow["db", "eu"][step(17, 3) : step(17, 3, 20)] = np.nan
    up["web", "us"][step(12, 7)] = 0.8
    return made.joined(
        made.signals(slow, start=START, signal="latency_ms"), made.signals(up, start=START, n_checks=5, signal="availability")
    )


def found(signals=None, *, now=None, masks=NO_MASKS, labels=(), **settings):
    signals = world() if signals is None else signals
    named = [ref.series for ref in signals] or [world()[0].series.head(0)]
    series = pd.concat(named, ignore_index=True).assign(unit="ms")
    return anomalies.find_anomalies(
        signals, anomalies.Known(series, REGIONS, masks, COVERAGE, feedback(*labels)),
        settings=SETTINGS.model_copy(update=settings), project=PROJECT, now=START + pd.Timedelta(days=DAYS) if now is None else now,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole():
    return found()


def test_tables_are_as_they_are_described(whole):
    for name, frame in (
        ("anomalies", whole.anomalies),
        ("anomaly_members", whole.members),
        ("anomaly_course", whole.course),
        ("suppressed", whole.suppressed),
    ):
        tables.validate(frame, tables.TABLES[name])


def test_what_happened_is_told_and_hardly_anything_else(whole):
    told = whole.alarms.sort_values("start")
    grave = told[told["severity"] >= 10]
    assert grave["service"].tolist() == ["web", "db"]
    # Six weeks of services may cost 1.5 false alarms; more than 5 happen once in two hundred such worlds.
    assert len(told) - 2 <= 5


def test_all_services_together_cost_no_more_than_the_fleet_may(whole):
    assert whole.budget == 0.25
    few = found(fleet_false_alarms_per_week=0.1)
    assert few.budget == 0.05
    kept_back = few.suppressed[few.suppressed["reason"] == "budget"]
    assert (few.alarms["per_week"] <= 0.05).all()
    assert set(few.anomalies["anomaly_id"]) == set(whole.anomalies["anomaly_id"])
    assert kept_back["rule"].str.contains("the budget is 0.05").all()


def test_a_slow_hour_in_two_regions_is_one_anomaly_with_its_effect_and_its_course(whole):
    web = next(whole.alarms[(whole.alarms["service"] == "web") & (whole.alarms["severity"] >= 10)].itertuples())
    assert (web.signal, web.direction, web.n_series) == ("latency_ms", "regression", 2)
    assert pd.isna(web.region)
    assert abs(web.start - at(15, 10)) <= pd.Timedelta(minutes=5)
    assert web.detected_at <= at(15, 10, 10)
    assert abs(web.end - at(15, 11)) <= pd.Timedelta(minutes=30)
    assert web.effect == pytest.approx(2.0, abs=0.3)
    assert web.exposure_factor == 1.0
    course = whole.course[whole.course["anomaly_id"] == web.anomaly_id]
    assert course["severity"].is_monotonic_increasing
    assert course["is_over"].tolist() == [False] * (len(course) - 1) + [True]
    assert "was expected" in web.explanation


def test_a_large_hour_on_a_still_series_is_as_large_as_it_was():
    values = 100 * np.exp(0.02 * np.random.default_rng(4).standard_normal(DAYS * PER_DAY))
    values[step(15, 10) : step(15, 11)] *= 3
    (told,) = found(made.signals({("web", "eu"): values}, start=START, signal="latency_ms")).alarms.itertuples()
    assert told.start == at(15, 10)
    assert told.effect == pytest.approx(2.0, abs=0.1)
    assert told.direction == "regression"


@pytest.mark.parametrize("n_steps", [1, 2, 12])
def test_the_value_that_is_told_is_one_that_was_strange(n_steps):
    """Not the value at which it was seen to be over."""
    values = latency(7)
    values[step(17, 3) : step(17, 3) + n_steps] *= 4
    one = found(made.signals({("web", "eu"): values}, start=START, signal="latency_ms")).anomalies
    told = one[(one["start"] <= at(17, 3)) & (one["start"] > at(17, 2))]
    assert len(told) == 1
    assert (told["observed"] > told["high"]).all()
    assert (told["observed"] / told["expected"] > 3).all()


def test_failing_checks_are_told_with_the_share_that_fails(whole):
    db = next(whole.alarms[whole.alarms["service"] == "db"].sort_values("severity", ascending=False).itertuples())
    assert (db.signal, db.region, db.direction) == ("availability", "eu", "regression")
    assert (db.start, db.end) == (at(17, 3), at(17, 3, 20))
    assert db.detected_at == at(17, 3, 5)
    assert db.effect == pytest.approx(0.8, abs=0.01)
    assert db.exposure_factor == 0.5


def test_detectors_that_are_left_out_find_nothing():
    without = found(left_out=["failures"])
    assert "availability" not in set(without.anomalies["signal"])
    assert "availability" in set(found().anomalies["signal"])
    alone = found(left_out=["course", "run"])
    assert set(alone.members["detector"]) == {"forecast", "failures"}
    assert found(left_out=["forecast", "course", "run", "failures"]).anomalies.empty


def test_the_names_of_the_parameters_are_those_of_the_detectors():
    (choices,) = typing.get_args(params.Anomalies.model_fields["left_out"].annotation)
    assert set(typing.get_args(choices)) == {*surprise.DETECTORS, "failures"}


def test_a_single_failed_check_is_not_told(whole):
    told = whole.alarms[(whole.alarms["signal"] == "availability") & (whole.alarms["service"] == "web")]
    assert told.empty


def test_every_anomaly_is_an_alarm_or_has_a_reason(whole):
    assert len(whole.alarms) + len(whole.suppressed) == len(whole.anomalies)
    assert set(whole.suppressed["anomaly_id"]) <= set(whole.anomalies["anomaly_id"])


@pytest.mark.parametrize("now", [at(15, 10, 20), at(17, 3, 10), at(12, 7, 5)])
def test_what_was_known_is_what_a_run_at_that_time_has_found(whole, now):
    then = found(now=now)
    known = whole.members[whole.members["detected_at"] <= now]
    keys = ["anomaly_id", "series_id", "start", "detected_at"]
    pd.testing.assert_frame_equal(then.members[keys].reset_index(drop=True), known[keys].reset_index(drop=True), check_dtype=False)
    before = whole.course[(whole.course["known_at"] <= now) & ~whole.course["is_over"]].reset_index(drop=True)
    after = then.course[~then.course["is_over"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(after, before, check_dtype=False)


def test_what_goes_on_has_no_end():
    then = found(now=at(17, 3, 10))
    going_on = then.anomalies[then.anomalies["end"].isna()]
    assert going_on["service"].tolist() == ["db"]
    assert not then.course[then.course["anomaly_id"] == going_on["anomaly_id"].iloc[0]]["is_over"].any()


def test_maintenance_keeps_back_what_it_explains():
    planned = pd.DataFrame(
        {"service": ["db"], "region": [None], "start": [at(17, 2, 50)], "end": [at(17, 3, 30)], "reason": ["maintenance"]}
    )
    reasons = found(masks=planned).suppressed["reason"].tolist()
    assert "maintenance" in reasons


def test_the_unit_of_a_response_time_does_not_matter(whole):
    signals = world()
    scaled = made.joined(
        made.signals({("web", "eu"): signals[0].load().values[0] * 8}, start=START, signal="latency_ms"),
    )
    plain_units = made.joined(made.signals({("web", "eu"): signals[0].load().values[0]}, start=START, signal="latency_ms"))
    one, eight = found(plain_units), found(scaled)
    assert len(one.members)
    pd.testing.assert_frame_equal(one.members[["start", "detected_at"]], eight.members[["start", "detected_at"]])
    np.testing.assert_allclose(one.members["effect"], eight.members["effect"], rtol=1e-2)


@pytest.mark.parametrize(
    "values",
    [
        np.full(PER_DAY * 10, np.nan),
        np.full(PER_DAY * 10, 100.0),
        np.r_[np.full(50, np.nan), 100.0, np.full(50, np.nan)],
        np.array([100.0]),
    ],
)
@pytest.mark.parametrize("signal", ["latency_ms", "cpu"])
def test_empty_constant_and_single_values_are_not_strange(values, signal):
    assert found(made.signals({("web", "eu"): values}, start=START, signal=signal)).anomalies.empty


def test_nothing_measured_is_nothing_found():
    none = found(made.joined())
    assert none.anomalies.empty
    tables.validate(none.anomalies, tables.TABLES["anomalies"])


def test_a_certificate_that_is_renewed_is_nothing_strange_and_a_load_that_triples_is():
    days = np.arange(DAYS * 24) / 24
    left = np.where(days < 15, 20 - days, 110 - days) * 86_400
    busy = 5 + np.sin(2 * np.pi * days) + 0.2 * np.random.default_rng(3).standard_normal(len(days))
    busy[15 * 24 : 15 * 24 + 3] *= 3
    told = found(
        made.joined(
            made.signals({("web", "eu"): left}, start=START, step_s=3600, signal="cert_expiry_s"),
            made.signals({("web", "eu"): busy}, start=START, step_s=3600, signal="load"),
        )
    ).anomalies
    assert told["signal"].tolist() == ["load"]


def test_without_anything_strange_the_page_has_its_sentences():
    flat = made.signals({("web", "eu"): np.full(DAYS * PER_DAY, 100.0)}, start=START, signal="latency_ms")
    one, now = found(flat), START + pd.Timedelta(days=DAYS)
    assert anomalies.shows.alarm_table(one, now, 28).empty
    assert anomalies.shows.ledger_table(one, now, 28).empty
    assert anomalies.shows.other_alarms(one, [], [], now).empty
    assert anomalies.says.finding(one, now, SETTINGS, "UTC").startswith("Nothing strange enough to tell happened")
    tables.validate(one.anomalies, tables.TABLES["anomalies"])


def test_without_a_step_there_is_no_newest_value():
    (group, rows), *_ = judge.groups(world()[0].series, REGIONS)
    assert episodes.newest_of(judge.Judged.nothing(len(rows), 0), group, start_ms=0, step_s=300).empty
