"""An event on its way to the runtime: the answer to a ``next`` (Lambda DG, Using the Lambda runtime API).

``Content-Type`` is exactly ``application/json``: the Python client hands the handler a string otherwise, and crashes without.
"""

from __future__ import annotations

import time
from functools import lru_cache

from poller.execution.contract import Invocation
from poller.wire.http import one_line

_EVENT = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json\r\n"
    b"Lambda-Runtime-Aws-Request-Id: %b\r\n"
    b"Lambda-Runtime-Deadline-Ms: %d\r\n"
    b"Lambda-Runtime-Invoked-Function-Arn: %b\r\n"
    b"Lambda-Runtime-Trace-Id: %b\r\n"
    b"%b"
    b"Content-Length: %d\r\n\r\n%b"
)


def handout(invocation: Invocation, event_id: bytes, deadline_ms: int) -> bytes:
    """All of the response. event_id: the request id, encoded. deadline_ms: epoch milliseconds."""
    payload = invocation.payload
    return _EVENT % (
        one_line(event_id),
        deadline_ms,
        _arn(invocation.function_arn),
        one_line(invocation.trace_id.encode()) if invocation.trace_id else _trace(),
        _optional(invocation),
        len(payload),
        payload,
    )


@lru_cache
def _arn(arn: str) -> bytes:
    return one_line(arn.encode())


def _optional(invocation: Invocation) -> bytes:
    """The headers that few invocations have."""
    if not (invocation.client_context or invocation.cognito_identity or invocation.tenant_id):
        return b""
    given = {
        b"Lambda-Runtime-Client-Context": invocation.client_context,
        b"Lambda-Runtime-Cognito-Identity": invocation.cognito_identity,
        b"Lambda-Runtime-Aws-Tenant-Id": invocation.tenant_id,
    }
    return b"".join(b"%b: %b\r\n" % (name, one_line(value.encode())) for name, value in given.items() if value)


def _trace() -> bytes:
    """A trace of our own, not sampled (Lambda DG, X-Amzn-Trace-Id)."""
    now = time.time_ns()
    return b"Root=1-%08x-%024x;Parent=%016x;Sampled=0" % (now // 1_000_000_000, now, now & (2**64 - 1))
