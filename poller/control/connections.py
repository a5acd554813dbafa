"""The connections of the daemon's port: how many, how slow they may be, and TLS.

Headers have a minute from the connection's start or its last answer (aiohttp's keep-alive clock); bodies are the business of their readers.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError

from poller.aio.inherited import agreed
from poller.settings.model import TlsSettings

MOST_CONNECTIONS = 1000
"""At once. A thousand idle ones take about 40 MB."""
IDLE_SECONDS = 60.0
"""Until a connection on which no whole request head has come is closed."""
HANDSHAKE_SECONDS = 10.0
HEADER_BYTES = 64 * 1024
"""Of one header line, and of the request line: tags to be removed stand in the query. AWS takes 1 MB of all headers together."""


class _Ours(logging.Filter):
    """Tells what went wrong with us, not what came in that is no HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_LOGGER = logging.getLogger(__name__)
_LOGGER.addFilter(_Ours())

OPTIONS: dict[str, Any] = {
    "access_log": None,
    "auto_decompress": False,  # what is signed is what was sent, and nothing unpacks to more than was counted
    "handle_signals": False,
    "keepalive_timeout": IDLE_SECONDS,
    "logger": _LOGGER,
    "max_field_size": HEADER_BYTES,
    "max_line_size": HEADER_BYTES,
    "shutdown_timeout": 1.0,
}
"""For aiohttp's runner."""

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Busy(asyncio.Protocol):
    """A connection too many: told so, and closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - asyncio's servers make no others
        transport.write(_BUSY)
        transport.close()


def bounded(server: web.Server) -> Callable[[], asyncio.BaseProtocol]:
    """What makes the protocol of each new connection."""
    return lambda: server() if len(server.connections) < MOST_CONNECTIONS else _Busy()


def reached(request: web.Request) -> str:
    """URL of the port as whoever asks has it: a port that listens everywhere, or behind others, has no address of its own to tell."""
    host = request.headers.get("Host")
    if not host:  # HTTP/1.0
        address, port, *_ = request.get_extra_info("sockname")
        host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return f"{request.scheme}://{host}"


def place(host: str, port: int, given: socket.socket | None, key: str) -> dict[str, Any]:
    """Where a server is to listen, as asyncio takes it: the socket that was given, which must be at that address, or one of its own.

    key: of the configuration, which says the address. Raises InheritedError. A copy listens, so that what was given outlives the server.
    """
    if given is None:
        return {"host": host, "port": port}
    agreed(given, host, port, key)
    return {"sock": given.dup()}


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """For a server. A client's certificate is asked for where there is a client_ca, and whoever needs one looks whether it came.

    Raises OSError or ssl.SSLError (one of its kind) when the files are not what they should be.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load(context, tls)
    if tls.client_ca:
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def load(context: ssl.SSLContext, tls: TlsSettings) -> None:
    """Let a context show the certificate as it is now, and take clients' of client_ca beside those it takes. Raises as ``tls_context``."""
    context.load_cert_chain(tls.certificate, tls.private_key, password=_no_password)
    if tls.client_ca:
        context.load_verify_locations(tls.client_ca)


def _no_password() -> str:
    """Without this OpenSSL would ask the terminal, and wait."""
    return ""
