"""Silence as a finding: nothing comes from a service for longer than it usually pauses, or nothing comes at all.

What stops is known by what goes on: the time in which no series has a value is nobody's silence but that of all together. So the
silence of a service is measured in time in which others are heard, and a source that stops is one finding, not one of each service.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params, tables, words
from analytics.stats.patience import WEEK_S, patience

__all__ = ["ALL_SERVICES", "findings_of_silences"]

FloatArray = npt.NDArray[np.float64]

ALL_SERVICES = "all services"
"""Stands for a service in the finding that nothing comes at all."""

TIMED = ("latency_ms", "latency_p95_ms")
"""Signals that have no value while all checks fail: beside an availability they are silent when that is."""

HALF_PATIENCES = 2.0
"""A silence is half as bad as can be after so many times the patience: told as a warning if the whole service is silent, critical after
40 min where 15 min are the patience. Judgement."""

GROWS = tuple(2.0**power for power in range(1, 6))
"""Multiples of the patience after which a silence is graded again; after the last it has 0.99998 of its severity."""

ENDED_PATIENCES = 2.0
"""What has ended has been silent for so many times its patience at least."""


@dataclass(frozen=True)
class _Stream:
    """What can fall silent: a series, or the checks of a service in a region, which are `n_series`; from `first` (s since 1970) on."""

    service: str
    region: str
    series_id: str
    signals: tuple[str, ...]
    n_series: int
    step_s: int
    first: float


@dataclass(frozen=True)
class _Silence:
    """A stream that was silent for longer than usual; times in s since 1970.

    `end` and `back_at`, when values came again and when that was known, are infinite while none have; `ended_at`: from then on it counts as
    ended; `closed_at` is the earlier of the two.
    """

    service: str
    region: str
    series_id: str
    name: str
    signals: tuple[str, ...]
    n_series: int
    start: float
    known_at: float
    end: float
    back_at: float
    ended_at: float
    patience_s: float

    @property
    def closed_at(self) -> float:
        return min(self.back_at, self.ended_at)

    def is_open(self, at: float) -> bool:
        return self.known_at <= at < self.closed_at

    def has_ended(self, at: float) -> bool:
        return self.ended_at <= at < self.back_at


@dataclass(frozen=True)
class _Heard:
    """The clock that stands while nothing comes at all: in the pauses [start, back) of all series, in order; the last has no end."""

    start: FloatArray
    back: FloatArray

    @property
    def _lost(self) -> FloatArray:
        """Time lost before each pause."""
        return np.concatenate([[0.0], np.cumsum(self.back - self.start)[:-1]])

    def at(self, time: FloatArray) -> FloatArray:
        """What the clock shows."""
        place = np.searchsorted(self.start, time, side="right") - 1
        inside = np.minimum(time, self.back[place]) - self.start[place]
        return time - np.where(place >= 0, self._lost[place] + inside, 0.0)

    def when(self, shown: FloatArray) -> FloatArray:
        """First time at which it shows that."""
        n_before = np.searchsorted(self.start - self._lost, shown, side="left")
        return shown + np.concatenate([[0.0], np.cumsum(self.back - self.start)])[n_before]


def findings_of_silences(
    gaps: pd.DataFrame, series: pd.DataFrame, masks: pd.DataFrame, *, settings: params.Alerts, now: pd.Timestamp
) -> pd.DataFrame:
    """Services of which nothing came in a region for longer than usual, as findings, in the columns of `tables.FINDINGS`.

    One finding is of a service in a region: from the end of the last step with a value, known when the patience has run out, told again as
    it grows and as more falls silent, and over when values have come again; or, after `settings.ended_s`, for ever. It is as grave as long,
    and as large the share of the service's series that are silent: ``100 (1 - 2 ** -(time / (2 patience))) sqrt(share)``; the root, so that
    one of nine regions still is told. That nothing comes of anything is a finding of its own, of `ALL_SERVICES`, and is open until
    something does.

    Parameters
    ----------
    gaps, series, masks : tables of these names
        Pauses inside masks teach nothing about what is usual. Series that are written on change only are never silent.
    now : what time it is
    """
    if series.empty:
        return _typed([])
    pauses = _pauses_of_all(gaps, series)
    heard = _Heard(pauses["start"].to_numpy(), pauses["back_at"].to_numpy())
    streams = _streams(series)
    silences = _silences(_pauses(gaps, streams, masks), heard, settings, _s(now))
    rows = list(_rows_of_all(pauses, streams, silences, settings, _s(now)))
    known = {service: _read(mine) for service, mine in streams.groupby("service", observed=True)}
    for service, mine in groupby(silences, attrgetter("service")):
        rows += _rows_of_service(list(mine), known[service], heard, _s(now))
    return _typed(rows)


def _s(time: Any) -> float:
    return float(pd.Timestamp(time).timestamp())


def _seconds(times: pd.Series) -> FloatArray:
    return (pd.to_datetime(times, utc=True) - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)


def _pauses_of_all(gaps: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Pauses of all series together, in order: start, end, back_at; the last one goes on."""
    mine = gaps[gaps["series_id"].isna()].sort_values("start")
    rows = pd.DataFrame({"start": _seconds(mine["start"]), "end": _seconds(mine["end"]), "back_at": _seconds(mine["known_at"])})
    last = _seconds(series["last"])
    # Of several that have a value in the newest step the shortest says most.
    until = last.max() + series["step_s"].to_numpy(np.float64)[last == last.max()].min()
    rows.loc[len(rows)] = [until, math.inf, math.inf]
    return rows


