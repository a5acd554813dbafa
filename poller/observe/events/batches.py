"""Batches, from their cut to the settling of their records."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCut(Fact):
    """A batch is ready to go. reason: size, bytes, window, poll (what one receive returned), stop."""

    mapping: str
    count: int
    reason: str


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
