"""Real servers on free loopback ports for the tests: started in a moment, ended with the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

__all__ = [
    "alertmanager",
    "blackbox",
    "free_port",
    "import_lines",
    "needs",
    "prometheus",
    "prometheus_with",
    "victoria_metrics",
    "wait_for",
]

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "victoria-metrics": "victoria-metrics",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "chromium": "chromium",
    "openssl": "openssl",
}
START_S = 30.0


def needs(*programs: str) -> None:
    """Skip the test where a program is missing, saying how to get it; fail where servers are required."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(sorted({PACKAGES[program] for program in missing}))
        said = f"{', '.join(missing)} is not installed: sudo apt-get install --no-install-recommends {packages}"
        if os.environ.get("ANALYTICS_REQUIRE_SERVERS") == "1":
            pytest.fail(said)
        pytest.skip(said)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _running(command: Sequence[str], ready: str, log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            _wait(process, ready, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    end = time.monotonic() + START_S
    with httpx.Client(trust_env=False, timeout=2) as client:
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            try:
                if client.get(ready).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # Not listening yet.
            time.sleep(0.05)
    raise RuntimeError(f"{process.args} did not become ready at {ready}:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def prometheus(folder: Path, *, config: str = "scrape_configs: []\n", options: Sequence[str] = ()) -> Iterator[str]:
    """A Prometheus over the blocks in `folder`/data; its address."""
    needs("prometheus")
    (folder / "prometheus.yml").write_text(config)
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={url.removeprefix('http://')}", *options,
    ]  # fmt: skip
    with _running(command, f"{url}/-/ready", folder / "prometheus.log"):
        yield url


@contextmanager
def prometheus_with(folder: Path, samples: str, *, options: Sequence[str] = ()) -> Iterator[str]:
    """A Prometheus that holds these samples (OpenMetrics text: seconds, series contiguous and ordered)."""
    needs("prometheus", "promtool")
    (folder / "samples.txt").write_text(samples + "# EOF\n")
    # One block per month instead of one per two hours: a thirtieth of the time.
    command = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--max-block-duration=720h",
        str(folder / "samples.txt"),
        str(folder / "data"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    with prometheus(folder, options=options) as url:
        yield url


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[str]:
    """An empty VictoriaMetrics; its address."""
    needs("victoria-metrics")
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        "victoria-metrics",
        f"-storageDataPath={folder / 'vm'}",
        "-retentionPeriod=100y",
        f"-httpListenAddr={url.removeprefix('http://')}",
    ]
    with _running(command, f"{url}/health", folder / "vm.log"):
        yield url


def import_lines(url: str, lines: str) -> None:
    """Put samples into VictoriaMetrics (JSON lines, ms) and make them visible at once."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        client.post(f"{url}/api/v1/import", content=lines).raise_for_status()
        client.get(f"{url}/internal/force_flush").raise_for_status()


@contextmanager
def blackbox(folder: Path) -> Iterator[str]:
    """A blackbox exporter with the module http_2xx; its address."""
    needs("prometheus-blackbox-exporter")
    (folder / "blackbox.yml").write_text(
        "modules:\n  http_2xx:\n    prober: http\n    timeout: 2s\n    http:\n      preferred_ip_protocol: ip4\n"
    )
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        "prometheus-blackbox-exporter",
        "--timeout-offset=0.1",
        f"--config.file={folder / 'blackbox.yml'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with _running(command, f"{url}/-/healthy", folder / "blackbox.log"):
        yield url


@contextmanager
def alertmanager(folder: Path, *, receiver: str, mail_port: int | None = None) -> Iterator[str]:
    """An Alertmanager that tells a webhook at once (and, where a port is given, a mail server on this machine); its address."""
    needs("prometheus-alertmanager")
    mail = (
        f"    email_configs: [{{to: ops@example.org, from: am@example.org, smarthost: '127.0.0.1:{mail_port}', require_tls: false}}]\n"
        if mail_port
        else ""
    )
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"
        f"receivers:\n  - name: test\n    webhook_configs: [{{url: '{receiver}', send_resolved: true}}]\n{mail}"
    )
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        "prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address=",
    ]  # fmt: skip
    with _running(command, f"{url}/-/ready", folder / "alertmanager.log"):
        yield url


def wait_for(url: str, query: str) -> None:
    """Wait until a query of a Prometheus gives something (its first scrape comes up to five seconds after the start)."""
    end = time.monotonic() + START_S
    with httpx.Client(trust_env=False, timeout=5) as client:
        while not client.get(f"{url}/api/v1/query", params={"query": query}).json()["data"]["result"]:
            if time.monotonic() > end:
                raise RuntimeError(f"{url} gave nothing for {query} within {START_S:g} s")
            time.sleep(0.1)
