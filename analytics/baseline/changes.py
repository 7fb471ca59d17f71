"""Lasting changes of each series against its reference: what a baseline must not learn, and what stage drift judges.

A series is compared with a reference learnt when it is one, two and four weeks old and every quarter after that, always from the last four
weeks before. While a change is open its reference is kept: what became worse is never learnt by waiting. Once a person or a rule has
accepted the change, the series is as one that began with it: its references are learnt from what came since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, engine, expected, params, rebaselines, store, tables
from analytics.baseline import follow
from analytics.baseline.fit import fit
from analytics.baseline.follow import Group
from analytics.baseline.judge import judge
from analytics.calendars import DAY_MS
from analytics.expected import Baselines, Kind
from analytics.panel import Panel, PanelRef, Panels, to_ms
from analytics.stats import changes, channels, robust, scan

__all__ = ["find_changes", "series_of"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

FIRST_DAYS = (7, 14, 28)
"""Ages at which a reference is learnt: a week is the least that holds a weekend, four weeks are what the later ones rest on."""

LEARNT_DAYS = 28

KINDS_OF = {"availability": ("availability",), "requests": ("level", "season")}
OTHER_KINDS = ("level", "spread", "season")
"""What can change in a signal and is worth telling; the tail only of response times, by which users are lost."""

LEAST_STEP = 0.4
"""Median step from day to day over the robust spread of days, below which a series has no level."""

LEAST_BINS = 28
"""Bins from which on a reference knows how much a series varies: one with a value a day is judged once it is four weeks old."""

LARGEST_LOG = 20.0
QUARTER_DAYS = 91
"""A reference is learnt again after a quarter in which nothing changed: slow wear of the shape of the week is no change of its own."""


CREPT_WEEKS = 4
CREPT_BACK_WEEKS = (0, 13, 52)
"""Creep is looked for every four weeks: the newest four against those of the reference, and those a quarter and a year before it. The
windows of the scan are too short for what moves by less than their noise in two weeks, and each new reference follows it."""
CREPT_ALPHA = 0.001
"""Chance of a creep in one look: 13 looks a year at up to three old windows are a false alarm in 25 years of a series."""


@dataclass(frozen=True)
class _Cohort:
    """Series judged together: the steps [learnt_from, learnt_to) are the reference, those up to `until` are judged."""

    rows: IntArray
    born: int
    learnt_from: int
    learnt_to: int
    until: int


@dataclass(frozen=True)
class _Block:
    """Series of one scale and clock, their values without what is masked.

    Attributes
    ----------
    accepted : row, start, step: changes that were accepted, as steps of the panel: since when they are there, from when on what came since
        is their reference: accepted, and a week old
    """

    panel: Panel
    group: Group
    clock: calendars.Clock
    values: Float32Array
    accepted: pd.DataFrame

    @property
    def per_day(self) -> int:
        """Steps of a day."""
        return DAY_MS // (self.panel.step_s * 1000)

    @property
    def n_times(self) -> int:
        return self.values.shape[1]


def find_changes(
    signals: Panels,
    masks: pd.DataFrame,
    regions: pd.DataFrame,
    events: pd.DataFrame,
    decisions: pd.DataFrame,
    *,
    settings: params.Baseline,
    project: params.Project,
    now: pd.Timestamp,
) -> pd.DataFrame:
    """Rows of table `changes`: lasting changes of all series that were told before `now`.

    Parameters
    ----------
    events : table `events`
    decisions : rows of `data/decisions/rebaselines.csv`
    """
    series = series_of(signals)
    found, known = None, -1
    accepted = rebaselines.accepted_changes(decisions, _none(), events, series)
    # A change that a rule accepts makes a new reference, against which there may be others that rules accept.
    while found is None or len(accepted) > known:
        known = len(accepted)
        found = _found(signals, masks, regions, accepted[accepted["time"] < now], settings=settings, project=project, now=now)
        accepted = rebaselines.accepted_changes(decisions, found, events, series)
    return found


def series_of(signals: Panels) -> pd.DataFrame:
    """The series of all panels: series_id, service, region."""
    frames = [ref.series[["series_id", "service", "region"]] for ref in signals]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["series_id", "service", "region"])


def _none() -> pd.DataFrame:
    return tables.schema(tables.TABLES["changes"]).empty_table().to_pandas()


def _found(
    signals: Panels,
    masks: pd.DataFrame,
    regions: pd.DataFrame,
    accepted: pd.DataFrame,
    *,
    settings: params.Baseline,
    project: params.Project,
    now: pd.Timestamp,
) -> pd.DataFrame:
    work = partial(
        changes_of, masks=follow.in_ms(masks, now), places=follow.places_of(regions), accepted=accepted, settings=settings
    )  # fmt: skip
    refs = [_named(ref, to_ms(now)) for ref in signals.between(None, now)]
    parts = [part for part in engine.map(work, refs, workers=project.workers, points=sum(ref.size for ref in refs)) if len(part)]
    if not parts:
        return _none()
    return pd.concat(parts, ignore_index=True).sort_values(["series_id", "detected_at", "kind"], ignore_index=True)


def _named(ref: PanelRef, now_ms: int) -> PanelRef:
    """The panel in whole days, under a key that changes with its contents only: columns that tomorrow changes are left out."""
    plain = replace(ref, series=ref.series[[*follow.KEYS, "first"]])
    return store.cut(plain, ref.start_ms // DAY_MS * DAY_MS, min(ref.end_ms, now_ms))


def changes_of(
    ref: PanelRef, *, masks: pd.DataFrame, places: dict[str, tuple[str, str]], accepted: pd.DataFrame, settings: params.Baseline
) -> pd.DataFrame:
    """Changes of the series of one panel; `accepted` are the new normal: series_id, since when they are there, when they were accepted."""
    panel = ref.load()
    return pd.concat([_of_group(_block(panel, group, masks, accepted), settings) for group in follow.groups(panel.series, places)])


def _block(panel: Panel, group: Group, masks: pd.DataFrame, accepted: pd.DataFrame) -> _Block:
    mine = replace(
        panel, series=panel.series.iloc[group.rows], values=panel.values[group.rows], n_checks=panel.n_checks[group.rows]
    )  # fmt: skip
    clock = follow.clock_of(panel, group)
    cells = follow.masked_cells(mine, clock, masks)
    # A holiday is no change: its like comes back next year.
    masked = np.repeat(cells, clock.steps_per_cell, axis=1)[:, clock.lead : clock.lead + mine.values.shape[1]] | clock.is_holiday
    row_of = {name: row for row, name in enumerate(mine.series["series_id"])}
    ours = accepted[accepted["series_id"].isin(row_of)]
    start, step = (np.array([_step_of(panel, to_ms(time)) for time in ours[name]], np.int64) for name in ("start", "time"))
    start = np.maximum(start, 0)
    week_old = start + FIRST_DAYS[0] * DAY_MS // (panel.step_s * 1000)
    rows = np.array([row_of[name] for name in ours["series_id"]], np.int64)
    found = pd.DataFrame({"row": rows, "start": start, "step": np.maximum(step, week_old)})
    return _Block(mine, group, clock, np.where(masked, np.float32(np.nan), mine.values), found)


def _step_of(panel: Panel, time_ms: float) -> int:
    """The first step that begins at or after a time."""
    return int(-(-(time_ms - panel.start_ms) // (panel.step_s * 1000)))


def _of_group(block: _Block, settings: params.Baseline) -> pd.DataFrame:
    """Changes of a block, cohort by cohort from the first reference to the end of the data."""
    found = pd.DataFrame({"row": [], "end": []})
    waiting = list(_first_cohorts(block))
    while waiting:
        cohort = waiting.pop(0)
        told = _judged(block, cohort, found, settings)
        parts = [part for part in (found, told.assign(until=cohort.until)) if len(part)]
        found = pd.concat(parts, ignore_index=True) if parts else found
        waiting += _next_cohorts(block, cohort, told)
    if found.empty:
        return _none()
    # A reference that was kept is judged again up to a later step: its last judgement holds all that was told before.
    newest = found.groupby(["row", "learnt_to"])["until"].transform("max")
    return _rows(found[found["until"] == newest], block)


def _first_cohorts(block: _Block) -> Iterator[_Cohort]:
    """Series that began on the same day, once they are a week old."""
    born = _first_of(block)
    for start in np.unique(born):
        learnt_to = start + FIRST_DAYS[0] * block.per_day
        if learnt_to < block.n_times:
            rows = np.flatnonzero(born == start)
            yield _Cohort(rows, int(start), int(start), int(learnt_to), _next_stop(block, rows, int(start), int(learnt_to)))


def _next_stop(block: _Block, rows: IntArray, born: int, step: int) -> int:
    """The next step after `step` at which series that began at `born` may get a new reference, or the end of the data."""
    accepted = block.accepted.loc[block.accepted["row"].isin(rows), "step"]
    later = [stop for stop in [*_ages(block, born), *accepted] if step < stop < block.n_times]
    return int(min([*later, block.n_times]))


def _ages(block: _Block, born: int) -> list[int]:
    """Steps at which series that began at `born` get a new reference."""
    days = (*FIRST_DAYS, *range(FIRST_DAYS[-1] + QUARTER_DAYS, (block.n_times - born) // block.per_day + 1, QUARTER_DAYS))
    return [born + age * block.per_day for age in days]


def _next_cohorts(block: _Block, cohort: _Cohort, told: pd.DataFrame) -> Iterator[_Cohort]:
    """How the series go on after `cohort.until`: with a new reference of their age or of what was accepted, else with the one there was."""
    stop = cohort.until
    if stop >= block.n_times:
        return
    until = _next_stop(block, cohort.rows, cohort.born, stop)
    rows = set(cohort.rows.tolist())
    for one in block.accepted[block.accepted["step"] == stop].sort_values("start", ascending=False).itertuples():
        begin = max(int(one.start), stop - LEARNT_DAYS * block.per_day)
        if one.row in rows and one.start >= cohort.born:
            rows.discard(one.row)
            alone, born = np.array([one.row]), int(one.start)
            yield _Cohort(alone, born, begin, stop, _next_stop(block, alone, born, stop))
    held = rows & set(told.loc[told["end"].isna(), "row"])
    renewed = rows - held if stop in _ages(block, cohort.born) else set()
    if renewed:
        begin = max(cohort.born, stop - LEARNT_DAYS * block.per_day)
        yield replace(cohort, rows=np.array(sorted(renewed)), learnt_from=begin, learnt_to=stop, until=until)
    if rows - renewed:
        yield replace(cohort, rows=np.array(sorted(rows - renewed)), until=until)


def _judged(block: _Block, cohort: _Cohort, before: pd.DataFrame, settings: params.Baseline) -> pd.DataFrame:
    """Changes of a cohort that matter: `row` of the block, times in ms, the change on the scale that the series is learnt on.

    Changes told `before` that were over when the reference was learnt are left out of it. Series with bins of one length are judged
    together, so that no series is judged otherwise for its neighbours.
    """
    values = block.values[cohort.rows, cohort.learnt_from : cohort.until]
    learnt = cohort.learnt_to - cohort.learnt_from
    over = before[before["row"].isin(cohort.rows) & (before["end"] <= block.panel.start_ms + cohort.learnt_to * block.panel.step_s * 1000)]
    for one in over.itertuples():
        begin, end = (_step_of(block.panel, time) - cohort.learnt_from for time in (one.start, one.end))
        values[cohort.rows == one.row, max(begin, 0) : max(end, 0)] = np.nan
    present = np.isfinite(values[:, :learnt]).mean(axis=1)
    bin_s = np.array([channels.bin_length_s(block.panel.step_s, float(share)) for share in present])
    lengths = np.unique(bin_s[learnt * block.panel.step_s >= LEAST_BINS * bin_s])
    alike = [np.flatnonzero(bin_s == length) for length in lengths]
    parts = [_judged_alike(block, replace(cohort, rows=cohort.rows[rows]), values[rows], settings) for rows in alike]
    parts.append(_crept(block, cohort, pd.concat(parts) if parts else before, settings))
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame({"row": [], "end": []})


def _crept(block: _Block, cohort: _Cohort, told: pd.DataFrame, settings: params.Baseline) -> pd.DataFrame:
    """Series of a cohort that have moved for long, but too slowly for `scan`: changes of the level since the old window that shows it.

    A series with a change in the newest weeks that was `told` is left out: what it was is known better.
    """
    length = CREPT_WEEKS * 7 * block.per_day
    is_moving = [
        block.group.kind != "logit" and "level" in _kinds_of(name) for name in block.panel.series["signal"].to_numpy()[cohort.rows]
    ]
    rows, parts = cohort.rows[is_moving], []
    for stop in range(cohort.born + 2 * length, cohort.until + 1, length):
        if stop - length < cohort.learnt_to or not len(rows):
            continue
        since_ms, stop_ms = (block.panel.start_ms + step * block.panel.step_s * 1000 for step in (stop - length, stop))
        busy = told.loc[(told["end"].isna() | (told["end"] > since_ms)) & (told["start"] < stop_ms), "row"]
        for back in CREPT_BACK_WEEKS:
            begin = cohort.learnt_to - length - back * 7 * block.per_day
            quiet = rows[~np.isin(rows, busy)]
            if begin < cohort.born or not len(quiet):
                continue
            crept = _difference(block, quiet, begin, stop - length, length)
            crept = crept[
                _is_material(crept, block.panel.series["signal"].to_numpy()[crept["row"]], settings) & (crept["p"] <= CREPT_ALPHA)
            ]
            rows = rows[~np.isin(rows, crept["row"])]
            parts.append(crept.assign(detected_at=stop_ms, learnt_to=block.panel.start_ms + cohort.learnt_to * block.panel.step_s * 1000))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"row": [], "end": []})


def _difference(block: _Block, rows: IntArray, old: int, new: int, length: int) -> pd.DataFrame:
    """Difference of level of two stretches that begin at the steps `old` and `new`: Student's test of the means of their weeks."""
    from scipy.special import stdtr, stdtrit

    both = [expected.transform(block.values[rows, begin : begin + length], block.group.kind) for begin in (old, new)]
    weeks = np.stack([robust.midmean(part.reshape(len(rows), CREPT_WEEKS, -1)) for part in both]).astype(float)
    present = np.stack([np.isfinite(part).mean(axis=1) for part in both]).min(axis=0)
    change = weeks[1].mean(axis=1) - weeks[0].mean(axis=1)
    degrees = 2 * (CREPT_WEEKS - 1)
    deviation = np.sqrt(weeks.var(axis=2, ddof=1).sum(axis=0) / CREPT_WEEKS)
    p_value = 2 * stdtr(degrees, -np.abs(change) / np.maximum(deviation, np.finfo(float).tiny))
    week = 7 * block.per_day
    start_ms, high_ms, until_ms = (block.panel.start_ms + step * block.panel.step_s * 1000 for step in (old, new, new + length))
    reach = stdtrit(degrees, 0.975) * deviation
    found = pd.DataFrame(
        {
            "row": rows,
            "kind": pd.array(["level"] * len(rows), dtype="str"),
            "start": start_ms,
            "start_low": start_ms,
            "start_high": high_ms,
            "known": until_ms,
            "end": np.nan,
            "statistic": [changes.level_for(len(CREPT_BACK_WEEKS) * 52 / CREPT_WEEKS * max(p, 1e-300)) for p in p_value],
            "scale": robust.mad(both[0][:, week:] - both[0][:, :-week]) / np.sqrt(2),
            "before": expected.untransform(weeks[0].mean(axis=1), block.group.kind),
            "change": change,
            "change_low": change - reach,
            "change_high": change + reach,
            "is_up": change > 0,
            "p": p_value,
            "learnt_from": start_ms,
        }
    )
    sized = _sized(found[np.isfinite(p_value) & (present >= 0.5)].assign(day_size=np.nan), block)
    return sized.assign(effect_told=sized["effect"])


