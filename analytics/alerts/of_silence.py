"""Silence as a finding: nothing comes from a service for longer than it usually pauses, or nothing comes at all.

A finding is of a service in a region, whichever of its series have stopped; what happens to it is told as it was known then.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params, tables, words
from analytics.alerts.silent import Heard, Silence, Stream, pauses_of_all, read_streams, silences_of, streams_of, usual_patience

__all__ = ["ALL_SERVICES", "findings_of_silences"]

FloatArray = npt.NDArray[np.float64]

ALL_SERVICES = "all services"
"""Stands for a service in the finding that nothing comes at all."""

HALF_PATIENCES = 2.0
"""A silence is half as bad as can be after so many times the patience: told as a warning if the whole service is silent, critical after
40 min where 15 min are the patience. Judgement."""

GROWS = tuple(2.0**power for power in range(1, 6))
"""Multiples of the patience after which a silence is graded again; after the last it has 0.99998 of its severity."""


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
    pauses = pauses_of_all(gaps, series)
    heard = Heard(pauses["start"].to_numpy(), pauses["back_at"].to_numpy())
    streams = streams_of(series)
    silences = silences_of(gaps, streams, masks, heard=heard, settings=settings, now=_s(now))
    rows = list(_rows_of_all(pauses, streams, silences, settings, _s(now)))
    known = {service: read_streams(mine) for service, mine in streams.groupby("service", observed=True)}
    for service, mine in groupby(silences, attrgetter("service")):
        rows += _rows_of_service(list(mine), known[service], heard, _s(now))
    return _typed(rows)


def _s(time: Any) -> float:
    return float(pd.Timestamp(time).timestamp())


def _rows_of_service(silences: Sequence[Silence], streams: Sequence[Stream], heard: Heard, now: float) -> Iterator[dict[str, object]]:
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


def _episodes(silences: Iterable[Silence]) -> list[list[Silence]]:
    """Silences of one service in one region that overlap, as they became known, are one."""
    found: list[list[Silence]] = []
    for silence in silences:
        if found and silence.known_at <= max(one.closed_at for one in found[-1]):
            found[-1].append(silence)
        else:
            found.append([silence])
    return found


def _measured(streams: Iterable[Stream], silences: Iterable[Silence], at: float) -> list[Stream]:
    """Streams that had begun, and have not ended."""
    ended = {silence.series_id for silence in silences if silence.has_ended(at)}
    return [stream for stream in streams if stream.first < at and stream.series_id not in ended]


def _severity(silences: Sequence[Silence], streams: Sequence[Stream], first: Silence, heard: Heard, at: float) -> float:
    n_silent = sum(silence.n_series for silence in silences if silence.is_open(at))
    share = n_silent / max(1, sum(stream.n_series for stream in _measured(streams, silences, at)))
    lasted = float(heard.at(np.array(at)) - heard.at(np.array(first.start)))
    return 100 * _grown(lasted, first.patience_s) * math.sqrt(min(1.0, share))


def _grown(lasted_s: float, patience_s: float) -> float:
    return 1 - float(2.0 ** (-lasted_s / (HALF_PATIENCES * patience_s)))


def _row(
    members: Sequence[Silence], at: float, severity: float, streams: Sequence[Stream], before: dict[str, object], now: float
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


def _ended(first: Silence, end: float, what: str, now: float) -> dict[str, object]:
    """Words for what was silent for so long that it counts as ended, whether or not it came back since."""
    lasted = words.duration(end - first.start)
    if first.back_at <= now:
        return {"what": what, "size": f"for {words.duration(first.end - first.start)}; after {lasted} it counted as ended"}
    return {"what": f"{what} any more", "size": f"for {lasted}: it counts as ended"}


def _usual_step(streams: Sequence[Stream]) -> float:
    """Median: where one service is checked every minute and all others every hour, its silence is not that of all."""
    steps = sorted(stream.step_s for stream in streams)
    return float(steps[(len(steps) - 1) // 2]) if steps else math.inf


def _rows_of_all(
    pauses: pd.DataFrame, streams: pd.DataFrame, silences: Sequence[Silence], settings: params.Alerts, now: float
) -> Iterator[dict[str, object]]:
    """Rows of the findings that nothing came of anything: as grave as the silence of all services together."""
    start, back = pauses["start"].to_numpy(np.float64), pauses["back_at"].to_numpy(np.float64)
    known = read_streams(streams)
    measured = [_measured(known, silences, at) for at in start]
    step_s = np.array([_usual_step(here) for here in measured])
    length = np.where(np.isinf(back), np.nan, back - start)
    patient = usual_patience(np.zeros(len(pauses), np.int64), start, length, step_s, settings)
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
