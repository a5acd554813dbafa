"""What a mapping is to do: its settings, resolved and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.contract import Identity
from poller.envelope import Envelope
from poller.pipeline.filter import Criteria


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What mappings of queues and streams have in common. Times are seconds.

    function: as invoked, ``name`` or ``name:qualifier``. criteria: None lets everything through. item_failures: ReportBatchItemFailures
    is on. traced: what records carry of their own traces is told with each batch.
    """

    name: str
    function: str
    batch_size: int
    window: float
    criteria: Criteria | None
    item_failures: bool
    envelope: Callable[[Identity], Envelope]
    traced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan(Plan):
    """One mapping of a queue. timeout: the function's, for which the lease has to last; seconds."""

    timeout: float
