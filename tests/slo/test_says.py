"""Sentences and statements say what the tables say."""

import numpy as np
import pandas as pd
import pytest

from analytics import params, slo, summary, tables
from analytics.panel import Panels
from analytics.slo import says
from analytics.slo.counts import ALL
from analytics.words import NBSP
from tests.slo import made

MONTH = pd.Timestamp("2026-04-01T00:00Z")
NOW = pd.Timestamp("2026-04-13T00:00Z")
END = pd.Timestamp("2026-05-01T00:00Z")

NO_OUTAGES = pd.DataFrame(columns=["service", "region", "is_open", "verdict"]).astype({"is_open": bool})
NO_CERTIFICATES = slo.find_certificates(pd.DataFrame(columns=["kind", "start", "end", "service", "region", "title"]), Panels([]), now=NOW)


def compliance(*states, is_complete=False, **more):
    """A row of 'availability' in region 'all' per (service, state)."""
    frame = pd.DataFrame(states, columns=["service", "state"])
    plain = {"region": ALL, "objective_kind": "availability", "period_start": MONTH, "period_end": END, "is_complete": is_complete}
    numbers = {"objective": 0.999, "n": 1000, "n_bad": 5, "compliance": 0.995, "compliance_low": 0.99, "compliance_high": 0.999}
    return frame.assign(**plain, **numbers, **more)


def budgets(rows, **left):
    """Budgets of the same rows; `left` names the share left of services where it is not 0.8."""
    frame = rows[["service", "region", "objective_kind", "period_start"]]
    share = frame["service"].map(left).fillna(0.8).astype(float)
    numbers = {"left_share": share, "left_low": share - 0.2, "left_high": share + 0.1, "burn_rate": 0.5, "burn_rate_recent": 0.6}
    return frame.assign(budget_s=100.0, spent_s=20.0, exhausted_at=pd.NaT, **numbers)


def flags(*rows):
    frame = pd.DataFrame(rows, columns=["flag", "service", "severity", "text"])
    return frame.assign(n=10, region="eu")


@pytest.mark.parametrize(
    ("states", "is_complete", "expected"),
    [
        ([("a", "kept"), ("b", "kept")], True, "Both services kept their promises"),
        ([("a", "kept"), ("b", "missed")], True, "One of two services kept its promises; b did not"),
        ([("a", "kept"), ("b", "missed"), ("c", "at risk")], False, "One of three services keeps its promises; b does not, c is at risk"),
        ([("a", "missed"), ("b", "missed"), ("c", "unmeasured")], False, "None of two services keeps its promises; a and b do not"),
        ([("a", "kept")], False, "The only service keeps its promises"),
        ([("a", "missed"), ("b", "unmeasured")], True, "a did not keep its promises"),
        ([("a", "at risk")], False, "a may not keep its promises"),
        ([("a", "unmeasured"), ("b", "no promise")], False, "No service with a promise was measured"),
        ([("a", "too little data"), ("b", "too little data")], False, "Too little data to judge a and b"),
        ([("a", "kept"), ("b", "too little data")], False, "a keeps its promises"),
    ],
)
def test_headline_counts_what_was_promised(states, is_complete, expected):
    assert says.headline(compliance(*states, is_complete=is_complete), MONTH) == expected


def test_nothing_judged_is_no_share_of_promises_kept():
    rows = compliance(("a", "too little data"))
    coverage = pd.DataFrame({"n_checks": [3], "n_excluded": [0], "n_expected": [3.0]})
    listed = pd.DataFrame({"verdict": [], "is_open": pd.Series(dtype=bool), "duration_s": []})
    month = summary.newest(rows, budgets(rows).head(0))
    assert summary.tiles(month, coverage, flags(), listed, pd.DataFrame(columns=tables.TABLES["alerts"].names))[0] == (
        "Services keeping promises",
        "–",
        "no service can be judged",
    )
    assert says.proof_sentence(budgets(rows).head(0)) == "No promise can be judged this month."


def test_a_service_is_as_good_as_its_worst_promise():
    rows = pd.concat([compliance(("a", "kept")), compliance(("a", "at risk")).assign(objective_kind="latency")])
    assert says.service_states(rows, MONTH).to_dict() == {"a": "at risk"}


