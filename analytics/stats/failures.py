"""Are checks failing more often than usual? Counts in windows of many lengths against the usual share, as a rate of chance finds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.stats import trailing

__all__ = ["Failures", "judge_failures", "raised"]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

WEEK_S = 7 * 86_400

HALF_LIFE_DAYS = 14.0
"""Memory of the usual share: a month holds what a service usually does."""
PRIOR_FAILURES, PRIOR_CHECKS = 0.5, 10.0
"""What is supposed of a service before anything is known of it: half a failure (Jeffreys) in few checks, outweighed also by one a day."""
LONGEST_DAYS = 1.0
"""Longest window: what is a little worse for longer is a drift."""


class Failures(NamedTuple):
    """Steps judged; arrays of shape (n_series, n_times).

    Attributes
    ----------
    per_week : how many stretches with as many failures chance makes in a week
    usual : the share that usually fails, known before the step
    reach : length in steps of the window that shows it most clearly
    """

    per_week: FloatArray
    usual: FloatArray
    reach: npt.NDArray[np.int64]


def judge_failures(failed: FloatArray, n_checks: FloatArray, *, step_s: int) -> Failures:
    """How rare the failures up to each step are if checks fail independently of each other, as often as they used to.

    The number in a window of N checks is binomial; of windows of w steps a week holds ``week / w``, and each failure of a stretch can be
    the last of as many windows, so that chance makes at most ``F week / w P(Bin(N, usual) >= F)`` stretches with F failures or more. The
    usual share is a discounted mean of what came before the window's longest length, so that an outage does not excuse itself.

    Parameters
    ----------
    failed, n_checks : float arrays, shape (n_series, n_times)
        Checks that failed, and checks, in each step; 0 where there was none.
    step_s : length of a step, s

    References
    ----------
    Naus (1982), Approximations for distributions of scan statistics, JASA 77 (declumping of overlapping windows). Jeffreys (1946), An
    invariant form for the prior probability in estimation problems, Proceedings of the Royal Society A 186.
    """
    usual, lengths, sums = _usual(failed, n_checks, step_s), _lengths(step_s), _running(failed, n_checks)
    per_week, reach = np.full(failed.shape, np.inf), np.ones(failed.shape, np.int64)
    row, step = np.nonzero(failed > 0)
    for length in lengths:
        rate = _rate(sums, usual, row, step, np.full(len(row), length), len(lengths), step_s)
        is_best = rate < per_week[row, step]
        here = (row[is_best], step[is_best])
        per_week[here], reach[here] = rate[is_best], length
    return Failures(per_week, usual, reach)


def _rate(
    sums: list[FloatArray], usual: FloatArray, row: IntArray, step: IntArray, length: IntArray, n_lengths: int, step_s: int
) -> FloatArray:  # fmt: skip
    """How often a week chance makes as many failures as came in the windows of some lengths that end with some steps."""
    from scipy.special import betainc

    begin = np.maximum(step + 1 - length, 0)
    many, of = (part[row, step + 1] - part[row, begin] for part in sums)
    # The tail of the binomial as an incomplete beta function.
    chance = betainc(np.maximum(many, 1), of - many + 1, usual[row, step])
    return np.asarray(n_lengths * many * (WEEK_S / step_s / length) * chance)


def raised(
    found: Failures, failed: FloatArray, n_checks: FloatArray, *, budget_per_week: float, apart: int, step_s: int
) -> tuple[BoolArray, IntArray]:
    """Steps to tell, and how many steps back what they show has begun, shape (n_series, n_times) each.

    A window that ends with a single failure hours after an outage still holds it: what was told is not told again, so that a step further
    than `apart` from the last told one is judged by windows that begin after that.
    """
    lengths, sums = _lengths(step_s), _running(failed, n_checks)
    is_told, reach = np.zeros(failed.shape, bool), np.ones(failed.shape, np.int64)
    last = np.full(len(failed), -(10**9))
    for row, step in zip(*np.nonzero(found.per_week <= budget_per_week), strict=True):
        since = step - last[row]
        length = found.reach[row, step]
        if since <= apart:
            length = since
        elif length > since:
            shorter = lengths[lengths <= since]
            rows, steps = np.full(len(shorter), row), np.full(len(shorter), step)
            rates = _rate(sums, found.usual, rows, steps, shorter, len(lengths), step_s)
            if rates.min() > budget_per_week:
                continue
            length = shorter[rates.argmin()]
        is_told[row, step], reach[row, step], last[row] = True, length, step
    return is_told, reach


def _lengths(step_s: int) -> IntArray:
    """Lengths of windows in steps, each twice the last, up to `LONGEST_DAYS`."""
    return np.asarray(2 ** np.arange(int(np.log2(max(LONGEST_DAYS * 86_400 / step_s, 1))) + 1))


def _running(failed: FloatArray, n_checks: FloatArray) -> list[FloatArray]:
    """Sums of failures and checks before each step, one more than there are steps."""
    return [np.concatenate([np.zeros((len(part), 1)), np.cumsum(part, axis=1)], axis=1) for part in (failed, n_checks)]


def _usual(failed: FloatArray, n_checks: FloatArray, step_s: int) -> FloatArray:
    """Discounted share of failures known before each step, from the steps at least `LONGEST_DAYS` old and the prior."""
    keep = 0.5 ** (step_s / (HALF_LIFE_DAYS * 86_400))
    lag = max(1, round(LONGEST_DAYS * 86_400 / step_s))
    totals = [trailing.fading_sum(np.pad(part, ((0, 0), (lag, 0)))[:, : part.shape[1]], keep) for part in (failed, n_checks)]
    return np.asarray((totals[0] + PRIOR_FAILURES) / (totals[1] + PRIOR_CHECKS))
