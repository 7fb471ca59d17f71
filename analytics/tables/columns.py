"""What a column, a table and a stage are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Column", "Kind", "Stage", "Table"]

FORMAT_VERSION = 1

Kind = Literal["time", "text", "label", "float", "float32", "integer", "boolean", "texts"]
"""Column types: `label` is text that repeats (dictionary-coded), `texts` a list of text, `time` milliseconds in UTC."""


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means, its unit, whether it may be empty, which values it may have."""

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    optional: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: who writes it, what identifies a row, what a row is."""

    name: str
    producer: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    version: int = FORMAT_VERSION

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


@dataclass(frozen=True)
class Stage:
    """One stage of the chain: its number (that of its notebook), its question, the tables, panels and models (of stages) it reads."""

    name: str
    number: int | None
    title: str
    question: str
    reads: tuple[str, ...] = ()
    panels_read: tuple[str, ...] = ()
    panels_written: tuple[str, ...] = ()
    models_read: tuple[str, ...] = ()
