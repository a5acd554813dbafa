"""A lean HTTP/1.1 server protocol: whole requests in, whole responses out, one at a time a connection, maybe hours later.

A handler may take the body of some requests in pieces (``Streams``); responses are always whole.
Not here: paths and their meaning, TLS, compression, any header nobody asked for. The daemon's own port is on
aiohttp; this exists because a runtime talks to its environment twice an invocation, and the parser is then most of the cost.

Rules that hold here:

1. Nothing a client sends raises out of the protocol, and nothing it sends makes memory grow past the limits below.
2. Responses leave in the order of their requests; a pipelined request waits for the answer to the one before it.
3. No idle timeout: a client may sit in one request for as long as it likes.
4. A body is read to its end before it is answered, refusals included: clients write first and read then.
5. What comes byte for byte as the connection's last GET is that request (``began`` included), and is not parsed again: a runtime asks for
   each event in the same words.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, cast

import httptools

MAX_HEAD = 1024 * 1024 + 64 * 1024
"""Bytes of a request line with its headers, or of trailers. Runtime clients send an error's cause in a header of up to 1 MiB."""

READ_CHARGE = 256
"""Bytes that a read counts for, beyond its own, towards MAX_HEAD: headers dribbled in byte by byte are copied at each of them."""

EXPECT = b"expect"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES = {int(status): b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_LINE_BREAKS = bytes.maketrans(b"\r\n\0", b"   ")

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True, eq=False)
class Request:
    """One request, complete.

    path: as sent, query included. headers: as sent, in order, trailers last. body: decoded from its chunks; b"" when it was longer than the
    connection's limit, and then ``oversized``. size: bytes of the body that came, kept or not. head: how many headers came before the body.
    marked: it has one of ``Streams.stream_headers``. began: when its head was whole; seconds, monotonic.
    """

    method: bytes = b""
    path: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    oversized: bool = False
    size: int = 0
    head: int = 0
    marked: bool = False
    began: float = 0.0

    def header(self, name: bytes) -> bytes:
        """Value of the last header of that name (lower case), b"" where there is none."""
        return _find(self.headers, name)

    def trailer(self, name: bytes) -> bytes:
        """The same among the headers that came after the body."""
        return _find(self.headers[self.head :], name)


