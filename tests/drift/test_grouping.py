"""Drifts of one series or many."""

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from analytics import tables
from analytics.drift import attribution, grouping, severity
from tests.drift import made


def grouped(*rows, since=-1000.0, now=1000.0, **options):
    return grouping.group(made.changes(*rows), since=made.at(since), now=made.at(now), **options)


def partition(found):
    """Series of each drift, as a set of sets."""
    return {frozenset(rows["series_id"]) for _, rows in found.members.groupby("drift_id")}


def test_signals_and_regions_of_a_service_are_one_drift_written_out():
    found = grouped(
        made.change("web/eu/latency_ms", start=0, low=-2, high=1, detected=9, effect=0.2, end=40),
        made.change("web/us/latency_ms", start=2, low=0, high=4, detected=5, effect=0.4, end=50, p_value=1e-8),
        made.change("web/us/latency_p95_ms", start=1, low=-3, high=8, detected=20, effect=0.9, end=30),
    )
    drift = found.drifts.iloc[0]
    assert len(found.drifts) == 1
    assert drift["service"] == "web"
    assert pd.isna(drift["region"])
    assert (drift["start"], drift["start_low"], drift["start_high"]) == (made.at(1), made.at(0), made.at(1))
    assert (drift["detected_at"], drift["end"]) == (made.at(5), made.at(50))
    assert drift["effect"] == 0.4
    assert drift["p_value"] == pytest.approx(3e-8)
    assert drift["n_members"] == 3
    assert found.members["series_id"].tolist() == ["web/eu/latency_ms", "web/us/latency_ms", "web/us/latency_p95_ms"]


def test_drift_is_open_while_one_member_is():
    found = grouped(made.change("web/eu/a", end=5.0), made.change("web/us/a"))
    assert found.drifts["end"].isna().all()


@pytest.mark.parametrize("other", [{"start": 5.0}, {"kind": "spread"}, {"direction": "improvement"}])
def test_other_onsets_kinds_and_directions_are_other_drifts(other):
    assert len(grouped(made.change("web/eu/a"), made.change("web/us/a", **other)).drifts) == 2


def test_members_share_a_moment_and_not_only_a_neighbour():
    found = grouped(*(made.change(f"web/r{k}/a", start=1.5 * k) for k in range(3)))
    assert partition(found) == {frozenset({"web/r0/a", "web/r1/a"}), frozenset({"web/r2/a"})}


def test_services_of_one_region_are_one_drift():
    found = grouped(*(made.change(f"s{k}/eu/a") for k in range(3)), made.change("s9/us/a", start=300))
    assert partition(found) == {frozenset({"s0/eu/a", "s1/eu/a", "s2/eu/a"}), frozenset({"s9/us/a"})}
    joint = found.drifts[found.drifts["n_members"] == 3].iloc[0]
    assert pd.isna(joint["service"])
    assert joint["region"] == "eu"


def test_services_everywhere_are_one_drift():
    found = grouped(*(made.change(f"s{k}/{region}/a") for k in range(3) for region in ("eu", "us")))
    assert len(found.drifts) == 1
    assert found.drifts[["service", "region"]].isna().all(axis=None)


def test_onsets_that_meet_by_chance_are_not_one_drift():
    """Two of six services, each known to within 40 hours of 2000: about one such pair is expected."""
    wide = [made.change(f"s{k}/eu/a", start=200.0 * k, low=200.0 * k - 20, high=200.0 * k + 20) for k in range(5)]
    late = made.change("s9/eu/a", start=15, low=-5, high=35)
    assert len(grouped(*wide, late).drifts) == 6
    assert len(grouped(*wide, late, alpha=10.0).drifts) == 5
    sharp = [made.change(f"s{k}/eu/a", start=200.0 * k, low=200.0 * k - 0.01, high=200.0 * k + 0.01) for k in range(5)]
    assert len(grouped(*sharp, made.change("s9/eu/a", low=-0.01, high=0.01)).drifts) == 5