def _streams(series: pd.DataFrame) -> pd.DataFrame:
    """What can fall silent: series_id, service, region, name, signals, n_series, step_s, first, until (end of the last value's step), s.

    Checks are one, by their availability; every other series is one.
    """
    mine = series[series["origin"] != "change"].sort_values(["service", "region", "signal"])
    place = pd.MultiIndex.from_frame(mine[["service", "region"]])
    is_checked = place.isin(place[mine["signal"] == "availability"])
    stream = mine["signal"].where(~(is_checked & mine["signal"].isin(TIMED)), "availability")
    key = ["service", "region", "stream"]
    of = mine.assign(stream=stream).groupby(key, observed=True)["signal"].agg(signals=tuple, n_series="size").reset_index()
    leads = mine.rename(columns={"signal": "stream"})[[*key, "series_id", "step_s", "first", "last"]].merge(of, on=key)
    times = {"first": _seconds(leads["first"]), "until": _seconds(leads["last"]) + leads["step_s"]}
    return leads.assign(name=leads["stream"].replace({"availability": "checks"}), **times)


def _pauses(gaps: pd.DataFrame, streams: pd.DataFrame, masks: pd.DataFrame) -> pd.DataFrame:
    """All pauses of the streams in the order of service, region, stream and time, the last of each going on: with start, end, back_at, s;
    `is_masked`: inside a mask."""
    times = {new: _seconds(gaps[old]) for new, old in (("start", "start"), ("end", "end"), ("back_at", "known_at"))}
    ended = gaps[["series_id"]].assign(**times).dropna(subset="series_id")
    going_on = pd.DataFrame({"series_id": streams["series_id"], "start": streams["until"], "end": math.inf, "back_at": math.inf})
    both = pd.concat([part for part in (ended, going_on) if len(part)], ignore_index=True)
    pauses = both.merge(streams, on="series_id").sort_values(["service", "region", "stream", "start"], ignore_index=True)
    return pauses.assign(is_masked=_is_masked(pauses, masks))


def _is_masked(pauses: pd.DataFrame, masks: pd.DataFrame) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(pauses), bool)
    step = pauses["step_s"]
    for mask, start, end in zip(masks.itertuples(), _seconds(masks["start"]), _seconds(masks["end"]), strict=True):
        # A step without a value begins up to one before the mask, and ends up to one after it.
        is_in = ((pauses["start"] >= start - step) & (pauses["end"] <= end + step)).to_numpy(bool)
        for name in ("service", "region"):
            if not pd.isna(getattr(mask, name)):
                is_in = is_in & (pauses[name] == getattr(mask, name)).to_numpy(bool)
        found |= is_in
    return found


def _patience(
    stream: npt.NDArray[np.int64], start: FloatArray, length: FloatArray, step_s: FloatArray, settings: params.Alerts
) -> FloatArray:
    least_s = np.maximum(settings.silent_steps * step_s, settings.silent_s)
    memory_s = WEEK_S * settings.silence_weeks
    return patience(stream, start, length, per_week=settings.silences_per_week, memory_s=memory_s, least_s=least_s)


