"""Refused rows of a fetch on their way to quarantine: counted, the first ones shown, none of the others in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from analytics import store, tables, words
from analytics.sources.base import no_rows

__all__ = ["Reason", "Refused", "read_parts", "write_part"]

SHOWN = 10
AT_ONCE = 1 << 16
"""Rows that are compared and stored together."""

MISSING = "\0"


@dataclass(frozen=True)
class Reason:
    """Why some rows of a fetch were refused (without the numbers in which their reasons differ), how many, the first of them."""

    text: str
    n: int
    place: str
    row: str

    @property
    def sentence(self) -> str:
        """For the command line: '3 rows refused: latency … ms is negative; first a.csv:3: ...'."""
        return f"{self.n:,} row{'s' * (self.n > 1)} refused: {self.text}; first {self.place}: {self.row}"


@dataclass
class Refused:
    """Refused rows of one fetch, written to its folder as they come.

    Attributes
    ----------
    folder : of the fetch
    n : rows
    n_lost : those of them whose values are lost, unlike those of a row that is there twice
    first : the first lost ones, for the message
    """

    folder: Path
    n: int = 0
    n_lost: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)
    _parts: list[Path] = field(default_factory=list)

    def add(self, rows: pa.Table, *, is_loss: bool = True) -> None:
        """Keep rows (schema of raw kind `quarantine`) in the folder."""
        if not len(rows):
            return
        self.n += len(rows)
        if is_loss:
            self.n_lost += len(rows)
            self.first += rows.slice(0, SHOWN - len(self.first)).to_pylist()
        path = self.folder / f"refused-{len(self._parts):06d}.arrow"
        write_part(path, rows)
        self._parts.append(path)

    def to_quarantine(self, source: str) -> list[Reason]:
        """Store the rows that are not in quarantine yet; why they were refused, the most frequent reason first."""
        if not self.n:
            return []
        known = np.concatenate([_hashes(rows) for rows in _in_pieces([store.read_raw_table(source, "quarantine")])])
        reasons: dict[str, Reason] = {}
        for rows in _in_pieces(read_parts(self._parts)):
            is_new = ~np.isin(_hashes(rows), known)
            if is_new.any():
                fresh = rows.filter(pa.array(is_new))
                store.append_raw(source, "quarantine", fresh)
                _count(fresh, reasons)
        return sorted(reasons.values(), key=lambda reason: -reason.n)


def _count(rows: pa.Table, reasons: dict[str, Reason]) -> None:
    """Add refused rows to the reasons that differ in more than numbers, in place."""
    plain = pa.table({name: rows.column(name).cast(pa.string()) for name in ("reason", "place", "row")})
    # One thread: "first" is the first of the file.
    for row in plain.group_by("reason", use_threads=False).aggregate([("row", "count"), ("row", "first"), ("place", "first")]).to_pylist():
        alike = words.without_numbers(row["reason"])
        known = reasons.get(alike)
        if known is None:
            reasons[alike] = Reason(row["reason"], row["row_count"], row["place_first"], row["row_first"])
        else:
            text = known.text if known.text == row["reason"] else alike
            reasons[alike] = replace(known, text=text, n=known.n + row["row_count"])


def write_part(path: Path, rows: pa.Table) -> None:
    """Write rows of a fetch to a file of its folder."""
    with store.naming_full_disk(path), pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows.unify_dictionaries())


def read_parts(parts: list[Path]) -> Iterator[pa.Table]:
    """Parts of a fetch, mapped rather than read."""
    for path in parts:
        with pa.memory_map(str(path)) as file:
            yield pa.ipc.open_file(file).read_all()


def _in_pieces(parts: Iterator[pa.Table] | list[pa.Table]) -> Iterator[pa.Table]:
    """The rows of all parts, `AT_ONCE` at a time; without rows one empty piece."""
    held: list[pa.Table] = []
    n = 0
    for part in parts:
        at = 0
        while at < len(part):
            taken = part.slice(at, AT_ONCE - n)
            held.append(taken)
            n, at = n + len(taken), at + len(taken)
            if n == AT_ONCE:
                yield pa.concat_tables(held)
                held, n = [], 0
    yield pa.concat_tables([no_rows("quarantine"), *held])


def _hashes(rows: pa.Table) -> npt.NDArray[np.void]:
    """Two hashes of each row, with different keys: 128 bits, so that no row is ever taken for another."""
    columns = [column.name for column in tables.RAW["quarantine"].columns]
    texts = {name: pc.fill_null(rows.column(name).cast(pa.string()), MISSING).to_numpy() for name in columns}
    frame = pd.DataFrame(texts, columns=columns, dtype=object)
    hashes = np.empty(len(rows), [("one", np.uint64), ("other", np.uint64)])
    for name in ("one", "other"):
        hashes[name] = pd.util.hash_pandas_object(frame, index=False, hash_key=f"{name:-<16}")
    return hashes
