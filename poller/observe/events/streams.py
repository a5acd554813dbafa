"""What only streams have: retries, positions, windows, failure records."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRetried(Fact):
    """A batch of a stream is going to be tried again. attempts: made of it; delay: until the next one. request_id: stays the same."""

    mapping: str
    partition: str
    request_id: str
    count: int
    attempts: int
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBisected(Fact):
    """A failed batch of a stream goes on as two halves, each with attempts of its own."""

    mapping: str
    partition: str
    request_id: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsDiscarded(Fact):
    """Records of a stream were given up for good. condition: as in failure records. first, last: positions; "" without records.

    stored: there is a failure record at the mapping's destination; False: it has none, and this is all that is left of them. seconds: that
    storing took, an outage included. request_id, why: of the last attempt, as BatchJudged has them; "" when there was none.
    """

    mapping: str
    partition: str
    condition: str
    count: int
    first: str
    last: str
    stored: bool
    seconds: float
    request_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationFailedError(Fact):
    """A failure record could not be stored; its lane waits. retry_seconds: until that is tried again.

    known: the same was told since the destination took something last.
    """

    mapping: str
    partition: str
    kind: str
    message: str
    retry_seconds: float
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRecovered(Fact):
    """The destination takes failure records again."""

    mapping: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsResumed(Fact):
    """Records that were done before a restart and came again, since others before them were not. They are not run again."""

    mapping: str
    partition: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IteratorAged(Fact):
    """An invocation with records of a stream ended. seconds: since the last of them arrived (IteratorAge)."""

    mapping: str
    partition: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCaughtUp(Fact):
    """A fetch found nothing more. behind: partitions that have records in hand all the same; told until there are none."""

    mapping: str
    behind: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnded(Fact):
    """A tumbling window's last event is dealt with. end: epoch seconds. early: its state was past 1 MB."""

    mapping: str
    partition: str
    end: float
    early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsSaved(Fact):
    """How far a mapping has come in its stream is in the state file. count: partitions."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMoved(Fact):
    """A mapping goes on elsewhere than reading would have. partition: "" for all there will be. before, after: "" where there is none."""

    mapping: str
    partition: str
    before: str
    after: str
    who: str
    why: str
