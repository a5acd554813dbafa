"""Apache Kafka as a source: one topic, read as a member of a consumer group, offsets kept by the group.

Not here: where the client runs (``loop.py``) and how membership works (``member.py``). Rules that hold:

1. What is committed is the offset after the last settled record of a partition. The engine settles in order, so everything before it is
   done. Nothing is ever committed for a partition that is not ours, and no offset moves back.
2. A partition is given up only when the engine has let go of it (``Reader.revoke``), or when the time for it is over.
3. The source is unreachable when no connection is left. While one broker of several is away, the client finds its own way.

``Record.metadata``: topic, partition, offset (numbers), timestamp (epoch milliseconds), timestampType (CREATE_TIME, LOG_APPEND_TIME), key
(bytes or None), headers (pairs of str and bytes or None, duplicates kept, in order), and tombstone: True when the value is null; with a
schema registry also what ``schemas/decoder.py`` adds.
``Identity.details``: bootstrapServers. Permissions needed: Describe and Read on topic and group; Write on the topics of ``kafka://``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kafka import TopicPartition

from connectors.contract import (
    Capabilities,
    Destination,
    Identity,
    OptionsError,
    Outcome,
    Reader,
    Record,
    Settlement,
    SourceError,
    Standing,
    Unreachable,
    Unsettled,
)
from connectors.kafka import places
from connectors.kafka.destination import TopicDestination
from connectors.kafka.errors import Place, translate
from connectors.kafka.handovers import Handovers
from connectors.kafka.loop import ClientLoop, look_for
from connectors.kafka.member import Member
from connectors.kafka.options import KafkaOptions, check, is_topic_name
from connectors.kafka.positions import Begin, Offsets, name_of, partition_of
from connectors.kafka.schemas.decoder import Decoder
from connectors.kafka.security import Tokens, check_oauth, client_config
from connectors.kafka.shelf import Shelf

MAX_FETCH = 10_000
LOST_SECONDS = 1.0  # for the engine to drop what it has of partitions that are another's already
SLACK_SECONDS = 10.0  # a handover ends so long before the group would expel us for it
CLOSE_SECONDS = 5.0  # for leaving the group
GONE = (Outcome.DELIVERED, Outcome.FILTERED, Outcome.REJECTED)  # searched by identity: an outcome's hash is Python code

CAPABILITIES = Capabilities(
    envelope="kafka",
    ordered=True,
    max_fetch=MAX_FETCH,
    default_batch_size=100,
    stream=True,
    starting_positions=("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"),
    keyed=True,
    timed=True,
)


class KafkaSource:
    """One topic."""

    Options = KafkaOptions

    def __init__(self, options: KafkaOptions) -> None:
        check(options)
        if options.oauth:
            check_oauth(options.oauth)
        self._options = options
        self._tokens = Tokens(options.oauth) if options.oauth else None
        client_config(options, self._tokens)  # certificates that cannot be used are an error at start
        self._reader: Reader | None = None
        self._loop: ClientLoop | None = None
        self._member: Member | None = None
        self._shelf = Shelf()
        self._held: frozenset[str] = frozenset()
        self._reading: asyncio.Future[Any] | None = None
        self._handovers = Handovers()
        self._settling = asyncio.Lock()
        self._wanted: Offsets = {}
        self._known_as = ""
        self._decoder = Decoder(options.schema_registry) if options.schema_registry else None

    @property
    def capabilities(self) -> Capabilities:
        """Those of every Kafka topic."""
        return CAPABILITIES

    def read_as(self, reader: Reader) -> None:
        """Take the reader's name for the group, unless the options name one."""
        self._reader = reader

    def hold(self, partitions: Collection[str]) -> None:
        """Pause them from the next fetch on."""
        self._held = frozenset(partitions)

    async def open(self) -> Identity:
        """Connect, check topic and group, begin to join. Partitions come later, with ``fetch``."""
        reader = self._given_reader()
        try:
            if self._tokens:
                await asyncio.to_thread(self._tokens.token)
            security = client_config(self._options, self._tokens)
            self._loop = ClientLoop(
                {"bootstrap_servers": list(self._options.bootstrap_servers), **security}, self._lost
            )
            await self._loop.connect()
            self._member = self._as_member(self._loop, reader, security)
            await self._loop.call(self._member.join_there)
            if reader.start == "LATEST":
                await self._loop.call(self._member.begin_there)
        except BaseException as error:
            await self.close()
            if isinstance(error, Exception):
                raise self._translated(error) from error
            raise
        return self._identity()

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """Take what has been read; when there is nothing, read."""
        until = _now() + wait_seconds
        if room < 1:
            self._opened()
            return []
        room = min(room, MAX_FETCH)
        while not (records := await self._take(room)):
            if not await self._read(room, max(0.0, until - _now())) and _now() >= until:
                return await self._take(room)
        return records

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """Commit where reading goes on in each partition. Calls that meet share one commit."""
        done: dict[str, int] = {}
        for settlement in settlements:
            if settlement.outcome in GONE:
                record = settlement.record
                if record.handle >= done.get(record.partition, 0):
                    done[record.partition] = record.handle + 1
        strangers = await self._commit({partition_of(name): offset for name, offset in done.items()})
        if not strangers:
            return []
        return [
            Unsettled(each, f"partition {each.record.partition} is another member's now", retry=False)
            for each in settlements
            if partition_of(each.record.partition) in strangers and each.outcome in GONE
        ]

    async def backlog(self) -> int:
        """Records of this member's partitions that have not been fetched."""
        loop, member = self._opened()
        lag: int = await self._asked(loop.call(member.lag_there))
        return lag + len(self._shelf)

    async def survey(self) -> Mapping[str, Standing]:
        """Of this member's partitions: committed offset, offset of the next record to be written, and the difference."""
        loop, member = self._opened()
        found: dict[TopicPartition, tuple[int, int]] = await self._asked(loop.call(member.survey_there))
        return {
            name_of(partition): Standing(committed=str(committed), end=str(end), lag=max(0, end - committed))
            for partition, (committed, end) in found.items()
        }

    async def seek(self, partition: str | None, to: str, timestamp: float | None) -> Mapping[str, str]:
        """Commit another offset for the group, which must have no members."""
        try:
            config = await self._looked()
            return await asyncio.to_thread(
                places.send,
                config,
                self._group(),
                self._options.topic,
                partition=partition,
                to=to,
                timestamp=timestamp,
            )
        except Exception as error:
            raise self._translated(error) from error

    async def probe(self) -> Identity:
        """See that the brokers know the topic; no group is joined."""
        try:
            await self._looked()
        except Exception as error:
            raise self._translated(error) from error
        return self._identity()

    def destination(self, name: str) -> Destination:
        """A topic of this cluster for failure records."""
        if not is_topic_name(name):
            raise OptionsError("destination", f"{name!r} cannot be the name of a topic")
        if name == self._options.topic:
            raise OptionsError("destination", f"topic {name} is the mapping's own: what fails would come back for ever")
        place = self._place(topic=name)
        servers = list(self._options.bootstrap_servers)
        return TopicDestination(
            name, place, lambda: {"bootstrap_servers": servers, **client_config(self._options, self._tokens)}
        )

    async def close(self) -> None:
        """Leave the group and disconnect."""
        loop, member = self._loop, self._member
        self._loop = self._member = None
        await self._handovers.cut()
        if loop is not None and member is not None:
            self._known_as = await self._leave(loop, member)
        if loop is not None:
            await loop.close()
        if self._decoder is not None:
            await self._decoder.close()
        self._shelf = Shelf()
        self._reading = None
        self._wanted = {}

    async def _leave(self, loop: ClientLoop, member: Member) -> str:
        leaving = loop.call(member.leave_there)
        await asyncio.wait([leaving], timeout=CLOSE_SECONDS)
        return str(leaving.result()) if leaving.done() and not leaving.exception() else ""

    def _as_member(self, loop: ClientLoop, reader: Reader, security: dict[str, Any]) -> Member:
        return Member(
            loop,
            self._options.topic,
            Begin(reader.start, int((reader.timestamp or 0) * 1000)),
            self._handovers.asked_there(loop, self._let_go),
            self._known_as,
            bootstrap_servers=list(self._options.bootstrap_servers),
            group_id=self._group(),
            group_instance_id=self._options.group_instance_id or None,
            isolation_level=self._options.isolation_level,
            session_timeout_ms=int(self._options.session_timeout_seconds * 1000),
            max_poll_interval_ms=int(self._options.rebalance_timeout_seconds * 1000),
            **security,
        )

    async def _take(self, room: int) -> list[Record]:
        """From the shelf. Schemas come first: what has been taken must not wait, its partition may go."""
        if self._decoder is None:
            return self._shelf.take(room, self._held)
        await self._decoder.learn(self._shelf.peek(room, self._held))
        records = self._shelf.take(room, self._held)
        for record in records:
            self._decoder.decode(record)
        return records

    async def _read(self, room: int, seconds: float) -> bool:
        """Have the client read. False when that brought nothing, as far as one can tell in time."""
        loop, member = self._opened()
        before = len(self._shelf)
        reading = self._reading
        if reading is None or reading.done():
            reading = self._reading = loop.call(lambda: self._read_there(member, room, seconds, self._held))
            await self._await(reading, loop, member)
        else:  # of a fetch that was cancelled: it has been hurried
            await asyncio.wait([reading], timeout=seconds)
            await asyncio.sleep(0)
        await self._tell_moves(member)
        return len(self._shelf) > before

    async def _await(self, reading: asyncio.Future[Any], loop: ClientLoop, member: Member) -> None:
        try:
            await self._asked(asyncio.shield(reading))
        except asyncio.CancelledError:
            loop.do(member.hurry_there)
            raise

    async def _read_there(self, member: Member, room: int, seconds: float, held: Collection[str]) -> None:
        """On the client's loop. What comes is put on the shelf at once: partitions that go are taken off it in the order of events."""
        found = await member.read_there(room, seconds, held)
        if found and self._loop is not None:
            self._loop.tell(self._put, self._loop, found)

    def _put(self, loop: ClientLoop, found: Mapping[TopicPartition, list[Record]]) -> None:
        if loop is self._loop:
            for partition, records in found.items():
                self._shelf.put(name_of(partition), records)

    async def _tell_moves(self, member: Member) -> None:
        while member.moves:
            move = member.moves[0]
            await self._given_reader().checkpoints.move(name_of(move.partition), str(move.offset), move.why)
            member.moves.pop(0)

    async def _commit(self, offsets: Offsets) -> set[TopicPartition]:
        """Commit these, and what others wait to commit meanwhile. Returns those of ours that are another member's."""
        loop, member = self._opened()
        _raise_to(self._wanted, offsets)
        async with self._settling:
            wanted, self._wanted = self._wanted, {}
            _raise_to(wanted, offsets)  # who came before may have taken them along, and failed
            strangers: set[TopicPartition] = await self._asked(loop.call(lambda: member.commit_there(wanted)))
            return strangers & offsets.keys()

    async def _let_go(self, partitions: Collection[str], lost: bool) -> None:
        self._shelf.forget(partitions)
        limit = LOST_SECONDS if lost else self._options.rebalance_timeout_seconds - SLACK_SECONDS
        with contextlib.suppress(TimeoutError):  # what still runs is done again by the next owner
            async with asyncio.timeout(limit):
                await self._given_reader().revoke(partitions)

    def _lost(self, error: Exception) -> None:
        """On the client's loop: no connection is left."""
        loop, member = self._loop, self._member
        if member is not None and loop is not None:
            member.fail_there(error)
            loop.tell(loop.give_up, error)

    async def _asked(self, future: asyncio.Future[Any]) -> Any:
        try:
            return await future
        except Exception as error:
            raise self._translated(error) from error

    def _opened(self) -> tuple[ClientLoop, Member]:
        if self._loop is None or self._member is None:
            raise Unreachable(f"topic {self._options.topic} is not open")
        return self._loop, self._member

    def _given_reader(self) -> Reader:
        if self._reader is None:
            raise RuntimeError("read_as comes before open")
        return self._reader

    def _group(self) -> str:
        return self._options.consumer_group_id or (self._reader.name if self._reader else "")

    async def _looked(self) -> dict[str, Any]:
        """Configuration of a client for which the topic is there. Raises errors of the client."""
        if self._tokens:
            await asyncio.to_thread(self._tokens.token)
        config = {
            "bootstrap_servers": list(self._options.bootstrap_servers),
            **client_config(self._options, self._tokens),
        }
        await look_for(config, self._options.topic)
        return config

    def _identity(self) -> Identity:
        arn = self._options.cluster_arn
        servers = ",".join(self._options.bootstrap_servers)
        return Identity(
            arn=arn,
            region=arn.split(":")[3] if arn else "",
            label=f"cluster {servers}, topic {self._options.topic}, consumer group {self._group()}",
            details={"bootstrapServers": servers},
        )

    def _translated(self, error: Exception) -> SourceError:
        return translate(error, self._place())

    def _place(self, topic: str = "") -> Place:
        options = self._options
        login = f"user {options.username} ({options.sasl_mechanism})" if options.username else options.sasl_mechanism
        return Place(", ".join(options.bootstrap_servers), topic or options.topic, self._group(), login)


def _raise_to(offsets: Offsets, more: Offsets) -> None:
    for partition, offset in more.items():
        offsets[partition] = max(offset, offsets.get(partition, 0))


def _now() -> float:
    return asyncio.get_running_loop().time()
