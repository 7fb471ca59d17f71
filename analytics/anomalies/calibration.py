"""Is the budget kept? How many alarms came that nothing known explains, against how many the budget allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analytics import params
from analytics.anomalies.find import Anomalies
from analytics.anomalies.judge import GAP_S
from analytics.anomalies.shared import shared_with
from analytics.stats import rates

__all__ = ["LEVEL", "causes", "knows", "realised", "told_at"]

MULTIPLES = (0.25, 1.0, 4.0)
"""Of the budget in use: the budgets that are held against what came."""
LEVEL = 0.95
"""Nominal coverage of the intervals on the page."""
DECLARED = ("incident", "maintenance", "provider", "launch")
"""Kinds of events: an alarm that comes with one is not false."""


def causes(anomalies: pd.DataFrame, masks: pd.DataFrame, events: pd.DataFrame, outages: pd.DataFrame, feedback: pd.DataFrame) -> pd.Series:
    """Why each anomaly is not chance: 'label', 'declared', 'outage', 'shared' (with other services), or None: nobody knows; by anomaly_id.

    Parameters
    ----------
    masks, events, outages : the tables of these names; of outages only confirmed ones count
    feedback : rows of `data/decisions/feedback.csv`
    """
    declared = events[events["kind"].isin(DECLARED)]
    confirmed = outages[outages["is_confirmed"].astype(bool)]
    stretches = _by_service([(masks, "declared"), (declared, "declared"), (confirmed, "outage")])
    newest = feedback.sort_values("time", kind="stable").drop_duplicates("anomaly_id", keep="last")
    is_true = set(newest.loc[newest["label"] == "true", "anomaly_id"])
    shared = set(shared_with(anomalies).index)
    found = [
        "label" if row.anomaly_id in is_true else _cause(row, stretches) or ("shared" if row.anomaly_id in shared else None)
        for row in anomalies.itertuples()
    ]
    return pd.Series(found, index=anomalies["anomaly_id"].to_numpy(), dtype="object")


def _by_service(named: list[tuple[pd.DataFrame, str]]) -> dict[str | None, list[tuple[Any, ...]]]:
    """Stretches (region, start, end, name) of each service; None: of all."""
    found: dict[str | None, list[tuple[Any, ...]]] = {}
    for frame, name in named:
        for row in frame[["service", "region", "start", "end"]].itertuples(index=False):
            found.setdefault(None if pd.isna(row.service) else row.service, []).append((row.region, row.start, row.end, name))
    return found


def _cause(one: Any, stretches: dict[str | None, list[tuple[Any, ...]]]) -> str | None:
    near = pd.Timedelta(seconds=GAP_S)
    first, last = one.start - near, one.start + near if pd.isna(one.end) else one.end + near
    for region, start, end, name in (*stretches.get(None, ()), *stretches.get(one.service, ())):
        if start < last and not end <= first and (pd.isna(region) or pd.isna(one.region) or region == one.region):
            return str(name)
    return None


def told_at(found: Anomalies, budget: float) -> pd.DataFrame:
    """Anomalies that another budget would have told: those that are rare enough for it and are kept back by no other rule."""
    others = found.suppressed.loc[found.suppressed["reason"] != "budget", "anomaly_id"]
    return found.anomalies[(found.anomalies["per_week"] <= budget) & ~found.anomalies["anomaly_id"].isin(others)]


def knows(found: Anomalies, budget: float, *, settings: params.Anomalies) -> pd.Series:
    """Whether it is known what a budget would have told, by service.

    Every series was searched for what chance does up to the budget in use times a week. By Simes' test (`join.joint_rate`) what a single
    one of S series shows counts S times as often in the service, and what two show S / 2 times: up to S / 2 times the budget in use,
    whatever would be told was found.
    """
    return (budget <= settings.false_alarms_per_week) | (budget <= settings.false_alarms_per_week * found.n_series / 2)


def realised(found: Anomalies, cause: pd.Series, *, settings: params.Anomalies) -> pd.DataFrame:
    """For each of some budgets: what it allows, and what came that nothing known explains.

    Parameters
    ----------
    cause : from `causes`

    Returns
    -------
    frame with budget, n_services, weeks, allowed, n_strange (as rare as that), n_told (of them large enough and so on to be told), rate
    (told in a week of a service) and the ends of its exact interval, low and high; rows without a service left out
    """
    rows = []
    for budget in found.budget * np.array(MULTIPLES):
        known = knows(found, budget, settings=settings)
        services = known.index[known].intersection(found.weeks.index)
        weeks = float(found.weeks.reindex(services).sum())
        if weeks:
            mine = found.anomalies[found.anomalies["service"].isin(services) & (found.anomalies["per_week"] <= budget)]
            unexplained = mine["anomaly_id"][mine["anomaly_id"].map(cause).isna()]
            n_told = int(unexplained.isin(told_at(found, budget)["anomaly_id"]).sum())
            rows.append((budget, len(services), weeks, budget * weeks, len(unexplained), n_told, n_told / weeks))
    frame = pd.DataFrame(rows, columns=["budget", "n_services", "weeks", "allowed", "n_strange", "n_told", "rate"])
    low, high = rates.poisson_interval(frame["n_told"].to_numpy(float), level=LEVEL)
    return frame.assign(low=low / frame["weeks"], high=high / frame["weeks"])
