"""What a server says, and what it means for the invocation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from poller.execution.contract import Status
from poller.execution.remote.answer import HttpAnswer, Ruling, rule

WHOLE = {"X-Amz-Executed-Version": "3"}
ERROR = b'{"errorMessage": "no", "errorType": "ValueError", "stackTrace": []}'
EXIT = (
    b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited with error: exit status 3"}'
)


def ruled(status: int, body: bytes, headers: dict[str, str] | None = None) -> Ruling:
    return rule(HttpAnswer(status, CIMultiDict(headers or {}), body), "r", 100)


@pytest.mark.parametrize(("body", "headers"), [
    (b'{"a": 1}', WHOLE),
    (b"null", {}),
    (b'"Task timed out after 2.00 seconds"', {}),
    (b'{"errorType": "an order of this type"}', {}),
    (ERROR, WHOLE),  # with the whole operation there would be X-Amz-Function-Error
    (b"no JSON", WHOLE),  # what a runtime of one's own may answer
    (b"", WHOLE),
])  # fmt: skip
def test_an_answer_of_the_function(body: bytes, headers: dict[str, str]) -> None:
    assert ruled(200, body, headers) == Ruling(Status.SUCCESS, body)


@pytest.mark.parametrize(("status", "body", "headers", "expected", "kind"), [
    (200, ERROR, WHOLE | {"x-amz-function-error": "Unhandled"}, Status.ERROR, "ValueError"),
    (200, b"no JSON", WHOLE | {"X-Amz-Function-Error": "Handled"}, Status.ERROR, "Runtime.Unknown"),
    (200, b'{"errorType": "Sandbox.Timedout"}', {"X-Amz-Function-Error": "Unhandled"}, Status.TIMEOUT, "Sandbox.Timedout"),
    (200, EXIT, {"X-Amz-Function-Error": "Unhandled"}, Status.FAILURE, "Runtime.ExitError"),
    (200, ERROR, {}, Status.ERROR, "ValueError"),  # the emulator
    (502, EXIT, {}, Status.FAILURE, "Runtime.ExitError"),
    (502, ERROR, {}, Status.ERROR, "ValueError"),
])  # fmt: skip
def test_an_error_of_the_function(
    status: int, body: bytes, headers: dict[str, str], expected: Status, kind: str
) -> None:
    assert ruled(status, body, headers) == Ruling(expected, body, kind)


def test_the_emulator_s_timeout_is_put_into_aws_s_words() -> None:
    ruling = ruled(200, b"Task timed out after 2.00 seconds")
    assert (ruling.status, ruling.error_type, ruling.taken) == (Status.TIMEOUT, "Sandbox.Timedout", True)
    assert json.loads(ruling.payload)["errorMessage"] == "RequestId: r Error: Task timed out after 2.00 seconds"


def test_an_answer_past_the_limit_is_the_function_s_error() -> None:
    ruling = rule(HttpAnswer(200, WHOLE, b"", oversized=True), "r", 100)
    assert (ruling.status, ruling.error_type, ruling.taken) == (Status.ERROR, "Function.ResponseSizeTooLarge", True)


@pytest.mark.parametrize(("status", "body", "headers", "kind", "sentence"), [
    (404, b'{"Type":"User","message":"Function not found: arn"}', {"x-amzn-ErrorType": "ResourceNotFoundException:http://x"},
     "ResourceNotFoundException", "the server answered 404: Function not found: arn"),
    (403, b'{"__type":"com.amazon#AccessDeniedException","Message":"no"}', {}, "AccessDeniedException", "the server answered 403: no"),
    (500, b"<h1>oh</h1>", {}, "Remote.NotTaken", "the server answered 500: '<h1>oh</h1>'"),
    (502, b"Bad Gateway", {}, "Remote.NotTaken", "the server answered 502: 'Bad Gateway'"),
    (503, b"", {}, "Remote.NotTaken", "the server answered 503: nothing"),
    (500, ERROR, {}, "Remote.NotTaken", f"the server answered 500: {ERROR.decode()!r}"),
    (302, b"", {"Location": "http://elsewhere"}, "Remote.NotTaken", "the server answered 302: nothing"),
    (202, b"", {}, "Remote.NotTaken", "the server answered 202: nothing"),
    (200, b"", {}, "Remote.NotTaken", "an answer with neither X-Amz-Executed-Version nor JSON is not a function's: nothing"),
    (200, b"<html>" + b"x" * 300, {}, "Remote.NotTaken",
     f"an answer with neither X-Amz-Executed-Version nor JSON is not a function's: '<html>{'x' * 194}'..."),
])  # fmt: skip
def test_an_answer_that_is_not_the_function_s(
    status: int, body: bytes, headers: dict[str, str], kind: str, sentence: str
) -> None:
    ruling = ruled(status, body, headers)
    assert (ruling.status, ruling.error_type, ruling.taken) == (Status.FAILURE, kind, False)
    assert json.loads(ruling.payload) == {"errorType": kind, "errorMessage": sentence}


@given(
    status=st.integers(100, 599),
    body=st.binary(max_size=300) | st.sampled_from([ERROR, EXIT, b"null"]),
    headers=st.dictionaries(st.sampled_from(["X-Amz-Executed-Version", "X-Amz-Function-Error", "x-amzn-ErrorType"]), st.text(max_size=20)),
)  # fmt: skip
def test_whatever_a_server_says_only_200_is_a_success(status: int, body: bytes, headers: dict[str, str]) -> None:
    ruling = ruled(status, body, headers)
    assert ruling.status is not Status.SUCCESS or (status == 200 and ruling.payload == body)
    assert ruling.taken or ruling.status is Status.FAILURE
    assert (ruling.error_type == "") is (ruling.status is Status.SUCCESS)
