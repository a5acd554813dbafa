"""What a URL says in a function's place, in the service's words where they are known (recorded)."""

from __future__ import annotations

import json

from poller.dispatch.invoker import MAX_PAYLOAD
from poller.envelope.url.answer import JSON, Head, HttpAnswer


def _said(status: int, message: str | None, error_type: str) -> HttpAnswer:
    body = json.dumps({"Message": message}, separators=(",", ":")).encode()
    return HttpAnswer(Head(status, [("content-type", JSON), ("x-amzn-ErrorType", error_type)]), body)


UNKNOWN = _said(403, None, "AccessDeniedException")
"""There is no such URL."""
FORBIDDEN = _said(
    403,
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
    "AccessDeniedException",
)
"""Of a caller who may not, and of an alias that is gone."""
THROTTLED = _said(429, "Rate Exceeded.", "TooManyRequestsException")
TOO_LARGE = _said(
    413,
    f"Request must be smaller than {MAX_PAYLOAD} bytes for the InvokeFunction operation",
    "RequestTooLargeException",
)
TOO_SLOW = _said(408, "The body of the request did not come in time.", "RequestTimeoutException")
CUT = _said(400, "The body of the request is cut or not as HTTP has it.", "BadRequestException")
FAILED = HttpAnswer(Head(502, [("content-type", "text/plain")]), b"Internal Server Error")
"""The function failed, or what it said is no answer."""

_OF_BODIES = {"RequestTimeoutException": TOO_SLOW, "SerializationException": CUT, "TooManyRequestsException": THROTTLED}


def of_body(code: str) -> HttpAnswer:
    """To a request whose body cannot be had. code: of the API's error."""
    return _OF_BODIES.get(code, TOO_LARGE)