def _silences(pauses: pd.DataFrame, heard: _Heard, settings: params.Alerts, now: float) -> list[_Silence]:
    """Pauses that were longer than usual by `now`."""
    if pauses.empty:
        return []
    start, back = pauses["start"].to_numpy(np.float64), pauses["back_at"].to_numpy(np.float64)
    step_s = pauses["step_s"].to_numpy(np.float64)
    begun = heard.at(start)
    length = np.where(pauses["is_masked"] | np.isinf(back), np.nan, heard.at(np.where(np.isinf(back), start, back)) - begun)
    number = np.cumsum((pauses["series_id"] != pauses["series_id"].shift()).to_numpy(np.int64))
    patient = _patience(number, start, length, step_s, settings)
    known_at = heard.when(begun + patient)
    ended_at = heard.when(begun + np.maximum(settings.ended_s, ENDED_PATIENCES * patient))
    rows = pauses.assign(known_at=known_at, ended_at=ended_at, patience_s=patient)
    names = list(_Silence.__dataclass_fields__)
    # What was never heard for that long cannot be missed for it.
    is_heard = start - pauses["first"].to_numpy(np.float64) >= patient
    told = rows[is_heard & (known_at < back) & (known_at <= now)].sort_values(["service", "region", "known_at", "stream"])
    return [_Silence(**row) for row in told[names].to_dict("records")]


def _rows_of_service(silences: Sequence[_Silence], streams: Sequence[_Stream], heard: _Heard, now: float) -> Iterator[dict[str, object]]:
    """Rows of the findings of one service: at each time at which more was known of it."""
    moments = {moment for silence in silences for moment in (silence.known_at, silence.closed_at)}
    for _, mine in groupby(silences, attrgetter("region")):
        for members in _episodes(mine):
            first, until = members[0], max(silence.closed_at for silence in members)
            grown = heard.when(heard.at(np.array(first.start)) + first.patience_s * np.array(GROWS)).tolist()
            before: dict[str, object] = {}
            for at in sorted(at for at in {*moments, *grown} if first.known_at <= at <= min(until, now)):
                row = _row(members, at, _severity(silences, streams, first, heard, at), streams, before, now)
                if {**row, "known_at": None} != {**before, "known_at": None}:
                    yield row
                before = row


def _episodes(silences: Iterable[_Silence]) -> list[list[_Silence]]:
    """Silences of one service in one region that overlap, as they became known, are one."""
    found: list[list[_Silence]] = []
    for silence in silences:
        if found and silence.known_at <= max(one.closed_at for one in found[-1]):
            found[-1].append(silence)
        else:
            found.append([silence])
    return found


def _read(streams: pd.DataFrame) -> list[_Stream]:
    return [_Stream(**row) for row in streams[list(_Stream.__dataclass_fields__)].to_dict("records")]


def _measured(streams: Iterable[_Stream], silences: Iterable[_Silence], at: float) -> list[_Stream]:
    """Streams that had begun, and have not ended."""
    ended = {silence.series_id for silence in silences if silence.has_ended(at)}
    return [stream for stream in streams if stream.first < at and stream.series_id not in ended]


def _severity(silences: Sequence[_Silence], streams: Sequence[_Stream], first: _Silence, heard: _Heard, at: float) -> float:
    n_silent = sum(silence.n_series for silence in silences if silence.is_open(at))
    share = n_silent / max(1, sum(stream.n_series for stream in _measured(streams, silences, at)))
    lasted = float(heard.at(np.array(at)) - heard.at(np.array(first.start)))
    return 100 * _grown(lasted, first.patience_s) * math.sqrt(min(1.0, share))


def _grown(lasted_s: float, patience_s: float) -> float:
    return 1 - float(2.0 ** (-lasted_s / (HALF_PATIENCES * patience_s)))


