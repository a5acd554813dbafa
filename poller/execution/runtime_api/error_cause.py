"""What a runtime says about an error beside its body: the error's type, and the cause for X-Ray. Pure.

Source: the runtime interface emulator (fatalerror, error_cause, mime_type_error_cause_json); Lambda DG, Lambda runtime API.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

CONTENT_TYPE = b"application/vnd.aws.lambda.error.cause+json"
"""Of a body that carries the cause itself."""
MAX_CAUSE = 64 * 1024
"""Bytes of a cause that are kept."""
_TEXT = (MAX_CAUSE - 4096) // 2
"""Bytes of each of its two texts, when nothing but them is left: the rest is for the names of fields."""
_SHRINKING = (0.8, 0.6, 0.4, 0.2, 0.0)
_KNOWN = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


def sanitised(error_type: str) -> str:
    """The type as platform logs and telemetry have it: in the service's pattern, or Unknown. The body keeps its own words."""
    if _KNOWN.fullmatch(error_type):
        return error_type
    return "Function.Unknown" if error_type.startswith("Function.") else "Runtime.Unknown"


def trimmed(cause: bytes) -> bytes:
    """The cause in at most MAX_CAUSE bytes, exceptions and paths dropped until it fits; b"" for what is no cause."""
    value = _object(cause)
    if value is None or not any(value.get(name) for name in ("working_directory", "paths", "exceptions", "message")):
        return b""
    kept = {
        "exceptions": _list(value.get("exceptions")),
        "working_directory": _text(value.get("working_directory")),
        "paths": _list(value.get("paths")),
    }
    if message := _text(value.get("message")):
        kept["message"] = message
    whole = orjson.dumps(kept)
    return whole if len(whole) <= MAX_CAUSE else _cropped(kept)


def split(body: bytes) -> tuple[bytes, bytes]:
    """The error object to pass on, and the trimmed cause, of a body of that CONTENT_TYPE."""
    value = _object(body)
    if value is None:
        return orjson.dumps("Invalid error body"), b""
    cause = value.pop("errorCause", None)
    known = {name: value[name] for name in ("errorMessage", "errorType", "stackTrace") if name in value}
    return orjson.dumps(known), trimmed(orjson.dumps(cause)) if cause is not None else b""


def _cropped(cause: dict[str, Any]) -> bytes:
    shrunk = b""
    for share in _SHRINKING:
        smaller = cause | {name: cause[name][: int(len(cause[name]) * share)] for name in ("exceptions", "paths")}
        if not share:
            smaller |= {name: _shortened(cause[name]) for name in ("working_directory", "message") if name in cause}
        shrunk = orjson.dumps(smaller)
        if len(shrunk) <= MAX_CAUSE:
            break
    return shrunk


def _shortened(text: str) -> str:
    """Cut where it takes _TEXT bytes as JSON, escapes included."""
    while (size := len(orjson.dumps(text))) > _TEXT:
        text = text[: len(text) * _TEXT // (size + 8) - 3] + "..."
    return text


def _object(given: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(given)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
