"""Which region spends the budget of a service."""

from __future__ import annotations

import pandas as pd

from analytics.slo.counts import ALL

__all__ = ["with_worst_region"]

KEYS = ["service", "objective_kind", "period_start"]


def with_worst_region(joined: pd.DataFrame, compliance: pd.DataFrame) -> pd.DataFrame:
    """Rows of joined regions (service, objective_kind, period_start) with where most of their bad checks come from.

    Returns
    -------
    the same rows with n_regions (measured ones), worst_region (empty: nothing was bad) and worst_share, its share of the bad checks
    """
    single = compliance[(compliance["region"] != ALL) & (compliance["n"] > 0)]
    ordered = single.sort_values(["n_bad", "region"], ascending=[False, True])
    found = ordered.groupby(KEYS, as_index=False).agg(
        n_regions=("region", "size"), worst_region=("region", "first"), most=("n_bad", "first"), sum_bad=("n_bad", "sum")
    )
    share = found["most"] / found["sum_bad"].where(found["sum_bad"] > 0)
    found = found.assign(worst_share=share.astype(float), worst_region=found["worst_region"].astype("object").where(share.notna(), None))
    return joined.merge(found[[*KEYS, "n_regions", "worst_region", "worst_share"]], on=KEYS, how="left")
