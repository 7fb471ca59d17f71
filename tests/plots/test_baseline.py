"""What the figures of the baselines show, read from their axes."""

import numpy as np
import pandas as pd

from analytics.plots import baseline
from analytics.reporting.figures import to_svg

START = pd.Timestamp("2026-03-02", tz="UTC")


def course(n=288):
    value = 100 + 10 * np.sin(np.arange(n) / 20)
    value[100:101] = 5000
    held = np.where(np.arange(n) < 50, np.nan, 100.0)
    time = pd.date_range(START, periods=n, freq="5min")
    return pd.DataFrame(
        {"time": time, "value": value, "expected": held, "p05": held - 20, "p95": held + 20, "p99": held + 40, "residual": value - 100}
    )


def test_a_spike_does_not_press_the_band_flat():
    declared = pd.DataFrame({"start": [START, START], "end": [START + pd.Timedelta("1h"), pd.NaT], "text": ["maintenance", "deploy"]})
    figure = baseline.plot_course(course(), declared, unit="ms")
    above, below = figure.axes
    assert above.get_ylim()[1] < 200
    assert {text.get_text() for text in above.texts} == {"maintenance", "deploy"}
    assert below.lines[0].get_ydata().max() == baseline.MOST_SPREADS
    to_svg(figure, alt="a course")


def test_a_usual_week_is_drawn_in_fifths():
    ax = baseline.plot_week(pd.DataFrame({"hour": range(168), "expected": np.arange(168.0)}))
    assert len(ax.patches) == 5
    assert [label.get_text() for label in ax.get_yticklabels()] == list(baseline.DAYS)
    assert len(baseline.plot_week(pd.DataFrame({"hour": range(168), "expected": 7.0})).patches) == 1


def test_days_are_classed_by_the_hours_left_out():
    hours = pd.DataFrame(
        {"service": ["a", "a", "b"], "region": "eu", "day": START, "unusual_h": [1.0, 5.0, 0.0], "masked_h": [0.0, 0.0, 2.0], "held_h": 0.0}
    )
    ax = baseline.plot_left_out(hours.assign(day=START + pd.to_timedelta([0, 1, 2], unit="D")), start=START, end=START + pd.Timedelta("7D"))
    assert len(ax.patches) == 3
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a · eu", "b · eu"]


def test_of_many_services_the_least_sure_are_shown():
    frame = pd.DataFrame(
        {"service": [f"s{i:03d}" for i in range(60)], "region": "eu", "signal": "cpu", "confidence": np.linspace(0.2, 1, 60), "n_days": 7.0}
    )
    ax = baseline.plot_confidence(frame, sure=0.75)
    assert len(ax.get_yticklabels()) == 40
    assert ax.texts[-1].get_text() == "the 40 of 60 least sure"


def test_nothing_can_be_drawn():
    empty = pd.DataFrame(columns=["service", "region", "signal", "confidence", "n_days", "day", "unusual_h", "masked_h", "held_h"])
    for drawing in (
        baseline.plot_course(course(0), pd.DataFrame(columns=["start", "end", "text"]), unit=""),
        baseline.plot_week(pd.DataFrame(columns=["hour", "expected"])),
        baseline.plot_left_out(empty, start=START, end=START + pd.Timedelta("1D")),
        baseline.plot_confidence(empty, sure=0.75),
    ):
        to_svg(drawing, alt="nothing")
