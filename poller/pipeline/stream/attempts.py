"""Batches of a stream on the function: a slot, the invocation, the answer, and what follows from it.

A slot is taken before the invocation, so waiting for one is no attempt. Nothing here waits for anything else.
"""

from __future__ import annotations

from poller.aio.clock import Clock
from poller.dispatch.invoker import new_request_id
from poller.dispatch.slots import Claim, Permit
from poller.envelope.failure import UNHANDLED
from poller.observe.events import BatchJudged, Emit, IteratorAged
from poller.pipeline.gate import Gate
from poller.pipeline.invoke import INIT_SECONDS, Invoke
from poller.pipeline.stream.answer import Answer, read
from poller.pipeline.stream.events import Events
from poller.pipeline.stream.partition import Partition
from poller.pipeline.stream.plan import StreamPlan
from poller.pipeline.stream.retry import Rules, Step, Work, after, oversized
from poller.pipeline.under_way import UnderWay

NOTHING_YET = "No records processed"
GOOD = "OK"
BAD = "PROBLEM: Function call failed"
"""LastProcessingResult (recordings of 2025). A valid partial response is good; what is given up afterwards changes nothing."""


class Attempts:
    """Runs one mapping's batches."""

    def __init__(
        self, plan: StreamPlan, rules: Rules, events: Events, *, claim: Claim, invoker: Invoke, clock: Clock, emit: Emit
    ) -> None:
        self._plan = plan
        self._rules = rules
        self._events = events
        self._claim = claim
        self._invoker = invoker
        self._clock = clock
        self._emit = emit
        self.gate = Gate(plan.name, plan.breaker, clock, emit)
        self.invocations = UnderWay(clock)
        """Until when each of them must have ended."""
        self.slot_waits = UnderWay(clock)
        """Since when each of them waits."""
        self.last_result = NOTHING_YET

    async def make(self, work: Work, partition: Partition) -> Step | None:
        """Run a batch once; what follows. None: the partition was left before a slot was free."""
        if self._events.too_big(work, partition):
            return oversized(work, self._rules)
        while True:
            probe = not self.gate.closed and await self._turn(partition)
            try:
                if probe is None or (answer := await self._once(work, partition)) is None:
                    return None
                self.gate.judged(failed=answer.failed, probe=probe, cause=answer.why)
            finally:
                if probe:
                    self.gate.give_back()
            self._tell(work, partition, answer)
            if self.gate.closed or not answer.failed:
                return after(work, answer, self._rules)
            work.attempts -= (
                1  # nothing is given up for what opened the breaker, or was to find out whether it may be closed
            )

    async def _turn(self, partition: Partition) -> bool | None:
        """Whether this batch is the probe; None: the partition was left before it could be run."""
        return await partition.leaving.or_stop(self.gate.turn(), lost=lambda _: self.gate.give_back())

    async def _once(self, work: Work, partition: Partition) -> Answer | None:
        permit = self._claim.try_acquire() or await self._slot(partition)
        if permit is None:
            return None
        try:
            with self.invocations.one(self._plan.timeout + INIT_SECONDS):
                return await self._invoke(work, partition)
        finally:
            permit.release()

    async def _slot(self, partition: Partition) -> Permit | None:
        """Wait for one, as long as the partition is ours."""
        with self.slot_waits.one():
            return await partition.leaving.or_stop(self._claim.acquire(), lost=Permit.release)

    async def _invoke(self, work: Work, partition: Partition) -> Answer:
        work.request_id = work.request_id or new_request_id()
        event = self._events.event(work, partition)
        result = await self._invoker.invoke(self._plan.function, event, request_id=work.request_id)
        work.attempts += 1
        work.version, work.error = result.executed_version, None if result.ok else UNHANDLED
        answer = read(
            result,
            [item.record for item in work.items],
            item_failures=self._plan.item_failures,
            stateful=partition.window is not None,
        )
        work.why = answer.why
        return answer

    def _tell(self, work: Work, partition: Partition, answer: Answer) -> None:
        count = len(work.items)
        self.last_result = BAD if answer.failed else GOOD
        self._emit(
            BatchJudged(
                mapping=self._plan.name,
                function=self._plan.function,
                request_id=work.request_id,
                verdict="failed" if answer.failed else "partial" if answer.count < count else "delivered",
                delivered=answer.count,
                failed=count - answer.count,
                why=answer.why,
                message=answer.message,
                partition=partition.name,
            )
        )
        arrived = work.items[-1].record.arrived if work.items else None
        if arrived is not None:
            age = max(0.0, self._clock.epoch() - arrived)
            self._emit(IteratorAged(mapping=self._plan.name, partition=partition.name, seconds=age))
