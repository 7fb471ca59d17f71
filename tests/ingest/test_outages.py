"""Outages by their stated rule, and what excuses them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from analytics import ingest, params, store
from tests import naive, projects

MONDAY = pd.Timestamp("2026-03-02T00:00Z")


def checks_of(states, *, every_min=1, start=MONDAY, service="a", **more):
    """Checks of one service from letters: u up, d down, p pending, m maintenance; a dot is no check."""
    words = {"u": "up", "d": "down", "p": "pending", "m": "maintenance"}
    rows = [(start + pd.Timedelta(minutes=every_min * at), words[letter]) for at, letter in enumerate(states) if letter != "."]
    frame = pd.DataFrame(rows, columns=["time", "state"]).assign(service=service, region="default", monitor="m", **more)
    return frame.assign(latency_ms=np.where(frame.state == "up", 10.0, np.nan))


def ingested(frame, **settings):
    store.append_raw("s", "checks", projects.raw_checks(frame))
    return projects.ingest_all(**settings)


def as_tuples(outages):
    return [
        (row.service, row.region, row.start, None if pd.isna(row.end) else row.end, row.n_failed, row.is_confirmed)
        for row in outages.itertuples()
    ]


def minute(number):
    return MONDAY + pd.Timedelta(minutes=number)


def test_runs_of_failures_end_at_the_next_success_and_need_two_of_three(project):
    made = ingested(checks_of("uuduudduduuuduuppdduud"))
    assert as_tuples(made.outages) == [
        ("a", "default", minute(2), minute(3), 1, False),
        ("a", "default", minute(5), minute(7), 2, True),
        ("a", "default", minute(8), minute(9), 1, True),  # with its neighbours: d u d
        ("a", "default", minute(12), minute(13), 1, False),
        ("a", "default", minute(17), minute(19), 2, True),  # pending is skipped, not a success
        ("a", "default", minute(21), None, 1, False),
    ]


@pytest.mark.parametrize("first_of_next_day", ["u", "pu", "ppp.m.u", "dppu"])
def test_an_outage_over_midnight_ends_at_the_next_judged_check(project, first_of_next_day):
    frame = checks_of("uuudd" + first_of_next_day, start=MONDAY + pd.Timedelta("23:55:00"))
    made = ingested(frame)
    assert as_tuples(made.outages) == naive.outages(frame, 2, 3)
    assert made.outages["end"].notna().all()


def test_an_outage_on_both_sides_of_days_without_checks_is_one_and_the_days_are_no_down_time(project):
    frame = pd.concat([checks_of("uuddd"), checks_of("ddduu", start=MONDAY + pd.Timedelta("9D"))])
    made = ingested(frame)
    assert as_tuples(made.outages) == [("a", "default", minute(2), MONDAY + pd.Timedelta("9D 3min"), 6, True)]
    assert made.outages["unmeasured_s"].tolist() == [9 * 86_400 - 5 * 60]


@pytest.mark.parametrize("pause", ["....", "." * 7 * 1440, "ppppp"])
def test_an_outage_ends_one_interval_after_its_last_failure_where_checks_pause(project, pause):
    frame = checks_of("uuuddd" + pause + "uuuuuuuuu")
    made = ingested(frame)
    assert as_tuples(made.outages) == [("a", "default", minute(3), minute(6), 3, True)] == naive.outages(frame, 2, 3)
    assert made.outages["unmeasured_s"].tolist() == [0.0]


@pytest.mark.parametrize(("gap_factor", "end"), [(3, 6), (6, 10)])
def test_what_a_pause_is_decides_where_an_outage_ends(project, gap_factor, end):
    assert ingested(checks_of("uuuddd....uuuu"), gap_factor=gap_factor).outages["end"].tolist() == [minute(end)]


def test_pauses_within_an_outage_of_one_day_are_not_measured(project):
    made = ingested(checks_of("uuuuuuuuuuuddd.......ddd.....ddduu"))
    # Two pauses of 8 and 6 minutes, one of which each would have been no pause.
    assert made.outages[["n_failed", "unmeasured_s"]].to_numpy().tolist() == [[9, 7 * 60 + 5 * 60]]


def test_one_of_two_monitors_that_sees_it_down_for_hours_is_one_outage(project):
    hours = 12
    broken, sound = (checks_of("uu" + letter * 60 * hours + "uu").assign(monitor=name) for name, letter in (("A", "d"), ("B", "u")))
    sound = sound.assign(time=sound["time"] + pd.Timedelta("20s"))
    made = ingested(pd.concat([broken, sound]))
    assert as_tuples(made.outages) == [("a", "default", minute(2), minute(2 + 60 * hours), 60 * hours, True)]


def test_a_monitor_that_is_taken_away_while_it_fails_leaves_no_open_outage(project):
    made = ingested(pd.concat([checks_of("u" * 40).assign(monitor="A"), checks_of("uuuddd").assign(monitor="B")]))
    assert as_tuples(made.outages) == [("a", "default", minute(3), minute(6), 3, True)]


@pytest.mark.parametrize(("second", "is_confirmed"), [("uuuuuuduu", False), ("uuuuuduuu", True), ("uuuuduuuu", True)])
def test_a_failure_is_confirmed_by_another_monitor_that_sees_it_too(project, second, is_confirmed):
    made = ingested(pd.concat([checks_of("uuuuduuuu").assign(monitor="A"), checks_of(second).assign(monitor="B")]))
    assert made.outages["is_confirmed"].any() == is_confirmed


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), k=st.integers(1, 3), extra=st.integers(0, 2))
def test_outages_of_several_monitors_and_days_equal_a_loop(tmp_path_factory, data, k, extra):
    frames = []
    for monitor in range(data.draw(st.integers(1, 3))):
        states = data.draw(st.text("uudd.p", min_size=8, max_size=60))
        start = MONDAY + pd.Timedelta("23:40:00") + pd.Timedelta(seconds=data.draw(st.sampled_from([0, 0, 20])))
        frames.append(checks_of(states + "u", start=start).assign(monitor=f"m{monitor}"))
    frame = pd.concat(frames, ignore_index=True)
    with projects.opened(tmp_path_factory.mktemp("project")):
        store.append_raw("s", "checks", projects.raw_checks(frame))
        found = ingest.survey(["s"], params=params.Ingest(), project=params.Project())
        rule = params.Project(workers=1, accounting=params.Accounting(outage_k=k, outage_n=k + extra))
        outages = ingest.measure(found, params=params.Ingest(), project=rule).outages
    intervals = {(row.service, row.region, row.monitor): row.interval_ms / 1000 for row in found.schedules.itertuples()}
    assert as_tuples(outages) == naive.outages(frame, k, k + extra, intervals=intervals)


def test_three_monitors_at_one_moment_make_at_most_one_outage(project):
    frames = [checks_of(states).assign(monitor=name) for name, states in (("1", "uduu"), ("2", "uuuu"), ("3", "uduu"))]
    made = ingested(pd.concat(frames))
    assert as_tuples(made.outages) == [("a", "default", minute(1), minute(2), 2, True)]


def failures_of(times, n, following, *, ordinal=None, newest=None):
    """What `find_outages` asks for, of one monitor that checks at each whole number."""
    times = np.asarray(times)
    known = {"service": "a", "region": "default", "monitor": "m", "unseen": 0, "interval_ms": 1}
    last = times + np.asarray(n) - 1
    more = {"time": times, "last": last, "n": n, "ordinal": times if ordinal is None else ordinal, "next": following}
    return pd.DataFrame({**known, **more, "newest": last.max() if newest is None and len(last) else newest})


@given(data=st.data(), k=st.integers(1, 4), extra=st.integers(0, 3))
@example(data=None, k=2, extra=1)
def test_rule_of_k_of_n_equals_a_loop(data, k, extra):
    states = "udduuduud" if data is None else data.draw(st.text("ud", min_size=1, max_size=25))
    frame = checks_of(states)
    expected = naive.outages(frame, k, k + extra)
    failed = np.flatnonzero([state == "d" for state in states])
    following = [float(at + 1) if at + 1 < len(states) else np.nan for at in failed]
    found = ingest.find_outages(failures_of(failed, 1, following, newest=len(states)), k=k, n=k + extra, gap_factor=3)
    if len(states) >= k + extra:
        assert [(row.start, row.n_failed, row.is_confirmed) for row in found.itertuples()] == [
            (int((start - MONDAY) / pd.Timedelta("1min")), n, confirmed) for _, _, start, _, n, confirmed in expected
        ]
    assert found["n_failed"].sum() == len(failed)


def test_more_failures_than_checks_cannot_be_asked_for():
    with pytest.raises(ValueError, match=r"outage_k is 3, more than outage_n, which is 2"):
        ingest.find_outages(pd.DataFrame({"service": []}), k=3, n=2, gap_factor=3)


def test_no_failure_is_no_outage(project):
    assert ingested(checks_of("uuuppp")).outages.empty


def test_most_of_an_outage_in_maintenance_excuses_it(project):
    events = projects.raw_events([{"event_id": "1", "start": minute(2), "end": minute(4), "kind": "maintenance"}])
    store.write_raw("s", "events", events)
    made = ingested(checks_of("uudddduudduu"))
    assert made.outages["excluded_reason"].fillna("").tolist() == ["maintenance", ""]
    assert made.catalogue.masks["reason"].tolist() == ["maintenance"]


def test_maintenance_that_is_not_over_excuses_until_the_newest_check(project):
    store.write_raw("s", "events", projects.raw_events([{"event_id": "1", "start": minute(2), "end": None, "kind": "maintenance"}]))
    made = ingested(checks_of("uuuddduuu" + "u" * 6))
    assert made.outages["excluded_reason"].tolist() == ["maintenance"]
    assert made.catalogue.masks["end"].tolist() == [minute(15)]


def test_less_than_half_in_maintenance_excuses_nothing(project):
    store.write_raw("s", "events", projects.raw_events([{"event_id": "1", "start": minute(2), "end": minute(4), "kind": "maintenance"}]))
    assert ingested(checks_of("uudddduu".replace("dddd", "ddddd"))).outages["excluded_reason"].isna().all()


@pytest.mark.parametrize(
    ("service", "region", "excused"), [("a", None, True), ("b", None, False), (None, "default", True), (None, "x", False)]
)
def test_maintenance_of_a_service_or_region_excuses_only_that(project, service, region, excused):
    event = {"event_id": "1", "start": minute(0), "end": minute(9), "kind": "maintenance", "service": service, "region": region}
    store.write_raw("s", "events", projects.raw_events([event]))
    assert ingested(checks_of("uudduu")).outages["excluded_reason"].notna().tolist() == [excused]


def test_other_events_excuse_nothing_and_are_no_masks_unless_incidents(project):
    rows = [
        {"event_id": str(n), "start": minute(0), "end": minute(9), "kind": kind} for n, kind in enumerate(("deploy", "incident", "holiday"))
    ]
    store.write_raw("s", "events", projects.raw_events(rows))
    made = ingested(checks_of("uudduu"))
    assert made.catalogue.masks["reason"].tolist() == ["incident"]
    assert made.outages["excluded_reason"].isna().all()


def test_checks_that_say_maintenance_mask_their_steps(project):
    made = ingested(checks_of("uuuuummmuuuuuuumuu" + "u" * 10))
    masks = made.catalogue.masks
    assert list(zip(masks["start"], masks["end"], masks["reason"], strict=True)) == [
        (minute(5), minute(10), "maintenance"),
        (minute(15), minute(20), "maintenance"),
    ]


def test_maintenance_over_midnight_is_one_mask(project):
    made = ingested(checks_of("uummmmmmmmuu", start=MONDAY + pd.Timedelta("23:54:00")))
    assert list(zip(made.catalogue.masks["start"], made.catalogue.masks["end"], strict=True)) == [
        (MONDAY + pd.Timedelta("23:55:00"), MONDAY + pd.Timedelta("1D 5min"))
    ]


def world_of_a_broken_prober(rng, *, services=6, n=300, monitors=("m",), every_min=1):
    """Services that fail now and then, one that never works, and stretches in which one monitor reaches nothing or all but one."""
    frames = []
    for number in range(services):
        for monitor in monitors:
            failing = rng.random(n) < (1.0 if number == 0 else 0.02)
            if monitor == monitors[0]:
                failing[40:47] = True
                failing[120:123] = number != 1
                failing[200:202] = number > 3
            states = "".join(np.where(rng.random(n) < 0.03, "p", np.where(failing, "d", "u")))
            frames.append(checks_of(states, service=f"s{number}", every_min=every_min).assign(monitor=monitor))
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ({}, {}),
        ({}, {"prober_share": 0.8}),
        ({"services": 3}, {"prober_min_services": 2, "prober_share": 0.6}),
        ({"monitors": ("m", "n")}, {"prober_share": 0.8}),
        ({"every_min": 5}, {"prober_share": 0.8}),
        ({"every_min": 30, "n": 250}, {}),
    ],
)
def test_faults_of_probers_equal_a_loop(project, rng, shape, settings):
    frame = world_of_a_broken_prober(rng, **shape)
    made = ingested(frame, **settings)
    expected = naive.prober_faults(frame, min_services=settings.get("prober_min_services", 3), share=settings.get("prober_share", 0.9))
    assert expected
    assert sorted((row.region, row.start, row.end) for row in made.measured.faults.itertuples()) == expected
    masks = made.catalogue.masks[made.catalogue.masks["reason"] == "prober"]
    assert sorted({(row.region, row.start, row.end) for row in masks.itertuples()}) == expected
    assert (made.flags["flag"] == "prober_outage").sum() == len(expected)


def test_a_fault_is_seen_although_the_one_that_works_is_probed_often(project):
    lost = [checks_of("u" * 30 + "d" + "u" * 30, service=f"s{number}") for number in range(9)]
    busy = checks_of("u" * 61 * 12, service="busy").assign(time=MONDAY + pd.to_timedelta(np.arange(61 * 12) * 5, unit="s"))
    made = ingested(pd.concat([*lost, busy]))
    assert [(row.start, row.end) for row in made.measured.faults.itertuples()] == [(minute(30), minute(31))]


def test_a_fault_is_seen_although_names_hold_line_feeds(project):
    made = ingested(pd.concat([checks_of("u" * 30 + "d" + "u" * 30, service=f"a\n{number}") for number in range(4)]))
    assert [(row.start, row.end) for row in made.measured.faults.itertuples()] == [(minute(30), minute(31))]


def test_services_that_never_work_are_no_evidence_against_the_prober(project):
    frames = [checks_of("d" * 60, service=f"dead{number}") for number in range(8)]
    made = ingested(pd.concat([*frames, checks_of("u" * 30 + "d" * 30, service="a")]))
    assert made.measured.faults.empty


@pytest.mark.parametrize(("maintained", "reason"), [(False, "prober"), (True, "maintenance")])
def test_a_fault_of_the_prober_excuses_outages_and_maintenance_wins(project, maintained, reason):
    if maintained:
        store.write_raw(
            "s", "events", projects.raw_events([{"event_id": "1", "start": minute(0), "end": minute(99), "kind": "maintenance"}])
        )
    made = ingested(
        pd.concat([checks_of("u" * 20 + "dddd" + "u" * 20 + "dddd" * (number == 0), service=f"s{number}") for number in range(4)])
    )
    early = made.outages[made.outages["start"] == minute(20)]
    assert early["excluded_reason"].tolist() == [reason] * 4
    late = made.outages[made.outages["start"] > minute(20)]
    assert late["excluded_reason"].fillna("").tolist() == ["maintenance" if maintained else ""]


def test_reasons_equal_a_loop(rng):
    numbers = np.arange(200)
    failures = failures_of(numbers, 1, numbers + 1, ordinal=numbers + numbers // 7)
    # Each run ends before the next begins.
    failures = failures.assign(next=failures["next"] - (numbers % 7 == 6) / 2)
    outages = ingest.find_outages(failures, k=1, n=1, gap_factor=3)
    outages = outages.assign(start=[minute(at) for at in outages["start"]])
    failures = failures.assign(time=[minute(at) for at in failures["time"]])
    starts = rng.integers(0, 200, 40)
    masks = pd.DataFrame(
        {
            "service": None,
            "region": rng.choice(["default", "other", None], 40),
            "start": [minute(at) for at in starts],
            "end": [minute(at + 6) for at in starts],
            "reason": rng.choice(["prober", "prober", "maintenance", "incident"], 40),
        }
    )
    found = ingest.exclude(outages, failures, masks)["excluded_reason"].fillna("").tolist()
    here = masks[masks.region != "other"]
    spans = {reason: list(zip(rows.start, rows.end, strict=True)) for reason, rows in here.groupby("reason")}
    expected = [
        naive.excluded_reason([minute(at) for at in range(first, first + 7) if at < 200], spans["prober"], spans["maintenance"]) or ""
        for first in range(0, 200, 7)
    ]
    assert found == expected
    assert set(expected) == {"", "prober", "maintenance"}


def test_a_fault_of_one_of_several_monitors_masks_only_what_it_checks(project):
    broken = [checks_of("u" * 30 + "d" * 5 + "u" * 25, service=f"a{number}").assign(monitor="a") for number in range(4)]
    sound = [checks_of("u" * 60, service=f"b{number}").assign(monitor="b") for number in range(4)]
    masks = ingested(pd.concat([*broken, *sound])).catalogue.masks
    assert sorted(masks["service"]) == ["a0", "a1", "a2", "a3"]
    assert set(masks["start"]) == {minute(30)}
    assert set(masks["end"]) == {minute(35)}


def test_what_never_works_takes_few_rows_however_often_it_is_checked(project):
    days = 3
    store.write_raw("s", "events", projects.raw_events([{"event_id": "1", "start": minute(2), "end": minute(90), "kind": "maintenance"}]))
    made = ingested(pd.concat([checks_of("d" * (days * 1440), service=f"dead{number}") for number in range(4)]))
    measured = made.measured
    assert measured.failures["n"].sum() == 4 * days * 1440
    assert len(measured.failures) == 4 * (days + 2)
    assert made.outages["n_failed"].tolist() == [days * 1440] * 4


@given(
    lengths=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 12)), min_size=1, max_size=6),
    cuts=st.sets(st.integers(0, 60)),
    k=st.integers(1, 4),
    extra=st.integers(0, 3),
)
@example(lengths=[(1, 12), (1, 1)], cuts={4}, k=2, extra=1)
def test_rows_of_many_failures_give_the_outages_of_a_loop(lengths, cuts, k, extra):
    states = "".join("u" * n_up + "d" * n_down for n_up, n_down in lengths) + "u" * (k + extra)
    begins = [at for at, state in enumerate(states) if state == "d" and (states[at - 1] == "u" or at in cuts)]
    n = [next(length for length in range(1, 13) if at + length in begins or states[at + length] == "u") for at in begins]
    found = ingest.find_outages(failures_of(begins, n, np.add(begins, n)), k=k, n=k + extra, gap_factor=3)
    expected = naive.outages(checks_of(states), k, k + extra)
    assert [(minute(row.start), minute(row.end), row.n_failed, row.is_confirmed) for row in found.itertuples()] == [
        one[2:] for one in expected
    ]


def test_rows_of_failures_are_cut_where_any_mask_begins_or_ends(project, rng):
    spans = [{"start": minute(at), "end": minute(at + length)} for at, length in ((33, 40), (150, 7), (260, 33))]
    events = [{"event_id": str(number), "kind": "maintenance", "service": "s0", **span} for number, span in enumerate(spans)]
    store.write_raw("s", "events", projects.raw_events(events))
    frame = world_of_a_broken_prober(rng)
    said = (frame["service"] == "s0") & (rng.random(len(frame)) < 0.05)
    frame = frame.assign(state=frame["state"].mask(said, "maintenance"))
    made = ingested(frame, prober_share=0.8)
    masks, failures = made.catalogue.masks, made.measured.failures
    assert set(masks["reason"]) == {"maintenance", "prober"}
    assert len(failures) < failures["n"].sum() / 2
    down = frame[frame["state"] == "down"].sort_values(["service", "time"])
    rows = failures.loc[failures.index.repeat(failures["n"])]
    assert rows["service"].tolist() == down["service"].tolist()
    for mask in masks[masks["service"].isna() | (masks["service"] == "s0")].itertuples():
        mine = (rows["service"] == "s0").to_numpy()
        by_first = rows["time"][mine].between(mask.start, mask.end, inclusive="left")
        assert by_first.tolist() == down["time"][mine].between(mask.start, mask.end, inclusive="left").tolist()
