import math

import pandas as pd
import pytest

from analytics import words

N = "\u00a0"
M = "\u2212"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.9993, f"99.93{N}%"), (0.99881, f"99.88{N}%"), (0.999995, f"99.9995{N}%"),
        (0.954, f"95.4{N}%"), (0.999, f"99.9{N}%"), (0.97, f"97{N}%"),
        (0.38, f"38{N}%"), (0.021, f"2.1{N}%"),
        (0.0012, f"0.12{N}%"), (0.0007, f"0.07{N}%"), (-0.9, f"{M}90{N}%"), (1.0, f"100{N}%"),
        (0.0, f"0{N}%"), (1.5, f"150{N}%"),
        (math.nan, "–"), (None, "–"), (math.inf, f"∞{N}%"),
    ],
)  # fmt: skip
def test_a_share_is_written_with_the_digits_it_needs(share, said):
    assert words.percent(share) == said


def test_a_share_below_one_is_never_written_as_all():
    assert words.percent(0.99999, 2) == f"99.99{N}%"
    assert words.percent(0.9999999999) != words.percent(1.0)
    assert words.percent(1.0, 2) == f"100.00{N}%"


def test_a_share_above_zero_is_never_written_as_none():
    assert words.percent(0.00001, 1) == f"0.1{N}%"
    assert words.percent(-0.00001, 0) == f"{M}1{N}%"
    assert words.percent(0.0, 1) == f"0.0{N}%"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, f"0{N}s"), (0.4, f"0.4{N}s"), (45, f"45{N}s"), (90, f"1{N}min{N}30{N}s"),
        (2460, f"41{N}min"), (7500, f"2{N}h{N}5{N}min"),
        (7176, f"2{N}h"), (259_200, f"3{N}d"), (273_600, f"3{N}d{N}4{N}h"),
        (86_399, f"1{N}d"), (-300, f"{M}5{N}min"), (math.nan, "–"), (math.inf, "∞"),
    ],
)  # fmt: skip
def test_a_duration_is_written_in_its_two_largest_units(seconds, said):
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0123, "0.0123"), (1.25, "1.25"), (146.2, "146"), (12345.6, "12,346"), (-0.02, f"{M}0.02"), (0, "0"), (math.nan, "–")],
)
def test_a_number_has_three_significant_digits(value, said):
    assert words.number(value) == said


def test_decimals_can_be_fixed_for_columns():
    assert [words.fixed(value, 2) for value in (1.4, 0.0, -0.25, -0.001, math.nan)] == ["1.40", "0.00", f"{M}0.25", "0.00", "–"]


def test_counts_have_thousands_separators_and_their_noun():
    assert words.count(3_628_800) == "3,628,800"
    assert words.counted(1, "outage") == f"1{N}outage"
    assert words.counted(0, "outage") == f"0{N}outages"
    assert words.counted(2, "series", "series") == f"2{N}series"


def test_response_times_keep_their_unit():
    assert [words.milliseconds(value) for value in (0.52, 146, 1250, None)] == [f"0.52{N}ms", f"146{N}ms", f"1,250{N}ms", "–"]


def test_the_unit_stands_at_the_estimate_and_not_in_its_interval():
    assert words.interval(0.15, 0.21, words.percent) == f"[15,{N}21]"
    assert words.interval(18, 26) == f"[18,{N}26]"
    assert words.interval(math.nan, 26) == "–"
    # Ends with different units keep them.
    assert words.interval(45, 2460, words.duration) == f"[45{N}s,{N}41{N}min]"


def test_a_change_carries_its_sign():
    assert [words.signed(value) for value in (0.18, -0.02, 0)] == ["+0.18", f"{M}0.02", "0"]


