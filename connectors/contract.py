"""What a connector is: four verbs, a record, an outcome, and capabilities as data.

There are two kinds of source. A *queue* hands a record out, and takes back what failed: redelivery is its own. A *stream* has partitions
of records at fixed positions, and reading moves on: what failed stays with the engine, which tries again in place.

Not here: retry loops, back-off, batching, filtering, concurrency. The engine owns those; a connector owns its
options, its connection and the translation of its client's errors.

Three rules hold for every connector:

1. ``fetch`` never acknowledges. A record leaves its source only by ``settle``.
2. A client library's exception never passes the connector: it is translated to a ``SourceError``, cause chained.
3. A connector never retries by itself. It raises, the engine waits, and calls again (``open`` after ``Unreachable``).
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


class Outcome(enum.Enum):
    """What has become of a record; the word a source is told in ``settle``."""

    DELIVERED = "delivered"  # the function has dealt with it: remove it
    FILTERED = "filtered"  # no filter lets it through: remove it
    REJECTED = "rejected"  # the engine gave it up, and its failure record is where it was to go: remove it
    RETRY = "retry"  # it failed: the source's own redelivery and redrive rules apply; queues only
    RELEASED = "released"  # never started: give it back at once; streams: it comes again when opened anew


UNDECODABLE = "undecodable"
"""Key in ``Record.metadata``."""
FINISHED = "SHARD_END"
"""Position of a partition that has ended, with all its records settled, where the source remembers that as a checkpoint."""


@dataclass(slots=True, eq=False)
class Record:
    """One message of a source, as fetched.

    id: what a partial batch response names it by (SQS: messageId; streams: the position; Kafka: ``topic-partition:offset``). Unique
        among records in flight, but of those that came in one: they share it, and it names the first (Kinesis, aggregated records).
    body: the payload exactly as stored; str where the source stores text, bytes where it stores bytes.
    lane: order is kept among records of one lane (message group, shard, partition); None: no order.
    metadata: the source's own description of the message; its shape is documented by the connector and read by
        the envelope of that source. Streams: ``UNDECODABLE`` in it says why the source could not decode the record; nothing but its
        failure record becomes of it.
    handle: the connector's token for settling; opaque to the engine.
    receive_count: how often the source has handed this record out, this time included; 1 where it does not count.
    partition: streams: shard, ``topic-partition``, or name of the stream. position: streams: its place there, as the source writes it.
    key: streams: what order is kept by when a partition is handled in several lanes; None: no order among those without.
    arrived: epoch seconds when the source took it in; None where the source does not tell.
    """

    id: str
    body: str | bytes
    lane: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    handle: Any = None
    receive_count: int = 1
    partition: str = ""
    position: str = ""
    key: str | bytes | None = None
    arrived: float | None = None


@dataclass(slots=True, unsafe_hash=True)
class Settlement:
    """One record and what has become of it. One is made for each record, so not frozen: that would treble what it costs."""

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
    redelivers: queues: what failed is handed out again. False: each record is handed out once, and what fails is gone.
    stream: the source is a Stream: records carry partition and position, and their lane is the partition.
    prefix: streams: each partition's records are settled in order, none left out, since one position says what is done. False: each
        record is settled by itself, as soon as it is done.
    starting_positions: streams: where reading may begin (TRIM_HORIZON, LATEST, AT_TIMESTAMP), the default first.
    keyed: records carry a key, so ParallelizationFactor may be above 1.
    timed: records carry when they arrived, so MaximumRecordAgeInSeconds and TumblingWindowInSeconds have a meaning.
    """

    envelope: str
    ordered: bool = False
    parallel_fetches: int = 1
    max_fetch: int = 10
    default_batch_size: int = 10
    max_batch_size: int = 10_000
    batching_window: bool = True
    item_failures: bool = True
    redelivers: bool = True
    stream: bool = False
    prefix: bool = True
    starting_positions: tuple[str, ...] = ()
    keyed: bool = False
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Where records come from, known once the source is open.

    arn: goes into events as the event source ARN. region: AWS region name, or "" where there is none.
    label: for people and logs: account, region and queue; no secrets.
    lease_seconds: how long a fetched record stays ours without ``extend``; None: until we disconnect.
    details: what else the envelope of the source says of every event; documented by the connector (Kafka: bootstrapServers).
    """

    arn: str
    region: str
    label: str
    lease_seconds: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


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
class Probing(Protocol):
    """A source whose ``open`` joins, makes or moves something, and that can be tried without that. Others are tried by ``open``."""

    async def probe(self) -> Identity:
        """Connect, see that the queue or stream is there and may be read, disconnect. Nobody else notices.

        Never called while it is open, and without ``read_as``. Raises ``SourceError``, in the words of ``open``.
        """
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far reading of one partition has come, in the words of its server's own tools.

    committed: where a restart would go on (Kafka: the offset to be read next; Redis: the id of the entry given out last); "" when nobody
        knows. end: of the partition, in the same words. lag: records between the two; None where the server cannot tell.
    pending: records before ``committed`` that were given to anybody of the group and are not settled; None where there is no such thing.
    """

    committed: str
    end: str
    lag: int | None
    pending: int | None = None


