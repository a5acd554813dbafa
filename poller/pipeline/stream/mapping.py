"""One event source mapping of a stream, top-down: fetch, filter, sort into lanes; each lane batches, dispatches, judges, settles.

What holds here:

1. One task reads. It asks for what there is room for (room.py); a partition without room is put on hold, and starves no other.
2. A lane (lane.py) has one batch in flight, and keeps its order for ever: over retries, halves, restarts. No lane waits for another.
3. Every record is settled once it is delivered, filtered or given up, each partition's in order (ledger.py). A failed batch is tried again
   here, since a stream does not redeliver (retry.py).
4. A failed function is an answer, a failed source is the link's business; what escapes from here is a defect of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from connectors.contract import Destination, Reader, Record, Source, Stream
from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.dispatch.slots import Claim
from poller.observe.events import Emit, PartitionsRevoked, StreamCaughtUp
from poller.pipeline.gate import Gate
from poller.pipeline.invoke import Invoke
from poller.pipeline.judge import released
from poller.pipeline.link import Link
from poller.pipeline.settle import LAST_SECONDS, Settler
from poller.pipeline.stream.attempts import Attempts
from poller.pipeline.stream.checkpoints import LaneCheckpoints
from poller.pipeline.stream.discards import Discards
from poller.pipeline.stream.events import Events
from poller.pipeline.stream.intake import Intake
from poller.pipeline.stream.lane import Tools
from poller.pipeline.stream.partitions import Partitions
from poller.pipeline.stream.plan import StreamPlan
from poller.pipeline.stream.progress import Progress
from poller.pipeline.stream.retry import Rules
from poller.pipeline.stream.room import Limits, Room
from poller.pipeline.under_way import UnderWay

LONG_POLL = 20.0
"""Seconds that a fetch may wait while nothing is on hold."""
FIRST_POLL = 2.0
"""Seconds that one may wait after records came: whether that was all should be known soon. A shard is asked once a second."""
SHORT_POLL = 0.02
"""Seconds while something is: it gets room again meanwhile, and only the next fetch brings more of it."""
STUCK = 0.03
"""Seconds that the reader waits for room while all it knows is on hold; then it asks all the same, for partitions that are new."""
NAP = 0.2
"""Seconds between fetches that return nothing without having waited."""


class StreamMapping:
    """Runs one mapping from open to close. Made for one run. Raises TypeError for a source that is no stream."""

    def __init__(
        self,
        plan: StreamPlan,
        source: Source,
        *,
        checkpoints: LaneCheckpoints,
        destination: Destination | None,
        claim: Claim,
        invoker: Invoke,
        clock: Clock,
        emit: Emit,
    ) -> None:
        if not isinstance(source, Stream):
            raise TypeError(f"{type(source).__name__} is no stream")
        self.plan = plan
        self.link = Link(plan.name, source, clock, emit, before_open=self._before_open)
        self._stream: Stream = source
        self._clock = clock
        self._emit = emit
        self._prefix = source.capabilities.prefix
        self._room = Room(Limits.of(plan.batch_size, plan.lanes))
        self._settler = Settler(plan.name, self.link, None, clock, emit, at_once=1)
        self._progress = Progress(plan.name, self._settler, checkpoints, clock, emit)
        self._events = Events(plan)
        kafka = source.capabilities.envelope == "kafka"
        rules = Rules.of(plan, kafka=kafka, destination=destination is not None)
        self._attempts = Attempts(plan, rules, self._events, claim=claim, invoker=invoker, clock=clock, emit=emit)
        self._discards = Discards(plan, self._events, destination, clock, emit)
        tools = Tools(
            mapping=plan.name,
            events=self._events,
            rules=rules,
            attempts=self._attempts,
            discards=self._discards,
            progress=self._progress,
            clock=clock,
            emit=emit,
            traced=plan.traced,
        )
        self._partitions = Partitions(plan, checkpoints, self._room, tools, prefix=self._prefix)
        self._intake = Intake(plan.name, self._events, self._room, emit)
        self._stop = Stop()
        self._tasks: asyncio.TaskGroup
        self._behind_since: float | None = clock.now()
        self._ended: list[str] = []
        start, moment = plan.starting_position, plan.starting_position_timestamp
        source.read_as(Reader(plan.name, start, moment, checkpoints, self._revoke, self._ended.append))

    @property
    def running(self) -> int:
        """Invocations under way."""
        return len(self._attempts.invocations)

    @property
    def invocations(self) -> UnderWay:
        """Until when each of them must have ended."""
        return self._attempts.invocations

    @property
    def gate(self) -> Gate:
        """Its circuit breaker."""
        return self._attempts.gate

    @property
    def slot_waits(self) -> UnderWay:
        """Since when each of them waits."""
        return self._attempts.slot_waits

    @property
    def in_hand(self) -> int:
        """Records fetched and not settled."""
        return self._room.records

    @property
    def discards(self) -> Discards:
        """The way to the destination, for what waits there."""
        return self._discards

    @property
    def still_seconds(self) -> float:
        """Since when no record was settled although there were some, or may be; 0 while all that could be read is done."""
        if self._behind_since is None:
            return 0.0
        return self._clock.now() - max(self._behind_since, self._progress.moved_at)

    @property
    def last_processing_result(self) -> str:
        """How the last invocation ended, in the service's words (Lambda API, LastProcessingResult)."""
        return self._attempts.last_result

    async def run(self, stop: Stop) -> None:
        """Read until the stop; return when everything that ran is settled. Cancellation cuts what runs, which then comes again."""
        self._stop = stop
        try:
            identity = await stop.or_stop(self.link.open())
            if identity is None:
                return
            self._events.opened(identity)
            self._partitions.resume()
            async with asyncio.TaskGroup() as self._tasks:
                watch = self._tasks.create_task(self.gate.watch(), name=f"dependencies {self.plan.name}")
                await self._read(stop)
                watch.cancel()
                self._partitions.leave()
        finally:
            await self._close()

    async def _read(self, stop: Stop) -> None:
        while not stop.soft:
            self._partitions.end(self._ended, self._tasks)  # all that was fetched of them is sorted by now
            self._ended.clear()
            await stop.or_stop(self._wait_while_stuck())
            await stop.or_stop(self._fetch())
            touched = await self._intake.sort(self._partitions.of)
            self._partitions.wake(touched, self._tasks)
            for partition in touched:
                if partition.ledger.moved and not partition.leaving.soft:
                    partition.start(self._progress.advance(partition), self._tasks)
            if not self.link.trouble:
                self._partitions.wake_windows(self._tasks)

    async def _fetch(self) -> None:
        """What there is room for. It arrives in the same moment as the source lets go of it: its partition may be revoked in the next."""
        held = self._room.held
        self._stream.hold(held)
        began, wait = self._clock.now(), SHORT_POLL if held else LONG_POLL if self._behind_since is None else FIRST_POLL
        records = await self.link.fetch(self._room.asking, wait)
        self._intake.arrived(records)
        self._note(records)
        waited = self._clock.now() - began
        if not records and waited < wait:
            await self._clock.sleep(min(NAP, wait - waited))

    def _note(self, records: Collection[Record]) -> None:
        """Whether there is anything to do; a fetch that brings nothing is told until everything is done."""
        if records:
            self._behind_since = self._clock.now() if self._behind_since is None else self._behind_since
        elif self._behind_since is not None and not self.link.trouble:
            self._emit(StreamCaughtUp(mapping=self.plan.name, behind=self._room.occupied))
            self._behind_since = self._behind_since if self._room.records else None

    async def _wait_while_stuck(self) -> None:
        if self._room.stuck:
            self._room.changed.clear()
            try:
                async with asyncio.timeout(STUCK):
                    await self._room.changed.wait()
            except TimeoutError:
                pass

    async def _revoke(self, partitions: Collection[str]) -> None:
        """``Reader.revoke``."""
        self._intake.forget(partitions)
        dropped = await self._partitions.revoke(partitions, self._stop)
        self._emit(PartitionsRevoked(mapping=self.plan.name, partitions=tuple(sorted(partitions)), dropped=dropped))

    def _before_open(self) -> None:
        """The source is going to hand out once more what it was not told of; what has not been sorted yet may come again as if new."""
        self._intake.clear()
        self._ended.clear()
        self._partitions.expect_again()

    async def _hand_back(self) -> None:
        """What was not done returns to a source that settles records by themselves; one with positions will read on from them."""
        await self._settler.settle(released(self._partitions.unsettled()))

    async def _close(self) -> None:
        """Tell what can be told, and disconnect."""
        if not (self._prefix or self.link.trouble):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._hand_back()
        await self._settler.close()
        await self._progress.close()
        await self._discards.close()
        await self.link.close()
