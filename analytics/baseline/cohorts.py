"""How series are followed week by week: judged against one reference, until they get another or the data end.

A series is compared with a reference learnt when it is one, two and four weeks old and every quarter after that, always from the last four
weeks before. While a change is open its reference is kept: what became worse is never learnt by waiting. Once a person or a rule has
accepted the change, the series is as one that began with it: its references are learnt from what came since.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params
from analytics.baseline import creep, watch
from analytics.baseline.creep import Creepers
from analytics.baseline.effects import is_material, sized
from analytics.baseline.history import BORN_DAYS, Reader, Scale, Week
from analytics.baseline.watch import Watch
from analytics.panel import FIRST_MONDAY_MS
from analytics.stats import changes, scan

__all__ = ["Followed", "advance", "told"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Names = npt.NDArray[np.object_]

FIRST_DAYS = (BORN_DAYS, 14, 28)
"""Ages at which a reference is learnt: four weeks are what the later ones rest on."""

LEARNT_DAYS = 28

QUARTER_DAYS = 91
"""A reference is learnt again after a quarter in which nothing changed: slow wear of the shape of the week is no change of its own."""


@dataclass(frozen=True)
class Cohort:
    """Series judged together: the steps [learnt_from, learnt_to) are the reference, those up to `until` have been judged.

    Attributes
    ----------
    names, signals : series_id and signal of each
    scale : what they have in common
    born : step at which they began
    since : step from which on they are due for another reference
    watches : those of them that hold enough bins
    crept : changes that were too slow for these
    """

    names: Names
    signals: Names
    scale: Scale
    born: int
    learnt_from: int
    learnt_to: int
    since: int
    until: int
    watches: tuple[Watch, ...]
    crept: pd.DataFrame

    def without(self, names: Names) -> Cohort:
        """The cohort without some of its series."""
        stay = ~np.isin(self.names, names)
        kept = [(one, np.flatnonzero(~np.isin(one.names, names))) for one in self.watches]
        watches = tuple(one.select(rows) for one, rows in kept if len(rows))
        crept = self.crept[~self.crept["series_id"].isin(names)]
        return replace(self, names=self.names[stay], signals=self.signals[stay], watches=watches, crept=crept)


@dataclass(frozen=True)
class Followed:
    """Series up to the end of a week.

    Attributes
    ----------
    cohorts : those that are being judged
    over : changes told against references that are no longer in use
    series : series_id, signal, born (step)
    step_s, end : length of a step; step up to which they were followed
    """

    cohorts: tuple[Cohort, ...]
    over: pd.DataFrame
    series: pd.DataFrame
    step_s: int
    end: int


def advance(before: Followed | None, week: Week, *, settings: params.Baseline) -> Followed:
    """The series at the end of a week, from what they were at its beginning."""
    reader = Reader(week)
    waiting = list(before.cohorts) if before is not None else []
    over = before.over if before is not None else watch.empty()
    waiting += _born(reader)
    going = []
    while waiting:
        cohort = waiting.pop(0)
        stop = _next_stop(cohort, week)
        cohort = _judged(cohort, reader, min(stop, week.end), settings)
        if stop >= week.end:
            going.append(cohort)
            continue
        finished, following = _renewed(cohort, reader, stop, over, settings)
        over = _joined([over, finished])
        waiting += following
    return Followed(tuple(going), over, reader.series[["series_id", "signal", "born"]], week.step_s, week.end)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else watch.empty()


def _born(reader: Reader) -> Iterator[Cohort]:
    """Series that become a week old, those that began on the same day together."""
    week, series = reader.week, reader.series
    age = BORN_DAYS * week.per_day
    ready = series["born"] + age
    due = series[(ready >= week.start) & (ready < week.end)]
    for scale, alike in reader.scales(due):
        for born, rows in alike.groupby("born"):
            names, signals = (rows[name].to_numpy(object) for name in ("series_id", "signal"))
            yield _begun(
                reader, names, signals, scale, born=int(born), learnt_from=int(born), learnt_to=int(born) + age, over=watch.empty()
            )


def _begun(
    reader: Reader, names: Names, signals: Names, scale: Scale, *, born: int, learnt_from: int, learnt_to: int, over: pd.DataFrame
) -> Cohort:
    """A cohort with a new reference. Changes that were over when it was learnt are left out of it."""
    values, n_checks = reader.values(names, scale, learnt_from, learnt_to)
    ended = over[over["series_id"].isin(names) & (over["end"] <= reader.week.time_ms(learnt_to))]
    if "change_told" in ended:
        # A creep is known to be over once the series has been back for as long as it is looked at.
        been_back_ms = creep.length(reader.week.per_day) * reader.week.step_s * 1000
        ended = ended.assign(end=ended["end"] - np.where(ended["change_told"].notna(), been_back_ms, 0))
    for one in ended.itertuples():
        begin, end = (-((FIRST_MONDAY_MS - int(time)) // (reader.week.step_s * 1000)) - learnt_from for time in (one.start, one.end))
        values[names == one.series_id, max(begin, 0) : max(end, 0)] = np.nan
    watches = watch.begin(values, n_checks, reader.clock(scale, learnt_from, learnt_to), scale, names, signals)
    return Cohort(names, signals, scale, born, learnt_from, learnt_to, learnt_to, learnt_to, tuple(watches), watch.empty())


def _next_stop(cohort: Cohort, week: Week) -> int:
    """The next step at which a cohort may get a new reference."""
    age = next(step for step in _ages(cohort.born, week.per_day) if step > cohort.since)
    if week.accepted.empty:
        return age
    accepted = week.accepted.loc[week.accepted["series_id"].isin(cohort.names), "step"]
    return int(min([age, *accepted[accepted > cohort.since]]))


def _ages(born: int, per_day: int) -> Iterator[int]:
    """Steps at which series that began at `born` get a new reference."""
    for days in itertools.chain(FIRST_DAYS, itertools.count(FIRST_DAYS[-1] + QUARTER_DAYS, QUARTER_DAYS)):
        yield born + days * per_day


def _is_age(step: int, born: int, per_day: int) -> bool:
    return next(age for age in _ages(born, per_day) if age >= step) == step


def _judged(cohort: Cohort, reader: Reader, until: int, settings: params.Baseline) -> Cohort:
    """The cohort judged up to a step."""
    steps = creep.looks(born=cohort.born, learnt_to=cohort.learnt_to, after=cohort.until, until=until, per_day=reader.week.per_day)
    for stop in steps:
        cohort = _looked_for_creep(_watched(cohort, reader, stop, settings), reader, stop, settings)
    return _watched(cohort, reader, until, settings)


def _watched(cohort: Cohort, reader: Reader, until: int, settings: params.Baseline) -> Cohort:
    level = changes.level_for(settings.false_alarms_per_series_year)
    watches = [
        watch.go_on(one, reader, cohort.scale, learnt_from=cohort.learnt_from, until=until, level=level) for one in cohort.watches
    ]  # fmt: skip
    return replace(cohort, watches=tuple(watches), until=until)


def _looked_for_creep(cohort: Cohort, reader: Reader, stop: int, settings: params.Baseline) -> Cohort:
    """The cohort with those that have crept by a step. One with a change in the newest weeks is left out: what it was is known better."""
    parts = [_crept_among(group, cohort, reader, stop, settings) for group in _creepers(cohort)]
    return replace(cohort, crept=_joined(parts)) if any(len(part) for part in parts) else cohort


def _creepers(cohort: Cohort) -> Iterator[Creepers]:
    """Series whose level can creep; of shares those whose failures are counted in bins of one length."""
    if cohort.scale.kind != "logit":
        moving = np.array(["level" in watch.kinds_of(signal) for signal in cohort.signals], bool)
        yield Creepers(cohort.names[moving], cohort.signals[moving], cohort.scale)
        return
    signal_of = dict(zip(cohort.names, cohort.signals, strict=True))
    for one in cohort.watches:
        signals = np.array([signal_of[name] for name in one.names], object)
        yield Creepers(one.names, signals, cohort.scale, one.gauge.bin_s, one.reference.dispersion[1])


def _crept_among(group: Creepers, cohort: Cohort, reader: Reader, stop: int, settings: params.Baseline) -> pd.DataFrame:
    """Creeps of some series of a cohort: those that were known, looked at again, and new ones."""
    known = cohort.crept[cohort.crept["series_id"].isin(group.names)]
    known = creep.looked_again(reader, group, known, stop=stop) if len(known) else known
    still = group.only(~np.isin(group.names, known.loc[known["end"].isna(), "series_id"]))
    found = creep.crept(reader, still, born=cohort.born, learnt_to=cohort.learnt_to, stop=stop, settings=settings)
    if not len(found):
        return known
    told_before = told(cohort, settings, reader.week.step_s)
    since_ms, stop_ms = (reader.week.time_ms(step) for step in (stop - creep.length(reader.week.per_day), stop))
    is_recent = (told_before["end"].isna() | (told_before["end"] > since_ms)) & (told_before["start"] < stop_ms) if len(told_before) else []
    busy = told_before.loc[is_recent, "series_id"] if len(told_before) else []
    new = found[~found["series_id"].isin(busy)].assign(learnt_to=reader.week.time_ms(cohort.learnt_to))
    return _joined([known, new])


def _renewed(
    cohort: Cohort, reader: Reader, stop: int, over: pd.DataFrame, settings: params.Baseline
) -> tuple[pd.DataFrame, list[Cohort]]:  # fmt: skip
    """What was told of those that get another reference, of their age or of what was accepted, and how all go on."""
    known = told(cohort, settings, reader.week.step_s)
    before = _joined([over, known])
    accepted = _accepted(cohort, reader.week, stop)
    # What crept was on its way for months: where it has arrived is the new normal.
    arrived = dict.fromkeys(cohort.crept["series_id"], stop - LEARNT_DAYS * reader.week.per_day)
    since = {name: max(start, arrived.get(name, start)) for name, start in accepted.items()}
    following = [_learnt_again(cohort, cohort.names == name, reader, start, stop, before) for name, start in since.items()]
    leave = np.isin(cohort.names, list(accepted))
    if _is_age(stop, cohort.born, reader.week.per_day):
        renewed = ~leave & ~np.isin(cohort.names, known.loc[known["end"].isna(), "series_id"])
        if renewed.any():
            following.append(_learnt_again(cohort, renewed, reader, cohort.born, stop, before))
        leave |= renewed
    if not leave.all():
        following.append(replace(cohort.without(cohort.names[leave]), since=stop))
    return known[known["series_id"].isin(cohort.names[leave])], following


def _learnt_again(cohort: Cohort, rows: BoolArray, reader: Reader, born: int, stop: int, over: pd.DataFrame) -> Cohort:
    """Some series of a cohort with a reference from the weeks before a step, but from nothing before `born`."""
    begin = max(born, stop - LEARNT_DAYS * reader.week.per_day)
    names, signals = cohort.names[rows], cohort.signals[rows]
    return _begun(reader, names, signals, cohort.scale, born=born, learnt_from=begin, learnt_to=stop, over=over)


def _accepted(cohort: Cohort, week: Week, stop: int) -> dict[str, int]:
    """Series of a cohort whose accepted change becomes their reference at a step: since when it is there, of several the latest."""
    mine = week.accepted[(week.accepted["step"] == stop) & week.accepted["series_id"].isin(cohort.names)]
    return mine[mine["start"] >= cohort.born].groupby("series_id")["start"].max().astype(int).to_dict()


def told(cohort: Cohort, settings: params.Baseline, step_s: int) -> pd.DataFrame:
    """Changes of a cohort that matter, as they are known at its last step: times in ms, the change on the scale that it is learnt on."""
    return _joined([*(_told_by(one, cohort, settings, step_s) for one in cohort.watches), cohort.crept])


def _told_by(all_of_it: Watch, cohort: Cohort, settings: params.Baseline, step_s: int) -> pd.DataFrame:
    shown = np.flatnonzero(all_of_it.has_shown)
    if not len(shown):
        return watch.empty()
    mine = all_of_it.select(shown)
    found = changes.find_changes(watch.evidence_of(mine), changes.level_for(settings.false_alarms_per_series_year))
    begin_ms, bin_ms = FIRST_MONDAY_MS + (cohort.learnt_from - mine.lead) * step_s * 1000, mine.gauge.bin_s * 1000
    rows = _as_rows(found, mine, cohort, begin_ms, step_s, settings)
    last = np.where(found.closed >= 0, found.gone, mine.measured.n_bins) - 1
    looks = np.column_stack([found.looks, last])
    newest = np.stack([found.effect, found.effect_low, found.effect_high], axis=1)
    effects = np.concatenate([found.looked, newest[:, None]], axis=1)
    seen = rows.loc[rows.index.repeat(looks.shape[1])].assign(known=begin_ms + (looks.ravel() + 1) * bin_ms)
    seen[["change", "change_low", "change_high"]] = effects.reshape(-1, 3)
    after = np.nan if cohort.scale.kind != "logit" else _failing(mine, found, looks)
    return _once_material(seen.assign(after=after), looks, cohort, settings)


def _as_rows(found: changes.Changes, mine: Watch, cohort: Cohort, begin_ms: int, step_s: int, settings: params.Baseline) -> pd.DataFrame:
    """What is the same at all looks."""
    bin_ms = mine.gauge.bin_s * 1000
    signal_of = dict(zip(cohort.names, cohort.signals, strict=True))
    return pd.DataFrame(
        {
            "series_id": mine.names[found.series],
            "signal": np.array([signal_of[name] for name in mine.names[found.series]], object),
            "kind": pd.array([scan.KINDS[kind] for kind in found.kind], dtype="str"),
            "start": begin_ms + found.onset * bin_ms,
            "start_low": begin_ms + found.onset_low * bin_ms,
            "start_high": begin_ms + found.onset_high * bin_ms,
            "end": np.where(found.closed >= 0, begin_ms + (found.closed + 1.0) * bin_ms, np.nan),
            "statistic": found.strongest,
            "scale": mine.gauge.baselines.scale[found.series],
            "day_size": mine.gauge.shape.size[found.series],
            "before": mine.before[found.series],
            "learnt_from": FIRST_MONDAY_MS + cohort.learnt_from * step_s * 1000,
            "learnt_to": FIRST_MONDAY_MS + cohort.learnt_to * step_s * 1000,
            "course": _courses(found.firmer, begin_ms, bin_ms, changes.level_for(settings.false_alarms_per_series_year)),
        }
    )


def _courses(firmer: IntArray, begin_ms: int, bin_ms: int, level: float) -> list[tuple[tuple[int, float], ...]]:
    """When the evidence of each change had reached which steps above the level: times in ms, evidence."""
    evidence = level + changes.FIRMER_BY * np.arange(changes.N_FIRMER)
    return [
        tuple((begin_ms + (int(bin_) + 1) * bin_ms, float(known)) for bin_, known in zip(bins, evidence, strict=True) if bin_ >= 0)
        for bins in firmer
    ]


def _failing(mine: Watch, found: changes.Changes, looks: IntArray) -> FloatArray:
    """Share of checks that failed from each onset up to each look."""
    spans = [(row, onset, look + 1) for row, onset, at in zip(found.series, found.onset, looks, strict=True) for look in at]
    return np.array([watch.failing_share(mine.measured, *span) for span in spans])


def _once_material(seen: pd.DataFrame, looks: IntArray, cohort: Cohort, settings: params.Baseline) -> pd.DataFrame:
    """Changes as they are now, from the first look on at which they mattered: what was told is not taken back, nor told before its time."""
    full = sized(seen, cohort.scale.kind)
    is_look = np.column_stack([looks[:, :-1] >= 0, np.zeros(len(looks), bool)]).ravel()
    matters = is_material(full, settings) & is_look
    first = full[matters].groupby(level=0).first()
    now = full.iloc[looks.shape[1] - 1 :: looks.shape[1]]
    return now.loc[first.index].assign(detected_at=first["known"], is_up=first["change"] > 0, effect_told=first["effect"])
