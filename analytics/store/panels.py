"""Panels on disk: one Parquet file per block of services, step and ISO week.

A file holds a complete regular grid, series after series, so that hot code reads two columns and reshapes them; it also holds the
keys and times as (nearly free) columns, so that any tool can read it. Blocks are by hash of the service: a new service moves none.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analytics import session
from analytics.panel import WEEK_MS, Panel, PanelRef, Panels, to_ms, week_start
from analytics.store import frames
from analytics.store.files import digest, open_parquet, parquet_bytes, write_atomically

__all__ = ["block_of", "cut", "drop_panels", "encode_panel", "n_blocks", "panel_file_name", "panels", "read_panel", "write_panels"]

PANEL_FORMAT = 1
SERVICES_PER_BLOCK = 8
SMALL_BYTES = 16 * 1024
"""Files up to this size are kept in memory once read, decoded at most four times as large: 2,048 of them, 100 MB at worst."""
_FILE = re.compile(r"b(?P<block>\d{4})-(?P<step>\d+)s-(?P<week>\d{8})\.parquet")


def n_blocks(n_services: int) -> int:
    """Number of blocks: a power of two, so that it changes rarely, with about `SERVICES_PER_BLOCK` services in each."""
    return 1 << max(0, int(np.ceil(np.log2(max(1, n_services) / SERVICES_PER_BLOCK))))


def block_of(service: str, blocks: int) -> int:
    """Block of a service, from its name alone."""
    return zlib.crc32(service.encode()) % blocks


def panel_file_name(block: int, step_s: int, week_ms: int) -> str:
    """Name of one file; the week is the date of its Monday."""
    monday = np.datetime64(week_ms, "ms").astype("datetime64[D]").item()
    return f"b{block:04d}-{step_s}s-{monday:%Y%m%d}.parquet"


def encode_panel(
    series: pd.DataFrame, week_ms: int, step_s: int, values: npt.NDArray[np.float32], n_checks: npt.NDArray[np.int32]
) -> bytes:
    """One week of series of one block as the bytes of its file.

    Parameters
    ----------
    series : frame with series_id, service, region, signal; one row per row of `values`
    values, n_checks : shape (n_series, steps of a week)
    """
    n_series, n_times = values.shape
    if n_times != WEEK_MS // (step_s * 1000):
        raise ValueError(f"a week of {step_s}-s steps has {WEEK_MS // (step_s * 1000)} steps, got {n_times}")
    times = week_ms + np.arange(n_times, dtype=np.int64) * step_s * 1000
    columns: dict[str, pa.Array] = {}
    for name in ("series_id", "service", "region", "signal"):
        keys = series[name].tolist()
        labels = sorted(set(keys))
        code_of = {label: code for code, label in enumerate(labels)}
        codes = np.array([code_of[key] for key in keys], np.int32)
        columns[name] = pa.DictionaryArray.from_arrays(np.repeat(codes, n_times), pa.array(labels, pa.string()))
    columns["time"] = pa.array(np.tile(times, n_series)).cast(pa.timestamp("ms", tz="UTC"))
    columns["value"] = pa.array(np.ascontiguousarray(values, np.float32).ravel())
    columns["n_checks"] = pa.array(np.ascontiguousarray(n_checks, np.int32).ravel())
    described = {"analytics_panel": str(PANEL_FORMAT), "series": json.dumps(list(series["series_id"]))}
    return parquet_bytes(
        pa.table(columns).replace_schema_metadata(described),
        row_group_size=1 << 20,
        use_dictionary=["series_id", "service", "region", "signal", "n_checks"],
        column_encoding={"time": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
        write_statistics=["time"],
    )


def write_panels(name: str, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files made by `encode_panel`, as (file name, content), to the panels of that name."""
    folder = session.out() / "panels" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files:
        write_atomically(folder / file, content)


def drop_panels(name: str) -> None:
    """Remove the panels of that name from where results go."""
    shutil.rmtree(session.out() / "panels" / name, ignore_errors=True)


def panels(name: str) -> Panels:
    """All panels of that name, lazily: one partition per block and step over all weeks, in order.

    Raises
    ------
    ValueError
        If the current stage does not declare that it reads these panels.
    FileNotFoundError
        If no stage has written them yet.
    """
    stage = session.current_stage()
    if stage is not None and name not in (*stage.panels_read, *stage.panels_written):
        raise ValueError(
            f"stage '{stage.name}' does not declare that it reads panels '{name}'; add them to its `panels_read` in analytics/tables"
        )
    folder = _folder(name)
    series = frames.load("series")
    found: dict[tuple[int, int], list[tuple[int, Path]]] = {}
    for path in sorted(folder.iterdir()):
        if match := _FILE.fullmatch(path.name):
            monday = to_ms(pd.Timestamp(match["week"]))
            found.setdefault((int(match["block"]), int(match["step"])), []).append((monday, path))
    refs = [_ref(name, block, step, weeks, series) for (block, step), weeks in sorted(found.items())]
    return Panels([ref for ref in refs if len(ref.series)])


