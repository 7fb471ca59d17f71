"""Tables of stage `baseline`."""

from __future__ import annotations

from analytics.tables.columns import Column, Table

__all__ = ["BASELINE"]

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
