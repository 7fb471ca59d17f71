"""Are checks failing more often than usual? Counts in windows of many lengths against the usual share, as a rate of chance finds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.stats import trailing
from analytics.stats.past import Past

__all__ = ["Failures", "judge_failures", "longest", "raised"]

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
COUNTED = ("failed", "checks")
LONG_AGO = 10**9
"""Steps since what was never told."""


class Failures(NamedTuple):
    """Steps judged; arrays of shape (n_series, n_times) but for the sums.

    Attributes
    ----------
    per_week : how many stretches with as many failures chance makes in a week
    usual : the share that usually fails, known before the step
    reach : length in steps of the window that shows it most clearly
    sums : of failures and of checks before each column, those of the longest window before the first step included
    """

    per_week: FloatArray
    usual: FloatArray
    reach: npt.NDArray[np.int64]
    sums: list[FloatArray]


def judge_failures(failed: FloatArray, n_checks: FloatArray, *, step_s: int, past: Past | None = None) -> Failures:
    """How rare the failures up to each step are if checks fail independently of each other, as often as they used to.

    The number in a window of N checks is binomial; of windows of w steps a week holds ``week / w``, and each failure of a stretch can be
    the last of as many windows, so that chance makes at most ``F week / w P(Bin(N, usual) >= F)`` stretches with F failures or more. The
    usual share is a discounted mean of what came before the window's longest length, so that an outage does not excuse itself; in the
    first days of a series, of its older half.

    Parameters
    ----------
    failed, n_checks : float arrays, shape (n_series, n_times)
        Checks that failed, and checks, in each step; 0 where there was none.
    step_s : length of a step, s
    past : what is known of the columns before; moves on

    References
    ----------
    Naus (1982), Approximations for distributions of scan statistics, JASA 77 (declumping of overlapping windows). Jeffreys (1946), An
    invariant form for the prior probability in estimation problems, Proceedings of the Royal Society A 186.
    """
    past = Past() if past is None else past
    lengths, n_before = _lengths(step_s), longest(step_s)
    named = zip(COUNTED, (failed, n_checks), strict=True)
    counts = [past.joined(name, part.astype(np.float32), n_before, missing=0.0) for name, part in named]
    usual, sums = _usual(counts, failed.shape[1], step_s, past), _running(counts)
    per_week, reach = np.full(failed.shape, np.inf), np.ones(failed.shape, np.int64)
    row, step = np.nonzero(failed > 0)
    for length in lengths:
        rate = _rate(sums, usual[row, step], row, step + n_before, np.full(len(row), length), len(lengths), step_s)
        is_best = rate < per_week[row, step]
        here = (row[is_best], step[is_best])
        per_week[here], reach[here] = rate[is_best], length
    return Failures(per_week, usual, reach, sums)


def _rate(
    sums: list[FloatArray], usual: FloatArray, row: IntArray, column: IntArray, length: IntArray, n_lengths: int, step_s: int
) -> FloatArray:  # fmt: skip
    """How often a week chance makes as many failures as came in the windows of some lengths that end with some columns."""
    from scipy.special import betainc

    many, of = (part[row, column + 1] - part[row, column + 1 - length] for part in sums)
    # The tail of the binomial as an incomplete beta function.
    chance = betainc(np.maximum(many, 1), of - many + 1, usual)
    return np.asarray(n_lengths * many * (WEEK_S / step_s / length) * chance)


def raised(
    found: Failures, *, budget_per_week: float, apart: int, step_s: int, past: Past | None = None
) -> tuple[BoolArray, IntArray]:  # fmt: skip
    """Steps to tell, and how many steps back what they show has begun, shape (n_series, n_times) each.

    A window that ends with a single failure hours after an outage still holds it: what was told is not told again, so that a step further
    than `apart` from the last told one is judged by windows that begin after that.
    """
    past = Past() if past is None else past
    lengths, n_before = _lengths(step_s), longest(step_s)
    is_told, reach = np.zeros(found.reach.shape, bool), np.ones_like(found.reach)
    # Steps since the last told one, as a column before the first.
    last = -past.array("since", np.full(len(reach), LONG_AGO))
    for row, step in zip(*np.nonzero(found.per_week <= budget_per_week), strict=True):
        since = step - last[row]
        length = found.reach[row, step]
        if since <= apart:
            length = since
        elif length > since:
            shorter = lengths[lengths <= since]
            rows, columns = np.full(len(shorter), row), np.full(len(shorter), step + n_before)
            rates = _rate(found.sums, found.usual[rows, step], rows, columns, shorter, len(lengths), step_s)
            if rates.min() > budget_per_week:
                continue
            length = shorter[rates.argmin()]
        is_told[row, step], reach[row, step], last[row] = True, length, step
    past.keep("since", np.minimum(reach.shape[1] - last, LONG_AGO))
    return is_told, reach


def _lengths(step_s: int) -> IntArray:
    """Lengths of windows in steps, each twice the last, up to `LONGEST_DAYS`."""
    return np.asarray(2 ** np.arange(int(np.log2(max(LONGEST_DAYS * 86_400 / step_s, 1))) + 1))


def longest(step_s: int) -> int:
    """Steps of the longest window; what is older counts in the usual share."""
    return max(1, round(LONGEST_DAYS * 86_400 / step_s))


def _running(counts: list[FloatArray]) -> list[FloatArray]:
    """Sums of failures and checks before each column, one more than there are columns."""
    return [np.concatenate([np.zeros((len(part), 1)), np.cumsum(part, axis=1, dtype=np.float64)], axis=1) for part in counts]


def _usual(counts: list[FloatArray], n_times: int, step_s: int, past: Past) -> FloatArray:
    """Discounted share of failures known before each step, from the steps at least `LONGEST_DAYS` old and the prior.

    Of a series younger than twice that its older half counts: what has failed from the first is usual, not an outage of a day.
    """
    keep, n_before = 0.5 ** (step_s / (HALF_LIFE_DAYS * 86_400)), longest(step_s)
    age = trailing.age(counts[1][:, n_before:] > 0, past)
    known = np.arange(1, n_times + 1) + n_before - np.minimum((age + 1) // 2, n_before)
    totals = []
    for name, part in zip(COUNTED, counts, strict=True):
        sums = trailing.fading_sum(part.astype(np.float64), keep, past.array(f"old_{name}", np.zeros(len(part))))
        past.keep(f"old_{name}", sums[:, n_times])
        totals.append(np.take_along_axis(sums, known, axis=1))
    return np.asarray((totals[0] + PRIOR_FAILURES) / (totals[1] + PRIOR_CHECKS))
