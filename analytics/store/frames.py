"""Small tables: frames in, frames out, validated both ways."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from analytics import session, tables
from analytics.store.files import open_parquet, parquet_bytes, write_atomically

__all__ = ["known_until", "load", "mark_newest", "newest", "now", "save"]


def save(frame: pd.DataFrame, name: str) -> None:
    """Write a table: validated, sorted by its key, whole or not at all, the same bytes for the same content.

    Raises
    ------
    ValueError
        If the table is unknown, the current stage does not write it, or the frame does not fit `tables.TABLES`.
    """
    table = _table(name)
    stage = session.current_stage()
    if stage is not None and table.producer != stage.name:
        raise ValueError(f"stage '{stage.name}' may not write table '{name}': its producer is '{table.producer}'")
    content = tables.validate(frame, table)
    described = content.replace_schema_metadata({"analytics_table": name, "analytics_format": str(table.version)})
    write_atomically(session.out() / "tables" / f"{name}.parquet", parquet_bytes(described))


def load(name: str, **equal: Any) -> pd.DataFrame:
    """A table, or its rows where columns equal the given values; in a draft session one's own draft comes first.

    Raises
    ------
    ValueError
        If the current stage does not declare that it reads this table, or the file does not fit `tables.TABLES`.
    FileNotFoundError
        If no stage has written it yet; the message names the stage to run.
    """
    table = _table(name)
    stage = session.current_stage()
    if stage is not None and name not in stage.reads and table.producer != stage.name:
        raise ValueError(f"stage '{stage.name}' does not declare that it reads table '{name}'; add it to its `reads` in analytics/tables")
    path = _path(name)
    file = open_parquet(path)
    _check_format(file.metadata.metadata or {}, table, path)
    missing = [column for column in table.names if column not in file.schema_arrow.names]
    if missing:
        raise ValueError(f"{path} has no column {', '.join(missing)}; run the stage that writes it again: analytics run {table.producer}")
    frame = _as_frame(file.read(), table)
    for column, value in equal.items():
        frame = frame[frame[table.column(column).name] == value]
    return frame.reset_index(drop=True)


def now(given: Any = None) -> pd.Timestamp:
    """The present of this run: as given (a time with a zone), else the newest time in the data.

    That is the end of the shortest step that the newest value may stand for: a value of today does not reach to midnight.
    """
    if given is not None:
        time = pd.Timestamp(given)
        if time.tzinfo is None:
            raise ValueError(f"now: '{given}' has no zone; write it with one (2026-03-01T00:00Z)")
        return time.tz_convert("UTC").as_unit("ms")
    series = load("series")
    if series.empty:
        raise ValueError("table 'series' is empty: there is no newest time; give `now` or collect data first")
    ends = series["last"] + pd.to_timedelta(series["step_s"], unit="s")
    return ends[ends > series["last"].max()].min().as_unit("ms")


@contextlib.contextmanager
def newest() -> Iterator[None]:
    """While it lasts the newest tables are seen: those of `analytics watch`, unless the chain knows later data."""
    live = _marked()
    with session.published():
        is_live = live is not None and live > now()
    with session.live() if is_live else session.published():
        yield


def known_until() -> pd.Timestamp:
    """Until when the tables that `newest` shows are known."""
    with newest():
        return _marked() or now() if session.is_live() else now()


def mark_newest(until: pd.Timestamp) -> None:
    """Say until when the tables in `data/live` are known, all of them being written."""
    write_atomically(_mark(), f"{until.isoformat()}\n".encode())


def _marked() -> pd.Timestamp | None:
    return pd.Timestamp(_mark().read_text(encoding="ascii").strip()) if _mark().is_file() else None


def _mark() -> Path:
    return session.root() / "data" / "live" / "known_until"


def _table(name: str) -> tables.Table:
    if name in tables.TABLES:
        return tables.TABLES[name]
    import difflib

    near = difflib.get_close_matches(name, tables.TABLES, n=1)
    raise ValueError(f"table '{name}' does not exist; " + (f"did you mean '{near[0]}'?" if near else "see analytics/tables"))


def _path(name: str) -> Path:
    data = session.root() / "data"
    drafts = [data / "draft"] if session.is_draft() else []
    for folder in (session.out(), *drafts, data):
        if (path := folder / "tables" / f"{name}.parquet").is_file():
            return path
    producer = tables.TABLES[name].producer
    raise FileNotFoundError(f"table '{name}' has not been written yet; run `analytics run {producer}` (or `analytics run --all`)")


def _check_format(described: dict[bytes, bytes], table: tables.Table, path: Path) -> None:
    said = described.get(b"analytics_format")
    if said is None:
        raise ValueError(f"{path} was not written by this project (no format version); run the stage '{table.producer}' again")
    if int(said) > table.version:
        raise ValueError(f"{path} has format {int(said)}, this code reads up to {table.version}; update the code")


def _as_frame(content: pa.Table, table: tables.Table) -> pd.DataFrame:
    # Labels become plain text: categories would make every comparison and concatenation of two tables a special case.
    arrays = []
    for column in table.columns:
        values = content.column(column.name)
        arrays.append(values.cast(pa.string()) if column.kind == "label" else values)
    frame = pa.table(arrays, names=table.names).to_pandas()
    for column in table.columns:
        if column.kind == "time":
            frame[column.name] = frame[column.name].astype("datetime64[ms, UTC]")
    return frame
