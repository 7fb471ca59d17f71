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

from analytics.sources.base import Progress, SourceError, silent
from analytics.sources.promanswers import NotWhole, Read

if TYPE_CHECKING:
    import httpx

__all__ = ["Api", "TooMuch"]

BACKOFF_S = (0.5, 1.0, 2.0)
"""Pauses before the second, third and fourth attempt."""

MAX_WAIT_S = 120.0
"""A server that wants to be left alone for longer (Retry-After) is given up for this run."""

MAY_PASS = (408, 429)
"""Statuses below 500 that say nothing about the request: asked too slowly, asked too often."""

WHOLE = (("partial_response", "false"), ("deny_partial_response", "1"))
"""Thanos and clusters of VictoriaMetrics shall say so, rather than answer with what a part of them knows; others do not mind."""

_TOO_MUCH = re.compile(r"too many|exceed|maximum resolution|too large|timed out", re.IGNORECASE)
_SHOWN = 300


class TooMuch(SourceError):
    """The server refuses an answer of this size; ask for less."""


class _Passing(Exception):
    """A failure that may pass; `wait_s`: for how long the server wants to be left alone."""

    def __init__(self, text: str, wait_s: float = 0.0, *, remedy: str = "is the server running, and is the url right?") -> None:
        super().__init__(text)
        self.wait_s, self.remedy = wait_s, remedy


@dataclass(frozen=True)
class _Answer:
    """What came: HTTP status, content type, seconds of Retry-After, body."""

    status: int
    kind: str
    wait_s: float
    body: bytes

    @property
    def said(self) -> str:
        """The body as what a person is told of it."""
        return _error_text(self.body) if self.kind == "application/json" else self.body.decode("utf-8", "replace").strip()[:_SHOWN]


class Api:
    """One server. Repeats a request after failures that may pass (no or no whole answer, 5xx, asked too often); explains all others."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        auth: tuple[str, str] | None,
        timeout_s: float,
        verify: bool | str = True,
        sleep: Callable[[float], None] = time.sleep,
        say: Progress = silent,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(f"url '{url}' is no web address; expected for example http://localhost:9090")
        self.url = url.rstrip("/")
        self._is_local = _is_loopback(parts.hostname)
        self._options = {"headers": dict(headers), "auth": auth, "timeout": timeout_s, "verify": verify}
        self._timeout_s, self._sleep, self._say = timeout_s, sleep, say
        self._client: httpx.Client | None = None

    def get(self, path: str, query: Sequence[tuple[str, str]], read: Read) -> Any:
        """What `read` makes of a successful answer.

        Raises
        ------
        TooMuch
            If the server says that the answer would be too large.
        SourceError
            If there is no whole answer after several attempts, or one that does not help.
        """
        return self._persistently(lambda: read(self._ask(path, query).body, self.url, self._say))

    def streams(self, path: str, query: Sequence[tuple[str, str]]) -> bool:
        """Whether the server knows `path` and answers it line by line (as VictoriaMetrics does with its export)."""
        return "stream+json" in self._persistently(lambda: self._ask(path, query, missing_ok=True).kind)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _persistently(self, ask: Callable[[], Any]) -> Any:
        problem = _Passing("")
        for attempt, pause in enumerate((*BACKOFF_S, 0.0), start=1):
            try:
                return ask()
            except _Passing as error:
                problem = error
            except NotWhole as error:
                problem = _Passing(str(error).removeprefix(f"{self.url}: "), remedy="collect again once the server is whole")
            if attempt > len(BACKOFF_S) or problem.wait_s > MAX_WAIT_S:
                break
            self._sleep(max(pause, problem.wait_s))
        raise SourceError(f"{self.url} did not answer after {attempt} attempt{'s' * (attempt > 1)}: {problem}; {problem.remedy}")

    def _ask(self, path: str, query: Sequence[tuple[str, str]], *, missing_ok: bool = False) -> _Answer:
        """One attempt; with `missing_ok`, an answer too that the server does not know the path."""
        import httpx

        try:
            answer = self._received(path, query)
        except httpx.TimeoutException:
            raise _Passing(f"no answer within {self._timeout_s:g} s") from None
        except (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.DecodingError) as error:
            raise _Passing(str(error) or type(error).__name__) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise SourceError(f"{self.url}{path}: {error}; is the url right?") from error
        if answer.status in MAY_PASS:
            raise _Passing(f"HTTP {answer.status} {answer.said}", answer.wait_s)
        if not (missing_ok and 400 <= answer.status < 500):
            self._refuse(answer)
        return answer

    def _received(self, path: str, query: Sequence[tuple[str, str]]) -> _Answer:
        """An answer that came whole in time: the client's own limit is one for each piece, and a server that drips never meets it."""
        import httpx

        until = time.monotonic() + self._timeout_s
        with self._connected().stream("GET", self.url + path, params=[*query, *WHOLE]) as response:
            pieces = []
            for piece in response.iter_bytes():
                pieces.append(piece)
                if time.monotonic() > until:
                    raise httpx.ReadTimeout(f"{len(pieces)} pieces came", request=response.request)
            kind = response.headers.get("content-type", "").split(";")[0] or "nothing"
            wait = response.headers.get("retry-after", "")
            return _Answer(response.status_code, kind, float(wait) if wait.isdecimal() else 0.0, b"".join(pieces))

    def _connected(self) -> httpx.Client:
        import httpx

        if self._client is None:
            # A proxy of the environment does not lead to this machine; compressing costs more than a loopback saves.
            more = {"Accept-Encoding": "identity"} if self._is_local else {}
            options: dict[str, Any] = {**self._options, "headers": {**self._options["headers"], **more}}  # type: ignore[dict-item]
            self._client = httpx.Client(trust_env=not self._is_local, follow_redirects=True, **options)
        return self._client

    def _refuse(self, answer: _Answer) -> None:
        """Raise unless the answer is a good one."""
        status, kind, said = answer.status, answer.kind, answer.said if answer.status >= 400 else ""
        if status < 300 and kind != "text/html":
            return
        if status >= 400 and _TOO_MUCH.search(said) and kind in ("application/json", "text/plain"):
            raise TooMuch(f"{self.url}: {said}")
        if status >= 500:
            raise _Passing(f"HTTP {status} {said}", answer.wait_s)
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
