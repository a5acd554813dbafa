"""Functions behind URLs, over HTTP: scripted ones for what they may say, AWS's own client for Node for a stream with a head."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from poller.aio.clock import SystemClock
from poller.control.port import PortError
from poller.control.urls import Signatures, Url
from poller.control.urls.course import Course
from poller.control.urls.server import UrlServer
from poller.dispatch.invoker import Function, Invoker
from poller.dispatch.slots import Slots
from poller.envelope.url.cors import Cors
from poller.execution.contract import FunctionSpec, Invocation
from poller.execution.pool import Pool
from poller.execution.scripted import Act, Ending, Script, ScriptedDriver
from poller.observe.events import DefectFoundError, Fact, UrlAnswered, UrlAnswerUnusable, UrlOpened
from tests.servers import free_port

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
SPEC = FunctionSpec(
    name="f", version="$LATEST", arn=ARN, task_root="", runtime="", handler="", timeout_seconds=5, memory_mb=128
)
URL = Url(
    id="a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    function="f",
    target="f",
    account="123456789012",
    region="us-east-1",
    domain="localhost",
    signed=False,
    streams=False,
)
STREAMED = replace(URL, streams=True)
SECRET = "0123456789abcdef"
PRELUDE = b'{"statusCode":404,"headers":{"x-one":"1"},"cookies":["a=1","b=2"]}' + bytes(8)
PAGE = "https://www.example.com"


class Scene:
    """A scripted function with two slots behind a URL server."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.events: list[Any] = []
        self.act = Act(payload=b'"ok"')
        self.driver = ScriptedDriver(Script(act=self._acted))
        self.pool = Pool(SPEC, self.driver, self.facts.append, SystemClock(), 300)
        self.slots = Slots(10, {"f": 2})
        invoker = Invoker({"f": Function("f", ARN, self.pool)}, self.facts.append)
        keys = {"key": SECRET}
        signatures = Signatures(lambda key, function: keys.get(key) if function == "f" else None, time.time)
        course = Course(invoker, lambda name: self.slots.claim(name, "urls"), signatures.identify, self.facts.append)
        self.server = UrlServer("127.0.0.1:0", course, self.facts.append, grace=5)
        self.client = aiohttp.ClientSession(auto_decompress=False)

    def _acted(self, invocation: Invocation) -> Act:
        self.events.append(json.loads(invocation.payload))
        return self.act

    def answered(self) -> list[tuple[str, int]]:
        return [(fact.function, fact.status) for fact in self.facts if isinstance(fact, UrlAnswered)]

    async def serve(self, *urls: Url) -> str:
        """The origin of the first of them, as 127.0.0.1."""
        await self.server.serve(urls)
        return f"http://127.0.0.1:{self.server.address(urls[0]).rpartition(':')[2]}"

    def ask(self, origin: str, method: str = "GET", **options: Any) -> Any:
        headers = {"Host": URL.domain_name} | options.pop("headers", {})
        return self.client.request(method, origin, headers=headers, **options)

    async def close(self) -> None:
        await self.client.close()
        await self.server.close()
        await self.pool.close()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.close()


async def test_a_request_becomes_an_event_and_its_answer_http(scene: Scene) -> None:
    scene.act = Act(payload=json.dumps({"statusCode": 201, "cookies": ["a=1"], "body": "made"}).encode())
    origin = await scene.serve(URL)
    async with scene.ask(f"{origin}a%20b?x=1", "POST", data=b"{}", headers={"Content-Type": "text/json"}) as answer:
        assert (answer.status, await answer.text()) == (201, "made")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers.getall("Set-Cookie") == ["a=1"]
        request_id, trace = answer.headers["x-amzn-RequestId"], answer.headers["X-Amzn-Trace-Id"]
    [event] = scene.events
    context = event["requestContext"]
    assert (event["rawPath"], event["rawQueryString"], event["body"]) == ("/a b", "x=1", "{}")
    assert (context["requestId"], event["headers"]["x-amzn-trace-id"]) == (request_id, trace)
    assert (context["accountId"], context["apiId"], context["http"]["sourceIp"]) == ("anonymous", URL.id, "127.0.0.1")
    assert scene.answered() == [("f", 201)]