@runtime_checkable
class Surveyable(Protocol):
    """A stream that can tell where its partitions end. An operator asks, or who reads metrics; the engine needs none of it to run."""

    async def survey(self) -> Mapping[str, Standing]:
        """Of the partitions that this source reads now; asked while it is open, beside other verbs. Raises ``SourceError``."""
        ...


class Checkpoints(Protocol):
    """How far one mapping has come in each partition, kept by the engine across restarts. Positions are the source's own words.

    For sources whose server does not keep it (Kinesis, DynamoDB Streams). What the source wants to remember of a partition besides,
    that a shard is at its end, say (``FINISHED``), is a position too. Raises ``SourceError`` when the store cannot be used for now.
    """

    def positions(self) -> Mapping[str, str]:
        """Partition -> position, all there are.

        One that an operator has sent elsewhere may have a starting position in its place: TRIM_HORIZON, LATEST, or AT_TIMESTAMP, a blank
        and epoch seconds.
        """
        ...

    async def save(self, positions: Mapping[str, str]) -> None:
        """Reading has come so far; durable when it returns. Only ever forward."""
        ...

    async def move(self, partition: str, position: str | None, why: str) -> None:
        """Go on elsewhere than reading would have: a trimmed stream, say. Told to the operator. None: forget the partition."""
        ...


