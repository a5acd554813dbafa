"""What a handler returned, or raised → status, headers and body, as the model of the service says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from poller.wire.aws.errors import ApiError
from poller.wire.aws.model import Operation, Service, Shape
from poller.wire.aws.values import to_json

JSON = "application/json"

COMMON: Mapping[str, int] = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InternalFailure": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "RequestEntityTooLargeException": 413,
    "RequestTimeoutException": 408,
    "SerializationException": 400,
    "ServiceUnavailableException": 503,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}
"""Status of the errors that any AWS service may answer with, whatever its model (Lambda API reference, Common Errors)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def answer(service: Service, operation: Operation, output: Mapping[str, Any]) -> Answer:
    """An operation's output; members that are None are left out. A blob that is the body is given as bytes."""
    status, headers = operation.status, {}
    members = operation.outputs.members if operation.outputs else {}
    for name, member in members.items():
        value = output.get(name)
        if value is None:
            continue
        if member.location == "statusCode":
            status = value
        elif member.location == "header":
            headers[member.wire_name] = str(value)
    if operation.outputs is None or status == HTTPStatus.NO_CONTENT:
        return Answer(status=status, headers=headers)
    if (payload := operation.outputs.payload) is not None:
        value = output.get(payload.name)
        body = (
            b"" if value is None else value if payload.shape.kind == "blob" else _dumps(to_json(payload.shape, value))
        )
    else:
        inside = {name: value for name, value in output.items() if name in members and not members[name].location}
        body = _dumps(to_json(operation.outputs, inside))
    if body:
        headers.setdefault("Content-Type", _content_type(service))
    return Answer(status=status, headers=headers, body=body)


def refusal(service: Service, error: ApiError) -> Answer:
    """An error, with the status and the members that its shape has; 500 for one that no model knows, since that is a defect of ours."""
    shape = service.shapes.get(error.code)
    known = shape is not None and shape.error is not None
    status = _status(service, shape, error.code)
    headers = {"x-amzn-ErrorType": error.code}
    body: dict[str, Any] = {}
    members = shape.members if shape is not None and known else {}
    if error.type is not None or "Type" in members:
        body["Type"] = error.type or ("User" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "Service")
    if service.protocol == "json":
        body["__type"] = error.code
    for name, value in error.members.items():
        if name in members and members[name].location == "header":
            headers[members[name].wire_name] = str(value)
        else:
            body[name] = value
    body["Message" if "Message" in members else "message"] = (
        None if error.message is None else _printable(error.message)
    )
    return Answer(status=status, headers=headers | {"Content-Type": _content_type(service)}, body=_dumps(body))


def _status(service: Service, shape: Shape | None, code: str) -> int:
    """Where a model says nothing of it: 400, or 500 for a fault. The JSON protocol knows no other two."""
    if shape is not None and shape.error is not None:
        status: int = shape.error.get("httpStatusCode", 500 if shape.is_fault else 400)
        return status
    status = COMMON.get(code, 500)
    return 400 if service.protocol == "json" and status < HTTPStatus.INTERNAL_SERVER_ERROR else status


def _content_type(service: Service) -> str:
    return JSON if service.protocol == "rest-json" else f"application/x-amz-json-{service.json_version}"


def _printable(text: str) -> str:
    """Without what was no UTF-8 in a header that a sentence repeats: JSON cannot say it."""
    return text.encode("utf-8", "replace").decode()


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
