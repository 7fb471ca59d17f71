"""What if? The same history with another budget, detector or rule: alarms gained and lost, outages caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params, registry, session, store, words
from analytics.anomalies import calibration, explain
from analytics.anomalies.find import STAGE, Anomalies, Known, anomalies_of, find_anomalies
from analytics.anomalies.judge import GAP_S
from analytics.anomalies.models import JUDGED_BY, asked
from analytics.anomalies.stored import stored_detectors
from analytics.panel import Panels

__all__ = ["BUDGETS", "Replay", "budgets", "compare", "difference", "listed", "replay"]

BUDGETS = (0.5, 1.0, 2.0)
"""Budgets whose cost the page tells, as multiples of the one in use."""
SECTION = "anomalies."
SHOWN = 30
"""Alarms that are listed."""


@dataclass(frozen=True)
class Replay:
    """Two sets of alarms of the same weeks, side by side.

    Attributes
    ----------
    begin : from when on they are counted
    figures : what, now, then; a row for each figure
    gained, lost : alarms that only the other settings, or only those in use, tell
    """

    begin: pd.Timestamp
    figures: pd.DataFrame
    gained: pd.DataFrame
    lost: pd.DataFrame


@dataclass(frozen=True)
class _History:
    """What has been published until `now`: panels `signals`, tables, and what people have said of anomalies."""

    signals: Panels
    known: Known
    events: pd.DataFrame
    outages: pd.DataFrame
    now: pd.Timestamp

    @classmethod
    def published(cls) -> _History:
        with session.published():
            now = store.now()
            return cls(store.panels("signals").between(None, now), Known.loaded(), store.load("events"), store.load("outages"), now)

    def compared(self, found: list[Anomalies], *, weeks: float) -> Replay:
        """Both side by side, over the newest weeks."""
        known = [calibration.causes(one.anomalies, self.known.masks, self.events, self.outages, self.known.feedback) for one in found]
        return compare(found, known, [one.budget for one in found], self.outages, weeks=weeks, now=self.now)


def replay(texts: list[str], *, weeks: int, say: Callable[[str], None]) -> list[str]:
    """What the published history would have told with other parameters (`anomalies.NAME=VALUE`), in lines. Nothing is written.

    Other rules are applied to what was found. For another budget, or other detectors, everything is detected again, which takes as long
    as the stage.

    Raises
    ------
    ValueError
        For a parameter of another stage, or one that does not exist.
    """
    chosen, history = params.load(session.root() / "params.yaml"), _History.published()
    then = params.section(chosen, "anomalies", _overrides(texts))
    if asked(then) != asked(chosen.anomalies):
        say("detecting again: this takes as long as the stage")
    settings = [chosen.anomalies, then]
    found = [find_anomalies(history.signals, history.known, settings=one, project=chosen.project, now=history.now) for one in settings]
    compared = history.compared(found, weeks=weeks)
    return _lines(compared, ("now", f"with {' '.join(texts)}"), zone=chosen.project.zone, now=history.now)


def difference(one: Path, other: Path) -> list[str]:
    """The alarms of two folders of stored detectors, side by side, in lines: over the history since the younger ones were stored.

    Each continues from what it remembers. The rules that decide what is told are those in use.

    Raises
    ------
    FileNotFoundError
        If a folder holds none.
    ValueError
        If they were stored by other code, or nothing has come since they were stored.
    """
    chosen, history = params.load(session.root() / "params.yaml"), _History.published()
    both = [stored_detectors(folder) for folder in (one, other)]
    begin, zone = max(detectors.known_to for detectors in both), chosen.project.zone
    if begin >= history.now:
        raise ValueError(f"nothing has come since {words.moment(begin, zone, year=True)}, when the younger detectors were stored")
    settings = [chosen.anomalies.model_copy(update={name: getattr(detectors.settings, name) for name in JUDGED_BY}) for detectors in both]
    judged = [detectors.judging(history.signals, regions=history.known.regions).found() for detectors in both]
    found = [
        anomalies_of(strange, history.known, settings=own, project=chosen.project, now=history.now)
        for strange, own in zip(judged, settings, strict=True)
    ]
    compared = history.compared(found, weeks=(history.now - begin) / pd.Timedelta(weeks=1))
    return _lines(compared, (str(one), str(other)), zone=zone, now=history.now)


def listed(*, zone: str) -> list[str]:
    """The stored detectors, a line each: id, name, what they have seen."""
    with session.published():
        models = [registry.load(name, stage=STAGE) for name in registry.models(STAGE)]
    lines = []
    for model in models:
        known_from, known_to = (words.moment(pd.Timestamp(at), zone, year=True) for at in model.lineage["window"])
        n_series = sum(len(group["series"]) for group in model.parameters["groups"])
        lines.append(f"{model.model_id}  {model.name:<12} {words.counted(n_series, 'series', 'series')}, {known_from} to {known_to}")
    return lines or ["no detectors are stored yet; run `analytics run --all`"]


def _overrides(texts: list[str]) -> dict[str, Any]:
    values = params.assignments(texts)
    foreign = [name for name in values if not name.startswith(SECTION)]
    if foreign:
        raise ValueError(f"'{foreign[0]}' cannot be replayed: write {SECTION}NAME=VALUE (analytics params anomalies lists them)")
    return {name.removeprefix(SECTION): value for name, value in values.items()}


def compare(
    found: list[Anomalies], causes: list[pd.Series], allowed: list[float], outages: pd.DataFrame, *, weeks: float, now: pd.Timestamp
) -> Replay:  # fmt: skip
    """Alarms of the newest weeks, of the settings in use and of others.

    Parameters
    ----------
    found, causes, allowed : of both, the one in use first: anomalies, what is known of each (`calibration.causes`), the budget
    outages : table `outages`
    """
    begin = now - pd.Timedelta(days=7 * weeks)
    told = [one.alarms[one.alarms["start"] >= begin] for one in found]
    recent = _to_be_caught(outages, begin)
    # A service that is younger than these weeks has not had all of them.
    lived = [float(one.weeks.clip(upper=weeks).sum()) for one in found]
    figures = {
        "alarms": [words.count(len(one)) for one in told],
        "in a week of a service": _rates([len(one) for one in told], lived),
        "of these unexplained": _rates([_unexplained(*pair) for pair in zip(told, causes, strict=True)], lived),
        "allowed by the budget": [words.number(one, 2) for one in allowed],
        "confirmed outages told": [f"{n_caught(recent, one)} of {len(recent)}" for one in told],
    }
    rows = [(what, *pair) for what, pair in figures.items()]
    return Replay(begin, pd.DataFrame(rows, columns=["what", "now", "then"]), _only(told[1], told[0]), _only(told[0], told[1]))


def _rates(counts: list[int], weeks: list[float]) -> list[str]:
    return [words.number(count / of if of else np.nan, 2) for count, of in zip(counts, weeks, strict=True)]


def _unexplained(told: pd.DataFrame, cause: pd.Series) -> int:
    return int(told["anomaly_id"].map(cause).isna().sum())


def _to_be_caught(outages: pd.DataFrame, begin: pd.Timestamp | None) -> pd.DataFrame:
    """Confirmed outages, without those in maintenance or by a fault of the prober."""
    real = outages[outages["is_confirmed"].astype(bool) & outages["excluded_reason"].isna()]
    return real if begin is None else real[real["start"] >= begin]


def n_caught(outages: pd.DataFrame, told: pd.DataFrame) -> int:
    """Outages during which an alarm of their service went on."""
    return int(_overlap(outages, told).sum())


def _only(told: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Alarms that have no match (same service, about the same time) among the others, the gravest first.

    Begin and end are not compared exactly, for another budget moves them.
    """
    return told[~_overlap(told, other)].sort_values(["severity", "anomaly_id"], ascending=[False, True], ignore_index=True)


