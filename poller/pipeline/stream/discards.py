"""Records that were given up: their failure record goes to the destination, and only then are they done.

A destination that does not take it is asked again, for ever, and the lane waits: unlike AWS, which drops the record then, nothing is lost.
An outage begins with the first record that is not taken and ends with the next that is, whichever lane's; it is told once.
Without a destination the fact that is told is all that is left of them.
"""

from __future__ import annotations

from connectors.contract import Destination, Discard, SourceError
from poller.aio.backoff import Backoff
from poller.aio.clock import Clock
from poller.dispatch.invoker import new_request_id
from poller.envelope.failure import Failure, failure_record
from poller.observe.events import DestinationFailedError, DestinationRecovered, Emit, RecordsDiscarded
from poller.pipeline.stream.events import Events
from poller.pipeline.stream.partition import Partition
from poller.pipeline.stream.plan import StreamPlan
from poller.pipeline.stream.retry import GivenUp, Work

DELAYS = Backoff(first=0.5, cap=60.0)


class Discards:
    """One mapping's way to its destination."""

    def __init__(
        self, plan: StreamPlan, events: Events, destination: Destination | None, clock: Clock, emit: Emit
    ) -> None:
        self._plan = plan
        self._events = events
        self._destination = destination
        self._clock = clock
        self._emit = emit
        self._outage = ""  # kind of the error that was told last; "" while the destination takes what comes
        self._said = ""
        self.waiting = 0
        """Batches that the destination has not taken; the lane of each waits."""
        self.failing_since: float | None = None
        """Epoch seconds; None while nothing waits."""

    @property
    def trouble(self) -> str:
        """What the destination said last, while something waits for it; "" while nothing does."""
        return self._said if self.waiting else ""

    async def give_up(self, gone: GivenUp, partition: Partition) -> bool:
        """Return when the failure record is stored, or need not be; False: the partition was left before it was."""
        began = self._clock.now()
        if self._destination is not None and not await self._store(self._discard(gone, partition), partition):
            return False
        records = [item.record for item in gone.items]
        self._emit(
            RecordsDiscarded(
                mapping=self._plan.name,
                partition=partition.name,
                condition=gone.condition,
                count=len(records),
                first=records[0].position if records else "",
                last=records[-1].position if records else "",
                stored=self._destination is not None,
                seconds=self._clock.now() - began,
                request_id=gone.work.request_id,
                why=gone.work.why,
            )
        )
        return True

    async def close(self) -> None:
        """Disconnect."""
        if self._destination is not None:
            await self._destination.close()

    async def _store(self, discard: Discard, partition: Partition) -> bool:
        failures = 0
        try:
            while self._destination is not None and not partition.leaving.soft:
                try:
                    await self._destination.deliver(discard)
                except SourceError as error:
                    failures += 1
                    self._wait(int(failures == 1))
                    delay = error.retry_after if error.retry_after is not None else DELAYS.delay(failures)
                    self._failed(error, partition, delay)
                    await partition.leaving.or_stop(self._clock.sleep(delay))
                else:
                    self._took()
                    return True
        finally:
            self._wait(-int(failures > 0))
        return False

    def _wait(self, more: int) -> None:
        """So many more wait; or less, below 0."""
        self.waiting += more
        if not self.waiting:
            self.failing_since = None
        elif self.failing_since is None:
            self.failing_since = self._clock.epoch()

    def _failed(self, error: SourceError, partition: Partition, delay: float) -> None:
        kind = type(error).__name__
        self._said = f"failure records cannot be stored: {error}"
        self._emit(
            DestinationFailedError(
                mapping=self._plan.name,
                partition=partition.name,
                kind=kind,
                message=str(error),
                retry_seconds=delay,
                known=kind == self._outage,
            )
        )
        self._outage = kind

    def _took(self) -> None:
        if self._outage:
            self._outage = ""
            self._emit(DestinationRecovered(mapping=self._plan.name))

    def _discard(self, gone: GivenUp, partition: Partition) -> Discard:
        work = Work(gone.items, since=gone.work.since)
        event, window = self._events.event(work, partition), self._events.window(work, partition)
        moment = self._clock.epoch()
        records = [item.record for item in gone.items]
        failure = Failure(
            condition=gone.condition,
            request_id=gone.work.request_id or new_request_id(),
            function_arn=self._plan.function_arn,
            invoke_count=gone.invoke_count,
            executed_version=gone.work.version,
            function_error=gone.work.error,
            moment=moment,
        )
        record = failure_record(
            failure, self._events.envelope, records, partition.name, payload_bytes=len(event), window=window
        )
        return Discard(
            mapping=self._plan.name,
            partition=partition.name,
            moment=moment,
            record=record,
            event=event,
            records=records,
        )
