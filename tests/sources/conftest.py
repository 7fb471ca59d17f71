"""A project in a temporary folder, and what is read from a file in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from analytics.sources import open_source

NOW = pd.Timestamp("2026-11-01T00:00Z")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project; the store works in it."""
    (tmp_path / "params.yaml").write_text("sources: {}\n", encoding="utf-8")
    monkeypatch.setenv("ANALYTICS_ROOT", str(tmp_path))
    return tmp_path


Read = Callable[..., tuple[list[dict[str, Any]], list[dict[str, Any]]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a file and read it through a source of kind `files`: its rows and its refused rows."""

    def run(
        content: str | bytes, *, name: str = "mine.csv", end: pd.Timestamp = NOW, **options: Any
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        source = open_source("mine", {"kind": "files", "path": name, **options}, root=tmp_path)
        source.discover()
        batches = list(source.fetch(None, end))
        rows = pa.concat_tables([batch.rows for batch in batches]).to_pylist()
        return rows, pa.concat_tables([batch.rejected for batch in batches]).to_pylist()

    return run
