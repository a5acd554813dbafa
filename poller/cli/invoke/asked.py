"""An invocation by a running daemon: Lambda's own Invoke."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from typing import Any
from urllib.parse import quote

from poller.cli.daemon import Answer, Daemon, Request

PATIENCE = 1000.0
"""Seconds: the longest timeout of a function, and some for its start. One without a slot is throttled at once."""


def run(daemon: Daemon, given: argparse.Namespace, payload: bytes) -> int:
    """0: it answered, was accepted, or would be run. 1: it failed. Raises AwayError, DeniedError."""
    headers = {"X-Amz-Invocation-Type": given.kind}
    if given.kind == "RequestResponse":
        headers["X-Amz-Log-Type"] = "Tail"
    if given.client_context:
        headers["X-Amz-Client-Context"] = base64.b64encode(given.client_context.encode()).decode()
    path = f"/2015-03-31/functions/{quote(given.function, safe='')}/invocations"
    answer = daemon.operation(Request(method="POST", path=path, body=payload, headers=headers), PATIENCE)
    error = answer.headers.get("x-amz-function-error", "")
    log = base64.b64decode(answer.headers.get("x-amz-log-result", "")).decode(errors="replace")
    if given.json:
        print(json.dumps(_told(answer, error, log), indent=2))
        return 1 if error else 0
    sys.stderr.write(log)
    if given.kind == "RequestResponse":
        sys.stdout.buffer.write(answer.body + b"\n")
        sys.stdout.flush()
    else:
        done = "accepted as" if given.kind == "Event" else "it would be run; asked as"
        print(f"{done} {answer.headers['x-amzn-requestid']}", file=sys.stderr)
    return 1 if error else 0


def _told(answer: Answer, error: str, log: str) -> dict[str, Any]:
    """payload: as JSON, or as text where it is none; null of what has no answer."""
    try:
        payload = json.loads(answer.body) if answer.body else None
    except ValueError:
        payload = answer.body.decode(errors="replace")
    return {
        "status_code": answer.status,
        "request_id": answer.headers["x-amzn-requestid"],
        "executed_version": answer.headers.get("x-amz-executed-version"),
        "function_error": error or None,
        "payload": payload,
        "log": log or None,
    }
