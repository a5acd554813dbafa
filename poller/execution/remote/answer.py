"""What a server's answer to Invoke says of the invocation. Pure.

Two kinds of servers: those with the whole operation say which version ran (X-Amz-Executed-Version), and mark a function's error
(X-Amz-Function-Error). AWS's runtime interface emulator says neither: an error is 200 with an error object, a timeout is 200 with a
sentence, and a function that could not run is 502 with an error object (observed in November 2026; its source, rie/handlers). Without
the version nothing but JSON counts as a function's answer, or a web page would settle records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import orjson

from poller.execution import failures
from poller.execution.contract import Status

VERSION, FUNCTION_ERROR, ERROR_TYPE = "X-Amz-Executed-Version", "X-Amz-Function-Error", "x-amzn-ErrorType"
LOG_RESULT = "X-Amz-Log-Result"

TIMED_OUT = "Sandbox.Timedout"
UNREACHABLE = "Remote.Unreachable"
THROTTLED = "TooManyRequestsException"
NOT_TAKEN = "Remote.NotTaken"
"""Error type of an invocation that the server answered with anything but what became of it, where it does not name its own."""

_TIMEOUT = re.compile(rb"Task timed out after [0-9]+\.[0-9]{2} seconds")
_CODE = re.compile(r"(.*#)?(?P<code>[A-Za-z][A-Za-z.]{0,63})(:.*)?")
"""Of an AWS error, without what some protocols put before and behind it."""
_LONGEST_QUOTE = 200


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers (whatever their case), body. oversized: the body went on past the limit and was not kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    oversized: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of the invocation. taken: False when the server is to blame, not the function; the payload says what it answered.

    streamed: bytes that were handed on before that.
    """

    status: Status
    payload: bytes
    error_type: str = ""
    taken: bool = True
    streamed: int = 0

    @classmethod
    def not_taken(cls, error_type: str, sentence: str) -> Ruling:
        """The function may not even have run."""
        return cls(Status.FAILURE, error_object(error_type, sentence), error_type, taken=False)


def error_object(error_type: str, sentence: str) -> bytes:
    """What a failure's payload looks like."""
    return orjson.dumps({"errorType": error_type, "errorMessage": sentence})


def rule(answer: HttpAnswer, request_id: str, limit: int) -> Ruling:
    """Tell a function's answer, a function's error, and a server's refusal apart. limit: bytes of an answer. Never raises."""
    if answer.oversized:
        return Ruling(Status.ERROR, failures.too_large(limit), "Function.ResponseSizeTooLarge")
    if answer.status != HTTPStatus.OK:
        return _failed(answer)
    if FUNCTION_ERROR in answer.headers:
        return _error(answer.body)
    if VERSION in answer.headers:
        return Ruling(Status.SUCCESS, answer.body)
    return _emulated(answer.body, request_id)


def rule_end(complete: Mapping[str, Any], streamed: int) -> Ruling:
    """The same of a stream, by its last event, InvokeComplete. streamed: bytes that came before it."""
    code, details = complete.get("ErrorCode"), str(complete.get("ErrorDetails") or "")
    if not code:
        return Ruling(Status.SUCCESS, b"", streamed=streamed)
    said = details.encode()
    body = said if _is_error(_json(said)) else error_object(str(code), details or "the server gave no details")
    return replace(_error(body), streamed=streamed)


def offers_no_streams(answer: HttpAnswer) -> bool:
    """Whether a server does not know InvokeWithResponseStream; a function that is not there is something else."""
    if answer.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
        return False
    return _failed(answer).error_type != "ResourceNotFoundException"


def _emulated(body: bytes, request_id: str) -> Ruling:
    if _TIMEOUT.fullmatch(body):
        sentence = f"RequestId: {request_id} Error: {body.decode()}"
        return Ruling(Status.TIMEOUT, error_object(TIMED_OUT, sentence), TIMED_OUT)
    value = _json(body)
    if value is _NOT_JSON:
        said = f"an answer with neither {VERSION} nor JSON is not a function's: {_quoted(body)}"
        return Ruling.not_taken(NOT_TAKEN, said)
    return _error(body) if _is_error(value) else Ruling(Status.SUCCESS, body)


def _failed(answer: HttpAnswer) -> Ruling:
    """Not 200. 502 with an error object is an emulator's word for a function that broke; all else is about the request or the server."""
    value = _json(answer.body)
    if answer.status == HTTPStatus.BAD_GATEWAY and _is_error(value):
        return _error(answer.body)
    fields = value if isinstance(value, dict) else {}
    code = answer.headers.get(ERROR_TYPE) or fields.get("__type") or fields.get("code")
    message = fields.get("message") or fields.get("Message") or _quoted(answer.body)
    named = _CODE.fullmatch(str(code or ""))
    kind = named["code"] if named else NOT_TAKEN
    return Ruling.not_taken(kind, f"the server answered {answer.status}: {message}")


def _error(body: bytes) -> Ruling:
    kind = failures.error_type(body)
    status = {TIMED_OUT: Status.TIMEOUT, "Runtime.ExitError": Status.FAILURE}.get(kind, Status.ERROR)
    return Ruling(status, body, kind)


def _is_error(value: Any) -> bool:
    """Whether this is the error object of a runtime: they all have these two keys, whatever else they add."""
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("errorType", "errorMessage"))


_NOT_JSON = object()


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NOT_JSON


def _quoted(body: bytes) -> str:
    text = body[:_LONGEST_QUOTE].decode(errors="replace")
    return repr(text) + ("..." if len(body) > _LONGEST_QUOTE else "") if body else "nothing"
