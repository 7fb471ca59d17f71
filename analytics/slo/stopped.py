"""Until when each service is known, and which are no longer measured."""

from __future__ import annotations

import pandas as pd

__all__ = ["find_stopped", "last_known"]

STILL_MEASURED = pd.Timedelta("1D")


def last_known(series: pd.DataFrame, *, now: pd.Timestamp) -> pd.DataFrame:
    """End of the newest step of each service in each region, over all rows of `series` (table of that name).

    Returns
    -------
    frame with service, region, last_known (`now` at most) and patience: a service that is known until less than that before `now` is
    still measured
    """
    step = pd.to_timedelta(series["step_s"], unit="s")
    known = series[["service", "region"]].assign(
        last_known=(series["last"] + step).clip(upper=now), patience=(2 * step).clip(lower=STILL_MEASURED)
    )
    return known.groupby(["service", "region"], as_index=False).max()


def find_stopped(series: pd.DataFrame, *, now: pd.Timestamp) -> pd.DataFrame:
    """Services whose data end earlier than `now`, a row per region, or one (without region) where they end in all; the latest first.

    Series that are written on change only are left out: nothing new is no end.

    Returns
    -------
    frame with service, region, until
    """
    known = last_known(series[series["origin"] == "check"], now=now)
    stopped = known[known["last_known"] < now - known["patience"]]
    goes_on = known.loc[~known.index.isin(stopped.index), "service"]
    is_partly = stopped["service"].isin(goes_on)
    wholly = stopped[~is_partly].groupby("service", as_index=False)["last_known"].max().assign(region=None)
    rows = [frame for frame in (stopped[is_partly], wholly) if len(frame)]
    found = pd.concat(rows, ignore_index=True) if rows else stopped
    ordered = found.sort_values(["last_known", "service", "region"], ascending=[False, True, True], ignore_index=True)
    return ordered[["service", "region", "last_known"]].rename(columns={"last_known": "until"})
