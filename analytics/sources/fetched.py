"""A fetch in its temporary folder: batch by batch as it comes, then what of it is new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics import store, tables
from analytics.sources.base import Batch
from analytics.sources.refused import Refused, read_parts, write_part
from analytics.sources.units import Units

__all__ = ["Fetched", "keep", "sift"]

DAY_MS = 86_400_000


@dataclass
class Fetched:
    """A fetch in its temporary folder, with what must be known of it before it is stored."""

    folder: Path
    units: Units
    n_rows: int = 0
    n_repeated: int = 0
    n: dict[str, int] = field(default_factory=dict)
    parts: dict[str, list[Path]] = field(default_factory=dict)
    refused: Refused = field(init=False)
    series: set[tuple[Any, ...]] = field(default_factory=set)
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        self.refused = Refused(self.folder)


def keep(fetched: Fetched, batch: Batch, number: int) -> None:
    """Write a batch to the temporary folder; memory holds only counts."""
    fetched.n_rows += len(batch.rows) + len(batch.rejected)
    fetched.n[batch.kind] = fetched.n.get(batch.kind, 0) + len(batch.rows)
    fetched.refused.add(batch.rejected)
    if not len(batch.rows):
        return
    path = fetched.folder / f"{number:06d}.arrow"
    write_part(path, batch.rows)
    fetched.parts.setdefault(batch.kind, []).append(path)
    key = [column for column in tables.RAW[batch.kind].key if column != "time"]
    if "time" not in tables.RAW[batch.kind].key:
        return
    fetched.series |= _distinct(batch.rows.select(key))
    limits = pc.min_max(batch.rows.column("time"))
    low, high = (pd.Timestamp(limits[end].as_py()) for end in ("min", "max"))
    fetched.first = low if fetched.first is None else min(low, fetched.first)
    fetched.last = high if fetched.last is None else max(high, fetched.last)


def _distinct(keys: pa.Table) -> set[tuple[Any, ...]]:
    """Distinct keys of a batch, by codes: most batches hold few series and many rows."""
    packed = np.zeros(len(keys), np.int64)
    arrays = [keys.column(name).unify_dictionaries().combine_chunks() for name in keys.column_names]
    arrays = [array.chunk(0) if isinstance(array, pa.ChunkedArray) else array for array in arrays]
    for array in arrays:
        packed = packed * (len(array.dictionary) + 1) + array.indices.to_numpy(zero_copy_only=False)
    is_one = (packed[1:] == packed[:-1]).all()
    first = np.array([0]) if is_one else np.unique(packed, return_index=True)[1]
    return {tuple(row.values()) for row in keys.take(pa.array(first)).to_pylist()}


def sift(name: str, fetched: Fetched, *, afresh: bool) -> None:
    """Keep of a fetch what is not stored yet; a row that was said before with other values is refused."""
    for kind in [kind for kind in fetched.parts if "time" in tables.RAW[kind].key]:
        new: list[Path] = []
        for rows in _by_day(fetched.parts[kind]):
            sifted = store.sift_raw(name, kind, rows, afresh=afresh)
            fetched.n_repeated += sifted.n_repeated
            fetched.refused.add(sifted.contradictions)
            fetched.refused.add(sifted.duplicates, is_loss=False)
            if len(sifted.new):
                new.append(fetched.folder / f"new-{kind}-{len(new):06d}.arrow")
                write_part(new[-1], sifted.new)
        fetched.parts[kind] = new


def _by_day(parts: list[Path]) -> Iterator[pa.Table]:
    """The rows of a fetch day by day: one segment a day, and no more in memory than a day."""
    days: dict[int, list[pa.Table]] = {}
    for rows in read_parts(parts):
        day = rows.column("time").cast(pa.int64()).to_numpy() // DAY_MS
        starts = np.flatnonzero(np.concatenate([[True], day[1:] != day[:-1]]))
        if len(starts) > len(day) // 16 + 16:
            # Days in no order: bring them together first.
            order = np.argsort(day, kind="stable")
            rows, day = rows.take(pa.array(order)), day[order]
            starts = np.flatnonzero(np.concatenate([[True], day[1:] != day[:-1]]))
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(day)], strict=True):
            days.setdefault(int(day[start]), []).append(rows.slice(start, stop - start))
    for _, pieces in sorted(days.items()):
        yield pa.concat_tables(pieces)
