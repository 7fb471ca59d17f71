"""What the sources said: `data/raw/<source>/<kind>`, one Parquet file per UTC day, sorted by key.

New rows come as segments beside the day's file; once a day is over they are merged into it. A row is stored once: what was stored
before is kept, a repetition adds nothing, a contradiction is handed back as refused. Every file lists its runs (one key, its first
and last time, its number of rows), so that the question "is this row there already?" rarely has to open a column.
"""

from analytics.store.raw.appending import (
    Appended,
    Sifted,
    add_raw,
    append_raw,
    compact_raw,
    sift_raw,
    write_raw,
    write_raw_day,
)
from analytics.store.raw.cursors import cursor, set_cursor
from analytics.store.raw.reading import RawDay, raw_days, raw_sources, read_raw, read_raw_parts, read_raw_table
from analytics.store.raw.removing import remove_raw, tidy_raw
from analytics.store.raw.rows import Run

__all__ = [
    "Appended",
    "RawDay",
    "Run",
    "Sifted",
    "add_raw",
    "append_raw",
    "compact_raw",
    "cursor",
    "raw_days",
    "raw_sources",
    "read_raw",
    "read_raw_parts",
    "read_raw_table",
    "remove_raw",
    "set_cursor",
    "sift_raw",
    "tidy_raw",
    "write_raw",
    "write_raw_day",
]
