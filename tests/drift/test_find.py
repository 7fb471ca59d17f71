"""From changes of single series to drifts, written out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics import params, tables
from analytics.drift import says, shows
from analytics.plots.drift import plot_severity
from analytics.reporting.figures import to_svg
from tests.alerts.made import plain
from tests.drift import made
from tests.drift.made import change, found

DAY = 24


def decided(*rows):
    """(hour, action, drift, series, onset as an hour)."""
    frame = pd.DataFrame(rows, columns=["time", "action", "drift_id", "series_id", "start"])
    times = {name: [made.at(hours) for hours in frame[name]] for name in ("time", "start")}
    return frame.assign(**times).reindex(columns=tables.DECISIONS["rebaselines"].names)


def test_nothing_changed_is_no_drift():
    none = found(known=made.series("web/eu/latency_ms"))
    assert len(none.drifts) == len(none.members) == 0
    assert none.drifts.columns.tolist() == tables.TABLES["drifts"].names
    assert none.members.columns.tolist() == tables.TABLES["drift_members"].names
    assert plain(says.finding(none, "UTC")) == "No drift is open in 1 series."
    assert says.todo(none, "UTC")[0][0] == "Nothing needs to be done."
    assert shows.weeks(none, made.NOW).empty
    to_svg(plot_severity(shows.weeks(none, made.NOW)), alt="nothing")
    assert says.severity_sentence(shows.weeks(none, made.NOW), "UTC") == "No drift was open in any week."
    assert shows.drift_table(none).empty


def test_one_slower_service_written_out():
    known = made.series("web/eu/latency_ms", "web/us/latency_ms", "api/eu/latency_ms")
    drift = found(change("web/eu/latency_ms", start=0, effect=0.3), known=known, checks=2000).drifts.iloc[0]
    assert (drift["service"], drift["region"], drift["kind"], drift["direction"]) == ("web", "eu", "level", "regression")
    # Surely 0.2, the half effect; half of the service's checks; 14 days of half time 1.
    assert drift["effect_factor"] == pytest.approx(0.5)
    assert drift["exposure_factor"] == pytest.approx(0.5)
    assert drift["duration_factor"] == pytest.approx(1 - 2**-14)
    assert drift["severity"] == pytest.approx(25, abs=0.01)
    # 0.3 x 100 ms on 2000 checks a week.
    assert drift["excess_ms"] == pytest.approx(60_000)
    assert pd.isna(drift["budget_burnt"])
    assert drift["q_value"] == pytest.approx(3e-6)
    assert drift["state"] == "open"


def test_both_regions_are_all_of_the_service():
    both = found(change("web/eu/latency_ms", effect=0.3), change("web/us/latency_ms", effect=0.3), checks=2000).drifts
    assert both["exposure_factor"].tolist() == [pytest.approx(1)]
    assert both["excess_ms"].tolist() == [pytest.approx(120_000)]
    assert both["n_members"].tolist() == [2]


def test_more_failures_burn_the_budget_of_what_was_promised():
    row = change("web/eu/availability", kind="availability", effect=0.002, effect_low=0.001, effect_high=0.003, before=0.001)
    assert found(row).drifts["budget_burnt"].tolist() == [pytest.approx(0.2)]
    assert found(row, objective=0.998).drifts["budget_burnt"].tolist() == [pytest.approx(1)]


def test_changes_of_response_times_that_begin_together_have_one_cause_and_its_kind():
    rows = [
        change("web/eu/latency_ms", kind="level", effect=0.3, detected=10),
        change("web/eu/latency_p95_ms", kind="level", effect=0.5, detected=8),
        change("web/eu/latency_ms", kind="tail", effect=0.05, detected=12),
    ]
    one = found(*rows)
    assert one.drifts["kind"].tolist() == ["level"]
    assert len(one.members) == 3
    # What is the tail of the one is not averaged with the level of the other.
    assert one.drifts["effect"].tolist() == [pytest.approx(0.4)]
    assert found(rows[1], rows[2] | {"series_id": "web/eu/latency_p95_ms"}).drifts["kind"].tolist() == ["tail"]
    assert len(found(rows[0], rows[1] | {"start_low": made.at(50), "start": made.at(51), "start_high": made.at(52)}).drifts) == 2
    assert len(found(rows[0], rows[2] | {"kind": "season", "direction": "neutral"}).drifts) == 2


STATES = {
    "open": {},
    "reverted": {"end": 100},
    "suspected": {"start": 13.6 * DAY, "detected": 13.9 * DAY},
    "suspected ": {"p_value": 0.06},
    "expired": {"start": -27.1 * 7 * DAY, "detected": -27 * 7 * DAY},
}


@pytest.mark.parametrize("state", STATES)
def test_state_of_a_drift(state):
    assert found(change(**STATES[state])).drifts["state"].tolist() == [state.strip()]


def test_a_drift_is_accepted_once_every_open_member_is():
    rows = [change("web/eu/latency_ms", start=0), change("web/us/latency_ms", start=0.5, detected=40)]
    (drift_id,) = found(*rows).drifts["drift_id"]
    one = (20, "accept", drift_id, "web/eu/latency_ms", 0)
    other = (50, "accept", drift_id, "web/us/latency_ms", 0.5)
    assert found(rows[0], decisions=decided(one)).drifts["state"].tolist() == ["accepted"]
    assert found(*rows, decisions=decided(one)).drifts["state"].tolist() == ["open"]
    assert found(*rows, decisions=decided(one, other)).drifts["state"].tolist() == ["accepted"]
    taken_back = (60, "reject", drift_id, "web/us/latency_ms", 0.5)
    assert found(*rows, decisions=decided(one, other, taken_back)).drifts["state"].tolist() == ["open"]
    over = rows[1] | {"end": made.at(60)}
    assert found(rows[0], over, decisions=decided(one)).drifts["state"].tolist() == ["accepted"]


def test_an_id_stays_when_members_join_or_effects_grow():
    first = change("web/eu/latency_ms", start=0, detected=5)
    late = change("web/us/latency_ms", start=0.5, detected=50)
    ids = [found(*rows).drifts["drift_id"].item() for rows in ([first], [first, late], [late, first | {"effect": 0.9, "end": made.at(99)}])]
    assert len(set(ids)) == 1
    assert found(late).drifts["drift_id"].item() != ids[0]


def test_what_is_not_known_yet_is_not_told():
    row = change(start=0, detected=30)
    known = made.series("web/eu/latency_ms")
    assert len(found(row, known=known, now=made.at(29)).drifts) == 0
    assert len(found(row, known=known, now=made.at(30)).drifts) == 1


def test_unsure_drifts_have_large_q_values():
    rows = [change(f"s{k}/eu/latency_ms", start=40 * k, p_value=p) for k, p in enumerate([1e-6, 0.02, 0.5])]
    drifts = found(*rows).drifts.sort_values("q_value")
    assert drifts["q_value"].tolist() == [pytest.approx(3e-6), pytest.approx(0.03), pytest.approx(0.5)]


def test_what_became_worse_stands_first_the_gravest_on_top():
    better = change("b/eu/latency_ms", start=99, effect=-0.6, direction="improvement")
    rows = [better, change("a/eu/latency_ms", effect=0.2), change("c/eu/latency_ms", start=199, effect=0.5)]
    assert found(*rows).drifts["service"].tolist() == ["c", "a", "b"]


def test_the_declared_change_just_before_is_named():
    event = {"event_id": "e", "start": made.at(-2), "kind": "deploy", "service": "web", "title": "v7"}
    events = pd.DataFrame([event]).reindex(columns=made.NO_EVENTS.columns).assign(end=pd.Series([pd.NaT], dtype="datetime64[ms, UTC]"))
    one = found(change("web/eu/latency_ms"), events=events)
    (row,) = one.drifts.itertuples()
    assert (row.event_id, row.event_scope, row.event_gap_s) == ("e", "service", 7200)
    assert plain(says.why(row, events, "UTC")).startswith("The deploy 'v7' (1 Mar 22:00) was 2 h before the estimated onset; by chance one")
    assert found(change("web/eu/latency_ms"), events=events, settings=params.Drift(event_hours=0.5)).drifts["event_id"].isna().all()


SAID = [
    ({"effect": 0.3}, "web in eu became 30 % slower on 2 Mar"),
    ({"effect": -0.3, "direction": "improvement"}, "web in eu became 30 % faster on 2 Mar"),
    ({"series_id": "web/eu/requests", "effect": -0.3, "direction": "neutral"}, "requests of web in eu fell by 30 % on 2 Mar"),
    ({"kind": "spread", "effect": 0.4}, "response times of web in eu have scattered 40 % more since 2 Mar"),
    ({"kind": "tail", "effect": 0.021}, "2.1 more of 100 answers of web in eu have been slow since 2 Mar"),
    ({"kind": "tail", "effect": -0.008, "direction": "improvement"}, "0.8 fewer of 100 answers of web in eu have been slow since 2 Mar"),
    ({"kind": "season", "effect": 0.5, "direction": "neutral"}, "the daily swing of web in eu has been 50 % larger since 2 Mar"),
    (
        {"series_id": "web/eu/availability", "kind": "availability", "effect": 0.004, "before": 0.001},
        "0.4 more of 100 checks of web in eu have failed since 2 Mar",
    ),
]


@pytest.mark.parametrize(("more", "said"), SAID)
def test_each_kind_has_its_sentence(more, said):
    name, *_ = more.get("series_id", "web/eu/latency_ms"), more
    one = found(change(name, **{key: value for key, value in more.items() if key != "series_id"}))
    (row,) = one.drifts.itertuples()
    assert plain(says.headline(row, one, "UTC")) == said
    assert plain(says.alt_sentence(row, one, "UTC")).startswith(said[0].upper() + said[1:])
    assert plain(says.story(row, one, made.NO_EVENTS, "UTC")).count("No declared change lies near its onset.") == 1


def test_the_page_says_what_is_open():
    rows = [
        change("web/eu/latency_ms", effect=0.3),
        change("api/eu/latency_ms", start=99, effect=-0.3, direction="improvement"),
        change("db/eu/latency_ms", start=60, end=90),
    ]
    all_of = found(*rows)
    assert plain(says.finding(all_of, "UTC")) == (
        "1 lasting change for the worse is open in 3 series; the gravest: web in eu became 30 % slower on 2 Mar. 1 is for the better."
    )
    assert plain(says.finding(found(*rows[1:]), "UTC")) == "Nothing has become worse in 2 series. 1 is for the better."
    assert plain(says.finding(found(rows[2]), "UTC")) == "No drift is open in 1 series. 1 drift went back by itself."
    assert [tile[1] for tile in says.tiles(all_of)] == ["1", "1", "1", "3"]
    assert plain(says.chance_sentence(all_of)).startswith("3 drifts were found in 0.34 years of all series together. 3 of")
    assert len(says.todo(all_of, "UTC")) == 2
    (row,) = all_of.drifts[all_of.drifts["service"] == "web"].itertuples()
    assert f"analytics drift accept {row.drift_id} --reason" in says.todo(all_of, "UTC")[0][1]
    assert plain(says.factors(row)) == "Severity 50: effect 50 % × exposure 100 % × duration 99 %."
    assert plain(says.cost(row)) == "It makes the checks of a week wait 30 s more."


def test_another_shape_of_the_day_has_a_cost_in_its_slower_hours_unless_it_is_no_response_time():
    more = {"kind": "season", "direction": "neutral", "effect": 0.6, "day_size": 0.3}
    slower, load = (found(change(name, **more)) for name in ("web/eu/latency_ms", "web/eu/load"))
    (row,) = slower.drifts.itertuples()
    # 0.45 x 0.3 x 0.6 of 100 ms, on a thousand checks.
    assert row.excess_ms == pytest.approx(8103, abs=1)
    assert row.effect_factor == pytest.approx(1 - 2 ** -(0.45016 * 0.3 * 0.5 / 0.2), rel=1e-3)
    assert row.severity > 10
    assert "Severity 21 (of the hours that became slower; others became faster)" in plain(says.story(row, slower, made.NO_EVENTS, "UTC"))
    (row,) = load.drifts.itertuples()
    assert row.severity == 0
    assert says.factors(row) == "It is neither better nor worse, so it has no severity."


def test_what_harms_stands_first_and_what_may_be_chance_or_is_over_last():
    rows = [
        change("over/eu/latency_ms", start=10, end=30, effect=0.9),
        change("unsure/eu/latency_ms", start=50, effect=0.9, p_value=0.5),
        change("better/eu/latency_ms", start=90, effect=-0.6, direction="improvement"),
        change("shape/eu/latency_ms", start=130, effect=0.9, kind="season", direction="neutral"),
        change("load/eu/load", start=170, effect=0.9, direction="neutral"),
        change("worse/eu/latency_ms", start=210, effect=0.3),
    ]
    assert found(*rows).drifts["service"].tolist() == ["worse", "shape", "better", "load", "unsure", "over"]


SHARED = [change(f"{name}/eu/latency_ms", start=10, effect=effect) for name, effect in (("api", 0.1), ("web", 0.4), ("db", 0.25))]


def test_a_drift_of_several_services_tells_its_range_and_what_each_has():
    one = found(*SHARED)
    (row,) = one.drifts.itertuples()
    assert plain(says.headline(row, one, "UTC")) == "web, db and api in eu became 10 to 40 % slower on 2 Mar"
    assert "Their own changes: web +40 %, db +25 % and api +10 %." in plain(says.story(row, one, made.NO_EVENTS, "UTC"))
    assert one.members.set_index("series_id")["effect_low"]["api/eu/latency_ms"] == pytest.approx(0.0)
    assert shows.weeks(one, made.NOW).groupby("service")["severity"].max().sort_values().index.tolist() == ["api", "db", "web"]
    more = found(*SHARED, change("mail/eu/latency_ms", start=10, effect=0.4))
    assert plain(says.where(next(more.drifts.itertuples()), more)) == "4 services in eu"


def test_shares_are_told_before_and_since():
    failing = {"kind": "availability", "effect": 0.004, "effect_low": 0.002, "effect_high": 0.009, "before": 0.001}
    slow = {"kind": "tail", "effect": 0.02, "effect_low": 0.01, "effect_high": 0.03}
    told = [shows.drift_table(found(change(name, **more)))["change"].item() for name, more in
            (("web/eu/availability", failing), ("web/eu/latency_ms", slow))]  # fmt: skip
    assert plain(told[0]) == "0.1 % → 0.5 % [0.3, 1] of checks fail"
    assert plain(told[1]) == "1 % → 3 % [2, 4] of answers are slow"


def test_no_more_than_all_checks_can_fail():
    far = {"kind": "availability", "effect": 0.93, "effect_low": 0.04, "effect_high": 17.9, "before": 0.05}
    assert found(change("web/eu/availability", **far)).drifts["effect_high"].item() == pytest.approx(0.95)


def test_what_was_not_measured_lately_has_the_effect_that_was_told_and_no_severity():
    unknown = {"effect": np.nan, "effect_low": np.nan, "effect_high": np.nan, "effect_told": 0.5}
    one = found(change(kind="spread", **unknown))
    (row,) = one.drifts.itertuples()
    assert (row.effect, row.severity) == (0.5, 0)
    assert plain(says.headline(row, one, "UTC")) == "response times of web in eu have scattered 50 % more since 2 Mar"
    assert says.factors(row) == "It has no severity: none of its effect is certain."


def test_what_is_suspected_reads_differently_from_what_is_open():
    unsure = change("api/eu/latency_ms", start=99, effect=0.4, p_value=0.3)
    one = found(change("web/eu/latency_ms", effect=0.3), unsure)
    assert plain(says.finding(one, "UTC")) == (
        "1 lasting change for the worse is open in 2 series; the gravest: web in eu became 30 % slower on 2 Mar. "
        "1 more is suspected: it may be chance."
    )
    assert plain(says.tiles(one)[0][2]) == "open, 1 of severity 25 or more; 1 more suspected"
    row = one.drifts[one.drifts["service"] == "api"].iloc[0]
    assert plain(says.doubt(row, one)) == "It is suspected: of the drifts that are at least as sure, chance explains 30 %."
    assert [what for what, _ in says.todo(one, "UTC")] == [what for what, _ in says.todo(found(change(effect=0.3)), "UTC")]
    young = found(change(start=13.6 * DAY, detected=13.9 * DAY))
    assert plain(says.doubt(young.drifts.iloc[0], young)) == "It is suspected, for it has been known for 2 h 24 min only."
    assert "Wait for those that are suspected." in says.todo(young, "UTC")[0][0]


def test_nothing_can_be_judged_before_a_week():
    young = made.series("web/eu/latency_ms", "api/eu/latency_ms", first=24 * 12)
    assert plain(says.finding(found(known=young), "UTC")) == "Nothing can be judged yet: none of 2 series is a week old."
    assert says.todo(found(known=young), "UTC")[0][0] == "Wait until there is a week of data."
    both = pd.concat([young, made.series("db/eu/latency_ms")])
    assert (
        plain(says.finding(found(known=both), "UTC"))
        == "No drift is open in 3 series. 2 series were measured for less than a week, too little to judge."
    )
    assert says.chance_sentence(found(known=both)) == "No drift was found in 0.13 years of all series together."


def test_what_crept_began_some_day_or_later():
    one = found(change(start=0, high=15 * DAY), now=made.at(30 * DAY))
    assert plain(says.headline(next(one.drifts.itertuples()), one, "UTC")).endswith("slower on 2 Mar or later")


def test_an_expired_drift_is_counted_apart():
    one = found(change(**STATES["expired"]))
    assert plain(says.finding(one, "UTC")) == "No drift is open in 1 series. 1 older one was never decided on."
    assert plain(says.todo(one, "UTC")[0][0]) == "Decide on 1 expired drift (analytics drift list --all)."
    assert plain(says.heading(next(one.drifts.itertuples()), one, "UTC")).endswith("slower on 24 Aug 2025")


def test_what_has_expired_is_open_until_then():
    """Half a year after it was told, however long before that it began: a creep is months old by then."""
    one = found(change(start=-60 * 7 * DAY, detected=-27 * 7 * DAY))
    weeks = shows.weeks(one, made.NOW)
    shown = weeks.loc[weeks["severity"] > 0, "week"]
    assert one.drifts["expires_at"].item() == made.at(-7 * DAY)
    # Columns of four weeks.
    assert (shown.min(), shown.max()) == (made.at(-29 * 7 * DAY), made.at(-5 * 7 * DAY))


def test_the_overview_is_said_in_a_sentence():
    worse = found(change("web/eu/latency_ms", effect=0.3), change("api/eu/latency_ms", start=99, effect=-0.6, direction="improvement"))
    better = found(change("api/eu/latency_ms", start=99, effect=-0.6, direction="improvement"))
    said = [plain(says.severity_sentence(shows.weeks(one, made.NOW), "UTC")) for one in (worse, better)]
    assert said[0] == "2 services had a drift; the gravest is that of web with 50 in the week from 2 Mar on."
    assert said[1] == "1 service had a drift; the best is that of api with −82 in the week from 2 Mar on."


@pytest.mark.parametrize(("weeks_ago", "n"), [(20, 1), (100, 4), (300, 13), (600, 26), (2000, 52)])
def test_an_overview_of_years_has_few_columns(weeks_ago, n):
    one = found(change(start=-weeks_ago * 7 * DAY, detected=10 - weeks_ago * 7 * DAY))
    assert shows.weeks_per_row(one, made.NOW) == n
    assert 4 < shows.weeks(one, made.NOW)["week"].nunique() <= 45
    assert says.severity_title(n).startswith("Severity of the drifts that were open, by ")


def test_weeks_show_what_was_known_and_open():
    all_of = found(change("web/eu/latency_ms", start=0, detected=8 * DAY, end=12 * DAY), now=made.at(21 * DAY))
    weeks = shows.weeks(all_of, made.at(21 * DAY))
    seen = weeks.set_index((weeks["week"] - made.MONDAY) / pd.Timedelta(days=7))["severity"]
    assert (seen[[-1.0, 0.0, 2.0]] == 0).all()
    assert seen[1.0] == pytest.approx(all_of.drifts["severity"].item())


def test_tables_for_people_hold_every_drift_and_member():
    all_of = found(change("web/eu/latency_ms", effect=0.3), change("web/us/latency_ms", effect=0.3), change("api/eu/latency_ms", start=99))
    table = shows.drift_table(all_of)
    assert plain(table["change"].tolist()[-1]) == "latency_ms +30 % [20, 40]"
    assert (table["address"].str[1:9] == table["drift_id"]).all()
    assert shows.member_table(all_of)["service"].value_counts().to_dict() == {"web": 2, "api": 1}
