"""Ask a source for what is new and store it: whole or not at all, once however often it is asked.

A fetch is first written to a temporary folder, compared with what is stored, and counted. Only when few enough rows were refused does
it go to the store; only when it is stored does the cursor move. A run killed at any point is repeated by the next one, which stores what
is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from analytics import params, repository, session, store, tables
from analytics.sources import open_source
from analytics.sources.base import Progress, Source, SourceError, silent
from analytics.sources.fetched import Fetched, keep, sift
from analytics.sources.refused import Reason, read_parts
from analytics.sources.units import in_one_unit, stored_units

__all__ = ["Collected", "collect", "is_outdated", "record"]

REASONS_SHOWN = 5


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


def collect(
    name: str,
    options: dict[str, Any],
    *,
    root: Path,
    now: pd.Timestamp,
    start: pd.Timestamp | None = None,
    again: bool = False,
    progress: Progress = silent,
    ingest: params.Ingest | None = None,
) -> Collected:
    """Fetch what a source has since the last time and append it to `data/raw/<name>`.

    Parameters
    ----------
    name, options : as in params.yaml
    root : of the project; must be the one `store.root()` finds
    now : moment of the collection, UTC; later times are refused beyond `ingest.max_future_s`
    start : fetch from here instead of from the cursor, which then stays where it is unless it lies later
    again : replace what is stored, as if the source had never been collected
    progress : called with a sentence from time to time
    ingest : limits; those of the project's params.yaml unless given

    Raises
    ------
    SourceError
        If the source cannot be read, its options are not those of the rows that are stored, another process is collecting it, or too many
        rows are refused; nothing is stored then.
    """
    limits = ingest or params.load(store.root() / "params.yaml").ingest
    source = open_source(name, options, root=root)
    with _only_one(name), session.staging_folder(store.root(), f"collect-{name}") as folder:
        store.tidy_raw(name)
        cursor = {} if again else store.cursor(name)
        _refuse_other_options(source, cursor)
        if start is None:
            source.resume(cursor.get("state", {}))
        begin = _resume_at(cursor, source.late_s) if start is None else start
        discovery = source.discover()
        units = {} if again else stored_units(name)
        fetched = _fetch(source, begin, now + pd.Timedelta(seconds=limits.max_future_s), Fetched(folder, units), progress)
        sift(name, fetched, afresh=again)
        _refuse_if_too_many(name, fetched, discovery.says, limits.max_rejected_share)
        if again:
            _replace(name, fetched)
        collected = _store(name, fetched, discovery.says, before=now)
        moved = {**_moved(cursor, source, fetched, start), "configured": _as_json(options)}
        if moved != cursor:
            store.set_cursor(name, moved)
    return collected


def is_outdated(name: str, options: dict[str, Any], *, root: Path) -> bool:
    """Whether what is stored of a source was asked for otherwise, or read from files that were rewritten since (not: have grown)."""
    cursor = store.cursor(name)
    if cursor.get("configured", _as_json(options)) != _as_json(options):
        return True
    return open_source(name, options, root=root).was_rewritten(cursor.get("state", {}))


def _as_json(options: dict[str, Any]) -> Any:
    return json.loads(json.dumps(options, default=str))


def record(source: str, *, root: Path) -> bool:
    """Record `data/raw/<source>` with DVC, so that the commit of today brings back the data of today; False without DVC."""
    if not (root / ".dvc").is_dir() or not (root / "data" / "raw" / source).is_dir():
        return False
    with repository.opened(root) as repo:
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


def _refuse_other_options(source: Source, cursor: dict[str, Any]) -> None:
    others = _other_options(source, cursor)
    if others:
        raise SourceError(
            f"source '{source.name}': options changed since its rows were stored ({', '.join(others)}), new rows would contradict them; "
            f"`analytics collect --again {source.name}` replaces them; or collect under another name"
        )


def _other_options(source: Source, cursor: dict[str, Any]) -> list[str]:
    before, now = cursor.get("options", {}), source.meaning()
    return sorted(name for name in before.keys() & now.keys() if before[name] != now[name])


def _moved(cursor: dict[str, Any], source: Source, fetched: Fetched, start: pd.Timestamp | None) -> dict[str, Any]:
    """The cursor after a fetch; one from a time that was named must not hide what lies before it and was never fetched."""
    last = _last(cursor)
    if start is None or (last is not None and start <= last):
        last = max((time for time in (last, fetched.last) if time is not None), default=None)
    state = source.state() if start is None else cursor.get("state", {})
    return {"last": None if last is None else last.isoformat(), "state": state, "options": source.meaning()}


def _last(cursor: dict[str, Any]) -> pd.Timestamp | None:
    return pd.Timestamp(cursor["last"]) if cursor.get("last") else None


def _resume_at(cursor: dict[str, Any], late_s: int | None) -> pd.Timestamp | None:
    last = _last(cursor)
    return None if last is None or late_s is None else last - pd.Timedelta(seconds=late_s)


def _fetch(source: Source, start: pd.Timestamp | None, end: pd.Timestamp, fetched: Fetched, progress: Progress) -> Fetched:
    if hasattr(source, "progress"):
        source.progress = progress
    for number, batch in enumerate(source.fetch(start, end)):
        keep(fetched, in_one_unit(batch, fetched.units, source=source.name), number)
        if number % 50 == 49:
            progress(f"{source.name}: {sum(fetched.n.values()):,} rows read")
    return fetched


def _refuse_if_too_many(name: str, fetched: Fetched, says: list[str], max_share: float) -> None:
    n_lost, rows = fetched.refused.n_lost, fetched.refused.first
    if n_lost <= max_share * fetched.n_rows:
        return
    shown = "\n".join(f"  {row['place']}: {row['reason']}: {row['row']}" for row in rows)
    read = "\n".join(f"  {said}" for said in says)
    if any("stored row" in row["reason"] for row in rows):
        read += f"\nIf the source was corrected, replace what is stored by: analytics collect --again {name}"
    raise SourceError(
        f"source '{name}': {n_lost:,} of {fetched.n_rows:,} rows were refused, "
        f"more than the {max_share:.0%} that ingest.max_rejected_share allows; "
        f"nothing was stored. The first {len(rows)}:\n{shown}\nHow it was read:\n{read}"
    )


def _replace(name: str, fetched: Fetched) -> None:
    """Make room for a fetch that takes the place of all that is stored."""
    if not any(fetched.n.values()):
        raise SourceError(f"source '{name}' gave no rows; what is stored of it was left as it is")
    store.remove_raw(name)


def _store(name: str, fetched: Fetched, says: list[str], *, before: pd.Timestamp) -> Collected:
    n_new: dict[str, int] = {}
    for kind, parts in fetched.parts.items():
        if "time" not in tables.RAW[kind].key:
            rows = pa.concat_tables(read_parts(parts))
            n_new[kind] = 0 if _is_stored(name, kind, rows) else len(rows)
            if n_new[kind]:
                store.write_raw(name, kind, rows)
            continue
        n_new[kind] = 0
        for rows in read_parts(parts):
            store.add_raw(name, kind, rows)
            n_new[kind] += len(rows)
    refused = fetched.refused.to_quarantine(name)
    n_days = store.compact_raw(name, before=before.date())
    return Collected(name, says, n_new, fetched.n_repeated, refused, len(fetched.series), fetched.first, fetched.last, n_days)


def _is_stored(name: str, kind: str, rows: pa.Table) -> bool:
    return tables.validate(rows.to_pandas(), tables.RAW[kind]).equals(store.read_raw_table(name, kind))
