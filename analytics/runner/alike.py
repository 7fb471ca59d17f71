"""Whether two outputs hold the same numbers to a tolerance: what can be asked of two kinds of processors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["TOLERANCE", "same_numbers"]

TOLERANCE = 1e-6
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
# Hashes in a page's footer: they differ whenever one bit of the data does.
_HASH = re.compile(r"\b[0-9a-f]{12,}\b")


def same_numbers(one: Path, other: Path) -> bool:
    """Two files (tables, models, text with numbers) or folders of files agree to `TOLERANCE`, relative or absolute."""
    if one.is_dir() or other.is_dir():
        names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) for folder in (one, other)]
        return names[0] == names[1] and all(same_numbers(one / name, other / name) for name in names[0])
    if other.suffix == ".parquet":
        return _same_tables(one, other)
    if other.suffix == ".npz":
        return _same_arrays(one, other)
    if other.suffix in (".html", ".ipynb", ".json", ".csv"):
        return _same_text(one.read_text(encoding="utf-8"), other.read_text(encoding="utf-8"))
    return one.read_bytes() == other.read_bytes()


def _same_tables(one: Path, other: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first, second = pq.read_table(one), pq.read_table(other)
    if first.schema != second.schema or len(first) != len(second):
        return False
    for name in first.column_names:
        a, b = first.column(name), second.column(name)
        if not pa.types.is_floating(a.type):
            if not a.equals(b):
                return False
        elif not _close(a.to_numpy(), b.to_numpy()):
            return False
    return True


def _same_arrays(one: Path, other: Path) -> bool:
    import numpy as np

    with np.load(one, allow_pickle=False) as first, np.load(other, allow_pickle=False) as second:
        arrays = sorted(name for name in first.files if not name.endswith(".json"))
        return arrays == sorted(name for name in second.files if not name.endswith(".json")) and all(
            _close(first[name], second[name]) for name in arrays
        )


def _same_text(one: str, other: str) -> bool:
    first, second = _HASH.sub("#", one), _HASH.sub("#", other)
    if _NUMBER.sub("0", first) != _NUMBER.sub("0", second):
        return False
    return _close([float(number) for number in _NUMBER.findall(first)], [float(number) for number in _NUMBER.findall(second)])


def _close(one: Any, other: Any) -> bool:
    import numpy as np

    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape:
        return False
    if not np.issubdtype(first.dtype, np.floating):
        return bool(np.array_equal(first, second))
    return bool(np.allclose(first, second, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
