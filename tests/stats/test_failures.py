import math

import numpy as np
import numpy.testing as npt
import pytest

from analytics.stats import alarms, failures

STEP_S = 300
STEPS_A_WEEK = 2016


def naive_tail(bad, seen, share):
    """Chance of at least so many failures, term by term."""
    return sum(math.comb(seen, k) * share**k * (1 - share) ** (seen - k) for k in range(bad, seen + 1))


def naive_rates(failed, checks, usual):
    windows = sorted({max(1, round(seconds / STEP_S)) for seconds in failures.WINDOWS_S})
    result = []
    for now in range(len(failed)):
        sums = [
            (int(failed[max(0, now - window + 1) : now + 1].sum()), int(checks[max(0, now - window + 1) : now + 1].sum()))
            for window in windows
        ]
        tail = min(naive_tail(bad, seen, usual[now]) for bad, seen in sums)
        result.append(np.nan if checks[now] == 0 else np.inf if failed[now] == 0 else tail * len(windows) * STEPS_A_WEEK)
    return np.array(result)


def naive_usual(failed, checks):
    result = []
    for now in range(len(failed)):
        weights = [0.5 ** ((now - 1 - at) / STEPS_A_WEEK) for at in range(now)]
        bad = sum(weight * min(one, 1) for weight, one in zip(weights, failed[:now], strict=True))
        seen = sum(weight * one for weight, one in zip(weights, checks[:now], strict=True))
        result.append((bad + failures.FIRST_SHARE * failures.FIRST_CHECKS) / (seen + failures.FIRST_CHECKS))
    return np.array(result)


def test_rates_and_usual_share_equal_naive_loops(rng):
    checks = rng.integers(0, 6, size=120).astype(float)
    failed = rng.binomial(checks.astype(int), 0.1).astype(float)
    usual = naive_usual(failed, checks)
    npt.assert_allclose(failures.usual_failures(failed[None], checks[None], step_s=STEP_S)[0], usual)
    npt.assert_allclose(failures.false_rates(failed[None], checks[None], step_s=STEP_S)[0], naive_rates(failed, checks, usual), rtol=1e-9)


def test_one_failed_check_is_not_told_and_a_second_one_is():
    checks, failed = np.ones((1, 4000)), np.zeros((1, 4000))
    failed[0, 3000:3002] = 1
    assert np.flatnonzero(alarms.raised(failures.false_rates(failed, checks, step_s=STEP_S), budget_per_week=0.25)).tolist() == [3001]


def test_the_number_of_checks_decides_what_a_share_says():
    rates = [failures.false_rates(np.array([[0.2 * n]]), np.array([[n]]), step_s=STEP_S)[0, 0] for n in (5.0, 50.0, 500.0)]
    assert rates[0] > 10 * rates[1] > 100 * rates[2]


def test_an_outage_does_not_become_the_usual_share():
    checks, failed = np.full((1, 4000), 5.0), np.zeros((1, 4000))
    failed[0, 3000:3012] = 5
    usual = failures.usual_failures(failed, checks, step_s=STEP_S)[0]
    # Twelve failures of some ten thousand remembered checks, not sixty.
    assert usual[3012] < 0.002
    npt.assert_array_equal(np.isinf(failures.false_rates(failed, checks, step_s=STEP_S)[0, 3012:]), True)


@pytest.mark.parametrize("share", [0.0005, 0.005, 0.05])
def test_independent_failures_keep_the_budget(share, rng):
    checks = np.full((10, 3 * STEPS_A_WEEK), 5.0)
    failed = rng.binomial(5, share, size=checks.shape).astype(float)
    rate = failures.false_rates(failed, checks, step_s=STEP_S)[:, STEPS_A_WEEK:]
    found = alarms.episodes(alarms.raised(rate, budget_per_week=1), rate, apart=6)
    assert len(found.start) / 20 < 1


def test_steps_without_checks_are_not_judged():
    rate = failures.false_rates(np.array([[np.nan, 0.0, 1.0]]), np.array([[np.nan, 0.0, 1.0]]), step_s=STEP_S)
    npt.assert_array_equal(np.isnan(rate), [[True, True, False]])
