"""Which checks count, which are bad, and to which month they belong."""

import numpy as np
import pandas as pd
import pandas.testing as pdt
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from analytics import slo
from analytics.calendars import months
from analytics.slo.counts import ALL
from tests import naive
from tests.slo import made

NAN = np.nan
NONE = made.outages()


def count(signals, promises, *, outages=NONE, masks=None, zone="UTC", now=None, accounting=None):
    project = made.project(zone=zone, accounting=accounting or {})
    now = now or signals.end
    periods = slo.find_periods(signals, now=now, zone=zone)
    return slo.count_checks(signals, promises, outages, made.masks() if masks is None else masks, periods, project=project, now=now)


def total(counts, region=ALL, kind="availability"):
    found = counts[(counts["region"] == region) & (counts["objective_kind"] == kind)]
    return tuple(int(found[name].sum()) for name in ("n", "n_bad", "n_excluded"))


def test_ten_checks_of_which_one_failed(project):
    signals = made.signals({("web", "eu"): [1, 1, 1, 0, 1, 1, 1, 1, 1, 1]}, start="2026-03-02T00:00Z")
    assert total(count(signals, made.promises("web"))) == (10, 1, 0)


def test_share_of_a_step_becomes_whole_checks(project):
    signals = made.signals({("web", "eu"): [0.8, 2 / 3]}, start="2026-03-02T00:00Z", n_checks=[5, 3])
    assert total(count(signals, made.promises("web"))) == (8, 2, 0)


def test_a_share_that_a_source_gives_is_not_rounded_to_whole_checks(project):
    signals = made.signals({("web", "eu"): [0.6] * 10, ("web", "us"): [0.998] * 10}, start="2026-03-02T00:00Z", n_checks=1)
    counts = count(signals, made.promises("web", objective=0.6)).set_index("region")
    assert counts["n_bad"].to_dict() == {"eu": 4.0, "us": 0.02, ALL: 4.02}
    # Ten times 0.4 is what is allowed, and no more.
    assert counts["exhausted_ms"].isna().all()


@given(data=st.data(), n=st.integers(1, 100_000))
def test_whole_checks_come_back_from_the_share_of_a_step(data, n):
    bad = data.draw(st.integers(0, n))
    share = np.array([[(n - bad) / n]], np.float32)
    assert slo.counts._bad_checks(share, np.array([[float(n)]])).tolist() == [[bad]]


def test_all_joins_regions(project):
    signals = made.signals({("web", "eu"): [1, 0], ("web", "us"): [NAN, 0]}, start="2026-03-02T00:00Z")
    counts = count(signals, made.promises("web"))
    assert [total(counts, region) for region in ("eu", "us", ALL)] == [(2, 1, 0), (1, 1, 0), (3, 2, 0)]


@pytest.mark.parametrize("name", ["all", "ALL", "default"])
def test_a_region_may_have_any_name(project, name):
    signals = made.signals({("web", name): [1, 0], ("web", "us"): [1, 1]}, start="2026-03-02T00:00Z")
    counts = count(signals, made.promises("web"))
    assert [total(counts, region) for region in (name, "us", ALL)] == [(2, 1, 0), (2, 0, 0), (4, 1, 0)]
    assert not counts.duplicated(["service", "region", "objective_kind", "period_start"]).any()


def test_a_step_belongs_to_the_month_of_the_reader(project):
    signals = made.signals({("web", "eu"): [0, 1, 1]}, start="2026-02-28T22:00Z", step_s=3600)
    counts = count(signals, made.promises("web"), zone="Europe/Zurich")
    assert counts[counts["region"] == "eu"]["n_bad"].to_list() == [1, 0]


def test_month_with_a_clock_change_has_743_hours(project):
    signals = made.signals({("web", "eu"): np.ones(31 * 24 + 5)}, start="2026-02-28T20:00Z", step_s=3600)
    counts = count(signals, made.promises("web"), zone="Europe/Zurich")
    march = counts[(counts["region"] == "eu") & (counts["period_start"] == pd.Timestamp("2026-02-28T23:00Z"))].iloc[0]
    assert march["n"] == 743
    assert march["measured_s"] == 743 * 3600
    assert march["n_days"] == 31


@pytest.mark.parametrize(("reason", "rule"), [("maintenance", "exclude_maintenance"), ("prober", "exclude_prober_faults")])
def test_masked_steps_do_not_count_unless_the_rule_is_off(project, reason, rule):
    signals = made.signals({("web", "eu"): [1, 0, 0, 1]}, start="2026-03-02T00:00Z")
    masks = made.masks((None, "eu", "2026-03-02T00:05Z", "2026-03-02T00:15Z", reason))
    assert total(count(signals, made.promises("web"), masks=masks)) == (2, 0, 2)
    assert total(count(signals, made.promises("web"), masks=masks, accounting={rule: False})) == (4, 2, 0)


