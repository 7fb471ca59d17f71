"""Who is not told, and why; and that somebody always is."""

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from analytics import alerts
from tests.alerts import made
from tests.alerts.made import mask, only, plain, raised, row


def reasons(*rows, **given):
    """Service -> why it is silent (None: it is told)."""
    found = raised(*rows, **given).alerts
    return dict(zip(found["service"], found["silenced_by"], strict=True))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, "maintenance"), ({"service": None}, "maintenance"), ({"region": "eu"}, "maintenance"), ({"reason": "prober"}, "prober"),
        ({"service": "db"}, None), ({"region": "us"}, None), ({"reason": "incident"}, None),
    ],
)  # fmt: skip
def test_maintenance_of_its_service_and_region_silences_an_alert(where, expected):
    alert = only(row(), masks=made.masks(mask(-10, 500, **where)), now=100)
    assert alert["silenced_by"] == expected
    if expected == "maintenance":
        assert plain(alert["silenced_text"]) == "declared maintenance from 1 Mar 23:50 to 2 Mar 08:20"


def test_maintenance_of_the_parent_counts_too():
    family = made.services("web", "shop", web="shop")
    assert only(row(), masks=made.masks(mask(-10, 500, service="shop")), services=family, now=100)["silenced_by"] == "maintenance"


def test_what_outlasts_maintenance_is_told_after_a_grace():
    masked = made.masks(mask(-10, 60))
    assert [only(row(), masks=masked, now=now)["silenced_by"] for now in (59, 74, 75)] == ["maintenance", "maintenance", None]


def test_what_ended_in_maintenance_but_began_before_it_is_told():
    masked = made.masks(mask(100, 200))
    assert only(row(), row(known=160, end=150), masks=masked)["silenced_by"] is None
    assert only(row(start=99), row(known=160, start=99, end=150), masks=masked)["silenced_by"] == "maintenance"


def test_one_finding_outside_maintenance_is_enough_to_tell():
    rows = row("a"), row("b", region="us")
    assert only(*rows, masks=made.masks(mask(-10, 500, region="eu")), now=100)["silenced_by"] is None
    assert only(*rows, masks=made.masks(mask(-10, 500)), now=100)["silenced_by"] == "maintenance"


@pytest.mark.parametrize(
    ("matcher", "is_silent"),
    [
        ("service=web", True), ("service=w*", True), ("service=db", False), ("service=web region=us", False), ("region=e[uv]", True),
        ("signal=latency_ms", True), ("signal=requests", False), ("finding=drift severity=warning", True), ("severity=critical", False),
        ("alert=db61898c0cde7c67", True), ("service='web'", True),
    ],
)  # fmt: skip
def test_a_silence_holds_for_what_it_names(matcher, is_silent):
    alert = only(row(), silences=made.silences(made.silence(matcher, 0, 500)), now=100)
    assert (alert["silenced_by"] == "silence") == is_silent
    if is_silent:
        assert plain(alert["silenced_text"]) == "silenced until 2 Mar 08:20 by ada: planned"


def test_a_silence_begins_and_ends():
    silences = made.silences(made.silence("service=web", 50, 100))
    assert [only(row(), silences=silences, now=now)["silenced_by"] for now in (49, 50, 99, 100)] == [None, "silence", "silence", None]


def test_an_alert_that_was_over_in_its_silence_stays_silent():
    silences = made.silences(made.silence("service=web", 0, 100))
    assert only(row(), row(known=60, end=50), silences=silences)["silenced_by"] == "silence"
    assert only(row(), row(known=160, end=150), silences=silences)["silenced_by"] is None


def test_a_silence_of_one_signal_or_region_does_not_hide_others():
    rows = row("a"), row("b", region="us", signals=["availability"])
    for matcher in ("signal=latency_ms", "region=eu"):
        assert only(*rows, silences=made.silences(made.silence(matcher, 0, 500)), now=100)["silenced_by"] is None


