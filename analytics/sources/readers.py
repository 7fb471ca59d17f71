"""Foreign files as blocks of rows, all values as they came: CSV and TSV, JSON lines, Parquet, plain or gzipped.

Memory does not depend on the size of a file. A broken row costs that row, a broken file is an error that names it. Text that has only
grown since it was read goes on where it ended.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from analytics.sources.base import SourceError

__all__ = ["Block", "Position", "begins_as", "read_blocks"]

# Larger blocks are given back to the system after each use: half the time would go into getting them again.
BLOCK_BYTES = 1 << 22
HEADER_BYTES = 1 << 16
MAX_ROW_BYTES = 1 << 26
PARQUET_ROWS = 1 << 18
BOM = b"\xef\xbb\xbf"
DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Position:
    """The end of a whole row in a text: bytes, lines and rows before it, and a hash of these bytes, by which they are known again."""

    offset: int
    lines: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a file.

    Attributes
    ----------
    place : says where a row stands
    broken : rows that are no rows, as (place, reason, text)
    until : where a reader may go on once the file has grown; None: not known
    """

    table: pa.Table
    place: Callable[[int], str]
    broken: list[tuple[str, str, str]] = field(default_factory=list)
    until: Position | None = None


def read_blocks(path: Path, *, encoding: str = "utf-8", delimiter: str | None = None, since: Position | None = None) -> Iterator[Block]:
    """Blocks of one file; its format is told by its name, and its first bytes must agree.

    Text that begins with the very bytes before `since` is read from there on, any other file from its beginning.

    Raises
    ------
    SourceError
        If the file is empty, cut off, of another format than its name says, or not in `encoding`.
    """
    name = path.name.lower().removesuffix(".gz")
    head = _head(path)
    if head.startswith(b"PAR1") != name.endswith((".parquet", ".pq")):
        kind = "a Parquet file; name it .parquet" if head.startswith(b"PAR1") else "no Parquet file; it was cut off or is something else"
        raise SourceError(f"{path}: {'is ' + kind if head else 'is empty; expected a Parquet file'}")
    if head.startswith(b"PAR1"):
        return _parquet_blocks(path)
    if not head.strip():
        raise SourceError(f"{path}: is empty; expected a header and rows")
    _refuse_foreign(head, path)
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return _json_blocks(_Text(path, encoding, since, quotes=False))
    return _csv_blocks(_Text(path, encoding, since, quotes=True), head[: head.rfind(b"\n") + 1], delimiter or _delimiter(head, name))


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _head(path: Path) -> bytes:
    with _open(path) as file:
        return _read(file, HEADER_BYTES, path)


def _read(file: IO[bytes], size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path}: is cut off or no gzip file ({error}); fetch it again") from error


def _refuse_foreign(head: bytes, path: Path) -> None:
    start = head.removeprefix(BOM).lstrip()[:200].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise SourceError(f"{path}: is a web page or XML, not a table; was it saved from a login page?")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:1000]:
        raise SourceError(f"{path}: is not UTF-8 text (UTF-16 or binary); save it as UTF-8, or as CSV if it is a spreadsheet")


def _delimiter(head: bytes, name: str) -> str:
    if name.endswith(".tsv"):
        return "\t"
    first = head.removeprefix(BOM).split(b"\n", 1)[0].decode("utf-8", "replace")
    return max(DELIMITERS, key=first.count)


def begins_as(path: Path, since: Position) -> bool:
    """Whether a text begins with the very bytes before `since`."""
    return bool(_hash_of_start(path, since).hexdigest() == since.sha256)


def _hash_of_start(path: Path, since: Position) -> Any:
    total, left = hashlib.sha256(), since.offset
    with _open(path) as file:
        while left and (piece := _read(file, min(BLOCK_BYTES, left), path)):
            total.update(piece)
            left -= len(piece)
    return total


