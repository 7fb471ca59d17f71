"""A service that falls silent is told when it has been silent for longer than usual, once, and what is known then stays so."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from analytics import alerts, params, tables
from tests.alerts import made
from tests.alerts.made import DAY, at, mask, masks, plain

STEP = 5
"""Minutes of a step."""
CHECKS = ("availability", "latency_ms")


class World:
    """Tables `series` and `gaps` of what came, written as the steps without a value of each stream."""

    def __init__(self, until, *, start=0, step=STEP):
        self.until, self.start, self.step = until, start, step
        self.came = {}

    def add(self, service, *pauses, region="eu", signals=CHECKS, start=None, until=None, step=None):
        """A service with values in each step from `start` to `until`, without those that begin in a pause [from, to), in minutes."""
        step = step or self.step
        times = np.arange(self.start if start is None else start, self.until if until is None else until, step)
        is_there = np.ones(len(times), bool)
        for first, last in pauses:
            is_there &= ~((times >= first) & (times < last))
        for signal in signals:
            self.came[(service, region, signal)] = (times[is_there].tolist(), step)
        return self

    def tables(self, now=None):
        """As they are when only the steps are known that are over."""
        series, gaps, arrivals, together = [], [], [], []
        for number, ((service, region, signal), (times, step)) in enumerate(self.came.items()):
            known = [time for time in times if now is None or time + step <= now]
            if not known:
                continue
            row = {"series_id": f"{number:04d}", "service": service, "region": region, "signal": signal, "step_s": 60 * step}
            series.append(row | {"origin": "check", "first": at(known[0]), "last": at(known[-1])})
            arrivals += [(time + step, time, step) for time in known]
            if signal not in ("latency_ms", "latency_p95_ms"):
                gaps += between(f"{number:04d}", [(time, step) for time in known])
        for _, time, step in sorted(arrivals):
            # What was known later of an earlier time tells nothing new.
            if not together or time > together[-1][0]:
                together.append((time, step))
        gaps += between(None, together)
        return pd.DataFrame(series), times_of(pd.DataFrame(gaps, columns=["series_id", "start", "end", "known_at"]))


def times_of(gaps):
    names = ("start", "end", "known_at")
    return gaps.assign(**{name: pd.to_datetime(gaps[name], utc=True).astype("datetime64[ms, UTC]") for name in names})


def between(series_id, known):
    """Gaps between steps with a value: more than two steps until it is known that values came again."""
    return [
        {"series_id": series_id, "start": at(one + step), "end": at(other), "known_at": at(other + after)}
        for (one, step), (other, after) in itertools.pairwise(known)
        if other + after - one - step > 2 * step
    ]


def found(world, now=None, *, declared=(), data_until=None, **settings):
    """Findings at minute `now` (default: when the world ends)."""
    series, gaps = world.tables(data_until if data_until is not None else now)
    return alerts.findings_of_silences(
        gaps, series, masks(*declared), settings=params.Alerts(**settings), now=at(world.until if now is None else now)
    )


def story(findings, *names):
    """What was known when: minute, service, state and, if asked for, more."""
    rows = findings.sort_values(["known_at", "service", "region"], kind="stable").to_dict("records")
    return [(minute(row["known_at"]), row["service"], row["state"], *(shown(row[name]) for name in names)) for row in rows]


def minute(time):
    return round((time - DAY) / pd.Timedelta("1min"))


def shown(value):
    if isinstance(value, pd.Timestamp):
        return minute(value)
    return plain(value) if isinstance(value, str) else None if value is None or value is pd.NaT else value


def opened(findings):
    """First row of each finding: minute, service, region."""
    first = findings.sort_values("known_at", kind="stable").drop_duplicates("finding_id")
    return [(minute(row.known_at), row.service, row.region) for row in first.itertuples()]


def raised(world, now=None, *, declared=(), services=None, **settings):
    """Alerts at minute `now`."""
    series, _ = world.tables(now)
    return alerts.raise_alerts(
        found(world, now, declared=declared, **settings),
        services=services if services is not None else made.services(*series["service"].unique()),
        series=series, dependencies=made.calls(), masks=masks(*declared), silences=made.silences(), settings=params.Alerts(**settings),
        zone="UTC", now=at(world.until if now is None else now),
    )  # fmt: skip


def one(*pauses, until=1000, **options):
    """`web` pauses, `db` does not."""
    return World(until).add("db").add("web", *pauses, **options)


def test_it_is_known_when_three_steps_have_come_without_a_value():
    world = one((100, 400))
    assert opened(found(world)) == [(115, "web", "eu")]
    assert found(world, 114).empty
    assert story(found(world, 115), "start", "end", "what", "size") == [
        (115, "web", "open", 100, None, "no data", "for more than 15 min, unlike its usual pauses")
    ]


def test_it_is_over_when_a_value_has_come():
    last = story(found(one((100, 400))), "start", "end", "what", "size")[-1]
    assert last == (405, "web", "over", 100, 400, "no data", "for 5 h")


def test_two_steps_without_a_value_are_no_silence():
    assert found(one((100, 110))).empty
    assert opened(found(one((100, 115)))) == [(115, "web", "eu")]


@pytest.mark.parametrize(("settings", "known"), [({"silent_steps": 6}, 130), ({"silent_s": 3600}, 160), ({"silent_s": 0}, 115)])
def test_the_least_patience_is_a_time_and_a_number_of_steps(settings, known):
    assert opened(found(one((100, 400)), **settings)) == [(known, "web", "eu")]


def test_of_coarse_steps_it_takes_longer():
    world = World(6000).add("db").add("web", (1200, 3000), step=60)
    assert opened(found(world)) == [(1200 + 180, "web", "eu")]


def test_what_came_a_few_times_only_is_not_missed():
    assert opened(found(World(1000).add("db").add("web", (10, 1000)))) == []
    assert opened(found(World(1000).add("db").add("web", (15, 1000)))) == [(30, "web", "eu")]


def nights(n, *, minutes=60):
    return [(1440 * night + 120, 1440 * night + 120 + minutes) for night in range(n)]


def test_a_pause_every_night_is_told_twice_and_never_again():
    world = World(1440 * 20).add("db").add("web", *nights(20))
    assert opened(found(world)) == [(135, "web", "eu"), (1575, "web", "eu")]


def test_a_longer_pause_than_every_night_is_told_when_it_is_longer_than_usual():
    world = World(1440 * 61).add("db").add("web", *nights(60), (1440 * 60 + 720, 1440 * 61))
    # Its nights last 65 minutes until the next value is known, and patience is 1.58 times that.
    patience = 65 * (2 / 0.8) ** 0.5
    assert opened(found(world))[2:] == [(round(1440 * 60 + 720 + patience), "web", "eu")]


def test_silences_per_week_and_weeks_matter():
    world = World(1440 * 40).add("db").add("web", *nights(40))
    assert len(opened(found(world, silences_per_week=100))) == 40
    weekly = World(1440 * 70).add("db").add("web", *nights(70)[::7])
    assert len(opened(found(weekly))) == 2
    assert len(opened(found(weekly, silence_weeks=1))) == 10


def test_pauses_in_maintenance_teach_nothing():
    hour = nights(20)
    declared = [mask(first, last) for first, last in hour]
    world = World(1440 * 20).add("db").add("web", *hour, (1440 * 19 + 600, 1440 * 20))
    assert opened(found(world, declared=declared))[-1] == (1440 * 19 + 615, "web", "eu")
    assert opened(found(world))[-1][0] > 1440 * 19 + 660


def test_checks_that_fail_are_no_silence_though_they_have_no_response_time():
    world = World(500).add("web", signals=("availability",)).add("web", (100, 400), signals=("latency_ms", "latency_p95_ms"))
    assert found(world).empty


def test_what_stops_while_the_rest_goes_on_is_named():
    world = World(500).add("web", (100, 300)).add("web", signals=("cpu",)).add("web", (100, 300), signals=("queue",))
    rows = found(world)
    assert rows["what"].unique().tolist() == ["no checks and queue"]
    assert set(rows["signals"].iloc[0]) == {"availability", "latency_ms", "queue"}


def test_what_joins_is_of_the_same_finding_and_makes_it_graver():
    world = World(600).add("web", (100, 400)).add("web", (140, 400), signals=("cpu",)).add("db")
    rows = found(world)
    assert rows["finding_id"].nunique() == 1
    assert story(rows, "what")[:3] == [
        (115, "web", "open", "no checks"),
        (130, "web", "open", "no checks"),
        (155, "web", "open", "no data"),
    ]
    assert rows[rows["state"] == "open"]["severity"].is_monotonic_increasing


def test_series_that_are_written_on_change_are_never_silent():
    series, gaps = one((100, 400)).tables()
    assert alerts.findings_of_silences(gaps, series.assign(origin="change"), masks(), settings=params.Alerts(), now=at(1000)).empty


def severity(world, at_minute):
    rows = found(world, at_minute)
    return rows.sort_values("known_at")["severity"].iloc[-1]


def test_it_is_as_grave_as_long_and_as_large_its_share_of_the_service():
    whole, half = one((100, 2000), until=2000), one((100, 2000), until=2000).add("web", region="us")
    assert severity(whole, 115) == pytest.approx(100 * (1 - 2**-0.5))
    assert severity(whole, 160) == pytest.approx(75)
    assert severity(half, 160) == pytest.approx(75 * 0.5**0.5)
    assert severity(whole, 1000) > 99.99


def test_a_region_that_falls_silent_later_makes_the_others_graver():
    world = World(1000).add("db").add("web", (100, 1000)).add("web", (300, 1000), region="us")
    rows = found(world, 320)
    joined = rows[(rows["known_at"] == at(315)) & (rows["region"] == "eu")]["severity"].iloc[0]
    assert joined == pytest.approx(100 * (1 - 2 ** -(215 / 30)))


def test_a_service_is_told_as_a_warning_and_becomes_critical():
    found_at = {minutes: raised(one((100, 1000)), minutes).alerts["severity"].tolist() for minutes in (114, 115, 160)}
    assert found_at == {114: [], 115: ["warning"], 160: ["critical"]}


def test_what_is_silent_for_a_day_has_ended_and_is_told_so_once():
    world = one((100, 5000), until=5000)
    last = story(found(world), "end", "what", "size")[-1]
    assert last == (1540, "web", "expired", 1540, "no data any more", "for 1 d: it counts as ended")
    alert = raised(world).alerts.iloc[0]
    assert (alert["state"], alert["end"]) == ("resolved", at(1540))
    assert plain(alert["title"]) == "web: no data any more in eu"
    assert "Since: 2 Mar 2026 01:40, known 2 Mar 2026 01:55; counts as ended since 3 Mar 2026 01:40" in plain(alert["text"])
    assert raised(world).changes["change"].tolist() == ["opened", "escalated", "resolved"]


def test_when_it_has_ended_is_a_choice_and_never_before_twice_its_patience():
    assert story(found(one((100, 900)), ended_s=3600))[-1][::2] == (160, "expired")
    assert story(found(World(9000).add("db").add("web", (1200, 9000), step=240)))[-1][::2] == (1200 + 1440, "expired")
    assert story(found(World(19000).add("db").add("web", (2880, 19000), step=720)))[-1][::2] == (2880 + 4320, "expired")


def test_what_ended_and_came_back_is_not_said_to_be_gone():
    last = story(found(one((100, 2000), until=3000)), "end", "what", "size")[-1]
    assert last == (1540, "web", "expired", 1540, "no data", "for 1 d 8 h; after 1 d it counted as ended")


def test_what_ended_does_not_count_among_the_services_series():
    world = World(5000).add("db").add("web", (100, 5000)).add("web", (4000, 4900), region="us")
    rows = found(world, 4015)
    assert rows.sort_values("known_at")["severity"].iloc[-1] == pytest.approx(100 * (1 - 2**-0.5))


def test_it_comes_back_as_the_same_alert_soon_and_as_another_later():
    world = one((100, 200), (300, 400), (2000, 2400), until=2400)
    both = raised(world).alerts.sort_values("start")
    assert both["n_reopened"].tolist() == [1, 0]
    assert both["n_findings"].tolist() == [2, 1]


def test_a_region_at_once_is_one_alert():
    world = World(500)
    for number in range(4):
        world.add(f"s{number}", (100, 300)).add(f"s{number}", region="us")
    told = raised(world, 200).alerts
    mine = told[told["silenced_by"].isna()]
    assert [plain(title) for title in mine["title"]] == ["region eu: no data from 4 of 4 services"]
    assert mine["severity"].tolist() == ["critical"]
    assert "What: no data from 4 of 4 services; s0: no data: for more than 15 min, unlike its usual pauses" in plain(mine["text"].iloc[0])
    assert told["silenced_by"].dropna().unique().tolist() == ["shared"]


def test_a_few_of_many_at_once_are_one_alert_too():
    world = World(500)
    for number in range(20):
        world.add(f"s{number}", *([(100, 300)] if number < 3 else []))
    told = raised(world, 200).alerts
    assert [plain(title) for title in told[told["silenced_by"].isna()]["title"]] == ["region eu: no data from 3 of 20 services"]


def test_two_services_at_once_are_two_alerts():
    world = World(500).add("s0", (100, 300)).add("s1", (100, 300)).add("s2")
    assert raised(world, 200).alerts["silenced_by"].isna().sum() == 2


def test_maintenance_holds_it_back_until_it_is_over():
    world, planned = one((100, 400)), [mask(95, 200)]
    assert raised(world, 150, declared=planned).alerts["silenced_by"].tolist() == ["maintenance"]
    assert raised(world, 300, declared=planned).alerts["silenced_by"].isna().all()
    assert raised(one((100, 195)), 600, declared=planned).alerts["silenced_by"].tolist() == ["maintenance"]


def test_a_fault_of_the_prober_holds_it_back():
    fault = mask(95, 500, service=None, region="eu", reason="prober")
    assert raised(one((100, 400)), 200, declared=[fault]).alerts["silenced_by"].tolist() == ["prober"]


def test_a_silence_of_somebody_knows_the_kind():
    quiet = alerts.apply_silences(
        raised(one((100, 400)), 200).alerts, made.silences(made.silence("finding=silence", 0, 900)), now=at(200), zone="UTC"
    )
    assert quiet["silenced_by"].tolist() == ["silence"]


def fleet(*pauses, until=1000, n=5):
    world = World(until)
    for number in range(n):
        world.add(f"s{number}", *pauses)
    return world


def test_nothing_at_all_is_one_alert_of_all_services():
    rows = found(fleet((100, 400)))
    assert opened(rows) == [(115, "all services", None)]
    assert story(rows, "start", "end", "size")[-1] == (405, "all services", "over", 100, 400, "for 5 h")
    alert = raised(fleet((100, 400)), 1000).alerts
    assert plain(alert["title"].iloc[0]) == "all services: no data"
    assert len(alert) == 1


def test_the_clock_tells_that_nothing_comes_any_more():
    world = fleet(until=100)
    assert found(world, 114, data_until=100).empty
    rows = found(world, 5000, data_until=100)
    assert opened(rows) == [(115, "all services", None)]
    assert rows["state"].unique().tolist() == ["open"]
    assert rows["size"].map(plain).iloc[0] == "for more than 15 min: are the sources still fed?"


def test_it_is_as_grave_as_all_of_them_together():
    rows = found(fleet((100, 400)), 115, data_until=100)
    assert rows["severity"].tolist() == pytest.approx([100 * (1 - 2 ** (-0.5 * 5))])


def test_of_a_single_service_it_has_its_name():
    assert opened(found(fleet((100, 400), n=1))) == [(115, "s0", "eu")]


def test_the_patience_for_all_is_that_of_most_of_those_who_are_measured():
    world = World(9000).add("web", until=1000).add("slow", (6000, 6180), (8000, 8900), step=60).add("slower", (8000, 8900), step=60)
    # The clock of what is heard stands until the hour in which web stopped has been over once more.
    assert opened(found(world, 5000)) == [(1095, "web", "eu")]
    assert opened(found(world))[-1] == (8000 + 40 + 180, "all services", None)


def test_who_does_not_come_back_when_the_others_do_is_told_after_its_patience():
    world = fleet((100, 400)).add("web", (100, 1000))
    assert opened(found(world)) == [(115, "all services", None), (405 + 15, "web", "eu")]


def test_who_was_silent_before_all_were_is_told_by_the_time_in_which_others_were_heard():
    world = fleet((100, 400)).add("web", (90, 1000))
    assert opened(found(world)) == [(115, "all services", None), (405 + 5, "web", "eu")]


def test_a_source_that_stops_every_night_is_usual():
    pauses = nights(20)
    assert opened(found(fleet(*pauses, until=1440 * 20))) == [(135, "all services", None), (1575, "all services", None)]


def test_nothing_is_measured_yet():
    series, gaps = one().tables()
    assert alerts.findings_of_silences(gaps, series.head(0), masks(), settings=params.Alerts(), now=at(0)).empty


def test_the_frame_is_one_of_findings():
    for rows in (found(one()), found(one((100, 400)))):
        tables.validate(rows, tables.FINDINGS)


def test_the_order_of_rows_does_not_matter(rng):
    world = fleet((100, 400), (700, 750)).add("web", (90, 600)).add("web", (300, 900), region="us")
    series, gaps = world.tables()
    given = {"settings": params.Alerts(), "now": at(1000)}
    expected = alerts.findings_of_silences(gaps, series, masks(), **given)
    mixed = alerts.findings_of_silences(
        gaps.sample(frac=1, random_state=1), series.sample(frac=1, random_state=2).reset_index(drop=True), masks(), **given
    )
    pd.testing.assert_frame_equal(mixed, expected)


PAUSES = st.lists(st.tuples(st.integers(0, 600), st.integers(1, 200)), max_size=6)


@given(st.lists(PAUSES, min_size=3, max_size=3), PAUSES, st.integers(5, 700), st.sampled_from([1, 3]))
def test_what_was_known_at_a_time_is_what_a_run_at_that_time_finds(pauses, of_all, now, hours):
    """In steps; words alone may know later that what had ended came back."""
    world = World(STEP * 700)
    for number, mine in enumerate(pauses):
        gone = [(STEP * first, STEP * (first + n)) for first, n in [*mine, *of_all]]
        world.add(f"s{number // 2}", *gone, region=f"r{number % 2}", step=STEP if number else 3 * STEP)
    settings = {"ended_s": hours * 3600}
    whole = found(world, STEP * 700, **settings)
    then = found(world, STEP * now, **settings)
    before = whole[whole["known_at"] <= at(STEP * now)]
    is_ended = before["state"] == "expired"
    said = ["what", "size"]
    for rows in (before, then):
        rows.loc[rows["state"] == "expired", said] = ""
    assert is_ended.sum() == (then["state"] == "expired").sum()
    key = ["service", "region", "known_at", "finding_id"]
    pd.testing.assert_frame_equal(
        then.sort_values(key).reset_index(drop=True), before.sort_values(key).reset_index(drop=True), check_dtype=False
    )
