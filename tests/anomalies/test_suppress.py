"""Every anomaly that is no alarm has a reason, the first that holds."""

from __future__ import annotations

import numpy as np
import pytest

from analytics import params
from analytics.anomalies.suppress import suppressed
from analytics.stats import alarms
from tests.anomalies.made import SETTINGS, episode, episodes, feedback, masks


def kept_back(*rows, masked=(), labels=(), per_week=0.01, **settings):
    """Reason and rule of one anomaly with these members."""
    members = episodes(*rows).assign(anomaly_id="a")
    first = members.sort_values("start").iloc[[0]]
    anomalies = first.assign(per_week=per_week, score=alarms.scores(np.float64(per_week)))
    chosen = SETTINGS.model_copy(update=settings)
    found = suppressed(anomalies, members, masks(*masked), feedback(*labels), settings=chosen, zone="UTC")
    return [(row.reason, row.rule.replace("\u00a0", " ")) for row in found.itertuples()]


def test_what_is_rare_and_large_is_told():
    assert kept_back(episode()) == []


def test_what_chance_makes_too_often_is_not():
    assert kept_back(episode(), per_week=0.3) == [
        (
            "budget",
            "chance alone does as much 0.3 times a week; the budget is 0.25 (anomalies.false_alarms_per_week, fleet_false_alarms_per_week)",
        )
    ]
    assert kept_back(episode(), per_week=0.3, false_alarms_per_week=1.0) == []


@pytest.mark.parametrize(
    ("row", "is_told"),
    [
        (episode(effect=0.14), False),
        (episode(effect=0.16), True),
        (episode(effect=-0.16), True),
        (episode(effect=0.16, expected=20.0), False),
        (episode("web/eu/requests", effect=0.16, expected=20.0), True),
        (episode("web/eu/availability", effect=0.009, expected=0.999), False),
        (episode("web/eu/availability", effect=0.011, expected=0.999), True),
    ],
)
def test_what_is_too_small_to_matter_is_not(row, is_told):
    assert [reason for reason, _ in kept_back(row)] == ([] if is_told else ["small"])


def test_the_rule_says_what_was_too_small():
    assert kept_back(episode(effect=0.14)) == [("small", "14 % is less than 15 % (anomalies.min_relative_effect)")]
    assert kept_back(episode(effect=1.16, expected=2.5)) == [
        ("small", "a difference of 2.9 ms is less than 5 ms (anomalies.min_latency_effect_ms)")
    ]


def test_a_single_failed_check_is_not_unless_something_else_shows_it():
    single = episode("web/eu/availability", effect=1.0, n_points=1)
    assert [reason for reason, _ in kept_back(single)] == ["short"]
    assert kept_back(single, episode("web/us/availability", effect=1.0, n_points=1)) == []
    assert kept_back(episode("web/eu/availability", effect=1.0, n_points=2)) == []


def test_regions_that_must_show_it():
    assert [reason for reason, _ in kept_back(episode(), min_regions=2)] == ["regions"]
    assert kept_back(episode(), episode("web/us/latency_ms"), min_regions=2) == []


def test_maintenance_explains_what_began_in_it():
    planned = ("web", None, 0, 30, "maintenance")
    said = [("maintenance", "declared maintenance from 2 Mar 00:00 to 2 Mar 00:30")]
    assert kept_back(episode(start=10), masked=[planned]) == said
    assert kept_back(episode(start=40), masked=[planned]) == []
    assert kept_back(episode(start=10), episode("web/us/latency_ms", 40), masked=[planned]) == []
    assert kept_back(episode(start=10), masked=[("db", None, 0, 30, "maintenance")]) == []
    assert kept_back(episode(start=10), masked=[(None, "us", 0, 30, "prober")]) == []
    assert kept_back(episode(start=10), masked=[("web", "eu", 0, 30, "incident")]) == []


def test_what_was_called_a_false_alarm_is_kept_back_with_its_like():
    (own,) = kept_back(episode(), labels=[(500, "a", "false", "30")])
    assert own == ("feedback", "this was called a false alarm by ada on 2 Mar: a batch job")
    (like,) = kept_back(episode(start=60), labels=[(30, "b", "false", "95")])
    assert like == ("feedback", "its like (b) was called a false alarm by ada on 2 Mar: a batch job")


@pytest.mark.parametrize(
    ("row", "labels"),
    [
        (episode(start=60), [(30, "b", "false", "20")]),  # stranger than what was called false
        (episode(start=121), [(30, "b", "false", "95")]),  # another time of day
        (episode(start=60), [(90, "b", "false", "95")]),  # said later
        (episode(start=60, effect=-0.5), [(30, "b", "false", "95")]),  # the other way
        (episode(start=60), [(30, "b", "false", "95"), (40, "b", "true", "95")]),  # taken back
        (episode(start=60), [(30, "b", "false", "95"), (900, "a", "true", "95")]),  # this one is true
    ],
)
def test_what_is_not_its_like_is_told(row, labels):
    assert kept_back(row, labels=labels) == []


def test_settings_are_checked():
    with pytest.raises(ValueError, match="false_alarms_per_week"):
        params.Anomalies(false_alarms_per_week=0)
