"""Every way in which an alert opens, grows, comes back and ends."""

import itertools

import pandas as pd
import pandas.testing as pdt
import pytest
from hypothesis import given, strategies as st

from analytics import alerts, params, tables
from analytics.alerts import life
from tests.alerts import made
from tests.alerts.made import at, only, raised, row, story


def test_no_findings_are_no_alerts():
    found = raised()
    for name, frame in {"alerts": found.alerts, "alert_changes": found.changes}.items():
        assert len(tables.validate(frame, tables.TABLES[name])) == 0


def test_a_finding_opens_an_alert_when_it_is_known():
    alert = only(row(known=10))
    assert story(row(known=10)) == [(10, "opened", "warning")]
    assert alert[["state", "severity", "score", "n_findings", "n_reopened", "finding", "finding_id"]].tolist() == [
        "open", "warning", 40.0, 1, 0, "drift", "a",
    ]  # fmt: skip
    assert alert[["start", "detected_at", "changed_at"]].tolist() == [at(0), at(10), at(10)]
    assert pd.isna(alert["end"])
    assert alert["silenced_by"] is None


def test_what_is_not_known_yet_is_not_told():
    assert raised(row(known=10), now=9).alerts.empty
    assert len(raised(row(known=10), now=10).alerts) == 1


@pytest.mark.parametrize(("now", "state"), [(69, "open"), (70, "open"), (74, "open"), (75, "resolved")])
def test_an_alert_is_resolved_once_its_finding_has_been_over_for_a_while(now, state):
    rows = row(known=10), row(known=70, end=60)
    assert only(*rows, now=now)["state"] == state
    assert story(*rows, now=now) == [(10, "opened", "warning"), (75, "resolved", "warning")][: 2 if state == "resolved" else 1]


def test_a_finding_whose_end_became_known_late_is_resolved_then():
    assert story(row(known=10), row(known=200, end=60)) == [(10, "opened", "warning"), (200, "resolved", "warning")]
    assert only(row(known=10), row(known=200, end=60))["end"] == at(60)


def test_a_finding_that_was_over_before_it_was_known_opens_and_resolves():
    assert story(row(known=100, start=0, end=20)) == [(100, "opened", "warning"), (100, "resolved", "warning")]
    assert only(row(known=100, start=0, end=20))[["state", "end"]].tolist() == ["resolved", at(20)]


def test_findings_that_begin_near_each_other_are_one_alert():
    rows = row("a", 10), row("b", 30, start=55, signals=["availability"], region="us", severity=70.0)
    alert = only(*rows)
    assert story(*rows) == [(10, "opened", "warning"), (30, "joined", "critical"), (30, "escalated", "critical")]
    assert alert[["state", "severity", "n_findings", "changed_at"]].tolist() == ["updated", "critical", 2, at(30)]
    assert alert["region"] is None
    assert alert["signals"] == ["availability", "latency_ms"]


@pytest.mark.parametrize("other", [{"service": "db"}, {"start": 61, "signals": ["requests"]}, {"direction": "improvement"}])
def test_findings_of_other_services_times_and_directions_are_alerts_of_their_own(other):
    assert len(raised(row("a", 10), row("b", 30, **other)).alerts) == 2


def test_an_alert_goes_on_until_its_last_finding_is_over():
    rows = row("a", 10), row("b", 12, start=5), row("a", 60, end=50), row("b", 100, end=90)
    assert only(*rows, now=80)["state"] == "updated"
    assert story(*rows)[-1] == (105, "resolved", "warning")
    assert only(*rows)["end"] == at(90)


def test_severity_rises_with_a_finding_and_never_falls():
    rows = row("a", 10, severity=12.0), row("a", 20, severity=30.0), row("a", 30, severity=80.0), row("a", 40, severity=20.0)
    assert story(*rows) == [(10, "opened", "info"), (20, "escalated", "warning"), (30, "escalated", "critical")]
    assert only(*rows)[["severity", "score", "state"]].tolist() == ["critical", 80.0, "updated"]


def test_thresholds_of_severity_are_parameters():
    assert only(row(severity=40.0), warning_from=41)["severity"] == "info"
    assert only(row(severity=40.0), critical_from=40)["severity"] == "critical"


