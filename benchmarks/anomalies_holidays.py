"""What a calendar of holidays does for anomaly detection: false alarms and incidents caught on holidays, the days after, and all others.

    python benchmarks/anomalies_holidays.py [--series 40] [--step 900] [--seed 1]

Twelve weeks of simulated services in Germany with five holidays in the nine that are judged; nothing happens but what is put in. Requests
have a day and a week, follow the kind of the day from evening to night (`sharp`: at midnight), wander, and are counted; response times
follow the load. Services differ by what they do on Saturdays, Sundays and holidays. Printed for each kind of service and signal, without
and with the calendar: alarms a week of a series at a budget of one in four weeks and of four a week, by the kind of day; and the share of
incidents of an hour that are caught, put into days of one kind at a time (requests halved, a fifth, doubled; answers 35 and 70 % slower, or
twice as fast).
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from analytics import calendars, params
from analytics.anomalies import judge
from analytics.panel import Panel, to_ms
from analytics.stats.past import Past

START, DAYS, LEARNT_DAYS = pd.Timestamp("2025-03-23T22:00Z"), 84, 21
ZONE, CALENDAR = "Europe/Berlin", "DE"
SERVICES = {
    "keeps": (0.6, 0.6, 0.6), "in part": (0.6, 0.6, 0.8), "shop": (0.8, 0.5, 0.5), "ignores": (0.6, 0.6, 1.0), "flat": (1.0, 1.0, 1.0),
    "sharp": (0.6, 0.6, 0.6), "only holidays": (1.0, 1.0, 0.6),
}  # fmt: skip
"""Load of Saturdays, Sundays and holidays as a share of that of working days."""
CHANGES = {"requests": (0.5, 0.2, 2.0), "latency_ms": (1.35, 1.7, 0.5)}
KINDS = ("working", "weekend", "holiday", "after", "week after")
GAP_S = 1800


class World:
    """Days and hours of a grid, and the kind of each step."""

    def __init__(self, step_s):
        self.step_s, self.n_times = step_s, DAYS * 86_400 // step_s
        clock = calendars.clock(to_ms(START), self.n_times, step_s=step_s, zone=ZONE, holidays=CALENDAR)
        self.day, self.hour = clock.local_ms // calendars.DAY_MS, clock.local_ms % calendars.DAY_MS / 3.6e6
        self.holidays = np.unique(self.day[clock.is_holiday])
        self.is_judged = self.day >= self.day.min() + LEARNT_DAYS
        is_after, is_later = (np.isin(self.day, [day + k for day in self.holidays for k in range(*span)]) for span in ((1, 2), (2, 8)))
        is_weekend = (self.day + 3) % 7 >= 5
        self.kind = np.select([clock.is_holiday, is_after, is_weekend, is_later], [2, 3, 1, 4], 0)

    def share(self, service):
        saturday, sunday, holiday = SERVICES[service]
        days = np.arange(self.day.min() - 1, self.day.max() + 2)
        of_day = np.select([np.isin(days, self.holidays), (days + 3) % 7 == 5, (days + 3) % 7 == 6], [holiday, saturday, sunday], 1.0)
        at = self.day - days[0]
        if service == "sharp":
            return of_day[at]
        back, ahead = np.clip(0.5 - self.hour / 4, 0, 0.5), np.clip((self.hour - 22) / 4, 0, 0.5)
        return of_day[at] * (1 - back - ahead) + of_day[at - 1] * back + of_day[at + 1] * ahead

    def wander(self, rng, n, sd, hours):
        kept = np.exp(-self.step_s / 3600 / hours)
        return lfilter([sd * np.sqrt(1 - kept**2)], [1, -kept], rng.standard_normal((n, self.n_times)), axis=1)

    def values(self, service, signal, n, rng):
        # The evening lasts until after midnight.
        day, late = (np.exp(-0.5 * (((self.hour - top + 12) % 24 - 12) / width) ** 2) for top, width in ((13, 4.2), (20.2, 2.7)))
        load = (0.13 + 0.87 * np.cbrt(day**3 + (0.8 * late) ** 3)) * self.share(service) * np.exp(self.wander(rng, n, 0.05, 7))
        noise = 0.03 * rng.standard_t(5, (n, self.n_times))
        if signal == "requests":
            mean = load * np.geomspace(40, 4000, n)[:, None] * self.step_s / 300
            return rng.poisson(mean * np.exp(noise)).astype(np.float32)
        slow = self.wander(rng, n, 0.03, 5) + self.wander(rng, n, 0.03, 0.8)
        return (100 * (1 + 0.6 * load**2) * np.exp(slow + noise)).astype(np.float32)

    def days_of(self, kind):
        """At most six days of a kind that are not next to each other."""
        days = np.unique(self.day[self.is_judged & (self.kind == kind)])
        return [day for day in days if kind > 1 or (day + 3) % 7 in (2, 6)][:: 1 if kind > 1 else 2][:6]

    def with_incidents(self, values, signal, kind, rng):
        """Values with an incident of an hour in each series and day of a kind, and where they are: row, first step, stop."""
        changed, put, length = values.copy(), [], max(1, 3600 // self.step_s)
        for row in range(len(values)):
            for day in self.days_of(kind):
                first = int(rng.choice(np.flatnonzero((self.day == day) & (self.hour >= 7) & (self.hour < 21))))
                here = slice(first, first + length)
                changed[row, here] *= rng.choice(CHANGES[signal])
                put.append((row, first, first + length))
        return np.rint(changed) if signal == "requests" else changed, put

    def judged(self, values, signal, calendar):
        names = [str(row) for row in range(len(values))]
        series = pd.DataFrame({"series_id": names, "service": names, "region": "eu", "signal": signal})
        regions = pd.DataFrame({"region": ["eu"], "zone": [ZONE], "holidays": [calendar]})
        ((group, _),) = judge.groups(series, regions)
        panel = Panel(series, to_ms(START), self.step_s, values, np.ones(values.shape, np.int32))
        return judge.judged(panel, group, params.Anomalies(), Past())

    def false_a_week(self, is_told):
        """Alarms a week of a series on days of each kind."""
        gap = max(1, GAP_S // self.step_s)
        begins = is_told & ~np.any([np.pad(is_told, ((0, 0), (k, 0)))[:, : self.n_times] for k in range(1, gap + 1)], axis=0)
        of_kind = [self.is_judged & (self.kind == kind) for kind in range(len(KINDS))]
        return [begins[:, here].sum() / (len(is_told) * here.sum() * self.step_s / (7 * 86_400)) for here in of_kind]


def figures(world, service, signal, n, seed, calendar):
    """Two rows of false alarms, one of shares caught, by the kinds of days."""
    values = world.values(service, signal, n, np.random.default_rng([seed, list(SERVICES).index(service)]))
    found = world.judged(values, signal, calendar)
    shares = []
    for kind in range(len(KINDS) - 1):
        changed, put = world.with_incidents(values, signal, kind, np.random.default_rng(seed))
        told = world.judged(changed, signal, calendar).is_told
        shares.append(np.mean([told[row, first:stop].any() for row, first, stop in put]))
    return world.false_a_week(found.is_told), world.false_a_week(found.per_week <= 4), shares


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--step", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    world = World(given.step)
    print(f"{'':30s} alarms a week at .25, at 4, and share caught: {', '.join(KINDS)}")
    for service in SERVICES:
        for signal in CHANGES:
            for calendar in ("", CALENDAR):
                parts = figures(world, service, signal, given.series, given.seed, calendar)
                said = " | ".join(" ".join(f"{value:6.2f}" for value in part) for part in parts)
                print(f"{service:14s}{signal:11s}{calendar or '-':3s}  {said}", flush=True)


if __name__ == "__main__":
    main()
