"""Values -> anomalies of services, each with what it was, how bad, and whether it is an alarm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analytics import params, registry, store, tables
from analytics.anomalies import explain
from analytics.anomalies.found import Around, Found
from analytics.anomalies.join import course_of, join
from analytics.anomalies.judge import GAP_S
from analytics.anomalies.severity import grade, halves
from analytics.anomalies.suppress import suppressed
from analytics.anomalies.weeks import judge_blocks
from analytics.panel import Panels
from analytics.stats import alarms

__all__ = ["STAGE", "Anomalies", "Known", "anomalies_of", "find_anomalies", "save"]

STAGE = "anomalies"
WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class Known:
    """What is known beside the signals: tables of these names, and the rows of `data/decisions/feedback.csv`."""

    series: pd.DataFrame
    regions: pd.DataFrame
    masks: pd.DataFrame
    coverage: pd.DataFrame
    feedback: pd.DataFrame

    @classmethod
    def loaded(cls) -> Known:
        """As they are stored."""
        series, regions, masks, coverage = (store.load(name) for name in ("series", "regions", "masks", "coverage"))
        return cls(series, regions, masks, coverage, store.decisions("feedback"))


@dataclass(frozen=True)
class Anomalies:
    """Tables of the stage, and what the members are beside that (service, region, signal, unit, step_s).

    Attributes
    ----------
    anomalies, members, course, suppressed, scores : tables `anomalies`, `anomaly_members`, `anomaly_course`, `suppressed`, `scores`
    details : members with service, region, signal, unit, step_s
    weeks, n_series : weeks judged and series looked at, by service
    courses : the steps around each member, by series_id and start
    budget : false alarms a week that a service may cost
    models : the detectors of each block of services, as they were on the newest Monday
    """

    anomalies: pd.DataFrame
    members: pd.DataFrame
    course: pd.DataFrame
    suppressed: pd.DataFrame
    scores: pd.DataFrame
    details: pd.DataFrame
    weeks: pd.Series
    n_series: pd.Series
    courses: dict[tuple[str, pd.Timestamp], Around]
    budget: float
    models: tuple[registry.Model, ...] = ()

    @property
    def alarms(self) -> pd.DataFrame:
        """Anomalies that are told."""
        return self.anomalies[~self.anomalies["anomaly_id"].isin(self.suppressed["anomaly_id"])]


def find_anomalies(
    signals: Panels, known: Known, *, settings: params.Anomalies, project: params.Project, now: pd.Timestamp
) -> Anomalies:  # fmt: skip
    """Anomalies known at `now`, the newest first."""
    blocks = list(judge_blocks(signals.between(None, now), regions=known.regions, settings=settings, workers=project.workers))
    found = Found.together([block.found for block in blocks])
    described = anomalies_of(found, known, settings=settings, project=project, now=now)
    return replace(described, models=tuple(block.model for block in blocks))


def anomalies_of(
    found: Found, known: Known, *, settings: params.Anomalies, project: params.Project, now: pd.Timestamp
) -> Anomalies:  # fmt: skip
    """Strange stretches of series as the anomalies of their services."""
    settings = settings.model_copy(update={"false_alarms_per_week": _budget(settings, known)})
    keys = ["series_id", "service", "region", "signal", "unit", "step_s"]
    episodes = found.episodes.merge(known.series[keys], on="series_id").astype(dict.fromkeys(("service", "region", "signal"), "object"))
    episodes = episodes.assign(anomaly_id=join(episodes, near=pd.Timedelta(seconds=settings.near_s)))
    details = episodes.assign(**_chance(episodes["per_week"])).sort_values(["anomaly_id", "series_id", "start"], ignore_index=True)
    judged = known.series[known.series["series_id"].isin(set(found.weeks.index))]
    n_series = judged.groupby("service", observed=True)["series_id"].nunique()
    share = _shares(known.series, known.coverage, now)
    course = course_of(details, found.looks, n_series, share)
    anomalies = _anomalies(details, course, share, settings, now)
    course = _with_ends(course, anomalies, details)
    told = explain.explanations(anomalies, details, regions=known.regions, settings=settings, zone=project.zone)
    anomalies = anomalies.assign(explanation=told)
    kept_back = suppressed(anomalies, details, known.masks, known.feedback, settings=settings, zone=project.zone)
    weeks = judged.assign(weeks=judged["series_id"].map(found.weeks)).groupby("service", observed=True)["weeks"].max()
    newest_first = anomalies.sort_values(["start", "anomaly_id"], ascending=[False, True])
    return Anomalies(
        tables.picked(newest_first, tables.TABLES["anomalies"]),
        tables.picked(details, tables.TABLES["anomaly_members"]),
        tables.picked(course, tables.TABLES["anomaly_course"]),
        kept_back,
        _scores(found.newest),
        details,
        weeks,
        n_series,
        found.courses,
        settings.false_alarms_per_week,
    )


def _budget(settings: params.Anomalies, known: Known) -> float:
    """False alarms a week of a service: what each may cost, or its part of what all together may."""
    return min(settings.false_alarms_per_week, settings.fleet_false_alarms_per_week / max(1, known.series["service"].nunique()))


def save(found: Anomalies) -> None:
    """Write tables and models."""
    for model in found.models:
        registry.save(model, stage=STAGE)
    store.save(found.anomalies, "anomalies")
    store.save(found.members, "anomaly_members")
    store.save(found.course, "anomaly_course")
    store.save(found.suppressed, "suppressed")
    store.save(found.scores, "scores")


def _shares(series: pd.DataFrame, coverage: pd.DataFrame, now: pd.Timestamp) -> pd.Series:
    """Share of its service's checks of the last week, by service and region; equal shares where there are only metrics."""
    lately = coverage[coverage["day"] >= now - WEEK].groupby(["service", "region"], observed=True)["n_checks"].sum()
    places = series[["service", "region"]].drop_duplicates().astype("object")
    weight = pd.Series(1.0, index=pd.MultiIndex.from_frame(places))
    counted = lately.reindex(weight.index)
    weight = weight.where(counted.isna() | (counted == 0), counted.astype(float))
    return weight / weight.groupby(level=0).transform("sum")


