"""Rows of raw data as the bytes of a file, and back: small, lossless, the same bytes for the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics import tables
from analytics.store.files import open_parquet, parquet_bytes
from analytics.store.raw.rows import Run, runs_of

__all__ = ["TIMED", "decode", "decode_pieces", "described", "encode", "runs_in_file"]

RAW_FORMAT = 1
HUNDREDTHS = 100.0
TIMED = ("checks", "metrics")


def encode(rows: pa.Table, table: tables.Table) -> bytes:
    """Bytes of sorted rows: labels in the order of the alphabet, times as differences, latency in hundredths where that loses nothing."""
    rows = described(_alphabetical(rows, table), table)
    encodings = {"time": "DELTA_BINARY_PACKED"} if "time" in rows.column_names else {}
    for name in ("latency_ms", "value"):
        if name in rows.column_names:
            packed = _hundredths(rows.column(name)) if name == "latency_ms" else None
            encodings[name] = "BYTE_STREAM_SPLIT" if packed is None else "DELTA_BINARY_PACKED"
            if packed is not None:
                field = pa.field(name, pa.int32(), metadata={"per_ms": str(int(HUNDREDTHS))})
                rows = rows.set_column(rows.column_names.index(name), field, packed)
    labels = [column.name for column in table.columns if column.kind == "label"]
    return parquet_bytes(
        rows, row_group_size=1 << 20, use_dictionary=labels, column_encoding=encodings, write_statistics=["time"] if encodings else False
    )


def described(rows: pa.Table, table: tables.Table) -> pa.Table:
    """Sorted rows with what their file says of itself: kind, format, runs."""
    said = {"analytics_raw": table.name, "analytics_format": str(RAW_FORMAT)}
    if table.name in TIMED:
        said["runs"] = json.dumps([list(vars(run).values()) for run in runs_of(rows, table)], ensure_ascii=False)
    return rows.replace_schema_metadata(said)


def _alphabetical(rows: pa.Table, table: tables.Table) -> pa.Table:
    """Dictionaries with just the labels in use, sorted: the bytes must not depend on where the rows came from."""
    for position, column in enumerate(table.columns):
        if column.kind == "label":
            array = rows.column(column.name).combine_chunks()
            if isinstance(array, pa.ChunkedArray):
                array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
            renewed = _renewed(array)
            rows = rows.set_column(position, pa.field(column.name, renewed.type), renewed)
    return rows


def _renewed(array: pa.DictionaryArray) -> pa.DictionaryArray:
    if array.null_count == len(array):
        return pa.DictionaryArray.from_arrays(pa.nulls(len(array), pa.int32()), pa.array([], pa.string()))
    used = np.flatnonzero(np.bincount(array.indices.drop_null().to_numpy(), minlength=len(array.dictionary)))
    labels = np.array(array.dictionary.to_pylist(), dtype=object)[used]
    order = np.argsort(labels)
    if len(used) == len(array.dictionary) and (order == np.arange(len(used))).all():
        return array
    rank = np.zeros(len(array.dictionary), np.int32)
    rank[used[order]] = np.arange(len(used))
    return pa.DictionaryArray.from_arrays(pa.array(rank).take(array.indices), pa.array(labels[order].tolist(), pa.string()))


def _hundredths(latency: pa.ChunkedArray) -> pa.Array | None:
    """Latency as whole hundredths of a millisecond, or None if that would lose precision."""
    missing = latency.is_null().to_numpy() if latency.null_count else None
    values = latency.to_numpy()
    present = values if missing is None else np.where(missing, 0.0, values)
    whole = np.rint(present * HUNDREDTHS)
    if not (np.abs(whole) < 2**31).all() or (whole / HUNDREDTHS != present).any():
        return None
    return pa.array(whole.astype(np.int32), mask=missing)


def decode(path: Path, table: tables.Table, columns: list[str]) -> pa.Table:
    """Columns of a file in the types of their table.

    Raises
    ------
    ValueError
        If the file is half-written, foreign, of another kind or of a later format.
    """
    file = open_parquet(path)
    _checked_metadata(file, path, table)
    return _typed(file.read(columns=columns, use_threads=False).select(columns), table)


def decode_pieces(path: Path, table: tables.Table, columns: list[str], *, n_rows: int) -> Iterator[pa.Table]:
    """As `decode`, at most `n_rows` rows at a time; the file is opened, and refused, at once."""
    file = open_parquet(path)
    _checked_metadata(file, path, table)
    batches = file.iter_batches(batch_size=n_rows, columns=columns, use_threads=False)
    return (_typed(pa.Table.from_batches([batch]).select(columns), table) for batch in batches if len(batch))


def _typed(content: pa.Table, table: tables.Table) -> pa.Table:
    """Columns in the types of their table."""
    names = content.column_names
    if "latency_ms" in names and pa.types.is_integer(content.schema.field("latency_ms").type):
        latency = pc.divide(content.column("latency_ms").cast(pa.float64()), HUNDREDTHS)
        content = content.set_column(names.index("latency_ms"), pa.field("latency_ms", pa.float64()), latency)
    target = tables.schema(table)
    return content.cast(pa.schema([target.field(name) for name in names]))


def runs_in_file(path: Path, table: tables.Table) -> list[Run]:
    """Runs of the rows of a file, from its footer alone."""
    said = _checked_metadata(open_parquet(path), path, table)
    return [Run(tuple(keys), *rest) for keys, *rest in json.loads(said[b"runs"])]


def _checked_metadata(file: pq.ParquetFile, path: Path, table: tables.Table) -> dict[bytes, bytes]:
    """What a file says of itself, if it is one of this project's and this code can read it."""
    said: dict[bytes, bytes] = file.metadata.metadata or {}
    if said.get(b"analytics_raw") != table.name.encode():
        raise ValueError(f"{path} holds no raw {table.name} of this project; move it away and collect it through a source of kind 'files'")
    if int(said[b"analytics_format"]) > RAW_FORMAT:
        raise ValueError(f"{path} has format {int(said[b'analytics_format'])}, this code reads up to {RAW_FORMAT}; update the code")
    return said
