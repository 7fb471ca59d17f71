"""Severity, its factors, and what a drift costs."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from analytics import tables
from analytics.drift import severity
from tests.drift import made


def scored(*rows, now=48.0, **options):
    return severity.grade(made.changes(*rows), now=made.at(now), **options)


def test_severity_written_out():
    found = scored(made.change(effect_low=0.4, effect_high=0.6, exposure=1.0), made.change(effect_low=0.4, effect_high=0.6, exposure=0.5))
    npt.assert_allclose(found["effect_factor"], 0.75)
    npt.assert_allclose(found["duration_factor"], 0.75)
    npt.assert_allclose(found["severity"], [56.25, 28.125])


def test_improvement_is_as_negative_as_a_regression_is_positive():
    worse = scored(made.change(effect_low=0.2, effect_high=0.3, exposure=1.0))
    better = scored(made.change(effect_low=-0.3, effect_high=-0.2, direction="improvement", exposure=1.0))
    npt.assert_allclose(worse["severity"], 37.5)
    npt.assert_allclose(better["severity"], -worse["severity"])


def test_lost_availability_is_a_positive_severity():
    found = scored(made.change(kind="availability", effect_low=-0.02, effect_high=-0.01, exposure=1.0))
    npt.assert_allclose(found["severity"], 100 * 0.5 * 0.75)


def test_noise_cannot_score():
    assert scored(made.change(effect_low=-0.01, effect_high=5.0, exposure=1.0))["severity"].tolist() == [0]


def test_neither_worse_nor_better_is_not_severe():
    assert scored(made.change(direction="neutral", exposure=1.0))["severity"].tolist() == [0]


def test_another_shape_of_the_day_counts_by_the_hours_that_became_slower():
    """A day with a root mean square of 0.4 that surely swings 111 % more is slower by 0.2 of the level, averaged over the day."""
    usual = {"kind": "season", "direction": "neutral", "exposure": 1.0, "day_size": 0.4, "effect_low": 1.11, "effect_high": 1.2}
    less = {"effect_low": -1.2, "effect_high": -1.11}
    found = scored(made.change(**usual), made.change(**usual | less))
    npt.assert_allclose(found["effect_factor"], 0.5, atol=0.001)
    npt.assert_allclose(found["severity"], 37.5, atol=0.1)
    assert scored(made.change(**usual | {"day_size": np.nan}))["severity"].tolist() == [0]


def test_a_sine_is_above_zero_by_this_much_on_average():
    wave = np.sqrt(2) * np.sin(np.linspace(0, 2 * np.pi, 10_001)[:-1])
    npt.assert_allclose(np.maximum(wave, 0).mean(), severity.WAVE, rtol=1e-5)


def test_an_unknown_effect_does_not_score():
    assert scored(made.change(effect_low=np.nan, effect_high=np.nan, exposure=1.0))["severity"].tolist() == [0]


def test_what_is_over_lasts_no_longer():
    found = scored(made.change(end=24.0, exposure=1.0), made.change(end=24.0, exposure=1.0), now=1000.0)
    npt.assert_allclose(found["duration_factor"], 0.5)


def test_end_after_now_is_not_known_yet():
    assert scored(made.change(end=900.0, exposure=1.0), now=24.0)["duration_factor"].tolist() == [0.5]


def test_unknown_exposure_has_unknown_severity():
    assert scored(made.change(exposure=np.nan))["severity"].isna().all()


sizes = st.floats(0, 10)


@given(effect=sizes, more=sizes, exposure=st.floats(0, 1), hours=st.floats(0, 1e5))
def test_severity_is_bounded_and_grows_with_the_effect_and_the_time(effect, more, exposure, hours):
    def one(effect, hours):
        return scored(made.change(effect_low=effect, effect_high=effect, exposure=exposure), now=hours)["severity"].iloc[0]

    assert 0 <= one(effect, hours) <= one(effect + more, hours) <= 100
    assert one(effect, hours) <= one(effect, 2 * hours)


@pytest.mark.parametrize("option", ["half_effects", "half_days"])
def test_larger_halves_make_less_of_a_drift(option):
    row = made.change(exposure=1.0)
    less = {"half_effects": {kind: 2 * half for kind, half in severity.HALF_EFFECTS.items()}, "half_days": 2.0}[option]
    assert scored(row, **{option: less})["severity"].iloc[0] < scored(row)["severity"].iloc[0]


def test_every_kind_has_a_half_effect():
    assert set(severity.HALF_EFFECTS) == set(tables.DRIFT_KINDS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": "mood"}, "kind 'mood' is none of level"),
        ({"direction": "up"}, "direction 'up' is none of regression"),
        ({"exposure": 1.2}, "exposure 1.2: expected a share"),
    ],
)
def test_wrong_rows_are_refused(row, message):
    with pytest.raises(ValueError, match=message):
        scored(made.change(**{"exposure": 1.0, **row}))


def test_cost_written_out():
    found = severity.weekly_cost(
        pd.DataFrame(
            {
                "exposure": [0.5, 1.0, 1.0, 1.0],
                "checks_per_week": [2016.0, 2016, 2016, 2016],
                "effect_ms": [100.0, -10, np.nan, 1],
                "extra_bad_share": [0.002, np.nan, 0.01, 0.01],
                "objective": [0.999, 0.999, np.nan, 1.0],
            }
        )
    )
    npt.assert_allclose(found["excess_ms"], [100_800, -20_160, np.nan, 2016])
    npt.assert_allclose(found["budget_burnt"], [1, np.nan, np.nan, np.nan])
