"""How often the drift scan raises a false alarm in series that never change: the Monte Carlo behind `OFFSET` and `level_for`.

    python benchmarks/drift_null.py [--series 600] [--seed 1]

Simulated checks at 5 minutes: four weeks to learn from and six to judge. Each series has a day and a week, uneven days, AR(1) wander over
hours, heavy-tailed noise, slow answers, failures; incidents, gaps and one holiday nobody announced. Printed are the level of each kind at
its share of four false alarms a year, and the fit of the logarithm of the rate of all kinds together against the level.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from scipy.signal import lfilter

from analytics import baseline, calendars
from analytics.stats import changes, scan

STEP_S, DAY = 300, 288
LEARNT, JUDGED = 28 * DAY, 42 * DAY
YEARS = 42 / 365.25
SHARES = (0.28, 0.05, 0.12, 0.22, 0.33)
RATES = (0.5, 1.0, 2.0, 4.0, 8.0, 13.0)


def quiet_series(n, rng):
    """Latency in ms and whether a check succeeded, shape (n, LEARNT + JUDGED); NaN where there was no check."""
    n_times = LEARNT + JUDGED
    n_days = n_times // DAY

    def one(low, high):
        return rng.uniform(low, high, (n, 1))

    hour, weekday = np.arange(DAY) * 24 / DAY, np.arange(n_days) % 7
    distance = np.abs((hour - one(8, 18) + 12) % 24 - 12)
    course = np.exp(-0.5 * (distance / one(2.5, 7)) ** 2)
    uneven = np.exp(rng.normal(size=(n, n_days)) * one(0.05, 0.2))
    weekend = one(0.2, 1.0)
    is_free = np.broadcast_to(weekday >= 5, (n, n_days)).copy()
    is_free[np.arange(n), 28 + rng.integers(0, 42, n)] = True
    day_size = one(0, 0.4) * uneven * np.where(is_free, weekend, 1)
    season = (day_size[:, :, None] * course[:, None]).reshape(n, n_times)
    hours = n_times // 12 + 1
    phi = np.exp(-1 / one(2, 12))
    shocks = rng.normal(size=(n, hours + 200)) * np.sqrt(1 - phi**2)
    wander = np.stack([lfilter([1], [1, -p], row)[200:] for p, row in zip(phi[:, 0], shocks, strict=True)]) * one(0.005, 0.06)
    wander = np.stack([np.interp(np.arange(n_times) / 12, np.arange(hours), row) for row in wander])
    noise = rng.standard_t(6, (n, n_times)) * one(0.05, 0.3)
    slow = rng.random((n, n_times)) < one(0.003, 0.03)
    latency = np.log(one(20, 600)) + season + wander + noise + np.where(slow, 0.5 + rng.exponential(0.8, slow.shape), 0)
    failing = np.broadcast_to(10 ** one(-4, -2.5), (n, n_times)).copy()
    for row in range(n):
        for start in rng.integers(0, n_times, rng.poisson(15)):
            here = slice(start, start + int(np.clip(rng.lognormal(np.log(5), 1), 1, 48)))
            latency[row, here] += rng.uniform(0.3, 2)
            failing[row, here] += rng.choice([0, rng.uniform(0.05, 0.6)])
    ok = (rng.random((n, n_times)) >= failing).astype(float)
    latency = np.where(ok > 0, np.exp(latency), np.nan)
    for row in range(n):
        for start in rng.integers(0, n_times, rng.poisson(5)):
            here = slice(start, start + int(rng.uniform(12, 144)))
            latency[row, here] = ok[row, here] = np.nan
    return latency.astype(np.float32), ok.astype(np.float32)


def evidence(n, rng):
    """Evidence in `n` quiet series."""
    latency, ok = quiet_series(n, rng)
    clock = calendars.clock(1_767_571_200_000, LEARNT + JUDGED, step_s=STEP_S, zone="UTC")
    learnt = baseline.fit(latency[:, :LEARNT], clock.between(0, LEARNT), kind="log")
    return baseline.judge(latency, 1 - ok, clock, baselines=learnt, learnt=LEARNT)


def alarms_a_year(blocks, level):
    """False alarms per series-year; those within a day of each other count once."""
    n, alarms = 0, 0
    for block in blocks:
        n += len(block.statistic)
        found = changes.find_changes(block, level)
        for series in np.unique(found.series):
            told = np.sort(found.detected[found.series == series])
            alarms += 1 + int((np.diff(told) > block.channels.bins_per_day).sum())
    return alarms / n / YEARS


def level_at(blocks, rate):
    """Level at which there are so many false alarms a year, by bisection."""
    low, high = -5.0, 30.0
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if alarms_a_year(blocks, middle) > rate else (low, middle)
    return high


def only(block, kind):
    """The evidence of one kind."""
    statistic = np.full_like(block.statistic, -np.inf)
    statistic[:, kind] = block.statistic[:, kind]
    return replace(block, statistic=statistic)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    blocks = [evidence(100, rng) for _ in range(given.series // 100)]
    for kind, share in enumerate(SHARES):
        level = level_at([only(block, kind) for block in blocks], 4 * share)
        print(f"{scan.KINDS[kind]:12s} level at {share:.0%} of four a year: {level:.2f} (offset now {scan.OFFSET[kind]:.2f})", flush=True)
    levels = [level_at(blocks, rate) for rate in RATES]
    slope, at_one = np.polyfit(np.log(RATES), levels, 1)
    print("levels", {rate: round(level, 2) for rate, level in zip(RATES, levels, strict=True)})
    print(f"level = {at_one:.2f} {slope:+.2f} * log(rate)")


if __name__ == "__main__":
    main()
