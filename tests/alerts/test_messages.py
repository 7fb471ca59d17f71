"""What an alert says to the person it wakes."""

import numpy as np
import pandas as pd

from analytics import alerts, params, tables
from tests.alerts import made
from tests.alerts.made import at, only, plain, row


def test_a_message_says_what_where_since_when_how_large_and_why():
    alert = only(row(size="[15, 21], 3.2 times its usual scatter", event="deploy 'web 2.4', 2 Mar 00:00", evidence="drift.html#a"))
    assert alert["title"] == "web: latency_ms +18 % in eu"
    assert plain(alert["text"]).splitlines() == [
        "What: latency_ms +18 %: [15, 21], 3.2 times its usual scatter (drift, worse)",
        "Where: web, eu",
        "Since: 2 Mar 2026 00:00, known 2 Mar 2026 00:10",
        "Likely why: deploy 'web 2.4', 2 Mar 00:00",
    ]
    assert alert[["event", "evidence"]].tolist() == ["deploy 'web 2.4', 2 Mar 00:00", "drift.html#a"]


def test_the_gravest_finding_that_goes_on_speaks_for_the_others():
    rows = [row(f"f{k}", 10, region=f"r{k}", severity=30.0 + k, what=f"signal {k} rose") for k in range(8)]
    over = row("f7", 60, region="r7", severity=37.0, what="signal 7 rose", end=50)
    lines = plain(only(*rows, over)["text"]).splitlines()
    assert only(*rows, over)["title"] == "web: signal 6 rose in r6, and 7 more"
    assert lines[0] == "What: signal 6 rose (drift, worse)"
    assert lines[1] == "Where: web, r0, r1, r2 and 5 more"
    assert lines[4:] == [*(f"Also: signal {k} rose (drift, worse) in r{k}" for k in (5, 4, 3, 2, 1)), "Also: 2 more"]


def test_a_resolved_alert_says_since_when_and_why_it_is_over():
    lines = plain(only(row(region=None), row(known=60, end=50, region=None, state="accepted"))["text"]).splitlines()
    assert lines[1:4] == [
        "Where: web, all its regions",
        "Since: 2 Mar 2026 00:00, known 2 Mar 2026 00:10; over 2 Mar 2026 00:50, it was accepted as the new normal",
        "Likely why: nothing was declared near its start",
    ]


def test_an_alert_that_came_back_says_how_often():
    rows = row("a", 10), row("a", 60, end=50), row("b", 300, start=290)
    assert plain(only(*rows)["text"]).splitlines()[-1] == "It came back 1 time after it was resolved."


SERIES = pd.DataFrame(
    {
        "series_id": ["s1", "s2", "s3"],
        "service": ["web", "web", "db"],
        "region": ["eu", "us", "eu"],
        "signal": ["latency_ms", "latency_ms", "cpu"],
    }
)
EVENTS = pd.DataFrame({"event_id": ["e1"], "kind": ["deploy"], "title": ["web 2.4"], "start": [at(-5)]})


def drifts(*rows):
    usual = {
        "kind": "level", "direction": "regression", "start": at(0), "detected_at": at(300), "end": pd.NaT, "state": "open",
        "effect": 0.18, "effect_low": 0.15, "effect_high": 0.21, "effect_size": 3.24, "severity": 42.0, "event_id": None,
    }  # fmt: skip
    return pd.DataFrame([usual | {"drift_id": f"d{k}"} | one for k, one in enumerate(rows)])


def of(found, *members):
    rows = pd.DataFrame(members, columns=["drift_id", "series_id"])
    return alerts.findings_of_drifts(found, rows, SERIES, EVENTS, zone="UTC")


def test_a_drift_is_a_finding():
    found = of(drifts({"event_id": "e1"}), ("d0", "s1"), ("d0", "s2"))
    tables.validate(found, tables.FINDINGS)
    assert len(found) == 1
    one = found.iloc[0]
    assert one[["finding", "finding_id", "service", "region", "state", "severity", "direction"]].tolist() == [
        "drift", "d0", "web", None, "open", 42.0, "regression",
    ]  # fmt: skip
    assert one["signals"] == ["latency_ms"]
    assert plain(one["what"]) == "latency_ms +18 %"
    assert plain(one["size"]) == "[15, 21], 3.2 times its usual scatter"
    assert plain(one["event"]) == "deploy 'web 2.4', 1 Mar 23:55"
    assert one["evidence"] == "drift.html#d0"
    assert one["known_at"] == at(300)


def test_a_drift_that_is_over_has_a_second_row_that_says_so():
    found = of(
        drifts({"end": at(900), "state": "reverted", "kind": "spread", "severity": -42.0, "effect": -0.2, "direction": "improvement"}),
        ("d0", "s1"),
    )
    assert found["state"].tolist() == ["open", "reverted"]
    assert found["end"].tolist() == [pd.NaT, at(900)]
    assert found["known_at"].tolist() == [at(300), at(900) + pd.Timedelta("1ms")]
    assert found["severity"].tolist() == [42.0, 42.0]
    assert plain(found["what"].iloc[0]) == "spread of latency_ms \u221220 %"
    alert = alerts.raise_alerts(
        found, services=made.services(), dependencies=made.calls(), masks=made.masks(), silences=made.silences(),
        settings=params.Alerts(), zone="UTC", now=at(2000),
    ).alerts.iloc[0]  # fmt: skip
    assert alert[["state", "severity", "end"]].tolist() == ["resolved", "info", at(900)]


def test_a_drift_of_two_services_is_told_of_each_and_a_suspected_one_is_unsure():
    found = of(drifts({"state": "suspected"}), ("d0", "s1"), ("d0", "s3"))
    assert found[["service", "state", "region"]].to_numpy().tolist() == [["db", "suspected", "eu"], ["web", "suspected", "eu"]]


def test_without_drifts_there_are_no_findings():
    found = of(drifts({}).iloc[:0])
    assert len(tables.validate(found, tables.FINDINGS)) == 0
    assert np.all(found.dtypes == alerts.no_findings().dtypes)
