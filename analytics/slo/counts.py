"""Steps of panels -> how many checks counted and how many were bad, by service, region, kind of objective and month.

One partition is a block of services with all its steps; it is read a month at a time, so that memory does not depend on how many months
or services there are. Rows of region `ALL` join the regions of a service: their counts are sums, day by day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import calendars, engine, params
from analytics.calendars import Period
from analytics.panel import Panel, PanelRef, Panels, to_ms
from analytics.slo.excluded import Excluded, judged_steps
from analytics.slo.measured import measured_shares
from analytics.slo.promises import SIGNALS

__all__ = ["ALL", "count_checks", "recent_period"]

ALL = ""
"""Stands for the joined regions of a service: no source can name a region so, as it could 'all'."""

COUNTS = ("n", "n_bad", "n_excluded", "measured_s", "seen_s")
COLUMNS = [
    "service", "region", "objective_kind", "period_start", "period_end", "objective", "n", "n_bad", "n_excluded", "measured_s",
    "seen_s", "n_regions", "n_days", "square_bad", "square_n", "cross", "exhausted_ms",
]  # fmt: skip
SHARE_DECIMALS = 6
"""Decimals that are sure of a share stored as float32, whose error is below 6e-8; whole checks are told apart up to half a million."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Services that are counted together: their panels, promises, and what concerns them of outages and masks."""

    key: str
    refs: tuple[PanelRef, ...]
    promises: pd.DataFrame
    excluded: Excluded


@dataclass(frozen=True)
class Month:
    """A period as far as it has come: `end` is its end or the present, `days_ms` where its local days begin."""

    period: Period
    end: pd.Timestamp
    days_ms: IntArray


def recent_period(now: pd.Timestamp, *, days: int) -> Period:
    """The last `days` days before `now`."""
    return Period("recent", now - pd.Timedelta(days=days), now)


def count_checks(
    signals: Panels,
    promises: pd.DataFrame,
    outages: pd.DataFrame,
    masks: pd.DataFrame,
    periods: Sequence[Period],
    *,
    project: params.Project,
    now: pd.Timestamp,
) -> pd.DataFrame:
    """Checks that count and bad ones, one row per service, region (and `ALL`), kind of objective and period with a measured step.

    A step belongs to the period in which it begins. For latency a "check" is a step with a median.

    Returns
    -------
    frame with COLUMNS: counts, `measured_s` (time measured in steps that count) and `seen_s` (in all steps with a value), both the mean of
    the regions; `n_days` and the sums over days that `stats.rates` needs; `exhausted_ms`, when the period's budget was used up (NaN: it was
    not)
    """
    wanted = signals if len(signals) == 0 else _only_judged(signals)
    blocks = list(_blocks(wanted, promises, outages, masks, project.accounting, now))
    ends = [min(period.end, now) for period in periods]
    months = [Month(period, end, _day_starts(period.start, end, project.zone)) for period, end in zip(periods, ends, strict=True)]
    work = partial(count_block, months=tuple(months))
    parts = [part for part in engine.map(work, blocks, workers=project.workers, points=wanted.size) if len(part)]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=_dtype(name)) for name in COLUMNS})
    keys = ["service", "region", "objective_kind", "period_start"]
    return pd.concat(parts, ignore_index=True).sort_values(keys, ignore_index=True)


def _dtype(name: str) -> str:
    return "datetime64[ms, UTC]" if name.startswith("period") else "object" if name in COLUMNS[:3] else "float64"


def _only_judged(signals: Panels) -> Panels:
    """The panels reduced to the series that promises are judged by."""
    refs = [replace(ref, series=ref.series[ref.series["signal"].isin(SIGNALS.values())].reset_index(drop=True)) for ref in signals]
    return Panels([ref for ref in refs if len(ref.series)])


def _blocks(
    signals: Panels, promises: pd.DataFrame, outages: pd.DataFrame, masks: pd.DataFrame, rules: params.Accounting, now: pd.Timestamp
) -> Iterator[Block]:
    for number in sorted({ref.block for ref in signals}):
        refs = tuple(ref for ref in signals if ref.block == number)
        names = {name for ref in refs for name in ref.series["service"]}
        mine = promises[promises["service"].isin(names)].reset_index(drop=True)
        yield Block("+".join(ref.key for ref in refs), refs, mine, Excluded.of(outages, masks, names, rules, now))


