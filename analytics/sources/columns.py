"""Which column of a foreign table is which: guessed from its name, said aloud, overridden by options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from analytics.sources.base import SourceError, did_you_mean

__all__ = ["Mapped", "latency_unit", "map_columns", "normalised"]

# Names of a role in order of strength: a name of an earlier group wins over those of a later one, two of one group are ambiguous.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "time": (
        "time",
        "timestamp ts datetime checkedat checktime timeutc timestamputc utctime",
        "date ds createdat starttime start when unixtime unixtimestamp epoch eventtime",
    ),
    "service": (
        "service",
        "servicename serviceid monitorname targetalias checkname targetname",
        "target monitor name host hostname url endpoint check instance alias app application component",
    ),
    "region": ("region", "location regionname", "probe vantage vantagepoint site datacenter dc probelocation probename agent"),
    "monitor": ("monitor",),
    "latency": (
        "latency",
        "responsetime duration rtt pingtime roundtriptime latencytime",
        "ping elapsed totaltime resptime rt responsetimevalue",
    ),
    "up": ("isup", "up", "success probesuccess issuccess available ishealthy healthy ok", "state status result outcome"),
    "status_code": ("statuscode", "httpstatus httpstatuscode httpcode responsecode", "code"),
    "error": ("error", "errormessage message msg errors reason"),
    "origin": ("origin",),
    "signal": ("signal", "metric metricname", "name"),
    "value": ("value", "val y"),
    "unit": ("unit", "units"),
}
CHECK_ROLES = ("time", "service", "region", "monitor", "latency", "up", "status_code", "error", "origin")
METRIC_ROLES = ("time", "service", "region", "signal", "value", "unit")
UNIT_SUFFIXES = {
    "ms": ("ms", "millis", "milliseconds", "msec"),
    "s": ("s", "sec", "secs", "seconds"),
    "us": ("us", "micros", "microseconds", "usec"),
    "ns": ("ns", "nanos", "nanoseconds"),
}


@dataclass(frozen=True)
class Mapped:
    """Columns of one table by role; `says` tells how they were found."""

    roles: dict[str, list[str]]
    says: list[str] = field(default_factory=list)

    def first(self, role: str) -> str | None:
        """The column of a role, or None."""
        return self.roles[role][0] if role in self.roles else None


def normalised(name: str) -> str:
    """A column's name without case, camel humps, blanks and punctuation: 'Response Time' and 'responseTime' are one."""
    return re.sub(r"[^0-9a-zA-Z\u0080-\uffff]+", "", name).lower()


def latency_unit(column: str) -> str | None:
    """Unit that the name of a column ends in, if it does: latency_ms, responseTime (s), duration_seconds."""
    words = _words(column)
    last = words[-1].lower() if len(words) > 1 else ""
    return next((unit for unit, suffixes in UNIT_SUFFIXES.items() if last in suffixes), None)


def _words(column: str) -> list[str]:
    return re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", column)


def map_columns(
    columns: Sequence[str],
    given: Mapping[str, str | Sequence[str]],
    *,
    roles: Sequence[str],
    where: str,
    numeric_status: Iterable[str] = (),
) -> Mapped:
    """Columns by role: those of `given`, and a guess for every other role.

    Parameters
    ----------
    columns : names in the table
    given : role to column, or to several columns that are joined by '/'
    roles : roles to look for
    where : file, for messages
    numeric_status : columns whose values are HTTP status codes: a 'status' column of these is no state

    Raises
    ------
    SourceError
        For an unknown role or column, two columns that fit a role equally well, and repeated names of columns that are used.
    """
    found: dict[str, list[str]] = {}
    for role, wanted in given.items():
        names = [wanted] if isinstance(wanted, str) else list(wanted)
        if role not in roles:
            raise SourceError(f"{where}: columns: '{role}' is no role; {did_you_mean(role, roles)}")
        for name in names:
            if name not in columns:
                raise SourceError(
                    f"{where}: columns: {role}: there is no column '{name}'; {did_you_mean(name, columns, what='there are')}"
                    f" (columns: {', '.join(columns)})"
                )
        found[role] = names
    taken = {name for names in found.values() for name in names}
    guessed = []
    for role in roles:
        if role not in found:
            free = [name for name in columns if name not in taken and not (role == "up" and name in set(numeric_status))]
            if role == "status_code" and "up" not in given:
                free.sort(key=lambda name: name not in numeric_status)
            guess = _guess(role, free, where, numeric_status if role == "status_code" else ())
            if guess is not None:
                found[role] = [guess]
                taken.add(guess)
                guessed.append(role)
    _refuse_repeated(columns, found, where)
    parts = [f"{role} = {' + '.join(found[role])}{' (guessed)' if role in guessed else ''}" for role in roles if role in found]
    unused = [name for name in columns if name not in taken]
    return Mapped(found, ["columns: " + ", ".join(parts) + (f"; not used: {', '.join(unused)}" if unused else "")])


def _guess(role: str, free: Sequence[str], where: str, numeric_status: Iterable[str]) -> str | None:
    for group in SYNONYMS[role]:
        fitting = [name for name in free if _plain(role, name) in group.split()]
        if len(set(fitting)) > 1:
            raise SourceError(
                f"{where}: {' and '.join(fitting)} could each be the {role}; choose one by `columns: {{{role}: {fitting[0]}}}`"
            )
        if fitting:
            return fitting[0]
    return next((name for name in free if name in set(numeric_status)), None)


def _plain(role: str, name: str) -> str:
    if role == "latency" and latency_unit(name):
        return normalised("".join(_words(name)[:-1]))
    return normalised(name)


def _refuse_repeated(columns: Sequence[str], found: Mapping[str, Sequence[str]], where: str) -> None:
    for role, names in found.items():
        for name in names:
            if columns.count(name) > 1:
                raise SourceError(f"{where}: column '{name}' ({role}) stands there {columns.count(name)} times; rename all but one")
