"""A client of an HTTP protocol without a socket: bytes in, bytes out, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httptools
import orjson

from poller.wire.http import HttpConnection


class Reply:
    """One response."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error_type(self) -> str:
        return str(self.json["errorType"])


class Client(asyncio.Transport):
    """One connection. Responses are read in the order of requests."""

    def __init__(self, connection: HttpConnection) -> None:
        super().__init__({"peername": ("127.0.0.1", 4242)})
        self.connection = connection
        self.written = bytearray()
        self.reading = True
        self.closed = False
        connection.connection_made(self)

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.connection.connection_lost(None)

    def abort(self) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.connection.data_received(data)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply | None:
        """One request; its answer, or None if it has to wait."""
        self.send(head(method, path, None if body is None else len(body), headers) + (body or b""))
        return self.reply()

    def answer(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """The same where an answer must come at once."""
        reply = self.call(method, path, body, headers)
        assert reply is not None, f"{method} {path} has to wait"
        return reply

    def reply(self) -> Reply | None:
        """The next answer, if it has come."""
        if not self.written:
            return None
        reply = Reply()
        parser = httptools.HttpResponseParser(reply)
        parser.feed_data(bytes(self.written))
        assert reply.complete
        reply.status = parser.get_status_code()
        self.written.clear()
        return reply


def head(method: str, path: str, length: int | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
