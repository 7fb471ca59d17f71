"""What is stored of each source: its days, their rows and runs, its small tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from analytics import session, tables
from analytics.store.files import digest
from analytics.store.raw.encoding import decode, decode_pieces, runs_in_file
from analytics.store.raw.rows import Run, key_order, runs_of

__all__ = ["RawDay", "kind_folder", "raw_days", "raw_sources", "read_raw", "read_raw_parts", "read_raw_table"]

Read = TypeVar("Read")


@dataclass(frozen=True)
class RawDay:
    """One UTC day of one kind of one source: its files, and a hash that changes when they do."""

    source: str
    kind: str
    day: date
    paths: tuple[Path, ...]

    @property
    def key(self) -> str:
        return _listed_again(self, lambda day: digest(*day.paths))

    @property
    def runs(self) -> list[Run]:
        """Runs of its rows: from the footer alone once the day is one file, else as if it were."""
        return _listed_again(self, _runs_of_day)


def raw_sources() -> list[str]:
    """Sources that have raw data, in the order of their names."""
    folder = session.root() / "data" / "raw"
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".") if folder.is_dir() else []


def raw_days(source: str, kind: str) -> list[RawDay]:
    """Days of a kind (checks or metrics) that are stored, oldest first."""
    folder = kind_folder(source, kind)
    days: dict[date, list[Path]] = {}
    for path in sorted(folder.glob("*.parquet")) if folder.is_dir() else []:
        days.setdefault(_day_of(path), []).append(path)
    return [RawDay(source, kind, day, tuple(paths)) for day, paths in sorted(days.items())]


def read_raw(raw_day: RawDay, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of one day, sorted by key, the first of repeated ones kept; only `columns` where given.

    Segments that have been merged since the day was listed are read from the file that they were merged into.
    """
    return _listed_again(raw_day, partial(_read_day, columns=columns))


def read_raw_parts(raw_day: RawDay, columns: Sequence[str], *, n_rows: int) -> Iterator[pa.Table]:
    """Rows of one day as `read_raw` gives them, some services at a time: whole services with together about `n_rows` rows, or one alone."""
    yield from _whole_services(_listed_again(raw_day, partial(_pieces_of_day, columns=columns, n_rows=n_rows)))


def _pieces_of_day(raw_day: RawDay, columns: Sequence[str], n_rows: int) -> Iterable[pa.Table]:
    if len(raw_day.paths) == 1:
        return decode_pieces(raw_day.paths[0], tables.RAW[raw_day.kind], list(columns), n_rows=n_rows)
    return [_read_day(raw_day, columns)]


def _whole_services(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, cut where a service begins."""
    held: pa.Table | None = None
    for piece in pieces:
        rows = piece
        if held is not None:
            # Its last service may go on in this piece.
            codes = held.column("service").chunk(0).indices.to_numpy()
            begin = len(codes) - int(np.argmax(codes[::-1] != codes[-1])) if codes[0] != codes[-1] else 0
            if begin:
                yield held.slice(0, begin)
            rows = pa.concat_tables([held.slice(begin), piece]).unify_dictionaries().combine_chunks()
        held = rows
    if held is not None:
        yield held


def _listed_again(raw_day: RawDay, read: Callable[[RawDay], Read]) -> Read:
    """What `read` finds in a day; its files are listed once more if a collector has merged them meanwhile."""
    try:
        return read(raw_day)
    except FileNotFoundError:
        days = [day for day in raw_days(raw_day.source, raw_day.kind) if day.day == raw_day.day]
        if not days or days[0].paths == raw_day.paths:
            raise
        return read(days[0])


def _runs_of_day(raw_day: RawDay) -> list[Run]:
    table = tables.RAW[raw_day.kind]
    if len(raw_day.paths) == 1:
        return runs_in_file(raw_day.paths[0], table)
    return runs_of(_read_day(raw_day, [*table.key, *(["unit"] if "unit" in table.names else [])]), table)


def _read_day(raw_day: RawDay, columns: Sequence[str] | None = None) -> pa.Table:
    table = tables.RAW[raw_day.kind]
    wanted = list(columns or table.names)
    if len(raw_day.paths) == 1:
        return decode(raw_day.paths[0], table, wanted)
    needed = list(dict.fromkeys([*wanted, *table.key]))
    merged = pa.concat_tables([decode(path, table, needed) for path in raw_day.paths]).unify_dictionaries().combine_chunks()
    order, repeated = key_order(merged, table)
    return merged.take(pa.array(order[~repeated])).select(wanted)


def read_raw_table(source: str, kind: str) -> pa.Table:
    """A small table of a source, empty where the source has none."""
    table = tables.RAW[kind]
    folder = kind_folder(source, kind)
    paths = [folder.with_suffix(".parquet")] if table.key else sorted(folder.glob("*.parquet")) if folder.is_dir() else []
    parts = [decode(path, table, table.names) for path in paths if path.is_file()]
    return pa.concat_tables(parts) if parts else tables.schema(table).empty_table()


def kind_folder(source: str, kind: str) -> Path:
    """Where a kind of a source is stored; a name that could not be a folder's is refused."""
    if kind not in tables.RAW:
        raise ValueError(f"raw kind '{kind}' does not exist; there are {', '.join(tables.RAW)}")
    if not source or source != Path(source).name or source.startswith("."):
        raise ValueError(f"source '{source}' cannot be a folder's name; use letters, digits, '-' and '_'")
    return session.root() / "data" / "raw" / source / kind


def _day_of(path: Path) -> date:
    try:
        return date.fromisoformat(path.name[:10])
    except ValueError as error:
        raise ValueError(
            f"{path} is not named like a day of raw data (2026-03-01.parquet); move it away and collect it through a source of kind 'files'"
        ) from error
