"""What is known of one extension, and what it is told. The calls are in api.py.

Event bodies: Lambda DG, Lambda Extensions API; shutdown reasons in lower case and deadlines as numbers, as the service's servers send them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import orjson

from poller.execution.contract import Invocation
from poller.execution.extensions.states import ExtensionCall, ExtensionState, extension_move
from poller.execution.listener.replies import JSON
from poller.wire.http import Exchange, response

INVOKE = "INVOKE"
SHUTDOWN = "SHUTDOWN"


@dataclass(slots=True, eq=False)
class Extension:
    """One extension. external: launched by the platform. events: what it subscribed to, in its order. error_type: its own word, or ours."""

    name: str
    external: bool
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    events: tuple[str, ...] = ()
    state: ExtensionState = ExtensionState.STARTED
    error_type: str = ""
    parked: Exchange | None = None
    pending: bytes = b""

    def moved(self, call: ExtensionCall) -> bool:
        """Whether the call was allowed; the state has changed then."""
        moved = extension_move(self.state, call)
        if moved is not None:
            self.state = moved
        return moved is not None

    def tell(self, event: bytes) -> None:
        """Hand out an event: now, if it waits for one, or at its next call."""
        self.pending = event
        exchange, self.parked = self.parked, None
        if exchange is not None and not exchange.gone:
            self.hand_out(exchange)

    def hand_out(self, exchange: Exchange) -> None:
        """Answer a call for an event: with the one that waits, or later."""
        if not self.pending:
            self.parked = exchange
            return
        event, self.pending = self.pending, b""
        self.moved(ExtensionCall.EVENT)
        headers = [(b"Lambda-Extension-Event-Identifier", str(uuid.uuid4()).encode()), JSON]
        exchange.send(response(200, headers, event))


def invoke_event(invocation: Invocation, deadline_ms: int) -> bytes:
    """What those who subscribed to INVOKE get. deadline_ms: epoch milliseconds of the function's timeout."""
    event = {
        "eventType": INVOKE,
        "deadlineMs": deadline_ms,
        "requestId": invocation.request_id,
        "invokedFunctionArn": invocation.function_arn,
    }
    if invocation.trace_id:
        event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": invocation.trace_id}
    return orjson.dumps(event)


def shutdown_event(reason: str, deadline_ms: int) -> bytes:
    """What those who subscribed to SHUTDOWN get. reason: spindown, timeout or failure. deadline_ms: when SIGKILL comes."""
    return orjson.dumps({"eventType": SHUTDOWN, "deadlineMs": deadline_ms, "shutdownReason": reason})
