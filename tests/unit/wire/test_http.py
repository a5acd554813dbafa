"""The HTTP protocol under odd and hostile clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.wire.http import CONTINUE, MAX_HEAD, Exchange, HttpConnection, Receiver, Request
from tests.fakes.wire import Client, chunk, head


class Echo:
    """Answers at once with what came; streamed bodies are counted."""

    stream_headers = frozenset({b"x-stream"})

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.truncated = 0
        self.late: list[Exchange] = []
        self.streamed: list[Pieces] = []

    def admits(self, connection: HttpConnection) -> bool:
        return True

    def on_request(self, request: Request, exchange: Exchange) -> None:
        self.requests.append(request)
        if request.path == b"/late":
            self.late.append(exchange)
        elif request.path == b"/defect":
            raise RuntimeError("defect")
        else:
            exchange.respond(200, [(b"X", b"a\r\nb")], request.body)

    def on_truncated(self, request: Request, exchange: Exchange) -> None:
        self.truncated += 1

    def on_closed(self, connection: HttpConnection) -> None:
        pass

    def on_head(self, request: Request, exchange: Exchange) -> Receiver | None:
        if request.path == b"/whole":
            return None
        self.streamed.append(Pieces(exchange))
        return self.streamed[-1]


class Pieces:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.pieces: list[bytes] = []
        self.cut = False

    def on_piece(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def on_end(self, request: Request) -> None:
        self.exchange.respond(200, (), request.trailer(b"x-sum"))

    def on_cut(self) -> None:
        self.cut = True


@pytest.fixture
async def echo() -> Echo:
    return Echo()


def client(echo: Echo) -> Client:
    return Client(HttpConnection(echo, max_body=100, streams=echo))


async def test_line_breaks_in_a_value_make_no_header(echo: Echo) -> None:
    assert client(echo).answer("GET", "/").headers == {"X": "a  b", "Content-Length": "0"}


async def test_a_body_past_the_limit_is_read_and_thrown_away(echo: Echo) -> None:
    one = client(echo)
    assert one.answer("POST", "/", b"x" * 101).body == b""
    assert (echo.requests[0].oversized, echo.requests[0].size) == (True, 101)
    assert one.answer("POST", "/", b"x" * 100).body == b"x" * 100


async def test_pipelined_requests_are_answered_in_order_and_hold_the_client_back(echo: Echo) -> None:
    one = client(echo)
    one.send(head("GET", "/late") + head("POST", "/", 1) + b"2")
    assert (one.reply(), one.reading) == (None, False)
    echo.late[0].respond(200, (), b"1")
    assert one.written.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK")
    assert one.reading


async def test_a_client_that_asks_first_is_told_to_go_on(echo: Echo) -> None:
    one = client(echo)
    one.send(head("POST", "/", 2, {"Expect": "100-continue"}))
    assert one.written == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_a_connection_that_ends_says_so(echo: Echo) -> None:
    one = client(echo)
    reply = one.answer("GET", "/", None, {"Connection": "close"})
    assert reply.headers["Connection"] == "close"
    assert one.closed


async def test_junk_and_endless_heads_are_refused(echo: Echo) -> None:
    one = client(echo)
    one.send(b"\x16\x03\x01junk\r\n\r\n")
    reply = one.reply()
    assert reply is not None
    assert (reply.status, one.closed) == (400, True)
    two = client(echo)
    two.send(b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD)
    reply = two.reply()
    assert reply is not None
    assert (reply.status, two.closed) == (431, True)


async def test_a_defect_of_the_handler_is_500_and_reported(echo: Echo) -> None:
    seen: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: seen.append(context))
    one = client(echo)
    assert one.answer("GET", "/defect").status == 500
    assert isinstance(seen[0]["exception"], RuntimeError)
    assert one.closed


@pytest.mark.parametrize("end", [lambda one: one.connection.eof_received(), lambda one: one.close()])
async def test_a_body_that_breaks_off_is_told_once(echo: Echo, end: Callable[[Client], None]) -> None:
    one = client(echo)
    one.send(head("POST", "/", 10) + b"half")
    end(one)
    one.close()
    assert (echo.truncated, echo.requests) == (1, [])
    two = client(echo)
    two.send(head("POST", "/", 10, {"X-Stream": "1"}) + b"half")
    end(two)
    two.close()
    assert (echo.truncated, echo.streamed[0].cut) == (1, True)


@given(pieces=st.lists(st.binary(min_size=1, max_size=300), max_size=6), cuts=st.lists(st.integers(1, 400), max_size=8))
async def test_a_streamed_body_arrives_whole_however_it_is_cut(pieces: list[bytes], cuts: list[int]) -> None:
    echo = Echo()
    one = client(echo)
    wire = head("POST", "/", None, {"X-Stream": "1", "Transfer-Encoding": "chunked", "Trailer": "X-Sum"})
    wire += b"".join(map(chunk, pieces)) + b"0\r\nX-Sum: 7\r\n\r\n"
    for cut in cuts:
        one.send(wire[:cut])
        wire = wire[cut:]
    if wire:
        one.send(wire)
    reply = one.reply()
    assert reply is not None
    assert (reply.status, reply.body) == (200, b"7")
    assert b"".join(echo.streamed[0].pieces) == b"".join(pieces)
    assert one.answer("POST", "/whole", b"1", {"X-Stream": "1"}).body == b"1"


WORDS = [
    head("GET", "/"),
    head("GET", "/other"),
    head("GET", "/", None, {"Expect": "100-continue"}),
    head("POST", "/", 0),
    head("POST", "/", len(head("GET", "/"))) + head("GET", "/"),
    head("POST", "/", None, {"X-Stream": "1", "Transfer-Encoding": "chunked"}) + chunk(b"x") + b"0\r\n\r\n",
    b"\r\n",
]


def heard(pieces: list[bytes]) -> tuple[list[tuple[bytes, bytes, bytes]], int]:
    """What a connection makes of them: requests, streamed or not (which depends on what waits), and how often it tells to go on."""
    echo = Echo()
    one = client(echo)
    for piece in pieces:
        one.send(piece)
    whole = [(request.method, request.path, request.body) for request in echo.requests]
    streamed = [(b"POST", b"/", b"".join(each.pieces)) for each in echo.streamed]
    return sorted(whole + streamed), one.written.count(CONTINUE)


GET = WORDS[0]


@pytest.mark.parametrize(
    "said",
    [
        [GET, GET, GET],
        [GET, head("POST", "/", len(GET)), GET, GET],  # once it is a body
        [GET, GET[:5], GET[5:], GET],
        [WORDS[2], WORDS[2]],
        [WORDS[5], WORDS[5]],
        [GET, WORDS[5] + GET, WORDS[5] + GET],
    ],
)
async def test_the_same_words_are_not_always_the_same_request(said: list[bytes]) -> None:
    assert heard(said) == heard([bytes([byte]) for byte in b"".join(said)])


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(b"".join), max_size=8), st.data())
async def test_what_is_said_again_in_the_same_words_is_heard_again(said: list[bytes], data: st.DataObject) -> None:
    pieces = list(said)
    if pieces:  # one of them comes in two parts, or after nothing
        at = data.draw(st.integers(0, len(pieces) - 1))
        cut = data.draw(st.integers(0, len(pieces[at])))
        pieces[at : at + 1] = [pieces[at][:cut], pieces[at][cut:]]
    bytewise = [bytes([byte]) for byte in b"".join(said)]
    assert heard(pieces) == heard(bytewise)
