"""Stretches of failed checks -> outages, by a stated rule."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["exclude", "find_outages", "share_inside"]

# An outage belongs to whatever covers most of its failed checks.
MOST = 0.5
# Longer than any span of times: so far apart lie the same moments of two groups on the line on which both are searched.
SPAN_MS = 2**42
COLUMNS = ["service", "region", "start", "end", "n_failed", "is_confirmed", "unmeasured_s", "excluded_reason"]


def find_outages(failures: pd.DataFrame, *, k: int, n: int, gap_factor: float) -> pd.DataFrame:
    """Outages of each service in each region.

    A run of consecutive failed checks of one monitor lasts from the first of them to the next good one. Where checks pause before that
    (or come no more, while others do) it lasts one interval longer than its last failure: what nobody measured is no outage. Where they
    pause and go on failing it is one run, and the pause is told as unmeasured. Runs of several monitors that overlap or touch are one
    outage. It is confirmed when k of some n consecutive checks of a monitor failed, or k monitors saw it.

    Parameters
    ----------
    failures : frame with service, region, monitor, time, last, n, ordinal, unseen, next, newest, interval_ms; sorted by the first four
        One row per n failed checks of a monitor in a row, the first at `time`, the last at `last`, `unseen` of the time between them
        lost to pauses. `ordinal` counts the judged checks of the monitor; `next` is the time of the one after the n (NaN: none yet);
        `newest` is that of the newest check of any monitor.
    gap_factor : float
        Checks pause where more than so many usual intervals lie between two of them.

    Returns
    -------
    frame with service, region, start, end (NaN: not over yet), n_failed, is_confirmed, unmeasured_s, excluded_reason (empty)
    """
    if k > n:
        raise ValueError(f"project.accounting: outage_k is {k}, more than outage_n, which is {n}; k of n checks must fail")
    if failures.empty:
        return pd.DataFrame(columns=COLUMNS).astype({"n_failed": "int64", "is_confirmed": "bool", "unmeasured_s": "float64"})
    return _across_monitors(_runs(failures, k=k, n=n, gap_factor=gap_factor), k=k)


def _runs(failures: pd.DataFrame, *, k: int, n: int, gap_factor: float) -> pd.DataFrame:
    """Runs of each monitor: service, region, monitor, start, end, seen_until (end, or the last failure), n_failed, is_confirmed, unseen."""
    track = failures.groupby(["service", "region", "monitor"], sort=False).ngroup().to_numpy()
    ordinal, n_rows = (failures[name].to_numpy(np.int64) for name in ("ordinal", "n"))
    begins = np.ones(len(failures), bool)
    begins[1:] = (track[1:] != track[:-1]) | (ordinal[1:] != ordinal[:-1] + n_rows[:-1])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(failures)) - 1
    n_failed = np.add.reduceat(n_rows, first)
    last_failed, following, newest, interval = (failures[name].to_numpy(float) for name in ("last", "next", "newest", "interval_ms"))
    pause = np.where(np.isnan(following), newest, following) - last_failed
    is_long = pause > gap_factor * interval
    after = np.where(is_long, pause - interval, 0.0)
    end = np.where(is_long, last_failed + interval, following)[last]
    return failures.iloc[first][["service", "region", "monitor"]].assign(
        start=failures["time"].to_numpy(np.int64)[first],
        end=end,
        seen_until=np.where(np.isnan(end), last_failed[last], end),
        n_failed=n_failed,
        is_confirmed=_confirmed_runs(track[first], ordinal[first], n_failed, k, n),
        # The pause after a run is none within it.
        unseen=np.add.reduceat(failures["unseen"].to_numpy(float) + after, first) - after[last],
    )


def _across_monitors(runs: pd.DataFrame, *, k: int) -> pd.DataFrame:
    """Runs of all monitors of a service and region that overlap or touch as one."""
    pair = ["service", "region"]
    ordered = runs.sort_values([*pair, "start"], kind="stable", ignore_index=True)
    ordered = ordered.assign(end=ordered["end"].fillna(np.inf), seen=ordered["seen_until"] - ordered["start"] - ordered["unseen"])
    latest = ordered.groupby(pair)["end"].cummax().groupby([ordered[name] for name in pair]).shift()
    joined = ordered.groupby((~(ordered["start"] <= latest)).cumsum().to_numpy())
    found = joined.agg(
        service=("service", "first"),
        region=("region", "first"),
        start=("start", "first"),
        end=("end", "max"),
        n_failed=("n_failed", "sum"),
        is_confirmed=("is_confirmed", "any"),
        n_monitors=("monitor", "nunique"),
        seen_until=("seen_until", "max"),
        seen=("seen", "sum"),
    )
    return found.assign(
        end=found["end"].replace(np.inf, np.nan),
        is_confirmed=found["is_confirmed"] | (found["n_monitors"] >= k),
        # Several monitors may have seen the same time: then nothing of it was lost.
        unmeasured_s=(found["seen_until"] - found["start"] - found["seen"]).clip(lower=0) / 1000,
        excluded_reason=pd.Series([None] * len(found), index=found.index, dtype="object"),
    )[COLUMNS].reset_index(drop=True)


def exclude(outages: pd.DataFrame, failures: pd.DataFrame, masks: pd.DataFrame) -> pd.DataFrame:
    """Outages with the reason for which they do not count: most of their failed checks lie inside such a mask."""
    reasons = pd.Series([None] * len(outages), index=outages.index, dtype="object")
    for reason in ("prober", "maintenance"):
        share = share_inside(outages, failures, masks[masks["reason"] == reason])
        reasons[share >= MOST] = reason
    return outages.assign(excluded_reason=reasons)


def share_inside(outages: pd.DataFrame, failures: pd.DataFrame, masks: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Share of each outage's failed checks that lie inside one of the masks, shape (n_outages,).

    Each row of failures lies inside a mask with all of its checks or with none: its first decides.
    """
    if outages.empty:
        return np.zeros(0)
    inside = np.zeros(len(failures), bool)
    for keys in (["service", "region"], ["service"], ["region"], []):
        # A mask without a service or a region concerns all of them.
        concerned = (masks[["service", "region"]].notna() == [name in keys for name in ("service", "region")]).all(axis=1)
        inside |= _covered(failures, masks[concerned], keys)
    # Outages of a service and region do not overlap: a failure belongs to the last that has begun.
    order, last = _last_begun(failures, outages, ["service", "region"])
    weights = inside * failures["n"].to_numpy()
    return np.bincount(order[last], weights=weights, minlength=len(outages)) / outages["n_failed"].to_numpy()


