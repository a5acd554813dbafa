"""Functions that run elsewhere: a server that does whatever a test asks, and two real ones, AWS's emulator and MiniStack."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import time
import zipfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.session import AioSession
from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from poller.execution.contract import Elsewhere, FunctionSpec, Health, Invocation, Opening, Result, Status
from poller.execution.remote import RemoteDriver
from poller.execution.remote.server import aws
from poller.observe.events import Fact, RemoteFailedError
from tests import servers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Driven = Callable[..., "Remote"]

KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "secret", "session_token": "token"}


class Remote:
    """A function behind a driver of its own."""

    def __init__(self, url: str, *, timeout: float = 20.0, **where: Any) -> None:
        self.facts: list[Fact] = []
        self.driver = RemoteDriver(self.facts.append)
        elsewhere = Elsewhere(url=url, **{"function": "orders", "region": "us-east-1", **where})
        self.spec = FunctionSpec(
            name="orders",
            version="$LATEST",
            arn="arn:aws:lambda:us-east-1:000000000000:function:orders",
            task_root="",
            runtime="",
            handler="",
            timeout_seconds=timeout,
            memory_mb=128,
            elsewhere=elsewhere,
        )

    async def invoke(self, event: Any = None, **more: Any) -> Result:
        environment = self.driver.environment(self.spec)
        await environment.start()
        invocation = Invocation(
            request_id="r", payload=json.dumps(event or {}).encode(), function_arn=self.spec.arn, **more
        )
        try:
            return await environment.invoke(invocation)
        finally:
            await environment.stop()

    @property
    def health(self) -> Health:
        health = self.driver.health("orders")
        assert health is not None
        return health

    @property
    def failures(self) -> list[str]:
        return [fact.kind for fact in self.facts if isinstance(fact, RemoteFailedError)]


@pytest.fixture
async def remote() -> AsyncIterator[Driven]:
    """Make a ``Remote``; its connections are closed at the end."""
    made: list[Remote] = []

    def make(url: str, **options: Any) -> Remote:
        made.append(Remote(url, **options))
        return made[-1]

    yield make
    for one in made:
        await one.driver.close()


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server whose every answer is the handler's; its URL."""
    app = web.Application(client_max_size=10 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def lambda_answer(body: bytes = b'"ok"', headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=body, headers={"X-Amz-Executed-Version": "7", **(headers or {})})


async def test_the_request_is_lambda_s_own(remote: Driven) -> None:
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        return lambda_answer(headers={"X-Amz-Log-Result": base64.b64encode(b"START\nEND").decode()})

    arn = "arn:aws:lambda:us-east-1:000000000000:function:orders"
    async with serving(handler) as url:
        result = await remote(url, function=arn, qualifier="$LATEST").invoke(
            {"a": 1}, tail=True, trace_id="Root=1", client_context='{"c": 1}'
        )
    [(method, path, headers, body)] = seen
    quoted = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aorders"
    assert (method, path) == ("POST", f"/2015-03-31/functions/{quoted}/invocations?Qualifier=%24LATEST")
    assert body == b'{"a": 1}'
    assert (headers["X-Amz-Log-Type"], headers["X-Amzn-Trace-Id"]) == ("Tail", "Root=1")
    assert base64.b64decode(headers["X-Amz-Client-Context"]) == b'{"c": 1}'
    assert "Authorization" not in headers
    assert (result.status, result.payload, result.request_id) == (Status.SUCCESS, b'"ok"', "r")
    assert (result.executed_version, result.log_tail) == ("7", b"START\nEND")


async def test_with_keys_the_request_is_signed_as_aws_reads_it(remote: Driven) -> None:
    """What arrives is signed anew from its own parts; the signatures agree only if nothing was changed on the way."""
    verdicts: list[bool] = []

    async def handler(request: web.Request) -> web.Response:
        given = request.headers["Authorization"]
        names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        again = AWSRequest("POST", f"http://{request.host}{request.raw_path}", data=await request.read())
        for name in names:
            again.headers[name] = request.headers[name]
        again.context["timestamp"] = request.headers["X-Amz-Date"]
        credentials = Credentials(KEYS["access_key_id"], KEYS["secret_access_key"], KEYS["session_token"])
        signer = SigV4Auth(credentials, "lambda", "eu-west-1")
        signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        verdicts.append(given.endswith(f"Signature={signature}") and "/eu-west-1/lambda/aws4_request" in given)
        return lambda_answer()

    async with serving(handler) as url:
        arn = "arn:aws:lambda:eu-west-1:000000000000:function:orders"
        result = await remote(url, function=arn, qualifier="live", region="eu-west-1", **KEYS).invoke({"é": "ü"})
    assert result.ok
    assert verdicts == [True]


async def test_without_keys_for_aws_itself_nothing_is_sent(remote: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    function = remote("", region="eu-west-1")
    result = await function.invoke()
    assert (result.status, result.error_type) == (Status.FAILURE, "Remote.Unreachable")
    assert function.health.trouble.endswith("no AWS credentials are to be found to sign with")


@pytest.mark.parametrize(("region", "url"), [
    ("eu-west-1", "https://lambda.eu-west-1.amazonaws.com"),
    ("us-gov-west-1", "https://lambda.us-gov-west-1.amazonaws.com"),
    ("cn-north-1", "https://lambda.cn-north-1.amazonaws.com.cn"),
    ("us-isob-east-1", "https://lambda.us-isob-east-1.sc2s.sgov.gov"),
])  # fmt: skip
def test_aws_itself_is_where_botocore_finds_it(region: str, url: str) -> None:
    assert aws(region) == url


async def test_a_throttled_invocation_is_asked_again_until_it_is_taken(remote: Driven) -> None:
    answers = iter([web.Response(status=429), web.Response(status=429, headers={"Retry-After": "0"}), lambda_answer()])

    async def handler(request: web.Request) -> web.Response:
        return next(answers)

    async with serving(handler) as url:
        function = remote(url)
        assert (await function.invoke()).ok
    assert function.failures == []


async def test_a_server_that_only_throttles_is_a_failure_when_the_time_is_up(remote: Driven) -> None:
    asked = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=429, headers={"Retry-After": "600"} if asked > 1 else {})

    async with serving(handler) as url:
        function = remote(url, timeout=1.0)
        result = await function.invoke()
    assert (result.status, result.error_type) == (Status.FAILURE, "TooManyRequestsException")
    assert function.health.trouble == f"{url} throttled for 1 s; attempts: 2"
    assert function.failures == ["throttled"]


async def test_a_slow_server_is_a_timeout(remote: Driven) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"X-Amz-Executed-Version": "1"})
        await response.prepare(request)
        while True:  # always something, never the whole
            await response.write(b" ")
            await asyncio.sleep(0.05)

    async with serving(handler) as url:
        function = remote(url, timeout=1.0)
        result = await function.invoke()
    assert result.status is Status.TIMEOUT
    assert json.loads(result.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"no answer from {url} within 1 s",
    }
    assert result.duration_ms >= 1000
    assert function.failures == ["timeout"]


