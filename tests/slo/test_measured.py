"""How much of each step counts as measured."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from analytics import params, slo
from analytics.slo.counts import ALL
from analytics.slo.measured import measured_shares
from tests.slo import made


def shares(n_checks, *, step_s=300, first=None, last=None):
    """Of one series with these checks per step; `first`, `last`: it began earlier, goes on later."""
    counts = np.array([n_checks])
    values = np.where(counts > 0, 1.0, np.nan)
    panel = made.signals({("web", "eu"): values[0]}, start="2026-03-02T00:00Z", step_s=step_s, n_checks=counts)[0].load()
    times = {name: pd.Timestamp(time) for name, time in (("first", first), ("last", last)) if time}
    panel.series[list(times)] = pd.DataFrame([times], index=panel.series.index)
    return measured_shares(panel)[0]


def test_first_and_last_step_count_as_far_as_their_checks_reach(project):
    npt.assert_allclose(shares([3, 5, 5, 5, 5, 2]), [0.6, 1, 1, 1, 1, 0.4])


def test_steps_beside_a_pause_count_as_far_as_their_checks_reach(project):
    npt.assert_allclose(shares([5, 5, 5, 1, 0, 0, 4, 5, 5]), [1, 1, 1, 0.2, 0, 0, 0.8, 1, 1])


def test_fewer_checks_within_a_stretch_are_no_edge(project):
    npt.assert_allclose(shares([5, 5, 2, 6, 5, 5]), [1] * 6)


def test_more_checks_than_usual_measure_no_more_than_the_step(project):
    npt.assert_allclose(shares([7, 5, 5, 5]), [1] * 4)


def test_steps_of_one_check_are_whole(project):
    npt.assert_allclose(shares([1, 1, 0, 1, 0, 1]), [1, 1, 0, 1, 0, 1])


def test_where_all_steps_are_edges_the_fullest_is_whole(project):
    npt.assert_allclose(shares([2, 4, 0, 1]), [0.5, 1, 0, 0.25])


def test_a_part_of_the_data_begins_and_ends_whole(project):
    npt.assert_allclose(shares([3, 5, 5, 2], first="2026-03-01T00:00Z"), [1, 1, 1, 0.4])
    npt.assert_allclose(shares([3, 5, 5, 2], last="2026-03-03T00:00Z"), [0.6, 1, 1, 1])


def of_checks(offset_s, n, *, interval_s, bad=(), step_s=300):
    """Signals of n checks from `offset_s` after midnight on, of which these failed."""
    step = (offset_s + np.arange(n) * interval_s) // step_s
    counts = np.bincount(step)
    failed = np.bincount(step[list(bad)], minlength=len(counts)) if len(bad) else np.zeros(len(counts))
    with np.errstate(invalid="ignore"):
        share = 1 - failed / counts
    return made.signals({("web", "eu"): share}, start="2026-03-02T00:00Z", step_s=step_s, n_checks=counts)


def budgets(signals):
    promises, none = made.promises("web", objective=0.9), made.outages()
    project, end = made.project(), signals.end
    periods = slo.find_periods(signals, now=end, zone="UTC")
    counts = slo.count_checks(signals, promises, none, made.masks(), periods, project=project, now=end)
    return slo.judge(counts, counts, made.coverage(), periods, params=params.Slo(), now=end).budgets


def test_five_bad_minutes_of_25_measured_ones_spend_five_minutes(project):
    found = budgets(of_checks(180, 25, interval_s=60, bad=range(3, 8)))
    npt.assert_allclose(found["spent_s"], 300)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(interval_s=st.sampled_from([20, 30, 60, 100, 150, 300]), offset=st.integers(0, 40), n=st.integers(60, 400))
def test_as_long_is_measured_as_the_checks_stand_for(project, interval_s, offset, n):
    signals = of_checks(offset * interval_s, n, interval_s=interval_s)
    period = slo.counts.Period("all", pd.Timestamp("2026-03-02T00:00Z"), signals.end)
    counts = slo.count_checks(
        signals, made.promises("web"), made.outages(), made.masks(), [period], project=made.project(), now=signals.end
    )
    npt.assert_allclose(counts["measured_s"], n * interval_s)


@pytest.mark.parametrize("cut", ["2026-03-02T06:00Z", "2026-03-02T06:05Z"])
def test_months_in_the_middle_of_data_lose_nothing(project, cut):
    signals = of_checks(120, 700, interval_s=60)
    middle = pd.Timestamp(cut)
    periods = [slo.counts.Period("a", pd.Timestamp("2026-03-02T00:00Z"), middle), slo.counts.Period("b", middle, signals.end)]
    counts = slo.count_checks(signals, made.promises("web"), made.outages(), made.masks(), periods, project=made.project(), now=signals.end)
    npt.assert_allclose(counts[counts["region"] == ALL]["measured_s"].sum(), 700 * 60)
