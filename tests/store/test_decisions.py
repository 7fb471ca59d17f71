"""Files of decisions: rows come back as written, what stands there stays, wrong rows are named."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pandas as pd
import pytest

from analytics import store

TIME = pd.Timestamp("2026-03-02T09:30Z")
ROW = {"time": TIME, "author": "ann", "action": "accept", "drift_id": "d1", "reason": "new cache, agreed with bob"}
HEADER = "time,author,action,drift_id,event_id,direction,bound,reason\n"


def file_of(root):
    return root / "data" / "decisions" / "rebaselines.csv"


def written(root, text):
    file_of(root).parent.mkdir(parents=True, exist_ok=True)
    file_of(root).write_text(text, encoding="utf-8")


def test_without_a_file_there_are_no_decisions(project):
    found = store.decisions("rebaselines")
    assert len(found) == 0
    assert found["time"].dtype == "datetime64[ms, UTC]"


def test_a_decision_is_one_line_written_out(project):
    store.append_decision("rebaselines", ROW)
    assert file_of(project).read_text(encoding="utf-8") == (HEADER + '2026-03-02T09:30:00Z,ann,accept,d1,,,,"new cache, agreed with bob"\n')


def test_decisions_come_back_in_the_order_of_writing(project):
    store.append_decision("rebaselines", ROW)
    store.append_decision("rebaselines", {**ROW, "time": TIME - pd.Timedelta("1h"), "action": "reject", "reason": 'said "no"\nand why: ü'})
    found = store.decisions("rebaselines")
    assert found["time"].tolist() == [TIME, TIME - pd.Timedelta("1h")]
    assert found["action"].tolist() == ["accept", "reject"]
    assert found["reason"].tolist() == ["new cache, agreed with bob", 'said "no" and why: ü']
    assert found["bound"].isna().all()


def test_what_stands_there_keeps_its_bytes(project):
    before = HEADER + "2026-03-01T10:00:00+01:00, bob ,accept,d0,,,,by hand"
    written(project, before)
    store.append_decision("rebaselines", ROW)
    assert file_of(project).read_text(encoding="utf-8").startswith(before + "\n2026-03-02")
    assert store.decisions("rebaselines")["author"].tolist() == ["bob", "ann"]
    assert store.decisions("rebaselines")["time"].iloc[0] == pd.Timestamp("2026-03-01T09:00Z")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-03-01T10:00,ann,accept,d,,,,x", "line 2, column 'time': '2026-03-01T10:00' has no zone"),
        ("yesterday at noon,ann,accept,d,,,,x", "'yesterday at noon' is not a time; write it like 2026-03-01T09:30:00Z"),
        ("2026-03-01T10:00Z,ann,maybe,d,,,,x", "column 'action': 'maybe' is none of accept, reject"),
        ("2026-03-01T10:00Z,ann,accept,d,,,ten,x", "column 'bound': 'ten' is not a number"),
        ("2026-03-01T10:00Z,ann,accept,d,,,inf,x", "column 'bound': 'inf' is not a finite number"),
        ("2026-03-01T10:00Z,,accept,d,,,,x", "column 'author' is empty: who decided"),
        ("2026-03-01T10:00Z,ann,accept,d,,,,x,y", "line 2: 9 values, but 8 columns"),
    ],
)
def test_wrong_lines_are_named_and_nothing_is_added_to_them(project, line, message):
    written(project, HEADER + line + "\n")
    with pytest.raises(ValueError, match=message):
        store.decisions("rebaselines")
    with pytest.raises(ValueError, match=message):
        store.append_decision("rebaselines", ROW)
    assert file_of(project).read_text(encoding="utf-8") == HEADER + line + "\n"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("time,autor,action", "column 'autor' is unknown; did you mean"),
        ("time,author,action", "its first line must be time,author"),
    ],
)
def test_wrong_columns_are_named(project, header, message):
    written(project, header + "\n")
    with pytest.raises(ValueError, match=message):
        store.decisions("rebaselines")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"why": "x"}, "has no column 'why'"), ({"reason": ""}, "'reason' is empty"), ({"time": pd.Timestamp("2026-03-02")}, "has no zone")],
)
def test_a_wrong_decision_is_not_written(project, change, message):
    with pytest.raises(ValueError, match=message):
        store.append_decision("rebaselines", {**ROW, **change})
    assert not file_of(project).exists()


def test_writers_at_once_lose_nothing(project):
    """Each call has a lock of its own, as in processes of their own."""
    rows = [{**ROW, "author": author, "drift_id": str(number)} for number in range(8) for author in ("ann", "bob")]
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(partial(store.append_decision, "rebaselines"), rows))
    found = store.decisions("rebaselines")
    assert sorted(zip(found["author"], found["drift_id"], strict=True)) == sorted((row["author"], row["drift_id"]) for row in rows)
