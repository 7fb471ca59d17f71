"""Bytes on disk: whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["DiskFull", "digest", "naming_full_disk", "open_parquet", "parquet_bytes", "write_atomically"]


class DiskFull(OSError):
    """There is no room for a file; the message names it and says what to do."""


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """While `path` is written: a full disk, of which the system says no more than that, becomes an error that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        usage = shutil.disk_usage(next(folder for folder in path.parents if folder.exists()))
        raise DiskFull(
            f"{path}: no space left on its disk ({usage.free / 2**20:,.0f} of {usage.total / 2**20:,.0f} MB free, or a quota is used up)\n"
            "make room (data/memo may always be deleted) or move to a larger disk, then run it again; what was stored and published "
            "before is whole"
        ) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name beside `path` and rename: a reader sees the old content or the new, never half of it."""
    with naming_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with naming_full_disk(path), temporary.open("wb") as file:
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
