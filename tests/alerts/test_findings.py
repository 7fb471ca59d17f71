"""Drifts as findings: each kind in its own words, told of each service, over when it was."""

import numpy as np
import pandas as pd
import pytest

from analytics import alerts, params, tables
from tests.alerts import made
from tests.alerts.made import at, plain

SERIES = pd.DataFrame(
    {
        "series_id": ["s1", "s2", "s3", "s4", "s5"],
        "service": ["web", "web", "db", "web", "web"],
        "region": ["eu", "us", "eu", "eu", "eu"],
        "signal": ["latency_ms", "latency_ms", "cpu", "latency_p95_ms", "availability"],
    }
)
EVENTS = pd.DataFrame({"event_id": ["e1"], "kind": ["deploy"], "title": ["web 2.4"], "start": [at(-5)]})


def drifts(*rows):
    usual = {
        "service": "web", "region": None, "kind": "level", "direction": "regression", "state": "open",
        "start": at(0), "detected_at": at(300), "open_at": at(300), "end": pd.NaT, "expires_at": at(1500),
        "effect": 0.18, "effect_low": 0.15, "effect_high": 0.21, "effect_size": 3.24, "severity": 42.0, "q_value": 0.01, "event_id": None,
    }  # fmt: skip
    return pd.DataFrame([usual | {"drift_id": f"d{k}"} | one for k, one in enumerate(rows)])


def accepted(drift_id, minutes, action="accept"):
    """A decision on a drift."""
    return {"time": at(minutes), "drift_id": drift_id, "action": action}


def of(found, *members, decisions=()):
    """Findings of drifts whose members are (drift, series, more): kind, effect and severity are those of the drift unless given."""
    usual = found.set_index("drift_id")[["kind", "effect", "effect_low", "effect_high", "severity"]]
    rows = [{"drift_id": name, "series_id": series, **usual.loc[name], **dict(*more)} for name, series, *more in members]
    decided = pd.DataFrame(list(decisions), columns=tables.DECISIONS["rebaselines"].names)
    decided["time"] = pd.to_datetime(decided["time"], utc=True).astype("datetime64[ms, UTC]")
    named = pd.DataFrame(rows, columns=["drift_id", "series_id", *usual.columns])
    return alerts.findings_of_drifts(found, named, SERIES, EVENTS, decided, zone="UTC")


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
    assert raised(found).iloc[0][["state", "severity", "end"]].tolist() == ["resolved", "info", at(900)]


def raised(found, now=2000):
    return alerts.raise_alerts(
        found, services=made.services(), series=made.measured(), dependencies=made.calls(), masks=made.masks(),
        silences=made.silences(), settings=params.Alerts(), zone="UTC", now=at(now),
    ).alerts  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "series_id", "effect", "what", "size"),
    [
        ("level", "s1", (0.18, 0.15, 0.21), "latency_ms +18 %", "[15, 21], 3.2 times its usual scatter"),
        ("level", "s3", (-0.5, -0.6, -0.4), "cpu −50 %", "[−60, −40], 3.2 times its usual scatter"),
        ("spread", "s1", (0.4, 0.3, 0.5), "spread of latency_ms +40 %", "[30, 50]"),
        ("season", "s1", (-0.29, -0.48, -0.11), "daily swing of latency_ms −29 %", "[−48, −11]"),
        ("tail", "s4", (0.0447, 0.031, 0.062), "4.5 more of 100 answers are slow", "[3.1, 6.2]"),
        ("tail", "s4", (-0.02, -0.03, -0.01), "2 fewer of 100 answers are slow", "[1, 3]"),
        ("availability", "s5", (0.00056, 0.00004, 0.0023), "0.056 more of 100 checks fail", "[0.004, 0.23]"),
        ("availability", "s5", (-0.004, -0.009, 0.001), "0.4 fewer of 100 checks fail", "[−0.1, 0.9]"),
    ],
)
def test_each_kind_of_drift_is_worded_rightly(kind, series_id, effect, what, size):
    sized = dict(zip(("effect", "effect_low", "effect_high"), effect, strict=True))
    only_levels = 3.24 if kind == "level" else np.nan
    one = of(drifts({"kind": kind, "effect_size": only_levels, **sized}), ("d0", series_id)).iloc[0]
    assert (plain(one["what"]), plain(one["size"])) == (what, size)


LEVEL, AVAILABILITY = {"kind": "level"}, {"kind": "availability"}


def test_a_drift_is_named_after_the_signals_that_changed_in_its_way():
    found = of(drifts({"kind": "availability", "effect": 0.01}), ("d0", "s5"), ("d0", "s1", LEVEL), ("d0", "s3", LEVEL))
    assert found[["service", "signals"]].to_numpy().tolist() == [["db", ["cpu"]], ["web", ["availability", "latency_ms"]]]
    level = of(drifts({}), ("d0", "s1"), ("d0", "s4"), ("d0", "s5", AVAILABILITY))
    assert plain(level["what"].iloc[0]) == "latency_ms +18 %"
    assert level["signals"].iloc[0] == ["availability", "latency_ms", "latency_p95_ms"]
    assert plain(of(drifts({}), ("d0", "s3"), ("d0", "s5", AVAILABILITY))["what"].iloc[1]) == "availability +18 %"


