"""What the figures of drifts show, read from their axes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from analytics.plots import drift as plots, style
from analytics.reporting.figures import to_svg

NAMES = {colour: name for name, colour in style.COLOURS.items()}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def weeks(**severities):
    first = pd.Timestamp("2026-03-02", tz="UTC")
    rows = [
        {"service": service, "region": "eu", "week": first + pd.Timedelta(days=7 * index), "severity": float(severity)}
        for service, ones in severities.items()
        for index, severity in enumerate(ones)
    ]
    return pd.DataFrame(rows)


def squares(ax):
    """Colour of each square -> area, points squared."""
    drawn = [one for one in ax.collections if isinstance(one, PathCollection) and len(one.get_offsets())]
    found = [(NAMES[to_hex(one.get_facecolor()[0])], size) for one in drawn for size in one.get_sizes()]
    return sorted(found)


def course(n=24 * 14, after=24 * 10):
    time = pd.date_range("2026-03-02", periods=n, freq="h", tz="UTC")
    value = np.full(n, 100.0)
    value[after:] = 118.0
    return pd.DataFrame(
        {
            "time": time,
            "value": value,
            "expected": 100.0,
            "low": 90.0,
            "high": 112.0,
            "residual": (value - 100) / 5,
            "least": value - 30,
            "most": value + 60,
        }
    )


def drift(direction="regression", end=pd.NaT, after=24 * 10):
    start = course().time[after]
    hour = pd.Timedelta(hours=1)
    ends = {"start": start, "start_low": start - hour, "start_high": start + 2 * hour, "end": end}
    return SimpleNamespace(**ends, direction=direction, kind="level")


NOTHING = pd.DataFrame({"start": pd.DatetimeIndex([], tz="UTC"), "end": pd.DatetimeIndex([], tz="UTC"), "title": []})


def drawn(**options):
    usual = {"unit": "response time, ms", "label": "+18 % [15, 21]", "events": NOTHING, "masks": NOTHING}
    return plots.plot_drift(course(), options.pop("drift", drift()), **{**usual, **options})


def test_only_notable_weeks_are_coloured_and_the_newest_says_its_number():
    ax = plots.plot_severity(weeks(a=[3, 64], b=[10, -36], c=[30, 0]))
    assert [name for name, _ in squares(ax)] == ["axis", "axis", "good", "worse", "worse"]
    assert texts(ax) == ["64", "−36"]


def test_a_square_grows_with_severity():
    areas = [size for _, size in squares(plots.plot_severity(weeks(a=[25, 50, 100])))]
    assert areas == pytest.approx([225 * 0.25, 225 * 0.5, 225])


def test_of_many_services_the_gravest_are_drawn():
    ax = plots.plot_severity(weeks(**{f"s{index:03d}": [index / 10] for index in range(70)}))
    assert rows_of(ax) == [f"s{index:03d} · eu" for index in range(69, 29, -1)]
    # Ten have a severity below 1, which is none to speak of.
    assert texts(ax)[-1] == "the 40 of 60 with the gravest drifts"


def rows_of(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_what_is_grave_now_stands_on_top_then_what_was():
    assert rows_of(plots.plot_severity(weeks(a=[90, 0], b=[0, 30], c=[2, -40], d=[95, 0], e=[0.5, 0]))) == [
        f"{name} · eu" for name in "bcda"
    ]


def test_squares_of_many_weeks_do_not_touch():
    ax = plots.plot_severity(weeks(a=[100] * 30))
    assert max(size for _, size in squares(ax)) == pytest.approx((plots.GRID_PT / 30) ** 2)


def test_the_onset_is_told_in_the_readers_time():
    top = drawn(zone="Europe/Zurich").axes[0]
    assert texts(top) == ["since 12\u00a0Mar\u00a001:00\n+18 % [15, 21]"]


@pytest.mark.parametrize(("direction", "colour"), [("regression", "worse"), ("improvement", "good"), ("neutral", "violet")])
def test_direction_has_its_colour(direction, colour):
    top = drawn(drift=drift(direction)).axes[0]
    assert NAMES[to_hex(top.texts[0].get_color())] == colour


def test_an_ended_drift_is_shaded_to_its_end_only():
    end = drift().start + pd.Timedelta(days=2)
    [shade] = [patch for patch in drawn(drift=drift(end=end)).axes[0].patches if isinstance(patch, Rectangle)]
    assert shade.get_width() == pytest.approx(2.0)


def test_one_extreme_value_does_not_flatten_the_rest():
    high = course().assign(value=lambda frame: frame.value.where(frame.index != 5, 90_000.0))
    usual = {"unit": "ms", "label": "+18 %", "events": NOTHING, "masks": NOTHING}
    top = plots.plot_drift(high, drift(), **usual).axes[0]
    assert top.get_ylim()[1] < 140


def test_events_and_masks_are_marked():
    events = pd.DataFrame({"start": [drift().start - pd.Timedelta(minutes=20)], "title": ["deploy 7"]})
    masks = pd.DataFrame({"start": [course().time[24]], "end": [course().time[30]]})
    top, strip = drawn(events=events, masks=masks).axes
    assert texts(top)[-1] == "deploy 7"
    assert [patch.get_width() for patch in strip.patches] == pytest.approx([0.25])


def test_titles_of_events_do_not_cover_each_other():
    hour = pd.Timedelta(hours=1)
    events = pd.DataFrame({"start": [drift().start + hour * k for k in (0, 5, 100)], "title": ["deploy 7", "deploy 8", "deploy 9"]})
    assert texts(drawn(events=events).axes[0])[1:] == ["deploy 7", "deploy 9"]
    assert len([line for line in drawn(events=events).axes[0].lines if line.get_marker() == "^"]) == 3


@pytest.mark.parametrize(("kind", "n_lines"), [("level", 4), ("spread", 6), ("tail", 6)])
def test_what_the_middle_does_not_show_is_drawn_for_spread_and_tail(kind, n_lines):
    one = drift()
    one.kind = kind
    assert len(drawn(drift=one).axes[0].lines) == n_lines


def test_shares_that_fail_are_written_in_per_cent():
    one = drift()
    one.kind = "availability"
    axis = drawn(drift=one).axes[0].yaxis
    assert axis.get_major_formatter()(0.004, 0) == "0.4\u00a0%"


def test_quantiles_say_the_change_of_each():
    quantiles = pd.DataFrame({"quantile": [0.5, 0.99], "reference": [100.0, 300.0], "current": [118.0, 450.0]})
    ax = plots.plot_quantiles(quantiles, unit="ms", direction="regression")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["p50", "p99"]
    assert texts(ax) == ["+18\u00a0%", "+50\u00a0%"]


def test_profile_names_its_lines_at_their_peaks():
    hours = np.arange(24)
    profile = pd.DataFrame({"hour": hours, "reference": -((hours - 14) ** 2.0), "current": -((hours - 18) ** 2.0)})
    ax = plots.plot_profile(profile, unit="ms", direction="neutral")
    assert [(text.get_text(), text.xy[0]) for text in ax.texts] == [("reference", 14.5), ("since the onset", 18.5)]


def test_a_whole_figure_stays_small():
    assert len(to_svg(drawn(), alt="It became slower on 12 March and stayed so.")) < 25_000
