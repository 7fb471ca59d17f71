import re
from importlib.resources import files

import pandas as pd
import pytest

from analytics import words
from analytics.plots import style
from analytics.reporting import display

N = words.NBSP


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def sheet():
    return (files("analytics.reporting") / "template" / "report.css").read_text(encoding="utf-8")


def variables(part):
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part))


def test_figures_and_pages_have_the_same_colours():
    light = variables(sheet().partition("@media")[0])
    assert {name: light[name] for name in style.COLOURS} == style.COLOURS


def test_the_dark_page_has_each_colour_of_the_light_one():
    light, _, rest = sheet().partition("@media screen and (prefers-color-scheme: dark)")
    assert set(variables(light)) == set(variables(rest.partition("* {")[0]))


def test_jupyterlab_in_the_dark_has_the_colours_of_the_dark_page():
    _, _, dark = sheet().partition("@media screen and (prefers-color-scheme: dark)")
    _, _, lab = display.STYLE.partition('[data-jp-theme-light="false"]')
    own = variables(lab.partition("}")[0])
    assert own
    assert own.items() <= variables(dark.partition("* {")[0]).items()


def test_the_figure_style_uses_only_colours_of_the_palette():
    text = (files("analytics.plots") / "analytics.mplstyle").read_text(encoding="utf-8")
    used = set(re.findall(r"\b[0-9a-f]{6}\b", text))
    assert used <= {colour[1:] for colour in style.COLOURS.values()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "muted", "series", "worse", "bad", "good"])
def test_text_can_be_read_on_paper(scheme, text):
    light, _, dark = sheet().partition("@media screen")
    colours = variables(light if scheme == "light" else dark.partition("* {")[0])
    assert contrast(colours[text], colours["paper"]) >= 4.5


@pytest.mark.parametrize("tone", ["worse", "bad", "good"])
def test_chips_can_be_read_in_light_and_dark(tone):
    light, _, dark = sheet().partition("@media screen")
    for colours in (variables(light), variables(dark.partition("* {")[0])):
        assert contrast(colours[tone], colours[f"{tone}-wash"]) >= 4.5


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2026-03-28T00:00", "2026-03-29T12:00", "06:00", "12:00"),
        ("2026-03-02T00:00", "2026-03-12T00:00", f"3{N}Mar", f"12{N}Mar"),
        ("2026-02-02T00:00", "2026-04-13T00:00", f"9{N}Feb", f"13{N}Apr"),
        ("2025-11-10T00:00", "2026-08-13T00:00", "Dec", "Aug"),
        ("2019-05-01T00:00", "2026-08-13T00:00", "2020", "2026"),
    ],
)
def test_times_are_marked_at_whole_local_units(start, end, first, last):
    with style.use():
        ax = style.own_axes(None)
        style.time_axis(ax, "Europe/Zurich", pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC"))
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert (labels[0], labels[-1]) == (first, last)
    assert 3 <= len(labels) <= 14


@pytest.mark.parametrize("days", [2, 9, 40, 90, 400, 2000])
@pytest.mark.parametrize(
    ("zone", "start"), [("Africa/Cairo", "2025-04-24"), ("America/Havana", "2020-10-31"), ("America/Santiago", "2025-09-06")]
)
def test_days_without_a_midnight_and_with_two_can_be_marked(zone, start, days):
    begin = pd.Timestamp(start, tz="UTC") + pd.Timedelta("4h20min")
    with style.use():
        ax = style.own_axes(None)
        style.time_axis(ax, zone, begin, begin + pd.Timedelta(days=days))
    assert 3 <= len(ax.get_xticklabels()) <= 14


def test_rows_are_named_without_regions_that_say_nothing():
    frame = pd.DataFrame({"service": ["a", "b", "c", None], "region": ["eu", "default", "", None]})
    assert list(style.row_names(frame)) == ["a · eu", "b", "c", "all"]
    assert list(style.row_names(pd.DataFrame({"service": "a", "region": ["all", "default"]}))) == ["a · all", "a"]


def test_of_many_rows_the_worst_are_kept_in_the_order_of_the_alphabet():
    names = pd.Series([f"s{i:03d}" for i in range(100)])
    kept, n_all = style.worst_rows(names, pd.Series(range(100)))
    assert n_all == 100
    assert kept == [f"s{i:03d}" for i in range(60, 100)]
