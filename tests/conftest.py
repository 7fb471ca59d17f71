"""What every test may ask for: a project of its own, random numbers, the development data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests import projects

settings.register_profile("project", derandomize=True, deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """An empty project with default parameters, which this process works in; results go to its folder `out`."""
    with projects.opened(tmp_path / "project") as root:
        yield root


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(2026)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Development data: real monitoring data that are not part of the project."""
    folder = Path(os.environ.get("ANALYTICS_TEST_DATA", REPOSITORY / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip("no development data; name their folder in ANALYTICS_TEST_DATA")
    return folder
