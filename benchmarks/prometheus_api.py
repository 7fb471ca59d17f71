"""50 series x 30 days x 1 min from a real Prometheus, CPU of the client. Must: every sample, none in the gap, 5 CPU seconds.

Only where `prometheus` and `promtool` are installed; with `--size M`.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import measure
import numpy as np
import pandas as pd
import worlds
from figures import Figure

from analytics.sources import collect

TARGETS = 25  # each with two series: up or not, and how long it took
MINUTES = 30 * 1440
GAP = range(1000, 1360)
START_S = 1_772_323_200  # 2026-03-01 00:00 UTC
READY_S = 60


def run(work: Path) -> list[Figure]:
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        print("prometheus: skipped, it is not installed (sudo apt-get install --no-install-recommends prometheus)")
        return []
    rows = TARGETS * (MINUTES - len(GAP))
    _fill(work)
    with _server(work) as url, worlds.opened(work / "project") as root:

        def ours() -> None:
            shutil.rmtree(root / "data", ignore_errors=True)
            options = {"kind": "prometheus", "url": url, "preset": "blackbox"}
            found = collect.collect("p", options, root=root, now=pd.Timestamp("2026-04-02", tz="UTC"))
            if found.n_new != {"checks": rows}:
                raise RuntimeError(f"expected {rows} checks, got {found.n_new}")

        costs = measure.in_turns({"ours": ours}, repeats=3)["ours"]
    middle = measure.median_cost(costs)
    return [
        Figure("prometheus, client", middle.cpu_s, "CPU s", 5, False, False, middle.cpu_s, middle.wall_s, repeats=3, load=measure.load())
    ]


def _fill(work: Path) -> None:
    rng = np.random.default_rng(0)
    minutes = np.setdiff1d(np.arange(MINUTES), np.array(GAP))
    with (work / "samples.txt").open("w") as file:
        for metric in ("probe_success", "probe_duration_seconds"):
            file.write(f"# TYPE {metric} gauge\n")
            for target in range(TARGETS):
                values = (
                    np.ones(len(minutes))
                    if metric == "probe_success"
                    else np.round(0.1 * np.exp(0.2 * rng.standard_normal(len(minutes))), 5)
                )
                key = f'{metric}{{instance="svc-{target:04d}",job="blackbox"}}'
                file.writelines(f"{key} {value:g} {START_S + 60 * int(minute)}\n" for minute, value in zip(minutes, values, strict=True))
        file.write("# EOF\n")
    # One block a month instead of one every two hours: a thirtieth of the time.
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h", "samples.txt", "data"]
    subprocess.run(command, cwd=work, check=True, capture_output=True)


@contextmanager
def _server(work: Path) -> Iterator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    (work / "prometheus.yml").write_text("scrape_configs: []\n")
    options = [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
    ]
    with (work / "server.log").open("wb") as log, subprocess.Popen(["prometheus", *options], cwd=work, stdout=log, stderr=log) as process:
        try:
            _wait(f"http://{address}/-/ready")
            yield f"http://{address}"
        finally:
            process.terminate()


def _wait(url: str) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"prometheus was not ready within {READY_S} s")
