"""Tables of stage `slo`."""

from __future__ import annotations

from analytics.tables.columns import Column, Table

__all__ = ["SLO"]

SLO = (
    Table(
        "slo_compliance",
        "slo",
        "was the promise kept in this period",
        ("service", "region", "objective_kind", "period_start"),
        (
            Column("service", "label", "the service"),
            Column("region", "label", "the region; empty text joins them"),
            Column("objective_kind", "label", "which promise", choices=("availability", "latency")),
            Column("period_start", "time", "start of the calendar month in the reader's zone"),
            Column("period_end", "time", "its end"),
            Column("is_complete", "boolean", "the period is over"),
            Column("objective", "float", "share promised; empty: nothing was promised", "fraction", optional=True),
            Column("n", "integer", "checks that count; for latency: steps with a median"),
            Column("n_bad", "float", "of these, bad; parts of checks where a source gives a share only"),
            Column("n_excluded", "integer", "checks (or steps) that do not count: masked, or said to be maintenance, pending, unknown"),
            Column("compliance", "float", "share of good checks", "fraction", optional=True),
            Column("compliance_low", "float", "lower end of its interval (nominal coverage: slo.level)", "fraction", optional=True),
            Column("compliance_high", "float", "upper end of its interval (nominal coverage: slo.level)", "fraction", optional=True),
            Column("measured_share", "float", "share of the period's time so far that was measured", "fraction"),
            Column("state", "label", "verdict", choices=("kept", "at risk", "missed", "too little data", "unmeasured", "no promise")),
        ),
    ),
    Table(
        "error_budgets",
        "slo",
        "how much failure the promise still allows this period",
        ("service", "region", "objective_kind", "period_start"),
        (
            Column("service", "label", "the service"),
            Column("region", "label", "the region; empty text joins them"),
            Column("objective_kind", "label", "which promise", choices=("availability", "latency")),
            Column("period_start", "time", "start of the calendar month in the reader's zone"),
            Column("budget_s", "float", "time that may be bad: of what was measured and, in a running period, of what is to come", "s"),
            Column("spent_s", "float", "time that was bad: share of bad checks of the measured time", "s"),
            Column("left_share", "float", "share of the budget left; negative: overspent", "fraction"),
            Column("left_low", "float", "lower end of its interval (nominal coverage: slo.level)", "fraction"),
            Column("left_high", "float", "upper end of its interval (nominal coverage: slo.level)", "fraction"),
            Column("burn_rate", "float", "spent so far against an even spend; 1: exactly used up at the end"),
            Column("burn_rate_recent", "float", "the same over the last days (slo.recent_days) of a running period", optional=True),
            Column("exhausted_at", "time", "when it was, or at the recent rate will be, used up", optional=True),
        ),
    ),
)
