"""Silences: which alerts people have decided not to be told of, for a while."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from analytics import tables, words

__all__ = ["NAMES", "Matcher", "apply_silences", "parse_matcher"]

NAMES = ("service", "region", "signal", "finding", "severity", "alert")
"""What a matcher can look at; of an alert with several signals all must match."""


@dataclass(frozen=True)
class Matcher:
    """Pattern of each name (`*`, `?`, `[ab]`); all must match."""

    patterns: tuple[tuple[str, str], ...]

    def matches(self, alert: pd.Series) -> bool:
        said = {
            "service": [alert["service"]],
            # An alert of several regions is none of a single one; only a pattern for any region takes it.
            "region": ["" if pd.isna(alert["region"]) else alert["region"]],
            "signal": list(alert["signals"]),
            "finding": [alert["finding"]],
            "severity": [alert["severity"]],
            "alert": [alert["alert_id"]],
        }
        return all(fnmatchcase(value, pattern) for name, pattern in self.patterns for value in said[name])


def parse_matcher(text: str) -> Matcher:
    """A matcher as it is written: `service=checkout region=eu-*`; values with blanks in quotes.

    Raises
    ------
    ValueError
        For a part that is no name=pattern, an unknown name, or nothing at all (which would silence everything).
    """
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"matcher '{text}': {error}") from error
    if not parts:
        raise ValueError("a matcher needs at least one name=pattern, e.g. service=checkout; to silence everything write service=*")
    return Matcher(tuple(_pair(part) for part in parts))


def _pair(part: str) -> tuple[str, str]:
    name, equals, pattern = part.partition("=")
    if not equals or not pattern:
        raise ValueError(f"matcher: '{part}' is no name=pattern, e.g. service=checkout")
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        raise ValueError(f"matcher: '{name}' is unknown; " + (f"did you mean '{near[0]}'?" if near else f"known are {', '.join(NAMES)}"))
    return name, pattern


def apply_silences(alerts: pd.DataFrame, silences: pd.DataFrame, *, now: pd.Timestamp, zone: str) -> pd.DataFrame:
    """Table `alerts` with what is silenced at `now` marked as such; whatever kept an alert silent before keeps doing so.

    Parameters
    ----------
    silences : rows of `data/decisions/silences.csv`
        An alert that is resolved is looked at in its last moment.
    """
    silenced = alerts.copy()
    compiled = [(silence, _matcher(silence)) for silence in silences.to_dict("records")]
    for index, alert in alerts[alerts["silenced_by"].isna()].iterrows():
        moment = now if pd.isna(alert["end"]) else alert["end"]
        for silence, matcher in compiled:
            if silence["from"] <= moment < silence["until"] and matcher.matches(alert):
                text = f"silenced until {words.moment(silence['until'], zone)} by {silence['author']}: {silence['reason']}"
                silenced.loc[index, ["silenced_by", "silenced_text"]] = ["silence", text]
                break
    return silenced


def _matcher(silence: dict[Any, Any]) -> Matcher:
    text = str(silence["matcher"])
    if not silence["from"] < silence["until"]:
        raise ValueError(f"data/decisions/{tables.DECISIONS['silences'].name}.csv: the silence of '{text}' ends before it begins")
    try:
        return parse_matcher(text)
    except ValueError as error:
        raise ValueError(f"data/decisions/{tables.DECISIONS['silences'].name}.csv: {error}") from error
