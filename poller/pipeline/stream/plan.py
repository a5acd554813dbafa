"""What a stream mapping is to do: its settings, resolved and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.contract import Identity
from poller.envelope import Envelope
from poller.pipeline.filter import Criteria

INFINITE = -1
"""Of retries and of a record's age: no limit (Lambda API, CreateEventSourceMapping)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """One mapping. Times are seconds.

    function: as invoked, ``name`` or ``name:qualifier``. function_arn: the same as an ARN, for failure records.
    criteria: None lets everything through. item_failures: ReportBatchItemFailures is on. starting_position: for partitions of which
    nobody knows how far reading has come; starting_position_timestamp: epoch seconds, with AT_TIMESTAMP. parallelization_factor: lanes
    a partition.
    maximum_retry_attempts, maximum_record_age: INFINITE for no limit. tumbling_window: 0 for none; with one, one lane a partition.
    """

    name: str
    function: str
    function_arn: str
    batch_size: int
    window: float
    criteria: Criteria | None
    item_failures: bool
    envelope: Callable[[Identity], Envelope]
    starting_position: str
    starting_position_timestamp: float | None = None
    parallelization_factor: int = 1
    bisect: bool = False
    maximum_retry_attempts: int = INFINITE
    maximum_record_age: float = INFINITE
    tumbling_window: float = 0

    @property
    def lanes(self) -> int:
        """Of a partition."""
        return 1 if self.tumbling_window else self.parallelization_factor
