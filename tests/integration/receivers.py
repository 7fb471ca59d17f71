"""Receivers on this machine that behave as a test says: web servers, mail servers, and certificates for both."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.integration import servers

__all__ = ["Got", "Web", "certificate", "mail", "until", "web"]


@dataclass
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Web:
    """What a web server got, and what it does next: each entry of `script` answers one request, then all are accepted.

    An entry is a status; a triple of status, headers and body; bytes that are written as they are, or an iterator of such; or a function
    that is called first.
    """

    url: str = ""
    got: list[Got] = field(default_factory=list)
    script: list[Any] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def hang(self) -> None:
        self.released.wait(30)

    def drip(self) -> Iterator[bytes]:
        """An answer that never ends, a few bytes at a time."""
        yield b"HTTP/1.1 200 OK\r\n"
        while not self.released.wait(0.02):
            yield b"x: y\r\n"


@contextmanager
def web(*, context: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A web server that notes what is posted to it."""
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            state.got.append(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            _answer(self, state.script.pop(0) if state.script else 200)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # A client that was killed or refuses our certificate.

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        state.url = f"http{'s' if context else ''}://localhost:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.released.set()
            server.shutdown()
            thread.join()


def _answer(handler: BaseHTTPRequestHandler, step: Any) -> None:
    if callable(step):
        step()
        step = 200
    if isinstance(step, bytes | Iterator):
        for piece in [step] if isinstance(step, bytes) else step:
            handler.wfile.write(piece)
        handler.close_connection = True
        return
    status, headers, body = step if isinstance(step, tuple) else (step, {}, b"")
    handler.send_response(status)
    for name, value in {"content-length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def mail(*, context: ssl.SSLContext | None = None, is_tls: bool = False, login: tuple[str, str] | None = None) -> Iterator[Any]:
    """A mail server; `got` are its messages as (sender, receivers, bytes), `refuse` maps a receiver to an answer."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    class Handler:
        def __init__(self) -> None:
            self.got: list[tuple[str, list[str], bytes]] = []
            self.refuse: dict[str, str] = {}
            self.port = 0

        async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
            if address in self.refuse:
                return self.refuse[address]
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            self.got.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
            return "250 OK"

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        return AuthResult(success=(data.login.decode(), data.password.decode()) == login, handled=False)

    handler = Handler()
    options: dict[str, Any] = {"ssl_context": context} if is_tls else {}
    if context is not None and not is_tls:
        options |= {"tls_context": context, "require_starttls": True}
    if login is not None:
        options |= {"authenticator": check, "auth_required": True, "auth_require_tls": not is_tls}
    controller = Controller(handler, hostname="127.0.0.1", port=servers.free_port(), **options)
    controller.start()
    handler.port = controller.port
    try:
        yield handler
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that nobody trusts unless told, and a server's context with it."""
    servers.needs("openssl")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def until(is_so: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found