def count_block(block: Block, *, months: tuple[Month, ...]) -> pd.DataFrame:
    """`count_checks` of one block."""
    wanted = _Wanted.of(block)
    rows = [row for month in months for row in _count_month(wanted, month, block.excluded)]
    return pd.DataFrame(rows, columns=COLUMNS)


@dataclass(frozen=True)
class _Rows:
    """Series of one panel that one kind of objective is judged by: their rows, the key and the limit of each."""

    kind: str
    row: IntArray
    key: IntArray
    limit: FloatArray


@dataclass(frozen=True)
class _Wanted:
    """What is counted in a block: keys (service, kind, region), the rows of each panel, the objective of each key."""

    keys: list[tuple[str, str, str]]
    panels: list[tuple[PanelRef, list[_Rows]]]
    objectives: dict[tuple[str, str], float]

    @classmethod
    def of(cls, block: Block) -> _Wanted:
        promised = {(row.service, row.objective_kind): row for row in block.promises.itertuples(index=False)}
        number: dict[tuple[str, str, str], int] = {}
        panels = []
        for ref in block.refs:
            names = list(zip(ref.series["service"], ref.series["region"], ref.series["signal"], strict=True))
            found = []
            for kind, signal in SIGNALS.items():
                rows = [row for row, name in enumerate(names) if name[2] == signal and (name[0], kind) in promised]
                keys = [number.setdefault((names[row][0], kind, names[row][1]), len(number)) for row in rows]
                limits = [promised[names[row][0], kind].limit_ms for row in rows]
                found.append(_Rows(kind, np.array(rows, np.int64), np.array(keys, np.int64), np.array(limits, float)))
            panels.append((ref, [one for one in found if len(one.row)]))
        return cls(list(number), panels, {keys: float(row.objective) for keys, row in promised.items()})


@dataclass(frozen=True)
class _Part:
    """Judged steps of one panel and one kind of objective: which key each row belongs to, the rest of shape (n_rows, n_times)."""

    key_of_row: IntArray
    times_ms: IntArray
    length_s: FloatArray
    n: FloatArray
    bad: FloatArray
    left_out: FloatArray


def _count_month(wanted: _Wanted, month: Month, excluded: Excluded) -> Iterator[tuple[object, ...]]:
    parts = list(_parts(wanted, month, excluded))
    if not parts:
        return
    daily = {name: np.zeros((len(wanted.keys), len(month.days_ms))) for name in COUNTS}
    for part in parts:
        _add_days(daily, part, month.days_ms)
    period = month.period
    for (service, kind), objective in sorted(wanted.objectives.items()):
        mine = [row for row, key in enumerate(wanted.keys) if key[:2] == (service, kind)]
        for region, rows in [*((wanted.keys[row][2], [row]) for row in mine), (ALL, mine)]:
            sums = {name: daily[name][rows].sum(axis=0) for name in COUNTS}
            n_bad = _tidy(sums["n_bad"].sum())
            if not sums["seen_s"].any():
                continue
            n_regions = int(daily["seen_s"][rows].any(axis=1).sum())
            measured_s = sums["measured_s"].sum() / n_regions
            allowed = _allowed(sums["n"].sum(), measured_s, objective, to_ms(period.end) - to_ms(month.end))
            spent_up = n_bad > allowed
            yield (
                service, region, kind, period.start, period.end, objective, sums["n"].sum(), n_bad, sums["n_excluded"].sum(),
                measured_s, sums["seen_s"].sum() / n_regions, n_regions, *_day_sums(sums["n"], sums["n_bad"]),
                _exhausted(parts, rows, allowed) if spent_up else np.nan,
            )  # fmt: skip


