"""Streamed answers of real environments: read as they come, whatever becomes of function and reader."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import Any

import pytest

from poller.dispatch.stream import Answering, answering
from poller.execution.contract import CONCURRENT, Invocation, Logging, OnOpening, Opening, Result, Status
from poller.execution.pool import Pool
from tests.integration import test_environment
from tests.integration.scene import Scene, error, everywhere

scene = test_environment.scene

BOOTSTRAP = """#!/usr/bin/python3
import base64, http.client, json, os, threading, time
BASE = "/2018-06-01/runtime/invocation/"
TRAILERS = "Lambda-Runtime-Function-Error-Type: Function.Broken\\r\\nLambda-Runtime-Function-Error-Body: %s\\r\\n"
ERROR = base64.b64encode(b'{"errorType":"Broken","errorMessage":"in the middle"}').decode()
def serve():
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", BASE + "next")
        reply = connection.getresponse()
        event, name = json.loads(reply.read()), reply.headers["Lambda-Runtime-Aws-Request-Id"]
        connection.putrequest("POST", BASE + name + "/response")
        for header in {"Content-Type": "text/x", "Lambda-Runtime-Function-Response-Mode": "streaming"}.items():
            connection.putheader(*header)
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        end = "0\\r\\n"
        for step in event["steps"]:
            if step == "exit": os._exit(3)
            elif step == "hang": time.sleep(600)
            elif step == "break": end += TRAILERS % ERROR
            else:
                size = step if isinstance(step, int) else len(step)
                piece = b"x" * size if isinstance(step, int) else step.encode()
                connection.send(b"%x\\r\\n%b\\r\\n" % (size, piece))
        connection.send((end + "\\r\\n").encode())
        connection.getresponse().read()
for _ in range(int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))): threading.Thread(target=serve).start()
"""


def pool(scene: Scene, **options: Any) -> Pool:
    root = scene.folder / f"bootstrap{len(scene.pools)}"
    root.mkdir()
    (root / "bootstrap").write_text(BOOTSTRAP)
    (root / "bootstrap").chmod(0o755)
    return scene.pool(task_root=str(root), runtime="provided.al2023", handler="none", **options)


def asked(pool: Pool, *steps: str | int) -> contextlib.AbstractAsyncContextManager[Answering]:
    payload = json.dumps({"steps": steps}).encode()

    async def invoke(on_opening: OnOpening) -> Result:
        return await pool.invoke(
            Invocation(request_id=str(uuid.uuid4()), payload=payload, function_arn=pool.spec.arn, on_opening=on_opening)
        )

    return answering(invoke)


async def begun(answer: Answering) -> Opening:
    opening = await answer.opening()
    assert opening is not None, error(await answer.result())
    return opening


async def read(opening: Opening) -> bytes:
    return b"".join([piece async for piece in opening.pieces])


async def whole(pool: Pool, *steps: str | int) -> tuple[bytes, Result]:
    async with asked(pool, *steps) as answer:
        return await read(await begun(answer)), await answer.result()


@everywhere
async def test_pieces_come_as_they_are_written_until_the_time_is_over(scene: Scene) -> None:
    function = pool(scene, timeout_seconds=2.0)
    async with asked(function, "one", "hang") as answer:
        opening = await begun(answer)
        assert opening.content_type == "text/x"
        pieces = aiter(opening.pieces)
        assert await anext(pieces) == b"one"
        assert [piece async for piece in pieces] == []
        result = await answer.result()
    assert (result.status, result.error_type) == (Status.TIMEOUT, "Sandbox.Timedout")
    body, result = await whole(function, "two", "three")
    assert (body, result.ok, result.streamed) == (b"twothree", True, 8)


@everywhere
async def test_a_crash_in_the_middle_is_the_result(scene: Scene) -> None:
    function = pool(scene)
    body, result = await whole(function, "one", "exit")
    assert b"one".startswith(body)
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.ExitError")
    assert "exit status 3" in error(result)["errorMessage"]
    body, result = await whole(function, "two")
    assert (body, result.ok) == (b"two", True)


async def test_an_error_in_the_middle_is_the_result_and_costs_no_environment(scene: Scene) -> None:
    function = pool(scene)
    body, result = await whole(function, "one", "break")
    assert (body, result.status, result.error_type) == (b"one", Status.ERROR, "Broken")
    assert error(result)["errorMessage"] == "in the middle"
    _, result = await whole(function, "two")
    assert (result.ok, result.init_ms) == (True, None)


async def test_a_reader_that_is_slow_holds_the_function_back_and_one_that_is_gone_does_not(scene: Scene) -> None:
    size = 1024 * 1024
    async with asked(pool(scene), *[size] * 30) as answer:
        opening = await begun(answer)
        await anext(aiter(opening.pieces))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await answer.result()
        answer.abandon()
        async with asyncio.timeout(9):  # at the service's pace the rest would take twelve seconds
            result = await answer.result()
    assert (result.ok, result.streamed) == (True, 30 * size)


async def test_an_environment_is_free_while_a_slow_reader_has_the_rest(scene: Scene) -> None:
    function = pool(scene)
    async with asked(function, 1000) as answer:
        opening = await begun(answer)
        await answer.result()
        assert function.counts() == {"idle": 1, "busy": 0, "starting": 0}
        assert len(await read(opening)) == 1000


@everywhere
async def test_several_stream_beside_each_other_in_one_environment(scene: Scene) -> None:
    logging = Logging(json=True, application_level="INFO", system_level="INFO")
    function = pool(
        scene, max_concurrency=3, initialization_type=CONCURRENT, logging=logging, timeout_seconds=3.0, memory_mb=512
    )
    async with asked(function, "one", "hang") as slow, asked(function, "two", "break") as broken:
        first, second = await begun(slow), await begun(broken)
        assert (await anext(aiter(first.pieces)), await read(second)) == (b"one", b"two")
        assert (await broken.result()).error_type == "Broken"
        body, result = await whole(function, "three")
        assert (body, result.ok) == (b"three", True)
        assert sum(function.counts().values()) == 1
        assert (await read(first), (await slow.result()).error_type) == (b"", "Sandbox.Timedout")


async def test_the_end_of_the_pool_is_the_end_of_the_stream(scene: Scene) -> None:
    function = pool(scene)
    async with asked(function, "one", "hang") as answer:
        opening = await begun(answer)
        pieces = aiter(opening.pieces)
        assert await anext(pieces) == b"one"
        await function.close()
        assert [piece async for piece in pieces] == []
        assert not (await answer.result()).ok