class _Text:
    """A text file in pieces that end with a whole row; with `quotes`, a row may hold line ends. `start` is where the first piece begins."""

    def __init__(self, path: Path, encoding: str, since: Position | None, *, quotes: bool) -> None:
        self.path, self.encoding, self._quotes = path, encoding, quotes
        self.start, self._total = None, hashlib.sha256()
        if since is not None and (total := _hash_of_start(path, since)).hexdigest() == since.sha256:
            self.start, self._total = since, total
        self._offset, self._lines = (self.start.offset, self.start.lines) if self.start else (0, 0)

    def position(self, rows: int) -> Position:
        """The end of the last piece of whole rows, of which there were so many from the beginning."""
        return Position(self._offset, self._lines, rows, self._total.hexdigest())

    def pieces(self) -> Iterator[tuple[bytes, int, bool]]:
        """UTF-8 text, the number of lines before it, and whether its last row has ended: what has not may still be written on."""
        rest = b""
        with _open(self.path) as file:
            file.seek(self._offset)
            while piece := _read(file, BLOCK_BYTES, self.path):
                rest += piece
                cut = _last_row_end(rest) if self._quotes else rest.rfind(b"\n") + 1
                if not cut and len(rest) > MAX_ROW_BYTES:
                    raise SourceError(
                        f"{self.path}: after line {self._lines} a row does not end within {MAX_ROW_BYTES >> 20} MB; "
                        'is a quote (") not closed?'
                    )
                if cut:
                    whole, rest = rest[:cut], rest[cut:]
                    before = self._lines
                    self._total.update(whole)
                    self._offset += len(whole)
                    self._lines += _count(whole, b"\n")
                    yield _as_utf8(whole, self.encoding, self.path, before), before, True
        if rest:
            yield _as_utf8(rest, self.encoding, self.path, self._lines), self._lines, False


def _last_row_end(text: bytes) -> int:
    """Position after the last line end that is not inside quotes; a piece begins outside quotes, so their number must be even."""
    cut = text.rfind(b"\n") + 1
    is_open = b'"' in text and _count(text[:cut], b'"') % 2 == 1
    while cut and is_open:
        previous = text.rfind(b"\n", 0, cut - 1) + 1
        is_open = (text.count(b'"', previous, cut) % 2 == 1) != is_open
        cut = previous
    return cut


def _count(text: bytes, character: bytes) -> int:
    """How often a character occurs; bytes.count is slow where it is frequent."""
    import numpy as np

    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == character[0])) if character in text else 0


def _as_utf8(text: bytes, encoding: str, path: Path, lines_before: int) -> bytes:
    if encoding.lower() in ("utf-8", "utf8") and text.isascii():
        return text
    try:
        return text.decode(encoding).encode()
    except UnicodeDecodeError as error:
        line = lines_before + text.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path}:{line}: byte 0x{text[error.start]:02x} is not {encoding}; "
            "save the file as UTF-8 or say how it is written, for example `encoding: windows-1252`"
        ) from error
    except LookupError as error:
        raise SourceError(f"{path}: encoding '{encoding}' is unknown; examples are utf-8, windows-1252, latin-1") from error


def _csv_blocks(file: _Text, head: bytes, delimiter: str) -> Iterator[Block]:
    until = file.start
    rows_before = until.rows if until else 0
    columns = _header(_as_utf8(head, file.encoding, file.path, 0).removeprefix(BOM), delimiter, file.path)[0] if until else []
    for text, lines_before, is_whole in file.pieces():
        body = text
        skipped = 0
        if not columns:
            body = body.removeprefix(BOM)
            columns, body, skipped = _header(body, delimiter, file.path)
        block = _csv_block(body, columns, delimiter, file.path, lines_before + skipped, rows_before)
        rows_before += block.table.num_rows + len(block.broken)
        until = file.position(rows_before) if is_whole else until
        yield replace(block, until=until)


def _header(text: bytes, delimiter: str, path: Path) -> tuple[list[str], bytes, int]:
    """Column names, the text below them, and the number of lines above it."""
    skipped = 0
    while text:
        line, end, below = text.partition(b"\n" if b"\n" in text else b"\r")
        skipped += bool(end)
        if line.strip():
            columns = [name.strip() for name in next(csv.reader([line.decode().rstrip("\r")], delimiter=delimiter))]
            return columns, below, skipped
        text = below
    raise SourceError(f"{path}: is empty; expected a header and rows")


def _csv_block(body: bytes, columns: Sequence[str], delimiter: str, path: Path, lines_before: int, rows_before: int) -> Block:
    import pyarrow.csv as pc

    # Positions as names: names may repeat.
    names = [str(position) for position in range(len(columns))]
    wrong: list[tuple[int, str, str]] = []

    def refuse_row(row: Any) -> str:
        wrong.append((row.number - 1, f"has {row.actual_columns} columns instead of {row.expected_columns}", row.text))
        return "skip"

    if not body or body.isspace():
        return Block(pa.table([pa.array([], pa.string())] * len(columns), names=list(columns)), lambda row: f"{path.name}: row {row}")
    # One chunk: the number of a broken row counts from the start of the text only within a chunk.
    read = pc.ReadOptions(use_threads=False, column_names=names, block_size=max(len(body) + 1, 1 << 16))
    parse = pc.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in body, invalid_row_handler=refuse_row)
    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        check_utf8=False,
        quoted_strings_can_be_null=True,
    )
    try:
        table = pc.read_csv(pa.BufferReader(body), read_options=read, parse_options=parse, convert_options=convert)
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"{path}: after line {lines_before}: {error}; is it a table separated by '{delimiter}'? Otherwise say `delimiter:`"
        ) from error
    place = _Places(path, body, len(table), [number for number, _, _ in wrong], lines_before, rows_before)
    broken = [(place.of_row(number), reason, text) for number, reason, text in wrong]
    return Block(table.rename_columns(list(columns)), place, broken)


