"""What moves too slowly for the windows of the scan is told, followed, and over when it is back or accepted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from analytics import params
from analytics.baseline import creep, history
from tests.baseline import panels
from tests.baseline.test_holds import DAY, START, latency, read
from tests.slo import made

NO_MASKS = pd.DataFrame({"service": [], "region": [], "start_ms": [], "end_ms": []})
SETTINGS = params.Baseline()
ONLY_CREEP = SETTINGS.model_copy(update={"false_alarms_per_series_year": 1e-15})
"""With so little chance allowed the windows of the scan tell nothing."""
WEEK_H = 168


def accepted(*rows):
    """(series, onset, decision), the times in days."""
    frame = pd.DataFrame(rows, columns=["series_id", "start", "time"])
    return frame.assign(**{name: (START + frame[name].astype(float) * DAY).astype("datetime64[ms, UTC]") for name in ("start", "time")})


def told(values, *, signal="latency_ms", decided=(), days=None, settings=ONLY_CREEP):
    """Changes of series a/eu/…, b/eu/… by the hour, times in days."""
    series = {(name, "eu"): one[: None if days is None else days * 24] for name, one in zip("abcdefgh", values, strict=False)}
    (ref,) = made.signals(series, start=START, step_s=3600, signal=signal, n_checks=60)
    whole = replace(ref, read=partial(read, key=ref.key))
    (chain,) = history.weeks([whole], NO_MASKS, accepted(*decided), {}, now_ms=ref.end_ms)
    table = panels.changes_of_weeks(chain, settings=settings)
    times = {name: (table[name] - START) / DAY for name in ("start", "detected_at", "end")}
    return table.assign(**times).sort_values(["series_id", "detected_at"], ignore_index=True)


def uptime(share_failing, *, n=1, seed=1):
    """Shares of 60 checks an hour that succeed: by the hour the share that fails, in failures of one check."""
    rng = np.random.default_rng(seed)
    return 1 - rng.poisson(60 * np.asarray(share_failing), (n, len(share_failing))).clip(0, 60) / 60


@pytest.fixture(scope="module")
def crept_and_back():
    """Half a percent a week for 26 weeks, then as fast again as at the beginning for 20 weeks."""
    week = np.arange(46 * WEEK_H) / WEEK_H
    return latency(46 * 7, n=4, noise=0.1, seed=3) * np.exp(0.005 * np.where(week < 26, week, 0))


def test_a_creep_that_went_back_is_over(crept_and_back):
    found = told(crept_and_back)
    assert found["series_id"].tolist() == [f"{name}/eu/latency_ms" for name in "abcd"]
    assert (np.expm1(0.005 * found["detected_at"] / 7) < 0.09).all()
    # Four weeks that look as before are enough, and they are looked at every four weeks.
    assert found["end"].tolist() == [32 * 7] * 4


def test_a_creep_that_goes_on_is_told_as_large_as_it_is(crept_and_back):
    then, later = (told(crept_and_back, days=7 * weeks) for weeks in (16, 26))
    assert then["end"].isna().all()
    assert (later["effect"] > then["effect"] + 0.02).all()
    assert (later["effect_low"] < np.expm1(0.005 * 20)).all()
    pd.testing.assert_series_equal(then["effect_told"], later["effect_told"])
    assert all(len(one) > len(other) for one, other in zip(later["course"], then["course"], strict=True))


@pytest.mark.parametrize("weeks", [17, 22, 30, 35])
def test_no_future_value_changes_what_crept(crept_and_back, weeks):
    whole, then = told(crept_and_back), told(crept_and_back, days=weeks * 7)
    known = whole[whole["detected_at"] <= weeks * 7].reset_index(drop=True)
    same = ["series_id", "kind", "detected_at", "start", "start_low", "start_high", "effect_told", "before"]
    pd.testing.assert_frame_equal(then[same], known[same])
    pd.testing.assert_series_equal(then["end"], known["end"].where(known["end"] <= weeks * 7))


def test_an_accepted_creep_is_the_new_normal_from_where_it_has_arrived():
    week = np.arange(52 * WEEK_H) / WEEK_H
    values = latency(52 * 7, n=2, noise=0.1, seed=5) * np.exp(0.005 * np.minimum(week, 24))
    first = told(values).iloc[0]
    assert told(values)["series_id"].unique().tolist() == ["a/eu/latency_ms", "b/eu/latency_ms"]
    after = told(values, decided=[(first["series_id"], first["start"], 26 * 7)])
    # Nobody is told again of the way up.
    assert after["series_id"].tolist() == ["a/eu/latency_ms", "b/eu/latency_ms"]
    assert after["end"].isna().all()
    # From then on it is held against where it was accepted.
    onward = values * np.exp(0.005 * np.maximum(week - 30, 0))
    again = told(onward, decided=[(first["series_id"], first["start"], 26 * 7)])
    last = again[again["series_id"] == first["series_id"]].iloc[-1]
    assert last["detected_at"] > 34 * 7
    assert last["before"] == pytest.approx(values[0, 24 * WEEK_H :].mean() / 1.025, rel=0.04)


@pytest.fixture(scope="module")
def failing():
    """Ever more failures, from 1 in 2,000 checks by as much again every eight weeks, for 40 weeks; beside it one that stays as it is."""
    week = np.arange(40 * WEEK_H) / WEEK_H
    return np.concatenate([uptime(0.0005 * (1 + week / 8), seed=4), uptime(np.full(len(week), 0.0005), seed=5)])


def test_failures_that_become_more_are_told_and_kept(failing):
    found = told(failing, signal="availability")
    assert found["series_id"].unique().tolist() == ["a/eu/availability"]
    first = found.iloc[0]
    assert (first["kind"], first["direction"]) == ("availability", "regression")
    assert first["detected_at"] <= 28 * 7
    assert pd.isna(first["end"])
    assert first["before"] == pytest.approx(0.0006, rel=0.3)
    assert first["effect"] == pytest.approx(0.0005 * (1 + 38 / 8) - 0.0006, rel=0.2)


def creepers(values, dispersion):
    names = np.array([f"{name}/eu/availability" for name in "abcdefgh"[: len(values)]], object)
    scale = history.Scale("logit", "UTC", "")
    return creep.Creepers(names, np.array(["availability"] * len(values), object), scale, 3600, np.full(len(values), dispersion))


class Years:
    """A reader of hourly values from step 0 on."""

    def __init__(self, values):
        self.all_of_them = values
        (ref,) = made.signals({("a", "eu"): values[0]}, start=START, step_s=3600, signal="availability")
        self.week = history.Week("", (ref,), 0, 0, values.shape[1], NO_MASKS, accepted(), {})

    def values(self, names, scale, begin, end):
        rows = ["abcdefgh".index(name[0]) for name in names]
        return self.all_of_them[rows, begin:end].astype(np.float32), None


def test_failures_are_compared_by_hours_in_which_they_begin_not_by_how_long_they_last():
    """One outage of a day is one failure: the weeks before and since are alike."""
    values = uptime(np.full(20 * WEEK_H, 0.0005), n=2, seed=6)
    values[1, 18 * WEEK_H : 18 * WEEK_H + 24] = 0
    assert creep.crept(Years(values), creepers(values, 1.2), born=0, learnt_to=4 * WEEK_H, stop=20 * WEEK_H, settings=SETTINGS).empty


def test_how_often_failures_vary_says_what_is_rare():
    values = uptime(np.repeat([0.0005, 0.002], 10 * WEEK_H), n=4, seed=7)
    at = {"born": 0, "learnt_to": 4 * WEEK_H, "stop": 20 * WEEK_H, "settings": SETTINGS}
    steady, bursts = (creep.crept(Years(values), creepers(values, dispersion), **at) for dispersion in (1.2, 20.0))
    assert len(steady) == 4
    assert bursts.empty
    np.testing.assert_allclose(steady["effect"], 0.0015, rtol=0.4)
    assert ((steady["change_low"] < np.log(4)) & (np.log(4) < steady["change_high"])).all()
    # In a world that does not change one look in a thousand finds something.
    quiet = uptime(np.full(20 * WEEK_H, 0.002), n=8, seed=8)
    assert creep.crept(Years(quiet), creepers(quiet, 1.2), **at).empty


def test_what_is_told_of_failures_matters():
    values = uptime(np.repeat([0.0005, 0.002], 10 * WEEK_H), n=4, seed=7)
    strict = params.Baseline(min_failing_change=0.004)
    assert creep.crept(Years(values), creepers(values, 1.2), born=0, learnt_to=4 * WEEK_H, stop=20 * WEEK_H, settings=strict).empty