def _nobody_asks(_partition: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a stream, and from where.

    name: unique, and the same after a restart: what a consumer group is called unless the options say otherwise.
    start: one of the source's starting_positions, for partitions of which nobody knows how far reading has come.
    timestamp: epoch seconds, with AT_TIMESTAMP. checkpoints: how far it has come, where the server does not keep it.
    revoke: to be awaited before partitions are given up while open (a consumer group's rebalance): returns when nothing of them is in
        flight any more, what was settled has been told, and the rest is forgotten. Meanwhile ``fetch`` returns nothing of them. May be
        cancelled; then the rest is cut.
    ended: to be called in a ``fetch`` when a partition has ended: beyond what that fetch returns nothing of it will come. That fetch
        waits no longer. Told once, and once more after each ``open``, by it or by a fetch; then of those that are ``FINISHED`` too. No I/O.
    """

    name: str
    start: str
    timestamp: float | None
    checkpoints: Checkpoints
    revoke: Callable[[Collection[str]], Awaitable[None]]
    ended: Callable[[str], None] = _nobody_asks


@runtime_checkable
class Stream(Protocol):
    """A source whose capabilities say ``stream``. Its partitions may come and go while it is open.

    ``fetch`` returns records of any partitions, each partition's in order; a child shard's only when its parents' are settled.
    """

    def read_as(self, reader: Reader) -> None:
        """Called once, before the first ``open``."""
        ...

    def hold(self, partitions: Collection[str]) -> None:
        """From the next ``fetch`` on return nothing of these partitions: they have no room. Each call replaces the last. No I/O."""
        ...


@runtime_checkable
class Seekable(Protocol):
    """A stream whose server keeps how far reading has come, and lets it be changed. Others are moved by their checkpoints."""

    async def seek(self, partition: str | None, to: str, timestamp: float | None) -> Mapping[str, str]:
        """Go on from there when it is opened next. Called after ``read_as``, while nothing reads under this name; connects by itself.

        partition: None for all there are. to: one of starting_positions (timestamp: epoch seconds, with AT_TIMESTAMP), or a position:
        the record after it is the next. Returns partition -> where reading goes on, as people are shown it. Raises ``SourceError``, also
        when somebody still reads.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """A batch of a stream that was given up, for its on-failure destination.

    mapping: identifies it in an object's key. partition: of all its records. moment: epoch seconds. record: the failure record as the
    service words it, JSON values, without the payload. event: what the function was sent, or would have been. records: in order.
    """

    mapping: str
    partition: str
    moment: float
    record: Mapping[str, Any]
    event: bytes
    records: Sequence[Record]


class Destination(Protocol):
    """Where failure records go: a queue, a topic, a bucket, a folder. Built without I/O; connects when first used."""

    async def deliver(self, discard: Discard) -> None:
        """Store it; durable when this returns. Raises ``SourceError``: the engine waits and tells it again, so twice must do no harm."""
        ...

    async def close(self) -> None:
        """Disconnect; never raises. Idempotent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRecord:
    """What became of an asynchronous invocation, for its destination.

    function: name; function_arn: with its qualifier. moment: epoch seconds. whole, brief: the record as the service words it, JSON in
    UTF-8, with the payloads and without them, for where they do not fit. trace_id: X-Amzn-Trace-Id or "".
    """

    function: str
    function_arn: str
    request_id: str
    moment: float
    succeeded: bool
    whole: bytes
    brief: bytes
    trace_id: str = ""

    def within(self, limit: int) -> bytes:
        """Whichever fits. limit: bytes."""
        return self.whole if len(self.whole) <= limit else self.brief


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An asynchronous event that was given up, as it came, with what a dead-letter target is told of it. error_code: an HTTP status."""

    function: str
    request_id: str
    event: bytes
    error_code: int
    error_message: str
    trace_id: str = ""


class InvocationDestination(Protocol):
    """Where records of asynchronous invocations go. Built without I/O; connects when first used."""

    async def deliver_record(self, record: InvocationRecord) -> None:
        """Store it; durable when this returns. Raises ``SourceError``: it is told again, unless ``TooLarge``, so twice must do no harm."""
        ...

    async def close(self) -> None:
        """Disconnect; never raises. Idempotent."""
        ...


class DeadLetterTarget(Protocol):
    """Where asynchronous events go that were given up: a queue, a topic. Built without I/O; connects when first used."""

    async def deliver_letter(self, letter: DeadLetter) -> None:
        """Store it; durable when this returns. Raises ``SourceError``, as ``InvocationDestination`` does."""
        ...

    async def close(self) -> None:
        """Disconnect; never raises. Idempotent."""
        ...


@runtime_checkable
class Producing(Protocol):
    """A source to whose own cluster failure records can go (Kafka: ``kafka://<topic>``)."""

    def destination(self, name: str) -> Destination:
        """The topic of that name. No I/O. Raises ``OptionsError`` for a name that can never work, the source's own topic included."""
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


class TooLarge(SourceError):
    """What it was told is past what it ever takes. Nothing is gained by telling it again."""


class OptionsError(ValueError):
    """Options that can never work, found without I/O. ``field``: name of the option to blame, or "" for the whole."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