def _anomalies(
    details: pd.DataFrame, course: pd.DataFrame, share: pd.Series, settings: params.Anomalies, now: pd.Timestamp
) -> pd.DataFrame:
    """Rows of table `anomalies` without their explanation."""
    rows = details.assign(size=[halves(*pair) for pair in zip(details["signal"], details["effect"], strict=True)])
    # What was strangest leads: it names the signal, the peak and the detector.
    lead = rows.sort_values(["per_week", "size", "series_id"], ascending=[True, False, True]).drop_duplicates("anomaly_id")
    lead = lead.set_index("anomaly_id").sort_index()
    of = rows.groupby("anomaly_id")
    ends = of["end"].max().where(~rows["end"].isna().groupby(rows["anomaly_id"]).any())
    looks = course.sort_values(["anomaly_id", "known_at"])
    per_week = looks.groupby("anomaly_id")["per_week"].min()
    # It is an alarm from when chance makes as much rarely enough; what never gets there is dated by its first look.
    enough = looks[looks["per_week"] <= settings.false_alarms_per_week].groupby("anomaly_id")["known_at"].min()
    detected_at = enough.reindex(per_week.index).fillna(looks.groupby("anomaly_id")["known_at"].min())
    places = rows[["anomaly_id", "service", "region"]].drop_duplicates()
    places = places.assign(share=[float(share.get((one.service, one.region), 1.0)) for one in places.itertuples()])
    # For better or worse is what some signals cannot say: the gravest that can does.
    says = rows["direction"].ne("neutral")
    worst = rows.assign(says=says).sort_values(["says", "size", "series_id"]).drop_duplicates("anomaly_id", keep="last")
    worst = worst.set_index("anomaly_id").sort_index()
    whole = pd.DataFrame(
        {
            "service": lead["service"],
            "region": np.where(of["region"].nunique() == 1, of["region"].first(), None),
            "signal": lead["signal"],
            "signals": pd.Series(_signals(rows)),
            "n_series": of["series_id"].nunique(),
            "start": of["start"].min(),
            "peak": lead["peak"],
            "end": ends,
            "detected_at": detected_at,
            "direction": worst["direction"],
            "per_week": per_week,
            **_chance(per_week),
            **{name: lead[name] for name in ("observed", "expected", "low", "high", "effect", "detector")},
        },
        index=lead.index,
    )
    graded = grade(
        pd.DataFrame(
            {
                "signal": worst["signal"],
                "effect": worst["effect"],
                "lasted": whole["end"].fillna(now) - whole["start"],
                "exposure": places.groupby("anomaly_id")["share"].sum(),
            }
        )
    )
    return whole.join(graded).rename_axis("anomaly_id").reset_index()


def _signals(members: pd.DataFrame) -> dict[str, list[str]]:
    """Signals of each anomaly, sorted."""
    found: dict[str, list[str]] = {}
    for one in members[["anomaly_id", "signal"]].drop_duplicates().sort_values(["anomaly_id", "signal"]).itertuples():
        found.setdefault(one.anomaly_id, []).append(one.signal)
    return found


def _chance(per_week: pd.Series) -> dict[str, pd.Series]:
    """Chance that a week in which nothing is wrong brings as much, and the score that is a fixed function of it."""
    p_value = alarms.p_values(per_week.to_numpy(float))
    return {"p_value": pd.Series(p_value, per_week.index), "score": pd.Series(alarms.scores(per_week.to_numpy(float)), per_week.index)}


def _scores(newest: pd.DataFrame) -> pd.DataFrame:
    """Table `scores`; of a value that could not be judged nothing is said."""
    judged = newest[newest["per_week"].notna()]
    return tables.picked(judged.assign(**_chance(judged["per_week"])).sort_values("series_id"), tables.TABLES["scores"])


def _with_ends(course: pd.DataFrame, anomalies: pd.DataFrame, details: pd.DataFrame) -> pd.DataFrame:
    """The course with a last row for what is over, known once nothing strange came for a while."""
    over = anomalies[anomalies["end"].notna()]
    quiet_s = details.groupby("anomaly_id")["step_s"].max().clip(lower=GAP_S)
    names = ["anomaly_id", "severity", "effect", "n_series", "per_week"]
    last = over[names].assign(known_at=over["end"] + pd.to_timedelta(over["anomaly_id"].map(quiet_s), unit="s"), is_over=True)
    return pd.concat([course.assign(is_over=False), last], ignore_index=True).sort_values(["anomaly_id", "known_at"], ignore_index=True)
