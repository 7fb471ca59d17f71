"""Until when services are known, and which are no longer measured."""

import pandas as pd

from analytics import slo

NOW = pd.Timestamp("2026-04-13T00:00Z")


def stopped(*rows, step_s=300):
    """`find_stopped` of series (service, region, signal, last, origin), as tuples."""
    frame = pd.DataFrame(rows, columns=["service", "region", "signal", "last", "origin"])
    series = frame.assign(last=pd.to_datetime(frame["last"], utc=True), step_s=step_s)
    found = slo.find_stopped(series, now=NOW)
    return [(row.service, row.region if isinstance(row.region, str) else None, row.until) for row in found.itertuples(index=False)]


def row(service, region, last, *, signal="availability", origin="check"):
    return service, region, signal, last, origin


def test_a_service_without_data_for_more_than_a_day_has_stopped():
    found = stopped(row("a", "eu", "2026-04-12T23:55Z"), row("b", "eu", "2026-04-12T01:00Z"), row("c", "eu", "2026-04-11T23:50Z"))
    assert found == [("c", None, pd.Timestamp("2026-04-11T23:55Z"))]


def test_a_region_that_stopped_is_named_while_others_go_on():
    found = stopped(row("a", "eu", "2026-04-12T23:55Z"), row("a", "us", "2026-04-01T00:00Z"))
    assert found == [("a", "us", pd.Timestamp("2026-04-01T00:05Z"))]


def test_a_service_that_stopped_everywhere_is_one_row():
    found = stopped(row("x", "eu", "2026-04-12T23:55Z"), row("a", "eu", "2026-04-02T00:00Z"), row("a", "us", "2026-04-01T00:00Z"))
    assert found == [("a", None, pd.Timestamp("2026-04-02T00:05Z"))]


def test_a_signal_that_goes_on_is_enough():
    assert stopped(row("a", "eu", "2026-04-01T00:00Z"), row("a", "eu", "2026-04-12T23:55Z", signal="cpu")) == []


def test_rows_written_on_change_do_not_stop():
    assert stopped(row("a", "eu", "2026-04-01T00:00Z", origin="change")) == []


def test_slow_series_have_two_steps_of_patience():
    rows = row("a", "eu", "2026-04-10T00:00Z"), row("b", "eu", "2026-04-09T00:00Z")
    assert stopped(*rows, step_s=86400) == [("b", None, pd.Timestamp("2026-04-10T00:00Z"))]
