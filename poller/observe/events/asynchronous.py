"""Asynchronous invocations and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(slots=True, kw_only=True)
class EventAccepted(Fact):
    """An asynchronous event is on the disk."""

    function: str


@dataclass(slots=True, kw_only=True)
class EventStarted(Fact):
    """An asynchronous event is run for the first time. seconds: since it was accepted."""

    function: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRetried(Fact):
    """An asynchronous event is going to be run again. attempts: that failed; counted: whether this was one, or nobody could run it."""

    function: str
    request_id: str
    attempts: int
    counted: bool
    delay: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDropped(Fact):
    """An asynchronous event was given up for good. condition: as in its record. invoke_count: runs.

    destinations: that are going to be told; 0: it is among the failures of the state file. why: of the last run, or instead of one.
    """

    function: str
    request_id: str
    condition: str
    invoke_count: int
    destinations: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDelivered(Fact):
    """A destination has the record of an asynchronous event, or a dead-letter target the event.

    kind: of target, a service's name. seconds: that it took. trace_id: header of the event's trace.
    """

    function: str
    dead_letter: bool
    kind: str
    seconds: float
    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPostponedError(Fact):
    """A destination or dead-letter target of asynchronous events did not take one. retry_seconds: until it is told again."""

    function: str
    request_id: str
    target: str
    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailedError(Fact):
    """The same, for good: it is among the failures of the state file."""

    function: str
    request_id: str
    target: str
    dead_letter: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresForgotten(Fact):
    """The oldest failures of the state file made way for new ones."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFailedError(Fact):
    """The state file did not serve what waits in it. retry_seconds: until it is asked again; nothing is lost meanwhile."""

    part: str
    message: str
    retry_seconds: float
