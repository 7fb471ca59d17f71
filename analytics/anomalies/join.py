"""Strange stretches of single series -> anomalies of services: what began together is one, whichever signal or region shows it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analytics.anomalies.severity import grade, halves

__all__ = ["course_of", "join", "joint_rate"]


def join(episodes: pd.DataFrame, *, near: pd.Timedelta) -> pd.Series:
    """Id of the anomaly that each episode belongs to.

    In the order of their starts, an episode of a service joins the newest anomaly that it began within `near` of (of its newest start), or
    whose episode of the same series ended at most so long before. The id is a hash of the series that was detected first and of its start,
    so that whoever joins later does not change it.

    Parameters
    ----------
    episodes : frame with series_id, service, start, end (missing: it goes on), detected_at
    """
    ids: dict[Any, str] = {}
    for _, rows in episodes.sort_values(["start", "series_id"]).groupby("service", sort=True, observed=True):
        for together in _chains(rows, near):
            first = min(together, key=lambda row: (row.detected_at, row.start, row.series_id))
            ids |= dict.fromkeys((row.Index for row in together), _id(first))
    return pd.Series([ids[row] for row in episodes.index], index=episodes.index, dtype="object")


def _chains(rows: pd.DataFrame, near: pd.Timedelta) -> list[list[Any]]:
    chains: list[list[Any]] = []
    newest_of: dict[str, int] = {}
    for row in rows.itertuples():
        same = newest_of.get(row.series_id)
        if same is not None and not _is_again(chains[same], row, near):
            same = None
        home = same if same is not None else len(chains) - 1
        if home < 0 or (same is None and row.start - chains[home][-1].start > near):
            chains.append([])
            home = len(chains) - 1
        chains[home].append(row)
        newest_of[row.series_id] = home
    return chains


def _is_again(chain: list[Any], row: Any, near: pd.Timedelta) -> bool:
    before = max((one for one in chain if one.series_id == row.series_id), key=lambda one: one.start)
    return pd.isna(before.end) or row.start - before.end <= near


def _id(first: Any) -> str:
    return hashlib.blake2b(f"{first.series_id}\0{first.start:%Y-%m-%dT%H:%M:%S}".encode(), digest_size=8).hexdigest()


def joint_rate(rates: Sequence[float], n_series: int) -> float:
    """How often a week chance makes what is as strange in a service of so many series.

    Simes' test over the series of the service: ``min_k S r_(k) / k``, r_(k) being the k-th smallest of their rates. It holds for
    independent series and for those that move together; one strange series pays for all that were looked at, several share the price.

    References
    ----------
    Simes (1986), An improved Bonferroni procedure for multiple tests of significance, Biometrika 73.
    """
    return min(n_series * rate / place for place, rate in enumerate(sorted(rates), start=1))


def course_of(members: pd.DataFrame, looks: pd.DataFrame, n_series: pd.Series, share_of: pd.Series) -> pd.DataFrame:
    """What was known of each anomaly at each look at one of its members: anomaly_id, known_at, severity, effect, n_series, per_week.

    Parameters
    ----------
    members : frame with anomaly_id, series_id, service, region, signal, start
    looks : frame with series_id, start (of the episode), known_at, and effect and per_week as they were known then
    n_series : series of each service
    share_of : share of the checks of its service, by service and region
    """
    seen = looks.merge(members[["anomaly_id", "series_id", "service", "region", "signal", "start"]], on=["series_id", "start"])
    seen = seen.sort_values(["anomaly_id", "known_at", "series_id", "start"])
    share, looked_at = share_of.to_dict(), n_series.to_dict()
    alike = itertools.groupby(seen.itertuples(), key=lambda row: row.anomaly_id)
    rows = [row for _, known in alike for row in _course(list(known), looked_at, share)]
    frame = pd.DataFrame(rows, columns=["anomaly_id", "known_at", "signal", "effect", "lasted", "exposure", "n_series", "per_week"])
    return frame.assign(severity=grade(frame)["severity"]).drop(columns=["signal", "lasted", "exposure"])


def _course(known: list[Any], n_series: dict[str, int], share_of: dict[tuple[str, str], float]) -> Iterator[tuple[Any, ...]]:
    """Of one anomaly: what each of its series and regions had shown by then."""
    start, service = min(one.start for one in known), known[0].service
    effects: dict[str, tuple[str, float]] = {}
    rates: dict[str, float] = {}
    exposed: dict[str, float] = {}
    for at, seen in itertools.groupby(known, key=lambda row: row.known_at):
        for one in seen:
            effects[one.series_id] = (one.signal, one.effect)
            rates[one.series_id] = min(one.per_week, rates.get(one.series_id, np.inf))
            exposed[one.region] = share_of.get((service, one.region), 1.0)
        signal, effect = max(effects.values(), key=lambda pair: (halves(*pair), pair[0]))
        joint = joint_rate(list(rates.values()), n_series[service])
        yield known[0].anomaly_id, at, signal, effect, at - start, min(sum(exposed.values()), 1.0), len(effects), joint