def _row(
    members: Sequence[_Silence], at: float, severity: float, streams: Sequence[_Stream], before: dict[str, object], now: float
) -> dict[str, object]:
    """What was known of a finding at a time; once it is over, what was known before. Only the words know of later what came back."""
    first, is_open = members[0], [silence for silence in members if silence.is_open(at)]
    if is_open:
        here = _measured((stream for stream in streams if stream.region == first.region), members, at)
        names = [silence.name for silence in is_open]
        said: dict[str, object] = {
            "what": "no data" if len(is_open) == len(here) else f"no {words.listed(names)}",
            "size": f"for more than {words.duration(first.patience_s)}, unlike its usual pauses",
            "signals": sorted({signal for silence in is_open for signal in silence.signals}),
            "state": "open",
            "end": None,
            "severity": severity,
        }
    elif all(silence.has_ended(at) for silence in members if silence.known_at <= at):
        end = max(silence.ended_at for silence in members if silence.known_at <= at)
        said = {**before, **_ended(first, end, str(before["what"]), now), "state": "expired", "end": end}
    else:
        end = max(silence.end for silence in members if silence.known_at <= at and not silence.has_ended(at))
        said = {**before, "size": f"for {words.duration(end - first.start)}", "state": "over", "end": end}
    return {
        **said,
        "finding_id": _id(first.series_id, first.start),
        "service": first.service,
        "region": first.region,
        "start": first.start,
        "known_at": at,
    }


def _ended(first: _Silence, end: float, what: str, now: float) -> dict[str, object]:
    """Words for what was silent for so long that it counts as ended, whether or not it came back since."""
    lasted = words.duration(end - first.start)
    if first.back_at <= now:
        return {"what": what, "size": f"for {words.duration(first.end - first.start)}; after {lasted} it counted as ended"}
    return {"what": f"{what} any more", "size": f"for {lasted}: it counts as ended"}


def _usual_step(streams: Sequence[_Stream]) -> float:
    """Median: where one service is checked every minute and all others every hour, its silence is not that of all."""
    steps = sorted(stream.step_s for stream in streams)
    return float(steps[(len(steps) - 1) // 2]) if steps else math.inf


def _rows_of_all(
    pauses: pd.DataFrame, streams: pd.DataFrame, silences: Sequence[_Silence], settings: params.Alerts, now: float
) -> Iterator[dict[str, object]]:
    """Rows of the findings that nothing came of anything: as grave as the silence of all services together."""
    start, back = pauses["start"].to_numpy(np.float64), pauses["back_at"].to_numpy(np.float64)
    known = _read(streams)
    measured = [_measured(known, silences, at) for at in start]
    step_s = np.array([_usual_step(here) for here in measured])
    length = np.where(np.isinf(back), np.nan, back - start)
    patient = _patience(np.zeros(len(pauses), np.int64), start, length, step_s, settings)
    is_heard = start - streams["first"].min() >= patient
    for place in np.flatnonzero(is_heard & (start + patient < back) & (start + patient <= now)):
        here = measured[place]
        services, regions = ({getattr(stream, name) for stream in here} for name in ("service", "region"))
        row = {
            "finding_id": _id(ALL_SERVICES, start[place]),
            "service": here[0].service if len(services) == 1 else ALL_SERVICES,
            "region": here[0].region if len(services) == len(regions) == 1 else None,
            "signals": sorted({signal for stream in here for signal in stream.signals}) if len(services) == 1 else ["any"],
            "start": start[place],
            "what": "no data",
            "end": None,
        }
        for times in (1.0, *GROWS):
            at = start[place] + times * patient[place]
            if at < back[place] and at <= now:
                left = (1 - _grown(at - start[place], patient[place])) ** len(services)
                size = f"for more than {words.duration(patient[place])}: are the sources still fed?"
                row = {**row, "known_at": at, "severity": 100 * (1 - left), "size": size, "state": "open"}
                yield row
        if back[place] <= now:
            end = float(pauses["end"].iloc[place])
            yield {**row, "known_at": back[place], "end": end, "size": f"for {words.duration(end - start[place])}", "state": "over"}


def _id(of: str, start: float) -> str:
    return hashlib.blake2b(f"{of}\0{round(start * 1000)}".encode(), digest_size=8).hexdigest()


def _typed(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows in the columns and types of `tables.FINDINGS`."""
    told = {"finding": "silence", "direction": "regression", "event": None, "evidence": "ingest.html#where-the-data-have-holes"}
    found = pd.DataFrame([{**row, **told} for row in rows], columns=tables.FINDINGS.names)
    found["region"] = found["region"].astype("object").where(found["region"].notna(), None)
    for name in ("known_at", "start", "end"):
        ms = (pd.to_numeric(found[name]) * 1000).round().astype("Int64")
        found[name] = pd.to_datetime(ms, unit="ms", utc=True).astype("datetime64[ms, UTC]")
    return found
