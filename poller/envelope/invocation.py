"""The record of an asynchronous invocation: what its destination is told (Lambda DG, Capturing records of asynchronous invocations).

Members and their order: recordings of 2025. An event that was given up without a run has no response, context of it included.
"""

from __future__ import annotations

from typing import Any

import orjson

from poller.envelope.failure import UNHANDLED
from poller.envelope.moments import with_milliseconds

SUCCESS = "Success"
RETRIES_EXHAUSTED = "RetriesExhausted"
EVENT_AGE_EXCEEDED = "EventAgeExceeded"
ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"
RECURSIVE_INVOCATION = "RecursiveInvocationDetected"
"""Ours: no recording has the service's word."""


def invocation_record(
    *,
    request_id: str,
    function_arn: str,
    condition: str,
    invoke_count: int,
    moment: float,
    executed_version: str | None,
    request: bytes | None,
    response: bytes | None,
) -> bytes:
    """JSON. executed_version: None: no run of it ended. request, response: payloads; None: left out. moment: epoch seconds."""
    context = {
        "requestId": request_id,
        "functionArn": function_arn,
        "condition": condition,
        "approximateInvokeCount": invoke_count,
    }
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": with_milliseconds(moment),
        "requestContext": context,
    }
    if request is not None:
        record["requestPayload"] = _payload(request)
    if executed_version is not None:
        failed = {} if condition == SUCCESS else {"functionError": UNHANDLED}
        record["responseContext"] = {"statusCode": 200, "executedVersion": executed_version, **failed}
    if response is not None:
        record["responsePayload"] = _payload(response)
    return orjson.dumps(record)


def _payload(payload: bytes) -> Any:
    """As it is where it is JSON, else as a text."""
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode(errors="replace")
    return orjson.Fragment(payload)
