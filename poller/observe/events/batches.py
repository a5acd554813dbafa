"""Batches, from their cut to the settling of their records."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCut(Fact):
    """A batch is ready to go. reason: size, bytes, window, poll (what one receive returned), stop.

    waited: seconds since its first record came; of a stream, since its lane was free for it. traces: headers of the records' own traces,
    where somebody wants to know.
    Told by the task that deals with the batch from now on; whatever it tells until BatchEnded is about this one.
    """

    mapping: str
    count: int
    reason: str
    waited: float
    traces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJudged(Fact):
    """The function's answer to a batch. verdict: delivered, partial, failed. why: for people; "" when delivered.

    partition: of a stream, which all records of a batch are of; "" of a queue. message: the head of the function's error message.
    """

    mapping: str
    function: str
    request_id: str
    verdict: str
    delivered: int
    failed: int
    why: str
    partition: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettled(Fact):
    """The source was told what became of records of a batch, and has answered. seconds: that it took. count: records."""

    mapping: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEnded(Fact):
    """Nothing is left to do with a batch that was cut. seconds: since ``waited`` of BatchCut began."""

    mapping: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsSettled(Fact):
    """The source took these settlements. outcome: delivered, filtered, rejected, retry, released."""

    mapping: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsUnsettledError(Fact):
    """The source did not take these. final: they will come again although the function has dealt with them."""

    mapping: str
    count: int
    reason: str
    final: bool
