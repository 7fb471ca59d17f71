"""One drift where many series have changed at once: its members, its common onset, an id that stays."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import pandas as pd

__all__ = ["Grouped", "group"]

ALPHA = 0.01
"""Probability with which drifts of different services that have nothing to do with each other may be taken for one."""


Rows = list[Any]
"""Members of one drift: rows of `changes`, the first detected first."""

DRIFT = [
    "drift_id", "service", "region", "kind", "direction", "start", "start_low", "start_high", "detected_at", "end",
    "effect", "effect_low", "effect_high", "effect_size", "p_value", "n_members",
]  # fmt: skip
MEMBERS = ["drift_id", "series_id", "kind", "detected_at", "effect"]


class Grouped(NamedTuple):
    """Frames of drifts and their members.

    Attributes
    ----------
    drifts : drift_id, service, region (missing: several), kind, direction, start, start_low, start_high, detected_at, end, effect,
        effect_low, effect_high, effect_size, p_value, n_members; sorted by drift_id
    members : drift_id, series_id, kind, detected_at (the key of `changes`), effect; sorted
    """

    drifts: pd.DataFrame
    members: pd.DataFrame


def group(changes: pd.DataFrame, *, since: pd.Timestamp, now: pd.Timestamp, alpha: float = ALPHA) -> Grouped:
    """Join changes of the same kind and direction whose onset intervals share a moment.

    First within each service; then what happened in one region to several services; then across all. Within a service a common moment is
    enough: its signals and regions hang together. Of G drifts of different services some share a moment by chance, the more so the
    wider their intervals: g of them are one only if the probability of such a coincidence anywhere, at most
    ``G P(Poisson(G w / T) >= g - 1)`` with w the mean of twice the width of the g intervals and T the time from `since` to `now`,
    is at most `alpha`.

    Moments are chosen greedily from the earliest end of an interval on, which takes the fewest moments that touch every interval.
    The id is a hash of the kind, of the series detected first, its service and region, and the UTC day of its onset: series that join
    later do not change it.

    A drift begins where the intervals of all members overlap; its effect and its ends are the medians of the members', its p-value is
    the smallest times their number (Bonferroni: they depend on each other), and it is over when all members are.

    Parameters
    ----------
    changes : table `changes`
    since, now : the time in which drifts were looked for
    alpha : probability of joining strangers

    References
    ----------
    Gavril (1972), Algorithms for minimum coloring, maximum clique, minimum covering by cliques, and maximum independent set of a chordal
    graph, SIAM Journal on Computing 1 (greedy cover of intervals). Naus (1965), The distribution of the size of the maximum cluster of
    points on a line, JASA 60 (clusters of random points; its union bound is used here).
    """
    groups = [
        joint for same in _alike([[row] for row in changes.itertuples(index=False)], lambda row: row.service) for joint in _touching(same)
    ]
    regional = [joint for joint in groups if _common(joint, "region") is not None]
    spread = [joint for joint in groups if _common(joint, "region") is None]
    groups = spread + [joint for same in _alike(regional, lambda row: row.region) for joint in _joined(same, now - since, alpha)]
    groups = [joint for same in _alike(groups, lambda row: None) for joint in _joined(same, now - since, alpha)]
    return _frames(sorted(groups, key=_first))


def _first(rows: Rows) -> tuple[Any, ...]:
    """What members and groups are sorted by: the series detected first."""
    return min(_order(row) for row in rows)


def _order(row: Any) -> tuple[Any, ...]:
    return (row.detected_at, row.series_id, row.kind, row.direction)


def _common(rows: Rows, name: str) -> str | None:
    """The value that all members have in this column; None where there are several."""
    values = {getattr(row, name) for row in rows}
    return values.pop() if len(values) == 1 else None


def _alike(groups: list[Rows], key: Callable[[Any], str | None]) -> list[list[Rows]]:
    """Groups of the same kind, direction and `key`, together, each in the order of their first members."""
    alike: dict[tuple[str | None, ...], list[Rows]] = {}
    for rows in sorted(groups, key=_first):
        alike.setdefault((rows[0].kind, rows[0].direction, key(rows[0])), []).append(rows)
    return list(alike.values())


def _merged(groups: list[Rows]) -> Rows:
    return sorted((row for rows in groups for row in rows), key=_order)


def _touching(groups: list[Rows]) -> list[Rows]:
    """The fewest sets of groups that share a moment, each as one group."""
    return [_merged(together) for together in _cover(groups)]


def _moment(rows: Rows) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Where the onset intervals of all members overlap."""
    return max(row.start_low for row in rows), min(row.start_high for row in rows)


