"""The source `prometheus` against real servers: every raw sample, none invented, failures explained."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analytics import store
from analytics.sources import open_source
from analytics.sources.collect import collect
from analytics.sources.promapi import Api

from . import servers

pytestmark = pytest.mark.server

START_S = 1_772_323_200  # 2026-03-01 00:00 UTC
MINUTES = 2 * 1440
DOWN = range(600, 620)
GAP = range(1000, 1060)
NOW = pd.Timestamp("2026-03-10T00:00Z")


def world() -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Samples by metric and instance: two days at 1 min, 20 failed checks, an hour without samples, times with milliseconds."""
    samples: dict[str, dict[str, list[tuple[float, float]]]] = {
        "probe_success": {},
        "probe_duration_seconds": {},
        "probe_http_status_code": {},
    }
    for number, instance in enumerate(("shop", "api")):
        minutes = [minute for minute in range(MINUTES) if not (number == 0 and minute in GAP)]
        stamps = [(minute, START_S + 60 * minute + 0.123 * (number + 1)) for minute in minutes]
        is_up = [not (number == 1 and minute in DOWN) for minute in minutes]
        samples["probe_success"][instance] = [(stamp, float(up)) for (_, stamp), up in zip(stamps, is_up, strict=True)]
        samples["probe_duration_seconds"][instance] = [
            (stamp, (minute % 97 + 1) / 1000 if up else 0.0003) for (minute, stamp), up in zip(stamps, is_up, strict=True)
        ]
        samples["probe_http_status_code"][instance] = [(stamp, 200.0 if up else 0.0) for (_, stamp), up in zip(stamps, is_up, strict=True)]
    return samples


def openmetrics(samples: dict[str, dict[str, list[tuple[float, float]]]]) -> str:
    lines = []
    for metric, instances in samples.items():
        lines.append(f"# TYPE {metric} gauge")
        for instance, values in instances.items():
            lines += [f'{metric}{{instance="{instance}",job="blackbox",region="eu"}} {value!r} {stamp:.3f}' for stamp, value in values]
    return "\n".join(lines) + "\n"


def json_lines(samples: dict[str, dict[str, list[tuple[float, float]]]]) -> str:
    lines = []
    for metric, instances in samples.items():
        for instance, values in instances.items():
            labels = {"__name__": metric, "instance": instance, "job": "blackbox", "region": "eu"}
            times = [round(stamp * 1000) for stamp, _ in values]
            lines.append(json.dumps({"metric": labels, "values": [value for _, value in values], "timestamps": times}))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def real_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.prometheus_with(tmp_path_factory.mktemp("prometheus"), openmetrics(world()), options=["--query.max-samples=20000"]) as url:
        yield url


@pytest.fixture(scope="module")
def real_victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.victoria_metrics(tmp_path_factory.mktemp("victoria")) as url:
        servers.import_lines(url, json_lines(world()))
        yield url


