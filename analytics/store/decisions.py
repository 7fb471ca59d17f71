"""Decisions of people: CSV files in `data/decisions`, read whole, appended to, never rewritten."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analytics import session, tables
from analytics.store.files import write_atomically

__all__ = ["append_decision", "decisions"]

_SURPLUS = "more values than columns"


def decisions(name: str) -> pd.DataFrame:
    """Rows of `data/decisions/<name>.csv` in the order in which they were written; empty without a file.

    Raises
    ------
    ValueError
        For an unknown, repeated or missing column, a value missing, wrong or too many; the message names the line.
    """
    table = tables.DECISIONS[name]
    rows = _rows(table)
    frame = pd.DataFrame(rows, columns=table.names)
    return frame.assign(**{column.name: _typed(frame[column.name], column) for column in table.columns})


def append_decision(name: str, row: Mapping[str, Any]) -> None:
    """Add one row to `data/decisions/<name>.csv`. What stands there already keeps its bytes, and is checked first.

    Writers wait for each other; a reader sees the file before or after, never half of it.

    Raises
    ------
    ValueError
        If the row, or a row that is there, is not as `tables.DECISIONS` says.
    """
    import filelock

    table = tables.DECISIONS[name]
    line = _line(table, row)
    path = session.root() / "data" / "decisions" / f"{name}.csv"
    locks = session.root() / "data" / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(locks / f"decisions-{name}.lock"):
        _rows(table)
        before = path.read_bytes() if path.is_file() else b""
        if not before.strip():
            before = (",".join(table.names) + "\n").encode()
        write_atomically(path, before + (b"" if before.endswith(b"\n") else b"\n") + line)


def _rows(table: tables.Table) -> list[dict[str, Any]]:
    path = session.root() / "data" / "decisions" / f"{table.name}.csv"
    if not path.is_file():
        return []
    where = f"data/decisions/{path.name}"
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey=_SURPLUS)
        names = list(reader.fieldnames or table.names)
        _check_names(names, table, where)
        return [_checked(table, row, f"{where}, line {reader.line_num}") for row in reader]


def _check_names(names: list[str], table: tables.Table, where: str) -> None:
    for name in names:
        if name not in table.names:
            near = difflib.get_close_matches(name, table.names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"its columns are {', '.join(table.names)}"
            raise ValueError(f"{where}: column '{name}' is unknown; {hint}")
    # New rows are written in this order.
    if names != table.names:
        raise ValueError(f"{where}: its first line must be {','.join(table.names)}; it is {','.join(names)}")


def _checked(table: tables.Table, row: Mapping[str, Any], where: str) -> dict[str, Any]:
    if _SURPLUS in row:
        raise ValueError(f"{where}: {len(table.names) + len(row[_SURPLUS])} values, but {len(table.names)} columns")
    return {column.name: _value(column, row[column.name], f"{where}, column '{column.name}'") for column in table.columns}


def _value(column: tables.Column, text: str | None, where: str) -> Any:
    text = (text or "").strip()
    if not text:
        if not column.optional:
            raise ValueError(f"{where} is empty: {column.meaning}")
        return None
    if column.choices and text not in column.choices:
        raise ValueError(f"{where}: '{text}' is none of {', '.join(column.choices)}")
    if column.kind == "time":
        return _time(text, where)
    return _number(text, where) if column.kind == "float" else text


def _time(text: str, where: str) -> pd.Timestamp:
    try:
        time = pd.Timestamp(text)
    except ValueError as error:
        raise ValueError(f"{where}: '{text}' is not a time; write it like 2026-03-01T09:30:00Z") from error
    if time.tzinfo is None:
        raise ValueError(f"{where}: '{text}' has no zone; write it like 2026-03-01T09:30:00Z")
    return time.tz_convert("UTC").as_unit("ms")


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(f"{where}: '{text}' is not a number") from error
    if not math.isfinite(number):
        raise ValueError(f"{where}: '{text}' is not a finite number")
    return number


def _typed(values: pd.Series, column: tables.Column) -> pd.Series:
    if column.kind == "time":
        return pd.to_datetime(values, utc=True).astype("datetime64[ms, UTC]")
    return values.astype("float64" if column.kind == "float" else "object")


def _line(table: tables.Table, row: Mapping[str, Any]) -> bytes:
    unknown = sorted(set(row) - set(table.names))
    if unknown:
        raise ValueError(f"decision '{table.name}' has no column '{unknown[0]}'; its columns are {', '.join(table.names)}")
    texts = {name: _text(row.get(name)) for name in table.names}
    _checked(table, texts, f"decision '{table.name}'")
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(texts.values())
    return written.getvalue().encode()


def _text(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return value.isoformat().replace("+00:00", "Z")
    # One line for one decision: a difference in git is then a decision.
    return " ".join(str(value).split())
