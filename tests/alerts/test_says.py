"""Sentences, tables and the figure of alerts say what the table says."""

import pandas as pd

from analytics import params, words
from analytics.alerts import says, shows
from analytics.plots import alerts as plots
from analytics.plots.style import COLOURS
from analytics.reporting.figures import to_svg
from tests.alerts.made import plain
from tests.delivery.made import alert, at, frame

NOW = pd.Timestamp(at(0))
SEVERAL = frame(
    alert("a1", event="deploy 'web 2.4'", score=42.0),
    alert("a2", severity="critical", service="db", title="db: cpu +90 %", owner=None, score=80.0),
    alert("a3", end=-30, title="web: over", n_reopened=2, n_findings=3),
    alert("a4", end=-10, title="web: over, too"),
    alert("a5", silenced_by="maintenance", silenced_text="declared maintenance", service="api", title="api: slow"),
    alert(
        "a6", silenced_by="severity", silenced_text="severity 4 is below 10", end=-20, severity="info", score=4.0, title="api: a bit slow"
    ),
    alert("a7", silenced_by="severity", silenced_text="severity 9 is below 10", severity="info", score=9.0, title="db: a bit slow"),
    alert("a8", severity="info", direction="improvement", title="web: faster"),
)
NONE = frame()


def test_the_finding_counts_what_is_open_and_what_is_silent():
    assert plain(says.finding(SEVERAL)) == (
        "3 alerts are open (1 critical, 1 warning, 1 info), of db and web. 2 open alerts are told to nobody, for the reasons below."
    )
    assert plain(says.finding(SEVERAL[SEVERAL["alert_id"] == "a1"])) == "1 alert is open (1 warning), of web."
    assert says.finding(NONE) == "Nothing that somebody must know of is open."


def test_tiles_say_the_gravest_and_how_long_it_took_to_know():
    assert [tuple(plain(text) for text in tile) for tile in says.tiles(SEVERAL)] == [
        ("Open", "3", "1 critical"),
        ("Gravest", "critical", "db: cpu +90 %"),
        ("Told after", "30 min", "the median time from the start of what was told"),
        ("Not told", "3", "of 8 alerts, each with its reason"),
    ]
    assert says.tiles(NONE)[1] == ("Gravest", words.MISSING, "nothing is open")


def test_open_alerts_are_shown_the_most_urgent_first():
    table = shows.open_table(SEVERAL)
    assert table["alert"].tolist() == ["db: cpu +90 %", "web: latency_ms +18 % in eu", "web: faster"]
    assert table["delay_s"].tolist() == [1800.0] * 3
    assert table["event"].dropna().tolist() == ["deploy 'web 2.4'"]


def test_the_history_is_shown_newest_first():
    table = shows.history_table(SEVERAL)
    assert table["alert"].tolist() == ["web: over, too", "web: over"]
    assert table["length_s"].tolist() == [3000.0, 1800.0]
    assert plain(says.history_sentence(SEVERAL)) == "2 alerts are over; half took no longer than 40 min. 1 came back after it was resolved."
    assert says.history_sentence(NONE) == "No alert that was told is over."


def test_what_nobody_is_told_of_is_counted_by_reason_and_listed():
    summary = shows.silent_summary(SEVERAL)
    assert summary.to_numpy().tolist() == [
        ["too small to be told", 2, 1, "db: a bit slow", 9.0], ["declared maintenance", 1, 1, "api: slow", 42.0],
    ]  # fmt: skip
    assert shows.silent_table(SEVERAL)[["alert", "state", "reason"]].to_numpy().tolist() == [
        ["api: slow", "open", "declared maintenance"], ["db: a bit slow", "open", "severity 9 is below 10"],
        ["api: a bit slow", "over", "severity 4 is below 10"],
    ]  # fmt: skip
    assert plain(says.silent_sentence(SEVERAL)) == "Nobody is told of 3 alerts: too small to be told (2) and declared maintenance (1)."
    small = SEVERAL[SEVERAL["silenced_by"] == "severity"]
    assert plain(says.silent_sentence(small)) == "Nobody is told of 2 alerts, for one reason: too small to be told."
    assert says.silent_sentence(NONE) == "Somebody is told of every alert."


def test_what_to_do_names_the_likely_reason_and_whom_to_ask():
    wrong = "If nobody notices anything, it was a false alarm; then silence it: `analytics alerts silence alert"
    assert says.todo(SEVERAL) == [
        ("Look at db: cpu +90 %.", f"Nothing was declared near its start. {wrong}=a2 --for 7d --reason '…'`."),
        (
            "Look at web: latency_ms +18 % in eu.",
            f"Likely why: deploy 'web 2.4'. Ask the owner, shop team. {wrong}=a1 --for 7d --reason '…'`.",
        ),
    ]
    assert says.todo(NONE)[0][0] == "Nothing has to be done."


def test_rules_follow_the_parameters():
    usual, other = (
        plain(says.rules(params.Alerts(**given))) for given in ({}, {"info_from": 12, "near_s": 60, "reopen_s": 120, "quiet_s": 30})
    )
    for part in ("from severity 10;", "within 1 h are", "within 6 h.", "over for 15 min"):
        assert part in usual
    for part in ("from severity 12;", "within 1 min are", "within 2 min.", "over for 30 s"):
        assert part in other


def test_the_kicker_says_until_when():
    assert plain(says.kicker(SEVERAL, now=NOW, zone="UTC")) == "Alerts · until 2 Mar 2026 12:00 · 8 alerts, told or not"


def rows_of(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def colours(ax):
    from matplotlib.colors import to_hex

    named = {colour: name for name, colour in COLOURS.items()}
    return [named[to_hex(patch.get_facecolor())] for patch in ax.patches]


def test_the_timeline_has_a_row_for_each_service_and_a_colour_for_each_severity():
    rows = shows.timeline(SEVERAL, now=NOW)
    ax = plots.plot_timeline(rows, start=shows.drawn_from(rows, now=NOW), end=NOW)
    assert rows_of(ax) == ["api", "db", "web"]
    assert colours(ax) == ["axis", "series", "worse", "bad"]
    ticks = ax.lines[0]
    assert len(ticks.get_xdata()) == 5
    assert to_svg(ax, alt=says.timeline_sentence(rows)).startswith("<svg")
    assert plain(says.timeline_sentence(rows)) == "Of 8 alerts 5 were told; most were of web (4) and db (1)."


def test_the_timeline_shows_the_last_three_months_and_the_worst_services():
    old = alert("old", start=at(-300_000), detected_at=at(-299_000), end=-200_000)
    assert shows.timeline(frame(old, alert("new")), now=NOW)["title"].tolist() == ["web: latency_ms +18 % in eu"]
    many = frame(*(alert(f"a{k}", service=f"s{k:02d}", severity="critical" if k > 9 else "info") for k in range(50)))
    rows = shows.timeline(many, now=NOW)
    ax = plots.plot_timeline(rows, start=shows.drawn_from(rows, now=NOW), end=NOW)
    assert rows_of(ax) == [f"s{k:02d}" for k in range(10, 50)]
    assert ax.texts[0].get_text() == "the 40 of 50 services with the most urgent alerts"


def test_an_empty_timeline_is_empty_axes_and_a_sentence():
    rows = shows.timeline(NONE, now=NOW)
    ax = plots.plot_timeline(rows, start=shows.drawn_from(rows, now=NOW), end=NOW)
    assert to_svg(ax, alt="Nothing is drawn here.").startswith("<svg")
    assert says.timeline_sentence(rows) == "There was no alert."
