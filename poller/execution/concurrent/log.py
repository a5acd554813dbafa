"""The log of an environment that runs several invocations at once. It is in JSON, as the service's: a line says itself whose it is.

Workers share one pipe. The kernel keeps writes of up to 4,096 bytes apart; of longer ones that meet, the pieces may be mixed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import orjson

from poller.execution.contract import Logging, Result
from poller.execution.logs import Capture
from poller.execution.logs.capture import Tell
from poller.execution.telemetry.facts import Span
from poller.observe.events import Emit

REQUEST_ID = ("requestId", "AWSRequestId")
"""Where clients put it: Python, Node and Go; Java."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the log keeps of an invocation that runs: its trace and tenant, and the lines of who wants its tail."""

    trace: str = ""
    tenant_id: str = ""
    tail: deque[str] | None = None


NOBODY = Known()


class ConcurrentCapture(Capture):
    """Each line goes to the invocation that it names; one that names none belongs to none."""

    def __init__(self, function: str, stream: str, emit: Emit, logging: Logging, tell: Tell | None = None) -> None:
        super().__init__(function, stream, emit, logging, tell)
        self._known: dict[str, Known] = {}

    def begin(self, request_id: str, version: str, *, tail: bool = False, trace: str = "", tenant_id: str = "") -> None:
        """START of an invocation, beside those that run."""
        super().begin(request_id, version, tail=tail, trace=trace, tenant_id=tenant_id)
        self._known[request_id] = Known(trace, tenant_id, self._tail)
        self._turn_to("")

    def runtime_done(self, result: Result, overhead_ms: float | None = None) -> None:
        """An invocation has its answer."""
        self._turn_to(result.request_id)
        super().runtime_done(result, overhead_ms)
        self._turn_to("")

    def end(self, result: Result, memory_mb: int, spans: tuple[Span, ...] = ()) -> bytes:
        """REPORT of an invocation; the others go on."""
        self._turn_to(result.request_id)
        tail = super().end(result, memory_mb, spans)
        del self._known[result.request_id]
        self._turn_to("")
        return tail

    def drain(self) -> None:
        """Take what has been written. A line without an end is over only if it can be nobody else's."""
        if len(self._known) > 1:
            self._pipes.drain()
        else:
            super().drain()

    def _function_wrote(self, message: bytes, level: str = "", at: float | None = None) -> None:
        before = self._request_id
        self._turn_to(_request_id(message))
        super()._function_wrote(message, level, at)
        self._turn_to(before)

    def _turn_to(self, request_id: str) -> None:
        known = self._known.get(request_id, NOBODY)
        self._request_id, self._trace, self._tenant_id, self._tail = (
            request_id,
            known.trace,
            known.tenant_id,
            known.tail,
        )


def _request_id(message: bytes) -> str:
    """What a line names; "" where it is no object or has no id."""
    if not message.startswith(b"{"):
        return ""
    try:
        record = orjson.loads(message)
    except orjson.JSONDecodeError:
        return ""
    named = (record.get(name) for name in REQUEST_ID)
    return next((value for value in named if isinstance(value, str)), "")
