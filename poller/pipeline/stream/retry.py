"""What becomes of a batch: a record's age before an attempt, the function's answer after it. Pure; the time is an argument.

Source: Lambda DG, Kinesis and DynamoDB Streams, error handling; recordings of 2025 and 2026. Attempts are invocations that reached the
function: waiting for a slot is none. What AWS leaves open is decided in poller/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from connectors.contract import UNDECODABLE
from poller.aio.backoff import Backoff
from poller.envelope.failure import PAYLOAD_TOO_LARGE, RECORD_TOO_OLD, RETRIES_EXHAUSTED
from poller.pipeline.batch import Item
from poller.pipeline.stream.answer import Answer
from poller.pipeline.stream.plan import INFINITE, StreamPlan

DELAYS = Backoff(first=0.5, cap=60.0)
"""Between attempts. AWS publishes no series; seen were 8 attempts within a maximum age of 60 s."""
KAFKA_RETRIES = 10
"""Instead of infinitely many, where there is a destination (Lambda DG, Kafka retry configurations)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When to give up. retries: after the first attempt. age: seconds. INFINITE: never. oversized: condition of a record too large."""

    retries: int
    age: float
    bisect: bool
    oversized: str = RETRIES_EXHAUSTED

    @classmethod
    def of(cls, plan: StreamPlan, *, kafka: bool, destination: bool) -> Rules:
        """A mapping's rules; Kafka has two of its own."""
        capped = kafka and destination and plan.maximum_retry_attempts == INFINITE
        return cls(
            retries=KAFKA_RETRIES if capped else plan.maximum_retry_attempts,
            age=plan.maximum_record_age,
            bisect=plan.bisect,
            oversized=PAYLOAD_TOO_LARGE if kafka else RETRIES_EXHAUSTED,
        )


@dataclass(slots=True, eq=False)
class Work:
    """A batch on its way to the function, with what has become of it so far.

    since: epoch seconds; of the last event of a tumbling window, which has no records: when the window ended. None for all others.
    attempts: made of this batch; of the same records when some have grown too old. request_id: of its attempts; "" before the first, and
    when it has changed. version: that ran last; None: none did. error: ``Unhandled`` when the last attempt ended with an error.
    why: what was wrong with it, for people.
    """

    items: list[Item]
    since: float | None = None
    attempts: int = 0
    request_id: str = ""
    version: str | None = None
    error: str | None = None
    why: str = ""

    @property
    def final(self) -> bool:
        """Whether it is the last event of a tumbling window."""
        return self.since is not None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records that go to the destination, and why. invoke_count: as the failure record has it. work: whose they were."""

    items: list[Item]
    condition: str
    invoke_count: int
    work: Work


@dataclass(frozen=True, slots=True)
class Step:
    """What follows an attempt. again: in order, before anything else of the lane. failures: in a row, to wait for; 0: go on at once.

    state: of the tumbling window, with what was delivered in it; None without windows.
    """

    delivered: Sequence[Item] = ()
    state: Mapping[str, Any] | None = None
    given_up: GivenUp | None = None
    again: list[Work] = field(default_factory=list)
    failures: int = 0
    bisected: bool = False


def readable(batch: Work) -> list[Work | GivenUp]:
    """Before the first attempt, in order: what can be run, and between it what its source could not decode, by the source's words.

    AWS sends that to the destination before a function or a filter sees it (Lambda DG, Using schema registries with Kafka event sources).
    """
    if not [item for item in batch.items if UNDECODABLE in item.record.metadata]:
        return [batch]
    runs = groupby(batch.items, key=lambda item: item.record.metadata.get(UNDECODABLE))
    return [GivenUp(list(run), str(why), 1, batch) if why else Work(list(run)) for why, run in runs]


def sift(work: Work, rules: Rules, now: float) -> tuple[GivenUp | None, Work | None]:
    """Before an attempt: what has grown too old, and what goes on; each None when there is none. now: epoch seconds.

    The rest is a changed batch, with a request id of its own; the attempts made count on. A record without a time never grows old.
    """
    if rules.age == INFINITE:
        return None, work
    limit = now - rules.age
    if work.since is not None:
        return (_aged(work, []), None) if work.since < limit else (None, work)
    old = [item for item in work.items if item.record.arrived is not None and item.record.arrived < limit]
    if not old:
        return None, work
    gone = set(old)
    rest = [item for item in work.items if item not in gone]
    again = Work(rest, attempts=work.attempts, version=work.version, error=work.error, why=work.why) if rest else None
    return _aged(work, old), again


def after(work: Work, answer: Answer, rules: Rules) -> Step:
    """After an attempt, which is counted by then: what is delivered, what is given up, what is next.

    A partial response makes the rest a new batch with a budget of its own. So does each half of a bisected one, the first half first,
    rounded down; splitting needs no attempt that is left, and a valid partial response is cut where it says, not in halves.
    """
    done, rest = work.items[: answer.count], work.items[answer.count :]
    if not (rest or answer.failed):
        return Step(done, answer.state)
    if done:
        return Step(done, answer.state, again=[Work(rest)], failures=1)
    if answer.failed and rules.bisect and len(rest) > 1:
        half = len(rest) // 2
        return Step(again=[Work(rest[:half]), Work(rest[half:])], failures=1, bisected=True)
    if rules.retries != INFINITE and work.attempts > rules.retries:
        return Step(given_up=GivenUp(rest, RETRIES_EXHAUSTED, work.attempts, work))
    return Step(again=[work], failures=work.attempts)


def oversized(work: Work, rules: Rules) -> Step:
    """Instead of an attempt: a lone record whose event is too big. It counts as tried as often as allowed; nothing would change."""
    count = 1 if rules.retries == INFINITE or rules.oversized == PAYLOAD_TOO_LARGE else rules.retries + 1
    return Step(given_up=GivenUp(work.items, rules.oversized, count, work))


def _aged(work: Work, old: list[Item]) -> GivenUp:
    return GivenUp(old, RECORD_TOO_OLD, max(1, work.attempts), work)
