"""What an alert says: what, where, since when, how large, likely why."""

from __future__ import annotations

from datetime import datetime

from analytics import words
from analytics.alerts.life import Alert, Change, Finding
from analytics.alerts.shared import Fate, is_silence

__all__ = ["change_text", "shared_text", "shared_title", "text", "title"]

DIRECTIONS = {"regression": "worse", "improvement": "better", "neutral": "neither better nor worse"}
OVER = {"accepted": "it was accepted as the new normal", "reverted": "it went back", "expired": "it was given up after its time"}
UNKNOWN = "nothing was declared near its start"
WHY = {"silence": f"{UNKNOWN}; the service, the way to it, or what measures it"}
"""Where no reason was declared; of some kinds of findings there are only so many."""

ALSO = 5
"""Further findings that a message lists; the page has all."""
SERVICES = 12
"""Services that a message names."""


def title(alert: Alert) -> str:
    """One line: `checkout: latency_ms +18 % in eu-west, and 2 more`."""
    first, *others = alert.findings
    where = f" in {first.region}" if first.region else ""
    return f"{alert.lead.service}: {first.what}{where}" + (f", and {len(others)} more" if others else "")


def text(alert: Alert, *, zone: str) -> str:
    """A few lines, the gravest finding first."""
    first, *others = alert.findings
    lines = [
        f"What: {_what(first)}",
        f"Where: {alert.lead.service}, {_listed(alert, 'region') or 'all its regions'}",
        f"Since: {_since(alert, zone)}",
        f"Likely why: {next((row.event for row in alert.findings if row.event), WHY.get(first.finding, UNKNOWN))}",
    ]
    lines += [f"Also: {_what(row)}" + (f" in {row.region}" if row.region else "") for row in others[:ALSO]]
    lines += [f"Also: {len(others) - ALSO} more"] * (len(others) > ALSO)
    if alert.n_reopened:
        lines.append(f"It came back {words.counted(alert.n_reopened, 'time')} after it was resolved.")
    return "\n".join(lines)


def shared_title(fate: Fate) -> str:
    """One line: `region eu-west: 9 of 12 services at once, the gravest web: 64 more of 100 checks fail`; of silence as in `_missing`."""
    gravest = fate.lead.findings[0]
    place = "all regions" if fate.region is None else f"region {fate.region}"
    if is_silence(fate.lead):
        return f"{place}: {_missing(fate)}"
    return f"{place}: {fate.n_services} of {fate.of_services} services at once, the gravest {gravest.service}: {gravest.what}"


def _missing(fate: Fate) -> str:
    """What does not come, from how many: no checks from 9 of 12 services."""
    whats = {row.what for row in fate.lead.findings}
    return f"{whats.pop() if len(whats) == 1 else 'no data'} from {fate.n_services} of {fate.of_services} services"


def shared_text(fate: Fate, *, zone: str) -> str:
    """A few lines: which services, since when, the gravest of each."""
    gravest = {row.service: row for row in reversed(fate.lead.findings)}
    ordered = sorted(gravest.values(), key=lambda row: (-row.severity, row.service))
    first, *others = ordered
    several = _missing(fate) if is_silence(fate.lead) else f"{fate.n_services} of {fate.of_services} services at once"
    lines = [
        f"What: {several}; {first.service}: {_what(first)}",
        f"Where: {'several regions' if fate.region is None else fate.region}: {words.listed(sorted(gravest), limit=SERVICES)}",
        f"Since: {_since(fate.lead, zone)}",
        f"Likely why: {next((row.event for row in ordered if row.event), 'what they share: the region, the network to it, or the prober')}",
    ]
    lines += [f"Also: {row.service}: {row.what}" for row in others[:ALSO]]
    return "\n".join(lines + [f"Also: {len(others) - ALSO} more"] * (len(others) > ALSO))


def _what(finding: Finding) -> str:
    size = f": {finding.size}" if finding.size else ""
    return f"{finding.what}{size} ({finding.finding}, {DIRECTIONS[finding.direction]})"


def _since(alert: Alert, zone: str) -> str:
    said = f"{_moment(alert.start, zone)}, known {_moment(alert.detected_at, zone)}"
    if alert.end is None:
        return said
    last = alert.findings[0]
    if (last.finding, last.state) == ("silence", "expired"):
        return f"{said}; counts as ended since {_moment(alert.end, zone)}"
    why = OVER.get(last.state)
    return f"{said}; over {_moment(alert.end, zone)}" + (f", {why}" if why else "")


def _listed(alert: Alert, name: str) -> str:
    return words.listed(sorted({value for row in alert.findings if (value := getattr(row, name))}))


def change_text(change: Change) -> str:
    """What happened, as a line of the timeline."""
    row = change.finding
    if row is None:
        return "nothing of it goes on"
    return row.what + (f" in {row.region}" if row.region else "")


def _moment(time: datetime, zone: str) -> str:
    return words.moment(time, zone, year=True)
