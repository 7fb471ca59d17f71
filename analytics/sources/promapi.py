"""The HTTP API of Prometheus and those that speak it: asking politely, and saying clearly what came instead of an answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.sources.base import SourceError

if TYPE_CHECKING:
    import httpx

__all__ = ["Api", "Sampled", "TooMuch", "parse_export", "parse_matrix"]

BACKOFF_S = (0.5, 1.0, 2.0)
"""Pauses before the second, third and fourth attempt."""

_TOO_MUCH = re.compile(r"too many|exceed|maximum resolution|too large|timed out", re.IGNORECASE)
_SHOWN = 300


class TooMuch(SourceError):
    """The server refuses an answer of this size; ask for less."""


@dataclass(frozen=True)
class Sampled:
    """One series: its labels (with __name__ where the server gives it), times in ms since 1970, values."""

    labels: dict[str, str]
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


class Api:
    """One server. Repeats a request after failures that may pass (no connection, time-out, 5xx); explains all others."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        auth: tuple[str, str] | None,
        timeout_s: float,
        verify: bool | str = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(f"url '{url}' is no web address; expected for example http://localhost:9090")
        self.url = url.rstrip("/")
        self._is_local = _is_loopback(parts.hostname)
        self._options = {"headers": dict(headers), "auth": auth, "timeout": timeout_s, "verify": verify}
        self._timeout_s, self._sleep = timeout_s, sleep
        self._client: httpx.Client | None = None

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> bytes:
        """Body of a successful answer.

        Raises
        ------
        TooMuch
            If the server says that the answer would be too large.
        SourceError
            If there is no answer after several attempts, or one that does not help.
        """
        body, _ = self._answer(path, query)
        return body

    def streams(self, path: str, query: Sequence[tuple[str, str]]) -> bool:
        """Whether the server knows `path` and answers it line by line (as VictoriaMetrics does with its export)."""
        return "stream+json" in self._answer(path, query, missing_ok=True)[1]

    def _answer(self, path: str, query: Sequence[tuple[str, str]], *, missing_ok: bool = False) -> tuple[bytes, str]:
        """Body and content type; both empty where `missing_ok` and the server does not know the path."""
        import httpx

        problem = ""
        for pause in (*BACKOFF_S, None):
            try:
                response = self._connected().get(self.url + path, params=list(query))
            except httpx.TimeoutException:
                problem = f"no answer within {self._timeout_s:g} s"
            except (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                problem = str(error) or type(error).__name__
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
                raise SourceError(f"{self.url}{path}: {error}; is the url right?") from error
            else:
                if missing_ok and 400 <= response.status_code < 500:
                    return b"", ""
                problem = self._problem(response)
                if not problem:
                    return response.content, response.headers.get("content-type", "")
            if pause is not None:
                self._sleep(pause)
        raise SourceError(
            f"{self.url} did not answer after {len(BACKOFF_S) + 1} attempts: {problem}; is the server running, and is the url right?"
        )

    def get_json(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """The `data` of a successful answer."""
        return _decoded(self.get(path, query), self.url)["data"]

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> httpx.Client:
        import httpx

        if self._client is None:
            # A proxy of the environment does not lead to this machine; compressing costs more than a loopback saves.
            more = {"Accept-Encoding": "identity"} if self._is_local else {}
            options: dict[str, Any] = {**self._options, "headers": {**self._options["headers"], **more}}  # type: ignore[dict-item]
            self._client = httpx.Client(trust_env=not self._is_local, follow_redirects=True, **options)
        return self._client

    def _problem(self, response: httpx.Response) -> str:
        """Empty for a good answer, a sentence for a failure that may pass; any other failure is raised."""
        kind = response.headers.get("content-type", "").split(";")[0] or "nothing"
        status = response.status_code
        if status < 300 and kind != "text/html":
            return ""
        said = _error_text(response.content) if kind == "application/json" else response.text.strip()[:_SHOWN]
        if status >= 400 and _TOO_MUCH.search(said) and kind in ("application/json", "text/plain"):
            raise TooMuch(f"{self.url}: {said}")
        if status >= 500:
            return f"HTTP {status} {said[:_SHOWN]}"
        if status in (401, 403):
            raise SourceError(
                f"{self.url}: HTTP {status}, access denied; set token_env, or user_env and password_env, to names of environment variables"
            )
        if status >= 400 and kind == "application/json":
            raise SourceError(f"{self.url}: the server refuses the query: {said}")
        raise SourceError(f"{self.url}: answered {kind} with HTTP {status}, not Prometheus: is the url right?")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _error_text(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return body[:_SHOWN].decode("utf-8", "replace")
    return str(answer.get("error", answer))[:_SHOWN] if isinstance(answer, dict) else str(answer)[:_SHOWN]


def _decoded(body: bytes, where: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        raise SourceError(f"{where}: answered '{body[:60].decode('utf-8', 'replace')}', not JSON: is the url that of Prometheus?") from None
    if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:
        raise SourceError(
            f"{where}: answered JSON, but not as Prometheus does ({body[:120].decode('utf-8', 'replace')}): is the url right?"
        )
    return answer


_VALUES = b'"values":[['
_METRIC = b'{"metric":'


def parse_matrix(body: bytes, where: str) -> list[Sampled]:
    """Series of an answer of result type matrix.

    The samples are cut out of the text and read as a table of two columns, which costs a third of decoding them as JSON;
    an answer that is not written in the usual way, or holds infinite values, is decoded as JSON.
    """
    pieces = body.split(_VALUES)
    if len(pieces) == 1 or b"Inf" in body or b'"status":"success"' not in pieces[0]:
        return _decoded_matrix(body, where)
    texts, heads = [], [pieces[0]]
    for piece in pieces[1:]:
        values, end, rest = piece.partition(b"]]")
        if not end:
            raise SourceError(f"{where}: the answer is cut off after {len(body):,} bytes; ask again")
        texts.append(values)
        heads.append(rest)
    found = [json.loads(head[head.rindex(_METRIC) + len(_METRIC) :].rstrip().removesuffix(b",")) for head in heads[:-1]]
    counts = [text.count(b"],[") + 1 for text in texts]
    rows = b"],[".join(texts).replace(b'"],[', b"\n").replace(b',"', b",").removesuffix(b'"')
    table = _table(rows, {"time": pa.float64(), "value": pa.float64()})
    if len(table) != sum(counts):
        return _decoded_matrix(body, where)
    times = np.rint(table.column("time").to_numpy() * 1000).astype(np.int64)
    return _cut(found, counts, times, table.column("value").to_numpy())


def _table(rows: bytes, types: dict[str, pa.DataType]) -> pa.Table:
    import pyarrow.csv as pc

    return pc.read_csv(
        pa.BufferReader(rows + b"\n"),
        read_options=pc.ReadOptions(column_names=list(types), use_threads=False, block_size=max(len(rows) + 2, 1 << 16)),
        convert_options=pc.ConvertOptions(column_types=types),
    )


def _cut(found: list[dict[str, str]], counts: list[int], times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> list[Sampled]:
    ends = np.cumsum(counts).tolist()
    return [Sampled(labels, times[end - n : end], values[end - n : end]) for labels, n, end in zip(found, counts, ends, strict=True)]


def _decoded_matrix(body: bytes, where: str) -> list[Sampled]:
    data = _decoded(body, where)["data"]
    if data.get("resultType") != "matrix":
        raise SourceError(f"{where}: the query gives a {data.get('resultType')}, expected series over time")
    result = []
    for series in data["result"]:
        samples = series.get("values", [])
        times = np.rint(np.array([sample[0] for sample in samples], np.float64) * 1000).astype(np.int64)
        result.append(Sampled(series["metric"], times, np.array([float(sample[1]) for sample in samples], np.float64)))
    return result


def parse_export(body: bytes, where: str) -> list[Sampled]:
    """Series of VictoriaMetrics' /api/v1/export: JSON lines of metric, values and timestamps in ms."""
    found: list[dict[str, str]] = []
    values, times = [], []
    for line in body.splitlines():
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            raise SourceError(
                f"{where}: answered '{line[:60].decode('utf-8', 'replace')}', which is no export of VictoriaMetrics"
            ) from None
        found.append(record["metric"])
        values.append(np.array(record["values"], np.float64))
        times.append(np.array(record["timestamps"], np.int64))
    return [Sampled(labels, time, value) for labels, time, value in zip(found, times, values, strict=True)]
