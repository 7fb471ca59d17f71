"""Anomalies in words."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from analytics.anomalies import explain
from tests.alerts.made import plain
from tests.anomalies.made import SETTINGS, at, episode, episodes

REGIONS = pd.DataFrame(
    [("eu", "Europe/Berlin", "DE"), ("us", "America/New_York", "US"), ("fr", "Europe/Paris", "FR")], columns=["region", "zone", "holidays"]
)


def row(**more):
    usual = {"service": "web", "region": "eu", "signal": "latency_ms", "effect": 0.84, "start": at(0), "end": at(25), "per_week": 0.01}
    return SimpleNamespace(**{**usual, **more})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (row(), "web in eu was 84 % slower than expected for 25 min from 2 Mar 00:00"),
        (row(end=pd.NaT, effect=-0.4), "web in eu has been 40 % faster than expected since 2 Mar 00:00"),
        (row(region=None, effect=1.0053), "web was 2 times as slow as expected for 25 min from 2 Mar 00:00"),
        (row(signal="requests", effect=-0.6), "requests of web in eu was 60 % lower than expected for 25 min from 2 Mar 00:00"),
        (
            row(signal="availability", effect=0.8),
            "80 more of 100 checks of web in eu failed than usual for 25 min from 2 Mar 00:00",
        ),
        (row(signal="availability", effect=0.9996), "all checks of web in eu failed for 25 min from 2 Mar 00:00"),
    ],
)
def test_headlines(given, said):
    assert plain(explain.headline(given, "UTC")) == said


@pytest.mark.parametrize(
    ("per_week", "said"),
    [
        (0.0, "less than once in a thousand years"),
        (1e-9, "less than once in a thousand years"),
        (0.001, "once in 19 years"),
        (1 / 52.18, "once in a year"),
        (0.04, "once in 25 weeks"),
        (0.25, "0.25 times a week"),
    ],
)
def test_how_rarely_chance_makes_as_much(per_week, said):
    members = episodes(episode(per_week=per_week)).assign(anomaly_id="a")
    one = members.assign(score=80.0)
    (text,) = explain.explanations(one, members, regions=REGIONS, settings=SETTINGS, zone="UTC")
    assert f"chance alone does as much {said} in this service" in plain(text)


def test_what_else_moved_and_what_would_have_kept_it_silent_is_said():
    members = episodes(episode(per_week=0.01), episode("web/us/availability", per_week=0.02, effect=0.3)).assign(anomaly_id="a")
    one = members.iloc[[0]].assign(score=80.0)
    (text,) = explain.explanations(one, members, regions=REGIONS, settings=SETTINGS, zone="UTC")
    assert plain(text) == (
        "2 Mar 00:00: 200 ms where 100 ms [80, 120] was expected. Found by the value against a forecast from the values before: chance "
        "alone does as much once in 1.9 years in this service; the budget is 0.25 a week. Strange with it: 30 more of 100 checks fail in "
        "us. It would have been silent with min_relative_effect above 1, or a budget below 0.01 a week."
    )


def test_what_all_checks_show_no_parameter_would_have_kept_silent():
    members = episodes(episode("web/us/availability", effect=0.9996, observed=0.0, expected=1.0, low=0.98, high=1.0)).assign(anomaly_id="a")
    (text,) = explain.explanations(members.assign(score=80.0), members, regions=REGIONS, settings=SETTINGS, zone="UTC")
    assert "0 % of the checks succeeded where 100 % [98, 100] was expected." in plain(text)
    assert plain(text).endswith("It would have been silent with declared maintenance only.")


def holidays_said(*rows):
    members = episodes(*({**row, "per_week": 0.01} for row in rows)).assign(anomaly_id="a")
    (text,) = explain.explanations(members.iloc[[0]].assign(score=80.0), members, regions=REGIONS, settings=SETTINGS, zone="UTC")
    return plain(text).rpartition("a budget below 0.01 a week.")[2].strip()


# From 2 March on: 59.9 days later it is already 1 May in Berlin.
EVE, HOLIDAY, AFTER = (int(minutes) for minutes in (60 * 24 * 60 - 180, 60 * 24 * 60 - 60, 61 * 24 * 60))


def test_a_holiday_on_that_day_or_the_day_before_is_said():
    assert holidays_said(episode(start=EVE)) == ""
    assert holidays_said(episode(start=HOLIDAY)) == "1 May was a holiday in DE: Labor Day."
    assert holidays_said(episode(start=AFTER)) == "1 May was a holiday in DE: Labor Day."
    assert holidays_said(episode("web/us/load", start=AFTER)) == ""
    assert "holiday" not in holidays_said(episode("web/eu/availability", start=HOLIDAY, detector="failures"))


def test_a_holiday_of_several_regions_is_said_once():
    assert holidays_said(episode(start=AFTER), episode("web/fr/latency_ms", start=AFTER), episode("web/us/latency_ms", start=AFTER)) == (
        "1 May was a holiday in DE and FR: Labor Day."
    )