def _overlap(ones: pd.DataFrame, others: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which of these stretches (service, start, end) overlap, or nearly, one of the others of the same service; no end: they go on."""
    rows_of = others.groupby("service", observed=True).indices
    (begin, end), (other_begin, other_end) = _ends(ones), _ends(others)
    found = np.zeros(len(ones), bool)
    for service, mine in ones.groupby("service", observed=True).indices.items():
        theirs = rows_of.get(service, [])
        is_before_end = other_begin[theirs] <= end[mine, None] + GAP_S
        found[mine] = (is_before_end & (other_end[theirs] >= begin[mine, None] - GAP_S)).any(axis=1)
    return found


def _ends(stretches: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Begin and end of stretches in seconds since 1970; infinite where there is no end."""
    begin, end = (stretches[name].to_numpy("datetime64[ms]") for name in ("start", "end"))
    return begin.astype(np.int64) / 1000, np.where(np.isnat(end), np.inf, end.astype(np.int64) / 1000)


def _lines(found: Replay, names: tuple[str, str], *, zone: str, now: pd.Timestamp) -> list[str]:
    head = f"{words.duration((now - found.begin).total_seconds())} until {words.moment(now, zone, year=True)}"
    width = max(len(names[0]), *(len(row.now) for row in found.figures.itertuples()))
    lines = [f"{head:<34}{names[0]:>{max(width, 8)}}   {names[1]}"]
    lines += [f"  {row.what:<32}{row.now:>{max(width, 8)}}   {row.then}" for row in found.figures.itertuples()]
    for name, rows in (("gained", found.gained), ("lost", found.lost)):
        lines.append(f"{name}: {words.counted(len(rows), 'alarm')}")
        shown = rows.head(SHOWN)
        lines += [f"  {row.severity:>3.0f}  {explain.headline(row, zone)}  [{row.anomaly_id}]" for row in shown.itertuples()]
        lines += [f"  and {len(rows) - SHOWN} more"] * (len(rows) > SHOWN)
    return lines


def budgets(found: Anomalies, cause: pd.Series, outages: pd.DataFrame, *, settings: params.Anomalies) -> pd.DataFrame:
    """What half, once and twice the budget would have told over all data, by the rates that were found.

    Returns
    -------
    frame with budget, n_services (those of which it is known, `calibration.knows`), n_told, per_week (of a service), n_unexplained,
    n_caught and n_outages
    """
    real = _to_be_caught(outages, None)
    rows = []
    for budget in found.budget * np.array(BUDGETS):
        known = calibration.knows(found, budget, settings=settings)
        services = set(known.index[known]) & set(found.weeks.index)
        told = calibration.told_at(found, budget)
        told, theirs = (frame[frame["service"].isin(services)] for frame in (told, real))
        weeks = float(found.weeks.reindex(sorted(services)).sum())
        if weeks:
            rows.append(
                (budget, len(services), len(told), len(told) / weeks, _unexplained(told, cause), n_caught(theirs, told), len(theirs))
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["budget", "n_services", "n_told", "per_week", "n_unexplained", "n_caught", "n_outages"])
