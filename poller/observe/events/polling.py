"""Sources: opened, asked, leased."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOpened(Fact):
    """A mapping's source is connected. label: account, region, queue."""

    mapping: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailedError(Fact):
    """A source did not do what it was asked, or the store of a stream's checkpoints.

    verb: open, fetch, settle, extend; of the store: mark, take. retry_seconds: when it is asked again.
    """

    mapping: str
    verb: str
    kind: str
    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsPolled(Fact):
    """A fetch returned; 0 for an empty one. seconds: that it took."""

    mapping: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsFiltered(Fact):
    """Records that no filter let through."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PollersChanged(Fact):
    """How many tasks poll a mapping's source now."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFoundShort(Fact):
    """A source's lease is shorter than what a batch may take. why: a sentence with both numbers, and what to do."""

    mapping: str
    lease_seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLostError(Fact):
    """Records came back to the source while they were still ours: known duplicates."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsRevoked(Fact):
    """Partitions that are no longer ours to read. dropped: records that were in hand, not started, and belong to the next reader."""

    mapping: str
    partitions: tuple[str, ...]
    dropped: int