def test_an_alert_that_escalates_leaves_a_silence_for_warnings():
    silences = made.silences(made.silence("severity=warning", 0, 500))
    rows = row(), row(known=50, severity=90.0)
    assert [only(*rows, silences=silences, now=now)["silenced_by"] for now in (40, 60)] == ["silence", None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a matcher needs at least one name=pattern"),
        ("web", "'web' is no name=pattern"),
        ("service=", "'service=' is no name=pattern"),
        ("servise=web", "'servise' is unknown; did you mean 'service'?"),
        ("xyzzy=1", "known are service, region"),
        ("service='web", "No closing"),
    ],
)
def test_a_wrong_matcher_says_what_would_be_right(text, message):
    with pytest.raises(ValueError, match="matcher") as failure:
        alerts.parse_matcher(text)
    assert message in str(failure.value)


def test_a_wrong_silence_names_its_file():
    for silence, message in {("web", 0, 9): "'web' is no name=pattern", ("service=web", 9, 9): "ends before it begins"}.items():
        with pytest.raises(ValueError, match=r"data/decisions/silences\.csv: ") as failure:
            only(row(), silences=made.silences(made.silence(*silence)))
        assert message in str(failure.value)


def test_a_service_is_silent_while_one_it_calls_alerts_as_urgently():
    called = made.calls(("web", "db"))
    rows = row("a", start=5), row("b", service="db")
    found = raised(*rows, dependencies=called).alerts.set_index("service")
    assert found.loc["web", "silenced_text"] == f"db, which it depends on, alerts too ({found.loc['db', 'alert_id']})"
    assert found["silenced_by"].to_dict() == {"web": "dependency", "db": None}
    family = made.services("web", "db", web="db")
    assert reasons(*rows, services=family) == {"web": "dependency", "db": None}


@pytest.mark.parametrize(
    "other",
    [{"severity": 20.0}, {"start": 70}, {"end": 30}, {"direction": "improvement"}, {"state": "suspected"}, {"severity": 2.0}],
)
def test_a_cause_must_be_as_urgent_near_and_still_there(other):
    rows = row("a"), row("b", service="db", **other)
    assert reasons(*rows, dependencies=made.calls(("web", "db")), now=200)["web"] is None


def test_a_dependency_that_was_only_traced_silences_nobody():
    rows = row("a"), row("b", service="db")
    assert reasons(*rows, dependencies=made.calls(("web", "db"), origin="traced"))["web"] is None


def test_along_a_chain_the_end_is_told():
    rows = row("a", service="web"), row("b", service="api"), row("c", service="db")
    found = raised(*rows, dependencies=made.calls(("web", "api"), ("api", "db"))).alerts.set_index("service")
    assert found["silenced_by"].to_dict() == {"web": "dependency", "api": "dependency", "db": None}
    assert "db, which it depends on" in found.loc["web", "silenced_text"]


def test_of_services_that_call_each_other_the_first_is_told():
    rows = row("a", start=5, service="web"), row("b", start=2, service="api"), row("c", start=9, service="db")
    circle = made.calls(("web", "api"), ("api", "db"), ("db", "web"))
    assert reasons(*rows, dependencies=circle) == {"web": "dependency", "api": None, "db": "dependency"}
    assert reasons(row("a"), dependencies=made.calls(("web", "web"))) == {"web": None}


names = st.sampled_from("abcde")


@given(
    st.lists(st.tuples(names, names), max_size=12),
    st.lists(st.tuples(names, st.integers(0, 90), st.sampled_from([15.0, 40.0, 80.0])), min_size=1, max_size=7),
)
def test_whoever_is_silent_for_another_names_one_that_is_told(pairs, drawn):
    rows = [row(f"f{i}", 100, service=service, start=start, severity=severity) for i, (service, start, severity) in enumerate(drawn)]
    found = raised(*rows, dependencies=made.calls(*pairs), services=made.services(*"abcde"), now=100).alerts.set_index("alert_id")
    silent = found[found["silenced_by"].notna()]
    assert len(silent) < len(found)
    for text in silent["silenced_text"]:
        assert pd.isna(found.loc[text.rpartition("(")[2].rstrip(")"), "silenced_by"])


def test_the_first_reason_counts():
    everything = {
        "masks": made.masks(mask(-10, 500)),
        "silences": made.silences(made.silence("service=*", 0, 500)),
        "dependencies": made.calls(("web", "db")),
    }
    rows = row("a"), row("b", service="db")
    assert reasons(*rows, **everything, now=100) == {"web": "maintenance", "db": "silence"}
    assert reasons(row(severity=1.0), **everything, now=100) == {"web": "severity"}
    assert reasons(row()) == {"web": None}
