"""Failed checks against the share that usually fails."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analytics.stats.failures import HALF_LIFE_DAYS, PRIOR_CHECKS, PRIOR_FAILURES, judge_failures, raised

PER_DAY, STEP_S = 288, 300
WEEK = 7 * PER_DAY


def naive(failed, n_checks, step):
    """Rate of one step of one series, by the definition."""
    keep = 0.5 ** (1 / (HALF_LIFE_DAYS * PER_DAY))
    newest = step - min(PER_DAY, (step + 2) // 2)
    known = range(newest, -1, -1)
    weights = np.array([keep ** (newest - one) for one in known])
    before = [float((weights * part[: len(weights)][::-1]).sum()) if len(weights) else 0.0 for part in (failed, n_checks)]
    usual = (before[0] + PRIOR_FAILURES) / (before[1] + PRIOR_CHECKS)
    lengths = [2**power for power in range(9)]
    rates = []
    for length in lengths:
        window = slice(max(step + 1 - length, 0), step + 1)
        many, of = failed[window].sum(), n_checks[window].sum()
        rates.append(len(lengths) * many * WEEK / length * stats.binom.sf(many - 1, of, usual))
    return min(rates) if failed[step] else np.inf, usual


def test_every_step_is_judged_by_the_definition():
    rng = np.random.default_rng(1)
    n_checks = rng.integers(0, 6, (3, 700)).astype(float)
    failed = rng.binomial(n_checks.astype(int), [[0.001], [0.02], [0.3]]).astype(float)
    found = judge_failures(failed, n_checks, step_s=STEP_S)
    for series, step in [(0, 3), (1, 250), (1, 600), (2, 120), (2, 400), (2, 699)]:
        rate, usual = naive(failed[series], n_checks[series], step)
        assert found.per_week[series, step] == pytest.approx(rate)
        assert found.usual[series, step] == pytest.approx(usual)


def test_an_outage_is_rarer_with_every_failed_check_and_a_step_without_one_says_nothing():
    failed, n_checks = np.zeros((1, 3000)), np.full((1, 3000), 5.0)
    failed[0, 2500:2504] = 5
    rate = judge_failures(failed, n_checks, step_s=STEP_S).per_week[0]
    assert np.isinf(rate[[2499, 2504]]).all()
    assert (np.diff(np.log(rate[2500:2504])) < 0).all()
    assert rate[2500] < 1e-6


def test_nothing_of_the_future_is_used():
    rng = np.random.default_rng(2)
    failed, n_checks = rng.binomial(2, 0.02, (2, 1500)).astype(float), np.full((2, 1500), 2.0)
    whole, part = (judge_failures(failed[:, :n], n_checks[:, :n], step_s=STEP_S) for n in (1500, 900))
    for name in ("per_week", "usual", "reach"):
        np.testing.assert_array_equal(getattr(whole, name)[:, :900], getattr(part, name))


def test_what_always_fails_is_usual_after_a_while():
    failed = n_checks = np.full((1, 30 * PER_DAY), 1.0)
    rate = judge_failures(failed, n_checks, step_s=STEP_S).per_week[0]
    assert rate[PER_DAY // 4] < 1e-3
    assert rate[-PER_DAY:].min() > 1


def test_what_has_failed_from_the_first_is_usual_before_a_day_is_over():
    rng = np.random.default_rng(7)
    n_checks = np.full((200, PER_DAY), 10.0)
    failed = rng.binomial(10, 0.5, n_checks.shape).astype(float)
    rate = judge_failures(failed, n_checks, step_s=STEP_S).per_week
    assert (rate[:, PER_DAY // 4 :] <= 0.25).any(axis=1).mean() < 0.05


@pytest.mark.parametrize("budget", [0.25, 1.0, 4.0])
@pytest.mark.parametrize(("usual", "n"), [(0.001, 5), (0.01, 1), (0.05, 5)])
def test_chance_makes_at_most_what_is_said(usual, n, budget):
    rng = np.random.default_rng(3)
    n_series, weeks = 150, 4
    failed = rng.binomial(n, usual, (n_series, weeks * WEEK)).astype(float)
    rate = judge_failures(failed, np.full(failed.shape, float(n)), step_s=STEP_S).per_week[:, WEEK:]
    stretches = sum(1 + int((np.diff(np.flatnonzero(row)) > 6).sum()) for row in rate <= budget if row.any())
    allowed = budget * n_series * (weeks - 1)
    # Three standard deviations of a Poisson count above what is allowed.
    assert stretches <= allowed + 3 * np.sqrt(allowed)


def test_a_single_failure_hours_after_an_outage_is_not_the_outage():
    failed, n_checks = np.zeros((1, 3000)), np.full((1, 3000), 5.0)
    failed[0, 2500:2504] = 5
    failed[0, 2600] = 1
    failed[0, 2800:2802] = 5
    found = judge_failures(failed, n_checks, step_s=STEP_S)
    assert found.per_week[0, 2600] < 0.25
    is_told, reach = raised(found, budget_per_week=0.25, apart=6, step_s=STEP_S)
    assert np.flatnonzero(is_told[0]).tolist() == [2500, 2501, 2502, 2503, 2800, 2801]
    assert (np.arange(3000) + 1 - reach[0])[2800] == 2800


def test_failures_that_are_many_only_together_are_told_with_the_first_of_them():
    failed, n_checks = np.zeros((1, 3000)), np.full((1, 3000), 5.0)
    failed[0, 2500:2560:10] = 1
    found = judge_failures(failed, n_checks, step_s=STEP_S)
    is_told, reach = raised(found, budget_per_week=0.25, apart=6, step_s=STEP_S)
    first = int(np.flatnonzero(is_told[0])[0])
    assert first > 2500
    assert first + 1 - reach[0, first] <= 2500


def test_one_check_a_day_that_always_fails_is_usual_after_a_month():
    failed = n_checks = np.ones((1, 60))
    rate = judge_failures(failed, n_checks, step_s=86_400).per_week[0]
    assert rate[-1] > 1
