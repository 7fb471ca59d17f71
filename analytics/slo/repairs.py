"""How often services break and how long it takes until they work again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics import params
from analytics.slo.excluded import excluded_reasons
from analytics.slo.stopped import last_known
from analytics.stats import rates

__all__ = ["list_outages", "repair_times"]


def list_outages(outages: pd.DataFrame, series: pd.DataFrame, *, rules: params.Accounting, now: pd.Timestamp) -> pd.DataFrame:
    """Outages with their length and whether they count, the longest of those that count first.

    An outage without an end is open while the service is still measured; where measuring stopped, it is known until the last step.

    Returns
    -------
    frame with service, region, start, end (empty: open), until, duration_s, down_s (the part of it that was measured), n_failed,
    is_open, verdict (counts, not confirmed, maintenance, prober), and the columns of table `outages`
    """
    known = last_known(series[series["signal"] == "availability"], now=now)
    begun = outages[outages["start"] < now].merge(known, on=["service", "region"], how="left")
    end = begun["end"].where(begun["end"] <= now)
    seen_until = begun["last_known"].fillna(now)
    until = end.fillna(seen_until.where(seen_until > begun["start"], now)).astype("datetime64[ms, UTC]")
    reason = begun["excluded_reason"].astype("object")
    is_excluded = reason.isin(excluded_reasons(rules))
    verdict = np.select([is_excluded, ~begun["is_confirmed"].astype(bool)], [reason, "not confirmed"], default="counts")
    duration_s = (until - begun["start"]).dt.total_seconds()
    listed = begun.assign(
        end=end,
        until=until,
        duration_s=duration_s,
        down_s=(duration_s - begun["unmeasured_s"]).clip(lower=0),
        is_open=end.isna() & (begun["patience"].isna() | (seen_until >= now - begun["patience"])),
        verdict=verdict,
        excluded_reason=reason.where(is_excluded, None),
    )
    ordered = listed.assign(order=verdict != "counts").sort_values(
        ["order", "duration_s", "service", "region", "start"], ascending=[True, False, True, True, True]
    )
    return ordered.drop(columns=["order", "last_known", "patience"]).reset_index(drop=True)


def repair_times(listed: pd.DataFrame, series: pd.DataFrame, *, level: float) -> pd.DataFrame:
    """Mean time to repair and between failures of each service, all regions joined; only outages that count.

    The time between failures is the time that was measured and good, divided by the outages; its interval takes outages as independent
    (`rates.poisson_interval`).

    Returns
    -------
    frame with service, n_outages, down_s, mttr_s, longest_s, mtbf_s, mtbf_low_s, mtbf_high_s (empty: no limit), the most down first
    """
    checked = series[series["signal"] == "availability"]
    measured = (checked["n"] * checked["step_s"]).groupby(checked["service"]).sum().rename("measured_s")
    sums = (
        listed[listed["verdict"] == "counts"]
        .groupby("service")
        .agg(n_outages=("start", "count"), down_s=("down_s", "sum"), mttr_s=("duration_s", "mean"), longest_s=("duration_s", "max"))
        .join(measured, how="inner")
        .reset_index()
    )
    n = sums["n_outages"].to_numpy(float)
    good = np.maximum(sums["measured_s"].to_numpy(float) - sums["down_s"].to_numpy(float), 0)
    low, high = rates.poisson_interval(n, level=level)
    found = sums.assign(mtbf_s=good / n, mtbf_low_s=good / high, mtbf_high_s=good / np.where(low > 0, low, np.nan))
    return found.drop(columns="measured_s").sort_values(["down_s", "service"], ascending=[False, True], ignore_index=True)
