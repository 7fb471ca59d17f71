"""From when on a drift could hardly be chance: what was known at each moment, and nothing that came later."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.panel import to_ms
from analytics.stats import multiplicity
from analytics.tables import SURE_Q

__all__ = ["firmness"]

FloatArray = npt.NDArray[np.float64]
KEY = ["series_id", "kind", "detected_at"]


def firmness(members: pd.DataFrame, course: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """q-value of each drift and since when it is sure: drift_id, q_value (the smallest that it ever had), sure_at (missing: never).

    At each moment at which a change became less likely to be chance, all drifts that were known then are compared anew: a drift with n
    changed series has n times the smallest of their p-values, and is one of as many tests as there were series. Evidence only grows, so
    what was sure once stays so, whatever is found later.

    Parameters
    ----------
    members : DataFrame
        Columns `drift_id` and the key of `changes`.
    course, series : tables `change_course` and `series`

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate, JRSS B 57(1).
    """
    rows = members[["drift_id", *KEY]].merge(course, on=KEY, how="left").sort_values("at", kind="stable")
    names = pd.Index(members["drift_id"].unique())
    place, member = names.get_indexer(rows["drift_id"]), rows.groupby(KEY, observed=True, sort=False).ngroup().to_numpy()
    begun = np.sort([to_ms(time) for time in series["first"]])
    smallest, changed, best = np.full(len(names), np.nan), np.zeros(len(names)), np.full(len(names), np.nan)
    sure_at: list[Any] = [pd.NaT] * len(names)
    seen: set[int] = set()
    for at, now in rows.groupby("at", sort=True).indices.items():
        for row in now:
            if member[row] not in seen:
                seen.add(member[row])
                changed[place[row]] += 1
            smallest[place[row]] = np.fmin(smallest[place[row]], rows["p_value"].iat[row])
        n_tests = max(int(np.searchsorted(begun, to_ms(pd.Timestamp(at)), side="right")), int((changed > 0).sum()))
        q_value = multiplicity.q_values(np.minimum(changed * smallest, 1.0), n_tests=n_tests)
        for row in np.flatnonzero((q_value <= SURE_Q) & ~(best <= SURE_Q)):
            sure_at[row] = at
        best = np.fmin(best, q_value)
    times = pd.to_datetime(pd.Series(sure_at, dtype=object), utc=True).astype("datetime64[ms, UTC]")
    return pd.DataFrame({"drift_id": names.to_numpy(object), "q_value": best, "sure_at": times})
