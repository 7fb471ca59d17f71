"""Load and save tables, panels and raw data, validated: the one place that reads and writes `data/` (with `registry`)."""

from analytics.session import begin, out, root, sources
from analytics.store.decisions import decide, decisions
from analytics.store.declared import declared_services
from analytics.store.files import DiskFull, digest, naming_full_disk, write_atomically
from analytics.store.frames import load, now, save
from analytics.store.panels import block_of, cut, encode_panel, n_blocks, panel_file_name, panels, read_panel, write_panels
from analytics.store.raw import (
    Appended,
    RawDay,
    Run,
    append_raw,
    compact_raw,
    cursor,
    raw_days,
    raw_sources,
    read_raw,
    read_raw_table,
    set_cursor,
    write_raw,
    write_raw_day,
)

__all__ = [
    "Appended",
    "DiskFull",
    "RawDay",
    "Run",
    "append_raw",
    "begin",
    "block_of",
    "compact_raw",
    "cursor",
    "cut",
    "decide",
    "decisions",
    "declared_services",
    "digest",
    "encode_panel",
    "load",
    "n_blocks",
    "naming_full_disk",
    "now",
    "out",
    "panel_file_name",
    "panels",
    "raw_days",
    "raw_sources",
    "read_panel",
    "read_raw",
    "read_raw_table",
    "root",
    "save",
    "set_cursor",
    "sources",
    "write_atomically",
    "write_panels",
    "write_raw",
    "write_raw_day",
]