def _covered(failures: pd.DataFrame, masks: pd.DataFrame, keys: list[str]) -> npt.NDArray[np.bool_]:
    """Failures inside one of the masks of the same keys: before the latest end of all that have begun by then."""
    order, last = _last_begun(failures, masks, keys)
    group = _groups(failures, masks, keys)[1][order]
    # Later groups have larger numbers: a running maximum over all is one within each.
    reach = np.maximum.accumulate(group * SPAN_MS + _moments(masks["end"])[order]) - group * SPAN_MS
    return (last >= 0) & (_moments(failures["time"]) < np.append(reach, 0)[last])


def _last_begun(failures: pd.DataFrame, spans: pd.DataFrame, keys: list[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The order of spans by keys and start, and for each failure the place therein of the last of its keys that has begun; -1: none."""
    of_failure, of_span = _groups(failures, spans, keys)
    starts = of_span * SPAN_MS + _moments(spans["start"])
    order = np.argsort(starts, kind="stable")
    place = np.searchsorted(starts[order], of_failure * SPAN_MS + _moments(failures["time"]), side="right") - 1
    return order, np.where(np.append(of_span[order], -1)[place] == of_failure, place, -1)


def _groups(one: pd.DataFrame, other: pd.DataFrame, keys: list[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The same number for rows of two frames that have the same keys."""
    number = np.zeros(len(one) + len(other), np.int64)
    for name in keys:
        codes, labels = pd.factorize(np.concatenate([frame[name].to_numpy(object) for frame in (one, other)]))
        number = number * len(labels) + codes
    return number[: len(one)], number[len(one) :]


def _moments(times: pd.Series) -> npt.NDArray[np.int64]:
    """Times as ms since 1970."""
    return times.dt.tz_convert("UTC").to_numpy("datetime64[ms]").astype(np.int64)


def _confirmed_runs(
    life: npt.NDArray[np.int64], ordinal: npt.NDArray[np.int64], n_failed: npt.NDArray[np.int64], k: int, n: int
) -> npt.NDArray[np.bool_]:
    """Runs with a failure among k in some n consecutive checks; the k failures at each end of a run decide."""
    n_kept = np.minimum(n_failed, 2 * k)
    run = np.repeat(np.arange(len(life)), n_kept)
    place = np.arange(len(run)) - np.repeat(np.cumsum(n_kept) - n_kept, n_kept)
    left_out = np.where(place >= k, (n_failed - n_kept)[run], 0)
    confirmed = _confirmed(life[run], ordinal[run] + place + left_out, k, n)
    return np.bincount(run, weights=confirmed) > 0


def _confirmed(life: npt.NDArray[np.int64], ordinal: npt.NDArray[np.int64], k: int, n: int) -> npt.NDArray[np.bool_]:
    """Failures that lie, with k - 1 others, among some n consecutive checks."""
    confirmed = np.zeros(len(life), bool)
    if k > len(life):
        return confirmed
    last = np.arange(k - 1, len(life))
    first = last - (k - 1)
    enough = (life[first] == life[last]) & (ordinal[last] - ordinal[first] < n)
    for offset in range(k):
        confirmed[first[enough] + offset] = True
    return confirmed