def _judged_alike(block: _Block, cohort: _Cohort, values: Float32Array, settings: params.Baseline) -> pd.DataFrame:
    """As `_judged`, of series with bins of one length."""
    clock = block.clock.between(cohort.learnt_from, cohort.until)
    learnt = cohort.learnt_to - cohort.learnt_from
    is_share = block.group.kind == "logit"
    n_checks = block.panel.n_checks[cohort.rows, cohort.learnt_from : cohort.learnt_to] if is_share else None
    baselines = fit(values[:, :learnt], clock.between(0, learnt), kind=block.group.kind, n_checks=n_checks)
    nothing = np.full_like(values, np.nan)
    evidence = judge(nothing if is_share else values, 1 - values if is_share else nothing, clock, baselines=baselines, learnt=learnt)
    found = changes.find_changes(_telling(evidence, block, cohort, learnt), changes.level_for(settings.false_alarms_per_series_year))
    bin_ms = DAY_MS // evidence.channels.bins_per_day
    begin_ms = clock.start_ms - int(clock.local_ms[0] % bin_ms)
    told = pd.DataFrame(
        {
            "row": cohort.rows[found.series],
            "kind": pd.array([scan.KINDS[kind] for kind in found.kind], dtype="str"),
            "start": begin_ms + found.onset * bin_ms,
            "start_low": begin_ms + found.onset_low * bin_ms,
            "start_high": begin_ms + found.onset_high * bin_ms,
            "end": np.where(found.closed >= 0, begin_ms + (found.closed + 1.0) * bin_ms, np.nan),
            "statistic": found.strongest,
            "scale": baselines.scale[found.series],
            "day_size": evidence.channels.day_size[found.series].ravel(),
            "before": _usual(block, baselines, values[:, :learnt])[found.series],
            "learnt_from": clock.start_ms,
            "learnt_to": clock.start_ms + learnt * block.panel.step_s * 1000,
        }
    )
    last = np.where(found.closed >= 0, found.closed, evidence.channels.level.shape[1] - 1)
    looks = np.column_stack([found.looks, last])
    newest = np.stack([found.effect, found.effect_low, found.effect_high], axis=1)
    effects = np.concatenate([found.looked, newest[:, None]], axis=1)
    seen = told.loc[told.index.repeat(looks.shape[1])]
    seen = seen.assign(known=begin_ms + (looks.ravel() + 1) * bin_ms)
    seen[["change", "change_low", "change_high"]] = effects.reshape(-1, 3)
    return _once_material(seen, looks, block, settings)


