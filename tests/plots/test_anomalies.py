"""What the figures of anomalies show, read from their axes."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pandas as pd

from analytics.plots import anomalies


def lengths(ax):
    return [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]


def test_each_budget_has_a_tick_where_it_is_and_a_dot_in_its_interval():
    rows = pd.DataFrame({"budget": [0.0625, 0.25, 1.0], "rate": [0.15, 0.45, 0.7], "low": [0.09, 0.34, 0.55], "high": [0.24, 0.59, 0.86]})
    ax = anomalies.plot_budgets(rows)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["budget 0.0625", "budget 0.25", "budget 1"]
    npt.assert_allclose(lengths(ax), rows[["low", "high"]])
    came, allowed = ax.lines
    npt.assert_allclose(came.get_xdata(), rows["rate"])
    npt.assert_allclose(allowed.get_xdata(), rows["budget"])
    npt.assert_allclose(allowed.get_ydata(), came.get_ydata())
    assert ax.get_xlim()[0] < 0.0625
    assert ax.get_xlim()[1] > 1


def test_a_budget_of_which_nothing_came_is_drawn_at_the_left_end():
    rows = pd.DataFrame({"budget": [0.25], "rate": [0.0], "low": [0.0], "high": [0.1]})
    ax = anomalies.plot_budgets(rows)
    assert ax.lines[0].get_xdata()[0] == ax.get_xlim()[0] > 0
    assert np.isfinite(lengths(ax)).all()


def test_days_are_squares_that_grow_with_severity_and_nothing_where_nothing_was():
    day = pd.Timestamp("2026-03-02T00:00Z")
    rows = pd.DataFrame({"service": ["a", "a", "b", "b"], "day": [day, day + pd.Timedelta(days=1)] * 2, "severity": [0.0, 100, 20, 0]})
    ax = anomalies.plot_days(rows)
    quiet, grave = ax.collections[:2]
    assert quiet.get_offsets()[:, 1].tolist() == [1]
    assert grave.get_offsets()[:, 1].tolist() == [0]
    assert grave.get_sizes()[0] > quiet.get_sizes()[0]
