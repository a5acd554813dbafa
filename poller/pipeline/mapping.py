"""One event source mapping, top-down: fetch, filter, batch, envelope, dispatch, judge, settle.

What holds here:

1. A slot is reserved before a fetch, so nothing is received that cannot run (slots.py: what becomes of a revoked reservation).
2. Every record that was fetched is leased until it is settled (lease.py), and settled: delivered, filtered, retry or released.
3. A lane has one batch in flight (lanes.py). A poller waits for its own batches, never for another's.
4. A failed function is a verdict, a failed source is the link's business; what escapes from here is a defect of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from connectors.contract import Capabilities, Outcome, Record, Settlement, Source
from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.dispatch.invoker import MAX_PAYLOAD
from poller.dispatch.slots import Claim, Permit
from poller.envelope import Envelope
from poller.observe.events import (
    BatchCut,
    BatchEnded,
    BatchJudged,
    BatchSettled,
    Emit,
    LeaseFoundShort,
    PollersChanged,
    RecordsFiltered,
)
from poller.pipeline.batch import Batch, Batcher, Item, Limits
from poller.pipeline.gate import Gate
from poller.pipeline.invoke import INIT_SECONDS, Invoke
from poller.pipeline.judge import Verdict, judge, message, released
from poller.pipeline.lanes import Lanes
from poller.pipeline.lease import LeaseKeeper, shortfall
from poller.pipeline.link import Link
from poller.pipeline.plan import QueuePlan
from poller.pipeline.poller import Poller
from poller.pipeline.pollers import IDLE, Pollers
from poller.pipeline.settle import Settler
from poller.pipeline.traces import carried
from poller.pipeline.under_way import UnderWay


class Mapping:
    """Runs one mapping from open to close. Made for one run."""

    def __init__(
        self, plan: QueuePlan, source: Source, *, claim: Claim, ceiling: int, invoker: Invoke, clock: Clock, emit: Emit
    ) -> None:
        self.plan = plan
        self.claim = claim
        self.link = Link(plan.name, source, clock, emit)
        self.leases = LeaseKeeper(plan.name, self.link, clock, emit)
        self.settler = Settler(plan.name, self.link, self.leases, clock, emit)
        self.scale = Pollers(ceiling)
        self.gate = Gate(plan.name, plan.breaker, clock, emit)
        self.running = 0
        """Pollers at work."""
        self.warning = ""
        """What is wrong with the source's lease; "" when nothing is, and until the source was open."""
        self.invocations = UnderWay(clock)
        """Until when each of them must have ended."""
        self.slot_waits = UnderWay(clock)
        """Since when each of them waits."""
        self._capabilities: Capabilities = source.capabilities
        self._invoker = invoker
        self._clock = clock
        self._emit = emit
        self._lanes = Lanes()
        self._envelope: Envelope
        self._tasks: asyncio.TaskGroup

    @property
    def in_hand(self) -> int:
        """Records fetched and not settled."""
        return len(self.leases)

    async def run(self, stop: Stop) -> None:
        """Poll until the stop; return when everything fetched is settled. Cancellation cuts what runs and hands it back."""
        try:
            identity = await stop.or_stop(self.link.open())
            if identity is None:
                return
            self._envelope = self.plan.envelope(identity)
            self.gate.begin(stop)
            self._look_at_lease(identity.lease_seconds)
            async with asyncio.TaskGroup() as keeping:
                keeper = keeping.create_task(self.leases.run(identity.lease_seconds), name=f"lease {self.plan.name}")
                watch = keeping.create_task(self.gate.watch(), name=f"dependencies {self.plan.name}")
                async with asyncio.TaskGroup() as self._tasks:
                    self._start(1, stop)
                keeper.cancel()
                watch.cancel()
        finally:
            await self.settler.close()
            await self.link.close()

    def _look_at_lease(self, seconds: float | None) -> None:
        self.warning = shortfall(seconds, timeout=self.plan.timeout, window=self.plan.window)
        if self.warning:
            self._emit(LeaseFoundShort(mapping=self.plan.name, lease_seconds=seconds or 0.0, why=self.warning))

    async def _poll(self, stop: Stop) -> None:
        """A poller's life: a slot, then a batch, then its answer; until the stop, or until fewer pollers are enough."""
        poller = self._poller(self._batcher())
        try:
            while await self._passes(poller, stop) and (permit := await self._reserve(stop)):
                try:
                    batches = await poller.collect(self.gate.fetching)
                    self._rescale(poller, batches, stop)
                    await self._deliver_all(batches, permit)
                finally:
                    permit.release()
        finally:
            self._count_pollers(-1)
            await self.settler.settle(released(poller.rest()))

    def _poller(self, batcher: Batcher) -> Poller:
        return Poller(
            self.link,
            self.leases,
            batcher,
            keep=self._keep,
            max_fetch=self._capabilities.max_fetch,
            clock=self._clock,
        )

    async def _passes(self, poller: Poller, stop: Stop) -> bool:
        """Whether the poller goes on. While the circuit breaker is open one stays to probe, and what is in hand goes back."""
        while not self.gate.closed:
            await self.settler.settle(released(poller.rest()))
            self.scale.wanted = IDLE
            if self.scale.surplus(self.running):
                return False
            turn = await stop.or_stop(self.gate.turn(), lost=lambda _: self.gate.give_back())
            if turn is None:
                return False
            if turn:
                await self._probe(stop)
        return True

    async def _probe(self, stop: Stop) -> None:
        """One record, to see. It stays in hand over as many probes as it takes: each receive counts for a queue's redrive policy."""
        poller = self._poller(Batcher(Limits(1, 0.0, MAX_PAYLOAD, self._envelope.overhead)))
        permit: Permit | None = None
        try:
            batches: list[Batch] = []
            while not batches and not stop.soft:
                if (permit := await self._reserve(stop)) is None:
                    return
                batches = await poller.collect(stop)
                if not batches:
                    permit.release()
            for batch in batches:
                await self._deliver(batch, permit, stop)
        finally:
            if permit is not None:
                permit.release()
            self.gate.give_back()
            await self.settler.settle(released(poller.rest()))

    async def _reserve(self, stop: Stop) -> Permit | None:
        """A permit to poll with, or None when this poller shall end."""
        if stop.soft or self.scale.surplus(self.running):
            return None
        if permit := self.claim.try_reserve():
            return permit
        with self.slot_waits.one():
            return await stop.or_stop(self.claim.reserve(), lost=Permit.release)

    async def _deliver_all(self, batches: Sequence[Batch], permit: Permit) -> None:
        """Batches of one poll side by side; the first runs on the permit, each further one takes a slot of its own."""
        if len(batches) == 1:  # the usual case needs no task of its own
            await self._deliver(batches[0], permit)
            return
        async with asyncio.TaskGroup() as deliveries:
            for n, batch in enumerate(batches):
                deliveries.create_task(self._deliver(batch, None if n else permit), name=f"deliver {self.plan.name}")

    async def _deliver(self, batch: Batch, permit: Permit | None, probing: Stop | None = None) -> None:
        """Run one batch in its lane's turn, and tell the source what has become of each record. probing: it is a probe, until the stop."""
        self._emit(
            BatchCut(
                mapping=self.plan.name,
                count=len(batch.items),
                reason=batch.reason,
                waited=self._clock.now() - batch.opened,
                traces=carried(batch.records) if self.plan.traced else (),
            )
        )
        settlements, failed = released(batch.records), True
        turn = self._lanes.enter(batch.lane)
        try:
            if await turn.come and (probing or self.gate.closed):
                verdict = await self._run(batch, permit, probe=probing is not None)
                while probing and not self.gate.closed:
                    if not await probing.or_stop(self.gate.turn(), lost=lambda _: self.gate.give_back()):
                        break
                    verdict = await self._run(batch, None, probe=True)
                settlements, failed = verdict.settlements, verdict.failed > 0
        finally:
            try:
                await self._settle(settlements)
            finally:
                turn.leave(failed=failed)
                self._emit(BatchEnded(mapping=self.plan.name, seconds=self._clock.now() - batch.opened))

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        began = self._clock.now()
        await self.settler.settle(settlements)
        seconds = self._clock.now() - began
        self._emit(BatchSettled(mapping=self.plan.name, count=len(settlements), seconds=seconds))

    async def _run(self, batch: Batch, permit: Permit | None, *, probe: bool = False) -> Verdict:
        """The function's verdict on a batch."""
        if batch.size_bytes > MAX_PAYLOAD:
            why = f"the event of {batch.size_bytes} bytes is past the limit of {MAX_PAYLOAD}"
            verdict = Verdict([Settlement(record, Outcome.RETRY) for record in batch.records], why)
            return self._judged(verdict, request_id="")
        permit = permit or await self._acquire()
        try:
            await permit.use()
            with self.invocations.one(self.plan.timeout + INIT_SECONDS):
                result = await self._invoker.invoke(self.plan.function, self._envelope.assemble(batch.parts))
        finally:
            permit.release()
        verdict = judge(result, batch.records, item_failures=self.plan.item_failures)
        self.gate.judged(failed=verdict.name == "failed", probe=probe, cause=verdict.why)
        return self._judged(verdict, request_id=result.request_id, said=message(result))

    async def _acquire(self) -> Permit:
        with self.slot_waits.one():
            return await self.claim.acquire()

    def _judged(self, verdict: Verdict, *, request_id: str, said: str = "") -> Verdict:
        """Tell the verdict; a batch that failed as a whole makes the mapping poll less (not with partial responses)."""
        if verdict.name == "failed" and not self.plan.item_failures:
            self.scale.failed(self._clock.now())
        self._emit(
            BatchJudged(
                mapping=self.plan.name,
                function=self.plan.function,
                request_id=request_id,
                verdict=verdict.name,
                delivered=len(verdict.settlements) - verdict.failed,
                failed=verdict.failed,
                why=verdict.why,
                message=said,
            )
        )
        return verdict

    def _keep(self, records: Iterable[Record]) -> list[Item]:
        """The records that a filter lets through, encoded; the others are settled meanwhile, as filtered."""
        kept, dropped = [], []
        for record in records:
            if self.plan.criteria is None or self.plan.criteria.admits(self._envelope.shape(record)):
                kept.append(Item(record, self._envelope.encode(record)))
            else:
                dropped.append(Settlement(record, Outcome.FILTERED))
        if dropped:
            self._emit(RecordsFiltered(mapping=self.plan.name, count=len(dropped)))
            self._tasks.create_task(self.settler.settle(dropped), name=f"filtered {self.plan.name}")
        return kept

    def _batcher(self) -> Batcher:
        size = min(self.plan.batch_size, self._envelope.max_records or self.plan.batch_size)
        return Batcher(Limits(size, self.plan.window, MAX_PAYLOAD, self._envelope.overhead))

    def _rescale(self, poller: Poller, batches: Sequence[Batch], stop: Stop) -> None:
        """More pollers when a poll came back full, fewer when it came back empty, or full from a server that is overloaded."""
        now = self._clock.now()
        if poller.slow:
            self.scale.empty(now)
        elif poller.full:
            self.scale.full(now)
        elif not batches:
            self.scale.empty(now)
        self._start(0 if stop.soft else self.scale.missing(self.running), stop)

    def _start(self, count: int, stop: Stop) -> None:
        for _ in range(count):
            self._tasks.create_task(self._poll(stop), name=f"poll {self.plan.name}")
            self._count_pollers(1)

    def _count_pollers(self, change: int) -> None:
        self.running += change
        self._emit(PollersChanged(mapping=self.plan.name, count=self.running))
