"""Whether mappings get on: standstill, and what is done about it; circuit breakers."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingStalledError(Fact):
    """A mapping has something to do, and has done nothing for its limit. seconds: for so long. reason: what is known of why."""

    mapping: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRebuilt(Fact):
    """A mapping that stood still has begun anew: another connection, other tasks, from the place that it had."""

    mapping: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRecovered(Fact):
    """A mapping that stood still gets on, or has nothing to do any more. seconds: that it was known to stand still."""

    mapping: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerOpened(Fact):
    """A mapping's circuit breaker is open: nothing is invoked. cause: a sentence. failures: batches in a row. seconds: until a probe."""

    mapping: str
    cause: str
    failures: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerProbed(Fact):
    """A mapping whose circuit breaker is open runs one batch, to see."""

    mapping: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerClosed(Fact):
    """A mapping's circuit breaker is closed: everything goes on. seconds: that it was open."""

    mapping: str
    seconds: float
