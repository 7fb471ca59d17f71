"""What was silent for longer than usual: a series, the checks of a service in a region, or all of them.

What stops is known by what goes on: the time in which no series has a value is nobody's silence but that of all together. So the
silence of a service is measured in time in which others are heard, and a source that stops is one silence, not one of each service.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params, tables
from analytics.stats.patience import WEEK_S, patience

__all__ = ["Heard", "Silence", "Stream", "pauses_of_all", "read_streams", "silences_of", "streams_of", "usual_patience"]

FloatArray = npt.NDArray[np.float64]

ENDED_PATIENCES = 2.0
"""What has ended has been silent for so many times its patience at least."""


@dataclass(frozen=True)
class Stream:
    """What can fall silent: a series, or the checks of a service in a region, which are `n_series`; from `first` (s since 1970) on."""

    service: str
    region: str
    series_id: str
    signals: tuple[str, ...]
    n_series: int
    step_s: int
    first: float


@dataclass(frozen=True)
class Silence:
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
class Heard:
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


def _seconds(times: pd.Series) -> FloatArray:
    return (pd.to_datetime(times, utc=True) - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)


def pauses_of_all(gaps: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Pauses of all series together, in order: start, end, back_at; the last one goes on."""
    mine = gaps[gaps["series_id"].isna()].sort_values("start")
    rows = pd.DataFrame({"start": _seconds(mine["start"]), "end": _seconds(mine["end"]), "back_at": _seconds(mine["known_at"])})
    last = _seconds(series["last"])
    # Of several that have a value in the newest step the shortest says most.
    until = last.max() + series["step_s"].to_numpy(np.float64)[last == last.max()].min()
    rows.loc[len(rows)] = [until, math.inf, math.inf]
    return rows


def streams_of(series: pd.DataFrame) -> pd.DataFrame:
    """What can fall silent: series_id, service, region, name, signals, n_series, step_s, first, until (end of the last value's step), s.

    Checks are one, by their availability, beside which response times are silent when that is; every other series is one.
    """
    mine = series[series["origin"] != "change"].sort_values(["service", "region", "signal"])
    place = pd.MultiIndex.from_frame(mine[["service", "region"]])
    is_checked = place.isin(place[mine["signal"] == "availability"])
    stream = mine["signal"].where(~(is_checked & mine["signal"].isin(tables.LATENCIES)), "availability")
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


def usual_patience(
    stream: npt.NDArray[np.int64], start: FloatArray, length: FloatArray, step_s: FloatArray, settings: params.Alerts
) -> FloatArray:
    """Patience (see `stats.patience`) of pauses by the parameters of the stage, s."""
    least_s = np.maximum(settings.silent_steps * step_s, settings.silent_s)
    memory_s = WEEK_S * settings.silence_weeks
    return patience(stream, start, length, per_week=settings.silences_per_week, memory_s=memory_s, least_s=least_s)


def silences_of(
    gaps: pd.DataFrame, streams: pd.DataFrame, masks: pd.DataFrame, *, heard: Heard, settings: params.Alerts, now: float
) -> list[Silence]:
    """Pauses of the streams (result of `streams_of`) that were longer than usual by `now`, in the order of service, region and `known_at`.

    Parameters
    ----------
    gaps, masks : tables of these names
    now : s since 1970
    """
    pauses = _pauses(gaps, streams, masks)
    if pauses.empty:
        return []
    start, back = pauses["start"].to_numpy(np.float64), pauses["back_at"].to_numpy(np.float64)
    step_s = pauses["step_s"].to_numpy(np.float64)
    begun = heard.at(start)
    length = np.where(pauses["is_masked"] | np.isinf(back), np.nan, heard.at(np.where(np.isinf(back), start, back)) - begun)
    number = np.cumsum((pauses["series_id"] != pauses["series_id"].shift()).to_numpy(np.int64))
    patient = usual_patience(number, start, length, step_s, settings)
    known_at = heard.when(begun + patient)
    ended_at = heard.when(begun + np.maximum(settings.ended_s, ENDED_PATIENCES * patient))
    rows = pauses.assign(known_at=known_at, ended_at=ended_at, patience_s=patient)
    names = list(Silence.__dataclass_fields__)
    # What was never heard for that long cannot be missed for it.
    is_heard = start - pauses["first"].to_numpy(np.float64) >= patient
    told = rows[is_heard & (known_at < back) & (known_at <= now)].sort_values(["service", "region", "known_at", "stream"])
    return [Silence(**row) for row in told[names].to_dict("records")]


def read_streams(streams: pd.DataFrame) -> list[Stream]:
    """Rows of the result of `streams_of`."""
    return [Stream(**row) for row in streams[list(Stream.__dataclass_fields__)].to_dict("records")]
