"""Tables of stage `alerts`, what it takes in (findings), and the silences that people decide."""

from __future__ import annotations

from analytics.tables.columns import Column, Table

__all__ = ["ALERTS", "CHANGES", "FINDINGS", "FINDING_STATES", "LEVELS", "SILENCED_BY", "SILENCES"]

LEVELS = ("info", "warning", "critical")
"""How urgent an alert is, the least urgent first."""

FINDING_STATES = ("suspected", "open", "accepted", "reverted", "expired", "over")
"""State of a finding: not sure yet, going on, or over and why."""

CHANGES = ("opened", "joined", "escalated", "reopened", "resolved")
"""What can happen to an alert."""

SILENCED_BY = ("unconfirmed", "severity", "maintenance", "prober", "silence", "shared", "dependency")
"""Why nobody is told of an alert."""

FINDINGS = Table(
    "findings",
    "drift, anomalies, ingest (silence) and other stages",
    "what was known of one finding at one time: its first row is its detection, later rows say what has changed since. Not stored",
    ("finding", "finding_id", "service", "known_at"),
    (
        Column("finding", "label", "kind of finding: drift, anomaly, silence, forecast, risk"),
        Column("finding_id", "text", "its id in the table of its stage"),
        Column("known_at", "time", "from when on this row was known"),
        Column("service", "label", "the service"),
        Column("region", "label", "the region; empty: several or all", optional=True),
        Column("signals", "texts", "the signals that show it"),
        Column("start", "time", "when it began"),
        Column("end", "time", "when it was over; empty: it goes on", optional=True),
        Column("state", "label", "not sure yet, going on, or over and why", choices=FINDING_STATES),
        Column("severity", "float", "0 to 100, whichever the direction"),
        Column("direction", "label", "worse, better or neither", choices=("regression", "improvement", "neutral")),
        Column("what", "text", "what happened, the start of a sentence: latency_ms +18 %"),
        Column("size", "text", "how large and how strange, in words", optional=True),
        Column("event", "text", "what was declared near its start and may be the reason", optional=True),
        Column("evidence", "text", "page and anchor that show it: drift.html#checkout", optional=True),
    ),
)

SILENCES = Table(
    "silences",
    "people",
    "a decision not to be told of alerts for a while (data/decisions/silences.csv)",
    ("matcher", "from", "until", "author"),
    (
        Column("author", "text", "who decided it"),
        Column("reason", "text", "why"),
        Column("matcher", "text", "which alerts: name=pattern pairs that must all hold, e.g. service=checkout region=eu-*"),
        Column("from", "time", "from"),
        Column("until", "time", "until"),
    ),
)

ALERTS = (
    Table(
        "alerts",
        "alerts",
        "a decision to tell someone, or the reason why nobody is told",
        ("alert_id",),
        (
            Column("alert_id", "text", "stable hash of the first finding: the same in every run and in a live watch"),
            Column("finding", "label", "kind of its first finding"),
            Column("finding_id", "text", "id of its first finding"),
            Column("service", "label", "the service; of several that share a fate the first known"),
            Column("region", "label", "the region; empty: several or all", optional=True),
            Column("signals", "texts", "the signals of all its findings"),
            Column("start", "time", "when the earliest of its findings began"),
            Column("detected_at", "time", "when it became known"),
            Column("changed_at", "time", "when it last changed"),
            Column("end", "time", "when the last of its findings was over; empty: not resolved", optional=True),
            Column("state", "label", "untouched since it opened, changed since, or over", choices=("open", "updated", "resolved")),
            Column("severity", "label", "the worst it has been", choices=LEVELS),
            Column("score", "float", "the same from 0 to 100"),
            Column("direction", "label", "of its gravest finding", choices=("regression", "improvement", "neutral")),
            Column("n_findings", "integer", "findings that are sure and grave enough to be told"),
            Column("n_reopened", "integer", "times that it came back after it was resolved"),
            Column("title", "text", "one line"),
            Column("text", "text", "what, where, since when, how large, likely why"),
            Column("event", "text", "what was declared near its start and may be the reason", optional=True),
            Column("evidence", "text", "page and anchor that show its gravest finding", optional=True),
            Column("owner", "text", "who is asked about the service", optional=True),
            Column("silenced_by", "label", "why nobody is told; empty: it is told", optional=True, choices=SILENCED_BY),
            Column("silenced_text", "text", "the same as a sentence", optional=True),
        ),
    ),
    Table(
        "alert_changes",
        "alerts",
        "something that happened to an alert",
        ("alert_id", "at", "change"),
        (
            Column("alert_id", "text", "the alert"),
            Column("at", "time", "when it was known"),
            Column("change", "label", "what", choices=CHANGES),
            Column("severity", "label", "how urgent the alert was from then on", choices=LEVELS),
            Column("text", "text", "a sentence"),
        ),
    ),
)