def test_times_are_told_in_the_zone_of_the_reader():
    time = pd.Timestamp("2026-10-31T23:30Z")
    assert words.moment(time, "Europe/Zurich") == f"1{N}Nov{N}00:30"
    assert words.day(time) == f"31{N}Oct"
    assert words.day(time, year=True) == f"31{N}Oct{N}2026"
    assert words.month(time, "Europe/Zurich") == f"November{N}2026"
    assert words.moment(pd.NaT) == "–"


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="has no zone"):
        words.day(pd.Timestamp("2026-11-01"))


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-08-31", "2026-11-23", f"31{N}August to 22{N}November{N}2026"),
        ("2026-11-16", "2026-11-23", f"16 to 22{N}November{N}2026"),
        ("2026-12-30", "2027-01-02", f"30{N}December{N}2026 to 1{N}January{N}2027"),
        ("2026-11-16", "2026-11-17", f"16{N}November{N}2026"),
    ],
)
def test_a_span_names_the_last_day_inside_it(start, end, said):
    assert words.span(pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC")) == said


def test_a_long_list_ends_in_how_many_more():
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(list("abcdefgh"), limit=4) == "a, b, c and 5 more"
    assert words.listed([]) == ""


def test_short_names_stay_different():
    long = [f"organisation/repository/service {tail} of the same kind everywhere" for tail in "ab"]
    short = words.short_names([*long, "web"], width=30)
    assert short["web"] == "web"
    assert short[long[0]] == "organisati…a of the same kind…"
    assert len(set(short.values())) == 3
    assert max(map(len, short.values())) == 30


def test_short_names_end_as_they_do_where_that_tells_them_apart():
    long = [f"organisation/repository/{tail}" for tail in ("search-frontend-eu-1", "search-frontend-eu-2", "x" * 30)]
    short = words.short_names(long, width=24)
    assert short[long[0]] == "organisa…h-frontend-eu-1"
    assert short[long[2]] == "organisa…" + "x" * 14 + "…"
    assert list(short) == sorted(long)


@pytest.mark.parametrize(
    ("kind", "effect", "signals", "said"),
    [
        ("level", 0.18, ["latency_ms", "latency_p95_ms"], "web became 18 % slower on 3 Mar"),
        ("level", -0.18, ["latency_p95_ms"], "web became 18 % faster on 3 Mar"),
        ("level", -0.5, ["cpu", "requests"], "cpu and requests of web fell by 50 % on 3 Mar"),
        ("spread", 0.4, ["latency_ms"], "response times of web have scattered 40 % more since 3 Mar"),
        ("spread", -0.4, ["cpu"], "cpu of web has scattered 40 % less since 3 Mar"),
        ("season", 0.3, ["cpu"], "the daily swing of web has been 30 % larger since 3 Mar"),
        ("tail", 0.0447, ["latency_ms"], "4.5 more of 100 answers of web have been slow since 3 Mar"),
        ("availability", -0.0056, ["availability"], "0.56 fewer of 100 checks of web have failed since 3 Mar"),
    ],
)
def test_a_lasting_change_is_a_sentence_of_its_kind(kind, effect, signals, said):
    assert words.change_sentence(kind, effect, place="web", signals=signals, since="3 Mar").replace(N, " ") == said


@pytest.mark.parametrize(
    ("kind", "effect", "most", "said"),
    [
        ("level", 0.1, 0.25, "a and b became 10 to 25 % slower on 3 Mar"),
        ("level", -0.25, -0.1, "a and b became 10 to 25 % faster on 3 Mar"),
        ("level", 0.501, 0.502, "a and b became 50 % slower on 3 Mar"),
        ("level", 0.5, 2.333, "a and b became 50 to 233 % slower on 3 Mar"),
        ("level", 2.333, None, "a and b became 3.3 times as slow on 3 Mar"),
        ("level", 2.333, 15.08, "a and b became 3.3 to 16 times as slow on 3 Mar"),
        ("spread", 1.99, None, "response times of a and b have scattered 3 times as much since 3 Mar"),
        ("season", 1.5, None, "the daily swing of a and b has been 2.5 times as large since 3 Mar"),
        ("tail", 0.01, 0.021, "1 to 2.1 more of 100 answers of a and b have been slow since 3 Mar"),
    ],
)
def test_several_services_have_a_range_and_much_is_a_multiple(kind, effect, most, said):
    sentence = words.change_sentence(kind, effect, most=most, place="a and b", signals=["latency_ms"], since="3 Mar")
    assert sentence.replace(N, " ") == said


def test_a_metric_that_rose_much_is_a_multiple_of_the_usual():
    said = words.change_sentence("level", 2.0, place="web", signals=["requests"], since="3 Mar")
    assert said.replace(N, " ") == "requests of web rose to 3 times the usual on 3 Mar"


@pytest.mark.parametrize(
    ("change", "said"), [(0.18, "18 %"), (1.0294, "103 %"), (15.08, "1,508 %"), (0.0014, "0.14 %"), (-0.996, "−99.6 %"), (0, "0 %")]
)
def test_a_relative_change_has_two_digits(change, said):
    assert words.relative(change).replace(N, " ") == said


def test_response_times_are_named_once_unless_only_a_quantile_changed():
    assert words.change("level", 0.18, ["latency_ms", "latency_p95_ms"]).replace(N, " ") == "latency_ms +18 %"
    assert words.change("level", 0.18, ["latency_p95_ms"]).replace(N, " ") == "latency_p95_ms +18 %"


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("latency -5 ms is negative", "latency … ms is negative"),
        ("latency 1e+12 s is more than a day", "latency … s is more than a day"),
        ("lies after 2026-11-01 00:00 UTC, in the future", "lies after … UTC, in the future"),
        ("time '2026-13-01 aa' is not understood", "time '…' is not understood"),
        ("state 'odd' of http2 is unknown", "state 'odd' of http2 is unknown"),
    ],
)
def test_sentences_without_their_numbers_are_alike(text, alike):
    assert words.without_numbers(text) == alike


@pytest.mark.parametrize(
    ("signal", "effect", "said"),
    [
        ("latency_ms", 0.84, "latency_ms +84 %"),
        ("requests", -0.0512, "requests −5.1 %"),
        ("availability", 0.12, "12 more of 100 checks fail"),
        ("availability", -0.004, "0.4 fewer of 100 checks fail"),
    ],
)
def test_a_deviation_is_said_in_a_few_words(signal, effect, said):
    assert words.deviation(signal, effect).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("signal", "unit", "said"),
    [
        ("latency_ms", "ms", "latency, ms"),
        ("latency_p95_ms", "ms", "latency_p95, ms"),
        ("cpu", "fraction", "cpu, fraction"),
        ("load", "", "load"),
    ],
)
def test_an_axis_names_the_unit_once(signal, unit, said):
    assert words.axis(signal, unit) == said


def test_what_came_is_told_against_what_was_expected():
    said = words.against("latency_ms", "ms", value=699.0, expected=230.0, low=206.0, high=256.0)
    assert said.replace(N, " ") == "699 ms where 230 ms [206, 256] was expected"
    said = words.against("availability", "fraction", value=0.0, expected=0.9995, low=0.98, high=1.0)
    assert said.replace(N, " ") == "0 % of the checks succeeded where 99.95 % [98, 100] was expected"
    assert words.against("load", "", value=3.0, expected=1.0, low=0.5, high=1.5).replace(N, " ") == "3 where 1 [0.5, 1.5] was expected"


def test_a_share_of_all_is_all():
    assert [words.deviation("availability", effect) for effect in (0.9996, 0.5)] == ["all checks fail", "50 more of 100 checks fail"]
