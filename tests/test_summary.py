"""The one page says what the alerts say, the gravest first, and leads to the evidence."""

import pandas as pd
import pytest

from analytics import slo, summary
from analytics.drift import Drifts
from analytics.panel import Panels
from tests.delivery.made import alert, frame

N = "\u00a0"
SINCE = pd.Timestamp("2026-03-17T14:30Z")
NO_OUTAGES = pd.DataFrame(columns=["service", "region", "is_open", "verdict", "duration_s"]).astype({"is_open": bool})
NO_CERTIFICATES = slo.find_certificates(
    pd.DataFrame(columns=["kind", "start", "end", "service", "region", "title"]), Panels([]), now=pd.Timestamp("2026-04-13T00:00Z")
)
NO_MONTH = pd.DataFrame(columns=["service", "left_share", "state", "objective_kind", "objective", "n", "n_bad"])


def drift(drift_id, kind="level", effect=0.18, low=0.15, high=0.21, service="web", region=None):
    named = {"drift_id": drift_id, "service": service, "region": region, "kind": kind, "start": SINCE, "start_high": SINCE}
    return {**named, "effect": effect, "effect_low": low, "effect_high": high}


def told(drift_id, severity="warning", score=42.0, **more):
    """An open alert of a drift."""
    known = {"finding_id": drift_id, "evidence": f"drift.html#{drift_id}", "region": None, "n_findings": 1, "direction": "regression"}
    return alert(f"a-{drift_id}", severity=severity, score=score, **known | more)


def about(alerts, *drifts, members=()):
    """Statements on alerts of drifts; `members` are (drift, service, effect), one of its own service unless given."""
    found = pd.DataFrame(list(drifts), columns=list(drift("d")))
    rows = members or [(row.drift_id, row.service, row.effect) for row in found.itertuples()]
    details = pd.DataFrame(rows, columns=["drift_id", "service", "effect"]).assign(signal="latency_ms")
    details = details.merge(found[["drift_id", "kind"]], on="drift_id")
    found = summary.about_alerts(frame(*alerts), Drifts(found, details, details, 9, 0, 1.0, SINCE), zone="UTC")
    return found.assign(what=found["what"].str.replace(N, " "), why=found["why"].str.replace(N, " "))


def test_an_urgent_alert_is_a_statement_that_leads_to_its_drift():
    one = about([told("d1", event="deploy 'web 2.4'")], drift("d1")).iloc[0]
    assert one["what"] == "web became 18 % slower on 17 Mar."
    assert one["why"] == "latency_ms +18 % [15, 21], severity 42 of 100; declared near its start: deploy 'web 2.4'."
    assert one[["chip", "tone", "address", "link"]].tolist() == ["warning", "worse", "drift.html#d1", "Drift"]


@pytest.mark.parametrize(
    ("found", "what", "why"),
    [
        (
            drift("d1", "spread", region="eu"),
            "Response times of web in eu have scattered 18 % more since 17 Mar.",
            "spread of latency_ms +18 % [15, 21]",
        ),
        (
            drift("d1", "tail", 0.02, 0.01, 0.03, region="eu"),
            "2 more of 100 answers of web in eu have been slow since 17 Mar.",
            "2 more of 100 answers are slow [1, 3]",
        ),
    ],
)
def test_a_statement_says_the_kind_of_the_change(found, what, why):
    one = about([told("d1", region="eu", event=None)], found).iloc[0]
    assert one["what"] == what
    assert one["why"] == f"{why}, severity 42 of 100; nothing was declared near its start."


def test_statements_of_alerts_stand_in_the_order_of_their_severity_and_the_rest_share_one():
    alerts = [told(f"d{k}", score=30.0 + k) for k in range(5)] + [told("d9", "critical", 90.0), told("d8", "info", 12.0, service="db")]
    found = about(alerts, *(drift(f"d{k}") for k in range(10)))
    assert found["address"].tolist() == ["drift.html#d9", "drift.html#d4", "drift.html#d3", "alerts.html#what-is-open"]
    assert found["tone"].tolist() == ["bad", "worse", "worse", "worse"]
    assert found["weight"].is_monotonic_decreasing
    assert found["what"].iloc[-1] == "4 more alerts of regressions are open."
    assert found["why"].iloc[-1] == "web and db; the gravest: web became 18 % slower on 17 Mar."


def test_alerts_of_one_drift_of_several_services_are_one_statement():
    shared = drift("d1", service=None, region="eu")
    alerts = [told("d1", score=60.0 - k, service=name, event=None) for k, name in enumerate(("web", "db"))]
    alerts = [{**one, "alert_id": f"a{k}"} for k, one in enumerate(alerts)] + [told("d2", "info", 12.0, service="api")]
    found = about(alerts, shared, drift("d2"), members=[("d1", "web", 0.4), ("d1", "db", 0.1), ("d2", "api", 0.1)])
    assert found["what"].tolist() == ["web and db in eu became 10 to 40 % slower on 17 Mar.", "1 more alert of a regression is open."]
    assert found["why"].iloc[0] == "the gravest of severity 60 of 100; nothing was declared near its start."


def test_what_is_over_silenced_or_for_the_better_is_no_statement():
    alerts = [told("d1", end=-30), told("d2", silenced_by="silence", silenced_text="planned"), told("d3", direction="improvement")]
    assert about(alerts, *(drift(f"d{k}") for k in range(4))).empty


def test_an_alert_of_another_finding_is_said_by_its_title():
    one = about([told("d1", finding="anomaly", evidence="anomalies.html#d1", n_findings=3, title="web: odd", event=None)]).iloc[0]
    assert one["what"] == "web: odd, and 2 more."
    assert one[["address", "link"]].tolist() == ["anomalies.html#d1", "Evidence"]


def test_a_tile_counts_open_alerts_and_what_is_to_do_names_the_urgent():
    alerts = frame(told("d1"), told("d2", "info", 12.0), told("d3", end=-30), told("d4", "critical", 80.0, title="db: slow", owner=None))
    coverage = pd.DataFrame({"n_checks": [9], "n_excluded": [0], "n_expected": [10.0]})
    flags = pd.DataFrame(columns=["flag", "service", "severity"])
    label, value, context = summary.tiles(NO_MONTH, coverage, flags, NO_OUTAGES, alerts)[-1]
    assert (label, value, context) == ("Open alerts", "3", "1 critical, 1 warning, 1 info; nothing is down where the data end")
    down = NO_OUTAGES.reindex([0]).assign(verdict="counts", is_open=True, duration_s=600.0)
    assert summary.tiles(NO_MONTH, coverage, flags, down, frame())[-1][1:] == (
        "0",
        f"none is urgent; 1{N}open outage, the longest 10{N}min",
    )
    todo = summary.todo(NO_MONTH, NO_OUTAGES, NO_CERTIFICATES, flags, alerts, "UTC")
    assert [what for what, _ in todo] == ["Look at db: slow.", "Look at web: latency_ms +18 % in eu."]
    assert [what for what, _ in summary.todo(NO_MONTH, NO_OUTAGES, NO_CERTIFICATES, flags, frame(), "UTC")] == ["Nothing has to be done."]
