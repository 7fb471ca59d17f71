"""Decisions of people: small files `data/decisions/<name>.csv`, kept in git, read by the next run."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from analytics import session, tables
from analytics.store.files import write_atomically

__all__ = ["decide", "decisions"]


def decisions(name: str) -> pd.DataFrame:
    """Rows of `data/decisions/<name>.csv` in the columns of `tables.DECISIONS`; empty without a file.

    Raises
    ------
    ValueError
        For other columns than those of the table, an empty value or a time without a zone; the message names the line.
    """
    table = tables.DECISIONS[name]
    path = _path(name)
    rows = _read(path, table) if path.is_file() else []
    frame = pd.DataFrame(rows, columns=table.names)
    for column in table.columns:
        if column.kind == "time":
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True).astype("datetime64[ms, UTC]")
    return frame


def decide(name: str, row: dict[str, str]) -> Path:
    """Add one row, checked like those that are read; the file, which is written whole or not at all."""
    table = tables.DECISIONS[name]
    path = _path(name)
    text = path.read_text(encoding="utf-8-sig") if path.is_file() else _line(table.names)
    decisions(name)  # A line added to a damaged file would be the one that its reader is blamed for.
    _check(row, table, f"{_shown(name)}, new row")
    write_atomically(path, (text + ("" if text.endswith("\n") else "\n") + _line([row[column] for column in table.names])).encode())
    return path


def _path(name: str) -> Path:
    return session.root() / "data" / "decisions" / f"{name}.csv"


def _shown(name: str) -> str:
    return f"data/decisions/{name}.csv"


def _line(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _read(path: Path, table: tables.Table) -> list[dict[str, object]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="")
        if list(reader.fieldnames or []) != table.names:
            raise ValueError(
                f"{_shown(table.name)}: its first line is '{','.join(reader.fieldnames or [])}', expected '{','.join(table.names)}'"
            )
        rows = []
        for row in reader:
            where = f"{_shown(table.name)}, line {reader.line_num}"
            if "" in row:
                raise ValueError(f"{where}: more values than the {len(table.names)} columns; quote a value that holds a comma")
            rows.append(_check(row, table, where))
    return rows


def _check(row: dict[str, str], table: tables.Table, where: str) -> dict[str, object]:
    return {column.name: _value(column, (row[column.name] or "").strip(), where) for column in table.columns}


def _value(column: tables.Column, text: str, where: str) -> object:
    if not text and not column.optional:
        raise ValueError(f"{where}: '{column.name}' is empty ({column.meaning})")
    if column.choices and text and text not in column.choices:
        raise ValueError(f"{where}, '{column.name}': '{text}' is none of {', '.join(column.choices)}")
    if column.kind != "time" or not text:
        return text or None
    try:
        time = pd.Timestamp(text)
    except ValueError as error:
        raise ValueError(f"{where}, '{column.name}': '{text}' is no time; write it as 2026-03-01T00:00Z") from error
    if time.tzinfo is None:
        raise ValueError(f"{where}, '{column.name}': '{text}' has no zone; write it with one (2026-03-01T00:00Z)")
    return time.tz_convert("UTC")