async def test_what_is_compressed_comes_as_it_was_sent(scene: Scene) -> None:
    origin = await scene.serve(URL)
    async with scene.ask(origin, "PUT", data=b"no gzip", headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 200
    assert scene.events[0]["isBase64Encoded"] is True


@pytest.mark.parametrize("url", [URL, STREAMED])
@pytest.mark.parametrize("ending", [Ending.RAISED, Ending.EXITED, Ending.OVERSIZED])
async def test_a_function_that_fails_is_a_bad_gateway(scene: Scene, url: Url, ending: Ending) -> None:
    scene.act = Act(ending)
    async with scene.ask(await scene.serve(url)) as answer:
        assert (answer.status, await answer.text()) == (502, "Internal Server Error")
    assert scene.slots.in_use() == {"": 0, "f": 0}


async def test_an_answer_that_is_none_is_one_too_and_its_author_is_told_why(scene: Scene) -> None:
    scene.act = Act(payload=b'{"statusCode":"fine"}')
    async with scene.ask(await scene.serve(URL)) as answer:
        assert answer.status == 502
    [told] = [fact for fact in scene.facts if isinstance(fact, UrlAnswerUnusable)]
    assert "statusCode is 'fine'" in told.message


async def test_a_defect_of_ours_is_told_and_a_bad_gateway(scene: Scene) -> None:
    scene.act = Act(Ending.DEFECT)
    async with scene.ask(await scene.serve(URL)) as answer:
        assert answer.status == 502
    assert [fact.part for fact in scene.facts if isinstance(fact, DefectFoundError)] == ["function URLs"]


async def test_nobody_waits_for_a_slot(scene: Scene) -> None:
    scene.act = Act(payload=b"1", seconds=0.5)
    origin = await scene.serve(URL)

    async def status() -> int:
        async with scene.ask(origin) as answer:
            return int(answer.status)

    assert sorted(await asyncio.gather(*(status() for _ in range(3)))) == [200, 200, 429]


async def raw(origin: str, request: bytes) -> bytes:
    """The head of what comes back, as it comes; "" when the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(origin.rstrip("/").rpartition(":")[2]))
    writer.write(request)
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("size", [5 * 1024 * 1024, 7 * 1024 * 1024])
async def test_what_is_too_large_is_not_taken(scene: Scene, size: int) -> None:
    """The smaller one is in base64 only."""
    head = b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Length: %d\r\n\r\n" % (URL.domain_name.encode(), size)
    assert b" 413 " in await raw(await scene.serve(URL), head + b"\xff" * size)
    assert scene.events == []
    async with asyncio.timeout(10):  # aiohttp waits for the rest of a body even when its client has gone
        while any("RequestHandler" in repr(task.get_coro()) for task in asyncio.all_tasks()):
            await asyncio.sleep(0.05)


async def test_what_clients_get_wrong_is_theirs(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of it is told as if it were ours, and nobody waits for it."""
    origin = await scene.serve(URL)
    start = b"POST / HTTP/1.1\r\nHost: %b\r\n" % URL.domain_name.encode()
    assert b" 400 " in await raw(origin, start + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(origin.rstrip("/").rpartition(":")[2]))
    writer.write(start + b"Content-Length: 100\r\n\r\n12345")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    assert b" 200 " in await raw(origin, start + b"Content-Length: 2\r\n\r\n{}")
    assert not [fact for fact in scene.facts if isinstance(fact, DefectFoundError)]
    assert caplog.records == []
    del reader


async def test_an_unknown_host_is_no_url(scene: Scene) -> None:
    origin = await scene.serve(URL)
    for host in (f"x{URL.domain_name}", "127.0.0.1", ""):
        async with scene.ask(origin, headers={"Host": host}) as answer:
            assert (answer.status, await answer.text()) == (403, '{"Message":null}')
            assert answer.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert scene.answered() == [("", 403)] * 3


async def test_an_alias_that_is_gone_is_forbidden(scene: Scene) -> None:
    async with scene.ask(await scene.serve(replace(URL, target="f:gone"))) as answer:
        assert answer.status == 403
        assert "Forbidden" in (await answer.json())["Message"]


async def test_a_url_may_have_a_port_of_its_own_and_they_come_and_go(scene: Scene) -> None:
    own = replace(URL, id="other", port=free_port())
    await scene.serve(URL, own)
    async with scene.ask(
        f"http://127.0.0.1:{own.port}/", headers={"Host": "anything", "Connection": "close"}
    ) as answer:
        assert answer.status == 200
    assert scene.events[0]["requestContext"]["apiId"] == "other"
    opened = [fact.url for fact in scene.facts if isinstance(fact, UrlOpened)]
    assert opened[0].startswith(f"http://{URL.domain_name}:")
    assert opened[1] == f"http://127.0.0.1:{own.port}/"
    await scene.serve(URL)
    with pytest.raises(aiohttp.ClientConnectionError):
        await scene.ask(f"http://127.0.0.1:{own.port}/")


async def test_a_port_that_is_taken_leaves_what_was(scene: Scene) -> None:
    origin = await scene.serve(URL)
    taken = int(origin.rstrip("/").rpartition(":")[2])
    with pytest.raises(PortError, match="cannot listen"):
        await scene.server.serve([URL, replace(URL, id="other", port=taken)])
    async with scene.ask(origin) as answer:
        assert answer.status == 200


async def test_names_under_localhost_lead_here(scene: Scene) -> None:
    """As a client does it that knows nothing of us: curl resolves them by itself (RFC 6761)."""
    await scene.server.serve([URL])
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-m", "10", scene.server.address(URL), stdout=asyncio.subprocess.PIPE
    )
    body, _ = await process.communicate()
    assert (process.returncode, body) == (0, b"ok")


