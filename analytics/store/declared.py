"""What people declare by hand in small files beside the data: `data/services.csv`."""

from __future__ import annotations

import csv
import difflib
import math

import pandas as pd

from analytics import session, tables

__all__ = ["declared_services"]


_SURPLUS = "more values than columns"


def declared_services() -> pd.DataFrame:
    """Rows of `data/services.csv`: the service and whichever columns of table `services` the file has; empty without a file.

    Raises
    ------
    ValueError
        For an unknown column, a service twice, a number that is none or a role that does not exist; the message names the line.
    """
    path = session.root() / "data" / "services.csv"
    table = tables.TABLES["services"]
    if not path.is_file():
        return pd.DataFrame({"service": pd.Series(dtype="str")})
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey=_SURPLUS)
        names = list(reader.fieldnames or ["service"])
        rows = [(reader.line_num, row) for row in reader]
    for name in names:
        if name not in table.names:
            near = difflib.get_close_matches(str(name), table.names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"its columns are {', '.join(table.names)}"
            raise ValueError(f"data/services.csv: column '{name}' is unknown; {hint}")
    if "service" not in names:
        raise ValueError("data/services.csv has no column 'service'")
    checked: dict[str, dict[str, object]] = {}
    for line, row in rows:
        if _SURPLUS in row:
            raise ValueError(f"data/services.csv, line {line}: {len(names) + len(row[_SURPLUS])} values, but {len(names)} columns")
        service = (row["service"] or "").strip()
        if not service or service in checked:
            raise ValueError(f"data/services.csv, line {line}: service '{service}' is {'there twice' if service else 'empty'}")
        checked[service] = {name: _value(table.column(name), row[name], line) for name in names}
    return pd.DataFrame(list(checked.values()), columns=names)


def _value(column: tables.Column, text: str | None, line: int) -> object:
    text = (text or "").strip()
    where = f"data/services.csv, line {line}, column '{column.name}'"
    if not text:
        return None
    if column.choices and text not in column.choices:
        raise ValueError(f"{where}: '{text}' is none of {', '.join(column.choices)}")
    if column.kind != "float":
        return text
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(f"{where}: '{text}' is not a number") from error
    if not math.isfinite(number) or number <= 0:
        raise ValueError(f"{where}: {text} is not a positive number")
    if column.unit == "fraction" and not 0 < number < 1:
        raise ValueError(f"{where}: {text} is not between 0 and 1; objectives are fractions (99.9 % is 0.999)")
    return number
