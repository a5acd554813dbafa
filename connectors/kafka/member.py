"""One member of a consumer group, on the client's loop: joining, reading, committing, handing over.

This is the one module that uses what kafka-python keeps behind an underscore: the coroutines under its blocking consumer (see ``loop.py``
for why). Hence the narrow range of versions in ``pyproject.toml``. Rules that hold:

1. Membership is kept by a coroutine of its own, whether anybody reads or not, so a handler may take as long as it likes.
2. Partitions are shared the cooperative way: those that stay are read on while others are handed over. A partition that goes may
   still be committed until the engine has let go of it; only then the group learns that it is free.
3. A partition that nobody has committed yet begins where the mapping says, and that place is committed before the first record is
   read: a group that starts at the end must not skip what comes while partitions change hands.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from kafka import AsyncConsumerRebalanceListener, KafkaConsumer, OffsetSpec, TopicPartition
from kafka import errors as client
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.future import Future
from kafka.net.wakeup_notifier import WakeupNotifier

from connectors.contract import Record, SourceError
from connectors.kafka.leaving import leave
from connectors.kafka.loop import ClientLoop
from connectors.kafka.positions import REQUEST_SECONDS, Begin, Offsets, Positions, name_of
from connectors.kafka.records import FetchedRecords

TICK_SECONDS = 0.5  # how often membership is looked after; a rebalance is learnt of by the heartbeat, every 3 s at most
HEARTBEAT_SECONDS = 3.0  # Kafka's own default
BUSY_WAIT_SECONDS, IDLE_WAIT_SECONDS = 0.1, 1.0  # how long a broker keeps a fetch that has nothing to bring
QUIET_SECONDS = 2.0  # without a record until it is idle
RETRY_SECONDS = 0.1  # while a partition has no leader that can be reached


class Member:
    """A member of ``group`` that reads ``topic``. Its coroutines run on the client's loop, all of them.

    released: called before partitions are given up, with what is to be awaited until they may be; lost: they are another's already.
    known_as: what the group calls us since last time, when there was no telling it that we leave: it would wait for that member else.
    """

    def __init__(
        self,
        loop: ClientLoop,
        topic: str,
        begin: Begin,
        released: Callable[[Collection[TopicPartition], bool], Awaitable[None]],
        known_as: str,
        **config: Any,
    ) -> None:
        consumer = KafkaConsumer(
            kafka_client=lambda **_: loop.client,
            enable_auto_commit=False,
            auto_offset_reset="none",  # what is out of range is an error, which is told
            partition_assignment_strategy=(CooperativeStickyAssignor,),
            metrics_enabled=False,
            heartbeat_interval_ms=min(HEARTBEAT_SECONDS * 1000, config["session_timeout_ms"] / 3),
            **config,
        )
        self._topic = topic
        self._consumer = consumer
        self._loop = loop
        self._manager = loop.manager
        self._cluster = loop.manager.cluster
        self._group = consumer._coordinator  # noqa: SLF001 - see above, and so below
        self._fetcher = consumer._fetcher  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
        self._fetcher.PartitionRecords = FetchedRecords
        self._state = consumer._subscription  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
        self._listener = _Listener(self, released)
        self._nudge = WakeupNotifier(loop.client._net)  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
        self._wake = Future()
        self._until = 0.0
        self._busy_until = 0.0
        self._leaving = False
        self._failure: Exception | None = None
        self._going: set[TopicPartition] = set()
        self._positions = Positions(self._group, self._fetcher, self._state, begin)
        self.moves = self._positions.moves
        if known_as:
            self._group.reset_generation(known_as)

    async def join_there(self) -> None:
        """Check that topic and group may be used, and begin to join. Raises errors of the client."""
        self._consumer.subscribe([self._topic], listener=self._listener)
        await self._loop.know_there(self._topic)
        if not await self._group.ensure_coordinator_ready_async(timeout_ms=REQUEST_SECONDS * 1000):
            raise client.KafkaTimeoutError("no broker coordinates the group")
        self._manager.call_soon(self._keep)

    async def begin_there(self) -> None:
        """Wait until the partitions that are ours have a place, or for ``REQUEST_SECONDS``: where LATEST is, is known from then on."""
        limit = time.monotonic() + REQUEST_SECONDS
        while time.monotonic() < limit and not (self._group.stable() and self._state.has_all_fetch_positions()):
            self._check()
            await self._positions.place()
            await self._manager._net.sleep(RETRY_SECONDS / 10)  # noqa: SLF001 - the client offers no other way (as of 3.0.12)

    async def read_there(self, room: int, seconds: float, held: Collection[str]) -> dict[TopicPartition, list[Record]]:
        """Up to ``room`` records, those of each partition in order, of none that is held; {} when none came in time."""
        self._until = time.monotonic() + seconds
        while True:
            self._check()
            self._pause(held)
            try:
                await self._positions.place()
                self._fetcher.maybe_validate_positions()
                self._fetcher.validate_offsets_if_needed()
                records, partial = self._drain(room)
            except client.OffsetOutOfRangeError as error:
                await self._positions.go_back(dict.fromkeys(error.args[0]))
                continue
            except client.LogTruncationError as error:
                known = error.divergent_offsets.items()
                await self._positions.go_back(
                    {partition: offset.offset if offset else None for partition, offset in known}
                )
                continue
            if not partial:
                await self._ask(records)
            if records or time.monotonic() >= self._until:
                return records
            await self._something()

    def hurry_there(self) -> None:
        """Let a read under way end with what there is."""
        self._until = 0.0
        self._rouse()

    async def commit_there(self, offsets: Offsets) -> set[TopicPartition]:
        """Commit where reading goes on; return the partitions that are not ours. Never moves an offset back.

        Raises errors of the client, and ``SourceError`` while the group is changing.
        """
        limit = time.monotonic() + REQUEST_SECONDS
        while True:
            self._check()
            if time.monotonic() > limit:
                raise SourceError(
                    f"consumer group {self._group.group_id} is sharing its partitions anew, offsets have to wait"
                )
            if not self._group.stable():
                await self._manager._net.sleep(RETRY_SECONDS / 10)  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
                continue
            try:
                await self._positions.place()
                mine = {partition: offset for partition, offset in offsets.items() if self._is_ours(partition)}
                ahead = {
                    partition: offset
                    for partition, offset in mine.items()
                    if offset > self._positions.done.get(partition, -1)
                }
                await self._positions.commit(ahead)
            except client.RebalanceInProgressError:
                continue
            except client.FencedInstanceIdError as error:
                self.fail_there(error)
                raise
            except client.CommitFailedError as error:
                if any(isinstance(cause, client.RebalanceInProgressError) for cause in error.args):
                    continue
                return set(offsets)  # expelled: whatever was ours is another's
            return offsets.keys() - mine.keys()

    async def lag_there(self) -> int:
        """Records of our partitions that have not been read."""
        self._check()
        await self._positions.place()
        positions = {
            p: self._positions.of(p) for p in self._state.assigned_partitions() if self._state.has_valid_position(p)
        }
        ends = await self._positions.find(dict.fromkeys(positions, OffsetSpec.LATEST))
        return sum(max(0, ends.get(partition, 0) - position) for partition, position in positions.items())

    async def survey_there(self) -> dict[TopicPartition, tuple[int, int]]:
        """Of our partitions: where the group would go on, and the end."""
        self._check()
        await self._positions.place()
        known = {
            p: self._positions.known(p) for p in self._state.assigned_partitions() if self._state.has_valid_position(p)
        }
        ends = await self._positions.find(dict.fromkeys(known, OffsetSpec.LATEST))
        return {partition: (known[partition], end) for partition, end in ends.items()}

    async def leave_there(self) -> str:
        """Leave the group, so that others have the partitions at once. Returns what we are called there when it cannot be told."""
        self._leaving = True
        self._nudge.notify()
        self._group._close_heartbeat()  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
        return await leave(self._group, self._manager)

    def fail_there(self, error: Exception) -> None:
        """From now on every verb raises this."""
        if self._failure is None and not self._leaving:
            self._failure = error
            self._rouse()

    async def _keep(self) -> None:
        """Stay a member, and join again whenever the group changes."""
        longest = self._group.config["max_poll_interval_ms"] + REQUEST_SECONDS * 1000
        try:
            while not self._leaving and self._failure is None:
                if not await self._group.ensure_active_group_async(timeout_ms=longest):
                    self.fail_there(
                        client.KafkaTimeoutError(f"consumer group {self._group.group_id} could not be joined")
                    )
                self._group.poll_heartbeat()
                self._check_instance()
                self._rouse_if_new()
                await self._nudge(TICK_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, who reads is told
            self.fail_there(error)

    def _check_instance(self) -> None:
        """The client stops its heartbeat when another member has our instance's name, and reads on (as of 3.0.12)."""
        if self._group.stable() and not self._group._heartbeat_enabled:  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
            raise client.FencedInstanceIdError

    def _drain(self, room: int) -> tuple[dict[TopicPartition, list[Record]], bool]:
        """Take what has come. What was put aside for a paused partition comes back only into an empty place (as of 3.0.12)."""
        current = self._fetcher._next_partition_records  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
        if current is not None and (not current or self._state.is_paused(current.topic_partition)):
            if current:  # it would make room too late for who waits behind it: nothing came, and a whole wait was lost
                self._fetcher._paused_partition_records[current.topic_partition] = current  # noqa: SLF001 - see member.py
            self._fetcher._next_partition_records = None  # noqa: SLF001 - used up, which the client takes for full
        records, partial = self._fetcher.fetched_records(room)
        return records, partial

    async def _ask(self, records: object) -> None:
        """Send fetches, to wait at the broker longer the quieter it is: a partition that comes off hold has to wait for them."""
        now = time.monotonic()
        self._busy_until = now + QUIET_SECONDS if records else self._busy_until
        waiting = BUSY_WAIT_SECONDS if now < self._busy_until else IDLE_WAIT_SECONDS
        self._fetcher.config["fetch_max_wait_ms"] = int(waiting * 1000)
        await self._fetcher._send_fetches_async()  # noqa: SLF001 - the client offers no other way (as of 3.0.12)

    def _is_ours(self, partition: TopicPartition) -> bool:
        return self._state.is_assigned(partition) or partition in self._going

    def _pause(self, held: Collection[str]) -> None:
        if not held and not self._state.paused_partitions():
            return
        for partition in self._state.assigned_partitions():
            (self._state.pause if name_of(partition) in held else self._state.resume)(partition)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._check_topic()

    def _check_topic(self) -> None:
        if self._topic in self._cluster.unauthorized_topics:
            raise client.TopicAuthorizationFailedError(self._topic)
        if self._cluster.partitions_for_topic(self._topic) is None:
            raise client.UnknownTopicOrPartitionError(self._topic)

    async def _something(self) -> None:
        """Wait until an answer has come, partitions have, or the time is over."""
        self._wake = Future()
        answers = [answer for answer in self._fetcher._fetch_futures if not answer.is_done]  # noqa: SLF001 - see member.py
        for answer in answers:
            answer.add_both(lambda _, wake=self._wake: _resolve(wake))
        seconds = max(0.0, self._until - time.monotonic())
        if not answers and (self._state.fetchable_partitions() or self._state.missing_fetch_positions()):
            seconds = min(seconds, RETRY_SECONDS)
        with contextlib.suppress(client.KafkaTimeoutError):
            await self._manager.wait_for(self._wake, seconds * 1000)

    def _rouse_if_new(self) -> None:
        if self._state.missing_fetch_positions():
            self._rouse()

    def _rouse(self) -> None:
        _resolve(self._wake)


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc] # the client has no types
    """What the client tells about partitions that come and go."""

    def __init__(self, member: Member, released: Callable[[Collection[TopicPartition], bool], Awaitable[None]]) -> None:
        self._member = member
        self._released = released

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:  # noqa: ARG002 - its name is given
        self._member._rouse()  # noqa: SLF001 - of the same module

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._let_go(revoked, lost=False)

    async def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        await self._let_go(lost, lost=True)

    async def _let_go(self, partitions: Collection[TopicPartition], *, lost: bool) -> None:
        member = self._member
        member._going |= set() if lost else set(partitions)  # noqa: SLF001 - the listener is part of the member
        try:
            await self._released(partitions, lost)
        finally:
            member._going -= set(partitions)  # noqa: SLF001 - the listener is part of the member
            for partition in partitions:
                member._positions.done.pop(partition, None)  # noqa: SLF001 - the listener is part of the member


def _resolve(future: Future) -> None:
    if not future.is_done:
        future.success(None)
