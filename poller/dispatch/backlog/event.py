"""What is kept of asynchronous invocations: the event that waits, what became of it, and who is still to be told. Values.

Times are epoch seconds: they outlive the process.
"""

from __future__ import annotations

from dataclasses import dataclass

DESTINATION = "destination"
DEAD_LETTER = "dead-letter"
"""What a delivery brings: the record of an invocation, or the event itself."""

OVERHEAD = 1024
"""Bytes that an event takes in memory beside its payload, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeConfig:
    """How events of one function are dealt with under one qualifier (Lambda API reference, FunctionEventInvokeConfig), as of now.

    function_arn: unqualified; arn: with the qualifier, ``$LATEST`` where there is none. on_success, on_failure, dead_letter: "" for none.
    runs: False: the function has no concurrency at all. terminate: whether a recursive loop is ended.
    """

    function_arn: str
    arn: str
    maximum_retry_attempts: int = 2
    maximum_event_age_seconds: float = 21600
    on_success: str = ""
    on_failure: str = ""
    dead_letter: str = ""
    runs: bool = True
    terminate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One that was accepted. number: of its place on the disk, growing in the order of acceptance; 0 before it has one.

    payload: as it came. accepted: when; due: not to be run before. attempts: runs that failed. refusals: times that nobody could run it.
    """

    number: int = 0
    request_id: str
    function: str
    qualifier: str
    payload: bytes
    trace_id: str
    accepted: float
    due: float
    attempts: int = 0
    refusals: int = 0

    @property
    def target(self) -> str:
        """What an invocation goes to."""
        return f"{self.function}:{self.qualifier}" if self.qualifier else self.function

    @property
    def line(self) -> str:
        """Who waits together."""
        return self.function

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return len(self.payload) + OVERHEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an event for good. condition: as in its record (poller/envelope/invocation.py). invoke_count: runs of it.

    executed_version, response: of the last run, where it is known; None: it had none. error_code, error_message: for a dead-letter target.
    """

    request_id: str
    function: str
    qualifier: str
    function_arn: str
    condition: str
    invoke_count: int
    moment: float
    executed_version: str | None
    error_code: int
    error_message: str
    trace_id: str
    payload: bytes
    response: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Somebody who is to be told of an outcome. kind: as above. target: a destination's name. tries: that failed."""

    number: int = 0
    kind: str
    target: str
    outcome: Outcome
    due: float
    tries: int = 0

    @property
    def line(self) -> str:
        """Who waits together."""
        return f"{self.kind} {self.target}"

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return len(self.outcome.payload) + len(self.outcome.response or b"") + OVERHEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What nobody else keeps: an event that was given up without a destination, or a delivery that was. kind, target: "" of the former.

    why: it was not delivered. moment: when this became so.
    """

    number: int = 0
    kind: str = ""
    target: str = ""
    why: str = ""
    moment: float
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What follows from an outcome, written in one step with the event's end. events: for functions that are its destinations."""

    events: tuple[Event, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    failure: Failure | None = None
