"""What every kind of source shares: the protocol, the batches it hands over, its errors and its refused rows."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from analytics import params, tables

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Batch", "Discovery", "Options", "Source", "SourceError", "checked_options", "did_you_mean", "labels", "no_rows", "refuse"]

ROW_LENGTH = 200
"""Characters of a refused row that are kept."""


class SourceError(ValueError):
    """A source cannot be read as configured; the message says what was expected, what came and what to do."""


class Options(BaseModel):
    """Options of one kind of source; unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Batch:
    """Rows of one raw kind in the schema of `tables.RAW`, and those refused on the way (schema of raw kind `quarantine`)."""

    kind: str
    rows: pa.Table
    rejected: pa.Table


@dataclass(frozen=True)
class Discovery:
    """What a source holds: sentences to print (mapping used, units converted), its first and last time in UTC where cheap to know."""

    says: list[str]
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None


class Source(Protocol):
    """One configured source. To add a kind, copy the smallest module of this package and name it in `KINDS`."""

    name: str
    late_s: int | None
    """Data may arrive this much later than their time, s; None: the source says by `state` what it has already handed over."""

    def discover(self) -> Discovery: ...

    def fetch(self, start: pd.Timestamp | None, end: pd.Timestamp) -> Iterator[Batch]:
        """Rows of [start, end) in UTC; start None: from the beginning."""
        ...

    def resume(self, state: dict[str, Any]) -> None:
        """Skip what `state`, as once returned by `state()`, says was handed over."""
        ...

    def state(self) -> dict[str, Any]:
        """What to remember for the next `resume`, once all that was fetched is stored."""
        ...

    def meaning(self) -> dict[str, Any]:
        """Options, as JSON has them, that decide what is read from a row: rows read with others would contradict those to come."""
        ...

    def was_rewritten(self, state: dict[str, Any]) -> bool:
        """Whether what `state` says was handed over is there no longer; data that have only grown are not rewritten."""
        ...


Model = TypeVar("Model", bound=Options)


def checked_options(model: type[Model], options: dict[str, Any], *, name: str) -> Model:
    """Options of a source as its model; a wrong name or value is an error that says what would be right."""
    given = {key: value for key, value in options.items() if key != "kind"}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise SourceError(params.explain(error, model, where=f"source '{name}'")) from None


def did_you_mean(wrong: str, known: Iterable[str], *, what: str = "known are") -> str:
    """The end of an error message: the nearest known name, or all of them."""
    names = list(known)
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(wrong.lower(), by_lower, n=1)
    return f"did you mean '{by_lower[near[0]]}'?" if near else f"{what} {', '.join(names)}"


def no_rows(kind: str) -> pa.Table:
    """An empty table of a raw kind."""
    return tables.schema(tables.RAW[kind]).empty_table()


def refuse(source: str, kind: str, refused: Sequence[tuple[str, str, str]]) -> pa.Table:
    """Refused rows, given as (place, reason, row as it came), in the schema of raw kind `quarantine`."""
    target = tables.schema(tables.RAW["quarantine"])
    if not refused:
        return target.empty_table()
    places, reasons, rows = zip(*refused, strict=True)
    n = len(refused)
    columns = [
        labels([source], [0] * n),
        labels([kind], [0] * n),
        pa.array(places),
        pa.array(reasons).dictionary_encode(),
        _shortened(rows),
    ]
    return pa.table(columns, schema=target)


def _shortened(rows: Sequence[str]) -> pa.Array:
    return pa.array([row if len(row) <= ROW_LENGTH else row[: ROW_LENGTH - 1] + "…" for row in rows], pa.string())


def labels(names: Sequence[str | None], codes: Any) -> pa.DictionaryArray:
    """A label column from its names and one code per row."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(list(names), pa.string()))


Progress = Callable[[str], None]
"""Called with a sentence about how far a fetch is."""


def silent(_: str) -> None:
    """Progress that nobody watches."""


def inside(root: Path, path: str) -> Path:
    """A configured path; a relative one starts at the root of the project."""
    given = Path(path).expanduser()
    return given if given.is_absolute() else root / given
