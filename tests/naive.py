"""Slow, obvious answers: what the fast code must say too. Written from the description of each table, a loop at a time."""

from __future__ import annotations

import itertools
import math

import pandas as pd

LADDER_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)


def percentile(values, share):
    """Percentile with linear interpolation between the two nearest ranks."""
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])


def step_start(time, step_s):
    """Start of the step that holds `time`: steps are counted from midnight UTC."""
    midnight = time.normalize()
    return midnight + pd.Timedelta(seconds=int((time - midnight).total_seconds() // step_s) * step_s)


def usual_interval(times):
    """Median time between neighbours, s; None for fewer than two different times."""
    ordered = sorted(set(times))
    if len(ordered) < 2:
        return None
    return percentile([(later - earlier).total_seconds() for earlier, later in itertools.pairwise(ordered)], 0.5)


def step_of(interval_s, wanted_s, ladder=LADDER_S):
    """Smallest step of the ladder that is neither finer than wanted nor finer than the checks (5 % slack)."""
    for step_s in ladder:
        if step_s >= wanted_s and (interval_s is None or step_s * 1.05 >= interval_s):
            return step_s
    return ladder[-1]


def check_series(checks, step_s):
    """Values of the three signals of checks: {(service, region, signal): {step start: (value, n_checks)}}."""
    found = {}
    for (service, region), rows in checks[checks.origin == "check"].groupby(["service", "region"], observed=True):
        steps = {}
        for row in rows.itertuples():
            steps.setdefault(step_start(row.time, step_s[service, region]), []).append(row)
        for start, inside in steps.items():
            latencies = [row.latency_ms for row in inside if row.state == "up" and not math.isnan(row.latency_ms)]
            judged = [row.state == "up" for row in inside if row.state in ("up", "down")]
            if latencies:
                found.setdefault((service, region, "latency_ms"), {})[start] = (percentile(latencies, 0.5), len(latencies))
                found.setdefault((service, region, "latency_p95_ms"), {})[start] = (percentile(latencies, 0.95), len(latencies))
            if judged:
                found.setdefault((service, region, "availability"), {})[start] = (sum(judged) / len(judged), len(judged))
    return found


def metric_series(metrics, step_s):
    """Values of metrics: the mean of a step, the sum for requests."""
    found = {}
    for key, rows in metrics.groupby(["service", "region", "signal"], observed=True):
        steps = {}
        for row in rows.itertuples():
            steps.setdefault(step_start(row.time, step_s[key]), []).append(row.value)
        for start, values in steps.items():
            total = math.fsum(values)
            found.setdefault(key, {})[start] = (total if key[2] == "requests" else total / len(values), len(values))
    return found


def outages(checks, k, n, *, gap_factor=3, intervals=None):
    """Outages as (service, region, start, end or None, failures, confirmed), in that order; `intervals` (s) by service, region, monitor."""
    found = []
    for (service, region), rows in checks.groupby(["service", "region"], observed=True):
        runs = []
        for monitor, mine in rows.groupby("monitor", observed=True):
            interval_s = intervals[service, region, monitor] if intervals else usual_interval(mine.time) or 86400
            runs += monitor_runs(mine, k, n, rows.time.max(), pd.Timedelta(seconds=interval_s), gap_factor)
        for group in overlapping(runs):
            starts, ends, failures, confirmed, monitors = zip(*group, strict=True)
            end = None if None in ends else max(ends)
            found.append((service, region, min(starts), end, sum(failures), any(confirmed) or len(set(monitors)) >= k))
    return sorted(found, key=lambda one: one[:3])


def monitor_runs(checks, k, n, newest, interval, gap_factor):
    """Runs of failed checks of one monitor as (start, end or None, failures, confirmed, monitor)."""
    judged = [(row.time, row.state == "down") for row in checks.sort_values("time").itertuples() if row.state in ("up", "down")]
    failed = [is_down for _, is_down in judged]
    found = []
    at = 0
    while at < len(judged):
        if not failed[at]:
            at += 1
            continue
        until = at
        while until < len(judged) and failed[until]:
            until += 1
        windows = [failed[left : left + n] for left in range(len(failed) - n + 1) if left < until and left + n > at]
        confirmed = any(sum(window) >= k for window in windows)
        last = judged[until - 1][0]
        end = judged[until][0] if until < len(judged) else None
        if (newest if end is None else end) - last > gap_factor * interval:
            end = last + interval
        found.append((judged[at][0], end, until - at, confirmed, checks.monitor.iloc[0]))
        at = until
    return found


def overlapping(runs):
    """Runs in groups whose members overlap or touch, one with another."""
    groups = []
    for run in sorted(runs, key=lambda one: one[0]):
        if groups and any(other[1] is None or run[0] <= other[1] for other in groups[-1]):
            groups[-1].append(run)
        else:
            groups.append([run])
    return groups


def prober_faults(checks, *, min_services, share):
    """Stretches (region, start, end) in which a monitor had no success with nearly all that it probes."""
    judged = checks[checks.state.isin(["up", "down"])]
    found = set()
    for region, in_region in judged.groupby("region", observed=True):
        usually_works = {service for service, rows in in_region.groupby("service", observed=True) if (rows.state == "up").mean() > 0.5}
        lost_moments = set()
        for _, rows in in_region.groupby("monitor", observed=True):
            usual = [usual_interval(one.time) for _, one in rows.groupby("service", observed=True)]
            width = pd.Timedelta(seconds=max(60.0, percentile(usual, 0.5)))
            moments = {}
            for row in rows.itertuples():
                moments.setdefault(row.time.floor(width), {}).setdefault(row.service, []).append(row.state == "up")
            for moment, services in moments.items():
                lost = {service for service, successes in services.items() if not any(successes)}
                if len(services) >= min_services and len(lost) >= share * len(services) and len(usually_works & lost) >= min_services:
                    lost_moments.add((moment, moment + width))
        for start, end in joined(lost_moments):
            found.add((region, start, end))
    return sorted(found)


def joined(intervals):
    """Intervals, those that touch or overlap as one."""
    result = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def excluded_reason(failure_times, prober_masks, maintenance_masks):
    """Why an outage does not count: at least half of its failed checks lie in masks of a kind; maintenance wins."""
    inside = {
        reason: sum(any(start <= time < end for start, end in masks) for time in failure_times)
        for reason, masks in (("maintenance", maintenance_masks), ("prober", prober_masks))
    }
    return next((reason for reason, count in inside.items() if 2 * count >= len(failure_times)), None)


def month_starts(start, end, zone):
    """Every first of a month, 0:00 local time, from the one at or before `start` to the first at or after `end`, as UTC."""
    local = start.tz_convert(zone)
    found = [pd.Timestamp(year=local.year, month=local.month, day=1, tz=zone)]
    while found[-1] < end:
        one = found[-1]
        found.append(pd.Timestamp(year=one.year + one.month // 12, month=one.month % 12 + 1, day=1, tz=zone))
    return [one.tz_convert("UTC") for one in found]


def midnights(start, end, zone):
    """Every instant, looked at each quarter of an hour, at which the date on a local calendar changes, and that of `start`; UTC."""
    quarters = pd.date_range(start.floor("D") - pd.Timedelta("2D"), end, freq="15min").tz_convert(zone)
    changes = [now.tz_convert("UTC") for before, now in itertools.pairwise(quarters) if now.date() > before.date()]
    return [one for one in changes if one >= max(other for other in changes if other <= start)]


def slo_counts(long, step_s, promises, outages, masks, periods, *, confirmed=False, resolution_s=1200):
    """Checks that count, bad ones and left-out ones of each service, region (and all), kind of promise and month.

    `long` has a row per step (time, service, region, signal, value, n_checks); masks are looked at every `resolution_s`; '' joins regions.
    """
    signal_of = {"availability": "availability", "latency": "latency_ms"}
    excluded = masks[masks.reason.isin(["maintenance", "prober"])]
    found = {}
    for promise in promises.itertuples():
        rows = long[(long.service == promise.service) & (long.signal == signal_of[promise.objective_kind]) & long.value.notna()]
        for row in rows.itertuples():
            step_end = row.time + pd.Timedelta(seconds=step_s)
            concerns = [
                mask
                for mask in excluded.itertuples()
                if (pd.isna(mask.service) or mask.service == row.service) and (pd.isna(mask.region) or mask.region == row.region)
            ]
            looks = [row.time + pd.Timedelta(seconds=offset) for offset in range(0, step_s, resolution_s)]
            inside = sum(any(mask.start <= look < mask.end for mask in concerns) for look in looks)
            n = row.n_checks if promise.objective_kind == "availability" else 1
            bad = round(n * (1 - row.value)) if promise.objective_kind == "availability" else int(row.value > promise.limit_ms)
            left_out = 0
            near = [
                outage
                for outage in outages.itertuples()
                if (outage.service, outage.region) == (row.service, row.region)
                and outage.start < step_end
                and (pd.isna(outage.end) or outage.end > row.time)
            ]
            if inside >= len(looks) / 2:
                n, bad, left_out = 0, 0, n
            elif promise.objective_kind == "availability":
                if any(not pd.isna(outage.excluded_reason) for outage in near):
                    n, bad, left_out = n - bad, 0, bad
                if confirmed and not any(outage.is_confirmed and pd.isna(outage.excluded_reason) for outage in near):
                    bad = 0
            period = next(period for period in periods if period.start <= row.time < period.end)
            for region in (row.region, ""):
                sums = found.setdefault((row.service, region, promise.objective_kind, period.start), [0, 0, 0])
                for place, value in enumerate((n, bad, left_out)):
                    sums[place] += int(value)
    keys = ["service", "region", "objective_kind", "period_start"]
    return pd.DataFrame([(*key, *sums) for key, sums in found.items()], columns=[*keys, "n", "n_bad", "n_excluded"])
