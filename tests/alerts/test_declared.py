"""What was declared just before an anomaly is named as its likely reason; nothing that nobody knew then, or that concerns others, is."""

import pandas as pd
import pytest

from analytics import alerts
from analytics.alerts import declared
from tests.alerts.made import at, plain


def events(*rows):
    """(minute, service, region): a deploy each."""
    frame = pd.DataFrame(rows, columns=["start", "service", "region"])
    names = [f"e{number}" for number in range(len(frame))]
    return frame.assign(start=[at(minute) for minute in frame["start"]], event_id=names, kind="deploy", title=names)


def near(found, *, region="eu", start=60, known=70):
    rows = pd.DataFrame({"service": ["web"], "region": [region], "start": [at(start)], "known_at": [at(known)]})
    (said,) = declared.near(rows, found, zone="UTC")
    return said and plain(said)


@pytest.mark.parametrize(
    ("event", "is_named"),
    [
        ((50, "web", "eu"), True),
        ((50, "web", None), True),
        ((50, None, None), True),
        ((0, "web", "eu"), True),
        ((-1, "web", "eu"), False),
        ((50, "db", "eu"), False),
        ((50, "web", "us"), False),
        ((65, "web", "eu"), True),
        ((71, "web", "eu"), False),
    ],
)
def test_what_concerns_it_and_was_known_is_named(event, is_named):
    assert (near(events(event)) is not None) == is_named


def test_the_nearest_is_named():
    assert near(events((20, "web", "eu"), (50, None, None), (10, "web", "eu"))) == "deploy 'e1', 2 Mar 00:50"


def test_an_anomaly_of_several_regions_is_explained_by_an_event_in_one():
    assert near(events((50, "web", "us")), region=None) == "deploy 'e0', 2 Mar 00:50"


def test_findings_of_anomalies_name_it():
    anomalies = pd.DataFrame(
        {
            "anomaly_id": ["a"], "service": ["web"], "region": ["eu"], "signal": ["latency_ms"], "signals": [["latency_ms"]],
            "n_series": [1], "start": [at(60)], "end": [at(90)], "detected_at": [at(65)], "direction": ["regression"], "effect": [0.8],
            "score": [90.0], "observed": [184.0], "expected": [100.0], "low": [80.0], "high": [120.0],
        }
    )  # fmt: skip
    course = pd.DataFrame({"anomaly_id": ["a"], "known_at": [at(65)], "severity": [30.0], "effect": [0.8], "is_over": [False]})
    kept_back = pd.DataFrame({"anomaly_id": []})
    found = alerts.findings_of_anomalies(anomalies, course, kept_back, events((50, "web", None)), zone="UTC")
    assert [plain(event) for event in found["event"]] == ["deploy 'e0', 2 Mar 00:50"]
    assert [plain(size) for size in found["size"]] == ["184 ms where 100 ms [80, 120] was expected; score 90 of 100, 1 series"]
