"""What the page on data quality says."""

import pandas as pd

from analytics.ingest import says


def test_refusals_that_differ_in_numbers_are_one_row():
    reasons = ["latency -5 ms is negative", "state is empty", "latency -7 ms is negative"]
    rows = pd.DataFrame({"source": "a", "kind": "checks", "reason": reasons, "place": ["a:1", "a:2", "a:3"], "row": ["x", "y", "z"]})
    found = says.refusal_summary(rows)
    assert found[["reason", "n", "place", "row"]].to_numpy().tolist() == [
        ["latency … ms is negative", 2, "a:1", "x"],
        ["state is empty", 1, "a:2", "y"],
    ]
    assert says.refusal_summary(rows.head(0)).empty
