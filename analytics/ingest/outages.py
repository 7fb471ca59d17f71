"""Stretches of failed checks -> outages, by a stated rule."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["exclude", "find_outages", "share_inside"]

# An outage belongs to whatever covers most of its failed checks.
MOST = 0.5


def find_outages(failures: pd.DataFrame, *, k: int, n: int) -> pd.DataFrame:
    """Runs of consecutive failed checks, and whether each is confirmed: k of some n consecutive checks failed.

    Parameters
    ----------
    failures : frame with service, region, time, n, ordinal, next; sorted by service, region, time
        One row per n failed checks in a row, the first at `time`. `ordinal` counts the judged checks of a service in a region;
        `next` is the time of the one after the n (NaN: none yet).

    Returns
    -------
    frame with service, region, start, end (NaN: not over yet), n_failed, is_confirmed, excluded_reason (empty)
    """
    if k > n:
        raise ValueError(f"project.accounting: outage_k is {k}, more than outage_n, which is {n}; k of n checks must fail")
    if failures.empty:
        return pd.DataFrame(columns=["service", "region", "start", "end", "n_failed", "is_confirmed", "excluded_reason"]).astype(
            {"n_failed": "int64", "is_confirmed": "bool"}
        )
    life = failures.groupby(["service", "region"], sort=False).ngroup().to_numpy()
    ordinal = failures["ordinal"].to_numpy(np.int64)
    begins = np.ones(len(failures), bool)
    n_rows = failures["n"].to_numpy(np.int64)
    begins[1:] = (life[1:] != life[:-1]) | (ordinal[1:] != ordinal[:-1] + n_rows[:-1])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(failures)) - 1
    n_failed = np.add.reduceat(n_rows, first)
    return pd.DataFrame(
        {
            "service": failures["service"].to_numpy()[first],
            "region": failures["region"].to_numpy()[first],
            "start": failures["time"].to_numpy()[first],
            "end": failures["next"].to_numpy(np.float64)[last],
            "n_failed": n_failed,
            "is_confirmed": _confirmed_runs(life[first], ordinal[first], n_failed, k, n),
            "excluded_reason": pd.Series([None] * len(first), dtype="object"),
        }
    )


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
    ordered = masks.sort_values("start")
    for (service, region), rows in failures.groupby(["service", "region"], sort=False).indices.items():
        concerns = [ordered[name].isna() | (ordered[name] == value) for name, value in (("service", service), ("region", region))]
        mine = ordered[concerns[0] & concerns[1]]
        start, end = (mine[name].dt.tz_convert("UTC").to_numpy("datetime64[ms]") for name in ("start", "end"))
        times = failures["time"].iloc[rows].dt.tz_convert("UTC").to_numpy("datetime64[ms]")
        # Inside is what lies before the latest end of all masks that have begun by then.
        reach = np.append(np.datetime64(0, "ms"), np.maximum.accumulate(end))
        inside[rows] = times < reach[np.searchsorted(start, times, side="right")]
    # Failures and outages have the same order: each outage owns the next n_failed failed checks.
    owner = np.searchsorted(outages["n_failed"].cumsum().to_numpy(), failures["n"].cumsum().to_numpy())
    return np.bincount(owner, weights=inside * failures["n"].to_numpy(), minlength=len(outages)) / outages["n_failed"].to_numpy()


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
