"""The Runtime API's paths, statuses, headers and bodies, without sockets."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import socket
import time
from collections.abc import Callable

import pytest

from poller.execution.contract import Invocation, Opening
from poller.execution.runtime_api import RuntimeApi
from poller.execution.runtime_api.answers import MAX_ANSWER, Answer
from poller.execution.runtime_api.states import State
from tests.fakes.wire import Client, Reply, chunk, head

ID = "3da1f2dc-3222-475e-9205-e2e6c6318895"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:live"
NEXT = "/2018-06-01/runtime/invocation/next"
RESPONSE = f"/2018-06-01/runtime/invocation/{ID}/response"
ERROR = f"/2018-06-01/runtime/invocation/{ID}/error"
STREAMING = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}
INVOCATION = Invocation(request_id=ID, payload=b'{"a":1}', function_arn=ARN)


class Runtime(Client):
    """A runtime on a connection."""

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(api.listener.connection())


@pytest.fixture
async def api() -> RuntimeApi:
    return RuntimeApi(lambda _port: True, paced=False)


def running(api: RuntimeApi, invocation: Invocation = INVOCATION) -> tuple[Runtime, asyncio.Future[Answer | None]]:
    """A runtime that has an event."""
    runtime = Runtime(api)
    assert runtime.call("GET", NEXT) is None
    answer = api.deliver(invocation, 1764088062107)
    assert runtime.reply() is not None
    return runtime, answer


def result(answer: asyncio.Future[Answer | None]) -> Answer:
    found = answer.result()
    assert found is not None
    return found


def told(reply: Reply | None) -> tuple[int, str]:
    assert reply is not None
    return reply.status, reply.error_type


async def test_an_event_has_the_headers_that_clients_insist_on(api: RuntimeApi) -> None:
    runtime = Runtime(api)
    assert runtime.call("GET", NEXT) is None
    assert api.ready.done()
    invocation = Invocation(
        request_id=ID, payload=b'{"a":1}', function_arn=ARN, trace_id="Root=1-0-0\r\nX: y", client_context='{"c":1}',
        cognito_identity='{"cognitoIdentityId":"i"}', tenant_id="t",
    )  # fmt: skip
    api.deliver(invocation, 1764088062107)
    reply = runtime.reply()
    assert reply is not None
    assert (reply.status, reply.body) == (200, b'{"a":1}')
    assert reply.headers == {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": ID,
        "Lambda-Runtime-Deadline-Ms": "1764088062107",
        "Lambda-Runtime-Invoked-Function-Arn": ARN,
        "Lambda-Runtime-Trace-Id": "Root=1-0-0  X: y",
        "Lambda-Runtime-Client-Context": '{"c":1}',
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"i"}',
        "Lambda-Runtime-Aws-Tenant-Id": "t",
        "Content-Length": "7",
    }


async def test_an_answer_is_taken_once_and_goes_on_byte_for_byte(api: RuntimeApi) -> None:
    runtime, answer = running(api)
    reply = runtime.answer("POST", RESPONSE, b"\xff\x00", {"Content-Type": "application/unknown"})
    assert (reply.status, reply.json, reply.headers["Content-Type"]) == (202, {"status": "OK"}, "application/json")
    assert result(answer) == Answer(b"\xff\x00", size=2, content_type="application/unknown")
    assert told(runtime.call("POST", RESPONSE, b"1")) == (403, "InvalidStateTransition")
    assert runtime.call("GET", NEXT) is None
    assert told(Runtime(api).call("POST", RESPONSE, b"1")) == (400, "InvalidRequestID")


@pytest.mark.parametrize("chunked", [False, True])
async def test_how_long_an_answer_took_to_come_is_known(
    api: RuntimeApi, monkeypatch: pytest.MonkeyPatch, *, chunked: bool
) -> None:
    runtime, answer = running(api)
    start = head("POST", RESPONSE, None, STREAMING) if chunked else head("POST", RESPONSE, 4)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    runtime.send(start + (chunk(b"12") if chunked else b"12"))
    monkeypatch.setattr(time, "monotonic", lambda: 102.5)
    runtime.send(chunk(b"34") + chunk(b"") if chunked else b"34")
    assert (result(answer).body, result(answer).seconds) == (b"1234", 2.5)


async def test_a_runtime_is_back_when_it_asks_for_more(api: RuntimeApi) -> None:
    runtime, _ = running(api)
    runtime.answer("POST", RESPONSE, b"1")
    back = api.returned()
    assert not back.done()
    assert runtime.call("GET", NEXT) is None
    assert back.done()
    assert api.returned().done(), "it has asked already"
    api.reset()
    assert not api.returned().done()


@pytest.mark.parametrize(
    "path", [RESPONSE.replace(ID, "other"), ERROR.replace(ID, "other"), "/2018-06-01/runtime/invocation//response"]
)
async def test_another_events_id_is_refused_before_the_state_is_looked_at(api: RuntimeApi, path: str) -> None:
    assert told(Runtime(api).call("POST", path, b"")) == (400, "InvalidRequestID")
    runtime, answer = running(api)
    assert told(runtime.call("POST", path, b"")) == (400, "InvalidRequestID")
    assert not answer.done()


async def test_a_lost_event_is_handed_out_again(api: RuntimeApi) -> None:
    runtime, answer = running(api)
    again = runtime.answer("GET", NEXT)
    assert (again.status, again.body, again.headers["Lambda-Runtime-Aws-Request-Id"]) == (200, b'{"a":1}', ID)
    assert not answer.done()


async def test_a_runtime_that_hung_up_while_it_waited_gets_the_event_when_it_is_back(api: RuntimeApi) -> None:
    first = Runtime(api)
    assert first.call("GET", NEXT) is None
    first.close()
    api.deliver(INVOCATION, 1)
    assert api.waiting
    assert Runtime(api).answer("GET", NEXT).body == b'{"a":1}'
    assert not api.waiting


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", "Runtime.Unknown"),
        ("unhandled", "Runtime.Unknown"),
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.Mine", "Function.Mine"),
        ("Function.mine", "Function.Unknown"),
        ("Runtime.A1", "Runtime.Unknown"),
    ],
)
async def test_an_errors_type_is_sanitised_and_its_body_is_not(api: RuntimeApi, given: str, kept: str) -> None:
    runtime, answer = running(api)
    headers = {"Lambda-Runtime-Function-Error-Type": given} if given else {}
    headers["Lambda-Runtime-Function-XRay-Error-Cause"] = json.dumps({"paths": ["p"], "other": 1})
    assert runtime.answer("POST", ERROR, b'{"errorType":"Mine"}', headers).status == 202
    found = result(answer)
    assert (found.error, found.body, found.error_type) == (True, b'{"errorType":"Mine"}', kept)
    assert json.loads(found.cause) == {"exceptions": [], "working_directory": "", "paths": ["p"]}


async def test_a_body_with_its_cause_in_it_is_split(api: RuntimeApi) -> None:
    runtime, answer = running(api)
    body = json.dumps(
        {"errorMessage": "m", "errorType": "T", "stackTrace": [], "errorCause": {"message": "why"}}
    ).encode()
    runtime.answer("POST", ERROR, body, {"Content-Type": "application/vnd.aws.lambda.error.cause+json"})
    found = result(answer)
    assert json.loads(found.body) == {"errorMessage": "m", "errorType": "T", "stackTrace": []}
    assert json.loads(found.cause)["message"] == "why"


async def test_the_longest_answer_is_taken_and_one_byte_more_is_not(api: RuntimeApi) -> None:
    runtime, answer = running(api)
    assert runtime.answer("POST", RESPONSE, b"x" * MAX_ANSWER).status == 202
    assert len(result(answer).body) == 6_291_556
    runtime, answer = running(api)
    reply = runtime.answer("POST", RESPONSE, b"x" * (MAX_ANSWER + 1))
    assert (reply.status, reply.json) == (
        413,
        {
            "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
            "errorType": "RequestEntityTooLarge",
        },
    )
    assert result(answer) == Answer(b"", oversized=True, size=MAX_ANSWER + 1)
    assert runtime.call("GET", NEXT) is None


async def test_a_wrong_response_mode_is_an_error_of_the_invocation(api: RuntimeApi) -> None:
    runtime, answer = running(api)
    reply = runtime.call("POST", RESPONSE, b"1", {"Lambda-Runtime-Function-Response-Mode": "quick"})
    assert told(reply) == (400, "InvalidFunctionResponseMode")
    assert result(answer).error_type == "Runtime.InvalidResponseModeHeader"
    assert json.loads(result(answer).body)["errorType"] == "Runtime.InvalidResponseModeHeader"


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_that_breaks_off_is_told_to_both_sides(api: RuntimeApi, chunked: bool) -> None:
    runtime, answer = running(api)
    runtime.send(
        head("POST", RESPONSE, None, {"Transfer-Encoding": "chunked"}) if chunked else head("POST", RESPONSE, 100)
    )
    runtime.send(chunk(b"half") if chunked else b"half")
    assert not answer.done()
    runtime.connection.eof_received()
    assert told(runtime.reply()) == (400, "TruncatedHTTPRequest")
    found = result(answer)
    assert (found.error, found.truncated, found.error_type) == (True, True, "Runtime.TruncatedResponse")
    assert json.loads(found.body)["errorType"] == "Runtime.TruncatedResponse"
    assert runtime.closed


async def test_chunks_with_an_error_in_the_trailers_are_an_error(api: RuntimeApi) -> None:
    runtime, answer = running(api)
    error = base64.b64encode(b'{"errorMessage":"m"}')
    runtime.send(head("POST", RESPONSE, None, STREAMING) + chunk(b"half"))
    assert told(Runtime(api).call("GET", NEXT)) == (403, "InvalidStateTransition")
    assert told(Runtime(api).call("POST", RESPONSE, b"1")) == (403, "InvalidStateTransition")
    trailers = b"Lambda-Runtime-Function-Error-Type: Runtime.Broken\r\nLambda-Runtime-Function-Error-Body: %b\r\n\r\n"
    runtime.send(b"0\r\n" + trailers % error)
    reply = runtime.reply()
    assert reply is not None
    assert reply.status == 202
    found = result(answer)
    assert (found.error, found.body, found.error_type) == (True, b'{"errorMessage":"m"}', "Runtime.Broken")


async def streaming(api: RuntimeApi, headers: dict[str, str] = STREAMING) -> Streaming:
    """A runtime that has an event, and has begun to stream the answer, to whoever wants it."""
    openings: list[Opening] = []
    runtime, answer = running(api, dataclasses.replace(INVOCATION, on_opening=openings.append))
    runtime.send(head("POST", RESPONSE, None, headers))
    return runtime, answer, openings


Streaming = tuple[Runtime, asyncio.Future[Answer | None], list[Opening]]


async def read(opening: Opening) -> bytes:
    return b"".join([piece async for piece in opening.pieces])


async def test_a_stream_is_handed_on_as_it_comes(api: RuntimeApi) -> None:
    runtime, answer, [opening] = await streaming(api, STREAMING | {"Content-Type": "text/plain"})
    assert opening.content_type == "text/plain"
    pieces = aiter(opening.pieces)
    for piece in (b"one", b"two"):
        runtime.send(chunk(piece))
        assert await anext(pieces) == piece
    assert not answer.done()
    runtime.send(b"0\r\n\r\n")
    reply = runtime.reply()
    assert reply is not None
    assert reply.status == 202
    assert await read(opening) == b""
    assert result(answer) == Answer(b"", size=6, streamed=6, content_type="text/plain")
    assert api.state is State.RESPONSE_SENT


async def test_chunks_are_a_stream_though_the_client_does_not_say_so(api: RuntimeApi) -> None:
    runtime, answer, [opening] = await streaming(
        api, {"Transfer-Encoding": "chunked"}
    )  # as Go sends all of its answers
    runtime.send(chunk(b"piece") + b"0\r\n\r\n")
    assert await read(opening) == b"piece"
    assert result(answer) == Answer(b"", size=5, streamed=5)


async def test_an_answer_of_known_length_is_no_stream(api: RuntimeApi) -> None:
    openings: list[Opening] = []
    runtime, answer = running(api, dataclasses.replace(INVOCATION, on_opening=openings.append))
    runtime.answer("POST", RESPONSE, b"whole")
    assert (openings, result(answer)) == ([], Answer(b"whole", size=5))


async def test_a_slow_reader_holds_the_runtime_back(api: RuntimeApi) -> None:
    runtime, answer, [opening] = await streaming(api)
    pieces = aiter(opening.pieces)
    for _ in range(3):
        runtime.send(chunk(b"x" * 125_000))
    seen = [runtime.reading]
    await anext(pieces)
    await anext(pieces)
    seen.append(runtime.reading)
    runtime.send(chunk(b"x" * 175_000))
    seen.append(runtime.reading)
    await anext(pieces)
    await anext(pieces)
    seen.append(runtime.reading)
    assert seen == [False, True, False, True]
    runtime.send(b"0\r\n\r\n")
    assert result(answer).streamed == 550_000


async def test_a_reader_that_is_gone_holds_nobody_back(api: RuntimeApi) -> None:
    runtime, answer, [opening] = await streaming(api)
    runtime.send(chunk(b"x" * 300_000))
    seen = [runtime.reading]
    opening.pieces.abandon()
    seen.append(runtime.reading)
    runtime.send(chunk(b"x" * 300_000) + b"0\r\n\r\n")
    seen.append(runtime.reading)
    assert seen == [False, True, True]
    assert (result(answer).error, result(answer).streamed) == (False, 600_000)
    assert await read(opening) == b""


async def test_a_reader_that_waits_is_told_when_it_is_over(api: RuntimeApi) -> None:
    _, answer, [opening] = await streaming(api)
    reading = asyncio.ensure_future(read(opening))
    await asyncio.sleep(0)
    api.give_up()
    assert await reading == b""
    assert answer.result() is None


@pytest.mark.parametrize("end", [RuntimeApi.give_up, RuntimeApi.reset])
async def test_a_stream_ends_with_the_environment(api: RuntimeApi, end: Callable[[RuntimeApi], None]) -> None:
    runtime, _, [opening] = await streaming(api)
    runtime.send(chunk(b"half"))
    end(api)
    runtime.send(chunk(b"more"))
    assert await read(opening) == b"half"


async def test_a_stream_nobody_waits_for_any_more_is_not_opened(api: RuntimeApi) -> None:
    openings: list[Opening] = []
    runtime, answer = running(api, dataclasses.replace(INVOCATION, on_opening=openings.append))
    api.give_up()
    runtime.send(head("POST", RESPONSE, None, STREAMING) + chunk(b"late") + b"0\r\n\r\n")
    assert (openings, answer.result()) == ([], None)


async def test_a_stream_that_breaks_off_is_a_truncated_answer(api: RuntimeApi) -> None:
    runtime, answer, [opening] = await streaming(api)
    runtime.send(chunk(b"half"))
    runtime.close()
    assert await read(opening) == b"half"
    found = result(answer)
    assert (found.truncated, found.error_type, found.streamed) == (True, "Runtime.TruncatedResponse", 4)


async def test_an_error_in_the_middle_of_a_stream_is_its_end(api: RuntimeApi) -> None:
    runtime, answer, [opening] = await streaming(api)
    runtime.send(chunk(b"half") + b"0\r\nLambda-Runtime-Function-Error-Type: Runtime.Broken\r\n\r\n")
    assert await read(opening) == b"half"
    found = result(answer)
    assert (found.error, found.error_type, found.streamed) == (True, "Runtime.Broken", 4)
    assert json.loads(found.body)["errorType"] == "Runtime.Broken"


async def test_a_stream_past_its_limit_is_cut_there(api: RuntimeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poller.execution.runtime_api.posted.MAX_STREAM", 10)
    runtime, answer, [opening] = await streaming(api)
    runtime.send(chunk(b"12345678") + chunk(b"90abc"))
    runtime.send(chunk(b"more") + b"0\r\n\r\n")
    assert told(runtime.reply()) == (413, "RequestEntityTooLarge")
    assert await read(opening) == b"1234567890"
    found = result(answer)
    assert (found.oversized, found.size, found.streamed, found.limit) == (True, 17, 10, 10)


async def test_a_paced_stream_takes_its_time() -> None:
    api = RuntimeApi(lambda _port: True)
    runtime, _, [opening] = await streaming(api)
    pieces = aiter(opening.pieces)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(8):
        runtime.send(chunk(b"x" * (1024 * 1024)))
        await anext(pieces)
    assert loop.time() - began == pytest.approx(1.0)  # six at once, two a second after


async def test_an_init_error_keeps_the_runtimes_words(api: RuntimeApi) -> None:
    runtime = Runtime(api)
    headers = {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"}
    assert runtime.answer("POST", "/2018-06-01/runtime/init/error", b'{"e":1}', headers).status == 202
    assert (api.init_error, api.init_error_type) == (b'{"e":1}', "Runtime.ImportModuleError")
    assert told(runtime.call("POST", "/2018-06-01/runtime/init/error", b"")) == (403, "InvalidStateTransition")
    assert told(runtime.call("GET", NEXT)) == (403, "InvalidStateTransition")


async def test_a_restored_runtime_goes_on_and_may_fail(api: RuntimeApi) -> None:
    runtime = Runtime(api)
    assert runtime.call("GET", "/2018-06-01/runtime/restore/next") is None
    assert api.restore_ready.done()
    api.restored()
    reply = runtime.reply()
    assert reply is not None
    assert (reply.status, reply.body) == (200, b"")
    assert told(runtime.call("POST", "/2018-06-01/runtime/init/error", b"")) == (403, "InvalidStateTransition")
    headers = {"Lambda-Runtime-Function-Error-Type": "Runtime.AfterRestoreError"}
    assert runtime.answer("POST", "/2018-06-01/runtime/restore/error", b"", headers).status == 202
    assert api.restore_error_type == "Runtime.AfterRestoreError"
    assert told(runtime.call("GET", NEXT)) == (403, "InvalidStateTransition")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", NEXT), ("GET", RESPONSE), ("POST", "/2018-06-01/runtime/invocation/x/other"), ("PUT", ERROR), ("GET", "/"),
        ("GET", "/2018-06-01/other"), ("POST", "/2018-06-01/runtime/other"), ("GET", "/2020-01-01/extension/event/next"),
        ("PUT", "/2022-07-01/telemetry"), ("GET", "/2021-04-23/credentials"),
    ],
)  # fmt: skip
async def test_what_is_not_served_is_not_found(api: RuntimeApi, method: str, path: str) -> None:
    assert told(Runtime(api).call(method, path, b"")) == (404, "NotFound")


async def test_ping(api: RuntimeApi) -> None:
    assert Runtime(api).answer("GET", "/2018-06-01/ping").body == b"pong"


async def test_a_stranger_is_hung_up_on() -> None:
    assert Runtime(RuntimeApi(lambda port: port != 4242)).closed


async def test_a_socket_that_listens_already_is_its_own_admission() -> None:
    api = RuntimeApi(lambda _port: False)
    sock = socket.create_server(("127.0.0.1", 0))
    await api.open(sock)
    assert api.port == sock.getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head("GET", "/2018-06-01/ping"))
    assert (await reader.readuntil(b"pong")).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    await writer.wait_closed()
    await api.close()
    assert sock.fileno() == -1
