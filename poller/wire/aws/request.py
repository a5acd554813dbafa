"""A request of AWS's JSON protocols → its operation's parameters, by the names of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from poller.wire.aws.errors import ApiError
from poller.wire.aws.model import Member, Operation, Shape
from poller.wire.aws.values import SERIALIZATION, from_json, from_text


def parameters(
    operation: Operation,
    *,
    path: Mapping[str, str],
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    """Parameters of a request, unchecked but for their types.

    path: by wire name, decoded. query: decoded, in order, names may come again. headers: a mapping that does not mind case. The whole
    body as a parameter is bytes; an empty one is absent. Raises ApiError (SerializationException) for what is not of its type.
    """
    if operation.inputs is None:
        return {}
    given = {
        name: value
        for name, member in operation.inputs.members.items()
        if member.location and (value := _outside(member, path, query, headers)) is not None
    }
    return given | _body(operation.inputs, body)


def _outside(
    member: Member, path: Mapping[str, str], query: Sequence[tuple[str, str]], headers: Mapping[str, str]
) -> Any:
    if member.location == "uri":
        return from_text(member.shape, path[member.wire_name])
    if member.location == "header":
        text = headers.get(member.wire_name)
        return None if text is None else from_text(member.shape, text)
    texts = [value for name, value in query if name == member.wire_name]
    if not texts:
        return None
    if member.shape.kind == "list":
        return [from_text(member.shape.item, text) for text in texts]
    return from_text(member.shape, texts[0])


def _body(shape: Shape, body: bytes) -> dict[str, Any]:
    payload = shape.payload
    if payload is None:
        return from_json(shape, _json(body)) if any(not member.location for member in shape.members.values()) else {}
    if payload.shape.kind == "blob":
        return {payload.name: body} if body or payload.name in shape.required else {}
    return {payload.name: from_json(payload.shape, _json(body))} if body else {}


def _json(body: bytes) -> Any:
    if not body.strip():
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ApiError(SERIALIZATION, "Could not parse request body into json: the body is no JSON text") from None
    if value is None:
        return {}
    return value
