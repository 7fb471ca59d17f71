"""The life of alerts: which findings are one alert, when it opened, grew, came back and was resolved.

Findings are taken in the order in which they became known, and nothing that was not known then has a say: the alerts of any moment in
the past are those that a run at that moment has found, with the same ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from analytics import params, tables

__all__ = ["Alert", "Change", "Finding", "fingerprint", "follow", "level_of", "read_findings"]

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Finding:
    """What was known of a finding from `known_at` on (a row of `tables.FINDINGS`)."""

    finding: str
    finding_id: str
    known_at: datetime
    service: str
    region: str | None
    signals: tuple[str, ...]
    start: datetime
    end: datetime | None
    state: str
    severity: float
    direction: str
    what: str
    size: str | None
    event: str | None
    evidence: str | None

    @property
    def key(self) -> Key:
        return self.finding, self.finding_id, self.service


@dataclass(frozen=True)
class Change:
    """Something that happened to an alert, and how urgent it was from then on."""

    at: datetime
    change: str
    severity: str
    finding: Finding | None


@dataclass(frozen=True)
class Alert:
    """An alert as it is known at one moment.

    `findings` are those that are told, the gravest that goes on first; of an alert that nobody is told of because none is sure or grave
    enough (`is_told` false), all. `end`, when the last of them was over, and `resolved_at` are None while the alert goes on.
    """

    alert_id: str
    lead: Finding
    findings: tuple[Finding, ...]
    is_told: bool
    severity: str
    score: float
    start: datetime
    end: datetime | None
    detected_at: datetime
    resolved_at: datetime | None
    n_reopened: int
    changes: tuple[Change, ...]


def read_findings(findings: pd.DataFrame) -> list[Finding]:
    """Rows of a frame like `tables.FINDINGS`, checked, in the order in which they became known; repeated rows are one."""
    key = list(tables.FINDINGS.key)
    rows = tables.validate(findings.drop_duplicates(key), tables.FINDINGS).to_pylist()
    read = [Finding(**{**row, "signals": tuple(sorted(set(row["signals"])))}) for row in rows]
    return sorted(read, key=lambda row: (row.known_at, row.start, row.key))


def fingerprint(finding: Finding) -> str:
    """Id of the alert that a finding opens: 16 hexadecimal digits that depend on nothing but the finding's own key."""
    return hashlib.blake2b("\0".join(finding.key).encode(), digest_size=8).hexdigest()


def follow(findings: Iterable[Finding], *, settings: params.Alerts, now: datetime) -> list[Alert]:
    """Alerts as they are known at `now`, in the order in which they began to be known.

    Parameters
    ----------
    findings : in the order in which they became known
        What became known after `now` is not looked at.
    settings : thresholds of severity and the times within which findings belong together
    """
    by_service: dict[tuple[str, bool], list[_Life]] = {}
    home_of: dict[Key, _Life] = {}
    lives: list[_Life] = []
    for finding in findings:
        if finding.known_at > now:
            break
        # What has become better is never told together with what has become worse.
        mine = by_service.setdefault((finding.service, finding.direction == "improvement"), [])
        life = home_of.get(finding.key) or _home(finding, mine, settings)
        if life is None:
            life = _Life(finding, settings)
            mine.append(life)
            lives.append(life)
        home_of[finding.key] = life
        life.take(finding)
    return [life.seen_at(now) for life in lives]


def _home(finding: Finding, lives: list[_Life], settings: params.Alerts) -> _Life | None:
    """The alert that a new finding belongs to: one that began near it, else one of the same signal that goes on or ended just now."""
    near = [life for life in lives if abs(life.anchor - finding.start) <= timedelta(seconds=settings.near_s)]
    if near:
        return min(near, key=lambda life: abs(life.anchor - finding.start))
    again = [life for life in lives if life.is_again(finding)]
    return max(again, key=lambda life: life.anchor) if again else None


