"""Kind `events`: events, dependencies, services or regions from CSV, YAML or JSON: small tables that people write."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import yaml
from pydantic import Field

from analytics import tables
from analytics.sources.base import Batch, Discovery, Options, SourceError, checked_options, did_you_mean, inside, refuse
from analytics.sources.times import MISSING, parse_times, recognise

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Events", "EventsOptions"]

NAMES = {
    "event": "kind", "type": "kind", "from": "start", "begin": "start", "time": "start", "timestamp": "start", "to": "end", "until": "end",
    "name": "title", "description": "title", "target": "service", "id": "event_id",
}  # fmt: skip
EDGE_NAMES = {
    "source": "caller",
    "from": "caller",
    "parent": "caller",
    "client": "caller",
    "to": "callee",
    "target": "callee",
    "child": "callee",
    "server": "callee",
}
DEFAULTS = {"dependencies": {"origin": "declared"}, "services": {"role": "service"}}


class EventsOptions(Options):
    """Options of kind `events`."""

    path: str = Field(description="CSV, YAML or JSON file; relative to the project")
    holds: Literal["events", "dependencies", "services", "regions"] = Field("events", description="what a row is")
    timezone: str | None = Field(None, description="IANA zone of times that are written without one")


class Events:
    """A small table that people write; read whole each time it is collected, and replaced as a whole."""

    late_s = None

    def __init__(self, name: str, options: dict[str, Any], *, root: Path) -> None:
        self.name = name
        self.options = checked_options(EventsOptions, options, name=name)
        self._path = inside(root, self.options.path)
        self._table = tables.RAW[self.options.holds]

    def resume(self, state: dict[str, Any]) -> None:
        """Nothing to skip: the table is small."""

    def state(self) -> dict[str, Any]:
        return {}

    def meaning(self) -> dict[str, Any]:
        return {}

    def was_rewritten(self, state: dict[str, Any]) -> bool:
        return False

    def discover(self) -> Discovery:
        return Discovery([f"{self.options.holds}: {len(self._records())} rows in {self.options.path}"])

    def fetch(self, start: pd.Timestamp | None, end: pd.Timestamp) -> Iterator[Batch]:
        kept: list[dict[str, Any]] = []
        refused: list[tuple[str, str, str]] = []
        seen: dict[tuple[Any, ...], str] = {}
        for place, record in self._timed(self._records()):
            reason = record.pop("", None) or self._wrong(record)
            key = tuple(record.get(name) for name in self._table.key)
            if not reason and key in seen:
                reason = f"repeats {', '.join(self._table.key)} of {seen[key]}: the first is kept"
            if reason:
                refused.append((place, reason, json.dumps(record, default=str, ensure_ascii=False)))
            else:
                seen[key] = place
                kept.append(record)
        schema = tables.schema(self._table)
        columns = [pa.array([record.get(field.name) for record in kept], _plain(field.type)).cast(field.type) for field in schema]
        yield Batch(self.options.holds, pa.table(columns, schema=schema), refuse(self.name, self.options.holds, refused))

    def _records(self) -> list[tuple[str, dict[str, Any]]]:
        """Rows with their places, columns named as ours."""
        if not self._path.is_file():
            raise SourceError(f"source '{self.name}': there is no file {self._path}")
        try:
            text = self._path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise SourceError(f"{self._path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
        is_csv = self._path.suffix.lower() in (".csv", ".tsv", ".txt")
        rows = self._csv_rows(text) if is_csv else self._yaml_rows(text)
        return [(place, self._renamed(place, row)) for place, row in rows]

    def _csv_rows(self, text: str) -> list[tuple[str, dict[str, Any]]]:
        reader = csv.DictReader(io.StringIO(text), delimiter="\t" if self._path.suffix.lower() == ".tsv" else ",", restkey="", restval=None)
        rows = [(f"{self._path.name}:{reader.line_num}", {str(name).strip(): value for name, value in row.items()}) for row in reader]
        for place, row in rows:
            if row.pop("", None) is not None:
                raise SourceError(f"{place}: has more columns than the header; quote values that hold commas")
        return rows

    def _yaml_rows(self, text: str) -> list[tuple[str, dict[str, Any]]]:
        """A list of rows, alone or under the name of the table; dependencies also as `caller: [callee, ...]`."""
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SourceError(f"{self._path}: is no YAML or JSON: {error}") from error
        if isinstance(content, dict):
            content = content.get(self.options.holds, content)
        if isinstance(content, dict) and self.options.holds == "dependencies":
            content = [{"caller": caller, "callee": callee} for caller, callees in content.items() for callee in (callees or [])]
        if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
            raise SourceError(
                f"{self._path}: expected a list of {self.options.holds}, "
                f"each with {', '.join(self._required())}; got {type(content).__name__}"
            )
        return [(f"{self._path.name}: {self._table.name}[{number}]", dict(row)) for number, row in enumerate(content, start=1)]

    def _required(self) -> list[str]:
        made = {"event_id", *DEFAULTS.get(self.options.holds, {})}
        return [column.name for column in self._table.columns if not column.optional and column.name not in made]

    def _renamed(self, place: str, row: dict[str, Any]) -> dict[str, Any]:
        others = NAMES if self.options.holds == "events" else EDGE_NAMES if self.options.holds == "dependencies" else {}
        renamed: dict[str, Any] = {}
        for name, value in row.items():
            plain = name.strip().lower()
            known = (
                plain
                if plain in self._table.names and not (self.options.holds == "dependencies" and plain == "source")
                else others.get(plain)
            )
            if known is None:
                raise SourceError(f"{place}: column '{name}' is unknown; {did_you_mean(plain, self._table.names)}")
            if value not in (None, "") and known not in renamed:
                renamed[known] = value.strip() if isinstance(value, str) else value
        return {**DEFAULTS.get(self.options.holds, {}), **renamed}

    def _timed(self, rows: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
        """Rows with their times in ms UTC; the reason for refusing a row stands under the empty name."""
        import numpy as np

        for column in self._table.columns:
            if column.kind != "time" or not any(column.name in row for _, row in rows):
                continue
            texts = pa.chunked_array([pa.array([_text(row.get(column.name)) for _, row in rows], pa.string())])
            form = recognise(texts.drop_null(), timezone=self.options.timezone, format=None, where=f"{self._path.name}, {column.name}")
            times = parse_times(texts, form, np.arange(len(rows)))
            for number, (_, row) in enumerate(rows):
                if times.ms[number] != MISSING:
                    row[column.name] = int(times.ms[number])
                elif column.name in row:
                    row[""] = times.bad[number]
        return rows

    def _wrong(self, row: dict[str, Any]) -> str:
        """Why a row cannot be used; empty if it can. Makes the id of an event that has none."""
        missing = [name for name in self._required() if name not in row]
        if missing:
            return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        for column in self._table.columns:
            value = row.get(column.name)
            if value is None:
                continue
            if column.choices and value not in column.choices:
                return f"{column.name} '{value}' is unknown; {did_you_mean(str(value), column.choices)}"
            if column.kind == "float":
                try:
                    row[column.name] = float(value)
                except (TypeError, ValueError):
                    return f"{column.name} '{value}' is no number"
            elif column.kind in ("text", "label"):
                row[column.name] = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        if row.get("end") is not None and row["end"] < row["start"]:
            return "end lies before start"
        if self.options.holds == "events":
            row.setdefault("source", self.name)
            row.setdefault("event_id", _event_id(row))
        return ""


def _event_id(row: dict[str, Any]) -> str:
    """The same event has the same id, however often and in whatever order it is read; its end may become known later."""
    said = "\0".join(str(row.get(name, "")) for name in ("kind", "start", "service", "region", "title"))
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def _text(value: Any) -> str | None:
    return None if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return pa.string()
    return pa.int64() if pa.types.is_timestamp(kind) else kind
