"""The front door as clients meet it: boto3, plain HTTP, streams that break, handlers that fail."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientConnectionResetError, web
from botocore.exceptions import ClientError, EventStreamError

from poller.control.api import bounds
from poller.control.api.contract import ApiError, Call, Handler, RawCall
from poller.control.api.front import Front
from poller.observe.events import ApiAnswered, DefectFoundError, Fact
from tests.faults.until import until
from tests.integration.api.front_served import KEY, client, served

ARN = "arn:aws:lambda:us-east-1:000000000000:function:a"


async def alias(call: Call) -> Mapping[str, Any]:
    return {"Name": call.params["Name"], "FunctionVersion": "3", "Description": None}


def raising(error: Exception) -> Handler:
    async def handle(call: Call) -> Mapping[str, Any]:
        raise error

    return handle


def ask(
    url: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, Any] | None = None
) -> tuple[int, Mapping[str, str], Any]:
    """Status, headers and JSON of one plain request."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, dict(answer.headers), json.loads(content) if content else None


def test_what_a_handler_refuses_arrives_as_awss_error(tmp_path: Path) -> None:
    throttled = ApiError(
        "TooManyRequestsException", "Rate Exceeded.", Reason="CallerRateLimitExceeded", retryAfterSeconds="1"
    )
    handlers = {
        "GetAlias": raising(ApiError("ResourceNotFoundException", "Cannot find alias")),
        "Invoke": raising(throttled),
    }
    with served(Front(handlers), tmp_path) as url, client("lambda", url) as asking:
        with pytest.raises(asking.exceptions.ResourceNotFoundException) as missing:
            asking.get_alias(FunctionName=ARN, Name="b")
        with pytest.raises(asking.exceptions.TooManyRequestsException) as busy:
            asking.invoke(FunctionName="f")
    assert missing.value.response["Error"] == {"Code": "ResourceNotFoundException", "Message": "Cannot find alias"}
    assert (missing.value.response["Type"], missing.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (
        "User",
        404,
    )
    assert busy.value.response["Reason"] == "CallerRateLimitExceeded"
    assert busy.value.response["retryAfterSeconds"] == "1"
    assert busy.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_a_message_may_be_null(tmp_path: Path) -> None:
    front = Front({"GetAlias": raising(ApiError("AccessDeniedException", None))})
    with served(front, tmp_path) as url:
        status, headers, body = ask(url, "GET", "/2015-03-31/functions/f/aliases/a")
    assert (status, headers["x-amzn-ErrorType"], body) == (403, "AccessDeniedException", {"message": None})


def test_what_is_ours_is_a_500_and_a_defect(tmp_path: Path) -> None:
    facts: list[Fact] = []
    with (
        served(Front({"GetAlias": raising(KeyError("oops"))}, emit=facts.append), tmp_path) as url,
        client("lambda", url) as asking,
        pytest.raises(ClientError) as raised,
    ):
        asking.get_alias(FunctionName="f", Name="a")
    assert raised.value.response["Error"]["Code"] == "ServiceException"
    assert "oops" not in str(raised.value)
    [defect] = [fact for fact in facts if isinstance(fact, DefectFoundError)]
    assert (defect.part, "KeyError" in defect.trace) == ("API GetAlias", True)
    [told] = [fact for fact in facts if isinstance(fact, ApiAnswered)]
    assert (told.operation, told.code, told.status) == ("GetAlias", "ServiceException", 500)
    assert told.request_id == raised.value.response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code", "message"),
    [
        ("GET", "/nowhere", {}, 404, "UnknownOperationException", "there is no operation of Lambda at GET /nowhere"),
        ("PATCH", "/2015-03-31/functions", {}, 404, "UnknownOperationException", "PATCH"),
        ("GET", "/2025-11-30/capacity-providers", {}, 400, "InvalidParameterValueException", "not offer ListCapacityProviders"),
        ("GET", "/2016-08-19/account-settings", {}, 404, "UnknownOperationException", "pollerd does not offer GetAccountSettings: "),
        ("GET", "/2015-03-31/functions?MaxItems=ten", {}, 400, "SerializationException", "STRING_VALUE can not be converted to an Integer"),
        ("GET", "/2015-03-31/functions?MaxItems=99999999999", {}, 400, "SerializationException", "NUMBER_VALUE can not be converted"),
        ("GET", "/2015-03-31/functions?MaxItems=1_0", {}, 400, "SerializationException", "STRING_VALUE can not be converted"),
        ("GET", "/2015-03-31/functions?MaxItems=0", {}, 400, "ValidationException", "1 validation error detected: Value '0' at 'maxItems'"),
        ("GET", "/2015-03-31/functions", {"Origin": "http://evil.example"}, 403, "AccessDeniedException", "Web pages"),
        ("GET", "/2015-03-31/functions", {"Host": b"127.0.0.\x84"}, 403, "AccessDeniedException", "no address of this host"),
        ("GET", "/2015-03-31/functions", {"Host": "evil.example"}, 403, "AccessDeniedException", "no address of this host"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_why(
    tmp_path: Path, method: str, path: str, headers: Mapping[str, Any], status: int, code: str, message: str
) -> None:
    with served(Front({}), tmp_path) as url:
        found, told, body = ask(url, method, path, None, headers)
    assert (found, told["x-amzn-ErrorType"]) == (status, code)
    assert message in body["message"]
    assert len(told["x-amzn-RequestId"]) == 36


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "the body is no JSON text"),
        (b"[]", "Start of structure or map expected"),
        (b'{"Description": 3}', "NUMBER_VALUE can not be converted to a String"),
        (
            b'{"RoutingConfig": {"AdditionalVersionWeights": {"1": "x"}}}',
            "STRING_VALUE can not be converted to a Double",
        ),
        (b"\xff\xfe", "the body is no JSON text"),
    ],
)
def test_a_body_of_the_wrong_kind_is_told_so(tmp_path: Path, body: bytes, text: str) -> None:
    with served(Front({"UpdateAlias": alias}), tmp_path) as url:
        status, headers, answer = ask(url, "PUT", "/2015-03-31/functions/f/aliases/a", body)
    assert (status, headers["x-amzn-ErrorType"]) == (400, "SerializationException")
    assert text in answer["message"]