def test_masks_of_incidents_count_against_the_service(project):
    signals = made.signals({("web", "eu"): [1, 0]}, start="2026-03-02T00:00Z")
    masks = made.masks(("web", "eu", "2026-03-02T00:05Z", "2026-03-02T00:10Z", "incident"))
    assert total(count(signals, made.promises("web"), masks=masks)) == (2, 1, 0)


def test_masks_of_others_do_not_matter(project):
    signals = made.signals({("web", "eu"): [1, 0]}, start="2026-03-02T00:00Z")
    masks = made.masks(("api", None, "2026-03-02", "2026-03-03", "maintenance"), ("web", "us", "2026-03-02", "2026-03-03", "maintenance"))
    assert total(count(signals, made.promises("web"), masks=masks)) == (2, 1, 0)


def test_step_is_left_out_when_masks_cover_half_of_it(project):
    signals = made.signals({("web", "eu"): [0, 0]}, start="2026-03-02T00:00Z", step_s=600)
    # 5 of 10 minutes of the first step, by two masks that overlap; 4 of the second.
    masks = made.masks(
        ("web", "eu", "2026-03-02T00:00Z", "2026-03-02T00:04Z", "maintenance"),
        (None, None, "2026-03-02T00:02Z", "2026-03-02T00:05Z", "prober"),
        (None, None, "2026-03-02T00:16Z", "2026-03-02T00:20Z", "prober"),
    )
    assert total(count(signals, made.promises("web"), masks=masks)) == (1, 1, 1)


def test_masks_that_overlap_are_not_added_up(project):
    signals = made.signals({("web", "eu"): [0]}, start="2026-03-02T00:00Z", step_s=600)
    # Together 4 of 10 minutes, one after the other they would be 7.
    masks = made.masks(
        ("web", "eu", "2026-03-02T00:00Z", "2026-03-02T00:04Z", "maintenance"),
        (None, None, "2026-03-02T00:01Z", "2026-03-02T00:04Z", "prober"),
    )
    assert total(count(signals, made.promises("web"), masks=masks)) == (1, 1, 0)


def test_failures_of_an_excluded_outage_do_not_count_where_no_mask_covers_a_step(project):
    signals = made.signals({("web", "eu"): [0.9, 0.9]}, start="2026-03-02T00:00Z", n_checks=10)
    outages = made.outages(("web", "eu", "2026-03-02T00:01Z", "2026-03-02T00:02Z", True, "prober"))
    assert total(count(signals, made.promises("web"), outages=outages)) == (19, 1, 1)
    assert total(count(signals, made.promises("web"), outages=outages, accounting={"exclude_prober_faults": False})) == (20, 2, 0)


def test_only_confirmed_outages_count_when_the_rule_says_so(project):
    signals = made.signals({("web", "eu"): [0, 1, 0, 0]}, start="2026-03-02T00:00Z")
    outages = made.outages(
        ("web", "eu", "2026-03-02T00:00Z", "2026-03-02T00:05Z", False, None),
        ("web", "eu", "2026-03-02T00:10Z", None, True, None),
    )
    assert total(count(signals, made.promises("web"), outages=outages)) == (4, 3, 0)
    assert total(count(signals, made.promises("web"), outages=outages, accounting={"count": "confirmed"})) == (4, 2, 0)


def test_latency_counts_steps_above_the_limit(project):
    up = made.signals({("web", "eu"): [1, 1, 1]}, start="2026-03-02T00:00Z")
    timed = made.signals({("web", "eu"): [100.0, 100.5, NAN]}, start="2026-03-02T00:00Z", signal="latency_ms", n_checks=5)
    assert total(count(made.joined(up, timed), made.promises("web", latency_ms=100)), kind="latency") == (2, 1, 0)


def test_budget_is_used_up_in_the_step_that_passes_it(project):
    # 90 % of 20 checks: 2 may be bad, the third passes the budget.
    values = np.ones(20)
    values[[3, 8, 11, 15]] = 0
    signals = made.signals({("web", "eu"): values}, start="2026-03-31T22:20Z")
    counts = count(signals, made.promises("web", objective=0.9), now=pd.Timestamp("2026-04-01T00:00Z"))
    found = pd.to_datetime(counts["exhausted_ms"], unit="ms", utc=True)
    assert found.to_list() == [pd.Timestamp("2026-03-31T23:15Z")] * 2


def test_budget_of_joined_regions_is_used_up_by_both(project):
    first, second = np.ones(20), np.ones(20)
    first[[2, 3]], second[[5, 6, 7]] = 0, 0
    signals = made.signals({("web", "eu"): first, ("web", "us"): second}, start="2026-03-31T22:20Z")
    counts = count(signals, made.promises("web", objective=0.9), now=pd.Timestamp("2026-04-01T00:00Z")).set_index("region")
    # 4 of 40 may be bad: the fifth is the third of us.
    assert counts.loc[ALL, "exhausted_ms"] == pd.Timestamp("2026-03-31T22:55Z").value // 10**6
    assert np.isnan(counts.loc["eu", "exhausted_ms"])