def _once_material(seen: pd.DataFrame, looks: IntArray, block: _Block, settings: params.Baseline) -> pd.DataFrame:
    """Changes as they are now, from the first look on at which they mattered: what was told is not taken back, nor told before its time."""
    sized = _sized(seen, block)
    is_look = np.column_stack([looks[:, :-1] >= 0, np.zeros(len(looks), bool)]).ravel()
    matters = _is_material(sized, block.panel.series["signal"].to_numpy()[sized["row"]], settings) & is_look
    first = sized[matters].groupby(level=0).first()
    now = sized.iloc[looks.shape[1] - 1 :: looks.shape[1]]
    return now.loc[first.index].assign(detected_at=first["known"], is_up=first["change"] > 0, effect_told=first["effect"])


def _failing(block: _Block, row: int, start_ms: int, end_ms: int) -> float:
    """Share of the checks of a series that failed between two times."""
    begin, end = (_step_of(block.panel, time) for time in (start_ms, end_ms))
    return 1 - float(robust.mean(block.values[row, max(begin, 0) : max(end, 0)]))


def _telling(evidence: scan.Evidence, block: _Block, cohort: _Cohort, learnt: int) -> scan.Evidence:
    """Evidence of the kinds of change that mean something for the signal; none for series that have no level to return to."""
    signals = block.panel.series["signal"].to_numpy()[cohort.rows]
    is_told = np.array([[kind in _kinds_of(signal) for kind in scan.KINDS] for signal in signals])
    if block.group.kind == "linear":
        is_told &= _has_level(block.values[cohort.rows, cohort.learnt_from : cohort.learnt_from + learnt], block.per_day)[:, None]
    return replace(evidence, statistic=np.where(is_told[:, :, None], evidence.statistic, -np.inf))


