"""Tables of stage `anomalies`, and what people say of its finds."""

from __future__ import annotations

from analytics.tables.columns import Column, Table

__all__ = ["ANOMALIES", "FEEDBACK", "SUPPRESSED_BY"]

SUPPRESSED_BY = ("maintenance", "prober", "feedback", "small", "short", "regions", "budget")
"""Why an anomaly is no alarm, the first reason that holds."""

DIRECTIONS = ("regression", "improvement", "neutral")

FEEDBACK = Table(
    "feedback",
    "people",
    "what somebody says of an anomaly: a false alarm, and so is its like from then on; or a true one after all",
    (),
    (
        Column("time", "time", "when it was said"),
        Column("author", "text", "who said it"),
        Column("anomaly_id", "text", "the anomaly"),
        Column("label", "label", "what it was", choices=("false", "true")),
        Column("reason", "text", "why"),
        Column("service", "text", "its service"),
        Column("signal", "text", "the signal that showed it most clearly"),
        Column("direction", "label", "for better or worse", choices=DIRECTIONS),
        Column("hour", "text", "hour of the day at which it began, UTC"),
        Column("strength", "text", "how strange it was: its score"),
    ),
)
"""`data/decisions/feedback.csv`, in git. It says what the anomaly was like, so that its like is known without it."""

WHEN = (
    Column("start", "time", "first step that was strange"),
    Column("peak", "time", "the step furthest from what was expected"),
    Column("end", "time", "end of the last step that was strange; empty: it goes on", optional=True),
    Column("detected_at", "time", "when it was known: the end of the step that showed it"),
)
HOW_STRANGE = (
    Column("p_value", "float", "chance that a week in which nothing is wrong brings as much", "fraction"),
    Column("per_week", "float", "how many as strange ones chance makes in a week: of the series, or of the service"),
    Column(
        "score", "float", "0 to 100, a fixed function of the p-value: 50 for once a week, 67 for once in four, 91 for once in two years"
    ),
)
HOW_MUCH = (
    Column("observed", "float", "value at the peak, in the unit of the series"),
    Column("expected", "float", "what was expected there"),
    Column("low", "float", "lower end of the band there"),
    Column("high", "float", "upper end of the band there"),
    Column(
        "effect", "float", "observed over expected, less one, the largest it was known to be; of availability the share that fails more"
    ),
)
SEVERITY = (
    Column("severity", "float", "0 to 100: the product of its factors"),
    Column("strength_factor", "float", "0 to 1: from the effect", "fraction"),
    Column("duration_factor", "float", "0 to 1: from the time it has lasted", "fraction"),
    Column("exposure_factor", "float", "0 to 1: share of the service's checks concerned", "fraction"),
)

ANOMALIES = (
    Table(
        "anomalies",
        "anomalies",
        "a stretch in which a service was stranger than chance, over all its signals and regions",
        ("anomaly_id",),
        (
            Column("anomaly_id", "text", "stable: hash of the series that showed it first, and of its start there"),
            Column("service", "label", "the service"),
            Column("region", "label", "the region; empty: several", optional=True),
            Column("signal", "label", "the signal that shows it most clearly"),
            Column("signals", "texts", "all signals that show it"),
            Column("n_series", "integer", "series that show it"),
            *WHEN,
            Column("direction", "label", "for better or worse", choices=DIRECTIONS),
            *HOW_STRANGE,
            *HOW_MUCH,
            *SEVERITY,
            Column("detector", "label", "the detector that found it strangest"),
            Column("explanation", "text", "what was expected, what came, what else moved, what would have kept it silent"),
        ),
    ),
    Table(
        "anomaly_members",
        "anomalies",
        "a strange stretch of one series",
        ("anomaly_id", "series_id", "start"),
        (
            Column("anomaly_id", "text", "the anomaly it belongs to"),
            Column("series_id", "label", "the series"),
            *WHEN,
            Column("direction", "label", "for better or worse", choices=DIRECTIONS),
            *HOW_STRANGE,
            *HOW_MUCH,
            Column("n_points", "integer", "strange steps; of availability: checks that failed in them"),
            Column("detector", "label", "the detector that found it strangest"),
        ),
    ),
    Table(
        "anomaly_course",
        "anomalies",
        "how severe an anomaly was known to be when",
        ("anomaly_id", "known_at"),
        (
            Column("anomaly_id", "text", "the anomaly"),
            Column("known_at", "time", "from when on this was known"),
            Column("severity", "float", "0 to 100"),
            Column("effect", "float", "effect known then", "fraction"),
            Column("n_series", "integer", "series that showed it by then"),
            Column("per_week", "float", "how many as strange ones chance makes in a week of the service, as known then"),
            Column("is_over", "boolean", "nothing strange came any more"),
        ),
    ),
    Table(
        "suppressed",
        "anomalies",
        "an anomaly that is no alarm, and why",
        ("anomaly_id",),
        (
            Column("anomaly_id", "text", "the anomaly"),
            Column("reason", "label", "why", choices=SUPPRESSED_BY),
            Column("rule", "text", "the same as a sentence"),
        ),
    ),
    Table(
        "scores",
        "anomalies",
        "how strange the newest value of each series is",
        ("series_id",),
        (
            Column("series_id", "label", "the series"),
            Column("time", "time", "end of its step"),
            *HOW_STRANGE,
            Column("observed", "float", "the value", "unit of the series"),
            Column("expected", "float", "what was expected", "unit of the series"),
            Column("low", "float", "lower end of the band that holds 19 of 20 values", "unit of the series"),
            Column("high", "float", "its upper end", "unit of the series"),
        ),
    ),
)
