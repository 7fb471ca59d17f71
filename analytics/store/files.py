"""Bytes on disk: whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["digest", "open_parquet", "parquet_bytes", "write_atomically"]


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name beside `path` and rename: a reader sees the old content or the new, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def digest(*contents: bytes | memoryview | str | Path) -> str:
    """Hash (blake2b, 32 hexadecimal digits) of bytes, text or the contents of files."""
    total = hashlib.blake2b(digest_size=16)
    for content in contents:
        if isinstance(content, Path):
            with content.open("rb") as file:
                while piece := file.read(1 << 20):
                    total.update(piece)
        else:
            total.update(content.encode() if isinstance(content, str) else content)
        total.update(b"\0")
    return total.hexdigest()


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    """Parquet file of a table, the same bytes for the same content; metadata of its schema become those of the file."""
    sink = pa.BufferOutputStream()
    described = table.schema.metadata or {}
    # Metadata left in the schema would be stored twice: as they are, and once more inside Arrow's own encoded schema.
    plain = table.replace_schema_metadata(None)
    row_group_size = options.pop("row_group_size", None)
    with pq.ParquetWriter(sink, plain.schema, compression="zstd", compression_level=3, **options) as writer:
        writer.write_table(plain, row_group_size=row_group_size)
        writer.add_key_value_metadata(described)
    return sink.getvalue().to_pybytes()


def open_parquet(path: Path) -> pq.ParquetFile:
    """Parquet file at `path`; a foreign or half-written one is an error that names it."""
    try:
        return pq.ParquetFile(path, memory_map=True)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"{path} is not a whole Parquet file ({error}); restore it with `dvc checkout`, or delete it and run what writes it again"
        ) from error
