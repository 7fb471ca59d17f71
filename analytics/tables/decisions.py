"""What people have decided: small CSV files under `data/decisions`, in git, one row for each decision, never changed afterwards."""

from __future__ import annotations

from analytics.tables.columns import Column, Table

__all__ = ["DECISIONS"]

DECISIONS: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "rebaselines",
            "people",
            "a drift, or what a declared event may change, taken as the new normal or not",
            (),
            (
                Column("time", "time", "when it was decided"),
                Column("author", "text", "who decided"),
                Column("action", "label", "accept: this is the new normal; reject: it is not, or no longer", choices=("accept", "reject")),
                Column("drift_id", "text", "the drift; empty in a rule", optional=True),
                Column("event_id", "text", "rule: drifts attributed to this event", optional=True),
                Column("direction", "label", "rule: of this direction", optional=True, choices=("regression", "improvement", "neutral")),
                Column("bound", "float", "rule: whose relative effect is surely not larger than this", "fraction", optional=True),
                Column("reason", "text", "why, in a sentence"),
            ),
        ),
    )
}
