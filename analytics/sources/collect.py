"""Ask a source for what is new and store it: whole or not at all, once however often it is asked.

A fetch is first written to a temporary folder and counted. Only when few enough rows were refused does it go to the store; only
when it is stored does the cursor move. A run killed at any point is repeated by the next one, which stores what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics import params, session, store, tables
from analytics.sources import open_source
from analytics.sources.base import Batch, Progress, Source, SourceError, silent
from analytics.sources.refused import Reason, Refused, read_parts, write_part

__all__ = ["Collected", "collect", "record"]

DAY_MS = 86_400_000
REASONS_SHOWN = 5
REPLACED = ("services", "regions", "events", "dependencies")


@dataclass(frozen=True)
class Collected:
    """What one run of `collect` brought."""

    source: str
    says: list[str]
    n_new: dict[str, int]
    n_repeated: int
    refused: list[Reason]
    n_series: int
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    n_days_compacted: int

    @property
    def n_refused(self) -> int:
        return sum(reason.n for reason in self.refused)

    @property
    def sentences(self) -> list[str]:
        """How it was read, what came, what was refused and why, for the command line."""
        shown = [f"  {reason.sentence}" for reason in self.refused[:REASONS_SHOWN]]
        n_more = len(self.refused) - len(shown)
        return [*self.says, self.sentence, *shown, *[f"  and {n_more} more reasons; the page on data quality has all"] * (n_more > 0)]

    @property
    def sentence(self) -> str:
        """What was collected, in short."""
        new = [f"{n:,} new {kind if n > 1 else _singular(kind)}" for kind, n in self.n_new.items() if n]
        if not new:
            text = f"{self.source}: nothing new"
        else:
            span = f", {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}" if self.first is not None and self.last is not None else ""
            text = f"{self.source}: {' and '.join(new)}{f' of {self.n_series:,} series' if self.n_series else ''}{span}"
        return text + (f"; {self.n_refused:,} row{'s' * (self.n_refused > 1)} refused" if self.n_refused else "")


def _singular(kind: str) -> str:
    return "dependency" if kind == "dependencies" else kind.removesuffix("s")


@dataclass
class _Fetched:
    """A fetch in its temporary folder, with what must be known of it before it is stored."""

    folder: Path
    n: dict[str, int] = field(default_factory=dict)
    parts: dict[str, list[Path]] = field(default_factory=dict)
    refused: Refused = field(init=False)
    series: set[tuple[Any, ...]] = field(default_factory=set)
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        self.refused = Refused(self.folder)


def collect(
    name: str,
    options: dict[str, Any],
    *,
    root: Path,
    now: pd.Timestamp,
    start: pd.Timestamp | None = None,
    progress: Progress = silent,
    ingest: params.Ingest | None = None,
) -> Collected:
    """Fetch what a source has since the last time and append it to `data/raw/<name>`.

    Parameters
    ----------
    name, options : as in params.yaml
    root : of the project; must be the one `store.root()` finds
    now : moment of the collection, UTC; later times are refused beyond `ingest.max_future_s`
    start : fetch from here instead of from the cursor
    progress : called with a sentence from time to time
    ingest : limits; those of the project's params.yaml unless given

    Raises
    ------
    SourceError
        If the source cannot be read, another process is collecting it, or too many rows are refused; nothing is stored then.
    """
    limits = ingest or params.load(store.root() / "params.yaml").ingest
    source = open_source(name, options, root=root)
    with _only_one(name), session.staging_folder(store.root(), f"collect-{name}") as folder:
        cursor = store.cursor(name)
        if start is None:
            source.resume(cursor.get("state", {}))
            start = _resume_at(cursor, source.late_s)
        discovery = source.discover()
        fetched = _fetch(source, start, now + pd.Timedelta(seconds=limits.max_future_s), folder, progress)
        _refuse_if_too_many(name, fetched, limits.max_rejected_share)
        collected = _store(name, fetched, discovery.says, before=now)
        newest = max((time for time in (_last(cursor), fetched.last) if time is not None), default=None)
        moved = {"last": None if newest is None else newest.isoformat(), "state": source.state()}
        if moved != cursor:
            store.set_cursor(name, moved)
    return collected


def record(source: str, *, root: Path) -> bool:
    """Record `data/raw/<source>` with DVC, so that the commit of today brings back the data of today; False without DVC."""
    if not (root / ".dvc").is_dir() or not (root / "data" / "raw" / source).is_dir():
        return False
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        # What to do with git is said once, by the command line.
        repo.scm_context.quiet = True
        repo.add([str(root / "data" / "raw" / source)])
    return True


@contextmanager
def _only_one(name: str) -> Iterator[None]:
    import filelock

    folder = store.root() / "data" / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"collect-{name}.pid"
    try:
        with filelock.FileLock(folder / f"collect-{name}.lock", timeout=0):
            holder.write_text(str(os.getpid()), encoding="utf-8")
            yield
    except filelock.Timeout:
        who = f" (process {holder.read_text(encoding='utf-8')})" if holder.is_file() else ""
        raise SourceError(f"source '{name}' is being collected by another process{who}; wait until it has finished, or end it") from None


def _last(cursor: dict[str, Any]) -> pd.Timestamp | None:
    return pd.Timestamp(cursor["last"]) if cursor.get("last") else None


def _resume_at(cursor: dict[str, Any], late_s: int | None) -> pd.Timestamp | None:
    last = _last(cursor)
    return None if last is None or late_s is None else last - pd.Timedelta(seconds=late_s)


def _fetch(source: Source, start: pd.Timestamp | None, end: pd.Timestamp, folder: Path, progress: Progress) -> _Fetched:
    fetched = _Fetched(folder)
    if hasattr(source, "progress"):
        source.progress = progress
    for number, batch in enumerate(source.fetch(start, end)):
        _keep(fetched, batch, number)
        if number % 50 == 49:
            progress(f"{source.name}: {sum(fetched.n.values()):,} rows read")
    return fetched


def _keep(fetched: _Fetched, batch: Batch, number: int) -> None:
    """Write a batch to the temporary folder; memory holds only counts."""
    fetched.n[batch.kind] = fetched.n.get(batch.kind, 0) + len(batch.rows)
    fetched.refused.add(batch.rejected)
    if not len(batch.rows):
        return
    path = fetched.folder / f"{number:06d}.arrow"
    write_part(path, batch.rows)
    fetched.parts.setdefault(batch.kind, []).append(path)
    key = [column for column in tables.RAW[batch.kind].key if column != "time"]
    if "time" not in tables.RAW[batch.kind].key:
        return
    fetched.series |= _distinct(batch.rows.select(key))
    limits = pc.min_max(batch.rows.column("time"))
    low, high = (pd.Timestamp(limits[end].as_py()) for end in ("min", "max"))
    fetched.first = low if fetched.first is None else min(low, fetched.first)
    fetched.last = high if fetched.last is None else max(high, fetched.last)


def _distinct(keys: pa.Table) -> set[tuple[Any, ...]]:
    """Distinct keys of a batch, by codes: most batches hold few series and many rows."""
    packed = np.zeros(len(keys), np.int64)
    arrays = [keys.column(name).unify_dictionaries().combine_chunks() for name in keys.column_names]
    arrays = [array.chunk(0) if isinstance(array, pa.ChunkedArray) else array for array in arrays]
    for array in arrays:
        packed = packed * (len(array.dictionary) + 1) + array.indices.to_numpy(zero_copy_only=False)
    is_one = (packed[1:] == packed[:-1]).all()
    first = np.array([0]) if is_one else np.unique(packed, return_index=True)[1]
    return {tuple(row.values()) for row in keys.take(pa.array(first)).to_pylist()}


def _refuse_if_too_many(name: str, fetched: _Fetched, max_share: float) -> None:
    n_refused = fetched.refused.n
    total = sum(fetched.n.values()) + n_refused
    if n_refused <= max_share * total:
        return
    rows = fetched.refused.first
    shown = "\n".join(f"  {row['place']}: {row['reason']}: {row['row']}" for row in rows)
    raise SourceError(
        f"source '{name}': {n_refused:,} of {total:,} rows were refused, "
        f"more than the {max_share:.0%} that ingest.max_rejected_share allows; "
        f"nothing was stored. The first {len(rows)}:\n{shown}"
    )


def _store(name: str, fetched: _Fetched, says: list[str], *, before: pd.Timestamp) -> Collected:
    n_new: dict[str, int] = {}
    n_repeated = 0
    for kind, parts in fetched.parts.items():
        if kind in REPLACED:
            rows = pa.concat_tables(read_parts(parts))
            n_new[kind] = 0 if _is_stored(name, kind, rows) else len(rows)
            if n_new[kind]:
                store.write_raw(name, kind, rows)
            continue
        for rows in _by_day(parts):
            appended = store.append_raw(name, kind, rows)
            n_new[kind] = n_new.get(kind, 0) + appended.n_new
            n_repeated += appended.n_repeated
            fetched.refused.add(appended.refused)
    refused = fetched.refused.to_quarantine(name)
    n_days = store.compact_raw(name, before=before.date())
    return Collected(name, says, n_new, n_repeated, refused, len(fetched.series), fetched.first, fetched.last, n_days)


def _by_day(parts: list[Path]) -> Iterator[pa.Table]:
    """The rows of a fetch day by day: one segment a day, and no more in memory than a day."""
    days: dict[int, list[pa.Table]] = {}
    for rows in read_parts(parts):
        day = rows.column("time").cast(pa.int64()).to_numpy() // DAY_MS
        starts = np.flatnonzero(np.concatenate([[True], day[1:] != day[:-1]]))
        if len(starts) > len(day) // 16 + 16:
            # Days in no order: bring them together first.
            order = np.argsort(day, kind="stable")
            rows, day = rows.take(pa.array(order)), day[order]
            starts = np.flatnonzero(np.concatenate([[True], day[1:] != day[:-1]]))
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(day)], strict=True):
            days.setdefault(int(day[start]), []).append(rows.slice(start, stop - start))
    for _, pieces in sorted(days.items()):
        yield pa.concat_tables(pieces)


def _is_stored(name: str, kind: str, rows: pa.Table) -> bool:
    return tables.validate(rows.to_pandas(), tables.RAW[kind]).equals(store.read_raw_table(name, kind))
