"""Files of raw rows are small and lose nothing."""

import numpy as np
import pyarrow as pa
import pytest

from analytics import store
from analytics.store.raw import encoding
from tests.store.raw import made


@pytest.mark.parametrize(
    "latency",
    [[0.01, 123.45, 99999.99], [0.1 + 0.2, np.pi, 1e-9], [21474836.47, 21474836.48, 1e300], [0.0, np.inf, -1.25], [5e-324, 1 / 3, 0.07]],
    ids=["two decimals", "all digits", "wide", "infinite", "tiny"],
)
def test_latency_loses_nothing(project, latency):
    rows = made.checks(range(3), latency_ms=latency)
    store.append_raw("s", "checks", rows)
    store.append_raw("s", "checks", made.checks([7], latency_ms=[1.25]))
    store.compact_raw("s", before=made.FAR)
    assert [row["latency_ms"] for row in made.stored()] == [*latency, 1.25]


def test_latency_with_two_decimals_takes_few_bytes(project, rng):
    rows = made.checks(range(1440), latency_ms=np.round(rng.lognormal(4, 0.1, 1440), 2))
    store.append_raw(
        "s",
        "checks",
        pa.concat_tables(
            [rows] + [made.checks(range(1440), latency_ms=np.round(rng.lognormal(4, 0.1, 1440), 2), service=f"x{n}") for n in range(20)]
        ),
    )
    assert sum(len(content) for content in made.files(project).values()) / (21 * 1440) < 2.0


def test_a_file_of_a_later_format_asks_for_newer_code(project, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(encoding, "RAW_FORMAT", 99)
        store.append_raw("s", "checks", made.checks([1]))
    with pytest.raises(ValueError, match=r"has format 99, this code reads up to \d; update the code"):
        made.stored()