async def test_a_preflight_is_answered_without_the_function(scene: Scene) -> None:
    origin = await scene.serve(replace(URL, cors=Cors(allow_origins=[PAGE], allow_methods=["PUT"])))
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
    async with scene.ask(origin, "OPTIONS", headers=asked) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Methods"]) == (200, "PUT")
    assert scene.events == []
    scene.act = Act(payload=b'{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*"}}')
    async with scene.ask(origin, "PUT", headers={"Origin": PAGE}) as answer:
        assert answer.headers.getall("Access-Control-Allow-Origin") == [PAGE]
    async with scene.ask(await scene.serve(URL), "OPTIONS", headers=asked) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"  # nothing is configured: the function's own


def signed(origin: str, body: bytes = b"", secret: str = SECRET, key: str = "key") -> dict[str, str]:
    request = AWSRequest("POST", origin, data=body, headers={"Host": URL.domain_name})
    SigV4Auth(Credentials(key, secret), "lambda", "us-east-1").add_auth(request)
    return dict(request.headers.items())


async def test_a_signed_request_says_who_asks(scene: Scene) -> None:
    origin = await scene.serve(replace(URL, signed=True))
    async with scene.ask(origin, "POST", data=b"{}", headers=signed(origin, b"{}")) as answer:
        assert answer.status == 200
    context = scene.events[0]["requestContext"]
    assert context["accountId"] == "123456789012"
    assert context["authorizer"]["iam"]["accessKey"] == "key"


@pytest.mark.parametrize(
    "headers",
    [
        lambda _origin: {},
        lambda origin: signed(origin, b"{}", secret="another secret of it"),
        lambda origin: signed(origin, b"{}", key="nobody"),
        lambda origin: signed(origin, b"other"),
    ],
)
async def test_who_has_not_signed_is_forbidden(scene: Scene, headers: Callable[[str], dict[str, str]]) -> None:
    origin = await scene.serve(replace(URL, signed=True))
    async with scene.ask(origin, "POST", data=b"{}", headers=headers(origin)) as answer:
        assert answer.status == 403
        assert (await answer.json())["Message"].startswith("Forbidden. For troubleshooting")
    assert scene.events == []


async def pieces(answer: aiohttp.ClientResponse) -> list[bytes]:
    return [piece async for piece in answer.content.iter_any()]