def test_an_accepted_drift_is_over_once_that_is_decided():
    decided = accepted("d0", 500), accepted("other", 400), accepted("d0", 600)
    found = of(drifts({"state": "accepted"}), ("d0", "s1"), decisions=decided)
    assert found["state"].tolist() == ["open", "accepted"]
    assert found["end"].tolist() == [pd.NaT, at(600)]
    assert found["known_at"].iloc[1] == at(600) + pd.Timedelta("1ms")
    assert raised(found, now=550)["state"].tolist() == ["open"]
    assert raised(found, now=700)["state"].tolist() == ["resolved"]
    assert "it was accepted as the new normal" in raised(found, now=700)["text"].iloc[0]


def test_a_drift_that_nobody_decides_on_is_told_until_it_expires():
    found = of(drifts({"state": "expired"}), ("d0", "s1"))
    assert found["end"].tolist() == [pd.NaT, at(1500)]
    assert raised(found, now=1400)["state"].tolist() == ["open"]
    assert raised(found, now=2000)["state"].tolist() == ["resolved"]
    assert "it was given up after its time" in raised(found, now=2000)["text"].iloc[0]
    assert of(drifts({}), ("d0", "s1"))["end"].isna().all()


def test_a_drift_whose_acceptance_was_taken_back_goes_on():
    decided = accepted("d0", 500), accepted("d0", 600, "reject")
    assert of(drifts({}), ("d0", "s1"), decisions=decided)["end"].isna().all()


def test_a_drift_that_was_over_before_it_was_known_is_known_to_be_over_right_after():
    found = of(drifts({"end": at(200), "state": "reverted"}), ("d0", "s1"))
    assert found["known_at"].tolist() == [at(300), at(300) + pd.Timedelta("1ms")]


def test_a_drift_of_two_services_is_told_of_each_and_a_suspected_one_is_unsure():
    found = of(drifts({"state": "suspected", "open_at": pd.NaT}), ("d0", "s1"), ("d0", "s3"))
    assert found[["service", "state", "region"]].to_numpy().tolist() == [["db", "suspected", "eu"], ["web", "suspected", "eu"]]


def test_each_service_of_a_drift_tells_its_own_effect_and_severity():
    mine = {"effect": 0.3, "effect_low": 0.25, "effect_high": 0.35, "severity": 30.0}
    other = {"effect": 0.1, "effect_low": 0.05, "effect_high": 0.15, "severity": 10.0}
    found = of(drifts({"service": None}), ("d0", "s1", mine), ("d0", "s2", mine | {"severity": 20.0}), ("d0", "s3", other))
    assert found["service"].tolist() == ["db", "web"]
    assert plain(" ".join(found["what"])) == "cpu +10 % latency_ms +30 %"
    assert plain(" ".join(found["size"])) == "[5, 15] [25, 35]"
    # Both regions of web are all of its checks.
    assert found["severity"].tolist() == [10.0, 50.0]
    # Of one service the drift itself says it.
    assert of(drifts({}), ("d0", "s1", mine))["severity"].tolist() == [42.0]


def test_what_may_be_chance_is_suspected_for_all_its_life_and_nobody_is_told():
    over = {"end": at(900), "state": "reverted"}
    unsure, sure = (of(drifts({**over, "open_at": time}), ("d0", "s1")) for time in (pd.NaT, at(300)))
    assert unsure["state"].tolist() == ["suspected", "suspected"]
    assert sure["state"].tolist() == ["open", "reverted"]
    assert raised(unsure).iloc[0][["silenced_by", "n_findings"]].tolist() == ["unconfirmed", 0]
    assert raised(sure)["silenced_by"].isna().all()


def test_a_drift_is_told_when_it_became_open_and_not_before():
    over = {"end": at(900), "state": "reverted", "open_at": at(700)}
    found = of(drifts(over), ("d0", "s1")).sort_values("known_at")
    assert found["known_at"].tolist() == [at(300), at(700), at(900) + pd.Timedelta("1ms")]
    assert found["state"].tolist() == ["suspected", "open", "reverted"]
    assert [raised(found, now)["silenced_by"].tolist() for now in (699, 700)] == [["unconfirmed"], [None]]
    assert raised(found, 800)["detected_at"].tolist() == [at(700)]


def test_a_drift_of_unknown_severity_is_not_grave():
    found = of(drifts({"severity": np.nan}), ("d0", "s1"))
    assert found["severity"].tolist() == [0.0]
    assert raised(found)["silenced_by"].tolist() == ["severity"]


def test_without_drifts_there_are_no_findings():
    found = of(drifts({}).iloc[:0])
    assert len(tables.validate(found, tables.FINDINGS)) == 0
    assert np.all(found.dtypes == alerts.no_findings().dtypes)
