"""What a mapping is to do: its settings, resolved and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.contract import Identity
from poller.envelope import Envelope
from poller.pipeline.breaker import Terms
from poller.pipeline.filter import Criteria


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What mappings of queues and streams have in common. Times are seconds.

    function: as invoked, ``name`` or ``name:qualifier``. criteria: None lets everything through. item_failures: ReportBatchItemFailures
    is on. timeout: the function's. traced: what records carry of their own traces is told with each batch. breaker: None for no circuit
    breaker.
    """

    name: str
    function: str
    timeout: float
    batch_size: int
    window: float
    criteria: Criteria | None
    item_failures: bool
    envelope: Callable[[Identity], Envelope]
    traced: bool = False
    breaker: Terms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan(Plan):
    """One mapping of a queue, whose leases have to last for the function's timeout."""
