"""Checks and metrics from files: every foreign form becomes the one form, or is refused aloud."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics import tables
from analytics.sources import SourceError, open_source, readers

from .conftest import NOW, Read

PLAIN = "time,service,region,latency_ms,is_up\n2026-03-01T00:00:00Z,web,eu,12.5,true\n2026-03-01T00:01:00Z,web,eu,,false\n"


def times(rows: list[dict[str, Any]]) -> list[str]:
    return [f"{row['time']:%Y-%m-%dT%H:%M:%S}" for row in rows]


def test_plain_file_becomes_checks(read: Read) -> None:
    rows, rejected = read(PLAIN)
    assert rejected == []
    assert rows[0] | {"time": None} == {
        "time": None, "service": "web", "region": "eu", "monitor": "mine", "state": "up",
        "latency_ms": 12.5, "status_code": None, "error": None, "origin": "check",
    }  # fmt: skip
    assert (rows[1]["state"], rows[1]["latency_ms"]) == ("down", None)
    assert times(rows) == ["2026-03-01T00:00:00", "2026-03-01T00:01:00"]


def test_rows_have_the_schema_of_raw_checks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(PLAIN)
    batch = next(iter(open_source("mine", {"kind": "files", "path": "a.csv"}, root=tmp_path).fetch(None, NOW)))
    assert batch.rows.schema.equals(tables.schema(tables.RAW["checks"]))
    assert batch.rejected.schema.equals(tables.schema(tables.RAW["quarantine"]))


def test_mapping_and_units_are_said_aloud(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Timestamp,Monitor Name,responseTime_s,Status\n1772323200,web,0.12,up\n")
    says = open_source("mine", {"kind": "files", "path": "a.csv"}, root=tmp_path).discover().says
    assert says == [
        "1 file: a.csv",
        "columns: time = Timestamp (guessed), service = Monitor Name (guessed), latency = responseTime_s (guessed), up = Status (guessed)",
        "time: numbers are s since 1970, UTC",
        "latency: s -> ms, median 0.12 s",
    ]


@pytest.mark.parametrize(
    "name", ["a.tsv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.parquet", "semicolon.csv", "windows.csv", "quoted.csv", "bom.csv"]
)
def test_every_format_gives_the_same_rows(read: Read, name: str) -> None:
    expected, _ = read(PLAIN)
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(["2026-03-01T00:00Z", "2026-03-01T00:01Z"]),
            "service": "web",
            "region": "eu",
            "latency_ms": [12.5, None],
            "is_up": [True, False],
        }
    )
    lines = "\n".join(frame.to_json(orient="records", lines=True, date_format="iso").splitlines()) + "\n"
    content: Any = {
        "a.tsv": PLAIN.replace(",", "\t"),
        "a.csv.gz": gzip.compress(PLAIN.encode(), mtime=0),
        "a.jsonl": lines,
        "a.jsonl.gz": gzip.compress(lines.encode(), mtime=0),
        "semicolon.csv": PLAIN.replace(",", ";"),
        "windows.csv": PLAIN.replace("\n", "\r\n"),
        "quoted.csv": PLAIN.replace("web", '"web"'),
        "bom.csv": b"\xef\xbb\xbf" + PLAIN.encode(),
    }.get(name)
    if content is None:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(frame), sink)
        content = sink.getvalue().to_pybytes()
    assert read(content, name=name) == (expected, [])


@pytest.mark.parametrize(
    ("written", "unit"),
    [("1772323200", "s"), ("1772323200.5", "s"), ("1772323200000", "ms"), ("1772323200000000", "us"), ("1772323200000000000", "ns")],
)
def test_unit_of_epoch_times_is_told_by_their_size(tmp_path: Path, read: Read, written: str, unit: str) -> None:
    rows, _ = read(f"time,service,up\n{written},web,1\n")
    assert times(rows) == ["2026-03-01T00:00:00"]
    assert (
        f"time: numbers are {unit} since 1970, UTC"
        in open_source("mine", {"kind": "files", "path": "mine.csv"}, root=tmp_path).discover().says
    )


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-01 00:00:00+00:00",
        "2026-03-01T01:00:00+01:00",
        "2026-03-01T00:00Z",
        "2026-03-01 00:00:00 UTC",
        "2026-03-01T00:00:00.123456789Z",
    ],
)
def test_times_with_a_zone_become_utc(read: Read, written: str) -> None:
    rows, rejected = read(f"time,service,up\n{written},web,1\n")
    assert (times(rows), rejected) == (["2026-03-01T00:00:00"], [])


def test_times_without_zone_stop_the_run_with_the_remedy(read: Read) -> None:
    with pytest.raises(SourceError, match=r"times have no zone, first '2026-03-01 00:00'.*timezone: Europe/Zurich"):
        read("time,service,up\n2026-03-01 00:00,web,1\n")


def test_zone_given_is_used(read: Read) -> None:
    rows, _ = read("time,service,up\n2026-03-01 01:00,web,1\n", timezone="Europe/Zurich")
    assert times(rows) == ["2026-03-01T00:00:00"]


def test_misspelt_zone_names_the_nearest(read: Read) -> None:
    with pytest.raises(SourceError, match="did you mean 'Europe/Zurich'"):
        read("time,service,up\n2026-03-01 01:00,web,1\n", timezone="Europe/Zurch")


def test_hour_that_a_clock_change_skips_is_refused(read: Read) -> None:
    rows, rejected = read(
        "time,service,up\n2026-03-29 01:30,web,1\n2026-03-29 02:30,web,1\n2026-03-29 03:00,web,1\n", timezone="Europe/Zurich"
    )
    assert times(rows) == ["2026-03-29T00:30:00", "2026-03-29T01:00:00"]
    assert rejected[0]["place"] == "mine.csv:3"
    assert "does not exist in Europe/Zurich" in rejected[0]["reason"]


def test_hour_that_a_clock_change_repeats_is_told_by_the_order_of_rows(read: Read) -> None:
    local = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    rows, rejected = read("time,service,up\n" + "".join(f"2026-10-25 {hour},web,1\n" for hour in local), timezone="Europe/Zurich")
    assert times(sorted(rows, key=lambda row: row["time"])) == [
        f"2026-10-2{moment}:00" for moment in ("4T23:30", "5T00:00", "5T00:30", "5T01:00", "5T01:30", "5T02:00")
    ]
    assert rejected == []


def test_repeated_hour_is_told_apart_within_each_service(read: Read) -> None:
    rows, rejected = read(
        "time,service,up\n"
        + "".join(f"2026-10-25 {hour},{service},1\n" for hour in ("02:00", "02:30", "02:00", "02:30") for service in "ab"),
        timezone="Europe/Zurich",
    )
    assert [row["time"].hour * 60 + row["time"].minute for row in rows if row["service"] == "b"] == [0, 30, 60, 90]
    assert rejected == []


@pytest.mark.parametrize("size", [150, 400, 1000])
@pytest.mark.parametrize("order", ["time", "service"])
def test_repeated_hour_may_lie_in_several_blocks(read: Read, monkeypatch: pytest.MonkeyPatch, size: int, order: str) -> None:
    moments = pd.date_range("2026-10-24T23:00Z", "2026-10-25T03:00Z", freq="5min")
    pairs = [(moment, service) for moment in moments for service in "ab"]
    pairs = pairs if order == "time" else sorted(pairs, key=lambda pair: pair[1])
    lines = [
        f"{moment.tz_convert('Europe/Zurich'):%Y-%m-%d %H:%M},{service},1,{-1 if n == 20 else n}\n"
        for n, (moment, service) in enumerate(pairs)
    ]
    monkeypatch.setattr(readers, "BLOCK_BYTES", size)
    rows, rejected = read("time,service,up,latency_ms\n" + "".join(lines), timezone="Europe/Zurich")
    found = {row["latency_ms"]: (row["time"], row["service"]) for row in rows}
    assert found == {n: pair for n, pair in enumerate(pairs) if n != 20}
    assert [(row["place"], row["reason"]) for row in rejected] == [("mine.csv:22", "latency -1 ms is negative")]


def test_rows_of_a_repeated_hour_are_refused_at_their_place_in_any_block(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"2026-10-25 0{hour}:30,web,1\n" for hour in (0, 1, 2, 4, 5)]
    monkeypatch.setattr(readers, "BLOCK_BYTES", 50)
    rows, rejected = read("time,service,up\n" + "".join(lines), timezone="Europe/Zurich")
    assert len(rows) == 4
    assert [row["place"] for row in rejected] == ["mine.csv:4"]


def test_wide_metrics_of_a_repeated_hour_are_read_once(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"2026-10-25 {hour},web,{n},{10 * n}\n" for n, hour in enumerate(("02:00", "02:30", "02:00", "02:30"))]
    monkeypatch.setattr(readers, "BLOCK_BYTES", 50)
    signals = {name: {"column": name, "unit": "count"} for name in ("cpu", "queue")}
    rows, rejected = read("time,service,cpu,queue\n" + "".join(lines), holds="metrics", signals=signals, timezone="Europe/Zurich")
    assert [(row["signal"], row["value"], row["time"].hour) for row in rows] == [
        *(("cpu", float(n), n // 2) for n in range(4)),
        *(("queue", 10.0 * n, n // 2) for n in range(4)),
    ]
    assert rejected == []


def test_repeated_hour_whose_order_does_not_tell_is_refused(read: Read) -> None:
    rows, rejected = read("time,service,up\n2026-10-25 02:30,web,1\n2026-10-25 04:00,web,1\n", timezone="Europe/Zurich")
    assert times(rows) == ["2026-10-25T03:00:00"]
    assert "happened twice in Europe/Zurich" in rejected[0]["reason"]


def test_times_of_any_other_form_need_a_format(read: Read) -> None:
    text = "time,service,up\n01/03/2026 00:00,web,1\n"
    with pytest.raises(SourceError, match="time_format"):
        read(text)
    rows, _ = read(text, time_format="%d/%m/%Y %H:%M", timezone="UTC")
    assert times(rows) == ["2026-03-01T00:00:00"]


@pytest.mark.parametrize(("unit", "factor"), [("s", 1000), ("ms", 1), ("us", 0.001), ("ns", 0.000001)])
def test_latency_is_converted_from_the_unit_given(read: Read, unit: str, factor: float) -> None:
    rows, _ = read("time,service,up,latency\n2026-03-01T00:00Z,web,1,89.7\n", units={"latency": unit})
    assert rows[0]["latency_ms"] == pytest.approx(89.7 * factor, rel=1e-12, abs=1e-6)


def test_conversion_leaves_no_dust_behind(read: Read) -> None:
    rows, _ = read("time,service,up,latency_s\n2026-03-01T00:00Z,web,1,0.0897\n")
    assert rows[0]["latency_ms"] == 89.7


def test_unit_of_latency_is_never_guessed(read: Read) -> None:
    with pytest.raises(SourceError, match=r"latency column 'ping' is not known \(median 12\); say it by `units: \{latency: ms\}`"):
        read("time,service,up,ping\n2026-03-01T00:00Z,web,1,12\n")


def comma(*latencies: str, delimiter: str = ";") -> str:
    lines = [f"2026-03-01T00:{n:02d}Z{delimiter}web{delimiter}1{delimiter}{value}" for n, value in enumerate(latencies)]
    return "\n".join([f"time{delimiter}service{delimiter}up{delimiter}latency_ms", *lines, ""])


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_comma_is_recognised(read: Read, delimiter: str) -> None:
    rows, rejected = read(comma("12,5", "7", "0,250", "", " 1,5e2", delimiter=delimiter))
    assert [row["latency_ms"] for row in rows] == [12.5, 7.0, 0.25, None, 150.0]
    assert rejected == []


def test_decimal_comma_is_said_aloud(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(comma("12,5", "7"))
    says = open_source("mine", {"kind": "files", "path": "a.csv"}, root=tmp_path).discover().says
    assert "numbers: 1,5 is one and a half (decimal comma)" in says
    assert "latency: ms, as stored, median 9.75 ms" in says


def test_comma_that_may_separate_thousands_is_refused_with_the_remedy(read: Read) -> None:
    text = comma("900", "1,500", "12,250")
    with pytest.raises(SourceError, match=r"in column 'latency_ms' '1,500' may be 1\.500 or 1500; .* `decimal: ','`, or write"):
        read(text)
    assert [row["latency_ms"] for row in read(text, decimal=",")[0]] == [900, 1.5, 12.25]


def test_commas_and_points_are_refused_with_the_remedy(read: Read) -> None:
    text = comma("1,5", "2.5", "1.234,5")
    with pytest.raises(SourceError, match=r"a comma \('1,5'\) and numbers with a point \('2.5'\); say which"):
        read(text)
    rows, rejected = read(text, decimal=",")
    assert [row["latency_ms"] for row in rows] == [1.5]
    assert [row["reason"] for row in rejected] == [
        "latency '2.5' is no number; if '.' is decimal, say `decimal: '.'`",
        "latency '1.234,5' is no number; write it without separators of thousands",
    ]
    assert [row["latency_ms"] for row in read(text, decimal=".")[0]] == [2.5]


def test_a_broken_number_does_not_change_the_decimal_sign(read: Read) -> None:
    rows, rejected = read(comma(*["2.5"] * 40, "1,5"))
    assert (len(rows), len(rejected)) == (40, 1)
    rows, rejected = read(comma(*["2,5"] * 40, "1.5", "1_5"))
    assert ([row["latency_ms"] for row in rows], len(rejected)) == ([2.5] * 40, 2)


def test_metrics_have_decimal_commas_too(read: Read) -> None:
    rows, _ = read("time;service;cpu\n2026-03-01T00:00Z;web;0,5\n", holds="metrics", signals={"cpu": {"column": "cpu", "unit": "percent"}})
    assert rows[0]["value"] == 0.005


def test_failed_check_has_no_latency(read: Read) -> None:
    rows, rejected = read("time,service,up,latency_ms\n2026-03-01T00:00Z,web,0,30\n2026-03-01T00:01Z,web,0,-1\n2026-03-01T00:02Z,web,1,0\n")
    assert [row["latency_ms"] for row in rows] == [None, None, 0.0]
    assert rejected == []


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ("true", "up"),
        ("False", "down"),
        ("1", "up"),
        ("0", "down"),
        ("UP", "up"),
        ("success", "up"),
        ("ok", "up"),
        ("failed", "down"),
        ("Error", "down"),
        ("maintenance", "maintenance"),
    ],
)
def test_words_for_states(read: Read, written: str, state: str) -> None:
    rows, _ = read(f"time,service,status\n2026-03-01T00:00Z,web,{written}\n")
    assert rows[0]["state"] == state


def test_unknown_word_for_a_state_is_refused_with_the_remedy(read: Read) -> None:
    _, rejected = read("time,service,up\n2026-03-01T00:00Z,web,1\n2026-03-01T00:01Z,web,degraded\n")
    assert [(row["place"], row["reason"], row["row"]) for row in rejected] == [
        ("mine.csv:3", "state 'degraded' is unknown; say what it means by `states: {degraded: up}`", "2026-03-01T00:01Z,web,degraded")
    ]


def test_numbers_for_states_mean_what_the_options_say(read: Read) -> None:
    text = "time,service,status\n" + "".join(f"2026-03-01T00:0{n}Z,web,{n}\n" for n in range(4))
    assert [row["state"] for row in read(text)[0]] == ["down", "up"]
    assert [row["state"] for row in read(text, states="kuma")[0]] == ["down", "up", "pending", "maintenance"]
    assert [row["state"] for row in read(text, states={2: "up", 3: "down"})[0]] == ["down", "up", "up", "down"]


def test_status_code_alone_says_the_state(read: Read) -> None:
    rows, _ = read("time,service,status\n" + "".join(f"2026-03-01T00:0{n}Z,web,{code}\n" for n, code in enumerate((200, 301, 404, 500, 0))))
    assert [row["state"] for row in rows] == ["up", "up", "down", "down", "down"]
    assert [row["status_code"] for row in rows] == [200, 301, 404, 500, None]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("tomorrow,web,1,5", "time 'tomorrow' is not understood"),
        (",web,1,5", "time is empty"),
        ("2026-03-01T00:00,web,1,5", "has no zone while others have one"),
        ("1999-12-31T00:00Z,web,1,5", "outside the years 2000 to 2100"),
        ("2150-01-01T00:00Z,web,1,5", "outside the years 2000 to 2100"),
        ("2026-12-24T00:00Z,web,1,5", "in the future of its collection"),
        ("2026-03-01T00:00Z,,1,5", "service is empty"),
        ("2026-03-01T00:00Z,web,,5", "state is empty"),
        ("2026-03-01T00:00Z,web,1,-5", "latency -5 ms is negative"),
        ("2026-03-01T00:00Z,web,1,inf", "latency inf ms is infinite"),
        ("2026-03-01T00:00Z,web,1,1e12", "latency 1e+12 ms is more than a day: a wrong unit or a broken clock"),
        ("2026-03-01T00:00Z,web,1,fast", "latency 'fast' is no number"),
        ("2026-03-01T00:00Z,web,1", "has 3 columns instead of 4"),
        ("2026-03-01T00:00Z,web,1,5,6", "has 5 columns instead of 4"),
    ],
)
def test_bad_row_is_refused_with_its_place_and_reason(read: Read, row: str, reason: str) -> None:
    good = "2026-03-01T00:00:00Z,good,1,5\n"
    rows, rejected = read("time,service,up,latency_ms\n" + good + row + "\n" + good.replace("00:00Z", "01:00Z"))
    assert [row["service"] for row in rows] == ["good", "good"]
    assert len(rejected) == 1
    assert reason in rejected[0]["reason"]
    assert rejected[0]["place"] == "mine.csv:3" or "future" in reason
    assert rejected[0]["source"] == "mine"


def test_place_of_a_row_is_its_line_after_broken_rows(read: Read) -> None:
    _, rejected = read(
        "time,service,up\n2026-03-01T00:00Z,web\n2026-03-01T00:01Z,web,1\n2026-03-01T00:02Z,web,odd\n2026-03-01T00:03Z,web,1\n"
    )
    assert sorted(row["place"] for row in rejected) == ["mine.csv:2", "mine.csv:4"]


def test_place_of_a_row_is_its_number_where_rows_are_not_lines(read: Read) -> None:
    _, rejected = read('time,service,up,msg\n2026-03-01T00:00Z,web,1,"two\nlines"\n2026-03-01T00:01Z,web,odd,\n')
    assert [row["place"] for row in rejected] == ["mine.csv: row 2"]


def test_long_row_is_shortened(read: Read) -> None:
    _, rejected = read(f"time,service,up,note\n2026-03-01T00:00Z,web,odd,{'x' * 500}\n2026-03-01T00:00Z,web,1,\n")
    assert len(rejected[0]["row"]) == 200


@pytest.mark.parametrize(
    "names",
    [
        "time,service,latency_ms,up",
        "Time,Name,Response Time (ms),Success",
        "ds,target,rtt_ms,ok",
        "checked_at,host,duration_ms,isUp",
        "datetime,url,latencyMs,state",
    ],
)
def test_names_of_columns_are_guessed(read: Read, names: str) -> None:
    rows, _ = read(f"{names}\n2026-03-01T00:00Z,web,5,1\n")
    assert (rows[0]["service"], rows[0]["latency_ms"], rows[0]["state"]) == ("web", 5.0, "up")


def test_columns_can_be_named(read: Read) -> None:
    rows, _ = read(
        "when,a,b,x,y\n2026-03-01T00:00Z,shop,web,0.5,1\n",
        columns={"service": ["a", "b"], "latency": "x", "up": "y"},
        units={"latency": "s"},
    )
    assert (rows[0]["service"], rows[0]["latency_ms"], rows[0]["state"]) == ("shop/web", 500.0, "up")


def test_two_columns_that_fit_are_an_error_with_the_remedy(read: Read) -> None:
    with pytest.raises(SourceError, match=r"host and url could each be the service; choose one by `columns: \{service: host\}`"):
        read("time,host,url,up\n2026-03-01T00:00Z,a,b,1\n")


def test_missing_column_names_those_there_are(read: Read) -> None:
    with pytest.raises(SourceError, match=r"no column looks like the service; there are time, thing, up; .*`service: NAME`"):
        read("time,thing,up\n2026-03-01T00:00Z,a,1\n")
    rows, _ = read("time,thing,up\n2026-03-01T00:00Z,a,1\n", service="web")
    assert rows[0]["service"] == "web"


def test_column_that_does_not_exist_names_the_nearest(read: Read) -> None:
    with pytest.raises(SourceError, match="there is no column 'latncy'; did you mean 'latency'"):
        read("time,service,latency,up\n2026-03-01T00:00Z,a,5,1\n", columns={"latency": "latncy"})


def test_misspelt_option_names_the_nearest(read: Read) -> None:
    with pytest.raises(SourceError, match="source 'mine': 'timezon' is not a parameter; did you mean 'timezone'"):
        read(PLAIN, timezon="UTC")


def test_repeated_column_name_is_an_error_only_where_it_is_used(read: Read) -> None:
    with pytest.raises(SourceError, match=r"column 'up' \(up\) stands there 2 times"):
        read("time,service,up,up\n2026-03-01T00:00Z,a,1,0\n")
    rows, _ = read("time,service,up,x,x\n2026-03-01T00:00Z,a,1,0,0\n")
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "mine.csv", "is empty; expected a header and rows"),
        (b"\n\n", "mine.csv", "is empty; expected a header and rows"),
        (b"<!DOCTYPE html><html>", "mine.csv", "is a web page"),
        (b"\xff\xfet\x00i\x00", "mine.csv", "is not UTF-8 text"),
        (b"time,service,up\n2026-03-01T00:00Z,Z\xfcrich,1\n", "mine.csv", r"mine.csv:2: byte 0xfc is not utf-8.*encoding: windows-1252"),
        (b"PAR1 and then nothing", "mine.parquet", "is not a whole Parquet file"),
        (b"time,service,up\n", "mine.parquet", "no Parquet file"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-12], "mine.csv.gz", "is cut off"),
        (b'[{"time": 1}]', "mine.json", "one JSON list"),
    ],
)
def test_broken_file_is_an_error_that_names_it(read: Read, content: bytes, name: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(content, name=name)


def test_half_written_parquet_is_an_error(read: Read) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"time": [1], "service": ["a"], "up": [True]}), sink)
    with pytest.raises(SourceError, match="is not a whole Parquet file"):
        read(sink.getvalue().to_pybytes()[:-20], name="mine.parquet")


def test_other_encodings_and_names_of_any_script(read: Read) -> None:
    rows, _ = read("time,service,up\n2026-03-01T00:00Z,Zürich,1\n".encode("windows-1252"), encoding="windows-1252")
    assert rows[0]["service"] == "Zürich"
    rows, _ = read("time,service,up\n2026-03-01T00:00Z,支払い 🚀,1\n")
    assert rows[0]["service"] == "支払い 🚀"


def test_header_alone_gives_no_rows_and_one_row_gives_one(read: Read) -> None:
    assert read("time,service,up\n") == ([], [])
    assert len(read("time,service,up\n2026-03-01T00:00Z,web,1")[0]) == 1


def test_mixed_line_ends_are_read(read: Read) -> None:
    rows, _ = read("time,service,up\r\n2026-03-01T00:00Z,a,1\n2026-03-01T00:01Z,a,1\r\n2026-03-01T00:02Z,a,1")
    assert len(rows) == 3


def test_blocks_do_not_change_the_rows(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "time,service,up,latency_ms,msg\n" + "".join(
        f'2026-03-01T{n // 60:02d}:{n % 60:02d}Z,s{n % 3},{"odd" if n % 50 == 7 else 1},{n}.25,"a ""quoted""\n note {n}"\n'
        for n in range(300)
    )
    whole = read(text)
    monkeypatch.setattr(readers, "BLOCK_BYTES", 997)
    assert read(text) == whole
    assert len(whole[0]) == 294


def test_long_metrics_are_converted_to_their_units(read: Read) -> None:
    rows_of = ("web,latency_p95_ms,0.25,s", "web,availability,99.5,percent", "db,queue,7,count")
    text = "time,service,signal,value,unit\n" + "".join(f"2026-03-01T00:00Z,{row}\n" for row in rows_of)
    rows, rejected = read(text, holds="metrics")
    assert [(row["service"], row["signal"], row["value"], row["unit"]) for row in rows] == [
        ("web", "latency_p95_ms", 250.0, "ms"), ("web", "availability", 0.995, "fraction"), ("db", "queue", 7.0, "count"),
    ]  # fmt: skip
    assert rejected == []


def test_wide_metrics_become_signals_and_empty_cells_are_no_samples(read: Read) -> None:
    rows, rejected = read(
        "time,host,cpu_pct,disk\n2026-03-01T00:00Z,web,50,\n2026-03-01T00:01Z,web,75,1e9\n",
        holds="metrics", signals={"cpu": {"column": "cpu_pct", "unit": "percent"}, "disk_used_bytes": {"column": "disk", "unit": "bytes"}},
    )  # fmt: skip
    assert [(row["signal"], row["value"], row["unit"]) for row in rows] == [
        ("cpu", 0.5, "fraction"),
        ("cpu", 0.75, "fraction"),
        ("disk_used_bytes", 1e9, "bytes"),
    ]
    assert rejected == []


def test_metric_without_unit_is_refused_with_the_remedy(read: Read) -> None:
    text = "time,service,signal,value\n2026-03-01T00:00Z,web,cpu,50\n"
    assert "say it by `units: {cpu: percent}`" in read(text, holds="metrics")[1][0]["reason"]
    assert read(text, holds="metrics", units={"cpu": "percent"})[0][0]["value"] == 0.5
    assert read(text, holds="metrics", unit="percent")[0][0]["value"] == 0.5


def test_signal_with_a_fixed_unit_refuses_another(read: Read) -> None:
    with pytest.raises(SourceError, match="signal 'latency_ms' is stored in ms, but its unit is said to be 'bytes'"):
        read("time,service,signal,value,unit\n2026-03-01T00:00Z,web,latency_ms,5,bytes\n", holds="metrics")


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "checks.csv").write_text(PLAIN)
    with pytest.raises(SourceError, match=r"did you mean 'checks\.csv'"):
        open_source("mine", {"kind": "files", "path": "check.csv"}, root=tmp_path).discover()


def test_unknown_kind_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="kind 'file' does not exist; did you mean 'files'"):
        open_source("mine", {"kind": "file"}, root=tmp_path)


def test_folder_and_pattern_read_every_file(tmp_path: Path) -> None:
    for day in (1, 2):
        (tmp_path / f"d{day}.csv").write_text(PLAIN.replace("03-01", f"03-0{day}"))
    for path in (".", "d*.csv"):
        batches = list(open_source("mine", {"kind": "files", "path": path}, root=tmp_path).fetch(None, NOW))
        assert sum(len(batch.rows) for batch in batches) == 4


def test_half_open_window_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(PLAIN)
    batches = list(open_source("mine", {"kind": "files", "path": "a.csv"}, root=tmp_path).fetch(pd.Timestamp("2026-03-01T00:01Z"), NOW))
    assert times(batches[0].rows.to_pylist()) == ["2026-03-01T00:01:00"]


@pytest.mark.data
def test_real_uptime_checks_are_read_whole() -> None:
    path = Path(os.environ.get("ANALYTICS_TEST_DATA", "../shared/data")) / "uptime" / "checks.parquet"
    if not path.is_file():
        pytest.skip(f"{path} is absent; set ANALYTICS_TEST_DATA to the development data")
    options = {"kind": "files", "path": str(path.resolve()), "columns": {"service": ["repo", "service"]}}
    source = open_source("real", options, root=Path())
    says = source.discover().says
    batches = list(source.fetch(None, NOW))
    assert says[-1].startswith("latency: ms, as stored")
    assert sum(len(batch.rejected) for batch in batches) == 0
    frame = pa.concat_tables([batch.rows for batch in batches]).to_pandas()
    expected = pq.read_table(path).to_pandas()
    assert len(frame) == len(expected)
    assert (frame["state"] == "down").sum() == (~expected["up"]).sum()
    assert frame.loc[frame["state"] == "down", "latency_ms"].isna().all()
    assert frame["latency_ms"].notna().sum() == (expected["up"] & expected["latency_ms"].notna()).sum()
    assert (frame["origin"] == "change").sum() == (expected["origin"] == "change").sum()
    assert (frame["time"].to_numpy() == expected["timestamp"].astype("datetime64[ms, UTC]").to_numpy()).all()


LINE = '{"time": "2026-03-01T00:00:00Z", "service": "web", "up": true%s}\n'


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (', "error": "w\\ud800eb"', "half of a surrogate pair"),
        (', "w\\uD800": 1', "half of a surrogate pair"),
        (', "latency_ms": ' + "1" * 5000, "a number of too many digits"),
        (', "error": ' + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ],
)
def test_line_of_json_that_cannot_be_read_costs_that_line(read: Read, more: str, reason: str) -> None:
    rows, rejected = read(LINE % "" + LINE % more + LINE.replace("00:00Z", "01:00Z") % ', "error": "\\ud83d\\ude00"', name="a.jsonl")
    assert [row["error"] for row in rows] == [None, "\U0001f600"]
    assert [row["place"] for row in rejected] == ["a.jsonl:2"]
    assert reason in rejected[0]["reason"]


def test_file_of_which_no_row_can_be_read_says_why(read: Read) -> None:
    with pytest.raises(SourceError, match=r"no row can be read; the first, a\.jsonl:1, is no JSON .*: \{broken"):
        read("{broken\n[1]\n", name="a.jsonl")


def parquet(tmp_path: Path, **columns: pa.Array) -> bytes:
    n = len(next(iter(columns.values())))
    times = pa.array(pd.date_range("2026-03-01T00:00Z", periods=n, freq="min"))
    pq.write_table(pa.table({"time": times, "service": ["web"] * n, "up": [True] * n} | columns), tmp_path / "written.parquet")
    return (tmp_path / "written.parquet").read_bytes()


def test_columns_of_parquet_that_are_no_text_are_named(read: Read, tmp_path: Path) -> None:
    rows, _ = read(parquet(tmp_path, service=pa.array([b"web", "é".encode()], pa.binary())), name="a.parquet")
    assert [row["service"] for row in rows] == ["web", "é"]
    with pytest.raises(SourceError, match=r"a\.parquet: column 'service' holds bytes that are no UTF-8 text"):
        read(parquet(tmp_path, service=pa.array([b"\xff\xfe"], pa.binary())), name="a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet: column 'service' \(service\) holds list<.*expected one text, number or time a row"):
        read(parquet(tmp_path, service=pa.array([["a"]])), name="a.parquet")


@pytest.mark.parametrize(("unit", "ms"), [("s", 90_000.0), ("ms", 90.0), ("us", 0.09), ("ns", 0.00009)])
def test_durations_of_parquet_are_read_in_their_own_unit(read: Read, tmp_path: Path, unit: str, ms: float) -> None:
    rows, _ = read(parquet(tmp_path, latency_ms=pa.array([90, None], pa.duration(unit))), name="a.parquet")
    assert [row["latency_ms"] for row in rows] == [pytest.approx(ms), None]


def test_availability_that_is_no_share_is_refused_with_its_place(read: Read) -> None:
    given = [("fraction", 99.5), ("percent", 150), ("fraction", -0.1), ("fraction", 1.0000000000000002), ("percent", 99.5)]
    text = "time,service,signal,value,unit\n" + "".join(
        f"2026-03-01T00:0{m}:00Z,web,availability,{v!r},{u}\n" for m, (u, v) in enumerate(given)
    )
    rows, rejected = read(text, holds="metrics")
    assert [row["value"] for row in rows] == [1.0, 0.995]
    assert [(row["place"], row["reason"]) for row in rejected] == [
        (f"mine.csv:{line}", f"availability {value} is no fraction from 0 to 1; is it percent?")
        for line, value in ((2, "99.5"), (3, "1.5"), (4, "-0.1"))
    ]


def test_share_in_a_column_of_its_own_is_refused_too_and_load_may_be_above_all_of_one_core(read: Read) -> None:
    signals = {name: {"column": name[0], "unit": "percent"} for name in ("availability", "cpu")}
    rows, rejected = read("time,service,a,c\n2026-03-01T00:00:00Z,web,101,101\n", holds="metrics", signals=signals)
    assert [(row["signal"], row["value"]) for row in rows] == [("cpu", 1.01)]
    assert [row["reason"] for row in rejected] == ["availability 1.01 is no fraction from 0 to 1; is it percent?"]
