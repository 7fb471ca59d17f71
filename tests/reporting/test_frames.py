import re

import numpy as np
import pandas as pd
import pytest

from analytics.reporting import frames

N = "\u00a0"


def cells(body):
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", body)]


def test_type_and_unit_of_a_column_decide_how_it_is_written():
    time = pd.Timestamp("2026-11-15T13:00Z")
    frame = pd.DataFrame(
        {
            "service": ["a"],
            "p95_ms": [146.2],
            "down_s": [2460],
            "left_share": [0.38],
            "n": [12345],
            "start": [time],
            "day": [time],
            "is_up": [True],
        }
    )
    body = frames.table_html(frame, caption="c", zone="Europe/Zurich")
    assert cells(body) == ["a", f"146{N}ms", f"41{N}min", f"38{N}%", "12,345", f"15{N}Nov{N}14:00", f"15{N}Nov{N}2026", "yes"]
    assert "<span>c. Times: Europe/Zurich.</span>" in body


def test_a_period_is_named_by_its_month():
    frame = pd.DataFrame({"period_start": [pd.Timestamp("2026-02-28T23:00Z")]})
    assert cells(frames.table_html(frame, caption="c", zone="Europe/Zurich")) == [f"March{N}2026"]


def test_a_format_by_name_or_function_overrides_the_usual():
    frame = pd.DataFrame({"a": [0.5, 0.25], "b": [1.0, 2.0]})
    body = frames.table_html(frame, caption="c", formats={"a": "percent1", "b": lambda value: f"<{value:.0f}>"})
    assert cells(body) == [f"50.0{N}%", "&lt;1&gt;", f"25.0{N}%", "&lt;2&gt;"]


def test_missing_values_are_a_dash_in_every_kind_of_column():
    frame = pd.DataFrame({"a": [None], "b_ms": [np.nan], "c": pd.to_datetime([None], utc=True), "d_share": [np.nan]})
    assert cells(frames.table_html(frame, caption="c")) == ["–"] * 4


def test_rows_are_sorted_and_the_heading_says_so():
    frame = pd.DataFrame({"n": [1, 3, 2]})
    down = frames.table_html(frame, caption="c", sort="-n")
    assert cells(down) == ["3", "2", "1"]
    assert 'aria-sort="descending"' in down
    up = frames.table_html(frame, caption="c", sort="n")
    assert cells(up) == ["1", "2", "3"]
    assert 'aria-sort="ascending"' in up


def test_a_sortable_cell_carries_its_number():
    body = frames.table_html(pd.DataFrame({"down_s": [7500.0]}), caption="c")
    assert 'data-v="7500"' in body
    assert "data-v" not in frames.table_html(pd.DataFrame({"down_s": [7500.0]}), caption="c", is_sortable=False)


def test_long_names_are_shortened_and_keep_their_whole_name_as_a_title():
    long = [f"namespace-production/{'very-' * 10}<long>-{n}" for n in (1, 2)]
    body = frames.table_html(pd.DataFrame({"service": ["short-but-not-so-short", *long]}), caption="c")
    first, one, two = cells(body)
    assert first == "short-but-not-so-short"
    assert max(len(one), len(two)) <= frames.NAME_WIDTH + len("&lt;&gt;")
    assert one != two
    assert re.findall(r'title="([^"]*)"', body) == [name.replace("<", "&lt;").replace(">", "&gt;") for name in long]
    assert body.count('<td class="w"') == 3
    assert "namespace-production"[:16] + "…" in one
    assert "team/<wbr>shop.<wbr>example.<wbr>com/" in frames.table_html(pd.DataFrame({"service": ["team/shop.example.com/"]}), caption="c")


def test_sentences_wrap_between_words_and_numbers_never():
    frame = pd.DataFrame({"service": ["a"], "text": ["one of these sentences that go on and on"], "n": [10**12]})
    body = frames.table_html(frame, caption="c", is_sortable=False)
    assert re.findall(r"<td[^>]*?>", body) == [
        "<td>",
        '<td class="t">',
        '<td class="n">',
    ]