def test_what_a_client_newer_than_the_model_sends_is_passed_over(tmp_path: Path) -> None:
    seen = []

    async def update(call: Call) -> Mapping[str, Any]:
        seen.append(call.params)
        return {}

    body = b'{"Novelty": [1, {"a": null}], "Description": null, "FunctionVersion": "2"}'
    with served(Front({"UpdateAlias": update}), tmp_path) as url:
        assert ask(url, "PUT", "/2015-03-31/functions/f/aliases/a?New=1", body)[0] == 200
    assert seen == [{"FunctionName": "f", "Name": "a", "FunctionVersion": "2"}]


def test_logs_are_told_their_errors_as_json_1_1_has_them(tmp_path: Path) -> None:
    missing = ApiError("ResourceNotFoundException", "The specified log group does not exist.")
    front = Front({}, logs={"GetLogEvents": raising(missing)})
    with served(front, tmp_path) as url, client("logs", url) as asking:
        with pytest.raises(asking.exceptions.ResourceNotFoundException):
            asking.get_log_events(logGroupName="g", logStreamName="s")
        with pytest.raises(asking.exceptions.InvalidParameterException, match="pollerd does not offer PutMetricFilter"):
            asking.put_metric_filter(logGroupName="g", filterName="f", filterPattern="", metricTransformations=[
                {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
            ])  # fmt: skip
        status, headers, body = ask(url, "POST", "/", b"{}", {"X-Amz-Target": "Logs_20140328.Nothing"})
    assert (status, headers["Content-Type"]) == (400, "application/x-amz-json-1.1")
    assert body == {"__type": "UnknownOperationException", "message": "CloudWatch Logs has no operation Nothing"}


def chunks(*parts: bytes, then: Exception | None = None, closed: threading.Event | None = None) -> Handler:
    """A handler whose stream has these chunks and ends, or breaks."""

    async def come() -> AsyncGenerator[Mapping[str, Any], None]:
        try:
            for part in parts:
                yield {"PayloadChunk": {"Payload": part}}
            if then:
                raise then
            yield {"InvokeComplete": {}}
        finally:
            if closed:
                closed.set()

    async def handle(call: Call) -> Mapping[str, Any]:
        return {"ExecutedVersion": "$LATEST", "EventStream": come()}

    return handle


def test_a_streams_error_is_raised_where_it_is_read(tmp_path: Path) -> None:
    broken = ApiError("ServiceException", "the function went away")
    front = Front({"InvokeWithResponseStream": chunks(b"a", b"b", then=broken)})
    with served(front, tmp_path) as url, client("lambda", url) as asking:
        answer = asking.invoke_with_response_stream(FunctionName="f")
        assert answer["ExecutedVersion"] == "$LATEST"
        events = iter(answer["EventStream"])
        assert [next(events)["PayloadChunk"]["Payload"] for _ in range(2)] == [b"a", b"b"]
        with pytest.raises(EventStreamError, match="the function went away"):
            next(events)
        answer["EventStream"].close()


def test_a_stream_that_we_break_is_cut_and_a_defect(tmp_path: Path) -> None:
    facts: list[Fact] = []
    front = Front({"InvokeWithResponseStream": chunks(b"a" * 10, then=KeyError("oops"))}, emit=facts.append)
    with served(front, tmp_path) as url, socket.create_connection(_address(url)) as raw:
        raw.sendall(b"POST /2021-11-15/functions/f/response-streaming-invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        received = b"".join(iter(lambda: _received(raw), b""))
    assert b"aaaaaaaaaa" in received
    assert not received.endswith(b"0\r\n\r\n")
    assert [fact.part for fact in facts if isinstance(fact, DefectFoundError)] == ["API InvokeWithResponseStream"]


def test_who_hangs_up_ends_the_stream(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    closed = threading.Event()
    facts: list[Fact] = []
    front = Front({"InvokeWithResponseStream": chunks(*[bytes(1 << 20)] * 64, closed=closed)}, emit=facts.append)
    with served(front, tmp_path) as url:
        with socket.create_connection(_address(url)) as raw:
            raw.sendall(
                b"POST /2021-11-15/functions/f/response-streaming-invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            )
            assert raw.recv(100)
        assert closed.wait(30)
        until(lambda: bool(facts), "the end is told")
    assert [fact.status for fact in facts if isinstance(fact, ApiAnswered)] == [499]
    assert (len(facts), caplog.text) == (1, "")


def test_who_hangs_up_in_a_body_is_nobodys_defect(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    facts: list[Fact] = []
    with served(Front({"UpdateAlias": alias}, emit=facts.append), tmp_path) as url:
        with socket.create_connection(_address(url)) as raw:
            raw.sendall(
                b"PUT /2015-03-31/functions/f/aliases/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"
            )
        until(lambda: bool(facts), "the end is told")
    assert [fact.status for fact in facts if isinstance(fact, ApiAnswered)] == [499]
    assert (len(facts), caplog.text) == (1, "")


def test_a_handlers_own_connections_are_not_the_clients(tmp_path: Path) -> None:
    facts: list[Fact] = []
    front = Front({"GetAlias": raising(ConnectionResetError("of somewhere else"))}, emit=facts.append)
    with served(front, tmp_path) as url:
        assert ask(url, "GET", "/2015-03-31/functions/f/aliases/a")[0] == 500
    assert [fact.part for fact in facts if isinstance(fact, DefectFoundError)] == ["API GetAlias"]


def test_who_hangs_up_before_a_stream_begins_ends_it_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object) -> None:
        raise ClientConnectionResetError("Cannot write to closing transport")  # what aiohttp says then

    closed = threading.Event()
    facts: list[Fact] = []
    monkeypatch.setattr(web.StreamResponse, "prepare", gone)
    front = Front({"InvokeWithResponseStream": chunks(b"a", closed=closed)}, emit=facts.append)
    with served(front, tmp_path) as url, socket.create_connection(_address(url)) as raw:
        raw.sendall(b"POST /2021-11-15/functions/f/response-streaming-invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert _received(raw) == b""
    assert closed.is_set()
    assert not [fact for fact in facts if isinstance(fact, DefectFoundError)]


def test_a_body_is_asked_for_when_it_is_wanted(tmp_path: Path) -> None:
    head = "PUT /2015-03-31/functions/f/aliases/a HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n"
    with served(Front({"UpdateAlias": alias}), tmp_path) as url:
        with socket.create_connection(_address(url)) as raw:
            raw.sendall(head.format(2).encode())
            assert raw.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
            raw.sendall(b"{}")
            assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
        with socket.create_connection(_address(url)) as raw:
            raw.sendall(head.format(10**8).encode())
            assert raw.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_what_takes_the_short_way_answers_by_itself(tmp_path: Path) -> None:
    seen: list[RawCall] = []

    async def invoke(call: RawCall) -> web.StreamResponse:
        seen.append(call)
        if call.body == b"no":
            raise ApiError("InvalidRequestContentException", "no JSON")
        return web.Response(body=b'"done"', headers={"X-Amz-Executed-Version": "7"})

    with served(Front({}, raw={"Invoke": invoke}), tmp_path) as url, client("lambda", url) as asking:
        answer = asking.invoke(FunctionName=ARN, Payload=b"{}", Qualifier="7")
        assert (answer["Payload"].read(), answer["ExecutedVersion"]) == (b'"done"', "7")
        assert answer["ResponseMetadata"]["RequestId"] == seen[0].request_id
        with pytest.raises(asking.exceptions.InvalidRequestContentException):
            asking.invoke(FunctionName="f", Payload=b"no")
    assert (seen[0].function_name, seen[0].body, seen[0].request.query["Qualifier"]) == (ARN, b"{}", "7")
    assert seen[0].caller.access_key_id == KEY


@pytest.mark.parametrize(
    ("path", "headers", "size", "code", "text"),
    [
        ("/2015-03-31/functions", {}, 70_167_212, "RequestEntityTooLargeException",
         "Request must be smaller than 70167211 bytes for the CreateFunction operation"),
        ("/2015-03-31/functions/f/invocations", {}, 6_291_457, "RequestEntityTooLargeException",
         "Request must be smaller than 6291456 bytes for the InvokeFunction operation"),
        ("/2015-03-31/functions/f/invocations", {"X-Amz-Invocation-Type": "Event"}, 1_048_577, "RequestTooLargeException",
         "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"),
    ],
)  # fmt: skip
def test_a_body_too_long_is_refused_before_it_is_sent(
    tmp_path: Path, path: str, headers: Mapping[str, str], size: int, code: str, text: str
) -> None:
    with served(Front({}), tmp_path) as url, socket.create_connection(_address(url)) as raw:
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {size}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        raw.sendall("\r\n".join([*lines, "", ""]).encode())
        received = raw.recv(4096).decode()
    assert received.startswith("HTTP/1.1 413 ")
    assert code in received
    assert text in received


def test_a_body_of_unsaid_length_is_counted_as_it_comes(tmp_path: Path) -> None:
    with served(Front({"Invoke": alias}), tmp_path) as url:
        body = (bytes(1 << 16) for _ in range(97))
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
            connection.request("POST", "/2015-03-31/functions/f/invocations", body, encode_chunked=True,
                               headers={"Transfer-Encoding": "chunked"})  # fmt: skip
            answer = connection.getresponse()
            assert (answer.status, b"must be smaller than 6291456" in answer.read()) == (413, True)


def test_a_body_that_stops_coming_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STALLED_SECONDS", 0.05)
    with served(Front({"Invoke": alias}), tmp_path) as url, socket.create_connection(_address(url)) as raw:
        raw.sendall(
            b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"
        )
        assert b"RequestTimeoutException" in raw.recv(4096)


def test_a_body_that_trickles_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STALLED_SECONDS", 0.2)
    with served(Front({"Invoke": alias}), tmp_path) as url, socket.create_connection(_address(url)) as raw:
        raw.sendall(
            b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n"
        )
        raw.settimeout(0.05)
        answer = b""
        while not answer:
            raw.sendall(b"{")
            try:
                answer = raw.recv(4096)
            except TimeoutError:
                continue
    assert b"RequestTimeoutException" in answer


def test_bodies_together_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "IN_MEMORY_BYTES", 10)
    with served(Front({"UpdateAlias": alias}), tmp_path) as url:
        path = "/2015-03-31/functions/f/aliases/a"
        status, headers, body = ask(url, "PUT", path, b'{"Description": ""}')
        assert (status, headers["x-amzn-ErrorType"], body["Reason"]) == (
            429,
            "TooManyRequestsException",
            "CallerRateLimitExceeded",
        )
        assert ask(url, "PUT", path, b"{}")[0] == 200, "what was refused is not counted any more"
        assert ask(url, "PUT", path, b"{       }")[0] == 200, "nor what was answered"


def test_an_api_that_is_asked_has_not_imported_botocore(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from poller.control.api.front import Front
from poller.daemon import Daemon
sys.path.insert(0, {str(Path.cwd())!r})
from aiohttp import ClientSession
from poller.control.guard import Guard
from poller.control.port import Port
from poller.observe.metrics import Metrics
from poller.settings.model import HttpSettings
from poller.wire.aws.model import service

async def main():
    http = HttpSettings(listen="127.0.0.1:0")
    port = Port(Metrics(), dict, dict, Front({{}}).routes(), guard=Guard(http, Path({str(tmp_path)!r})))
    url = await port.open(http)
    async with ClientSession() as session:
        assert (await session.get(url + "/healthz")).status == 200
        assert service.cache_info().currsize == 0, "no model is read before it is needed"
        assert (await session.get(url + "/2015-03-31/functions?MaxItems=0")).status == 400
        assert service.cache_info().currsize == 1
    await port.close()
    print(sorted(name for name in sys.modules if name.partition(".")[0] in {{"botocore", "boto3", "aiobotocore"}}))

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 0)


def _received(raw: socket.socket) -> bytes:
    try:
        return raw.recv(65536)
    except ConnectionResetError:
        return b""
