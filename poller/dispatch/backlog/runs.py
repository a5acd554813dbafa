"""One event: a slot, a run, a verdict, and what follows from it.

Nothing here counts as an attempt but a run that the function failed: an event waits for its slot as long as it takes, and one that nobody
could run (an unknown function, a server elsewhere that is away, a defect of ours) is tried again with growing delays. So events that were
accepted for a function that the configuration has no more wait for it, until they are too old.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from poller.aio.clock import Clock
from poller.dispatch import lineage
from poller.dispatch.backlog import rules
from poller.dispatch.backlog.event import (
    DEAD_LETTER,
    DESTINATION,
    Delivery,
    Event,
    EventInvokeConfig,
    Failure,
    Outcome,
    Settlement,
)
from poller.dispatch.backlog.ledger import Ledger
from poller.dispatch.backlog.lines import Leave
from poller.dispatch.backlog.record import record_event
from poller.dispatch.backlog.rules import REFUSALS, Again, Final, Verdict
from poller.dispatch.slots import Slots
from poller.envelope.invocation import SUCCESS
from poller.execution.contract import Result
from poller.observe.events import Emit, EventDropped, EventRetried, EventStarted

NAME = "asynchronous invocations"
"""Of the claim, for people."""

Configured = Callable[[str, str], EventInvokeConfig]
"""Function and qualifier, "" for none -> how its events are dealt with, as of now. Of an unknown function: the defaults."""


class Invoke(Protocol):
    """The front door to the functions (dispatch/invoker.py), as events need it."""

    async def invoke(self, target: str, payload: bytes, *, request_id: str = "", trace_id: str = "") -> Result:
        """Run one event. Raises what is no function's fault, UnknownFunctionError among it."""
        ...


class Runs:
    """Deals with events. told: is given what was stored in an event's place.

    delays: seconds before the first retry, the second, and so on.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        slots: Slots,
        invoker: Invoke,
        configured: Configured,
        delays: Sequence[float],
        told: Callable[[Settlement], None],
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._ledger = ledger
        self._slots = slots
        self._invoker = invoker
        self._configured = configured
        self._delays = delays
        self._told = told
        self._clock = clock
        self._emit = emit

    async def enter(self, line: str) -> Leave:
        """Wait for one of the function's slots. One that may have none needs none: its events are given up."""
        if not self._slots.limit(line):
            return lambda: None
        return (await self._slots.claim(line, NAME).acquire()).release

    async def run(self, event: Event) -> Verdict:
        """Run it, if it is to be run."""
        config = self._configured(event.function, event.qualifier)
        now = self._clock.epoch()
        if over := rules.before(event, config, now):
            return over
        trace_id, count = lineage.entered(event.trace_id, config.function_arn)
        if count > lineage.LIMIT and config.terminate:
            return rules.looped(event)
        if not event.attempts and not event.refusals:
            self._emit(EventStarted(function=event.function, seconds=max(0.0, now - event.accepted)))
        try:
            result = await self._invoker.invoke(
                event.target, event.payload, request_id=event.request_id, trace_id=trace_id
            )
        except Exception as error:  # noqa: BLE001  # not the function's fault, whatever it is: told with every delay
            why, delay = str(error) or repr(error), REFUSALS.delay(event.refusals + 1)
            return rules.refused(event, config, why, self._clock.epoch(), delay)
        return rules.after(event, config, result, self._clock.epoch(), self._delays)

    async def settle(self, event: Event, found: Verdict) -> float | None:
        """Write down what became of it."""
        if isinstance(found, Again):
            return await self._again(event, found)
        config = self._configured(event.function, event.qualifier)
        settlement = self._settlement(event, found, config)
        await self._ledger.settle(event, settlement, self._told)
        if found.condition != SUCCESS:
            self._emit(
                EventDropped(
                    function=event.function,
                    request_id=event.request_id,
                    condition=found.condition,
                    invoke_count=found.invoke_count,
                    destinations=len(settlement.events) + len(settlement.deliveries),
                    why=found.message,
                )
            )
        return None

    async def _again(self, event: Event, found: Again) -> float:
        again = dataclasses.replace(event, due=found.due, attempts=found.attempts, refusals=found.refusals)
        await self._ledger.reschedule(again)
        self._emit(
            EventRetried(
                function=event.function,
                request_id=event.request_id,
                attempts=found.attempts,
                counted=found.attempts > event.attempts,
                delay=max(0.0, found.due - self._clock.epoch()),
                why=found.why,
            )
        )
        return found.due

    def _settlement(self, event: Event, found: Final, config: EventInvokeConfig) -> Settlement:
        now = self._clock.epoch()
        trace_id, _ = lineage.entered(event.trace_id, config.function_arn)
        result = found.result
        outcome = Outcome(
            request_id=event.request_id,
            function=event.function,
            qualifier=event.qualifier,
            function_arn=config.arn,
            condition=found.condition,
            invoke_count=found.invoke_count,
            moment=now,
            executed_version=result.executed_version if result else None,
            error_code=int(found.code),
            error_message=found.message,
            trace_id=trace_id,
            payload=event.payload,
            response=result.payload if result else None,
        )
        failed = found.condition != SUCCESS
        target = config.on_failure if failed else config.on_success
        follower = record_event(target, outcome) if target else None
        deliveries = [Delivery(kind=DESTINATION, target=target, outcome=outcome, due=now)] if target else []
        if failed and config.dead_letter:
            deliveries.append(Delivery(kind=DEAD_LETTER, target=config.dead_letter, outcome=outcome, due=now))
        return Settlement(
            events=(follower,) if follower else (),
            deliveries=tuple(each for each in deliveries if not (follower and each.kind == DESTINATION)),
            failure=Failure(moment=now, outcome=outcome) if failed and not deliveries else None,
        )
