"""Tables of stage `baseline`."""

from __future__ import annotations

from analytics.tables.columns import Column, Table

__all__ = ["BASELINE", "REBASELINES"]

REBASELINES = Table(
    "rebaselines",
    "people",
    "what was decided of a drift, or of what a declared event may change: accept makes it the new normal, a later reject takes that back",
    (),
    (
        Column("time", "time", "when it was decided"),
        Column("author", "text", "who decided"),
        Column("action", "label", "what was decided", choices=("accept", "reject")),
        Column("reason", "text", "why"),
        Column("drift_id", "text", "the drift; empty in a rule", optional=True),
        Column("series_id", "text", "a series of the drift, one row for each; empty in a rule", optional=True),
        Column("start", "time", "its onset there when that was decided; empty in a rule", optional=True),
        Column("event_id", "text", "rule: changes of its service that begin with this declared event", optional=True),
        Column("direction", "label", "rule: of this direction", optional=True, choices=("regression", "improvement", "neutral")),
        Column("bound", "text", "rule: whose effect is at most this large, as a fraction", optional=True),
    ),
)
"""Decisions of people: `data/decisions/rebaselines.csv`, in git, its log the history."""

BASELINE = (
    Table(
        "baselines",
        "baseline",
        "what is normal for a series between two times, learnt from what was known before the first",
        ("series_id", "valid_from"),
        (
            Column("series_id", "label", "the series"),
            Column("valid_from", "time", "it judges what happens from then on"),
            Column("valid_to", "time", "until the next one does; empty: it is the newest", optional=True),
            Column("model_id", "label", "the fitted model that holds its arrays"),
            Column("scale_kind", "label", "scale it is learnt on", choices=("log", "logit", "count", "linear")),
            Column("confidence", "float", "part of the variance to come that is noise and not ignorance: 1 is all that can be known"),
            Column("error", "float", "standard error of the location, on that scale"),
            Column("spread", "float", "robust spread of the residual, on that scale", optional=True),
            Column("n", "integer", "steps learnt from"),
            Column("n_excluded", "integer", "steps with a value that were left out: masked or unusual"),
            Column("n_days", "float", "days learnt from", "d"),
            Column("learnt_from", "time", "start of the history it was learnt from"),
            Column("learnt_to", "time", "end of that history"),
        ),
    ),
    Table(
        "changes",
        "baseline",
        "a lasting change of a series against its reference",
        ("series_id", "kind", "detected_at"),
        (
            Column("series_id", "label", "the series"),
            Column("kind", "label", "what has changed", choices=("level", "spread", "tail", "season", "availability")),
            Column("direction", "label", "for better or worse", choices=("regression", "improvement", "neutral")),
            Column("detected_at", "time", "when it was told: the end of the data it was seen in"),
            Column("start", "time", "onset: first bin of the new regime"),
            Column("start_low", "time", "earliest onset that the data allow"),
            Column("start_high", "time", "latest onset that the data allow"),
            Column("end", "time", "when the series was back at its reference; empty: it is not", optional=True),
            Column(
                "effect", "float", "relative change (season: of the amplitude); of slow and failed checks that of their share", "fraction"
            ),
            Column("effect_low", "float", "lower end of its 95 % interval", "fraction"),
            Column("effect_high", "float", "upper end of its 95 % interval", "fraction"),
            Column("effect_size", "float", "change of the level in robust spreads of the residual", optional=True),
            Column("effect_told", "float", "the effect as it was known when the change was told: nothing later is in it", "fraction"),
            Column("day_size", "float", "root mean square of its usual course of the day on the scale it is learnt on", optional=True),
            Column("before", "float", "what was usual, in the unit of the series; of availability: the failing share", optional=True),
            Column("statistic", "float", "evidence: the most there was until it was over or the data ended"),
            Column("p_value", "float", "chance that a series that never changes shows as much in the time it was judged", "fraction"),
            Column("learnt_from", "time", "start of what its reference was learnt from"),
            Column("learnt_to", "time", "end of what its reference was learnt from"),
        ),
    ),
    Table(
        "change_course",
        "baseline",
        "from when on a change was known to be as little likely by chance: a row each time its evidence has grown",
        ("series_id", "kind", "detected_at", "at"),
        (
            Column("series_id", "label", "the series"),
            Column("kind", "label", "what has changed", choices=("level", "spread", "tail", "season", "availability")),
            Column("detected_at", "time", "when it was told; with series and kind the key of `changes`"),
            Column("at", "time", "when this was known"),
            Column("p_value", "float", "chance that a series that never changes shows as much by then", "fraction"),
        ),
    ),
    Table(
        "seasonality",
        "baseline",
        "a period that a series really has",
        ("series_id", "period_s"),
        (
            Column("series_id", "label", "the series"),
            Column("period_s", "integer", "length of the period", "s"),
            Column("strength", "float", "part of the variance about the slow course that is this season's", "fraction"),
            Column("p_value", "float", "chance that noise has such a season at any of the periods looked at", "fraction"),
            Column("looked_from", "time", "start of the history it was looked for in"),
            Column("looked_to", "time", "end of that history"),
        ),
    ),
)