async def test_an_answer_without_end_is_not_read_to_its_end(remote: Driven) -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"X-Amz-Executed-Version": "1"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while sent < 100 * 1024 * 1024:
                await response.write(b"x" * 65536)
                sent += 65536
        return response

    async with serving(handler) as url:
        result = await remote(url).invoke()
    assert (result.status, result.error_type) == (Status.ERROR, "Function.ResponseSizeTooLarge")
    assert sent < 50 * 1024 * 1024


RUBBISH = [
    b"",
    b"\x00\xff\xfe junk",
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-Amz-Executed-Version: 1\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Amz-Executed-Version: 1\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nX-Amz-Executed-Version: 1\r\n",
    b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 307 Over there\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
]


@pytest.mark.parametrize("answer", RUBBISH, ids=range(len(RUBBISH)))
async def test_rubbish_is_a_failure_of_the_server(remote: Driven, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        function = remote(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        result = await function.invoke()
    assert result.status is Status.FAILURE
    assert function.health.last_success is None
    assert function.health.trouble


async def test_a_server_that_comes_back_is_well_again(remote: Driven) -> None:
    function = remote(f"http://127.0.0.1:{servers.free_port()}")
    before = time.time()
    first, second = await function.invoke(), await function.invoke()
    assert {first.error_type, second.error_type} == {"Remote.Unreachable"}
    failing = function.health.failing_since
    assert failing is not None
    assert before <= failing <= time.time()
    assert function.failures == ["unreachable"] * 2

    async def handler(request: web.BaseRequest) -> web.Response:
        return lambda_answer(b'{"errorType": "E"}', {"X-Amz-Function-Error": "Unhandled"})

    port = int(function.health.server.rpartition(":")[2])
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    assert (await function.invoke()).status is Status.ERROR
    await runner.cleanup()
    health = function.health
    assert (health.failing_since, health.trouble) == (None, ""), "a function's error is not its server's"
    assert health.last_success is not None


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (2, 2), (None, 5)])
async def test_no_more_at_once_than_the_server_bears(remote: Driven, concurrency: int | None, most: int) -> None:
    running, seen = 0, 0
    everybody = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        nonlocal running, seen
        running += 1
        seen = max(seen, running)
        if running == most:
            everybody.set()
        await everybody.wait()
        running -= 1
        return lambda_answer()

    async with serving(handler) as url:
        function = remote(url, concurrency=concurrency)
        results = await asyncio.gather(*(function.invoke() for _ in range(5)))
    assert all(result.ok for result in results)
    assert seen == most


