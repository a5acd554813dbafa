"""What a connector is: four verbs, a record, an outcome, and capabilities as data.

Not here: retry loops, back-off, batching, filtering, concurrency. The engine owns those; a connector owns its
options, its connection and the translation of its client's errors.

Three rules hold for every connector:

1. ``fetch`` never acknowledges. A record leaves its source only by ``settle``.
2. A client library's exception never passes the connector: it is translated to a ``SourceError``, cause chained.
3. A connector never retries by itself. It raises, the engine waits, and calls again (``open`` after ``Unreachable``).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


class Outcome(enum.Enum):
    """What has become of a record; the word a source is told in ``settle``."""

    DELIVERED = "delivered"  # the function has dealt with it: remove it
    FILTERED = "filtered"  # no filter lets it through: remove it
    RETRY = "retry"  # it failed: the source's own redelivery and redrive rules apply
    RELEASED = "released"  # it was never started: give it back at once


@dataclass(slots=True, eq=False)
class Record:
    """One message of a source, as fetched.

    id: what a partial batch response names it by (SQS: messageId). Unique among records in flight.
    body: the payload exactly as stored; str where the source stores text, bytes where it stores bytes.
    lane: order is kept among records of one lane (message group, shard, partition); None: no order.
    metadata: the source's own description of the message; its shape is documented by the connector and read by
        the envelope of that source.
    handle: the connector's token for settling; opaque to the engine.
    receive_count: how often the source has handed this record out, this time included; 1 where it does not count.
    """

    id: str
    body: str | bytes
    lane: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    handle: Any = None
    receive_count: int = 1


@dataclass(frozen=True, slots=True)
class Settlement:
    """One record and what has become of it."""

    record: Record
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A settlement that the source did not take.

    retry: True: may succeed when tried again. False: the source will never take it (the lease has run out, say); the
        record will come again, and a DELIVERED one becomes a known duplicate.
    """

    settlement: Settlement
    reason: str
    retry: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source can do. The engine consults this before it asks for anything; nothing is tried and refused later.

    envelope: name of the event shape delivered unless the mapping chooses another (``sqs``).
    ordered: records carry a lane, and a lane has one batch in flight.
    parallel_fetches: how many ``fetch`` calls may be under way at once, at most.
    max_fetch: records one ``fetch`` returns, at most.
    default_batch_size, max_batch_size: AWS's numbers for this source (event source mappings, field BatchSize).
    batching_window: whether MaximumBatchingWindowInSeconds may be above 0.
    item_failures: whether ReportBatchItemFailures is honoured.
    """

    envelope: str
    ordered: bool = False
    parallel_fetches: int = 1
    max_fetch: int = 10
    default_batch_size: int = 10
    max_batch_size: int = 10_000
    batching_window: bool = True
    item_failures: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """Where records come from, known once the source is open.

    arn: goes into events as the event source ARN. region: AWS region name, or "" where there is none.
    label: for people and logs: account, region and queue; no secrets.
    lease_seconds: how long a fetched record stays ours without ``extend``; None: until we disconnect.
    """

    arn: str
    region: str
    label: str
    lease_seconds: float | None = None


class Source(Protocol):
    """One open connection to one queue or stream. Built from options without I/O; may be opened again after close."""

    @property
    def capabilities(self) -> Capabilities:
        """Known from the options alone, before ``open``."""
        ...

    async def open(self) -> Identity:
        """Connect and check that the queue exists and may be read.

        Called once before anything else, and again after ``Unreachable``. Raises ``SourceError``: the engine reports it,
        waits with back-off, and calls again, for ever. Never receives a record.
        """
        ...

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """0 to ``min(room, max_fetch)`` records, in order within each lane; [] when none came within wait_seconds.

        wait_seconds: seconds to wait for the first record, 0 or more; a source with whole seconds rounds down, and one
        with a longest wait of its own stops there. Called by as many tasks at once as ``parallel_fetches`` says.
        Cancellation is prompt; what the server has handed out by then stays leased until its lease ends. Raises
        ``SourceError``.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """Tell the source what has become of records; any number of them, in any order, once each.

        Returns those it did not take; [] when it took all. Raises ``SourceError`` when it took none; the engine then
        calls again with the same settlements, so settling twice must do no harm.
        """
        ...

    async def close(self) -> None:
        """Disconnect. Called once after each successful ``open``, after the last ``settle``; never raises. Idempotent."""
        ...


@runtime_checkable
class Leased(Protocol):
    """A source whose records come back by themselves unless the lease is kept."""

    async def extend(self, records: Sequence[Record], seconds: float) -> list[Record]:
        """Keep the records ours for ``seconds`` from now. Returns those whose lease is lost for good.

        Raises ``SourceError`` when some could not be extended for now; the engine tries again with all of them while the
        lease lasts, so extending twice must do no harm.
        """
        ...


@runtime_checkable
class Measurable(Protocol):
    """A source that can tell how much waits in it."""

    async def backlog(self) -> int:
        """Records waiting and not in flight, about. Raises ``SourceError``."""
        ...


class SourceError(Exception):
    """The source failed, and it is not the function's fault. The message is a sentence for the operator, no secrets in it.

    retry_after: seconds the source asks us to wait; None: the engine's own back-off.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(SourceError):
    """No connection, or it broke, or it timed out. The engine closes, waits and opens again."""


class Missing(SourceError):
    """The queue or stream does not exist. It may yet be created: the engine goes on trying, and says so."""


class Refused(SourceError):
    """No credentials, wrong ones, or no permission. The engine goes on trying, and says so."""


class Throttled(SourceError):
    """The source asks for fewer calls. The engine waits and goes on; nothing is lost."""


class OptionsError(ValueError):
    """Options that can never work, found without I/O. ``field``: name of the option to blame, or "" for the whole."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
