"""What a channel is owed, and that it is owed nothing twice."""

import pytest
from hypothesis import given, strategies as st

from analytics import params
from analytics.delivery.messages import Message, alert_of, lead_sentence, state_of
from analytics.delivery.outbox import Outbox
from analytics.delivery.plan import plan
from tests.delivery import made
from tests.delivery.made import alert, at


class Channel:
    """One channel and its outbox in memory; every message arrives."""

    def __init__(self, **options):
        self.outbox = Outbox(None)
        self.options = {"at_least": "info", "updates": True, "settings": params.Delivery()} | options

    def owed(self, *rows, as_of=0):
        rows = [alert_of(row) for row in made.frame(*rows).to_dict("records")]
        return plan(rows, self.outbox.told("c"), **self.options, as_of=None if as_of is None else at(as_of))

    def hears(self, *rows, as_of=0, arrives=True):
        """Changes that it is told."""
        planned = self.owed(*rows, as_of=as_of)
        self.outbox.put("c", planned, now=at(0))
        for message in self.outbox.due("c") if arrives else ():
            self.outbox.begin(message.key)
            self.outbox.end(message.key, now=at(0))
        return [f"{one.change} (withheld)" if one.withheld else one.change for one in planned]


def test_every_change_is_told_once():
    channel = Channel()
    story = [
        (alert(), "opened"),
        (alert(changed=1, state="updated", n_findings=2), "updated"),
        (alert(changed=2, state="updated", n_findings=2, severity="critical"), "escalated"),
        (alert(changed=3, end=2, n_findings=2, severity="critical"), "resolved"),
        (alert(changed=4, state="updated", n_findings=3, n_reopened=1, severity="critical"), "reopened"),
        (alert(changed=5, end=5, n_findings=3, n_reopened=1, severity="critical"), "resolved"),
    ]
    for row, change in story:
        assert channel.hears(row) == [change]
        assert channel.hears(row) == []


def test_numbers_that_are_estimated_anew_are_no_news():
    channel = Channel()
    assert channel.hears(alert()) == ["opened"]
    assert channel.hears(alert(changed=5, score=43.1, title="web: latency_ms +19 % in eu", text="other", start=at(-61))) == []


def test_what_is_silenced_is_told_when_the_silence_is_over():
    channel = Channel()
    assert channel.hears(alert(silenced_by="silence", silenced_text="x")) == []
    assert channel.hears(alert()) == ["opened"]


def test_an_alert_that_was_told_is_ended_even_in_a_silence_but_not_updated():
    channel = Channel()
    channel.hears(alert())
    assert channel.hears(alert(changed=1, n_findings=2, silenced_by="maintenance")) == []
    assert channel.hears(alert(changed=2, n_findings=2, end=1, silenced_by="maintenance")) == ["resolved"]


def test_what_came_and_went_is_told_if_it_is_fresh_and_else_noted_once():
    channel = Channel(settings=params.Delivery(tell_within_s=3600))
    fresh, old = alert("fresh", end=-59), alert("old", end=-61)
    assert channel.hears(fresh, old, alert("silent", end=-1, silenced_by="dependency")) == ["resolved", "resolved (withheld)"]
    assert channel.hears(fresh, old) == []
    assert channel.hears(alert("old", changed=5, n_reopened=1)) == ["opened"]


def test_a_channel_hears_what_is_urgent_enough_for_it():
    channel = Channel(at_least="critical")
    assert channel.hears(alert()) == []
    assert channel.hears(alert(changed=1, severity="critical")) == ["opened"]
    assert channel.hears(alert(changed=2, severity="critical", end=1)) == ["resolved"]


def test_a_channel_can_do_without_updates():
    channel = Channel(updates=False)
    channel.hears(alert())
    assert channel.hears(alert(changed=1, n_findings=2)) == []
    assert channel.hears(alert(changed=2, n_findings=2, severity="critical")) == ["escalated"]


def test_older_news_are_no_news():
    channel = Channel()
    channel.hears(alert(changed=5, n_findings=2))
    assert channel.hears(alert(changed=4)) == []