def _kinds_of(signal: str) -> tuple[str, ...]:
    if signal.startswith("latency"):
        return ("level", "spread", "tail", "season")
    return KINDS_OF.get(signal, OTHER_KINDS)


def _has_level(values: Float32Array, per_day: int) -> BoolArray:
    """Whether the days of a series come and go about a level: a disk that fills or a certificate that ages moves on every day.

    Of independent days the median step is 0.95 robust spreads, of days with a correlation of one half 0.67, of a straight line over a week
    0.34 and less over more.
    """
    days = robust.median(values[:, : values.shape[1] // per_day * per_day].reshape(len(values), -1, per_day))
    step, spread = robust.median(np.abs(np.diff(days, axis=1))), robust.mad(days)
    return ~(step < LEAST_STEP * spread)


def _usual(block: _Block, baselines: Baselines, values: Float32Array) -> FloatArray:
    """What a change is relative to, in the unit of the series: the middle of the expected week; of shares, the share that fails."""
    if block.group.kind == "logit":
        return 1 - robust.mean(values).astype(float)
    return np.asarray(expected.untransform(robust.mean(baselines.location), block.group.kind), float)


def _sized(found: pd.DataFrame, block: _Block) -> pd.DataFrame:
    """Changes with `effect` and its interval (relative), and beside them `size` (in scales; of level and season)."""
    is_share = block.group.kind == "logit"
    spans = zip(found["row"], found["start"], found["known"], strict=True)
    known = found.assign(after=[_failing(block, *span) for span in spans] if is_share else np.nan)
    return known.assign(
        **{f"effect{end}": _relative(known, known[f"change{end}"], block.group.kind) for end in ("", "_low", "_high")},
        size=np.where(known["kind"] == "season", known["day_size"], 1.0) * known["change"] / known["scale"],
    )


def _relative(found: pd.DataFrame, change: pd.Series, kind: Kind) -> FloatArray:
    """Changes as fractions of what was usual; of slow answers and of failures the change of their share."""
    before = found["before"].to_numpy(float)
    as_log = np.expm1(np.minimum(change.to_numpy(float), LARGEST_LOG))
    with np.errstate(invalid="ignore", divide="ignore"):
        if kind == "linear":
            level = change.to_numpy(float) / np.abs(before)
        elif kind == "count":
            level = expected.untransform(expected.transform(before, kind) + change.to_numpy(float), kind) / before - 1
        else:
            level = as_log
    # Failures are told by the hours in which they begin; what they are in checks, the checks say.
    point = np.expm1(np.minimum(found["change"].to_numpy(float), LARGEST_LOG))
    with np.errstate(invalid="ignore", divide="ignore"):
        failing = as_log * (found["after"].to_numpy(float) - before) / point
    kinds = [found["kind"] == name for name in ("level", "season", "spread", "tail")]
    return np.clip(np.select(kinds, [level, change.to_numpy(float), as_log, channels.TAIL_SHARE * as_log], default=failing), -1, None)


def _is_material(found: pd.DataFrame, signal: npt.NDArray[np.object_], settings: params.Baseline) -> BoolArray:
    effect, kind = found["effect"].to_numpy(float), found["kind"].to_numpy()
    absolute = np.abs(effect) * np.abs(found["before"].to_numpy(float))
    is_time = np.array([name.startswith("latency") for name in signal], bool)
    is_seen = np.abs(found["size"].to_numpy(float)) >= settings.min_effect_size
    level = is_seen & (np.abs(effect) >= settings.min_relative_change) & (~is_time | (absolute >= settings.min_latency_change_ms))
    # What has no course of the day to speak of loses it, or doubles it, by chance.
    shape = (is_seen | (kind != "season")) & (np.abs(effect) >= settings.min_shape_change)
    share = np.abs(effect) >= np.where(kind == "tail", settings.min_slow_change, settings.min_failing_change)
    return np.select([kind == "level", np.isin(kind, ("tail", "availability"))], [level, share], default=shape)


def _rows(found: pd.DataFrame, block: _Block) -> pd.DataFrame:
    """Rows of table `changes`."""
    series = block.panel.series
    begun = pd.Series(_first_of(block) + FIRST_DAYS[0] * block.per_day)
    judged_years = (block.n_times - begun[found["row"]].to_numpy()) / (365.25 * block.per_day)
    times = ("detected_at", "start", "start_low", "start_high", "end", "learnt_from", "learnt_to")
    rows = found.assign(
        series_id=series["series_id"].to_numpy()[found["row"]],
        direction=_direction(found, series["signal"].to_numpy()[found["row"]]),
        p_value=changes.p_value(found["statistic"].to_numpy(float), years=judged_years),
        effect_size=found["size"].where(found["kind"] == "level"),
        **{name: _utc(found[name]) for name in times},
    )
    return rows[tables.TABLES["changes"].names].reset_index(drop=True)


def _first_of(block: _Block) -> IntArray:
    """Step of the midnight before each series begins."""
    since = np.array([to_ms(time) for time in block.panel.series["first"]], np.int64) - block.panel.start_ms
    return since // DAY_MS * block.per_day


def _direction(found: pd.DataFrame, signal: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Slower, more uneven and more failures are regressions; of other signals and of the course of the day nobody can say."""
    is_judged = np.array([name.startswith("latency") or name == "availability" for name in signal], bool)
    is_judged &= (found["kind"] != "season").to_numpy()
    return np.where(is_judged, np.where(found["is_up"], "regression", "improvement"), "neutral")


def _utc(times_ms: pd.Series) -> pd.Series:
    return pd.to_datetime(times_ms.astype("Float64"), unit="ms", utc=True).astype("datetime64[ms, UTC]")
