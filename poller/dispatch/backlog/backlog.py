"""Asynchronous invocations: accepted, kept on the disk, run until they succeed or are given up, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from connectors.contract import SourceError
from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.dispatch import lineage
from poller.dispatch.backlog.deliveries import Deliveries, Destinations
from poller.dispatch.backlog.event import Delivery, Event, Settlement
from poller.dispatch.backlog.ledger import Ledger
from poller.dispatch.backlog.lines import Lines
from poller.dispatch.backlog.rules import Verdict
from poller.dispatch.backlog.runs import Configured, Invoke, Runs
from poller.dispatch.invoker import new_request_id
from poller.dispatch.slots import Slots
from poller.observe.events import Emit, EventAccepted


class Backlog:
    """All asynchronous invocations of one daemon. What is accepted while ``run`` is not under way waits for it.

    retry_delays: seconds before the first retry of a function's error, the second, and so on. destination_patience: seconds in which a
    destination that fails is told an outcome again. beginning: when an event came without a trace -> its header.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        slots: Slots,
        invoker: Invoke,
        configured: Configured,
        destinations: Destinations,
        retry_delays: Sequence[float],
        destination_patience: float,
        clock: Clock,
        emit: Emit,
        beginning: Callable[[float], str] = lineage.new_trace,
    ) -> None:
        self._ledger = ledger
        self._beginning = beginning
        self._clock = clock
        self._emit = emit
        runs = Runs(
            ledger,
            slots=slots,
            invoker=invoker,
            configured=configured,
            delays=retry_delays,
            told=self._told,
            clock=clock,
            emit=emit,
        )
        self._deliveries = Deliveries(ledger, destinations, patience=destination_patience, clock=clock, emit=emit)
        self._events: Lines[Event, Verdict] = Lines(ledger.events, runs, clock, emit, "asynchronous event")
        self._records: Lines[Delivery, SourceError | None] = Lines(
            ledger.deliveries, self._deliveries, clock, emit, "delivery"
        )

    async def accept(
        self, function: str, payload: bytes, *, qualifier: str = "", request_id: str = "", trace_id: str = ""
    ) -> str:
        """Keep an event and see to it that it is run; returns its request id once it outlives a power failure. Raises LedgerError.

        function: its name; that there is one, and the qualifier, is for the caller to see to. qualifier: version, alias, ``$LATEST`` or ""
        as it was asked for; which version that is, is decided when it runs. payload: JSON, at most record.MOST_BYTES; the caller sees to
        that, too. trace_id: X-Amzn-Trace-Id as it came; "" makes one. A caller who is cancelled may have been accepted nevertheless.
        """
        now = self._clock.epoch()
        event = Event(
            request_id=request_id or new_request_id(),
            function=function,
            qualifier=qualifier,
            payload=payload,
            trace_id=trace_id or self._beginning(now),
            accepted=now,
            due=now,
        )
        await self._ledger.append(event, self._accepted)
        return event.request_id

    async def run(self, stop: Stop) -> None:
        """Until the stop; then what was begun is finished. Cancellation cuts it; it is run again by whoever runs next."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._events.run(stop), name="asynchronous invocations")
            group.create_task(self._records.run(stop), name="deliveries")

    @property
    def running(self) -> int:
        """Events that run now, or whose end is being written; if they are cut they run again."""
        return self._events.begun

    def waiting(self) -> dict[str, int]:
        """Events by function: those that wait, and those that run."""
        return self._events.counts()

    def untold(self) -> dict[str, int]:
        """Deliveries by target that are still to be made."""
        return self._records.counts()

    async def close(self) -> None:
        """Disconnect from destinations; after ``run``."""
        await self._deliveries.close()

    def _accepted(self, event: Event) -> None:
        self._emit(EventAccepted(function=event.function))
        self._events.offer(event)

    def _told(self, settlement: Settlement) -> None:
        for event in settlement.events:
            self._accepted(event)
        for delivery in settlement.deliveries:
            self._records.offer(delivery)