def test_an_alert_that_is_gone_is_taken_back_if_all_are_there():
    channel = Channel()
    channel.hears(alert())
    assert channel.hears(as_of=None) == []
    assert channel.hears(as_of=-31) == []
    assert channel.hears(as_of=-30) == ["withdrawn"]
    assert channel.hears(as_of=0) == []
    assert channel.hears(alert()) == ["reopened"]


def test_what_was_never_sent_is_superseded_and_still_new():
    channel = Channel()
    assert channel.hears(alert(), arrives=False) == ["opened"]
    assert channel.hears(alert(changed=1, n_findings=2), arrives=False) == ["opened"]
    assert channel.hears(as_of=0, arrives=False) == []
    assert channel.hears(alert(changed=2, n_findings=2, end=1)) == ["resolved"]
    assert [row["status"] for row in channel.outbox.ledger()] == ["superseded", "superseded", "sent"]
    assert len({row["key"] for row in channel.outbox.ledger()}) == 3


def test_what_may_have_been_sent_is_ended():
    channel = Channel(settings=params.Delivery(tell_within_s=0))
    channel.hears(alert(), arrives=False)
    channel.outbox.begin(channel.outbox.due("c")[0].key)
    assert channel.hears(alert(changed=1, n_findings=2), arrives=False) == ["updated"]
    assert channel.hears(alert(changed=2, end=-30, n_findings=2, silenced_by="silence")) == ["resolved"]
    assert [row["status"] for row in channel.outbox.ledger()] == ["unknown", "superseded", "sent"]


def test_messages_are_owed_in_the_order_of_the_changes():
    owed = Channel().owed(alert("b", changed=2), alert("a", changed=3), alert("c", changed=1))
    assert [one.alert["alert_id"] for one in owed] == ["c", "b", "a"]


steps = st.lists(
    st.lists(
        st.builds(
            lambda number, severity, over, more: alert(f"a{number}", severity=severity, end=0 if over else None, **more),
            st.integers(0, 2), st.sampled_from(["info", "warning", "critical"]), st.booleans(),
            st.fixed_dictionaries({"n_findings": st.integers(1, 2), "silenced_by": st.sampled_from([None, None, "silence"])}),
        ),
        max_size=3, unique_by=lambda row: row["alert_id"],
    ),
    max_size=6,
)  # fmt: skip


@given(steps, st.sampled_from(["info", "warning"]), st.booleans(), st.booleans())
def test_telling_twice_tells_nothing_new(steps, at_least, updates, is_complete):
    channel = Channel(at_least=at_least, updates=updates)
    for k, rows in enumerate(steps):
        rows = [row | {"changed_at": at(k)} for row in rows]
        as_of = k if is_complete else None
        channel.hears(*rows, as_of=as_of)
        assert channel.hears(*rows, as_of=as_of) == []


@given(steps)
def test_a_channel_that_hears_everything_knows_the_state_of_every_alert_that_is_not_silent(steps):
    channel = Channel()
    for k, rows in enumerate(steps):
        rows = [row | {"changed_at": at(k)} for row in rows]
        channel.hears(*rows)
        told = channel.outbox.told("c")
        for row in (alert_of(one) for one in made.frame(*rows).to_dict("records")):
            if row["silenced_by"] is None:
                assert state_of(told[row["alert_id"]].newest) == state_of(row)
            elif row["state"] == "resolved":
                assert row["alert_id"] not in told or told[row["alert_id"]].sent["state"] == "resolved"
        for alert_id in told.keys() - {row["alert_id"] for row in rows}:
            assert told[alert_id].sent["state"] == "resolved"


@pytest.mark.parametrize("change", [{"severity": "critical"}, {"n_findings": 2}, {"n_reopened": 1}, {"end": 0}])
def test_the_state_that_is_told_changes_with(change):
    one, other = (alert_of(made.frame(row).to_dict("records")[0]) for row in (alert(), alert(**change)))
    assert state_of(one) != state_of(other)


def test_a_silence_that_is_resolved_may_have_ended_for_good_and_is_not_said_to_be_over():
    said = {}
    for finding in ("silence", "drift"):
        row = alert_of(made.frame(alert(finding=finding, end=0)).to_dict("records")[0])
        said[finding] = lead_sentence(Message("k", "c", "a1", 2, "resolved", row, row, at(0)))
    assert said == {"silence": "It is closed.", "drift": "It is over."}