def test_good_news_are_never_urgent():
    assert only(row(severity=100.0, direction="improvement"))["severity"] == "info"


def test_a_relapse_before_it_was_resolved_changes_nothing_that_is_told():
    rows = row("a", 10), row("a", 60, end=58), row("a", 65), row("a", 200, end=190)
    assert story(*rows) == [(10, "opened", "warning"), (205, "resolved", "warning")]


def test_what_comes_back_soon_reopens_its_alert():
    rows = row("a", 10), row("a", 60, end=50), row("b", 300, start=290), row("b", 400, end=390)
    assert story(*rows) == [
        (10, "opened", "warning"),
        (65, "resolved", "warning"),
        (300, "reopened", "warning"),
        (405, "resolved", "warning"),
    ]
    alert = only(*rows)
    assert alert[["n_reopened", "n_findings", "finding_id", "state"]].tolist() == [1, 2, "a", "resolved"]
    assert only(*rows, now=350)["state"] == "updated"
    assert pd.isna(only(*rows, now=350)["end"])


@pytest.mark.parametrize("other", [{"start": 411}, {"region": "us"}, {"signals": ["requests"]}, {"finding": "anomaly"}])
def test_something_else_or_much_later_is_an_alert_of_its_own(other):
    rows = row("a", 10), row("a", 60, end=50), row("b", 500, **({"start": 290} | other))
    assert raised(*rows).alerts["n_reopened"].tolist() == [0, 0]


def test_the_same_signal_again_while_the_alert_goes_on_is_the_same_alert():
    assert only(row("a", 10), row("b", 900, start=890))["n_findings"] == 2


def test_what_comes_back_before_it_was_resolved_is_the_same_alert_however_soon_alerts_are_forgotten():
    rows = row("a", 10), row("a", 60, end=50), row("b", 64, start=62)
    assert only(*rows, reopen_s=0)[["n_findings", "n_reopened"]].tolist() == [2, 0]
    assert len(raised(*rows[:2], row("b", 68, start=66), reopen_s=0).alerts) == 2


def test_flapping_is_one_alert_however_often():
    rows = [
        one
        for k in range(5)
        for one in (row(f"f{k}", 100 * k + 5, start=100 * k), row(f"f{k}", 100 * k + 30, start=100 * k, end=100 * k + 20))
    ]
    assert only(*rows)[["n_reopened", "n_findings"]].tolist() == [4, 5]


def test_a_late_finding_about_what_is_over_joins_without_opening_it_again():
    rows = row("a", 10), row("a", 60, end=50), row("b", 200, start=5, end=45)
    assert story(*rows) == [(10, "opened", "warning"), (65, "resolved", "warning"), (200, "joined", "warning")]
    assert only(*rows)[["state", "n_findings", "n_reopened", "changed_at"]].tolist() == ["resolved", 2, 0, at(200)]


def test_a_suspicion_is_told_when_it_has_become_sure():
    rows = row("a", 10, state="suspected"), row("a", 40)
    before, after = only(*rows, now=20), only(*rows, now=40)
    assert before["silenced_by"] == "unconfirmed"
    assert before["n_findings"] == 0
    assert after["silenced_by"] is None
    assert after["alert_id"] == before["alert_id"]
    assert story(*rows) == [(40, "opened", "warning")]
    assert after["detected_at"] == at(40)


def test_a_trifle_stays_a_row_with_its_reason_and_keeps_no_alert_open():
    assert only(row(severity=9.0))[["silenced_by", "silenced_text", "state"]].tolist() == [
        "severity", "severity 9 is below 10 (alerts.info_from)", "open",
    ]  # fmt: skip
    rows = row("a", 10, severity=9.0), row("b", 12, start=5), row("b", 60, start=5, end=50)
    assert only(*rows)[["state", "n_findings", "silenced_by"]].tolist() == ["resolved", 1, None]
    assert only(*rows)["start"] == at(5)


def test_the_id_of_an_alert_depends_on_its_first_finding_alone():
    assert only(row("a", 10))["alert_id"] == "db61898c0cde7c67"
    changed = row("a", 10, severity=99.0, start=3, region="us", signals=["x"], what="other")
    assert only(changed, row("b", 11), near_s=7200)["alert_id"] == "db61898c0cde7c67"


