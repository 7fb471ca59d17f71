"""A frame against the table it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.tables.columns import Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["picked", "schema", "schema_type", "validate"]


def picked(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The columns of a table from a frame that has more, with its types of time, rows numbered from 0."""
    import pandas as pd

    times = {column.name: "datetime64[ms, UTC]" for column in table.columns if column.kind == "time"}
    mine = frame[table.names].reset_index(drop=True)
    return mine.assign(**{name: pd.to_datetime(mine[name], utc=True).astype(kind) for name, kind in times.items()})


def schema(table: Table) -> pa.Schema:
    """Arrow schema of a table as it is stored."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "time": pa.timestamp("ms", tz="UTC"),
        "text": pa.string(),
        "label": pa.dictionary(pa.int32(), pa.string()),
        "float": pa.float64(),
        "float32": pa.float32(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "texts": pa.list_(pa.string()),
    }
    return pa.schema([pa.field(column.name, types[column.kind], nullable=True) for column in table.columns])


def validate(frame: pd.DataFrame, table: Table) -> pa.Table:
    """Frame as an Arrow table in the order, types and units of `table`, sorted by its key.

    Raises
    ------
    ValueError
        For missing, unknown or wrongly typed columns, empty values where none may be, values outside `choices` and repeated
        keys; the message names the table, the column, the first bad value and what would be right.
    """
    import pandas as pd
    import pyarrow as pa

    missing = [name for name in table.names if name not in frame.columns]
    unknown = [str(name) for name in frame.columns if name not in table.names]
    if missing or unknown:
        said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has unknown {', '.join(unknown)}"] * bool(unknown)
        raise ValueError(f"table '{table.name}' {' and '.join(said)}; its columns are {', '.join(table.names)}")
    # Categories sort in an order of their own, and rows without a key have none: both must not reach the bytes.
    plain = {name: "object" for name in table.names if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    ordered = frame[table.names].reset_index(drop=True).astype(plain)
    if len(ordered):
        for column in table.columns:
            _check_text(ordered[column.name], column, table.name)
        ordered = ordered.sort_values(list(table.key or table.names), kind="stable", na_position="first")
    arrays = [_column_array(ordered[column.name], column, table.name) for column in table.columns]
    result = pa.Table.from_arrays(arrays, schema=schema(table))
    _check_key(ordered, table)
    return result


def _check_text(values: pd.Series, column: Column, table: str) -> None:
    if column.kind not in ("text", "label"):
        return
    wrong = [value for value in values.dropna().unique() if not isinstance(value, str)]
    if wrong:
        raise ValueError(f"table '{table}', column '{column.name}': expected text, got {wrong[0]!r} ({type(wrong[0]).__name__})")


def _column_array(values: pd.Series, column: Column, table: str) -> pa.Array:
    import pandas as pd
    import pyarrow as pa

    where = f"table '{table}', column '{column.name}'"
    empty = values.isna()
    if empty.any() and not column.optional and column.kind not in ("float", "float32"):
        raise ValueError(f"{where}: {int(empty.sum())} of {len(values)} values are empty, first in row {int(values.index[empty].min())}")
    if column.kind == "time" and len(values):
        if not isinstance(values.dtype, pd.DatetimeTZDtype):
            raise ValueError(f"{where}: times need a zone (datetime64[ms, UTC]), got {values.dtype}")
        values = values.dt.tz_convert("UTC").astype("datetime64[ms, UTC]")
    if column.choices and len(values):
        wrong = values[~empty & ~values.isin(column.choices)]
        if len(wrong):
            raise ValueError(f"{where}: '{wrong.iloc[0]}' is none of {', '.join(column.choices)}")
    target = schema_type(column)
    try:
        if column.kind == "label":
            # Categories in the order of the alphabet: the bytes must not depend on which value came first.
            return pa.array(pd.Categorical(values.astype("object"), categories=sorted(values.dropna().astype(str).unique()))).cast(target)
        return pa.array(values.astype("object") if column.kind in ("text", "texts") else values, from_pandas=True).cast(target)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{where}: expected {column.kind}, got {values.dtype} ({error})") from error


def schema_type(column: Column) -> pa.DataType:
    """Arrow type of a column."""
    return schema(Table("", "", "", (), (column,))).field(0).type


def _check_key(ordered: pd.DataFrame, table: Table) -> None:
    if not table.key:
        return
    repeated = ordered.duplicated(list(table.key))
    if repeated.any():
        first = ordered.loc[repeated, list(table.key)].iloc[0].to_dict()
        raise ValueError(f"table '{table.name}': {int(repeated.sum())} repeated keys ({', '.join(table.key)}), first {first}")
