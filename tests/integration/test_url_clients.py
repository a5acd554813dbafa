"""AWS's own runtime clients behind a URL: what Node streams with a head, and what Go and Python answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from poller.control.urls import Url
from poller.control.urls.course import Course
from poller.control.urls.server import UrlServer
from poller.dispatch.invoker import Function, Invoker, Runner
from poller.dispatch.slots import Slots
from poller.execution.contract import Invocation, Result
from poller.execution.environment.results import answered
from tests import clients
from tests.cache import CACHE
from tests.servers import Unavailable
from tests.stage import ARN, SECONDS, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

NODE = """
exports.handler = awslambda.streamifyResponse(async (event, out, context) => {
  if (event.rawPath === "/plain") out.setContentType("text/plain");
  else out = awslambda.HttpResponseStream.from(out, {
    statusCode: 418, headers: {"content-type": "text/html", "x-path": event.rawPath}, cookies: ["a=1", "b=2"],
  });
  for (let n = 0; n < 3; n++) { out.write(`piece ${n};`); await new Promise((done) => setTimeout(done, 50)); }
  if (event.rawPath === "/break") throw new Error("broken in the middle");
  out.end();
});
"""
PYTHON = """
def handler(event, context):
    return {"statusCode": 201, "headers": {"x-method": event["requestContext"]["http"]["method"]}, "body": event["body"]}
"""


class Bare(Runner):
    """One client's process, without an environment around it."""

    def __init__(self, stage: Stage) -> None:
        self._api = stage.api

    async def invoke(self, invocation: Invocation) -> Result:
        async with asyncio.timeout(SECONDS):
            answer = await self._api.deliver(invocation, int((time.time() + SECONDS) * 1000))
        assert answer is not None
        return answered(invocation.request_id, answer, 0.0)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    (tmp_path / "app.js").write_text(NODE)
    (tmp_path / "app.py").write_text(PYTHON)
    stage = Stage(tmp_path)
    await stage.api.open()
    yield stage
    await stage.close()


@pytest.fixture
async def server(stage: Stage) -> AsyncIterator[UrlServer]:
    slots = Slots(1, {})
    invoker = Invoker({"f": Function("f", ARN, Bare(stage))}, lambda _: None)
    course = Course(invoker, lambda name: slots.claim(name, "urls"), lambda *_: None, lambda _: None)
    server = UrlServer("127.0.0.1:0", course, lambda _: None, grace=1)
    yield server
    await server.close()


def url(*, streams: bool) -> Url:
    return Url(
        id="u",
        function="f",
        target="f",
        account="000000000000",
        region="us-east-1",
        domain="localhost",
        signed=False,
        streams=streams,
    )


async def served(server: UrlServer, *, streams: bool) -> tuple[str, dict[str, str]]:
    """Origin and headers."""
    await server.serve([url(streams=streams)])
    port = server.address(url(streams=streams)).rstrip("/").rpartition(":")[2]
    return f"http://127.0.0.1:{port}", {"Host": url(streams=streams).domain_name}


@pytest.mark.parametrize("version", ["3.3.0", "4.0.2"])
async def test_node_streams_with_a_head_and_without(stage: Stage, server: UrlServer, version: str) -> None:
    try:
        command = clients.node(CACHE, version)
    except Unavailable as reason:
        pytest.skip(str(reason))
    await stage.start(command)
    await stage.ready()
    origin, headers = await served(server, streams=True)
    async with aiohttp.ClientSession(headers=headers) as client:
        async with client.get(f"{origin}/some/path") as answer:
            assert (answer.status, answer.headers["x-path"]) == (418, "/some/path")
            assert answer.headers["Content-Type"] == "text/html"
            assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
            found = [piece async for piece in answer.content.iter_any()]
            assert b"".join(found) == b"piece 0;piece 1;piece 2;"
            assert len(found) >= 2
        async with client.get(f"{origin}/plain") as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain")
            assert await answer.read() == b"piece 0;piece 1;piece 2;"
        async with client.get(f"{origin}/break") as answer:
            assert answer.status == 418
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()


async def test_python_answers_with_the_whole(stage: Stage, server: UrlServer) -> None:
    await stage.start(clients.python(stage.folder))
    await stage.ready()
    origin, headers = await served(server, streams=False)
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.patch(f"{origin}/", data="grüße", headers={"Content-Type": "text/plain; charset=utf-8"}) as answer,
    ):
        assert (answer.status, answer.headers["x-method"], await answer.text()) == (201, "PATCH", "grüße")
