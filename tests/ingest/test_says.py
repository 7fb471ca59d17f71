"""What the page on data quality says."""

from types import SimpleNamespace

import pandas as pd
import pytest

from analytics.ingest import says


def test_refusals_that_differ_in_numbers_are_one_row():
    reasons = ["latency -5 ms is negative", "state is empty", "latency -7 ms is negative"]
    rows = pd.DataFrame({"source": "a", "kind": "checks", "reason": reasons, "place": ["a:1", "a:2", "a:3"], "row": ["x", "y", "z"]})
    found = says.refusal_summary(rows)
    assert found[["reason", "n", "place", "row"]].to_numpy().tolist() == [
        ["latency … ms is negative", 2, "a:1", "x"],
        ["state is empty", 1, "a:2", "y"],
    ]
    assert says.refusal_summary(rows.head(0)).empty


@pytest.mark.parametrize(
    ("n_pauses", "n_faults", "begins"),
    [
        (2, 0, "2 pauses are drawn; the longest of all, 3 h, began on 1 Mar 2026 00:00 in web"),
        (90, 0, "The longest 2 of 90 pauses are drawn; the longest"),
        (90, 1, "The longest 2 of 90 pauses are drawn, and 1 fault of a prober or jump of a unit; the longest"),
    ],
)
def test_figure_of_pauses_says_how_many_there_are_and_how_many_it_draws(n_pauses, n_faults, begins):
    start = pd.to_datetime(["2026-03-01T00:00Z", "2026-03-02T00:00Z", "2026-03-03T00:00Z"])
    hours = pd.to_timedelta([3, 2, 1], unit="h")
    flags = pd.DataFrame({"flag": ["gap", "gap", "prober_outage"], "service": "web", "region": "eu", "start": start, "end": start + hours})
    measured = SimpleNamespace(days=pd.DataFrame({"n_pauses": [n_pauses - 1, 1]}))
    assert says.gap_sentence(flags.head(2 + n_faults), measured, zone="UTC").replace("\u00a0", " ").startswith(begins)


def test_figure_of_pauses_of_metrics_alone_tells_no_pause_of_checks():
    start = pd.to_datetime(["2026-03-01T00:00Z", "2026-03-02T00:00Z"])
    flags = pd.DataFrame({"flag": "metric_gap", "service": "web", "region": "eu", "start": start, "end": start + pd.Timedelta("1h")})
    said = says.gap_sentence(flags, SimpleNamespace(days=pd.DataFrame({"n_pauses": [0]})), zone="UTC").replace("\u00a0", " ")
    assert said == "2 pauses or ends of metrics are drawn; the longest of all, 1 h, began on 1 Mar 2026 00:00 in web in eu."


def test_more_checks_than_expected_in_one_day_do_not_make_up_for_less_in_another():
    coverage = pd.DataFrame({"n_checks": [200, 50], "n_excluded": [0, 0], "n_expected": [100.0, 100.0]})
    faults = pd.DataFrame({"start": [], "end": []}).astype("datetime64[ms, UTC]")
    measured = SimpleNamespace(coverage=coverage, days=pd.DataFrame({"n_pauses": [2]}), series=coverage, faults=faults)
    tiles = says.tiles(measured, pd.DataFrame(), pd.DataFrame(), SimpleNamespace(n_rows=250))
    assert tiles[1] == ("Came, of those expected", "75\u00a0%", "2\u00a0long pauses")
