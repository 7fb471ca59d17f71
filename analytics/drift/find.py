"""Changes of single series -> drifts: what belongs together, how bad it is, why it may be, where it is in its life."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params, rebaselines, tables
from analytics.drift.attribution import attribute
from analytics.drift.grouping import group
from analytics.drift.severity import WAVE, grade, weekly_cost
from analytics.drift.sure import firmness
from analytics.panel import Panels
from analytics.stats import bins

__all__ = ["Drifts", "find_drifts", "of_signals", "published"]

WEEK = pd.Timedelta(days=7)
SLACK = pd.Timedelta(hours=3)
"""What the onset intervals of one cause may lie apart: the shortest window that changes are told by."""
KEY = ["series_id", "kind", "detected_at"]


@dataclass(frozen=True)
class Drifts:
    """Tables `drifts` and `drift_members`, and what else they are told with.

    Attributes
    ----------
    drifts, members : the tables
    details : `members` with service, region, signal, and all else that is known of them
    n_series, n_young : series looked at, and how many of them are too young to be judged
    series_years : years of all series together
    now : the present of these drifts
    """

    drifts: pd.DataFrame
    members: pd.DataFrame
    details: pd.DataFrame
    n_series: int
    n_young: int
    series_years: float
    now: pd.Timestamp


def of_signals(frame: pd.DataFrame, signals: Panels) -> pd.DataFrame:
    """Rows of the series that are in the panels."""
    known = {name for ref in signals for name in ref.series["series_id"]}
    return frame[frame["series_id"].isin(known)].reset_index(drop=True)


def published(drifts: pd.DataFrame, members: pd.DataFrame, series: pd.DataFrame, *, now: pd.Timestamp) -> Drifts:
    """Drifts from the tables in which they are stored, and table `series`: enough to tell them again."""
    details = members.merge(series[["series_id", "service", "region", "signal"]], on="series_id")
    ordered = details.sort_values(["drift_id", "detected_at", "series_id", "kind"], ignore_index=True)
    return Drifts(drifts, members, ordered, len(series), _n_young(series), _years(series), now)


def _n_young(series: pd.DataFrame) -> int:
    """Series that have not lived for a week, the least that a reference is learnt from (stage `baseline`)."""
    return int((series["last"] - series["first"] < WEEK).sum())


def _years(series: pd.DataFrame) -> float:
    """Years of all series together."""
    return float(((series["last"] - series["first"]) / pd.Timedelta(days=365.25)).sum())


def find_drifts(
    changes: pd.DataFrame,
    course: pd.DataFrame,
    series: pd.DataFrame,
    services: pd.DataFrame,
    coverage: pd.DataFrame,
    events: pd.DataFrame,
    dependencies: pd.DataFrame,
    decisions: pd.DataFrame,
    *,
    settings: params.Drift,
    project: params.Project,
    now: pd.Timestamp,
) -> Drifts:
    """Drifts known at `now`: what goes on before what is over or accepted, the sure before the suspected, the worse before the better and
    the rest, the gravest first.

    Parameters
    ----------
    changes, series, services, coverage, events, dependencies : tables of these names
    course : table `change_course`
    decisions : rows of `data/decisions/rebaselines.csv`
    """
    known = changes[changes["detected_at"] <= now].merge(series[["series_id", "service", "region", "signal", "unit"]], on="series_id")
    since = series["first"].min()
    named = _of_one_cause(known.astype({"service": "object", "region": "object", "signal": "object", "kind": "object"}))
    grouped = group(_widened(named, SLACK), since=since, now=now)
    weights = _weights(series, coverage, now)
    details = _details(grouped.members, known, weights, services, project, now)
    drifts = _with_effects(_widened(grouped.drifts, -SLACK), details).merge(_totals(details), on="drift_id", how="left")
    firm = firmness(details, course[course["at"] <= now], series)
    drifts = drifts.join(grade(drifts, now=now)).merge(firm, on="drift_id", how="left")
    drifts = drifts.assign(open_at=_open_at(drifts, pd.Timedelta(hours=settings.suspected_hours), now))
    accepted = rebaselines.accepted_changes(decisions, changes, events, series)
    near = attribute(_placed(drifts, details), events, dependencies, window=pd.Timedelta(hours=settings.event_hours), since=since)
    drifts = drifts.join(near).assign(expires_at=drifts["detected_at"] + pd.Timedelta(weeks=settings.expire_weeks))
    drifts = drifts.assign(state=_states(drifts, _accepted(details, accepted), now))
    order = drifts.assign(**_order(drifts)).sort_values(["is_over", "is_unsure", "rank", "size", "q_value", "drift_id"])
    saved = (tables.picked(order, tables.TABLES["drifts"]), tables.picked(details, tables.TABLES["drift_members"]))
    return Drifts(*saved, details.reset_index(drop=True), len(series), _n_young(series), _years(series), now)


def _of_one_cause(changes: pd.DataFrame) -> pd.DataFrame:
    """Changes of response times of one service and region that begin together, under one kind: that of the median, told first.

    A wider spread shows in the tail as well, a slower median in both; what the median does not show and the tail does is of the tail.
    """
    is_time = changes["signal"].str.startswith("latency") & (changes["kind"] != "season")
    kinds = changes["kind"].copy()
    for _, rows in changes[is_time].groupby(["service", "region", "direction"], sort=True):
        for together in _overlapping(_widened(rows, SLACK).sort_values(["start_low", "series_id", "kind"])):
            ordered = together.sort_values(["detected_at", "kind"])
            medians = ordered[ordered["signal"] == "latency_ms"]
            tails = ordered[ordered["kind"] == "tail"]
            kinds.loc[together.index] = next(rows["kind"].iloc[0] for rows in (medians, tails, ordered) if len(rows))
    return changes.assign(kind=kinds)


def _widened(changes: pd.DataFrame, by: pd.Timedelta) -> pd.DataFrame:
    """Changes whose onset intervals are longer by so much at both ends, shorter if it is negative."""
    if changes.empty:
        return changes
    low, high = changes["start_low"] - by, changes["start_high"] + by
    return changes.assign(
        start_low=low.where(low < changes["start"], changes["start"]), start_high=high.where(high > changes["start"], changes["start"])
    )


def _overlapping(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows whose onset intervals overlap, together; sorted by their lower ends."""
    until = rows["start_high"].cummax().shift()
    number = (rows["start_low"] > until).cumsum()
    return [together for _, together in rows.groupby(number, sort=True)]