def _parts(wanted: _Wanted, month: Month, excluded: Excluded) -> Iterator[_Part]:
    """Judged steps of a month, panel by panel."""
    for whole, kinds in wanted.panels:
        for ref in Panels([whole]).between(month.period.start, month.end):
            panel = ref.load().between(month.period.start, month.end)
            if not (panel.values == panel.values).any():
                continue
            for rows in kinds:
                part = replace(panel, series=panel.series.iloc[rows.row], values=panel.values[rows.row], n_checks=panel.n_checks[rows.row])
                length_s = measured_shares(part) * part.step_s
                yield _Part(rows.key, part.times.astype(np.int64), length_s, *_judge(part, rows, excluded))


def _bad_checks(share: npt.NDArray[np.float32], n: FloatArray) -> FloatArray:
    """Bad ones of `n` checks of which `share` was good: whole where checks were counted, a part of them where a share is all that is known.

    A share is stored with 24 bits: what lies within its error of a whole number is that number.
    """
    bad = n * np.round(1 - share.astype(float), SHARE_DECIMALS)
    whole = np.rint(bad)
    return np.where(np.abs(bad - whole) <= n * 10.0**-SHARE_DECIMALS, whole, bad)


def _judge(panel: Panel, rows: _Rows, excluded: Excluded) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Counting checks, bad ones and left-out ones of each step."""
    is_known = np.isfinite(panel.values)
    if rows.kind == "latency":
        n = is_known.astype(float)
        bad = (is_known & (panel.values > rows.limit[:, None])).astype(float)
    else:
        n = np.where(is_known, panel.n_checks, 0).astype(float)
        bad = _bad_checks(np.where(is_known, panel.values, 1), n)
    return judged_steps(panel, n, bad, excluded, is_forgiving=rows.kind == "availability")


def _day_starts(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> IntArray:
    """Local midnights in [start, end), ms; the first is `start` itself."""
    local = calendars.midnights(start, end, zone).asi8
    inside = local[(local > to_ms(start)) & (local < to_ms(end))]
    return np.concatenate([[to_ms(start)], inside]).astype(np.int64)


def _add_days(daily: dict[str, FloatArray], part: _Part, days: IntArray) -> None:
    """Add a panel's steps to the sums of their days, in place."""
    day = np.searchsorted(days, part.times_ms, side="right") - 1
    begins = np.flatnonzero(np.diff(day, prepend=-1))
    counts = part.n > 0
    seen = counts | (part.left_out > 0)
    lengths = {"measured_s": counts * part.length_s, "seen_s": seen * part.length_s}
    for name, values in {"n": part.n, "n_bad": part.bad, "n_excluded": part.left_out, **lengths}.items():
        sums = np.add.reduceat(values, begins, axis=1, dtype=np.float64)
        np.add.at(daily[name], (part.key_of_row[:, None], day[begins][None, :]), sums)


def _allowed(n: float, measured_s: float, objective: float, to_come_ms: int) -> float:
    """Bad checks that the promise allows in the whole period, if what is to come is measured as densely as what was."""
    if n == 0 or not np.isfinite(objective):
        return float("inf")
    return _tidy((1 - objective) * n * (measured_s + to_come_ms / 1000) / measured_s)


def _tidy(n: float) -> float:
    """A number of checks without the dust of its computation: 10 % of 20 checks are 1.9999999999999996."""
    return round(n, 6)


def _day_sums(n: FloatArray, bad: FloatArray) -> tuple[float, ...]:
    return int((n > 0).sum()), float(bad @ bad), float(n @ n), float(bad @ n)


def _exhausted(parts: list[_Part], rows: list[int], allowed: float) -> float:
    """Start (ms) of the step in which the bad checks became more than are allowed."""
    times, counts = [], []
    for part in parts:
        row, column = np.nonzero(part.bad * np.isin(part.key_of_row, rows)[:, None])
        times.append(part.times_ms[column])
        counts.append(part.bad[row, column])
    time, bad = np.concatenate(times), np.concatenate(counts)
    order = np.argsort(time, kind="stable")
    passed = np.round(np.cumsum(bad[order]), 6) > allowed
    # A step shared by several regions is one moment: its first row stands for it.
    return float(time[order][passed.argmax()])