async def test_a_cancelled_invocation_lets_go_of_the_server(remote: Driven) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        if not begun.is_set():
            begun.set()
            await over.wait()
        return lambda_answer()

    async with serving(handler) as url:
        function = remote(url, concurrency=1)
        task = asyncio.create_task(function.invoke())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await function.invoke()).ok
        over.set()


APP = """\
import os, time
def handler(event, context):
    if "raise" in event:
        raise ValueError(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    time.sleep(event.get("seconds", 0))
    print("handled")
    return {"event": event, "answer": "x" * event.get("size", 0)}
"""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[servers.Server]:
    (tmp_path / "app.py").write_text(APP)
    try:
        server = servers.interface_emulator(tmp_path, tmp_path, "app.handler", AWS_LAMBDA_FUNCTION_TIMEOUT="2")
        server.start()
    except servers.Unavailable as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()


@pytest.mark.server
async def test_aws_s_emulator(emulator: servers.Server, remote: Driven) -> None:
    """Its quirks: no header marks an error, a timeout is a sentence, and a second invocation at once would break it."""
    function = remote(emulator.url, function="function", concurrency=1)
    answered = await function.invoke({"n": 1})
    assert (answered.status, json.loads(answered.payload)["event"]) == (Status.SUCCESS, {"n": 1})
    pieces, whole = await streamed(function, event={"n": 2})  # it streams nothing
    assert (pieces, json.loads(whole.payload)["event"]) == ([], {"n": 2})
    raised = await function.invoke({"raise": "no"})
    assert (raised.status, raised.error_type) == (Status.ERROR, "ValueError")
    assert json.loads(raised.payload)["errorMessage"] == "no"
    timed_out = await function.invoke({"seconds": 10})
    assert (timed_out.status, timed_out.error_type) == (Status.TIMEOUT, "Sandbox.Timedout")
    assert json.loads(timed_out.payload)["errorMessage"] == "RequestId: r Error: Task timed out after 2.00 seconds"
    ended = await function.invoke({"exit": 3})
    assert (ended.status, ended.error_type) == (Status.FAILURE, "Runtime.ExitError")
    results = await asyncio.gather(*(function.invoke({"n": n, "seconds": 0.05}) for n in range(5)))
    assert [json.loads(result.payload)["event"]["n"] for result in results] == list(range(5))
    assert function.failures == []


@pytest.mark.server
async def test_a_wrong_name_at_aws_s_emulator_is_told(emulator: servers.Server, remote: Driven) -> None:
    function = remote(emulator.url, function="orders")
    assert (await function.invoke()).error_type == "Remote.NotTaken"
    assert function.health.trouble == "the server answered 404: '404 page not found\\n'"


