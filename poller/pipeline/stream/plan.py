"""What a stream's mapping is to do, beside what every mapping is."""

from __future__ import annotations

from dataclasses import dataclass

from poller.pipeline.plan import Plan

INFINITE = -1
"""Of retries and of a record's age: no limit (Lambda API, CreateEventSourceMapping)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan(Plan):
    """One mapping. Times are seconds.

    function_arn: the function's, as invoked, for failure records. starting_position: for partitions of which nobody knows how far
    reading has come; starting_position_timestamp: epoch seconds, with AT_TIMESTAMP. parallelization_factor: lanes a partition.
    maximum_retry_attempts, maximum_record_age: INFINITE for no limit. tumbling_window: 0 for none; with one, one lane a partition.
    """

    function_arn: str
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
