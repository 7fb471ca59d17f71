import re

import numpy as np
import pytest

from analytics.plots import marks, style
from analytics.reporting import figures

ALT = "A line that rises and falls."


def drawing(shift=0.0, n=20):
    with style.use():
        ax = style.own_axes(None)
        ax.plot(np.arange(n), np.sin(np.arange(n)) + shift, color=style.COLOURS["worse"])
        ax.set_title("5 < 6 & more")
    return ax


def test_the_same_drawing_gives_the_same_bytes():
    assert figures.to_svg(drawing(), alt=ALT) == figures.to_svg(drawing(), alt=ALT)


def test_a_readers_own_matplotlib_settings_change_nothing():
    import matplotlib

    plain = figures.to_svg(drawing(), alt=ALT)
    with matplotlib.rc_context(
        {
            "font.size": 20,
            "axes.linewidth": 9,
            "xtick.direction": "in",
            "svg.hashsalt": "other",
            "axes.grid": False,
            "savefig.facecolor": "red",
        }
    ):
        assert figures.to_svg(drawing(), alt=ALT) == plain


def test_ids_come_from_the_drawing_so_that_two_figures_share_none():
    one, other = (set(re.findall(r' id="([^"]+)"', figures.to_svg(drawing(shift), alt=ALT))) for shift in (0.0, 0.5))
    assert one
    assert not one & other


def test_each_reference_inside_a_figure_has_its_target():
    svg = figures.to_svg(drawing(), alt=ALT)
    targets = set(re.findall(r' id="([^"]+)"', svg))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) == targets


def test_colours_of_the_palette_become_variables_and_no_other_remains():
    svg = figures.to_svg(drawing(), alt=ALT)
    assert "var(--worse, #b4500f)" in svg
    assert not re.search(r'(?:fill|stroke)="#', svg)


def test_text_stays_text_and_is_escaped():
    svg = figures.to_svg(drawing(), alt='Says "five" < six & more.')
    assert "5 &lt; 6 &amp; more</text>" in svg
    assert 'aria-label="Says &quot;five&quot; &lt; six &amp; more."' in svg
    assert "DejaVu" not in svg


def test_nothing_in_a_figure_tells_when_it_was_drawn():
    svg = figures.to_svg(drawing(), alt=ALT)
    assert "metadata" not in svg
    assert not re.search(r"20\d\d-\d\d-\d\d", svg)


def test_rounded_steps_end_where_the_path_ends():
    # Steps of 0.04 round to nothing one by one; together they are four points.
    path = "M 0 0 " + " ".join(f"L {0.04 * i:.2f} {10 * (i % 2)}" for i in range(1, 101))
    assert end_of(figures._path(path)) == pytest.approx((4.0, 0.0))


def end_of(path):
    x = y = 0.0
    for command, rest in re.findall(r"([Mlhvz])([^Mlhvz]*)", path):
        numbers = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest)]
        if command == "M":
            x, y = numbers
        elif command == "h":
            x += sum(numbers)
        elif command == "v":
            y += sum(numbers)
        else:
            x, y = x + sum(numbers[::2]), y + sum(numbers[1::2])
    return x, y


def test_a_path_is_written_in_relative_steps():
    assert figures._path("M 10 20 L 12.5 20 L 12.5 21 L 14 23.04 z ") == "M10 20h2.5v1l1.5 2z"


def test_a_font_that_is_not_understood_is_an_error():
    with pytest.raises(ValueError, match="as matplotlib writes it"):
        figures._font("italic large serif")


def test_a_long_line_stays_small():
    n = 100_000
    with style.use():
        ax = style.own_axes(None)
        marks.line_with_band(ax, np.arange(n), np.sin(np.arange(n) / 50.0))
    assert len(figures.to_svg(ax, alt=ALT)) < 12_000


def test_a_dense_grid_is_a_small_picture_inside_the_figure():
    level = np.random.default_rng(0).integers(0, 3, (40, 365))
    tones = [marks.Tone("a", "grid"), marks.Tone("b", "worse"), marks.Tone("c", "bad")]

    def grid():
        with style.use():
            ax = style.own_axes(None)
            marks.grid_map(ax, level, tones=tones, edges=np.arange(366.0), labels=[f"row {i}" for i in range(40)])
        return figures.to_svg(ax, alt=ALT)

    svg = grid()
    assert svg.count("data:image/png;base64,") == 1
    assert len(svg) < 20_000
    assert svg == grid()
