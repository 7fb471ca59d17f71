"""What began together is one anomaly; several strange series pay less for having been looked at."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from analytics.anomalies.join import course_of, join, joint_rate
from tests.anomalies.made import at, episode, episodes

NEAR = pd.Timedelta(minutes=30)


def groups(*rows):
    """Indices of the episodes that are one anomaly."""
    ids = join(episodes(*rows), near=NEAR)
    return sorted(sorted(group.index.tolist()) for _, group in ids.groupby(ids))


def test_what_begins_within_half_an_hour_in_one_service_is_one():
    assert groups(episode("web/eu/latency_ms", 0), episode("web/us/availability", 29), episode("web/us/latency_ms", 60)) == [[0, 1], [2]]


def test_other_services_are_others():
    assert groups(episode("web/eu/latency_ms", 0), episode("db/eu/latency_ms", 0)) == [[0], [1]]


def test_what_comes_back_in_its_series_is_the_same():
    again = (episode("web/eu/latency_ms", 0, 200), episode("web/us/latency_ms", 100, 110), episode("web/eu/latency_ms", 225, 230))
    assert groups(*again) == [[0, 2], [1]]
    assert groups(again[0], episode("web/eu/latency_ms", 231, 240)) == [[0], [1]]


def test_an_id_does_not_change_when_others_join():
    first, later = episode("web/eu/latency_ms", 10, known=15), episode("web/us/latency_ms", 0, known=40)
    alone, both = join(episodes(first), near=NEAR), join(episodes(first, later), near=NEAR)
    assert both.tolist() == [alone[0]] * 2


def test_one_strange_series_pays_for_all_that_were_looked_at():
    assert joint_rate([0.01], 9) == pytest.approx(0.09)
    assert joint_rate([0.01, 0.012, 5.0], 9) == pytest.approx(0.012 * 9 / 2)
    assert joint_rate([1.0] * 9, 9) == 1.0


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=9))
def test_a_further_series_never_makes_it_less_strange(rates):
    assert joint_rate([*rates, 3.0], 10) <= joint_rate(rates, 10)


def test_the_course_knows_only_what_was_known_then():
    members = episodes(episode("web/eu/latency_ms", 0), episode("web/us/latency_ms", 10)).assign(anomaly_id="a")
    looks = pd.DataFrame(
        [
            ("web/eu/latency_ms", at(0), at(5), 0.5, 0.02),
            ("web/us/latency_ms", at(10), at(15), 0.5, 0.03),
            ("web/eu/latency_ms", at(0), at(25), 0.25, 0.01),
        ],
        columns=["series_id", "start", "known_at", "effect", "per_week"],
    )
    share = pd.Series({("web", "eu"): 0.5, ("web", "us"): 0.5})
    course = course_of(members, looks, pd.Series({"web": 4}), share)
    assert course["known_at"].tolist() == [at(5), at(15), at(25)]
    assert course["n_series"].tolist() == [1, 2, 2]
    assert course["per_week"].tolist() == pytest.approx([0.08, 0.06, 0.04])
    # Half as slow again is half as bad, in half of the checks, for half of ten minutes.
    assert course["severity"].tolist() == pytest.approx([100 * 0.5 * (1 - 2**-0.5) * 0.5, 50 * (1 - 2**-1.5), 50 * (1 - 2**-2.5)])