@pytest.mark.parametrize("other", [{"finding": "anomaly"}, {"finding_id": "b"}, {"service": "db"}])
def test_another_finding_has_another_id(other):
    assert only(row() | other)["alert_id"] != only(row())["alert_id"]


def test_findings_that_are_told_twice_are_one():
    pdt.assert_frame_equal(raised(row(), row()).alerts, raised(row()).alerts)


rows = st.builds(
    lambda number, known, start, length, **more: (f"f{number}", known, start, length, more),
    st.integers(0, 6), st.integers(0, 600), st.integers(0, 500), st.none() | st.integers(0, 200),
    service=st.sampled_from(["web", "db"]), region=st.sampled_from(["eu", "us", None]), severity=st.floats(0, 100),
    signals=st.sampled_from([["latency_ms"], ["availability"], ["availability", "latency_ms"]]),
    state=st.sampled_from(["suspected", "open"]), direction=st.sampled_from(["regression", "improvement"]),
)  # fmt: skip
many = st.lists(rows, max_size=12)


def frame_of(drawn):
    return made.findings(
        *(
            row(name, known, start=start, end=None if length is None else start + length, **more)
            for name, known, start, length, more in drawn
        )
    )


@given(many, st.integers(0, 800))
def test_what_was_told_then_is_told_by_every_later_run(drawn, moment):
    settings, found = params.Alerts(), life.read_findings(frame_of(drawn))
    then = {alert.alert_id: alert for alert in life.follow(found, settings=settings, now=at(moment))}
    later = {alert.alert_id: alert for alert in life.follow(found, settings=settings, now=at(2000))}
    cut = {
        alert.alert_id: alert
        for alert in life.follow([one for one in found if one.known_at <= at(moment)], settings=settings, now=at(moment))
    }
    assert then == cut
    assert then.keys() <= later.keys()
    for alert_id, alert in then.items():
        assert later[alert_id].changes[: len(alert.changes)] == alert.changes
        assert later[alert_id].n_reopened >= alert.n_reopened


@given(many)
def test_every_finding_is_in_one_alert_and_none_is_lost(drawn):
    found = life.read_findings(frame_of(drawn))
    followed = life.follow(found, settings=params.Alerts(info_from=0), now=at(2000))
    told = [finding.key for alert in followed for finding in alert.findings if alert.is_told]
    assert len(told) == len(set(told))
    sure = {one.key for one in found if one.state != "suspected"}
    assert sure == set(told)
    untold = {finding.key for alert in followed if not alert.is_told for finding in alert.findings}
    assert {one.key for one in found} - sure >= untold


@given(many, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(drawn, random):
    frame = frame_of(drawn).drop_duplicates(list(tables.FINDINGS.key))
    mixed = frame.sample(frac=1, random_state=random.randint(0, 2**31))
    plain = {"services": made.services(), "masks": made.masks(), "silences": made.silences()}
    given = plain | {"dependencies": made.calls(("web", "db")), "series": made.measured(4)}
    one, other = (alerts.raise_alerts(which, **given, settings=params.Alerts(), zone="UTC", now=at(2000)) for which in (frame, mixed))
    pdt.assert_frame_equal(one.alerts, other.alerts)
    pdt.assert_frame_equal(one.changes, other.changes)
    tables.validate(one.alerts, tables.TABLES["alerts"])
    tables.validate(one.changes, tables.TABLES["alert_changes"])


@given(many)
def test_changes_tell_a_story_that_can_happen(drawn):
    for alert in life.follow(life.read_findings(frame_of(drawn)), settings=params.Alerts(), now=at(2000)):
        told = [change.change for change in alert.changes]
        assert told[:1] in ([], ["opened"])
        assert told.count("opened") <= 1
        going = [change for change in told if change in ("opened", "reopened", "resolved")]
        assert all(one != other for one, other in itertools.pairwise(going))
        assert [change.at for change in alert.changes] == sorted(change.at for change in alert.changes)
        levels = [tables.LEVELS.index(change.severity) for change in alert.changes]
        assert levels == sorted(levels)
        assert alert.is_told == bool(told)
        assert (alert.resolved_at is not None) == (going[-1:] == ["resolved"]) or not alert.is_told
