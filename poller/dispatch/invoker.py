"""The one front door to the functions: an event in, a result out. Who may come in is decided by slots.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from poller.execution.contract import Invocation, OnOpening, Result
from poller.observe.events import Emit, InvocationEnded

MAX_PAYLOAD = 6 * 1024 * 1024
"""Bytes of an event or an answer, JSON, synchronous invocation (Lambda quotas; 1 MB there means 1,024 KB)."""


Onward = Callable[[str], str]
"""X-Amzn-Trace-Id as it came, "" for none -> as the function is to see it, with this invocation as the parent."""


class Runner(Protocol):
    """Warm environments of one function version; the caller bounds how many invocations run at once."""

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event in an idle environment, or in a new one."""
        ...


@dataclass(frozen=True, slots=True)
class Function:
    """A function as the invoker knows it, by one of its targets. arn: as invoked, with the qualifier if there is one."""

    name: str
    arn: str
    runner: Runner


class UnknownFunctionError(LookupError):
    """No function of that name."""


def new_request_id() -> str:
    """A random UUID (RFC 9562, version 4), as ``uuid.uuid4`` makes it, at a third of the time."""
    number = int.from_bytes(os.urandom(16), "big") & ~(0xF000 << 64 | 0xC000 << 48) | 0x4000 << 64 | 0x8000 << 48
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Invoker:
    """Runs events on functions, by target: ``name``, or ``name:`` and a version or an alias. onward: None while nothing is traced."""

    def __init__(self, functions: Mapping[str, Function], emit: Emit, onward: Onward | None = None) -> None:
        self._functions = functions
        self._emit = emit
        self._onward = onward

    def lead_to(self, functions: Mapping[str, Function], only: Collection[str] | None = None) -> None:
        """Other functions from now on; what runs is not touched. only: names whose targets these are; None: all there are."""
        others = {} if only is None else {to: each for to, each in self._functions.items() if each.name not in only}
        self._functions = {**others, **functions}

    def function(self, target: str) -> Function:
        """Where a target leads now. Raises UnknownFunctionError."""
        function = self._functions.get(target)
        if function is None:
            raise UnknownFunctionError(
                f"there is no function {target!r}; known are {', '.join(sorted(self._functions)) or 'none'}"
            )
        return function

    async def invoke(
        self,
        target: str,
        payload: bytes,
        *,
        request_id: str = "",
        client_context: str = "",
        trace_id: str = "",
        tail: bool = False,
        on_opening: OnOpening | None = None,
    ) -> Result:
        """Run one event; the caller holds a permit in use. A function's failure is a result; only cancellation escapes.

        request_id: kept over the retries of an unchanged batch; "" makes a new one. payload: at most MAX_PAYLOAD bytes; the
        batcher and the API see to that. on_opening: for an answer that is to be read as it comes (see stream.py); the rest is as in
        Invocation. Raises UnknownFunctionError.
        """
        function = self.function(target)
        came = trace_id
        if self._onward is not None:
            trace_id = self._onward(came)
        invocation = Invocation(
            request_id=request_id or new_request_id(),
            payload=payload,
            function_arn=function.arn,
            client_context=client_context,
            trace_id=trace_id,
            tail=tail,
            on_opening=on_opening,
        )
        result = await function.runner.invoke(invocation)
        self._emit(
            InvocationEnded(
                function=function.name,
                version=result.executed_version,
                request_id=result.request_id,
                status=result.status.value,
                error_type=result.error_type,
                seconds=result.duration_ms / 1000,
                cold=result.init_ms is not None,
                environment=result.environment,
                trace_id=trace_id,
                came=came,
                request_bytes=len(payload),
                response_bytes=len(result.payload) + result.streamed,
                max_memory_mb=result.max_memory_mb,
            )
        )
        return result
