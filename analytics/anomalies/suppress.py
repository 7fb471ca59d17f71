"""Why an anomaly is no alarm. Nothing disappears: each is listed with the first reason that holds."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import params, tables, words

__all__ = ["is_like", "smallest", "suppressed"]

Members = list[Any]
"""Rows of table `anomaly_members` with service, region, signal, unit, step_s."""

LIKE_HOURS = 1
"""What was called a false alarm is repeated by what begins at most so many hours of the day earlier or later."""


def suppressed(
    anomalies: pd.DataFrame, members: pd.DataFrame, masks: pd.DataFrame, feedback: pd.DataFrame, *, settings: params.Anomalies, zone: str
) -> pd.DataFrame:
    """Rows of table `suppressed`.

    Parameters
    ----------
    anomalies : rows of table `anomalies`
    members : rows of table `anomaly_members` with service, region, signal, unit, step_s
    masks : table `masks`
    feedback : rows of `data/decisions/feedback.csv`
    """
    of: dict[str, Members] = {}
    for row in members.itertuples():
        of.setdefault(row.anomaly_id, []).append(row)
    labels = _Labels(feedback)
    silent = list(masks[masks["reason"].isin(["maintenance", "prober"])].itertuples())
    rows = []
    for one in anomalies.itertuples():
        mine = of[one.anomaly_id]
        reasons = (
            _masked(one, mine, silent, zone),
            labels.reason(one, zone),
            _small(one, mine, settings),
            _short(mine, settings),
            _regions(mine, settings),
            _budget(one, settings),
        )
        reason = next((reason for reason in reasons if reason), None)
        if reason:
            rows.append((one.anomaly_id, *reason))
    return pd.DataFrame(rows, columns=tables.TABLES["suppressed"].names)


def _masked(one: Any, members: Members, masks: list[Any], zone: str) -> tuple[str, str] | None:
    """The mask that all of its members began in."""
    # What a step shows may have begun at its end.
    slack = pd.Timedelta(seconds=max(row.step_s for row in members))
    first, last = min(row.start for row in members), max(row.start for row in members)
    for mask in masks:
        ours = pd.isna(mask.service) or mask.service == one.service
        here = ours and (pd.isna(mask.region) or all(row.region == mask.region for row in members))
        if here and first + slack > mask.start and last < mask.end + slack:
            said = "declared maintenance" if mask.reason == "maintenance" else "a fault of the prober"
            return mask.reason, f"{said} from {words.moment(mask.start, zone)} to {words.moment(mask.end, zone)}"
    return None


class _Labels:
    """What people have said: of anomalies by id, and of their like."""

    def __init__(self, feedback: pd.DataFrame) -> None:
        newest = feedback.sort_values("time", kind="stable").drop_duplicates("anomaly_id", keep="last")
        self.label_of = dict(zip(newest["anomaly_id"], newest["label"], strict=True))
        self.false = list(newest[newest["label"] == "false"].itertuples())

    def reason(self, one: Any, zone: str) -> tuple[str, str] | None:
        own = self.label_of.get(one.anomaly_id)
        if own == "true":
            return None
        for row in self.false:
            if one.anomaly_id == row.anomaly_id or (
                one.detected_at >= row.time
                and is_like(
                    one, service=row.service, signal=row.signal, direction=row.direction, hour=int(row.hour), score=float(row.strength)
                )
            ):
                which = "this was" if one.anomaly_id == row.anomaly_id else f"its like ({row.anomaly_id}) was"
                return "feedback", f"{which} called a false alarm by {row.author} on {words.day(row.time, zone)}: {row.reason}"
        return None


def is_like(one: Any, *, service: str, signal: str, direction: str, hour: int, score: float) -> bool:
    """Whether an anomaly is the like of one that was so: same service, signal, direction and time of day, and not stranger."""
    hours = abs(one.start.hour - hour)
    same = one.service == service and one.signal == signal and one.direction == direction
    return bool(same and min(hours, 24 - hours) <= LIKE_HOURS and one.score <= score)


def smallest(signal: str, settings: params.Anomalies) -> tuple[str, float]:
    """Name and value of the parameter that says how large an effect on a signal must be."""
    if signal == "availability":
        return "min_failing_share", settings.min_failing_share
    return "min_relative_effect", settings.min_relative_effect


def _small(one: Any, members: Members, settings: params.Anomalies) -> tuple[str, str] | None:
    """No member differs by what matters."""
    if any(_matters(row, settings) for row in members):
        return None
    name, least = smallest(one.signal, settings)
    if abs(one.effect) < least:
        return "small", f"{words.percent(abs(one.effect))} is less than {words.percent(least)} (anomalies.{name})"
    apart, needed = (words.milliseconds(size) for size in (abs(one.effect * one.expected), settings.min_latency_effect_ms))
    return "small", f"a difference of {apart} is less than {needed} (anomalies.min_latency_effect_ms)"


def _matters(row: Any, settings: params.Anomalies) -> bool:
    _, least = smallest(row.signal, settings)
    is_time = row.signal.startswith("latency")
    return abs(row.effect) >= least and (not is_time or abs(row.effect * row.expected) >= settings.min_latency_effect_ms)


def _short(members: Members, settings: params.Anomalies) -> tuple[str, str] | None:
    """One series alone, and hardly long enough: several signals or regions at once are no single odd check."""
    if len({row.series_id for row in members}) > 1:
        return None
    n = max(row.n_points for row in members)
    if members[0].signal == "availability":
        said, needed, name = words.counted(n, "failed check"), settings.min_failed_checks, "min_failed_checks"
    else:
        said, needed, name = words.counted(n, "step"), settings.min_points, "min_points"
    return None if n >= needed else ("short", f"{said} of one series; {needed} are needed (anomalies.{name})")


def _regions(members: Members, settings: params.Anomalies) -> tuple[str, str] | None:
    seen = len({row.region for row in members})
    if seen >= settings.min_regions:
        return None
    return "regions", f"seen in {words.counted(seen, 'region')}; {settings.min_regions} are needed (anomalies.min_regions)"


def _budget(one: Any, settings: params.Anomalies) -> tuple[str, str] | None:
    if one.per_week <= settings.false_alarms_per_week:
        return None
    return (
        "budget",
        f"chance alone does as much {words.number(one.per_week, 2)} times a week; the budget is "
        f"{words.number(settings.false_alarms_per_week)} (anomalies.false_alarms_per_week, fleet_false_alarms_per_week)",
    )
