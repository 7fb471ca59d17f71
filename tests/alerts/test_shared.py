"""Services of a region that go wrong at once are one alert: whose, how grave, until when; and somebody is always told."""

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from tests.alerts import made
from tests.alerts.made import at, mask, measured, plain, raised, row


def rows(*starts, region="eu", **more):
    """One finding of each of several services, known ten minutes after it began."""
    return [row(f"f{number}", start + 10, service=f"s{number}", start=start, region=region, **more) for number, start in enumerate(starts)]


def silent(found):
    return dict(zip(found["service"], found["silenced_by"], strict=True))


def told(found):
    mine = found[found["silenced_by"].isna()]
    assert len(mine) == 1, mine[["service", "title"]]
    return mine.iloc[0]


FOUR = measured(4)
"""Four services are measured in each of two regions: two are half of them, three are the least."""


def test_three_of_four_services_at_once_are_one_alert_with_the_others_linked():
    found = raised(*rows(0, 4, 9), series=FOUR).alerts
    one = told(found)
    assert one["service"] == "s0"
    assert one["region"] == "eu"
    assert plain(one["title"]) == "region eu: 3 of 4 services at once, the gravest s0: latency_ms +18 %"
    assert "eu: s0, s1 and s2" in one["text"]
    assert one["n_findings"] == 3
    assert silent(found) == {"s0": None, "s1": "shared", "s2": "shared"}
    others = found[found["silenced_by"] == "shared"]
    assert others["silenced_text"].unique().tolist() == [f"told once with 2 other services of its region ({one['alert_id']})"]


def test_the_id_is_that_of_the_alert_that_was_known_first():
    alone = raised(rows(0)[0], series=FOUR).alerts["alert_id"].iloc[0]
    assert told(raised(*rows(0, 4, 9), series=FOUR).alerts)["alert_id"] == alone


def test_it_is_as_grave_as_all_of_them_together():
    one = told(raised(*rows(0, 0, 0, severity=30.0), series=FOUR).alerts)
    assert one["score"] == pytest.approx(100 * (1 - 0.7**3))
    assert one["severity"] == "critical"


@pytest.mark.parametrize(
    ("starts", "options", "is_one"),
    [
        ((0, 4, 10), {}, True),
        ((0, 4, 11), {}, False),
        ((0, 4, 11), {"shared_within_s": 660}, True),
        ((0, 4), {}, False),
        ((0, 4), {"shared_services": 2}, True),
        ((0, 4, 9), {"series": measured(7)}, False),
        ((0, 4, 9), {"series": measured(7), "shared_share": 0.4}, True),
        ((0, 4, 9), {"series": measured(6)}, True),
    ],
)
def test_the_quorum_is_a_number_and_a_share_within_a_time(starts, options, is_one):
    found = raised(*rows(*starts), **{"series": FOUR, **options}).alerts
    assert found["silenced_by"].isna().sum() == (1 if is_one else len(starts))


def test_services_that_are_not_measured_at_that_time_do_not_count():
    gone = measured(8).assign(last=[at(-60) if int(name[1:]) > 3 else at(10_000) for name in measured(8)["service"]])
    assert plain(told(raised(*rows(0, 4, 9), series=gone).alerts)["title"]).startswith("region eu: 3 of 4 services")
    assert raised(*rows(0, 4, 9), series=measured(8)).alerts["silenced_by"].isna().all()


def test_regions_count_apart_and_what_is_in_several_counts_for_each():
    here, there = rows(0, 4), row("x", 10, service="s2", start=0, region="us")
    assert raised(*here, there, series=FOUR).alerts["silenced_by"].isna().all()
    assert told(raised(*here, {**there, "region": None}, series=FOUR).alerts)["region"] == "eu"


def test_services_that_fail_in_all_regions_are_told_as_that():
    one = told(raised(*rows(0, 4, 9, region=None), series=FOUR).alerts)
    assert one["region"] is None
    assert plain(one["title"]).startswith("all regions: 3 of 4 services at once")


def test_what_became_better_is_never_told_with_it():
    found = raised(*rows(0, 4), row("x", 10, service="s2", start=0, direction="improvement"), series=FOUR).alerts
    assert found["silenced_by"].isna().all()


def test_it_goes_on_as_long_as_one_of_them_does():
    over = [row(f"f{number}", 60, service=f"s{number}", end=50) for number in range(2)]
    begun = rows(0, 0, 0)
    one = told(raised(*begun, *over, series=FOUR, now=200).alerts)
    assert one["state"] != "resolved"
    assert pd.isna(one["end"])
    last = row("f2", 100, service="s2", end=90)
    done = told(raised(*begun, *over, last, series=FOUR, now=200).alerts)
    assert (done["state"], done["end"]) == ("resolved", at(90))


def test_its_story_is_how_the_others_joined_and_the_last_was_over():
    over = [
        row(f"f{number}", 60 + 10 * number, service=f"s{number}", start=4 * number, end=50 + 10 * number, severity=30.0)
        for number in range(3)
    ]
    found = raised(*rows(0, 4, 8, severity=30.0), *over, series=FOUR, now=200)
    one = told(found.alerts)
    mine = found.changes[found.changes["alert_id"] == one["alert_id"]].sort_values("at")
    said = [
        (int((change.at_ - at(0)).total_seconds() // 60), change.change, change.severity)
        for change in mine.rename(columns={"at": "at_"}).itertuples()
    ]
    assert said == [(10, "opened", "warning"), (14, "joined", "warning"), (18, "joined", "critical"), (85, "resolved", "critical")]
    assert one["changed_at"] == at(85)


def test_maintenance_is_not_counted():
    planned = made.masks(*[mask(-10, 500, service=name) for name in ("s1", "s2")])
    found = raised(*rows(0, 4, 9), series=FOUR, masks=planned, now=100).alerts
    assert silent(found) == {"s0": None, "s1": "maintenance", "s2": "maintenance"}


def test_a_silence_of_one_service_keeps_the_others_told():
    quiet = made.silences(made.silence("service=s0", -10, 2000))
    found = raised(*rows(0, 4, 9, 9), series=FOUR, silences=quiet).alerts
    assert silent(found) == {"s0": "silence", "s1": None, "s2": "shared", "s3": "shared"}


def test_who_tells_for_others_is_told_though_it_depends_on_one_of_them():
    services = made.services("s0", "s1", "s2", s0="s1")
    found = raised(*rows(0, 4, 9), series=FOUR, services=services).alerts
    assert silent(found) == {"s0": None, "s1": "shared", "s2": "shared"}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["eu", "us", None]), st.integers(0, 40)), min_size=1, max_size=12))
def test_nobody_is_silent_for_an_alert_that_nobody_is_told_of(drawn):
    many = [row(f"f{n}", start + 10, service=f"s{name}", start=start, region=region) for n, (name, region, start) in enumerate(drawn)]
    found = raised(*many, series=measured(6)).alerts
    is_told = set(found.loc[found["silenced_by"].isna(), "alert_id"])
    for text in found.loc[found["silenced_by"] == "shared", "silenced_text"]:
        assert text.rpartition("(")[2].rstrip(")") in is_told


def test_services_of_several_regions_are_not_told_as_of_one_in_which_they_are_not_measured():
    found = raised(
        *rows(0, 4, 9, region=None), row("x", 10, service="s5", start=0, region="aa"), series=measured(8, regions=("us",))
    ).alerts
    assert found["silenced_by"].isna().all()