def _weights(series: pd.DataFrame, coverage: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Checks of the last week of each service and region, steps where there are only metrics: service, region, n_week."""
    lately = coverage[coverage["day"] >= now - WEEK].groupby(["service", "region"], as_index=False, observed=True)["n_checks"].sum()
    steps = series.groupby(["service", "region"], as_index=False, observed=True).agg(step_s=("step_s", "min"))
    both = steps.merge(lately, on=["service", "region"], how="left")
    n_week = both["n_checks"].where(both["n_checks"] > 0, WEEK.total_seconds() / both["step_s"])
    return both.assign(n_week=n_week.astype(float))[["service", "region", "n_week"]].astype({"service": "object", "region": "object"})


def _details(
    members: pd.DataFrame, known: pd.DataFrame, weights: pd.DataFrame, services: pd.DataFrame, project: params.Project, now: pd.Timestamp
) -> pd.DataFrame:
    """Members with all that is known of them and their own severity: how much of their service's checks they are."""
    of_service = weights.groupby("service")["n_week"].transform("sum")
    rows = members.drop(columns=["effect", "kind"]).merge(known, on=["series_id", "detected_at"], how="left")
    rows = rows.merge(members[KEY], on=["series_id", "detected_at"], how="left", suffixes=("", "_of_drift"))
    rows = rows.drop_duplicates(["drift_id", *KEY]).merge(weights.assign(share=weights["n_week"] / of_service), on=["service", "region"])
    promised = services.set_index("service")["objective"].astype(float)
    rows = rows.assign(exposure=rows["share"], objective=rows["service"].map(promised).astype(float).fillna(project.objective))
    # Of a course of the day only response times tell whom it harms: whoever waits longer at its slower hours.
    rows = rows.assign(**_possible(rows), day_size=rows["day_size"].where(rows["signal"].str.startswith("latency")))
    return rows.join(grade(rows, now=now)).sort_values(["drift_id", "detected_at", "series_id", "kind"], ignore_index=True)


def _possible(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Effects and their ends as they can be: of slow or failing checks there are never more than all, nor fewer than none.

    A series that was not measured lately has no present effect; then it is the one that was told.
    """
    usual = rows["before"].where(rows["kind"] == "availability", bins.TAIL_SHARE)
    is_share = rows["kind"].isin(["availability", "tail"])
    least, most = (-usual).where(is_share, -np.inf), (1 - usual).where(is_share, np.inf)
    known = rows.assign(effect=rows["effect"].fillna(rows["effect_told"]))
    return {name: known[name].clip(lower=least, upper=most) for name in ("effect", "effect_low", "effect_high")}


def _with_effects(drifts: pd.DataFrame, details: pd.DataFrame) -> pd.DataFrame:
    """Drifts with the median effect, and course of the day, of those members that have changed in the way the drift is named after."""
    kind_of = details["drift_id"].map(drifts.set_index("drift_id")["kind"])
    alike = details[details["kind"] == kind_of].groupby("drift_id")
    names = ("effect", "effect_low", "effect_high", "effect_size", "day_size")
    return drifts.assign(**{name: drifts["drift_id"].map(alike[name].median()) for name in names})


def _totals(details: pd.DataFrame) -> pd.DataFrame:
    """Per drift: the share of the week's checks concerned, and what it costs a week."""
    places = details.drop_duplicates(["drift_id", "service", "region"])
    all_weeks = places.assign(whole=places["n_week"] / places["share"]).drop_duplicates(["drift_id", "service"])
    exposed = places.groupby("drift_id")["n_week"].sum() / all_weeks.groupby("drift_id")["whole"].sum()
    medians = details[(details["signal"] == "latency_ms") & details["kind"].isin(["level", "season"])]
    failing = details[details["kind"] == "availability"]
    slower = medians["effect"].where(medians["kind"] == "level", WAVE * medians["day_size"] * medians["effect"].abs())
    lost_ms = medians.assign(lost=slower * medians["before"] * medians["n_week"]).groupby("drift_id")["lost"].sum()
    burning = failing.assign(burning=failing["effect"] * failing["share"]).groupby("drift_id")["burning"].sum()
    cost = weekly_cost(
        pd.DataFrame(
            {
                "exposure": 1.0,
                "checks_per_week": 1.0,
                "effect_ms": lost_ms.reindex(exposed.index),
                "extra_bad_share": burning.reindex(exposed.index),
                "objective": details.groupby("drift_id")["objective"].max().reindex(exposed.index),
            }
        )
    )
    return cost.assign(exposure=exposed.clip(upper=1.0)).rename_axis("drift_id").reset_index()


def _placed(drifts: pd.DataFrame, details: pd.DataFrame) -> pd.DataFrame:
    """Drifts with a service and region to look for events of: those of their first member where they have several."""
    first = details.drop_duplicates("drift_id").set_index("drift_id")
    return drifts.assign(**{name: drifts[name].fillna(drifts["drift_id"].map(first[name])) for name in ("service", "region")})


def _accepted(details: pd.DataFrame, accepted: pd.DataFrame) -> set[str]:
    """Drifts all of whose members, but those that are over, were accepted."""
    is_meant = rebaselines.is_accepted(details, accepted)
    by_drift = pd.DataFrame({"whole": is_meant | details["end"].notna(), "any": is_meant}).groupby(details["drift_id"])
    return {str(name) for name, rows in by_drift if rows["whole"].all() and rows["any"].any()}


def _open_at(drifts: pd.DataFrame, suspected: pd.Timedelta, now: pd.Timestamp) -> pd.Series:
    """When each drift became open: sure, and known for long enough; missing while it is not, and if it was over by then."""
    since = drifts[["sure_at", "detected_at"]].assign(detected_at=drifts["detected_at"] + suspected).max(axis=1, skipna=False)
    return since.where((since <= now) & ~(since > drifts["end"])).astype("datetime64[ms, UTC]")


def _states(drifts: pd.DataFrame, accepted: set[str], now: pd.Timestamp) -> npt.NDArray[np.object_]:
    """Where each drift is in its life."""
    return np.select(
        [
            drifts["drift_id"].isin(accepted),
            drifts["end"].notna(),
            drifts["expires_at"] < now,
            drifts["open_at"].isna(),
        ],
        ["accepted", "reverted", "expired", "suspected"],
        default="open",
    )


def _order(drifts: pd.DataFrame) -> dict[str, pd.Series]:
    """What drifts are ordered by: those to act on first."""
    harms = (drifts["direction"] == "regression") | (drifts["severity"] > 0)
    return {
        "is_over": ~drifts["state"].isin(["open", "suspected"]),
        "is_unsure": ~(drifts["q_value"] <= tables.SURE_Q),
        "rank": drifts["direction"].map({"improvement": 1}).fillna(2).where(~harms, 0),
        "size": -drifts["severity"].abs().fillna(0.0),
    }
