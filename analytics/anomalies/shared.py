"""Anomalies that began at once in several services of a region are not chance, and are told together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.stats import together

__all__ = ["companions", "shared_with"]

SERVICES, SHARE, WITHIN_S = 3, 0.1, 600
"""Enough to be shared: anomalies that begin within so many seconds in so many services of a region, and in this share of all services that
have anomalies. 30 services in each of which chance makes 0.25 a week come to that once in seventy years."""


def shared_with(anomalies: pd.DataFrame) -> pd.Series:
    """For each anomaly that is in such a group, by anomaly_id: the gravest one of the group, which tells it."""
    quorum = max(SERVICES, SHARE * anomalies["service"].nunique())

    def enough(_: str, n_services: int, __: npt.NDArray[np.int64]) -> bool:
        return n_services >= quorum

    start_s = anomalies["start"].to_numpy("datetime64[ms]").astype(np.int64) / 1000
    who, where = (anomalies[name].astype("object").where(anomalies[name].notna(), "").to_numpy() for name in ("service", "region"))
    lead_of = {}
    for _, rows in together.at_once(start_s, who, where, within_s=WITHIN_S, enough=enough):
        members = anomalies.iloc[rows].sort_values(["severity", "anomaly_id"], ascending=[False, True])
        lead_of.update(dict.fromkeys(members["anomaly_id"], members["anomaly_id"].iloc[0]))
    return pd.Series(lead_of, dtype="object")


def companions(anomalies: pd.DataFrame) -> dict[str, list[str]]:
    """For each anomaly that is told: the other services of its group (for most of them none). Those told by another one are left out."""
    lead_of = shared_with(anomalies)
    own = dict(zip(anomalies["anomaly_id"], anomalies["service"], strict=True))
    found: dict[str, list[str]] = {name: [] for name in own if lead_of.get(name, name) == name}
    for name, lead in lead_of.items():
        found[lead] = sorted({*found[lead], str(own[str(name)])} - {str(own[lead])})
    return found
