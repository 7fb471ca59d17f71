"""Projects in temporary folders, and raw rows to fill them with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pandas as pd
import pyarrow as pa

from analytics import ingest, params, session, store, tables


@contextmanager
def opened(root: Path, *, out: Path | None = None) -> Iterator[Path]:
    """A project at `root` whose results go to `out` (default: `root/out`), the session of this process while the context lasts."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(params.dump(params.Params()), encoding="utf-8")
    where = {"ANALYTICS_ROOT": str(root), "ANALYTICS_OUT": str(out or root / "out")}
    with mock.patch.dict(os.environ, where), mock.patch.object(session, "_session", session._Session()):
        yield root


def raw_checks(frame: pd.DataFrame) -> pa.Table:
    """Raw checks of a frame with time, service, state and latency_ms; the other columns have their usual values."""
    defaults = {"region": "default", "monitor": "m", "status_code": None, "error": None, "origin": "check"}
    return _raw(frame.assign(**{name: value for name, value in defaults.items() if name not in frame.columns}), "checks")


def raw_metrics(frame: pd.DataFrame) -> pa.Table:
    """Raw metrics of a frame with time, service, signal and value; region is 'default' and the unit '1' unless given."""
    defaults = {"region": "default", "unit": "1"}
    return _raw(frame.assign(**{name: value for name, value in defaults.items() if name not in frame.columns}), "metrics")


def raw_events(rows: list[dict[str, object]]) -> pa.Table:
    """Raw events of rows with event_id, start, end and kind."""
    return _raw(pd.DataFrame(rows).reindex(columns=tables.RAW["events"].names), "events")


def _raw(frame: pd.DataFrame, kind: str) -> pa.Table:
    table = tables.RAW[kind]
    arrays = []
    for column in table.columns:
        values = frame[column.name]
        if column.kind == "time":
            values = pd.to_datetime(values, utc=True).astype("datetime64[ms, UTC]")
        plain = pa.string() if column.kind in ("label", "text") else tables.schema_type(column)
        arrays.append(pa.array(values.astype("object") if pa.types.is_string(plain) else values, plain, from_pandas=True))
    return pa.table(arrays, names=table.names).cast(tables.schema(table))


@dataclass(frozen=True)
class Ingested:
    """What stage ingest has made."""

    found: ingest.Survey
    measured: ingest.Measured
    catalogue: ingest.Catalogue
    outages: pd.DataFrame
    flags: pd.DataFrame
    signals: dict[tuple[str, str, str], dict[pd.Timestamp, tuple[float, int]]]


def ingest_all(*, workers: int = 1, **settings: object) -> Ingested:
    """Run stage ingest over all sources as its notebook does, and save its tables."""
    chosen = params.Params(project={"workers": workers}, ingest=settings)
    stage = chosen.ingest
    store.begin("ingest")
    found = ingest.survey(store.raw_sources(), params=stage, project=chosen.project)
    quarantine = ingest.refused_rows(found)
    ingest.check_rejects(quarantine, found, params=stage)
    measured = ingest.measure(found, params=stage, project=chosen.project)
    known = ingest.catalogue(found, measured)
    outages = ingest.exclude(measured.outages, measured.failures, known.masks)
    flags = ingest.find_flags(found, measured, quarantine, params=stage)
    for name, frame in {
        "services": known.services,
        "regions": known.regions,
        "events": known.events,
        "dependencies": known.dependencies,
        "masks": known.masks,
        "series": measured.series,
        "coverage": measured.coverage,
        "outages": outages,
        "gaps": measured.gaps,
        "quality_flags": flags,
        "quarantine": quarantine,
    }.items():
        store.save(frame, name)
    return Ingested(found, measured, known, outages, flags, signals())


def find_nothing(*stages: str) -> None:
    """Save empty tables for stages that are not run."""
    for stage in stages:
        store.begin(stage)
        for name in tables.writes(stage):
            empty = tables.schema(tables.TABLES[name]).empty_table().to_pandas()
            store.save(empty, name)


def signals() -> dict[tuple[str, str, str], dict[pd.Timestamp, tuple[float, int]]]:
    """Panels `signals` as {(service, region, signal): {step start: (value, n_checks)}}; a step without checks has no value."""
    long = store.panels("signals").frame()
    assert (long["value"].isna() == (long["n_checks"] == 0)).all()
    filled = long[long["n_checks"] > 0]
    return {
        key: {row.time: (row.value, row.n_checks) for row in rows.itertuples()}
        for key, rows in filled.groupby(["service", "region", "signal"], observed=True)
    }


def outputs(root: Path) -> dict[str, bytes]:
    """Every file that a stage has written, by its place."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted((root / "out").rglob("*")) if path.is_file()}