def _cover(groups: list[Rows]) -> list[list[Rows]]:
    cover: list[list[Rows]] = []
    moment = None
    for (low, high), rows in sorted(((_moment(rows), rows) for rows in groups), key=lambda one: (one[0][1], _first(one[1]))):
        if moment is None or low > moment:
            moment = high
            cover.append([])
        cover[-1].append(rows)
    return cover


def _joined(groups: list[Rows], period: pd.Timedelta, alpha: float) -> list[Rows]:
    """Groups of strangers joined where chance does not explain that they share a moment."""
    from scipy.special import gammainc

    joined = []
    for together in _cover(groups):
        n = len(together)
        width = sum((high - low) / period for low, high in map(_moment, together)) / n
        # The regularised gamma function is P(Poisson(expected) >= n - 1).
        if n == 1 or len(groups) * gammainc(n - 1, 2 * len(groups) * width) <= alpha:
            joined.append(_merged(together))
        else:
            joined.extend(together)
    return joined


def _frames(groups: list[Rows]) -> Grouped:
    ids = _ids([rows[0] for rows in groups])
    drifts = pd.DataFrame([{"drift_id": drift_id, **_drift(rows)} for drift_id, rows in zip(ids, groups, strict=True)], columns=DRIFT)
    members = [
        (drift_id, row.series_id, row.kind, row.detected_at, row.effect) for drift_id, rows in zip(ids, groups, strict=True) for row in rows
    ]
    typed = drifts.assign(**{name: _times(drifts[name]) for name in ("start", "start_low", "start_high", "detected_at", "end")})
    listed = pd.DataFrame(members, columns=MEMBERS)
    return Grouped(
        typed.astype({"service": "object", "region": "object"}).sort_values("drift_id", ignore_index=True),
        listed.assign(detected_at=_times(listed["detected_at"])).sort_values(
            ["drift_id", "series_id", "kind", "detected_at"], ignore_index=True
        ),
    )


def _times(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, utc=True).astype("datetime64[ms, UTC]")


def _ids(firsts: list[Any]) -> list[str]:
    """Id of each drift by its first member; a series may change twice on one day in the same way: the later one is numbered."""
    seen: Counter[tuple[str, ...]] = Counter()
    ids = []
    for row in firsts:
        parts = (row.kind, row.direction, row.service, row.region, row.series_id, f"{row.start:%Y-%m-%d}")
        ids.append(hashlib.blake2b("\0".join((*parts, str(seen[parts]))).encode(), digest_size=8).hexdigest())
        seen[parts] += 1
    return ids


def _drift(rows: Rows) -> dict[str, Any]:
    low, high = _moment(rows)
    middle = sorted(row.start for row in rows)[(len(rows) - 1) // 2]
    ends = [row.end for row in rows]
    return {
        "service": _common(rows, "service"),
        "region": _common(rows, "region"),
        "kind": rows[0].kind,
        "direction": rows[0].direction,
        "start": min(max(middle, low), high),
        "start_low": low,
        "start_high": high,
        "detected_at": rows[0].detected_at,
        "end": pd.NaT if any(pd.isna(end) for end in ends) else max(ends),
        **{name: median(getattr(row, name) for row in rows) for name in ("effect", "effect_low", "effect_high", "effect_size")},
        "p_value": min(1.0, len(rows) * min(row.p_value for row in rows)),
        "n_members": len(rows),
    }
