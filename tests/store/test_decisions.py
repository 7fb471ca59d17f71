"""Decisions that people write by hand are read exactly, or refused with the line."""

import pandas as pd
import pytest

from analytics import store, tables

ROW = {
    "author": "ada",
    "reason": "move, test",
    "matcher": "service=web",
    "from": "2026-03-01T00:00Z",
    "until": "2026-03-02T01:00+01:00",
}


def written(project, text):
    path = project / "data" / "decisions" / "silences.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_there_are_no_decisions(project):
    assert store.decisions("silences").columns.tolist() == tables.DECISIONS["silences"].names
    assert len(store.decisions("silences")) == 0


def test_what_is_decided_is_read_back_in_utc(project):
    path = store.decide("silences", ROW)
    store.decide("silences", ROW | {"author": "bob"})
    found = store.decisions("silences")
    assert found["author"].tolist() == ["ada", "bob"]
    assert found["reason"].tolist() == ["move, test"] * 2
    assert found["until"].tolist() == [pd.Timestamp("2026-03-02T00:00Z")] * 2
    assert path.read_text().splitlines()[:2] == [
        "author,reason,matcher,from,until",
        'ada,"move, test",service=web,2026-03-01T00:00Z,2026-03-02T01:00+01:00',
    ]


def test_what_people_wrote_stays_as_they_wrote_it(project):
    path = written(project, "\ufeffauthor,reason,matcher,from,until\nada,x,service=a,2026-03-01T00:00Z,2026-03-02T00:00Z")
    store.decide("silences", ROW)
    assert path.read_text().splitlines()[1] == "ada,x,service=a,2026-03-01T00:00Z,2026-03-02T00:00Z"
    assert len(store.decisions("silences")) == 2


def test_a_file_with_other_columns_is_refused_before_anything_is_added(project):
    path = written(project, "reason,author,matcher,from,until\n")
    with pytest.raises(ValueError, match="its first line is 'reason,author,matcher,from,until', expected 'author,reason,"):
        store.decide("silences", ROW)
    assert path.read_text() == "reason,author,matcher,from,until\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ada,,service=a,2026-03-01T00:00Z,2026-03-02T00:00Z", "line 2: 'reason' is empty"),
        ("ada,x,service=a,2026-03-01T00:00Z", "line 2: 'until' is empty"),
        ("ada,x,service=a,2026-03-01T00:00,2026-03-02T00:00Z", "line 2, 'from': '2026-03-01T00:00' has no zone"),
        ("ada,x,service=a,soon,2026-03-02T00:00Z", "line 2, 'from': 'soon' is no time"),
        ("ada,x, y,service=a,2026-03-01T00:00Z,2026-03-02T00:00Z", "line 2: more values than the 5 columns"),
    ],
)
def test_a_wrong_line_is_named(project, line, message):
    written(project, f"author,reason,matcher,from,until\n{line}\n")
    with pytest.raises(ValueError, match=r"silences\.csv") as failure:
        store.decisions("silences")
    assert message in str(failure.value)


def test_a_wrong_decision_is_not_written(project):
    with pytest.raises(ValueError, match="new row: 'reason' is empty"):
        store.decide("silences", ROW | {"reason": " "})
    assert not (project / "data" / "decisions").exists()
