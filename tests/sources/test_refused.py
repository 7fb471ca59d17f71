"""Refused rows: ten in memory, all of them counted, each in quarantine once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from analytics import store
from analytics.sources import refused
from analytics.sources.base import no_rows
from analytics.sources.refused import Refused


def rows(numbers: range, reason: str = "odd") -> pa.Table:
    texts = [{"source": "mine", "kind": "checks", "place": f"a.csv:{n}", "reason": reason, "row": str(n)} for n in numbers]
    schema = no_rows("quarantine").schema
    plain = pa.schema([(name, pa.string()) for name in schema.names])
    return pa.Table.from_pylist(texts, schema=plain).cast(schema)


def fetched(folder: Path, *batches: pa.Table) -> Refused:
    folder.mkdir()
    found = Refused(folder)
    for batch in batches:
        found.add(batch)
    return found


def n_stored(found: Refused) -> int:
    return sum(reason.n for reason in found.to_quarantine("mine"))


def places() -> list[str]:
    return sorted((row["place"] for row in store.read_raw_table("mine", "quarantine").to_pylist()), key=lambda place: int(place[6:]))


def test_only_the_first_ten_are_in_memory(project: Path, tmp_path: Path) -> None:
    numbers = range(5000)
    before = pa.total_allocated_bytes()
    found = fetched(tmp_path / "fetch", *(rows(numbers[start : start + 4]) for start in range(0, 5000, 4)))
    assert pa.total_allocated_bytes() - before < 5000
    assert found.n == 5000
    assert [row["row"] for row in found.first] == [str(n) for n in range(10)]
    assert n_stored(found) == 5000
    assert places() == [f"a.csv:{n}" for n in numbers]


@pytest.mark.parametrize("at_once", [1, 3, 7, 100])
def test_rows_in_quarantine_are_not_stored_again(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(refused, "AT_ONCE", at_once)
    assert n_stored(fetched(tmp_path / "first", rows(range(4)), rows(range(4, 10)))) == 10
    assert n_stored(fetched(tmp_path / "second", rows(range(5)), rows(range(5, 12)), rows(range(0)))) == 2
    assert places() == [f"a.csv:{n}" for n in range(12)]


def test_another_reason_makes_another_row(project: Path, tmp_path: Path) -> None:
    fetched(tmp_path / "first", rows(range(3))).to_quarantine("mine")
    assert n_stored(fetched(tmp_path / "second", rows(range(3), "late"))) == 3


def test_nothing_refused_writes_nothing(project: Path, tmp_path: Path) -> None:
    assert n_stored(fetched(tmp_path / "fetch", rows(range(0)))) == 0
    assert list((tmp_path / "fetch").iterdir()) == []
    assert not (project / "data").exists()


def test_reasons_that_differ_in_numbers_are_one(project: Path, tmp_path: Path) -> None:
    batches = (
        rows(range(3), "latency -5 ms is negative"),
        rows(range(3, 8), "state is empty"),
        rows(range(8, 9), "latency -7.5 ms is negative"),
    )
    first, second = fetched(tmp_path / "fetch", *batches).to_quarantine("mine")
    assert first.sentence == "5 rows refused: state is empty; first a.csv:3: 3"
    assert second.sentence == "4 rows refused: latency … ms is negative; first a.csv:0: 0"


def test_a_reason_of_its_own_keeps_its_numbers(project: Path, tmp_path: Path) -> None:
    (one,) = fetched(tmp_path / "fetch", rows(range(2), "has 3 columns instead of 4")).to_quarantine("mine")
    assert one.text == "has 3 columns instead of 4"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
def test_a_disk_that_is_full_during_a_fetch_is_named() -> None:
    with pytest.raises(store.DiskFull, match=r"^/dev/full: no space left on its disk"):
        refused.write_part(Path("/dev/full"), rows(range(5)))