def test_no_panels_give_no_rows(project):
    counts = slo.count_checks(
        made.joined(), made.promises("web"), NONE, made.masks(), [], project=made.project(), now=pd.Timestamp("2026-04-01T00:00Z")
    )
    assert counts.empty
    assert "n_bad" in counts.columns


def random_world(rng, *, days=45, step_s=14400):
    n = days * 86400 // step_s
    keys = [(service, region) for service in ("api", "web") for region in ("eu", "us")]
    values = {key: np.where(rng.random(n) < 0.1, NAN, (rng.random(n) > 0.1) * 1.0) for key in keys}
    timed = {key: np.where(rng.random(n) < 0.1, NAN, rng.lognormal(4, 0.5, n)) for key in keys}
    begin = "2026-02-20T00:00Z"
    signals = made.joined(
        made.signals(values, start=begin, step_s=step_s, n_checks=rng.integers(1, 5, (4, n))),
        made.signals(timed, start=begin, step_s=step_s, signal="latency_ms"),
    )
    starts = pd.Timestamp(begin) + pd.to_timedelta(rng.integers(0, days * 24, 12), unit="h")
    ends = starts + pd.to_timedelta(rng.integers(1, 30, 12) * 20, unit="min")
    services, regions = rng.choice(["api", "web", ""], 12), rng.choice(["eu", "us", ""], 12)
    reasons = rng.choice(["maintenance", "prober", "incident"], 12)
    masks = made.masks(
        *((one or None, place or None, *rest) for one, place, *rest in zip(services, regions, starts, ends, reasons, strict=True))
    )
    outages = made.outages(
        *(
            (keys[number % 4][0], keys[number % 4][1], start, start + pd.Timedelta("5h"), number % 3 > 0, [None, "prober"][number % 2])
            for number, start in enumerate(starts)
        )
    )
    return signals, masks, outages


@pytest.mark.parametrize("rule", ["checks", "confirmed"])
def test_counts_equal_a_loop_over_steps(project, rng, rule):
    signals, masks, outages = random_world(rng)
    promises = made.promises("api", "web", latency_ms=70)
    now = signals.end
    counts = count(signals, promises, outages=outages, masks=masks, zone="Europe/Zurich", accounting={"count": rule})
    expected = naive.slo_counts(
        signals.frame(),
        14400,
        promises,
        outages,
        masks,
        months(pd.Timestamp("2026-02-20T00:00Z"), now, "Europe/Zurich"),
        confirmed=rule == "confirmed",
    )
    keys = ["service", "region", "objective_kind", "period_start"]
    found = counts.set_index(keys)[["n", "n_bad", "n_excluded"]].astype(int)
    pdt.assert_frame_equal(found.sort_index(), expected.set_index(keys).sort_index(), check_dtype=False, check_index_type=False)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 44))
def test_parts_of_a_period_add_up(project, cut):
    signals, masks, outages = random_world(np.random.default_rng(1), days=45)
    promises = made.promises("api", "web", latency_ms=70)
    begin, now = pd.Timestamp("2026-02-20T00:00Z"), signals.end
    middle = begin + pd.Timedelta(days=cut)
    whole, first, second = (
        slo.count_checks(signals, promises, outages, masks, [slo.counts.Period("part", *ends)], project=made.project(), now=now)
        for ends in ((begin, now), (begin, middle), (middle, now))
    )
    sums = ["n", "n_bad", "n_excluded"]
    keys = ["service", "region", "objective_kind"]
    added = first.set_index(keys)[sums].add(second.set_index(keys)[sums], fill_value=0)
    pdt.assert_frame_equal(added.sort_index(), whole.set_index(keys)[sums].sort_index())


def test_order_of_series_does_not_matter(project, rng):
    values = {(service, "eu"): (rng.random(600) > 0.05) * 1.0 for service in ("a", "b", "c")}
    turned = dict(reversed(values.items()))
    found = [count(made.signals(one, start="2026-03-02T00:00Z"), made.promises(*"abc")) for one in (values, turned)]
    pdt.assert_frame_equal(*found)


def test_two_blocks_are_counted_like_one(project, rng):
    from dataclasses import replace

    values = {(service, "eu"): (rng.random(600) > 0.05) * 1.0 for service in ("a", "b")}
    together = made.signals(values, start="2026-03-02T00:00Z")
    apart = made.joined(*(made.signals({key: one}, start="2026-03-02T00:00Z") for key, one in values.items()))
    apart = made.Panels([replace(ref, block=number) for number, ref in enumerate(apart)])
    pdt.assert_frame_equal(count(together, made.promises("a", "b")), count(apart, made.promises("a", "b")))