@dataclass
class _Life:
    """One alert while it is followed. `anchor` never moves, so that what joins it does not depend on what is learnt later."""

    lead: Finding
    settings: params.Alerts
    known: dict[Key, Finding] = field(default_factory=dict)
    told: set[Key] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    score: float = 0.0
    closed_at: datetime | None = None
    is_resolved: bool = False
    n_reopened: int = 0

    @property
    def anchor(self) -> datetime:
        return self.lead.start

    @property
    def members(self) -> list[Finding]:
        """Those that are told, or all while none is."""
        return [row for key, row in self.known.items() if key in self.told or not self.told]

    @property
    def resolved_at(self) -> datetime | None:
        """When it was, or will be if nothing happens until then, resolved; None while anything goes on."""
        if self.closed_at is None:
            return None
        return max(self.closed_at, _last_end(self.members) + timedelta(seconds=self.settings.quiet_s))

    def take(self, row: Finding) -> None:
        """Learn what became known."""
        self._resolve_by(row.known_at)
        was_told = row.key in self.told
        self.known[row.key] = row
        if row.state != "suspected" and row.severity >= self.settings.info_from:
            self.told.add(row.key)
        is_opened = row.key in self.told and not self.changes
        self.closed_at = None if any(one.end is None for one in self.members) else row.known_at
        if row.key in self.told:
            self._tell(row, is_opened=is_opened, has_joined=not was_told)

    def is_again(self, finding: Finding) -> bool:
        """Whether a new finding is one of these once more: same kind, signal and region, before the alert is forgotten."""
        forgotten = timedelta(seconds=max(self.settings.reopen_s, self.settings.quiet_s))
        if self.closed_at is not None and finding.start > _last_end(self.members) + forgotten:
            return False
        return any(_is_alike(finding, row) for row in self.known.values())

    def seen_at(self, now: datetime) -> Alert:
        self._resolve_by(now)
        score = self.score if self.told else max(row.severity for row in self.known.values())
        resolved_at = self.resolved_at if self.resolved_at is not None and self.resolved_at <= now else None
        gravest = sorted(self.members, key=lambda row: (row.end is not None, -row.severity, row.start, row.key))
        return Alert(
            alert_id=fingerprint(self.lead),
            lead=self.lead,
            findings=tuple(gravest),
            is_told=bool(self.told),
            severity=level_of(score, self.lead, self.settings),
            score=score,
            start=min(row.start for row in gravest),
            end=_last_end(gravest) if resolved_at is not None else None,
            detected_at=self.changes[0].at if self.changes else self.lead.known_at,
            resolved_at=resolved_at,
            n_reopened=self.n_reopened,
            changes=tuple(self.changes),
        )

    def _resolve_by(self, at: datetime) -> None:
        if self.told and not self.is_resolved and self.resolved_at is not None and self.resolved_at <= at:
            self.is_resolved = True
            self._change(self.resolved_at, "resolved", None)

    def _tell(self, row: Finding, *, is_opened: bool, has_joined: bool) -> None:
        before = level_of(self.score, self.lead, self.settings)
        self.score = max(self.score, row.severity)
        if is_opened:
            self._change(row.known_at, "opened", row)
        elif self.is_resolved and (self.resolved_at is None or self.resolved_at > row.known_at):
            self.is_resolved = False
            self.n_reopened += 1
            self._change(row.known_at, "reopened", row)
        elif has_joined:
            self._change(row.known_at, "joined", row)
        if not is_opened and level_of(self.score, self.lead, self.settings) != before:
            self._change(row.known_at, "escalated", row)

    def _change(self, at: datetime, change: str, row: Finding | None) -> None:
        self.changes.append(Change(at, change, level_of(self.score, self.lead, self.settings), row))


def _last_end(findings: Iterable[Finding]) -> datetime:
    return max(finding.end for finding in findings if finding.end is not None)


def _is_alike(one: Finding, other: Finding) -> bool:
    is_same_place = None in (one.region, other.region) or one.region == other.region
    return one.finding == other.finding and is_same_place and not set(one.signals).isdisjoint(other.signals)


def level_of(score: float, lead: Finding, settings: params.Alerts) -> str:
    """How urgent; good news never are."""
    info, warning, critical = tables.LEVELS
    if lead.direction == "improvement" or score < settings.warning_from:
        return info
    return warning if score < settings.critical_from else critical