class _Places:
    """Where the n-th kept row of a block stands: file:line where each row is one line, else file: row. Lines are counted when asked for."""

    def __init__(self, path: Path, body: bytes, n_kept: int, skipped: list[int], lines_before: int, rows_before: int) -> None:
        self._name, self._body, self._n_rows = path.name, body, n_kept + len(skipped)
        self._skipped, self._lines_before, self._rows_before = skipped, lines_before, rows_before

    def __call__(self, kept: int) -> str:
        number = kept
        for gap in self._skipped:
            number += gap <= number
        return self.of_row(number)

    def of_row(self, number: int) -> str:
        """Where the n-th row stands, skipped ones counted."""
        if self._has_a_line_per_row:
            return f"{self._name}:{self._lines_before + number + 1}"
        return f"{self._name}: row {self._rows_before + number + 1}"

    @cached_property
    def _has_a_line_per_row(self) -> bool:
        return _count(self._body, b"\n") + (not self._body.endswith(b"\n")) == self._n_rows


def _json_blocks(file: _Text) -> Iterator[Block]:
    until = file.start
    for text, lines_before, is_whole in file.pieces():
        if lines_before == 0 and text.lstrip()[:1] == b"[":
            raise SourceError(f"{file.path}: is one JSON list; expected JSON lines (one object a line): convert it with `jq -c '.[]'`")
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        broken: list[tuple[str, str, str]] = []
        for number, line in enumerate(text.removeprefix(BOM).splitlines(), start=lines_before + 1):
            if line.strip():
                record = _json_record(line)
                if isinstance(record, str):
                    broken.append((f"{file.path.name}:{number}", record, line.decode()))
                else:
                    records.append(record)
                    lines.append(number)
        columns = sorted({name for record in records for name in record}, key=str)
        table = pa.table({name: pa.array([_as_text(record.get(name)) for record in records], pa.string()) for name in columns})
        until = file.position(0) if is_whole else until
        yield Block(table, lambda row, lines=lines: f"{file.path.name}:{lines[row]}", broken, until)  # type: ignore[misc]


def _json_record(line: bytes) -> dict[str, Any] | str:
    """The object of a line, or why it is none that can be read."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        return f"is no JSON ({error.msg} at {error.pos})"
    except RecursionError:
        return "is nested too deeply"
    except ValueError:
        return "holds a number of too many digits"
    if b"\\ud" in line.lower() and not _is_text(record):
        return "holds half of a surrogate pair, which is no character"
    return record if isinstance(record, dict) else f"is {type(record).__name__} instead of an object"


def _is_text(record: Any) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, bool) else str(value).lower()


def _parquet_blocks(path: Path) -> Iterator[Block]:
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise SourceError(f"{path}: is not a whole Parquet file ({error}); was it cut off while copying?") from error
    rows_before = 0
    for group in range(max(1, file.num_row_groups)):
        try:
            batches = list(file.iter_batches(PARQUET_ROWS, row_groups=[group])) if file.num_row_groups else []
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(f"{path}: row group {group} cannot be read ({error}); the file is damaged") from error
        if not batches:
            yield Block(_with_text(file.schema_arrow.empty_table(), path), lambda row: f"{path.name}: row {row + 1}")
        for batch in batches:
            table = _with_text(pa.table(batch), path)
            yield Block(table, lambda row, base=rows_before: f"{path.name}: row {base + row + 1}")  # type: ignore[misc]
            rows_before += batch.num_rows


def _with_text(table: pa.Table, path: Path) -> pa.Table:
    """Columns of bytes as text: some writers do not say that a column is text."""
    for position, column in enumerate(table.itercolumns()):
        name, kind = table.column_names[position], column.type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            try:
                table = table.set_column(position, name, column.cast(pa.string()))
            except pa.ArrowInvalid:
                raise SourceError(
                    f"{path}: column '{name}' holds bytes that are no UTF-8 text; write it as text, or leave it out"
                ) from None
    return table
