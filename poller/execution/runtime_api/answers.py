"""What a runtime answered."""

from __future__ import annotations

import base64
import binascii
import contextlib
from dataclasses import dataclass, field

from poller.execution.runtime_api.error_cause import sanitised
from poller.wire.http import Request

MAX_ANSWER = 6 * 1024 * 1024 + 100
"""Bytes of a buffered answer that the service takes (Lambda quotas; the constant of its servers)."""

ERROR_TYPE = b"lambda-runtime-function-error-type"
ERROR_BODY = b"lambda-runtime-function-error-body"


@dataclass(slots=True)
class Answer:
    """What the runtime posted; whoever gets it only reads it (frozen ones cost a microsecond more, in every invocation).

    error: it called the error path, or failed in the middle of a stream. oversized: past ``limit``; the body is empty then, size tells.
    truncated: it hung up before the end; the body is the error object then. content_type: as sent, "" without.
    error_type: as platform logs have it (see error_cause.py). cause: for X-Ray, JSON, trimmed. streamed: bytes that a reader was given
    as they came; then the body is b"", or the error. seconds: from its beginning, its head, to the end of its body.
    """

    body: bytes
    error: bool = False
    oversized: bool = False
    truncated: bool = False
    size: int = 0
    content_type: str = ""
    error_type: str = ""
    cause: bytes = b""
    streamed: int = 0
    limit: int = MAX_ANSWER
    seconds: float = field(default=0.0, compare=False)


def error_in_trailers(request: Request) -> tuple[str, bytes]:
    """Type and body of the error that a runtime met after it had begun to answer; "" and b"" where there was none.

    The body comes in base64; one that is not is passed on as it is.
    """
    error_type, body = request.trailer(ERROR_TYPE), request.trailer(ERROR_BODY)
    if not error_type and not body:
        return "", b""
    with contextlib.suppress(binascii.Error):
        body = base64.b64decode(body, validate=True)
    return sanitised(error_type.decode("latin-1")), body
