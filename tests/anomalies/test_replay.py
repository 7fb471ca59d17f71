"""What other parameters would have told of the same history, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics.anomalies import replay, says
from tests.anomalies import test_calibration as calibrated
from tests.anomalies.made import SETTINGS, at

WEEK = 7 * 1440
NOW = at(2 * WEEK)


def alarms(*rows):
    """(anomaly_id, service, from, until, severity), in minutes; until None: it goes on."""
    frame = calibrated.table(*[calibrated.anomaly(name, service, start, end) for name, service, start, end, _ in rows])
    plain = {"region": "eu", "signal": "latency_ms", "effect": 1.0}
    return frame.assign(severity=[row[-1] for row in rows], **plain)


def both(now, then, *, outages=(), weeks=1, causes=({}, {}), allowed=(0.25, 1.0)):
    found = [calibrated.found(alarms(*rows), weeks={"web": 2.0, "db": 0.5}, n_series={"web": 1, "db": 1}) for rows in (now, then)]
    known = [pd.Series(cause, dtype=object).reindex(one.anomalies["anomaly_id"]) for cause, one in zip(causes, found, strict=True)]
    table = calibrated.outages(*outages).assign(excluded_reason=None)
    return replay.compare(found, known, list(allowed), table, weeks=weeks, now=NOW)


OLD, SLOW, SHORT = ("old", "web", 10, 20, 5.0), ("slow", "web", WEEK + 600, WEEK + 660, 50.0), ("short", "db", WEEK + 900, WEEK + 905, 8.0)


def test_alarms_of_the_newest_weeks_are_counted_side_by_side():
    found = both([OLD, SLOW], [OLD, SLOW, SHORT], causes=({}, {"slow": "outage"}))
    rows = found.figures.set_index("what")
    assert rows.loc["alarms"].tolist() == ["1", "2"]
    # One week of web and half a one of db.
    assert rows.loc["in a week of a service"].tolist() == ["0.67", "1.3"]
    assert rows.loc["of these unexplained"].tolist() == ["0.67", "0.67"]
    assert rows.loc["allowed by the budget"].tolist() == ["0.25", "1"]
    assert both([OLD, SLOW], [OLD, SLOW, SHORT], weeks=2).figures.set_index("what").loc["alarms"].tolist() == ["2", "3"]


def test_what_is_told_a_little_earlier_or_longer_is_neither_gained_nor_lost():
    moved = ("moved", "web", WEEK + 570, WEEK + 700, 40.0)
    found = both([SLOW], [moved, SHORT])
    assert found.gained["anomaly_id"].tolist() == ["short"]
    assert found.lost.empty
    other = both([SLOW], [("moved", "web", WEEK + 691, WEEK + 700, 40.0), ("elsewhere", "db", WEEK + 600, WEEK + 660, 60.0)])
    assert other.gained["anomaly_id"].tolist() == ["elsewhere", "moved"]
    assert other.lost["anomaly_id"].tolist() == ["slow"]


def test_an_outage_is_told_by_an_alarm_of_its_service_while_it_lasts():
    outages = [("web", "eu", WEEK + 610, WEEK + 620, True), ("db", "eu", WEEK + 610, WEEK + 620, True), ("web", "eu", 0, 30, True),
               ("web", "eu", WEEK + 610, WEEK + 620, False)]  # fmt: skip
    rows = both([OLD, SLOW], [("on", "db", WEEK + 100, None, 20.0)], outages=outages).figures.set_index("what")
    assert rows.loc["confirmed outages told"].tolist() == ["1 of 2", "1 of 2"]


def test_lines_name_what_is_gained_and_lost():
    lines = replay._lines(both([SLOW], [SHORT]), ("now", "with anomalies.min_points=1"), zone="UTC", now=NOW)
    text = "\n".join(lines).replace("\u00a0", " ")
    assert lines[0].replace("\u00a0", " ").startswith("7 d until 16 Mar 2026 00:00")
    assert lines[0].endswith("now   with anomalies.min_points=1")
    assert "gained: 1 alarm\n    8  db in eu was 2 times as slow as expected for 5 min from 9 Mar 15:00  [short]" in text
    assert "lost: 1 alarm\n   50  web in eu was 2 times as slow" in text


def test_half_and_twice_the_budget_are_counted_from_the_rates_that_are_known():
    rows = calibrated.table(
        calibrated.anomaly("rare", start=0, per_week=0.01),
        calibrated.anomaly("usual", start=500, per_week=0.2),
        calibrated.anomaly("over", start=2000, per_week=0.4),
        calibrated.anomaly("other", "db", start=3000, per_week=0.2),
    )
    found = calibrated.found(rows, [("over", "budget")], weeks={"web": 10, "db": 6}, n_series={"web": 8, "db": 1})
    cause = pd.Series({"usual": "outage"}).reindex(rows["anomaly_id"])
    outages = calibrated.outages(("web", "eu", 500, 505, True), ("web", "eu", 2000, 2010, True)).assign(excluded_reason=None)
    costs = replay.budgets(found, cause, outages, settings=SETTINGS).set_index("budget")
    assert costs.index.tolist() == [0.125, 0.25, 0.5]
    assert costs["n_services"].tolist() == [2, 2, 1]
    assert costs["n_told"].tolist() == [1, 3, 3]
    assert costs["per_week"].tolist() == pytest.approx([1 / 16, 3 / 16, 3 / 10])
    assert costs["n_unexplained"].tolist() == [1, 2, 2]
    assert costs["n_caught"].tolist() == [0, 1, 2]
    assert costs["n_outages"].tolist() == [2, 2, 2]
    assert "Of 1\u00a0service with few series" in says.costs_sentence(costs.reset_index(), found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drift.shown=3", "'drift.shown' cannot be replayed: write anomalies.NAME=VALUE"),
        ("min_points=3", "'min_points' cannot be replayed"),
        ("anomalies", "is no NAME=VALUE"),
    ],
)
def test_only_parameters_of_this_stage_can_be_replayed(text, message):
    with pytest.raises(ValueError, match=message):
        replay._overrides([text])
    assert replay._overrides(["anomalies.min_points=3"]) == {"min_points": 3}


def test_stretches_overlap_as_a_plain_loop_says(rng):
    def made(n):
        start, length = rng.integers(0, 2000, n), rng.integers(1, 200, n)
        ends = [None if rng.random() < 0.2 else int(one) for one in start + length]
        return alarms(*[(str(k), f"s{rng.integers(3)}", int(start[k]), ends[k], 1.0) for k in range(n)])

    ones, others = made(60), made(25)
    near = pd.Timedelta(minutes=30)
    expected = []
    for one in ones.itertuples():
        hit = False
        for other in others.itertuples():
            begins_before = pd.isna(one.end) or other.start <= one.end + near
            ends_after = pd.isna(other.end) or other.end >= one.start - near
            hit = hit or (one.service == other.service and begins_before and ends_after)
        expected.append(hit)
    assert 5 < sum(expected) < 60
    np.testing.assert_array_equal(replay._overlap(ones, others), expected)
