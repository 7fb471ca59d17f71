"""A table is refused where it is made, with a message that names table, column, value and what would be right."""

import numpy as np
import pandas as pd
import pytest

from analytics import tables

OUTAGES = tables.TABLES["outages"]
START = pd.Timestamp("2026-03-01T00:00Z")


def three_outages():
    return pd.DataFrame(
        {
            "service": ["b", "a", "a"],
            "region": ["r", "s", "r"],
            "start": [START, START, START + pd.Timedelta("1h")],
            "end": [START + pd.Timedelta("1min"), pd.NaT, START + pd.Timedelta("2h")],
            "n_failed": [1, 2, 3],
            "unmeasured_s": 0.0,
            "is_confirmed": [False, True, True],
            "excluded_reason": [None, "maintenance", None],
        }
    )


def test_rows_are_sorted_by_key_and_columns_are_in_order():
    frame = three_outages()
    found = tables.validate(frame[reversed(frame.columns)], OUTAGES)
    assert found.schema.equals(tables.schema(OUTAGES))
    assert found.column("n_failed").to_pylist() == [3, 2, 1]
    assert found.column("service").combine_chunks().dictionary.to_pylist() == ["a", "b"]


def test_labels_are_stored_in_the_order_of_the_alphabet():
    found = tables.validate(three_outages().assign(excluded_reason=["maintenance", "prober", None]), OUTAGES).column("excluded_reason")
    assert found.to_pylist() == [None, "prober", "maintenance"]
    assert found.combine_chunks().dictionary.to_pylist() == ["maintenance", "prober"]


@pytest.mark.parametrize("name", [*tables.TABLES, "checks", "metrics", "truth"])
def test_every_table_can_be_empty(name):
    table = tables.TABLES.get(name) or tables.RAW[name]
    frame = tables.schema(table).empty_table().to_pandas()
    assert len(tables.validate(frame, table)) == 0
    assert len(tables.validate(pd.DataFrame(columns=table.names), table)) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns=["end", "n_failed"]), "table 'outages' lacks end, n_failed; its columns are service, region, start"),
        (lambda f: f.assign(extra=1, more=2), "table 'outages' has unknown extra, more; its columns are service"),
        (lambda f: f.drop(columns="end").assign(ende=1), "table 'outages' lacks end and has unknown ende"),
        (lambda f: f.assign(service=["b", "a", None]), "column 'service': 1 of 3 values are empty, first in row 2"),
        (lambda f: f.assign(start=[START, pd.NaT, START]), "column 'start': 1 of 3 values are empty, first in row 1"),
        (lambda f: f.assign(start=f.start.dt.tz_localize(None)), "column 'start': times need a zone (datetime64[ms, UTC]), got datetime64"),
        (lambda f: f.assign(start="2026-03-01"), "column 'start': times need a zone (datetime64[ms, UTC]), got"),
        (lambda f: f.assign(excluded_reason="bad luck"), "column 'excluded_reason': 'bad luck' is none of maintenance, prober"),
        (lambda f: f.assign(n_failed=1.5), "column 'n_failed': expected integer, got float64"),
        (lambda f: f.assign(n_failed="many"), "column 'n_failed': expected integer, got"),
        (lambda f: f.assign(is_confirmed="yes"), "column 'is_confirmed': expected boolean, got"),
        (lambda f: f.assign(service=["b", "a", 5]), "column 'service': expected text, got 5 (int)"),
        (
            lambda f: f.assign(service="a", region="r", start=START),
            "table 'outages': 2 repeated keys (service, region, start), first {'service': 'a'",
        ),
    ],
)
def test_a_wrong_frame_is_refused_with_what_would_be_right(change, message):
    with pytest.raises(ValueError) as failure:  # noqa: PT011  the message is compared below
        tables.validate(change(three_outages()), OUTAGES)
    assert message in str(failure.value)


def as_categories(frame):
    return frame.assign(
        service=pd.Categorical(frame.service, categories=["b", "z", "a"]), region=pd.Categorical(frame.region, categories=["s", "r"])
    )


def in_zurich(frame):
    return frame.assign(start=frame.start.dt.tz_convert("Europe/Zurich"))


def in_microseconds(frame):
    return frame.assign(start=frame.start.astype("datetime64[us, UTC]"), n_failed=frame.n_failed.astype("int32"))


@pytest.mark.parametrize("told", [as_categories, in_zurich, in_microseconds, lambda frame: frame.astype({"service": "object"})])
def test_row_order_and_ways_of_saying_the_same_change_nothing(told, rng):
    frame = three_outages()
    expected = tables.validate(frame, OUTAGES)
    for _ in range(3):
        found = tables.validate(told(frame).iloc[rng.permutation(3)], OUTAGES)
        assert found.equals(expected)
        assert [column.combine_chunks() for column in found.columns] == [column.combine_chunks() for column in expected.columns]


def test_rows_of_a_table_without_key_have_an_order_too():
    rows = pd.DataFrame({"source": "s", "kind": "checks", "place": list("cab"), "reason": ["x", None, "x"], "row": "1"}).fillna("y")
    table = tables.TABLES["quarantine"]
    assert tables.validate(rows, table).equals(tables.validate(rows.iloc[::-1], table))


def test_empty_keys_are_told_apart_and_come_first():
    flags = pd.DataFrame(
        {"flag": "gap", "service": ["a", None], "region": None, "start": START, "end": START, "n": 1, "severity": "info", "text": "t"}
    )
    assert tables.validate(flags, tables.TABLES["quality_flags"]).column("service").to_pylist() == [None, "a"]
    with pytest.raises(ValueError, match="repeated keys"):
        tables.validate(flags.assign(service=None), tables.TABLES["quality_flags"])


def test_the_frame_stays_as_it_was():
    frame = three_outages()
    before = frame.copy()
    tables.validate(frame, OUTAGES)
    pd.testing.assert_frame_equal(frame, before)


def test_a_missing_number_may_be_missing_only_where_numbers_may():
    table = tables.TABLES["coverage"]
    row = pd.DataFrame({"service": "a", "region": "r", "day": [START], "n_checks": 1, "n_up": 1, "n_excluded": 0, "n_expected": np.nan})
    assert tables.validate(row, table).column("n_expected").null_count == 1
    with pytest.raises(ValueError, match="column 'n_up': 1 of 1 values are empty"):
        tables.validate(row.assign(n_up=np.nan), table)


def test_every_table_has_one_producer_that_is_a_stage():
    assert {table.producer for table in tables.TABLES.values()} <= set(tables.STAGES)
    written = [name for stage in tables.STAGES for name in tables.writes(stage)]
    assert sorted(written) == sorted(tables.TABLES)


def test_stages_read_what_an_earlier_stage_writes():
    written = set()
    for stage in sorted(tables.STAGES.values(), key=lambda stage: stage.number or 0):
        assert set(stage.reads) <= written, stage.name
        written |= set(tables.writes(stage.name))


def test_keys_are_columns_and_columns_are_named_once():
    for table in [*tables.TABLES.values(), *tables.RAW.values()]:
        assert set(table.key) <= set(table.names)
        assert len(set(table.names)) == len(table.names)
        assert all(column.meaning for column in table.columns)


def test_a_wrong_stage_names_the_nearest():
    with pytest.raises(ValueError, match="stage 'ingets' does not exist; did you mean 'ingest'"):
        tables.stage_of("ingets")
    with pytest.raises(ValueError, match="there are: simulate, ingest"):
        tables.stage_of("xyzzy")