def test_each_row_can_be_linked_and_those_that_are_not_shown_lead_to_the_caption():
    frame = pd.DataFrame({"n": [1, 3, 2], "name": ["x", "y", '<"']})
    body = frames.table_html(frame, caption="c", anchors="name", sort="-n", limit=2)
    assert re.findall(r'<tr id="([^"]*)"><td[^>]*>(.)</td>', body) == [("y", "3"), ("&lt;&quot;", "2")]
    assert '<i id="x"></i>' in body[: body.index("</caption>")]
    with pytest.raises(ValueError, match="column 'nome' is not in the table"):
        frames.table_html(frame, caption="c", anchors="nome")


def test_rows_beyond_the_limit_are_counted():
    body = frames.table_html(pd.DataFrame({"n": range(3211)}), caption="All.", limit=60)
    assert len(cells(body)) == 60
    assert "The first 60 of 3,211 rows." in body


def test_a_value_leads_to_the_address_of_its_row():
    frame = pd.DataFrame({"what": ["a <b>", "c"], "where": ["drift.html#1", None], "n": [1, 2]})
    body = frames.table_html(frame, caption="c", links={"what": "where"})
    assert '<a href="drift.html#1">a &lt;b&gt;</a>' in body
    assert cells(body) == ["a &lt;b&gt;", "1", "c", "2"]
    assert "where" not in body.lower()
    with pytest.raises(ValueError, match="only pages of the reports"):
        frames.table_html(frame.assign(where="javascript:x"), caption="c", links={"what": "where"})
    with pytest.raises(ValueError, match="column 'gone' is not in the table"):
        frames.table_html(frame, caption="c", links={"what": "gone"})


def test_a_verdict_is_a_chip_with_its_word():
    body = frames.table_html(
        pd.DataFrame({"state": ["missed", "kept", "new"]}), caption="c", chips={"state": {"missed": "bad", "kept": "good"}}
    )
    assert '<span class="chip bad">missed</span>' in body
    assert '<span class="chip good">kept</span>' in body
    assert "<td>new</td>" in body


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"formats": {"n": "per cent"}}, "format 'per cent' is none of"),
        ({"formats": {"m": "count"}}, "column 'm' is not in the table; it has n"),
        ({"sort": "-m"}, "column 'm' is not in the table"),
        ({"chips": {"n": {1: "red"}}}, "tone 'red' is none of bad, worse, good, calm"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_what_is_right(options, said):
    with pytest.raises(ValueError, match=said):
        frames.table_html(pd.DataFrame({"n": [1]}), caption="c", **options)


def test_the_frame_is_not_changed():
    frame = pd.DataFrame({"n": [2, 1], "spark": [[1, 2], [3]]})
    before = frame.copy(deep=True)
    frames.table_html(frame, caption="c", sort="n", formats={"spark": "spark"})
    pd.testing.assert_frame_equal(frame, before)


def test_headings_are_words_without_the_unit():
    frame = pd.DataFrame({"left_share": [1.0], "n_failed": [1], "is_confirmed": [True], "latency_ms": [1.0]})
    heads = re.findall(r"<button[^>]*>(.*?)</button>", frames.table_html(frame, caption="c"))
    assert heads == ["Left", "Failed", "Confirmed", "Latency"]


def test_a_sparkline_says_its_range():
    svg = frames.sparkline([10, 14, 8, 15, 12], mark=1)
    assert 'role="img" aria-label="from 10 to 12, lowest 8, highest 15"' in svg
    assert svg.count("<circle") == 1
    assert frames.sparkline([np.nan, np.nan]) == "–"
    assert "1,13" in frames.sparkline([5, 5, 5])
    assert "lowest 5, highest 5" in frames.sparkline([5, 5, 5])


def test_moments_of_several_years_say_which():
    times = pd.to_datetime(["2025-12-31T10:00Z", "2026-01-02T10:00Z"])
    assert cells(frames.table_html(pd.DataFrame({"start": times}), caption="c"))[0] == f"31{N}Dec{N}2025{N}10:00"
    assert cells(frames.table_html(pd.DataFrame({"start": times[:1]}), caption="c")) == [f"31{N}Dec{N}10:00"]


def test_a_long_name_that_leads_somewhere_is_shortened_too():
    name = "organisation/repository/service-with-a-very-long-name/and-more"
    body = frames.table_html(pd.DataFrame({"where": [name], "address": ["#d1"]}), caption="c", links={"where": "address"})
    assert f'<td class="w" title="{name}"><a href="#d1">organisation/<wbr>rep…' in body
    assert cells(body) == ["organisation/rep…-with-a-very-long-name/and-more"]
