"""Lasting changes are told once, when they can be known, and never for what is no change."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from analytics import params, tables
from analytics.baseline import changes, history
from tests.baseline import panels
from tests.slo import made

START = pd.Timestamp("2026-01-05", tz="UTC")  # a Monday
DAY = pd.Timedelta("1D")
PER_DAY, STEP_S = 96, 900
SETTINGS = params.Baseline()
NO_MASKS = pd.DataFrame({"service": [], "region": [], "start_ms": [], "end_ms": []})
NEWER = ["end", "effect", "effect_low", "effect_high", "effect_size", "statistic", "p_value", "course"]
"""What a change says of what came since it was told."""


def latency(days, *, n=1, seed=1, per_day=PER_DAY, noise=0.1, swing=0.3):
    """Response times about 100 ms that swing by the hour, are shorter on weekends, and wander a little."""
    rng = np.random.default_rng(seed)
    time = np.arange(days * per_day) / per_day
    slow = np.repeat(rng.normal(0, 0.02, (n, days * 8)), per_day // 8, axis=1)
    course = swing * np.sin(2 * np.pi * time) - 0.2 * (time.astype(int) % 7 > 4)
    return 100 * np.exp(course + slow + rng.normal(0, noise, (n, days * per_day)))


def uptime(days, share_failing, *, seed=1):
    """Shares of 15 checks a step that succeed; `share_failing` by day."""
    failing = np.repeat(np.broadcast_to(share_failing, days), PER_DAY)
    return 1 - np.random.default_rng(seed).binomial(15, failing) / 15


def since(day, *, end=None, per_day=PER_DAY):
    """Steps from a day on, up to `end`."""
    return slice(round(day * per_day), None if end is None else round(end * per_day))


def accepted(*rows):
    """(series, onset as a day, day of the decision)."""
    frame = pd.DataFrame(rows, columns=["series_id", "start", "time"])
    times = {name: (START + frame[name].astype(float) * DAY).astype("datetime64[ms, UTC]") for name in ("start", "time")}
    return frame.assign(**times)


def read(ref, key):
    """What lies under the key that a panel was made with: parts of it have keys of their own."""
    return made.read(replace(ref, key=key))


def changes_of(ref, *, masks=NO_MASKS, places=None, accepted, settings=SETTINGS):
    """Changes of the series of one panel."""
    whole = replace(ref, read=partial(read, key=ref.key))
    (chain,) = history.weeks([whole], masks, accepted, places or {}, now_ms=ref.end_ms)
    return panels.changes_of_weeks(chain, settings=settings)


def found(
    *values, signal="latency_ms", masks=NO_MASKS, decided=(), step_s=STEP_S, settings=SETTINGS, places=None, names="abcdefgh", n_checks=1
):
    """Changes of series a/eu/…, b/eu/…; days since the start in place of times."""
    series = {(name, "eu"): one for name, one in zip(names, values, strict=False)}
    (ref,) = made.signals(series, start=START, step_s=step_s, signal=signal, n_checks=n_checks)
    table = changes_of(ref, masks=masks, places=places or {}, accepted=accepted(*decided), settings=settings)
    assert table.columns.tolist() == [*tables.TABLES["changes"].names, "course"]
    times = {name: (table[name] - START) / DAY for name in table.columns if name.startswith(("start", "end", "detected", "learnt"))}
    return table.assign(**times).sort_values(["series_id", "detected_at"], ignore_index=True)


def test_a_step_is_found_once_and_stays_open_with_its_onset_in_the_interval():
    values = latency(60)
    values[0, since(40.25)] *= 1.2
    (change,) = found(*values).itertuples()
    assert (change.kind, change.direction) == ("level", "regression")
    assert change.start_low <= 40.25 <= change.start_high
    assert change.start_high - change.start_low < 0.5
    assert 40.25 < change.detected_at < 42.5
    assert pd.isna(change.end)
    assert change.effect_low < 0.2 < change.effect_high
    assert change.before == pytest.approx(100 * np.exp(-0.2 * 2 / 7), rel=0.02)
    assert change.p_value < 1e-9
    assert (change.learnt_from, change.learnt_to) == (0, 28)


def test_a_step_that_goes_back_is_over():
    values = latency(60)
    values[0, since(35, end=42)] *= 1.25
    (change,) = found(*values).itertuples()
    assert 42 < change.end < 47
    assert change.effect == pytest.approx(0.25, abs=0.05)


def test_what_becomes_faster_is_an_improvement():
    values = latency(50)
    values[0, since(35)] /= 1.2
    assert found(*values)["direction"].tolist() == ["improvement"]
    assert found(*values, signal="requests")["direction"].tolist() == ["neutral"]


@pytest.fixture(scope="module")
def eventful():
    """Series that change in every way, some more than once."""
    values = latency(130, n=8, seed=3)
    rng = np.random.default_rng(4)
    values[0, since(40)] *= 1.15
    values[1, since(10, end=16)] *= 1.4
    values[1, since(60, end=75)] *= 1.2
    values[2, since(50)] *= 1 + 0.02 * np.arange(80 * PER_DAY) / (10 * PER_DAY)  # 2 % in ten days
    values[3, since(45)] *= np.exp(rng.normal(0, 0.08, 85 * PER_DAY))
    values[4, since(45)] *= np.where(rng.random(85 * PER_DAY) < 0.04, 3, 1)
    values[5, since(45)] *= np.exp(0.3 * np.sin(2 * np.pi * np.arange(85 * PER_DAY) / PER_DAY))
    values[6, since(33, end=50)] *= 1.2
    values[6, since(90)] *= 1.2
    values[7, since(30)] *= 1.035
    return values


@pytest.fixture(scope="module")
def told(eventful):
    return found(*eventful, decided=DECIDED)


@pytest.fixture(scope="module")
def told_early(eventful):
    """What is told of the first ten weeks, when nothing was decided."""
    return found(*eventful[:, : 70 * PER_DAY])


DECIDED = [("a/eu/latency_ms", 40, 44), ("g/eu/latency_ms", 90, 92)]


def test_every_way_to_change_is_found(told):
    kinds = told.groupby("series_id")["kind"].agg(set).tolist()
    wanted = ["level", "level", "level", "spread", "tail", "season", "level", "level"]
    assert all(kind in of_series for kind, of_series in zip(wanted, kinds, strict=True))


@pytest.mark.parametrize("days", [12, 46, 49, 63, 99.25])
def test_no_future_value_changes_a_past_change(eventful, told, days):
    then = found(*eventful[:, : round(days * PER_DAY)], decided=DECIDED)
    known = told[told["detected_at"] <= days].reset_index(drop=True)
    pd.testing.assert_frame_equal(then.drop(columns=NEWER), known.drop(columns=NEWER))
    pd.testing.assert_series_equal(then["end"], known["end"].where(known["end"] <= days))
    end_ms = int((START + days * DAY).timestamp() * 1000)
    assert then["course"].tolist() == [tuple(one for one in course if one[0] <= end_ms) for course in known["course"]]


def test_the_course_of_a_change_says_how_sure_it_was_from_when_on(told):
    course = changes.course_of(told.assign(detected_at=START + told["detected_at"] * DAY))
    for (_, detected_at), rows in course.groupby(["series_id", "detected_at"]):
        assert rows["at"].iloc[0] == detected_at.as_unit("ms")
        assert rows["at"].is_monotonic_increasing
        assert rows["p_value"].is_monotonic_decreasing
    # The step of 15 % is as sure as can be told within days, and never surer than its evidence at the end says.
    last = course.groupby("series_id")["p_value"].last()["a/eu/latency_ms"]
    (step,) = told[told["series_id"] == "a/eu/latency_ms"].itertuples()
    assert step.p_value <= last < 1e-5


@pytest.mark.parametrize("days", [45, 48, 60])
def test_no_future_value_changes_a_past_change_of_availability(days):
    failing = np.where(np.arange(80) < 40, 0.001, 0.006)
    values = uptime(80, failing)
    options = {"signal": "availability", "n_checks": 15}
    whole, then = found(values, **options), found(values[: days * PER_DAY], **options)
    known = whole[whole["detected_at"] <= days].reset_index(drop=True)
    assert len(whole)
    pd.testing.assert_frame_equal(then.drop(columns=NEWER), known.drop(columns=NEWER))


def test_a_service_that_fails_more_is_a_regression_of_its_availability():
    (change,) = found(uptime(70, np.where(np.arange(70) < 40, 0.001, 0.01)), signal="availability", n_checks=15).itertuples()
    assert (change.kind, change.direction) == ("availability", "regression")
    assert change.start_low <= 40 <= change.start_high
    assert change.effect == pytest.approx(0.009, abs=0.002)
    assert change.before == pytest.approx(0.001, abs=0.0004)


def test_an_accepted_change_is_learnt_and_the_next_one_told_against_it():
    values = latency(90)
    values[0, since(35)] *= 1.2
    values[0, since(70)] *= 1.2
    first, second = found(*values, decided=[("a/eu/latency_ms", 35, 40)]).itertuples()
    assert first.learnt_to == 28
    assert (second.learnt_from, second.learnt_to) == (35, 63)
    assert second.start_low <= 70 <= second.start_high
    assert second.effect == pytest.approx(0.2, abs=0.03)


def test_what_was_accepted_early_is_learnt_once_it_is_a_week_old():
    values = latency(60)
    values[0, since(35)] *= 1.2
    values[0, since(50)] /= 1.2
    first, back = found(*values, decided=[("a/eu/latency_ms", 35, 36.5)]).itertuples()
    assert pd.isna(first.end)
    assert (back.direction, back.learnt_from) == ("improvement", 35)
    assert back.learnt_to == 49


def test_after_an_accepted_change_nothing_older_is_learnt():
    values = latency(160)
    values[0, since(110)] *= 1.2  # the reference of day 119 would hold both levels
    values[0, since(140)] *= 1.1
    last = found(*values, decided=[("a/eu/latency_ms", 110, 115)]).iloc[-1]
    assert last["learnt_from"] == 110
    assert last["effect"] == pytest.approx(0.1, abs=0.03)


def test_what_was_over_is_not_learnt():
    values = latency(160)
    values[0, since(95, end=105)] *= 2
    values[0, since(130)] *= 1.1
    back, last = found(*values).itertuples()
    assert back.end < 110
    assert last.learnt_to == 119
    assert last.before == pytest.approx(100 * np.exp(-0.2 * 2 / 7), rel=0.02)


def test_masks_are_not_judged():
    values = latency(50)
    values[0, since(35, end=40)] *= 1.5
    begin, end = (int((START + day * DAY).timestamp() * 1000) for day in (35, 40))
    mask = pd.DataFrame({"service": ["a"], "region": [None], "start_ms": [begin], "end_ms": [end]})
    assert len(found(*values)) == 1
    assert len(found(*values, masks=mask)) == 0


def test_holidays_are_not_judged():
    values = latency(99, seed=2)
    values[0, since(88, end=89)] *= 2  # Good Friday and Easter Monday 2026
    values[0, since(91, end=92)] *= 2
    masked = values.copy()
    masked[0, since(88, end=89)] = masked[0, since(91, end=92)] = np.nan
    told = found(*values, places={"eu": ("UTC", "GB-ENG")})
    pd.testing.assert_frame_equal(told, found(*masked, places={"eu": ("UTC", "GB-ENG")}))


@pytest.mark.parametrize("signal", ["disk_used_bytes", "certificate_days_left"])
def test_a_series_that_only_grows_or_ages_is_not_judged(signal):
    line = np.arange(60 * PER_DAY) / PER_DAY
    noise = np.random.default_rng(2).normal(0, 0.01, len(line))
    assert len(found(50 + line + noise, 90 - line, signal=signal)) == 0


def test_what_never_varies_is_missing_or_down_is_no_change():
    flat, nothing = np.full(60 * PER_DAY, 5.0), np.full(60 * PER_DAY, np.nan)
    assert len(found(flat, nothing)) == 0
    assert len(found(flat, nothing, signal="load")) == 0
    assert len(found(np.zeros(len(flat)), np.ones(len(flat)), nothing, signal="availability")) == 0


@pytest.mark.parametrize(("step_s", "days"), [(86_400, 200), (60, 30), (3600, 90)])
def test_steps_of_any_length_alarm_rarely_and_see_a_step(step_s, days):
    per_day = 86_400 // step_s
    values = latency(days, n=4, seed=6, per_day=per_day) if per_day > 1 else np.random.default_rng(6).normal(100, 8, (4, days))
    values[3, since(days - 14, per_day=per_day)] *= 1.5
    told = found(*values, step_s=step_s)
    assert told["series_id"].tolist() == ["d/eu/latency_ms"]


def test_a_sparse_series_alarms_rarely_and_sees_a_step():
    values = latency(100, n=4)
    values[3, since(80)] *= 1.5
    values[np.random.default_rng(7).random(values.shape) < 0.95] = np.nan
    assert found(*values)["series_id"].tolist() == ["d/eu/latency_ms"]


def test_a_late_born_series_is_judged_from_its_own_beginning():
    values = latency(60, n=2)
    values[1, since(0, end=30.5)] = np.nan
    values[1, since(45)] *= 1.3
    (ref,) = made.signals({("a", "eu"): values[0], ("b", "eu"): values[1]}, start=START, step_s=STEP_S, signal="latency_ms")
    ref.series.loc[1, "first"] = START + 30.5 * DAY
    (change,) = changes_of(ref, accepted=accepted()).itertuples()
    assert change.series_id == "b/eu/latency_ms"
    assert (change.learnt_from, change.learnt_to) == (START + 30 * DAY, START + 44 * DAY)


def test_quiet_series_alarm_as_rarely_as_they_may():
    # 16 series for 93 judged days are four years: four alarms are what the default allows, ten would be too many (p = 0.008).
    assert len(found(*latency(100, n=8, seed=10))) + len(found(*latency(100, n=8, seed=11))) < 10


def test_order_of_series_changes_nothing(eventful, told):
    order = [5, 2, 7, 0, 3, 6, 1, 4]
    shuffled = found(*eventful[order], names="".join("abcdefgh"[row] for row in order), decided=DECIDED)
    pd.testing.assert_frame_equal(shuffled, told)


def test_no_series_is_judged_otherwise_for_its_neighbours(eventful):
    sparse = np.where(np.random.default_rng(8).random(eventful.shape) < 0.9, np.nan, eventful)[:3]
    together = found(*eventful[:2, : 70 * PER_DAY], *sparse[:, : 70 * PER_DAY])
    pd.testing.assert_frame_equal(together[together["series_id"] < "c"], found(*eventful[:2, : 70 * PER_DAY]))


def test_the_unit_of_a_latency_scales_nothing_but_what_was_before(eventful):
    free = params.Baseline(min_latency_change_ms=0)
    values = eventful[2:6, : 70 * PER_DAY]
    short, long = found(*values, settings=free), found(*values * 64, settings=free)
    pd.testing.assert_frame_equal(long.assign(before=long["before"] / 64), short, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "value", "row", "kind"),
    [
        ("min_relative_change", 0.5, 0, "level"),
        ("min_effect_size", 9.0, 0, "level"),
        ("min_latency_change_ms", 50.0, 0, "level"),
        ("min_shape_change", 3.0, 3, "spread"),
        ("min_slow_change", 0.5, 4, "tail"),
        ("min_shape_change", 9.0, 5, "season"),
        ("min_effect_size", 9.0, 5, "season"),
    ],
)
def test_what_is_too_small_is_not_told(eventful, told_early, name, value, row, kind):
    values = eventful[row, : 70 * PER_DAY]
    assert kind in told_early.loc[told_early["series_id"] == f"{'abcdefgh'[row]}/eu/latency_ms", "kind"].tolist()
    assert kind not in found(values, settings=params.Baseline(**{name: value}))["kind"].tolist()


def test_too_few_failures_more_are_not_told():
    values, options = uptime(60, np.where(np.arange(60) < 40, 0.001, 0.01)), {"signal": "availability", "n_checks": 15}
    assert len(found(values, **options)) == 1
    assert len(found(values, settings=params.Baseline(min_failing_change=0.02), **options)) == 0
