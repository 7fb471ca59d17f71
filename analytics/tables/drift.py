"""Tables of stage `drift`."""

from __future__ import annotations

from analytics.tables.columns import Column, Table

__all__ = ["DRIFT", "DRIFT_DIRECTIONS", "DRIFT_KINDS", "DRIFT_STATES", "SURE_Q"]

DRIFT_KINDS = ("level", "spread", "tail", "season", "availability")
DRIFT_DIRECTIONS = ("regression", "improvement", "neutral")
DRIFT_STATES = ("suspected", "open", "accepted", "reverted", "expired")

SURE_Q = 0.05
"""q-value up to which a drift could hardly be chance: of those told as open at most one in twenty is expected to be."""

WHAT = (
    Column("kind", "label", "what about the series has changed", choices=DRIFT_KINDS),
    Column("direction", "label", "for the worse, for the better, or neither", choices=DRIFT_DIRECTIONS),
)
WHEN = (
    Column("start", "time", "estimated onset"),
    Column("start_low", "time", "lower end of its interval"),
    Column("start_high", "time", "upper end of its interval"),
    Column("detected_at", "time", "when it was known: what was decided earlier does not use it"),
    Column("end", "time", "when it was over; empty: still on", optional=True),
)
HOW_MUCH = (
    Column("effect", "float", "relative change; tail, availability: change of the share of slow or failed checks", "fraction"),
    Column("effect_low", "float", "lower end of its interval", "fraction"),
    Column("effect_high", "float", "upper end of its interval", "fraction"),
    Column("effect_size", "float", "effect on a level in robust spreads of the residual", optional=True),
    Column("p_value", "float", "probability of as much evidence without a change", "fraction"),
)
SEVERITY = (
    Column("severity", "float", "-100 (improvement) to 100 (regression): the product of its factors", optional=True),
    Column("effect_factor", "float", "0 to 1: from the end of the effect's interval that is nearer to none", "fraction", optional=True),
    Column("exposure_factor", "float", "0 to 1: share of the week's checks concerned", "fraction", optional=True),
    Column("duration_factor", "float", "0 to 1: from the time it has lasted", "fraction", optional=True),
)

DRIFT = (
    Table(
        "drifts",
        "drift",
        "a lasting change with one onset, in one series or many",
        ("drift_id",),
        (
            Column("drift_id", "text", "stable: hash of kind, service, region, first member and day of its onset"),
            Column("service", "label", "the service; empty: several", optional=True),
            Column("region", "label", "the region; empty: several", optional=True),
            *WHAT,
            *WHEN,
            Column("state", "label", "where it is in its life", choices=DRIFT_STATES),
            Column("open_at", "time", "when it became open: sure by what was known, and no longer new; empty: not so far", optional=True),
            Column("expires_at", "time", "when it is told no more, if it goes on and nobody has decided on it by then"),
            *HOW_MUCH,
            *SEVERITY,
            Column("excess_ms", "float", "response time lost per week: ms times checks; negative: gained", "ms", optional=True),
            Column("budget_burnt", "float", "error budget used per week beside the usual; 1: a week's whole allowance", optional=True),
            Column("n_members", "integer", "changed series in it"),
            Column("q_value", "float", "share of chance finds among the drifts at least as sure, when it was surest", "fraction"),
            Column("event_id", "text", "the nearest declared event before the onset", optional=True),
            Column("event_scope", "label", "whose it is", optional=True, choices=("service", "callee", "everybody")),
            Column("event_gap_s", "float", "time from that event to the onset", "s", optional=True),
            Column("event_chance", "float", "how often an event is as near by chance", "fraction", optional=True),
        ),
    ),
    Table(
        "drift_members",
        "drift",
        "one changed series of a drift",
        ("drift_id", "series_id", "kind", "detected_at"),
        (
            Column("drift_id", "text", "the drift"),
            Column("series_id", "label", "the series"),
            Column("kind", "label", "what has changed in it", choices=DRIFT_KINDS),
            Column("detected_at", "time", "when that was known; with series and kind the key of `changes`"),
            Column("start", "time", "estimated onset in it"),
            *HOW_MUCH[:3],
            Column("severity", "float", "-100 to 100", optional=True),
        ),
    ),
)