def test_rules_follow_the_parameters():
    promises, judged = made.promises("web"), compliance(("web", "kept"))
    text = slo.rules(made.project(objective=0.995), params.Slo(), promises, judged)
    assert "99.5\u00a0%" in text
    assert f"2 of 3 consecutive checks of a monitor failed, or when 2{NBSP}monitors saw it." in text
    assert "what several monitors of a service in a region see at the same time is one outage" in text
    assert "Left out: declared maintenance and faults of the prober itself" in text
    changed = made.project(
        accounting={"count": "confirmed", "exclude_maintenance": False, "outage_k": 3, "outage_n": 4}, latency_objective_ms=250
    )
    other = slo.rules(changed, params.Slo(recent_days=3), promises, judged)
    for part in ("only within a confirmed outage", "3 of 4", "Not left out: declared maintenance", "250", f"3{NBSP}days"):
        assert part in other
        assert part not in text
    single = slo.rules(made.project(accounting={"outage_k": 1}), params.Slo(), promises, judged)
    assert "1 of 3 consecutive checks of a monitor failed." in single


def test_rules_name_who_has_no_promise_and_who_was_never_checked():
    promises = pd.concat([made.promises("db", objective=np.nan), made.promises("web", "gone")])
    text = slo.rules(made.project(), params.Slo(), promises, compliance(("web", "kept"), ("db", "no promise")))
    assert "no verdict: db." in text
    assert "without a verdict: gone." in text


def test_statements_stand_in_the_order_of_their_weight():
    rows = compliance(("bad", "missed"), ("near", "at risk"), ("fine", "kept"))
    month = summary.newest(rows, budgets(rows, bad=-0.5, near=0.1))
    certificates = pd.DataFrame(
        {"service": ["web"], "region": [None], "expires": [NOW + pd.Timedelta("9D")], "days_left": [9.0], "said_by": ["declared"]}
    )
    ranked = summary.rank(
        [
            summary.about_certificates(certificates, "UTC"),
            summary.about_budgets(month, flags(), now=NOW, zone="UTC"),
            summary.about_data(flags(("unit_jump", "fine", "critical", "median went from 1 to 1000 ms"))),
        ],
        limit=7,
    )
    assert ranked["chip"].to_list() == ["missed", "renew now", "at risk", "data"]
    assert ranked["what"].iloc[0].startswith("bad missed its availability objective of April")
    assert set(ranked["address"].str.partition("#")[0]) == {"slo.html", "ingest.html"}
    assert len(summary.rank([ranked], limit=2)) == 2


@pytest.mark.parametrize(
    ("kind", "bad", "expected"),
    [
        ("availability", [1, 9, 2], f"75{NBSP}% of the bad checks came from us"),
        ("latency", [1, 9, 2], f"75{NBSP}% of the slow steps came from us"),
        ("availability", [0, 9, 0], "; all of the bad checks came from us"),
        ("availability", [4, 4, 3], f"the bad checks are spread over 3{NBSP}regions"),
    ],
)
def test_budget_names_the_region_that_spends_it(kind, bad, expected):
    joined = compliance(("web", "at risk"), ("api", "kept")).assign(objective_kind=kind)
    single = pd.concat([joined.assign(region=place, n_bad=n) for place, n in zip(["eu", "us", "ap"], bad, strict=True)])
    month = summary.newest(pd.concat([joined, single]), budgets(joined, web=0.1))
    assert expected in summary.about_budgets(month, flags(), now=NOW, zone="UTC")["why"].iloc[0]
    assert expected in says.todo(month.head(1), NO_OUTAGES, NO_CERTIFICATES, "UTC")[0][1]


@pytest.mark.parametrize("state", ["at risk", "missed"])
def test_a_single_region_is_not_named(state):
    rows = compliance(("web", state))
    month = summary.newest(pd.concat([rows, rows.assign(region="eu")]), budgets(rows, web=0.1))
    assert "eu" not in summary.about_budgets(month, flags(), now=NOW, zone="UTC")["why"].iloc[0]


def test_many_missed_promises_share_a_statement():
    rows = compliance(*((f"s{number:02d}", "missed") for number in range(9)))
    found = summary.about_budgets(summary.newest(rows, budgets(rows)), flags(), now=NOW, zone="UTC")
    assert len(found) == 4
    assert found["what"].iloc[-1] == f"6{NBSP}more promises are missed too."


def test_services_that_never_worked_are_a_matter_of_data_not_of_promises():
    rows = compliance(("dead", "missed"))
    dead = flags(("always_down", "dead", "critical", "0 of 10 checks succeeded"))
    assert summary.about_budgets(summary.newest(rows, budgets(rows, dead=-9)), dead, now=NOW, zone="UTC").empty
    assert summary.about_data(dead)["what"].to_list() == ["dead never worked while it was checked."]


def test_nothing_that_matters_is_a_statement_too():
    calm = summary.rank([pd.DataFrame(columns=summary.COLUMNS)], limit=7)
    assert calm["what"].to_list() == ["Nothing needs attention."]


