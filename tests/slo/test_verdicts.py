"""Verdicts, budgets and their moments, on answers written out."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from analytics import params, slo, store
from analytics.slo.counts import ALL
from tests.slo import made

NAN = np.nan


def judged(signals, promises, *, now=None, zone="UTC", coverage=None, accounting=None, **settings):
    project = made.project(zone=zone, accounting=accounting or {})
    stage = params.Slo(**{"min_checks": 1, **settings})
    now = now or signals.end
    periods = slo.find_periods(signals, now=now, zone=zone)
    nothing = made.outages(), made.masks()
    counts = slo.count_checks(signals, promises, *nothing, periods, project=project, now=now)
    recent = slo.recent_period(now, days=stage.recent_days)
    lately = slo.count_checks(signals.between(recent.start, now), promises, *nothing, [recent], project=project, now=now)
    return slo.judge(counts, lately, made.coverage() if coverage is None else coverage, periods, params=stage, now=now)


def one(frame, **equal):
    for column, value in equal.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def daily(values, start="2026-01-01T00:00Z"):
    """A check a day."""
    return made.signals({("web", "eu"): values}, start=start, step_s=86400)


def test_ten_checks_in_a_month_that_is_over(project):
    verdicts = judged(daily([1, 1, 1, 0, 1, 1, 1, 1, 1, 1]), made.promises("web", objective=0.8), now=pd.Timestamp("2026-02-01T00:00Z"))
    row = one(verdicts.compliance, region=ALL)
    assert (row["n"], row["n_bad"], row["state"], bool(row["is_complete"])) == (10, 1, "kept", True)
    npt.assert_allclose([row["compliance"], row["measured_share"]], [0.9, 10 / 31])
    budget = one(verdicts.budgets, region=ALL)
    # 20 % of the ten days that were measured, of which one was bad.
    npt.assert_allclose(budget[["budget_s", "spent_s", "left_share", "burn_rate"]].to_numpy(float), [2 * 86400, 86400, 0.5, 0.5])
    assert pd.isna(budget["exhausted_at"])
    assert np.isnan(budget["burn_rate_recent"])
    assert budget["left_low"] < 0.5 < budget["left_high"]


@pytest.mark.parametrize(("objective", "state"), [(0.9, "kept"), (0.901, "missed")])
def test_promise_is_kept_to_the_last_check(project, objective, state):
    verdicts = judged(daily([0, *[1] * 9]), made.promises("web", objective=objective), now=pd.Timestamp("2026-02-01T00:00Z"))
    assert set(verdicts.compliance["state"]) == {state}
    left = verdicts.budgets["left_share"]
    assert ((left >= -1e-9) == (state == "kept")).all()


def test_running_month_also_has_the_budget_of_what_is_to_come(project):
    # 10 of 31 days of January, one of ten checks bad: 1 of the 6.2 days that may be bad.
    verdicts = judged(daily([1, 0, 1, 1, 1, 1, 1, 1, 1, 1]), made.promises("web", objective=0.8), recent_days=7)
    budget = one(verdicts.budgets, region=ALL)
    npt.assert_allclose(budget[["budget_s", "left_share", "burn_rate"]].to_numpy(float), [6.2 * 86400, 1 - 1 / 6.2, 0.5])
    assert budget["burn_rate_recent"] == 0
    assert one(verdicts.compliance, region=ALL)["state"] == "kept"


def test_budget_that_will_run_out_is_at_risk_and_says_when(project):
    # Two bad days of ten, both in the last 5: 6.2 - 2 = 4.2 bad days are left, at 0.4 a day they last 10.5 days.
    verdicts = judged(daily([1, 1, 1, 1, 1, 0, 1, 0, 1, 1]), made.promises("web", objective=0.8), recent_days=5)
    assert one(verdicts.compliance, region=ALL)["state"] == "at risk"
    budget = one(verdicts.budgets, region=ALL)
    npt.assert_allclose(budget["burn_rate_recent"], 2)
    assert budget["exhausted_at"] == pd.Timestamp("2026-01-21T12:00Z")
    # With the rate of all ten days it would last.
    assert (
        one(judged(daily([1, 1, 1, 1, 1, 0, 1, 0, 1, 1]), made.promises("web", objective=0.8), recent_days=10).compliance, region=ALL)[
            "state"
        ]
        == "kept"
    )


def test_budget_nearly_spent_is_at_risk_even_when_all_is_well_now(project):
    values = [0, 0, *[1] * 18]
    for limit, state in ((0.5, "at risk"), (0.3, "kept")):
        verdicts = judged(daily(values), made.promises("web", objective=0.9), at_risk_left=limit)
        # 2 of 3.1 bad days are spent: 35 % are left.
        assert set(verdicts.compliance["state"]) == {state}


def test_overspent_running_month_is_missed_and_says_since_when(project):
    verdicts = judged(daily([1, 0, 0, 0, 0, 1]), made.promises("web", objective=0.9))
    assert set(verdicts.compliance["state"]) == {"missed"}
    # 3.1 days may be bad: the fourth bad day passed the budget.
    assert set(verdicts.budgets["exhausted_at"]) == {pd.Timestamp("2026-01-05T00:00Z")}


def test_no_failure_leaves_all_of_the_budget_and_some_doubt(project):
    budget = one(judged(daily([1] * 10), made.promises("web", objective=0.9)).budgets, region=ALL)
    assert (budget["left_share"], budget["left_high"], budget["burn_rate"]) == (1, 1, 0)
    assert budget["left_low"] < 0.9


@pytest.mark.parametrize("regions", [["eu"], ["eu", "us"]])
def test_calm_month_leaves_room_for_an_outage_like_that_of_an_earlier_month(project, regions):
    light = np.ones((59, 24))
    light[::6, 5] = 0
    deep = light.copy()
    deep[10, :12] = 0
    values = {(service, region): days.ravel() for service, days in (("light", light), ("deep", deep)) for region in regions}
    signals = made.signals(values, start="2026-01-01T00:00Z", step_s=3600)
    found = judged(signals, made.promises("light", "deep"), now=pd.Timestamp("2026-03-01T00:00Z")).compliance
    february = found[(found["period_start"] == pd.Timestamp("2026-02-01T00:00Z")) & (found["region"] == ALL)].set_index("service")
    assert february.loc["light", "n_bad"] == february.loc["deep", "n_bad"] > 0
    doubt = february["compliance"] - february["compliance_low"]
    assert doubt["deep"] > 2 * doubt["light"]


@pytest.mark.parametrize(("n", "state"), [(9, "too little data"), (10, "kept")])
def test_a_handful_of_checks_gives_no_verdict(project, n, state):
    verdicts = judged(daily([1] * n), made.promises("web", objective=0.9), min_checks=params.Slo().min_checks)
    assert set(verdicts.compliance["state"]) == {state}
    assert verdicts.budgets.empty == (state != "kept")


def test_failures_among_too_few_checks_give_no_verdict_either(project):
    verdicts = judged(daily([1, 0, 0]), made.promises("web", objective=0.9), now=pd.Timestamp("2026-02-01T00:00Z"), min_checks=4)
    assert set(verdicts.compliance["state"]) == {"too little data"}


def test_always_down_has_spent_more_than_everything(project):
    verdicts = judged(daily([0] * 31), made.promises("web", objective=0.9), now=pd.Timestamp("2026-02-01T00:00Z"))
    row = one(verdicts.compliance, region=ALL)
    assert (row["compliance"], row["state"]) == (0, "missed")
    npt.assert_allclose(one(verdicts.budgets, region=ALL)["left_share"], -9)
    # The last days of a month that is over are not its recent rate.
    assert verdicts.budgets["burn_rate_recent"].isna().all()


def test_two_regions_have_the_budget_of_one_and_spend_it_together(project):
    signals = made.signals({("web", "eu"): [0, 1, 1, 1], ("web", "us"): [1, 1, 1, 1]}, start="2026-01-01T00:00Z", step_s=86400)
    found = judged(signals, made.promises("web", objective=0.8), now=pd.Timestamp("2026-02-01T00:00Z")).budgets.set_index("region")
    npt.assert_allclose(found["budget_s"], 0.8 * 86400)
    npt.assert_allclose(found.loc[[ALL, "eu", "us"], "spent_s"], [43200, 86400, 0])


def test_months_without_checks_are_unmeasured_and_have_no_budget(project):
    values = [*[1] * 31, *[NAN] * 28, *[1] * 31]
    verdicts = judged(daily(values), made.promises("web", objective=0.9), now=pd.Timestamp("2026-05-10T00:00Z"))
    row = verdicts.compliance[verdicts.compliance["region"] == ALL]
    # April lies after the last measured month and is over; May is the newest.
    assert row["state"].to_list() == ["kept", "unmeasured", "kept", "unmeasured"]
    assert [time.month for time in row["period_start"]] == [1, 2, 3, 5]
    assert row["compliance"].isna().to_list() == [False, True, False, True]
    assert len(verdicts.budgets[verdicts.budgets["region"] == ALL]) == 2


def test_services_without_a_promise_are_shown_without_a_verdict(project):
    verdicts = judged(daily([1, 0]), made.promises("web", objective=NAN))
    assert set(verdicts.compliance["state"]) == {"no promise"}
    assert verdicts.compliance["compliance"].to_list() == [0.5, 0.5]
    assert verdicts.budgets.empty


def test_checks_in_maintenance_are_told_as_excluded(project):
    told = made.coverage(("web", "eu", "2026-01-03", 7), ("web", "eu", "2026-01-04", 2))
    verdicts = judged(daily([1] * 10), made.promises("web"), coverage=told)
    assert verdicts.compliance["n_excluded"].to_list() == [9, 9]


def test_month_with_a_clock_change_is_measured_wholly(project):
    signals = made.signals({("web", "eu"): np.ones(743)}, start="2026-02-28T23:00Z", step_s=3600)
    row = one(judged(signals, made.promises("web"), zone="Europe/Zurich").compliance, region=ALL)
    assert (row["n"], row["measured_share"], bool(row["is_complete"])) == (743, 1.0, True)
    assert row["period_end"] == pd.Timestamp("2026-03-31T22:00Z")


def test_verdicts_fit_their_tables(project):
    store.begin("slo")
    verdicts = judged(daily([1, 0, NAN, 1]), made.promises("web", "api"), zone="Europe/Zurich")
    store.save(verdicts.compliance, "slo_compliance")
    store.save(verdicts.budgets, "error_budgets")
    assert store.load("slo_compliance")["n"].to_list() == [3, 3]


def test_only_metrics_and_no_checks_give_empty_tables(project):
    store.begin("slo")
    signals = made.signals({("web", "eu"): [1.0, 2.0]}, start="2026-03-02T00:00Z", signal="cpu")
    verdicts = judged(signals, made.promises("web"))
    store.save(verdicts.compliance, "slo_compliance")
    store.save(verdicts.budgets, "error_budgets")
    assert verdicts.compliance.empty


def test_promises_follow_role_and_declaration():
    services = pd.DataFrame(
        {
            "service": ["api", "db", "cdn", "web"],
            "name": [None, None, "CDN", None],
            "role": ["service", "data_store", "external", "client_view"],
            "objective": [NAN, NAN, 0.99, 0.95],
            "latency_objective_ms": [NAN, NAN, NAN, 300.0],
        }
    )
    found = slo.find_promises(services, project=made.project(objective=0.999)).set_index(["objective_kind", "service"])
    npt.assert_array_equal(found.loc["availability"].loc[["api", "db", "cdn", "web"], "objective"], [0.999, NAN, 0.99, 0.95])
    assert list(found.loc["latency"].index) == ["web"]
    general = slo.find_promises(services, project=made.project(latency_objective_ms=200.0))
    assert list(general[general["objective_kind"] == "latency"]["service"]) == ["api", "web"]


def test_nothing_measured_of_a_service_is_an_error_that_names_it(project):
    with pytest.raises(ValueError, match="no service is called 'wbe'; did you mean 'web'"):
        slo.chosen(daily([1]), service="wbe", region=None, start=None, end=None, now=pd.Timestamp("2026-02-01T00:00Z"))


@pytest.mark.parametrize("given", [{"end": "2020-01-01T00:00Z"}, {"start": "2026-01-20T00:00Z"}])
def test_nothing_measured_between_two_times_is_an_error_that_says_when_something_was(given, project):
    times = {"start": None, "end": None, **given}
    with pytest.raises(ValueError, match=r"nothing was measured from .* to .*; what was lies between 2026-01-01 .* choose another start"):
        slo.chosen(daily([1]), service=None, region=None, **times, now=pd.Timestamp("2026-02-01T00:00Z"))


def test_burn_down_ends_at_what_is_left(project):
    signals, promises = daily([1, 0, 1, 1, 0, 1]), made.promises("web", objective=0.9)
    verdicts = judged(signals, promises)
    month = slo.find_periods(signals, now=signals.end, zone="UTC")[-1]
    worst = slo.worst_budgets(verdicts, month)
    burn = slo.burn_down(worst, signals, promises, made.outages(), made.masks(), month, project=made.project(), now=signals.end)
    per_day = 1 / 3.1
    npt.assert_allclose(burn["left_share"], 1 - per_day * np.array([0, 0, 1, 1, 1, 2, 2]), atol=1e-6)
    assert burn["time"].iloc[-1] == signals.end
    npt.assert_allclose(burn["left_share"].iloc[-1], worst["left_share"].iloc[0])


def test_burn_down_begins_with_the_data_of_each_service(project):
    values = {("old", "eu"): [0, 1, 1, 1, 0], ("new", "eu"): [NAN, NAN, 0, NAN, 1]}
    signals, promises = made.signals(values, start="2026-01-01T00:00Z", step_s=86400), made.promises("old", "new", objective=0.9)
    month = slo.find_periods(signals, now=signals.end, zone="UTC")[-1]
    worst = slo.worst_budgets(judged(signals, promises), month)
    burn = slo.burn_down(worst, signals, promises, made.outages(), made.masks(), month, project=made.project(), now=signals.end)
    lines = {name: [time.day for time in group["time"]] for name, group in burn.groupby("service")}
    assert lines == {"old": [1, 2, 3, 4, 5, 6], "new": [3, 4, 5, 6]}
    assert burn[burn["service"] == "new"]["left_share"].iloc[0] == 1
