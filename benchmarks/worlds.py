"""Workloads: one-minute checks with daily shape, log-normal noise, spikes and outages; latency in hundredths of a millisecond."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa

from analytics import params, store, tables

__all__ = ["SIZES", "Size", "add_day", "checks_of_day", "copied_project", "opened", "raw_store", "run_environment", "write_csv"]

REPOSITORY = Path(__file__).resolve().parents[1]
FIRST_DAY = date(2025, 1, 6)
PER_DAY = 1440
STATES = ("up", "down")


@dataclass(frozen=True)
class Size:
    """Services x regions x days of checks, one a minute."""

    services: int
    regions: int
    days: int

    @property
    def rows(self) -> int:
        return self.services * self.regions * self.days * PER_DAY

    @property
    def text(self) -> str:
        return f"{self.services}x{self.regions}x{self.days}"


SIZES = {"tiny": Size(1, 1, 28), "S": Size(20, 2, 30), "M": Size(200, 3, 90), "2M": Size(200, 3, 180)}


def checks_of_day(size: Size, number: int) -> pa.Table:
    """Raw checks of one day, sorted by key."""
    n_series = size.services * size.regions
    rng = np.random.default_rng([n_series, number])
    minutes = np.arange(PER_DAY)
    series = np.arange(n_series)[:, None]
    usual = 30 * np.exp(((series * 2654435761) % 1000) / 400)
    latency = (
        usual
        * (1 + 0.2 * np.sin(2 * np.pi * (minutes / PER_DAY + series * 0.013)))
        * np.exp(0.15 * rng.standard_normal((n_series, PER_DAY), dtype=np.float32))
    )
    is_up = np.ones((n_series, PER_DAY), bool)
    for one in np.flatnonzero(rng.random(n_series) < 0.2):
        start = rng.integers(PER_DAY)
        latency[one, start : start + 30] *= 3
    for one in np.flatnonzero(rng.random(n_series) < 0.05):
        start = rng.integers(PER_DAY)
        is_up[one, start : start + rng.integers(2, 30)] = False
    start_ms = int((FIRST_DAY - date(1970, 1, 1)).days + number) * 86_400_000
    n = n_series * PER_DAY
    codes = np.repeat(np.arange(n_series, dtype=np.int32), PER_DAY)
    nothing = np.zeros(n, np.int32)
    columns = {
        "time": pa.array(np.tile(start_ms + minutes * 60_000, n_series)).cast(pa.timestamp("ms", tz="UTC")),
        "service": _labels([f"svc-{one:04d}" for one in range(size.services)], codes // size.regions),
        "region": _labels([f"region-{one}" for one in range(size.regions)], codes % size.regions),
        "monitor": _labels(["made"], nothing),
        "state": _labels(list(STATES), (~is_up).ravel().astype(np.int32)),
        "latency_ms": pa.array(np.round(latency.ravel(), 2), mask=~is_up.ravel()),
        "status_code": pa.nulls(n, pa.int64()),
        "error": pa.nulls(n, pa.int32()).dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string())),
        "origin": _labels(["check"], nothing),
    }
    target = tables.schema(tables.RAW["checks"])
    return pa.table([columns[name].cast(target.field(name).type) for name in target.names], schema=target)


def _labels(names: list[str], codes: np.ndarray) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names, pa.string()))


def raw_store(root: Path, size: Size, *, name: str = "made") -> Path:
    """The raw days of a world in the project at `root`, written once; their folder."""
    folder = root / "data" / "raw" / name / "checks"
    done = folder.parent / f".{size.text}"
    if not done.is_file():
        with opened(root):
            for number in range(size.days):
                store.write_raw_day(name, "checks", FIRST_DAY + timedelta(days=number), checks_of_day(size, number))
        done.touch()
    return folder


def add_day(root: Path, size: Size, *, name: str = "made") -> None:
    """One day more, after the last of a world that `raw_store` has written."""
    with opened(root):
        store.write_raw_day(name, "checks", FIRST_DAY + timedelta(days=size.days), checks_of_day(size, size.days))


def write_csv(path: Path, size: Size) -> Path:
    """The world as a foreign file, day after day: names, columns and units as a monitor would export them."""
    import pyarrow.csv as pc

    with path.open("wb") as file:
        for number in range(size.days):
            rows = checks_of_day(size, number)
            times = np.datetime_as_string(rows.column("time").cast(pa.int64()).to_numpy().view("datetime64[ms]").astype("datetime64[s]"))
            foreign = pa.table(
                {
                    "timestamp": np.char.add(times, "Z"),
                    "service": rows.column("service").cast(pa.string()),
                    "region": rows.column("region").cast(pa.string()),
                    "up": np.asarray(rows.column("latency_ms").is_valid()),
                    "latency_ms": rows.column("latency_ms"),
                }
            )
            pc.write_csv(foreign, file, pc.WriteOptions(include_header=number == 0, quoting_style="none"))
    return path


@contextmanager
def opened(root: Path, **sections: object) -> Iterator[Path]:
    """The project at `root`, the session of this process while the context lasts; `sections` as in params.yaml."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(params.dump(params.Params(**sections)), encoding="utf-8")
    where = {"ANALYTICS_ROOT": str(root), "ANALYTICS_OUT": str(root)}
    with mock.patch.dict(os.environ, where):
        yield root


def copied_project(folder: Path, **sections: object) -> Path:
    """A copy of this project's own files, as they stand, in a repository of its own; `sections` replace those of params.yaml."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    known = params.load(folder / "params.yaml").model_dump()
    changed = {
        name: {**known[name], **value} if name != "sources" and isinstance(value, dict) else value for name, value in sections.items()
    }
    (folder / "params.yaml").write_text(params.dump(params.parse({**known, **changed})), encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def run_environment(project: Path) -> dict[str, str]:
    """Variables with which commands run a copied project's own code."""
    programs = Path(sys.executable).parent
    return {
        "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", "")]),
        "PYTHONPATH": str(project),
        "ANALYTICS_ROOT": str(project),
        "DVC_NO_ANALYTICS": "1",
    }