def _find(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes:
    for given, value in reversed(headers):
        if len(given) == len(name) and given.lower() == name:
            return value
    return b""


class Exchange:
    """The answer that a request is owed."""

    __slots__ = ("_connection",)

    def __init__(self, connection: HttpConnection | None) -> None:
        self._connection = connection

    @property
    def gone(self) -> bool:
        """Whether an answer would reach nobody: given already, or the client has hung up."""
        return self._connection is None or self._connection.closing

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send the answer; once, later calls and those to a client that has hung up do nothing. Line breaks in a value become spaces."""
        self.send(response(status, headers, body))

    def send(self, answer: bytes) -> None:
        """The same with an answer that is whole already (see ``response``)."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.send(self, answer)

    def hold(self, wanted: bool) -> None:
        """Read no more of the request's body for now, or go on."""
        if self._connection is not None:
            self._connection.hold(wanted)


class Handler(Protocol):
    """What a server does with its connections."""

    def admits(self, connection: HttpConnection) -> bool:
        """Whether this client may speak; if not it is hung up on before a byte is read."""
        ...

    def on_request(self, request: Request, exchange: Exchange) -> None:
        """A request is complete. The answer may come at once or at any later time. What it raises is our defect: 500."""
        ...

    def on_truncated(self, request: Request, exchange: Exchange) -> None:
        """The client ended in the middle of this request's body. It may still read an answer, given at once; then it is hung up on."""
        ...

    def on_closed(self, connection: HttpConnection) -> None:
        """An admitted connection is over."""
        ...


class Receiver(Protocol):
    """Where the body of one request goes, piece by piece. Nothing here raises."""

    def on_piece(self, piece: bytes) -> None:
        """Some of the body."""
        ...

    def on_end(self, request: Request) -> None:
        """All of it has come, and the trailers; the answer is owed now."""
        ...

    def on_cut(self) -> None:
        """The client ended before the body did. It may still read an answer, given at once."""
        ...


class Streams(Protocol):
    """Which bodies a handler wants in pieces: those of requests that carry one of some headers."""

    stream_headers: frozenset[bytes]
    """Their names, lower case."""

    def on_head(self, request: Request, exchange: Exchange) -> Receiver | None:
        """Such a request's head has come. None: treat it like any other."""
        ...


class HttpConnection(asyncio.Protocol):
    """One client. max_body: bytes of a request's body that are kept; longer ones are read and thrown away."""

    def __init__(self, handler: Handler, *, max_body: int, streams: Streams | None = None) -> None:
        self._handler = handler
        self._max_body = max_body
        self._streams = streams
        self._marks = frozenset() if streams is None else streams.stream_headers
        self._notable = {len(name) for name in (EXPECT, *self._marks)}
        self._receiver: Receiver | None = None
        self._held = False
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = (
            deque()
        )  # complete requests, each with whether the connection outlives it
        self._open: Exchange | None = None
        self._keep_alive = True
        self._choked = False  # the client does not read its answers
        self._paused = False
        self._unparsed = 0  # bytes fed since the parser last gave something back
        self._serving = False
        self._begun = 0  # requests of which the parser has seen the first byte, since it was fed last
        self._amid = False  # one of them is not whole yet
        self._plain = False  # the last that was whole is a GET with nothing to it
        self._known: tuple[bytes | None, Request] = (
            None,
            Request(),
        )  # the last that came alone in one piece, and was plain
        self._in_body = False
        self._expects = False
        self._request = Request()
        self._chunks: list[bytes] = []
        self._size = 0
        self._admitted = False
        self.transport: asyncio.Transport
        self.closing = False

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or hang up."""
        self.transport = cast("asyncio.Transport", transport)
        self._admitted = self._handler.admits(self)
        if not self._admitted:
            self.closing = True
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what has come, then answer what is complete."""
        if data == self._known[0] and not self._amid:
            self._waiting.append((self._known[1], True))
            self._serve()
            return
        refusal = self._parse(data)
        self._serve()
        if refusal and not self.closing:
            self._refuse(refusal)

    def _parse(self, data: bytes) -> int:
        """The status that it is refused with, 0 if it is not."""
        self._unparsed += len(data) + READ_CHARGE
        alone, self._begun = not self._amid, 0
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return HTTPStatus.BAD_REQUEST
        if self._unparsed > MAX_HEAD:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if alone and self._begun == 1 and not self._amid and self._plain:
            self._known = (data, self._waiting[-1][0])
        return 0

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio names it
        """Forget what was under way."""
        self.closing = True
        self._waiting.clear()
        self._open = None
        if not self._admitted:
            return
        if self._in_body:
            self._cut(Exchange(None))
        self._handler.on_closed(self)

    def eof_received(self) -> None:
        """The client will send no more; one that stopped in a body may still want to know what came of it."""
        if not self._in_body or self.closing:
            return
        exchange = Exchange(None)
        if self._receiver is None and not (self._open or self._waiting):
            self._open = exchange = Exchange(self)
        self._keep_alive = False
        self._cut(exchange)

    def _cut(self, exchange: Exchange) -> None:
        self._in_body = False
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.on_cut()
        else:
            self._handler.on_truncated(self._request, exchange)

    def pause_writing(self) -> None:
        """The client reads slower than we answer: no further answer until it does."""
        self._choked = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._choked = False
        self._serve()

    # what the parser calls

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._begun += 1
        self._amid = True

    def on_url(self, url: bytes) -> None:
        """A piece of the request line's target."""
        self._request.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer once the body has come."""
        self._request.headers.append((name, value))
        size = len(name)
        if size not in self._notable:
            return
        name = name.lower()
        if name == EXPECT:
            self._expects = value.lower() == b"100-continue"
        elif name in self._marks:
            self._request.marked = True

    def on_headers_complete(self) -> None:
        """The head is whole; clients that ask first whether they may send a body may."""
        self._unparsed = 0
        self._in_body = True
        request = self._request
        request.began = time.monotonic()
        request.method = self._parser.get_method()
        request.head = len(request.headers)
        if self._expects and self._open is None:
            self.transport.write(CONTINUE)
        if request.marked and self._streams is not None and not (self._open or self._waiting):
            exchange = Exchange(self)
            self._receiver = self._streams.on_head(request, exchange)
            self._open = exchange if self._receiver is not None else None

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unparsed = 0
        self._size += len(body)
        if self._receiver is not None:
            self._receiver.on_piece(body)
        elif self._size > self._max_body:
            self._chunks.clear()
        else:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unparsed = 0
        self._amid = False
        request, receiver = self._request, self._receiver
        request.size = self._size
        if receiver is None:
            request.oversized = self._size > self._max_body
            request.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            lasting = self._parser.should_keep_alive()
            self._plain = lasting and request.method == b"GET" and not (self._size or request.marked or self._expects)
            self._waiting.append((request, lasting))
        self._request, self._chunks, self._size, self._in_body, self._expects = Request(), [], 0, False, False
        self._receiver = None
        if receiver is not None:
            self._plain = False
            self._keep_alive = self._parser.should_keep_alive()
            receiver.on_end(request)

    # answering

    def send(self, exchange: Exchange, answer: bytes) -> None:
        """Write the answer to the open exchange and turn to the next request. For ``Exchange`` alone."""
        if self.closing or exchange is not self._open:
            return
        self._open = None
        self._held = False
        if self._keep_alive:
            self.transport.write(answer)
            self._serve()
        else:  # it has to be said: a client that asked for it may try its next request on this connection all the same (Node 20)
            self.transport.write(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            self._close()

    def _serve(self) -> None:
        """Hand out waiting requests while each is answered at once; stop reading while any has to wait."""
        if self._serving:
            return  # called from an answer given at once: the loop below goes on by itself, without recursion
        self._serving = True
        while self._waiting and not (self._open or self._choked or self.closing):
            request, self._keep_alive = self._waiting.popleft()
            self._open = exchange = Exchange(self)
            try:
                self._handler.on_request(request, exchange)
            except Exception as error:  # noqa: BLE001  # a defect of the handler must not take the listener down
                context = {"message": "defect in a request handler", "exception": error, "protocol": self}
                asyncio.get_running_loop().call_exception_handler(context)
                self._keep_alive = False
                exchange.respond(HTTPStatus.INTERNAL_SERVER_ERROR, (), b"")
        self._serving = False
        self._throttle()

    def hold(self, wanted: bool) -> None:
        """Stop reading, or go on. For ``Exchange`` alone."""
        self._held = wanted
        self._throttle()

    def _throttle(self) -> None:
        wanted = (self._held or bool(self._waiting)) and not self.closing
        if wanted != self._paused:
            self._paused = wanted
            if wanted:
                self.transport.pause_reading()
            elif not self.closing:
                self.transport.resume_reading()

    def _refuse(self, status: int) -> None:
        """Answer bytes that are no request, unless an answer is owed before it, and hang up."""
        if self._open is None:
            self.transport.write(response(status, (), b""))
        self._close()

    def _close(self) -> None:
        self.closing = True
        self.transport.close()


def one_line(value: bytes) -> bytes:
    """A header's value in which line breaks have become spaces, so that it is one header whatever it holds."""
    return value.translate(_LINE_BREAKS)


def response(status: int, headers: Headers, body: bytes) -> bytes:
    """An answer as it goes over the wire; one that is always the same is made once."""
    parts = [_STATUS_LINES[status]]
    for name, value in headers:
        parts += (name, b": ", one_line(value), b"\r\n")
    parts += (b"Content-Length: %d\r\n\r\n" % len(body), body)
    return b"".join(parts)