async def test_a_stream_comes_piece_by_piece(scene: Scene) -> None:
    scene.act = Act(pieces=(b"one", b"two"), seconds=0.3)
    async with scene.ask(await scene.serve(STREAMED)) as answer:
        assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert await answer.content.readany() == b"one"
        assert scene.answered() == []
        assert await answer.content.read() == b"two"


async def test_a_stream_may_begin_with_its_head(scene: Scene) -> None:
    kind = "application/vnd.awslambda.http-integration-response"
    scene.act = Act(pieces=(PRELUDE[:20], PRELUDE[20:] + b"bo", b"dy"), content_type=kind)
    async with scene.ask(await scene.serve(STREAMED)) as answer:
        assert (answer.status, answer.headers["x-one"], await answer.read()) == (404, "1", b"body")
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    scene.act = Act(pieces=(PRELUDE[:20],), content_type=kind)
    async with scene.ask(await scene.serve(STREAMED)) as answer:
        assert answer.status == 502


async def test_a_whole_answer_of_a_streaming_url_is_not_looked_into(scene: Scene) -> None:
    scene.act = Act(payload=b'{"statusCode":404}')
    async with scene.ask(await scene.serve(STREAMED)) as answer:
        assert (answer.status, await answer.read()) == (200, b'{"statusCode":404}')


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_what_has_no_body_has_none_though_it_streams(scene: Scene, method: str) -> None:
    scene.act = Act(
        pieces=((b"{}" if method == "HEAD" else b'{"statusCode":204}') + bytes(8) + b"body",),
        content_type="application/vnd.awslambda.http-integration-response",
    )
    origin = await scene.serve(STREAMED)
    for _ in range(2):  # the connection is good for another one
        async with scene.ask(origin, method) as answer:
            assert (answer.status, await answer.read()) == (200 if method == "HEAD" else 204, b"")


async def test_a_stream_that_fails_is_cut_so_that_the_client_knows(scene: Scene) -> None:
    scene.act = Act(Ending.EXITED, pieces=(b"half", b""), seconds=0.2)
    async with scene.ask(await scene.serve(STREAMED)) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_client_that_leaves_does_not_stop_the_function(scene: Scene) -> None:
    scene.act = Act(pieces=(*[b"x" * 200_000] * 50, b"end"), seconds=0.5)
    async with scene.ask(await scene.serve(STREAMED)) as answer:
        await answer.content.readany()
        answer.close()
    async with asyncio.timeout(10):
        while scene.slots.in_use()["f"] or not scene.answered():
            await asyncio.sleep(0.01)
    assert scene.pool.counts() == {"idle": 1, "busy": 0, "starting": 0}


async def test_a_slow_client_keeps_no_slot_of_a_function_that_has_ended(scene: Scene) -> None:
    scene.act = Act(pieces=(b"x" * 200_000,) * 50)
    async with scene.ask(await scene.serve(STREAMED)) as answer:
        async with asyncio.timeout(10):
            while scene.slots.in_use()["f"]:
                await asyncio.sleep(0.01)
        assert len(await answer.read()) == 10_000_000


async def test_a_client_that_stops_reading_is_let_go(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poller.control.urls.sending.STALLED_SECONDS", 0.2)
    scene.act = Act(pieces=(b"x" * 200_000,) * 50)
    async with scene.ask(await scene.serve(STREAMED)) as answer:
        async with asyncio.timeout(10):
            while not scene.answered():
                await asyncio.sleep(0.01)
        with pytest.raises((aiohttp.ClientPayloadError, ConnectionError)):
            await answer.read()


async def test_closing_waits_for_what_is_under_way(scene: Scene) -> None:
    scene.act = Act(payload=b'"done"', seconds=0.5)
    origin = await scene.serve(URL)

    async def ask() -> bytes:
        async with scene.ask(origin) as answer:
            return bytes(await answer.read())

    asking = asyncio.create_task(ask())
    while not scene.events:
        await asyncio.sleep(0.01)
    await scene.server.close()
    assert await asking == b"done"
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask()