def test_summary_names_what_is_down_and_what_was_down_for_long():
    outages = made.outages(
        ("web", "eu", "2026-04-12T22:00Z", None, True, None), ("api", "eu", "2026-04-10T00:00Z", "2026-04-10T02:00Z", True, None)
    )
    series = pd.DataFrame(
        {"service": ["web", "api"], "region": "eu", "signal": "availability", "step_s": 300, "n": 9, "last": NOW - pd.Timedelta("5min")}
    )
    listed = slo.list_outages(outages, series, rules=params.Accounting(), now=NOW)
    found = summary.about_outages(listed, now=NOW, zone="UTC")
    now, before = found["what"]
    assert now == "web in eu is down where the data end."
    assert before == f"api was down in eu for 2{NBSP}h, from 10{NBSP}Apr{NBSP}00:00."


def outages_of(*rows):
    """Outages in region eu, as (service, start, end), with what `list_outages` says of them."""
    series = pd.DataFrame({"service": ["web", "api"], "region": "eu", "signal": "availability", "step_s": 300, "last": NOW})
    made_of = made.outages(*((service, "eu", start, end, True, None) for service, start, end in rows))
    return slo.list_outages(made_of, series, rules=params.Accounting(), now=NOW)


def test_short_outages_are_told_together():
    listed = outages_of(
        ("web", "2026-04-10T01:00Z", "2026-04-10T01:10Z"),
        ("api", "2026-04-11T01:00Z", "2026-04-11T01:20Z"),
        ("web", "2026-04-12T01:00Z", "2026-04-12T01:05Z"),
        ("web", "2026-04-02T01:00Z", "2026-04-02T01:05Z"),
    )
    found = summary.about_outages(listed, now=NOW, zone="UTC").iloc[0]
    assert found["what"].replace(NBSP, " ") == "3 outages in the last 7 days took 35 min in all."
    assert found["why"].replace(NBSP, " ") == "web in eu 2 and api in eu 1; the longest, of api, 20 min from 11 Apr 01:00."


def test_outages_beside_the_longest_are_more():
    listed = outages_of(
        *(("web", f"2026-04-{day:02d}T01:00Z", f"2026-04-{day:02d}T{day - 5:02d}:00Z") for day in range(8, 12)),
        ("api", "2026-04-11T01:00Z", "2026-04-11T01:20Z"),
    )
    found = summary.about_outages(listed, now=NOW, zone="UTC")
    assert len(found) == 4
    assert found["what"].iloc[-1].replace(NBSP, " ") == "2 more outages in the last 7 days took 2 h 20 min in all."


def stopped(*rows):
    """What `find_stopped` says of (service, region, until)."""
    frame = pd.DataFrame(rows, columns=["service", "region", "until"])
    return frame.assign(until=pd.to_datetime(frame["until"], utc=True))


def test_finding_says_how_new_the_data_are_and_what_ended_before():
    calm, coverage = summary.rank([], limit=7), pd.DataFrame({"n_checks": [9], "n_excluded": [0], "n_expected": [9.0]})
    said = [
        summary.finding(calm, coverage, flags(), ended, now=NOW, zone="Europe/Zurich").replace(NBSP, " ")
        for ended in (stopped(), stopped(("mail", "eu", "2026-04-05T00:00Z"), ("web", None, "2025-04-01T00:00Z")))
    ]
    many = stopped(*((f"s{day}", None, f"2026-04-{day:02d}T00:00Z") for day in range(8, 4, -1)))
    found = summary.finding(calm, coverage, flags(), many, now=NOW, zone="UTC").replace(NBSP, " ")
    assert found.endswith("earlier for 4 services or regions of one, the last of them s8 (8 Apr 2026).")
    assert said[0].endswith("trusted. The data end on 13 Apr 2026 02:00 (Europe/Zurich).")
    assert said[1].endswith("(Europe/Zurich), earlier for mail in eu (5 Apr 2026) and web (1 Apr 2025).")


def test_only_what_stopped_lately_needs_attention():
    found = summary.about_stopped(stopped(("mail", "eu", "2026-04-11T09:00Z"), ("web", None, "2026-03-01T00:00Z")), now=NOW, zone="UTC")
    assert found["what"].to_list() == ["mail in eu is not measured any more."]
    assert summary.about_stopped(stopped(("web", None, "2026-03-01T00:00Z")), now=NOW, zone="UTC").empty


def test_checks_that_came_do_not_make_up_for_each_other():
    coverage = pd.DataFrame({"n_checks": [200, 0], "n_excluded": [0, 50], "n_expected": [100.0, 100.0]})
    assert summary.came_share(coverage) == 0.75


def test_todo_is_never_empty():
    rows = compliance(("fine", "kept"))
    worst = budgets(rows).merge(rows, on=["service", "region", "objective_kind", "period_start"])
    assert says.todo(worst, NO_OUTAGES, NO_CERTIFICATES, "UTC") == [
        ("Nothing has to be done.", "No promise is missed, no budget is at risk, nothing is down where the data end.")
    ]
