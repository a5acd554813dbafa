"""Telemetry on its way to listeners in this process, in virtual time: batching, retries, loss, replay, draining."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httptools
import pytest

from poller.execution.extensions.api import About, ExtensionsApi
from poller.execution.runtime_api import RuntimeApi
from poller.execution.telemetry import facts
from poller.execution.telemetry.api import TelemetryApi
from poller.execution.telemetry.buffer import PAYLOADS, Buffer
from poller.execution.telemetry.delivery import loopback
from poller.execution.telemetry.subscription import Destination, Subscription
from tests.fakes.wire import Client, Reply

TELEMETRY = "/2022-07-01/telemetry"
LOGS = "/2020-08-15/logs"


class Request:
    """What a listener received."""

    def __init__(self) -> None:
        self.head: dict[str, str] = {}
        self.body = b""
        self.path = ""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.path = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.head[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


class Listener:
    """The inside of an environment: what is dialled is answered here, over a pair of sockets."""

    def __init__(self) -> None:
        self.refusals = 0  # how many connections are still refused
        self.statuses: list[int] = []  # of the next answers; then 200
        self.silent = False
        self.old = False  # answers as Python's http.server does: HTTP/1.0, no length
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.ports: list[int] = []
        self.raw = b""
        self._tasks: set[asyncio.Task[None]] = set()

    async def dial(self, port: int) -> socket.socket:
        self.ports.append(port)
        if self.refusals:
            self.refusals -= 1
            raise ConnectionRefusedError
        ours, theirs = socket.socketpair()
        for one in (ours, theirs):
            one.setblocking(False)
        self._tasks.add(asyncio.create_task(self._serve(theirs)))
        return ours

    def types(self) -> list[list[str]]:
        return [[event["type"] for event in json.loads(request.body)] for request in self.requests]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, sock: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            request = Request()
            parser = httptools.HttpRequestParser(request)
            while data := await reader.read(65536):
                self.raw += data
                if not data.startswith((b"POST", b"PUT")) and not request.head:
                    continue
                parser.feed_data(data)
                if request.complete and not self.silent:
                    self.requests.append(request)
                    self.times.append(asyncio.get_running_loop().time())
                    if self.old:
                        writer.write(b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n")
                        break
                    status = self.statuses.pop(0) if self.statuses else 200
                    writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nOK" % status)
                    request = Request()
                    parser = httptools.HttpRequestParser(request)
        finally:
            writer.close()


class Scene:
    def __init__(self) -> None:
        self.listener = Listener()
        self.runtime = RuntimeApi(lambda _port: True)
        self.extensions = ExtensionsApi(About(function_name="f", function_version="1", handler="h"))
        self.telemetry = TelemetryApi(self.extensions, self.listener.dial)
        for api in (self.extensions, self.telemetry, self.telemetry.logs):
            self.runtime.serve(api)

    def client(self) -> Client:
        return Client(self.runtime.listener.connection())

    def identity(self, name: str = "watcher") -> dict[str, str]:
        headers = {"Lambda-Extension-Name": name}
        reply = self.client().answer("POST", "/2020-01-01/extension/register", b"{}", headers)
        return {"Lambda-Extension-Identifier": reply.headers["Lambda-Extension-Identifier"]}

    def subscribe(self, identity: dict[str, str], path: str = TELEMETRY, **more: Any) -> Reply:
        schema = "2022-07-01" if path == TELEMETRY else "2021-03-18"
        destination = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/in"}
        body = {"schemaVersion": schema, "types": ["platform", "function"], "destination": destination} | more
        return self.client().answer("PUT", path, json.dumps(body).encode(), identity)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.telemetry.close()
    await scene.listener.close()


def now() -> float:
    return asyncio.get_running_loop().time()


def line(text: str = "x") -> facts.FunctionLine:
    return facts.FunctionLine(record=text)


async def test_what_init_told_before_is_replayed_and_a_payload_leaves_when_its_time_is_up(scene: Scene) -> None:
    scene.telemetry.tell(facts.InitStart(), 1.0)
    scene.telemetry.tell(facts.ExtensionLine(record="not wanted"))
    began = now()
    reply = scene.subscribe(scene.identity())
    assert (reply.status, reply.body) == (200, b'"OK"')
    await asyncio.sleep(0.9)
    assert scene.listener.requests == []
    scene.telemetry.tell(line())
    await asyncio.sleep(0.2)
    assert scene.listener.types() == [["platform.initStart", "platform.telemetrySubscription", "function"]]
    assert scene.listener.times[0] - began == pytest.approx(1.0)
    (request,) = scene.listener.requests
    assert (request.path, request.head["Host"], request.head["Content-Type"]) == (
        "/in",
        "sandbox.localdomain:8080",
        "application/json",
    )
    assert len(request.head["Sequence-Id"]) == 44
    assert scene.listener.ports == [8080]


async def test_a_full_payload_leaves_at_once_and_the_connection_is_kept(scene: Scene) -> None:
    scene.subscribe(scene.identity(), types=["function"], buffering={"maxItems": 1000, "timeoutMs": 30000})
    began = now()
    for _ in range(2500):
        scene.telemetry.tell(line())
    await scene.telemetry.drain()
    assert [len(types) for types in scene.listener.types()] == [1000, 1000]
    assert now() == began
    assert len(scene.listener.ports) == 1


async def test_what_does_not_fit_is_dropped_and_counted(scene: Scene) -> None:
    scene.subscribe(scene.identity(), buffering={"maxItems": 1000, "timeoutMs": 30000})
    for _ in range(PAYLOADS * 1000 + 7):
        scene.telemetry.tell(line())
    await scene.telemetry.drain()
    events = [event for request in scene.listener.requests for event in json.loads(request.body)]
    (dropped,) = [event["record"] for event in events if event["type"] == "platform.logsDropped"]
    kept = sum(event["type"] == "function" for event in events)
    assert kept + dropped["droppedRecords"] == PAYLOADS * 1000 + 7
    assert dropped["droppedBytes"] == dropped["droppedRecords"] * len(json.dumps(events[-2]).replace(" ", ""))


async def test_a_subscriber_that_does_not_listen_yet_is_tried_again(scene: Scene) -> None:
    scene.listener.refusals = 5
    scene.listener.statuses = [503]
    scene.subscribe(scene.identity(), types=["function"])
    scene.telemetry.tell(line("one"))
    began = now()
    await scene.telemetry.drain(60)
    assert scene.listener.types() == [["function"], ["function"]]  # refused once, taken once
    assert 2.0 < now() - began < 8.0  # 0.1, 0.2, 0.4, 0.8, 1.6, 3.2: each up to a quarter shorter


async def test_a_payload_that_is_always_rejected_does_not_block_the_next(scene: Scene) -> None:
    scene.listener.statuses = [400] * 5
    scene.subscribe(scene.identity(), types=["function"])
    scene.telemetry.tell(line("bad"))
    await scene.telemetry.drain(60)
    scene.telemetry.tell(line("good"))
    await scene.telemetry.drain(60)
    assert [json.loads(request.body)[0]["record"] for request in scene.listener.requests] == ["bad"] * 5 + ["good"]


async def test_a_listener_that_hangs_up_after_its_answer_has_taken_the_payload(scene: Scene) -> None:
    scene.listener.old = True
    scene.subscribe(scene.identity(), types=["function"])
    for text in ("one", "two"):
        scene.telemetry.tell(line(text))
        await scene.telemetry.drain()
    assert [json.loads(request.body)[0]["record"] for request in scene.listener.requests] == ["one", "two"]
    assert len(scene.listener.ports) == 2


async def test_telling_never_waits_and_draining_is_bounded(scene: Scene) -> None:
    scene.listener.silent = True
    scene.subscribe(scene.identity())
    began = now()
    for _ in range(100_000):
        scene.telemetry.tell(line())
    assert now() == began
    await scene.telemetry.drain()
    assert now() - began == pytest.approx(1.0)


async def test_flush_delivers_before_the_time_is_up(scene: Scene) -> None:
    scene.subscribe(scene.identity(), types=["function"], buffering={"timeoutMs": 30000})
    scene.telemetry.tell(line())
    began = now()
    scene.telemetry.flush()
    await asyncio.sleep(0.01)
    assert scene.listener.times == [began]


async def test_tcp_gets_a_line_a_record(scene: Scene) -> None:
    scene.subscribe(scene.identity(), types=["function"], destination={"protocol": "TCP", "port": 9000})
    for text in ("one", "two"):
        scene.telemetry.tell(line(text))
    await scene.telemetry.drain()
    await asyncio.sleep(0.01)
    assert [json.loads(one)["record"] for one in scene.listener.raw.splitlines()] == ["one", "two"]
    assert scene.listener.ports == [9000]


async def test_subscribing_twice_alike_is_once_and_otherwise_the_last_counts(scene: Scene) -> None:
    identity = scene.identity()
    for types in (["function"], ["function"], ["platform"]):
        assert scene.subscribe(identity, types=types).status == 200
    scene.telemetry.tell(line())
    await scene.telemetry.drain()
    assert scene.listener.types() == [["platform.telemetrySubscription", "platform.telemetrySubscription"]]


@pytest.mark.parametrize(("path", "api", "prefix"), [(TELEMETRY, "Telemetry", ""), (LOGS, "Logs", "Logs.")])
async def test_refusals(scene: Scene, path: str, api: str, prefix: str) -> None:
    identity = scene.identity()
    assert scene.subscribe({}, path).error_type == "Extension.MissingExtensionIdentifier"
    refused = scene.subscribe(identity, path, types=[])
    assert (refused.status, refused.error_type) == (400, f"{prefix}ValidationError")
    assert scene.client().answer("POST", path, b"", identity).status == 404
    assert scene.client().answer("PUT", path + "/x", b"", identity).status == 404
    scene.telemetry.close_subscriptions()
    closed = scene.subscribe(identity, path)
    assert (closed.status, closed.error_type) == (403, f"{api}.SubscriptionClosed")
    assert closed.json["errorMessage"] == f"{api} API subscription is closed"


async def test_an_environment_uses_one_of_the_two_apis(scene: Scene) -> None:
    assert scene.subscribe(scene.identity("a"), LOGS).status == 200
    assert scene.subscribe(scene.identity("b"), TELEMETRY).error_type == "ValidationError"
    scene.telemetry.tell(line())
    await scene.telemetry.drain()
    assert scene.listener.types() == [["platform.logsSubscription", "function"]]


async def test_after_a_reset_everything_begins_anew(scene: Scene) -> None:
    scene.subscribe(scene.identity())
    scene.telemetry.close_subscriptions()
    scene.runtime.reset()
    scene.telemetry.tell(facts.InitStart(phase="invoke"))
    assert scene.subscribe(scene.identity(), types=["platform"]).status == 200
    await scene.telemetry.drain()
    assert scene.listener.types() == [["platform.initStart", "platform.telemetrySubscription"]]


async def test_without_subscribers_a_fact_is_forgotten_once_init_is_over(scene: Scene) -> None:
    scene.telemetry.close_subscriptions()
    scene.telemetry.tell(line())
    await scene.telemetry.drain()
    assert scene.telemetry._init == []


async def test_loopback_dials_this_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = await loopback(server.getsockname()[1])
        assert sock.getpeername() == server.getsockname()
        sock.close()
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await loopback(port)


def test_a_payload_may_pass_max_bytes_by_one_record() -> None:
    limits = Subscription(
        schema="2022-07-01",
        types=("function",),
        destination=Destination(port=1),
        max_items=1000,
        max_bytes=100,
        timeout_seconds=1,
    )
    buffer = Buffer(limits)
    assert buffer.due() is None
    buffer.add(b"x" * 60, 5.0)
    assert buffer.due() == 6.0
    buffer.add(b"x" * 60, 5.5)
    assert buffer.due() == 0.0
    buffer.add(b"x" * 60, 5.5)
    assert [len(buffer.take()), len(buffer.take()), len(buffer.take())] == [2, 1, 0]
    assert buffer.take_loss() is None
    buffer.add(b"x" * 201, 6.0)
    loss = buffer.take_loss()
    assert loss is not None
    assert (loss.records, loss.size) == (1, 201)