def _folder(name: str) -> Path:
    data = session.root() / "data"
    drafts = [data / "draft"] if session.is_draft() else []
    for folder in (session.out(), *drafts, data):
        if (path := folder / "panels" / name).is_dir():
            return path
    raise FileNotFoundError(f"panels '{name}' have not been written yet; run `analytics run --all`")


def _ref(name: str, block: int, step_s: int, weeks: list[tuple[int, Path]], series: pd.DataFrame) -> PanelRef:
    mine = series[(series["block"] == block) & (series["step_s"] == step_s)].reset_index(drop=True)
    step_ms = step_s * 1000
    first = to_ms(mine["first"].min()) if len(mine) else 0
    last = to_ms(mine["last"].max()) + step_ms if len(mine) else 0
    files = tuple(path for _, path in weeks)
    # Size and time of change stand for the contents: reading every file to name it would cost as much as using it.
    state = "".join(f"{path.name}:{(stat := path.stat()).st_size}:{stat.st_mtime_ns};" for _, path in weeks)
    return PanelRef(name, block, step_s, mine, files, digest(state), first, last, read_panel)


def cut(ref: PanelRef, start_ms: int, end_ms: int) -> PanelRef:
    """The panel of exactly the steps in [start, end), NaN where it has none; its key changes only with the contents of the weeks there."""
    files = tuple(path for path in ref.files if _monday(path) < end_ms and _monday(path) + WEEK_MS > start_ms)
    if not ref.files:
        # A panel that lies elsewhere is known by its own key.
        return replace(ref, start_ms=start_ms, end_ms=end_ms)
    # By contents: stage ingest writes all weeks again, those without news with the same bytes.
    return replace(
        ref, start_ms=start_ms, end_ms=end_ms, files=files, key=digest(*(part for path in files for part in (path.name, _contents(path))))
    )


def _contents(path: Path) -> str:
    said = path.stat()
    return _digest_of(path, said.st_size, said.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _digest_of(path: Path, size: int, changed_ns: int) -> str:
    """Hash of a file's contents; each is in the windows of several weeks."""
    return digest(path)


def read_panel(ref: PanelRef) -> Panel:
    """Load one panel: the series and steps that `ref` names, NaN where a week's file does not know a series."""
    step_ms = ref.step_s * 1000
    n_times = max(0, (ref.end_ms - ref.start_ms) // step_ms)
    values = np.full((len(ref.series), n_times), np.nan, np.float32)
    n_checks = np.zeros((len(ref.series), n_times), np.int32)
    row_of = {series_id: row for row, series_id in enumerate(ref.series["series_id"])}
    for path in ref.files:
        monday = _monday(path)
        low, high = max(ref.start_ms, monday), min(ref.end_ms, monday + WEEK_MS)
        if low >= high:
            continue
        ids, week_values, week_checks = _read_week(path)
        rows = np.array([row_of.get(series_id, -1) for series_id in ids])
        here = slice((low - ref.start_ms) // step_ms, (high - ref.start_ms) // step_ms)
        there = slice((low - monday) // step_ms, (high - monday) // step_ms)
        known = rows >= 0
        values[rows[known], here] = week_values[known, there]
        n_checks[rows[known], here] = week_checks[known, there]
    return Panel(ref.series, ref.start_ms, ref.step_s, values, n_checks)


Week = tuple[list[str], npt.NDArray[np.float32], npt.NDArray[np.int32]]
"""What a file holds: ids of its series, values and checks of shape (n_series, steps of a week)."""


def _read_week(path: Path) -> Week:
    said = path.stat()
    return _read_small(path, said.st_size, said.st_mtime_ns) if said.st_size <= SMALL_BYTES else _decoded(path)


@functools.lru_cache(maxsize=2048)
def _read_small(path: Path, size: int, changed_ns: int) -> Week:
    """A week of coarse steps: to open its file takes longer than to read it, and the history of years is asked for again and again."""
    del size, changed_ns
    return _decoded(path)


def _decoded(path: Path) -> Week:
    file = open_parquet(path)
    said = file.metadata.metadata or {}
    if int(said.get(b"analytics_panel", -1)) not in (1, PANEL_FORMAT):
        raise ValueError(f"{path} is no panel of a format this code reads (1 to {PANEL_FORMAT}); run the stage that writes it again")
    content = file.read(columns=["value", "n_checks"], use_threads=False)
    ids = json.loads(said[b"series"])
    values, n_checks = (content.column(name).to_numpy().reshape(len(ids), -1) for name in ("value", "n_checks"))
    return ids, values, n_checks


@functools.lru_cache(maxsize=65_536)
def _monday(path: Path) -> int:
    match = _FILE.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path} is not named like a panel (b0000-300s-20260105.parquet)")
    return week_start(to_ms(pd.Timestamp(match["week"])))