@pytest.mark.server
async def test_a_server_killed_in_the_middle(emulator: servers.Server, remote: Driven) -> None:
    function = remote(emulator.url, function="function")
    assert (await function.invoke()).ok
    cut = asyncio.create_task(function.invoke({"seconds": 1.5}))
    await asyncio.sleep(0.5)  # by then the handler sleeps; if not, it is cut before it began, with the same result
    emulator.kill()
    result = await cut
    assert (result.status, result.error_type) == (Status.FAILURE, "Remote.Unreachable")
    assert (await function.invoke()).error_type == "Remote.Unreachable"
    assert function.failures == ["unreachable"] * 2


@pytest.mark.server
async def test_ministack_s_lambda(ministack: servers.Server, remote: Driven) -> None:
    """A server with the whole operation: versions, aliases, marked errors, the tail of the log."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", APP)
    async with AioSession().create_client(
        "lambda", "us-east-1", endpoint_url=ministack.url, aws_access_key_id="test", aws_secret_access_key="test"
    ) as client:
        await client.create_function(
            FunctionName="remote-orders",
            Runtime="python3.11",
            Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/any",
            Code={"ZipFile": packed.getvalue()},
        )
        await client.get_waiter("function_active_v2").wait(FunctionName="remote-orders")
        await client.publish_version(FunctionName="remote-orders")
        await client.create_alias(FunctionName="remote-orders", Name="live", FunctionVersion="1")
    keys = {"access_key_id": "test", "secret_access_key": "test"}
    function = remote(ministack.url, function="remote-orders", qualifier="live", **keys)
    answered = await function.invoke({"n": 1}, tail=True)
    assert (answered.status, answered.executed_version) == (Status.SUCCESS, "1")
    assert json.loads(answered.payload)["event"] == {"n": 1}
    raised = await function.invoke({"raise": "no"})
    assert raised.status is Status.ERROR  # what type of error it was, MiniStack says in words of its own
    assert json.loads(raised.payload)["errorMessage"] == "no"
    pieces, passed_on = await streamed(function, event={"n": 2})
    assert json.loads(b"".join(pieces))["event"] == {"n": 2}
    assert (passed_on.status, passed_on.payload) == (Status.SUCCESS, b"")  # its version MiniStack does not tell
    assert function.failures == []
    missing = remote(ministack.url, function="remote-nothing", **keys)
    assert (await missing.invoke()).error_type == "ResourceNotFoundException"
    assert "Function not found" in missing.health.trouble


def frame(payload: bytes, **headers: str) -> bytes:
    """A frame as AWS SDKs have it: lengths, their checksum, headers of strings, payload, the checksum of it all."""
    head = b""
    for name, value in headers.items():
        key = f":{name.replace('_', '-')}".encode()
        head += bytes([len(key)]) + key + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
    start = (len(head) + len(payload) + 16).to_bytes(4, "big") + len(head).to_bytes(4, "big")
    rest = start + zlib.crc32(start).to_bytes(4, "big") + head + payload
    return rest + zlib.crc32(rest).to_bytes(4, "big")


def piece(payload: bytes) -> bytes:
    return frame(payload, message_type="event", event_type="PayloadChunk", content_type="application/octet-stream")


def complete(**members: str) -> bytes:
    return frame(json.dumps(members).encode(), message_type="event", event_type="InvokeComplete")


def streaming(*parts: bytes, seen: list[str] | None = None) -> Handler:
    """A server that answers InvokeWithResponseStream with these bytes, and Invoke as ever."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if seen is not None:
            seen.append(request.raw_path)
        if "response-streaming" not in request.path:
            return lambda_answer()
        headers = {"X-Amz-Executed-Version": "7", "Content-Type": "application/vnd.amazon.eventstream"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        return response

    return handler


async def streamed(function: Remote, **more: Any) -> tuple[list[bytes], Result]:
    """The pieces of an answer, and its result."""
    openings: list[Opening] = []
    result = await function.invoke(on_opening=openings.append, **more)
    return [piece for opening in openings async for piece in opening.pieces], result


async def test_a_stream_is_passed_on_with_what_its_end_says(remote: Driven) -> None:
    log = base64.b64encode(b"END").decode()
    whole = piece(b"one") + piece(b"two") + complete(LogResult=log)
    async with serving(streaming(whole[:50], whole[50:])) as url:
        pieces, result = await streamed(remote(url), tail=True)
    assert pieces == [b"one", b"two"]
    assert (result.status, result.payload, result.streamed) == (Status.SUCCESS, b"", 6)
    assert (result.executed_version, result.log_tail) == ("7", b"END")


async def test_whoever_wants_no_stream_asks_for_none(remote: Driven) -> None:
    seen: list[str] = []
    async with serving(streaming(seen=seen)) as url:
        assert (await remote(url).invoke()).payload == b'"ok"'
    assert seen == ["/2015-03-31/functions/orders/invocations"]


@pytest.mark.parametrize(
    ("end", "status", "error_type", "message"),
    [
        (complete(ErrorCode="Broken", ErrorDetails='{"errorType":"B","errorMessage":"m"}'), Status.ERROR, "B", "m"),
        (complete(ErrorCode="Sandbox.Timedout", ErrorDetails="late"), Status.TIMEOUT, "Sandbox.Timedout", "late"),
        (complete(ErrorCode="Broken"), Status.ERROR, "Broken", "the server gave no details"),
        (
            frame(b"{}", message_type="exception", exception_type="ServiceException"),
            Status.FAILURE,
            "ServiceException",
            "the server broke off: {}",
        ),
        (b"", Status.FAILURE, "Remote.Unreachable", "the server hung up in the middle of its answer"),
        (b"x" * 40, Status.FAILURE, "Remote.NotTaken", "what the server sent is no event stream"),
    ],
)
async def test_how_a_stream_fails_is_the_result(
    remote: Driven, end: bytes, status: Status, error_type: str, message: str
) -> None:
    async with serving(streaming(piece(b"half"), end)) as url:
        pieces, result = await streamed(remote(url))
    assert pieces == [b"half"]
    assert (result.status, result.error_type) == (status, error_type)
    assert message in json.loads(result.payload)["errorMessage"]


async def test_an_error_before_anything_opens_nothing(remote: Driven) -> None:
    async with serving(streaming(complete(ErrorCode="Broken", ErrorDetails="no"))) as url:
        pieces, result = await streamed(remote(url))
    assert (pieces, result.error_type) == ([], "Broken")


async def test_a_server_without_streams_is_asked_once_and_for_the_whole_from_then_on(remote: Driven) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return lambda_answer() if request.path.rpartition("/")[2] == "invocations" else web.Response(status=404)

    async with serving(handler) as url:
        function = remote(url)
        for _ in range(2):
            pieces, result = await streamed(function)
            assert (pieces, result.payload) == ([], b'"ok"')
    assert [path.rpartition("/")[2] for path in seen] == [
        "response-streaming-invocations",
        "invocations",
        "invocations",
    ]


async def test_a_function_that_is_not_there_is_no_reason_to_ask_again(remote: Driven) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=404, headers={"x-amzn-ErrorType": "ResourceNotFoundException"})

    async with serving(handler) as url:
        _, result = await streamed(remote(url))
    assert (result.error_type, len(seen)) == ("ResourceNotFoundException", 1)


async def test_a_slow_reader_holds_the_server_back(remote: Driven) -> None:
    """More than sockets and buffers take is written only when somebody reads."""
    written = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(headers={"Content-Type": "application/vnd.amazon.eventstream"})
        await response.prepare(request)
        for _ in range(64):
            await response.write(piece(b"x" * 1024 * 1024))
            written += 1
        await response.write(complete())
        return response

    opened: asyncio.Future[Opening] = asyncio.get_running_loop().create_future()
    async with serving(handler) as url:
        asking = asyncio.create_task(remote(url).invoke(on_opening=opened.set_result))
        opening = await opened
        seen = -1
        while seen != written:
            seen = written
            await asyncio.sleep(0.1)
        assert written < 64
        assert not asking.done()
        opening.pieces.abandon()
        result = await asking
    assert (result.ok, result.streamed, written) == (True, 64 * 1024 * 1024, 64)