def test_independent_services_are_rarely_joined(rng):
    """At most one in a hundred runs joins strangers; 50 runs of 8 services with onsets at random."""
    joined = 0
    for _ in range(50):
        rows = [made.change(f"s{k}/eu/a", start=float(hour)) for k, hour in enumerate(rng.uniform(-1000, 1000, 8))]
        joined += len(grouped(*rows).drifts) < 8
    assert joined <= 3


def test_later_members_keep_the_id():
    first = made.change("web/eu/a", detected=5.0)
    alone = grouped(first).drifts["drift_id"].tolist()
    more = [made.change("web/us/a", detected=8.0), *(made.change(f"s{k}/eu/a", detected=9.0) for k in range(3))]
    assert grouped(*more, first).drifts["drift_id"].tolist() == alone
    assert grouped({**first, "effect": 0.9, "end": made.at(99), "start": made.at(0.5)}).drifts["drift_id"].tolist() == alone


def test_id_is_the_same_for_ever():
    assert grouped(made.change()).drifts["drift_id"].tolist() == ["2b2a70b5eb235c86"]


def test_two_changes_of_one_day_have_two_ids():
    found = grouped(made.change(start=2.0), made.change(start=20.0))
    assert found.drifts["drift_id"].nunique() == 2


def test_nothing_has_no_drifts():
    found = grouped()
    assert (len(found.drifts), len(found.members)) == (0, 0)
    assert "drift_id" in found.drifts


onsets = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["eu", "us"]), st.integers(0, 20), st.integers(0, 9)), max_size=8)


@given(onsets=onsets, order=st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing_and_every_change_is_in_one_drift(onsets, order):
    rows = [
        made.change(f"{service}/{region}/{k}", start=start, detected=30.0 + late) for k, (service, region, start, late) in enumerate(onsets)
    ]
    found = grouped(*rows)
    shuffled = list(rows)
    order.shuffle(shuffled)
    again = grouped(*shuffled)
    pd.testing.assert_frame_equal(again.drifts, found.drifts)
    pd.testing.assert_frame_equal(again.members, found.members)
    assert sorted(found.members["series_id"]) == sorted(row["series_id"] for row in rows)
    assert (found.drifts["start_low"] <= found.drifts["start"]).all()
    assert (found.drifts["start"] <= found.drifts["start_high"]).all()


def test_columns_are_those_of_the_tables():
    drifts, members = tables.DRIFT
    assert set(grouping.DRIFT) <= set(drifts.names)
    assert set(grouping.MEMBERS) - {"kind", "detected_at"} <= set(members.names)


def test_drifts_with_all_their_parts_are_the_tables():
    """What the verbs of this package return, put side by side, is what tables `drifts` and `drift_members` take."""
    changes = made.changes(made.change("web/eu/a"), made.change("web/us/a"), made.change("db/eu/b", start=50.0, kind="spread"))
    found = grouping.group(changes, since=made.at(-900), now=made.at(100))
    events = pd.DataFrame(columns=tables.RAW["events"].names)
    calls = pd.DataFrame(columns=["caller", "callee"])
    causes = attribution.attribute(found.drifts, events, calls, window=pd.Timedelta(hours=3), since=made.at(-900))
    graded = severity.grade(found.drifts.assign(exposure=0.5, day_size=0.2), now=made.at(100))
    cost = severity.weekly_cost(
        found.drifts.assign(exposure=0.5, checks_per_week=2016.0, effect_ms=3.0, extra_bad_share=0.001, objective=0.999)
    )
    drifts = pd.concat([found.drifts, graded, cost, causes], axis=1).assign(state="open", q_value=0.5)
    drifts = drifts.assign(expires_at=drifts["start"], open_at=drifts["detected_at"])
    key = ["series_id", "kind", "detected_at"]
    members = found.members.merge(changes[[*key, "start", "effect_low", "effect_high"]], on=key).assign(severity=0.0)
    for name, frame in (("drifts", drifts), ("drift_members", members)):
        table = next(table for table in tables.DRIFT if table.name == name)
        assert tables.validate(frame[table.names], table).num_rows == len(frame)
