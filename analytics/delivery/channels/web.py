"""Posting to the web: certificates verified, redirects refused, nothing secret in what is said about it."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from analytics.delivery.channels.base import ChannelError, Options, secret

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "WebOptions", "is_local", "place", "post", "shown", "trusted"]

READ_BYTES = 65_536
SHOWN = 200
PASSING = (408, 425, 429)
_mine = threading.local()


class WebOptions(Options):
    """Where to and how."""

    url: str | None = Field(None, description="address; where it is a secret itself, use url_env")
    url_env: str | None = Field(None, description="name of the environment variable that holds the address")
    token_env: str | None = Field(None, description="name of the environment variable that holds a bearer token")
    user_env: str | None = Field(None, description="name of the environment variable that holds a user's name")
    password_env: str | None = Field(None, description="name of the environment variable that holds the password")
    ca_file: str | None = Field(None, description="certificates to trust instead of the system's")

    @model_validator(mode="after")
    def _one_address(self) -> WebOptions:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("needs either url or url_env")
        if self.url is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("a url in params.yaml must hold no password; use user_env and password_env")
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("needs both user_env and password_env, or neither")
        return self

    def address(self) -> str:
        """The address, without a slash at its end."""
        found = (self.url if self.url is not None else secret(str(self.url_env))).rstrip("/")
        parts = urlsplit(found)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ChannelError(f"{self.url_env or 'url'} holds no web address; expected for example https://hooks.example/abc")
        if self._has_secret() and parts.scheme == "http" and not is_local(parts.hostname):
            raise ChannelError(f"{place(found)} would get a secret unencrypted; use https")
        return found

    def _has_secret(self) -> bool:
        return any((self.url_env, self.token_env, self.user_env))


@dataclass(frozen=True)
class Answer:
    """What came back: status, kind of content, the beginning of its text."""

    status: int
    kind: str
    text: str


def post(options: WebOptions, url: str, content: bytes, headers: dict[str, str]) -> Answer:
    """Post to `url`; the answer if the receiver accepts (2xx).

    Raises
    ------
    ChannelError
        With `may_pass` for no connection, no answer in time, 408, 425, 429 and 5xx; without for other refusals and for redirects, which
        are never followed: what is sent may be secret, and is meant for that address alone.
    """
    import httpx

    where = place(url)
    try:
        with _unlogged(), _client(options, url) as client, client.stream("POST", url, content=content, headers=headers) as response:
            answer = _read(response)
            wait = response.headers.get("retry-after", "")
    except httpx.TimeoutException:
        raise ChannelError(f"{where} did not answer within {options.timeout_s:g} s", may_pass=True) from None
    except httpx.TransportError as error:
        # The cause is told by its kind: its text may repeat what was sent.
        raise ChannelError(f"{where}: {_why(error)}", may_pass=not _is_certificate(error)) from None
    except httpx.InvalidURL:
        raise ChannelError(f"{where}: the address is not valid") from None
    _refuse(answer, where, wait, options)
    return answer


def _read(response: httpx.Response) -> Answer:
    text = b""
    for piece in response.iter_bytes():
        text += piece
        if len(text) >= READ_BYTES:
            break
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    return Answer(response.status_code, kind, text[:READ_BYTES].decode("utf-8", "replace"))


def _refuse(answer: Answer, where: str, wait: str, options: WebOptions) -> None:
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise ChannelError(f"{where} answers with a redirect (HTTP {answer.status}), which is not followed; set the address it leads to")
    said = f": {shown(answer, options)}" if answer.kind in ("application/json", "text/plain") and answer.text.strip() else ""
    hint = "; is the secret right?" if answer.status in (401, 403) else ""
    raise ChannelError(
        f"{where} refuses with HTTP {answer.status}{said}{hint}",
        may_pass=answer.status >= 500 or answer.status in PASSING,
        wait_s=float(wait) if wait.isascii() and wait.isdigit() else 0.0,
    )


def shown(answer: Answer, options: WebOptions) -> str:
    """The beginning of what a receiver says; it may repeat what it got, so secrets are blotted out."""
    text = " ".join(answer.text.split())
    for name in (options.url_env, options.token_env, options.password_env):
        if name and os.environ.get(name):
            text = text.replace(os.environ[name], "***")
    return text[:SHOWN]


def place(url: str) -> str:
    """Scheme and host of an address: its path may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def trusted(ca_file: str | None) -> ssl.SSLContext:
    """Certificates and host names are verified, always."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ChannelError(f"ca_file {ca_file}: {error.strerror or error}") from None


def _client(options: WebOptions, url: str) -> httpx.Client:
    import httpx

    return httpx.Client(
        verify=trusted(options.ca_file),
        # A proxy of the environment does not lead to this machine.
        trust_env=not is_local(urlsplit(url).hostname or ""),
        timeout=options.timeout_s,
        headers={"authorization": f"Bearer {secret(options.token_env)}"} if options.token_env else {},
        auth=(secret(options.user_env), secret(options.password_env)) if options.user_env and options.password_env else None,
    )


def _why(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); set ca_file if it is your own"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower() if cause.errno > 0 else "its name is unknown"
        cause = cause.__cause__ or cause.__context__
    return {"RemoteProtocolError": "it answers no HTTP", "ConnectError": "no connection"}.get(type(error).__name__, "the connection broke")


def _is_certificate(error: Exception) -> bool:
    return "certificate" in _why(error)


@contextmanager
def _unlogged() -> Iterator[None]:
    """httpx logs the address of each request, and an address may be a secret: not from here."""
    logger = logging.getLogger("httpx")
    if not any(isinstance(one, _NotMine) for one in logger.filters):
        logger.addFilter(_NotMine())
    _mine.is_sending = True
    try:
        yield
    finally:
        _mine.is_sending = False


class _NotMine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_mine, "is_sending", False)
