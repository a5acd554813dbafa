"""Telling destinations and dead-letter targets what became of events.

A destination that does not take a record is told it again, with growing delays that hold for all of its records; within a bound of time,
since nobody waits for it here. Then it is counted as the service counts it (DestinationDeliveryFailures, DeadLetterErrors) and, where the
service forgets it, kept among the failures of the state file.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.contract import DeadLetterTarget, InvocationDestination, OptionsError, SourceError, TooLarge
from poller.aio.backoff import Backoff
from poller.aio.clock import Clock
from poller.dispatch.backlog.event import DEAD_LETTER, Delivery, Failure
from poller.dispatch.backlog.ledger import Ledger
from poller.dispatch.backlog.lines import Leave
from poller.dispatch.backlog.record import letter, record
from poller.observe.events import DeliveryFailedError, DeliveryPostponedError, Emit, RecordDelivered

AT_ONCE = 10
"""Deliveries to one target at a time."""
DELAYS = Backoff(first=1.0, cap=60.0)


@dataclass(frozen=True, slots=True)
class Destinations:
    """Makes destinations by their names. Raises OptionsError, ImportError."""

    records: Callable[[str], InvocationDestination]
    letters: Callable[[str], DeadLetterTarget]


@dataclass(slots=True, eq=False)
class _Target:
    """failures: in a row; until when nothing is tried, epoch seconds."""

    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    failures: int = 0
    until: float = 0.0


class Deliveries:
    """Makes deliveries. patience: seconds from an outcome on in which a destination is told it again."""

    def __init__(
        self, ledger: Ledger, destinations: Destinations, *, patience: float, clock: Clock, emit: Emit
    ) -> None:
        self._ledger = ledger
        self._destinations = destinations
        self._patience = patience
        self._clock = clock
        self._emit = emit
        self._targets: dict[str, _Target] = {}
        self._took: dict[int, float] = {}  # seconds, of those that are made and not yet settled
        self._records: dict[str, InvocationDestination] = {}
        self._letters: dict[str, DeadLetterTarget] = {}

    async def enter(self, line: str) -> Leave:
        """Wait until the target may be told something."""
        target = self._targets.setdefault(line, _Target())
        await target.room.acquire()
        try:
            while (seconds := target.until - self._clock.epoch()) > 0:
                await self._clock.sleep(seconds)
        except BaseException:
            target.room.release()
            raise
        return target.room.release

    async def run(self, delivery: Delivery) -> SourceError | None:
        """Tell it; what it has against it."""
        target = self._targets.setdefault(delivery.line, _Target())
        began = self._clock.now()
        try:
            await self._deliver(delivery)
        except (SourceError, OptionsError, ImportError) as error:
            found = error if isinstance(error, SourceError) else SourceError(str(error))
            if not isinstance(error, TooLarge):
                target.failures += 1
                delay = found.retry_after if found.retry_after is not None else DELAYS.delay(target.failures)
                target.until = self._clock.epoch() + delay
            return found
        target.failures = 0
        self._took[delivery.number] = self._clock.now() - began
        return None

    async def settle(self, delivery: Delivery, found: SourceError | None) -> float | None:
        """Write down whether it is done."""
        if found is None:
            await self._ledger.delivered(delivery)
            function, dead_letter = delivery.outcome.function, delivery.kind == DEAD_LETTER
            self._emit(
                RecordDelivered(
                    function=function,
                    dead_letter=dead_letter,
                    kind=_kind(delivery.target),
                    seconds=self._took.pop(delivery.number, 0.0),
                    trace_id=delivery.outcome.trace_id,
                )
            )
            return None
        now = self._clock.epoch()
        due = max(now, self._targets[delivery.line].until)
        if isinstance(found, TooLarge) or due - delivery.outcome.moment > self._patience:
            await self._give_up(delivery, str(found), now)
            return None
        await self._ledger.postpone(dataclasses.replace(delivery, due=due, tries=delivery.tries + 1))
        self._emit(
            DeliveryPostponedError(
                function=delivery.outcome.function,
                request_id=delivery.outcome.request_id,
                target=delivery.target,
                message=str(found),
                retry_seconds=due - now,
            )
        )
        return due

    async def close(self) -> None:
        """Disconnect from all of them."""
        for destination in self._records.values():
            await destination.close()
        for target in self._letters.values():
            await target.close()

    async def _deliver(self, delivery: Delivery) -> None:
        if delivery.kind == DEAD_LETTER:
            if delivery.target not in self._letters:
                self._letters[delivery.target] = self._destinations.letters(delivery.target)
            await self._letters[delivery.target].deliver_letter(letter(delivery.outcome))
            return
        if delivery.target not in self._records:
            self._records[delivery.target] = self._destinations.records(delivery.target)
        await self._records[delivery.target].deliver_record(record(delivery.outcome))

    async def _give_up(self, delivery: Delivery, why: str, now: float) -> None:
        outcome = delivery.outcome
        failure = Failure(kind=delivery.kind, target=delivery.target, why=why, moment=now, outcome=outcome)
        await self._ledger.give_up(delivery, failure)
        self._emit(
            DeliveryFailedError(
                function=outcome.function,
                request_id=outcome.request_id,
                target=delivery.target,
                dead_letter=delivery.kind == DEAD_LETTER,
                message=why,
            )
        )


def _kind(target: str) -> str:
    """Which service a target belongs to: the third part of an ARN, or what stands before the colon (``file:``)."""
    parts = target.split(":", 3)
    return parts[2] if parts[0] == "arn" and len(parts) > 2 else parts[0]  # noqa: PLR2004  # arn:aws:SERVICE