@pytest.fixture(params=["real_prometheus", "real_victoria"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text("sources: {}\n", encoding="utf-8")
    monkeypatch.setenv("ANALYTICS_ROOT", str(tmp_path))
    return tmp_path


def fetched(url: str, kind: str = "checks", start: pd.Timestamp | None = None, end: pd.Timestamp = NOW, **options: Any) -> pd.DataFrame:
    source = open_source("mine", {"kind": "prometheus", "url": url, **options}, root=Path())
    batches = [batch.rows for batch in source.fetch(start, end) if batch.kind == kind]
    columns = pa.concat_tables(batches).to_pandas()
    return columns.sort_values([name for name in ("service", "signal", "time") if name in columns]).reset_index(drop=True)


def test_every_raw_sample_arrives_with_its_true_time_and_gaps_stay_gaps(server: str) -> None:
    checks = fetched(server)
    assert len(checks) == 2 * MINUTES - len(GAP)
    for instance, samples in world()["probe_success"].items():
        mine = checks[checks["service"] == instance]
        np.testing.assert_array_equal(
            mine["time"].astype("datetime64[ms, UTC]").astype("int64"), [round(stamp * 1000) for stamp, _ in samples]
        )
    assert set(checks["region"]) == {"eu"}
    assert set(checks["monitor"]) == {"mine"}


def test_latency_is_in_ms_and_a_failed_check_has_none(server: str) -> None:
    checks = fetched(server)
    api = checks[checks["service"] == "api"].reset_index(drop=True)
    assert list(np.flatnonzero(api["state"] == "down")) == list(DOWN)
    assert api["latency_ms"].isna().sum() == len(DOWN)
    up = [minute for minute in range(MINUTES) if minute not in DOWN]
    np.testing.assert_array_equal(api["latency_ms"].dropna(), [minute % 97 + 1.0 for minute in up])
    assert api.loc[700, "status_code"] == 200
    assert pd.isna(api.loc[610, "status_code"])


def test_export_is_used_where_there_is_one(real_prometheus: str, real_victoria: str) -> None:
    for url, expected in ((real_prometheus, False), (real_victoria, True)):
        with closing(Api(url, headers={}, auth=None, timeout_s=10)) as api:
            assert api.streams("/api/v1/export", [("match[]", "up")]) is expected


def test_window_is_half_open(server: str) -> None:
    first = pd.Timestamp((START_S + 600) * 1000 + 123, unit="ms", tz="UTC")
    checks = fetched(server, start=first, end=first + pd.Timedelta("10min"), match='instance="shop"')
    assert (len(checks), checks["time"].iloc[0], checks["time"].iloc[-1]) == (10, first, first + pd.Timedelta("9min"))


def test_adjoining_windows_share_no_sample_and_lose_none(real_prometheus: str) -> None:
    edges = [None, pd.Timestamp((START_S + 900) * 1000 + 123, unit="ms", tz="UTC"), NOW]
    parts = [fetched(real_prometheus, start=low, end=high) for low, high in itertools.pairwise(edges) if high is not None]
    assert sum(map(len, parts)) == 2 * MINUTES - len(GAP)


def test_any_other_metric_by_selector_and_by_expression(server: str) -> None:
    options = {
        "preset": "none",
        "metrics": {
            "share_up": {"query": "avg by (region) (probe_success)", "unit": "ratio", "service": "region", "step_s": 300},
            "latency_ms": {"query": 'probe_duration_seconds{instance="shop"}', "unit": "s"},
        },
    }
    metrics = fetched(server, "metrics", start=pd.Timestamp(START_S, unit="s", tz="UTC"), **options)
    raw = metrics[metrics["signal"] == "latency_ms"]
    assert (len(raw), raw["value"].iloc[0], set(raw["unit"])) == (MINUTES - len(GAP), 1.0, {"ms"})
    evaluated = metrics[metrics["signal"] == "share_up"]
    assert set(evaluated["time"].astype("datetime64[ms, UTC]").astype("int64") % 300_000) == {0}
    assert evaluated["value"].min() == 0.5


def test_collecting_twice_stores_each_check_once(project: Path, server: str) -> None:
    options = {"kind": "prometheus", "url": server}
    half = pd.Timestamp("2026-03-02T00:00Z")
    one = collect("mine", options, root=project, now=half)
    two = collect("mine", options, root=project, now=NOW)
    three = collect("mine", options, root=project, now=NOW)
    assert one.n_new["checks"] + two.n_new["checks"] == 2 * MINUTES - len(GAP)
    assert two.n_repeated > 0
    assert three.sentence == "mine: nothing new"
    assert sum(len(store.read_raw(day)) for day in store.raw_days("mine", "checks")) == 2 * MINUTES - len(GAP)


def test_progress_tells_windows_done_of_all(real_prometheus: str, project: Path) -> None:
    said: list[str] = []
    collect("mine", {"kind": "prometheus", "url": real_prometheus}, root=project, now=NOW, progress=said.append)
    assert "window 1 of about" in said[0]
    assert len(said) > 3


class Flaky(BaseHTTPRequestHandler):
    """A service that fails while `Flaky.is_down`."""

    is_down = False

    def do_GET(self) -> None:
        self.send_response(500 if Flaky.is_down else 200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def flaky() -> Iterator[str]:
    service = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{service.server_port}"
    service.shutdown()
    service.server_close()
    thread.join()


def test_blackbox_probing_a_service_that_fails(project: Path, tmp_path: Path, flaky: str) -> None:
    with servers.blackbox(tmp_path) as exporter:
        config = f"""
scrape_configs:
  - job_name: blackbox
    scrape_interval: 500ms
    scrape_timeout: 500ms
    metrics_path: /probe
    params: {{module: [http_2xx]}}
    static_configs: [{{targets: ['{flaky}'], labels: {{region: here}}}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: '{exporter.removeprefix("http://")}'}}
"""
        with servers.prometheus(tmp_path, config=config) as url:
            for is_down in (False, True, False):
                Flaky.is_down = is_down
                recent = "probe_success[1600ms]"
                all_so = f"max_over_time({recent}) == 0" if is_down else f"min_over_time({recent}) == 1"
                servers.wait_for(url, f"{all_so} and count_over_time({recent}) > 1")
            collected = collect(
                "mine", {"kind": "prometheus", "url": url, "since": "2020-01-01"}, root=project, now=pd.Timestamp.now("UTC")
            )
    assert collected.n_refused == 0
    checks = pa.concat_tables([store.read_raw(day) for day in store.raw_days("mine", "checks")]).to_pandas()
    assert set(checks["service"]) == {flaky}
    assert set(checks["region"]) == {"here"}
    assert list(checks["state"].ne(checks["state"].shift())).count(True) == 3
    assert checks.loc[checks["state"] == "down", "latency_ms"].isna().all()
    assert checks.loc[checks["state"] == "up", "latency_ms"].between(0.01, 2000).all()
    assert set(checks.loc[checks["state"] == "down", "status_code"]) == {500}
