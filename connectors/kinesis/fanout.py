"""Shards of a Kinesis stream as a consumer with enhanced fan-out reads them: one subscription each, on which the server pushes.

A subscription lasts five minutes; then the server ends it, and another one goes on behind what the last event said
(ContinuationSequenceNumber). It is read event by event, as they are asked for: meanwhile the connection fills and the server has to wait.
A consumer has one subscription a shard: whoever subscribes takes it from who had it, and not within five seconds of him.

Source: Kinesis API reference, SubscribeToShard, SubscribeToShardEvent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from traceback import walk_tb
from typing import Any

from botocore.eventstream import EventStream
from botocore.parsers import ResponseParserError

from connectors.aws.service import AwsService, said
from connectors.contract import Missing, SourceError, Throttled, Unreachable
from connectors.kinesis.names import ConsumerName
from connectors.kinesis.polling import UNKNOWN_NUMBER, PolledShards
from connectors.kinesis.records import Records
from connectors.shards.lineage import Shard
from connectors.shards.positions import AT_TIMESTAMP, is_sequence_number, middle_of, moment_of
from connectors.shards.reading import ExpiredIteratorError, Page, TrimmedError

SILENCE = 30.0
"""Seconds without an event after which a connection counts as dead. The server sends one every few seconds, empty if need be."""
TAKEOVER_SECONDS = 5.0
"""How long a subscription that has just begun cannot be taken over (Kinesis API, SubscribeToShard)."""
UNKNOWN_VERB = frozenset({"InvalidAction", "UnknownOperationException", "UnknownOperation", "NotImplemented"})
"""What servers answer to a request that they do not know."""
REMEDY = "leave out the consumer, and its shards are polled"


class Subscription:
    """One subscription's events, in order. stream: as the client gives it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._events = aiter(stream)

    async def next(self) -> Mapping[str, Any] | None:
        """Wait for the next event; None when the server has ended the subscription. Raises what the client raises."""
        async for event in self._events:
            found: Mapping[str, Any] = event
            return found
        return None

    async def close(self) -> None:
        """Hang up. Not while ``next`` waits."""
        self._stream.close()
        with contextlib.suppress(
            Exception
        ):  # the connection's end is read at last, and with it the client's generators end
            async for _ in self._events:
                pass


class PushedShards:
    """The subscriptions of one consumer. consumers: asked about the consumer itself. polled: asked which shards there are."""

    def __init__(self, consumer: ConsumerName, consumers: AwsService, polled: PolledShards, records: Records) -> None:
        self._consumer = consumer
        self._service = consumers
        self._polled = polled
        self._records = records
        self._arn = consumer.arn
        self._open: dict[str, Subscription] = {}

    @property
    def name(self) -> str:
        """The consumer's."""
        return self._consumer.name

    async def find(self, stream: str) -> str:
        """Return the consumer's ARN. stream: the stream's. Raises ``Missing`` while it cannot subscribe."""
        name = {"StreamARN": stream, "ConsumerName": self._consumer.name}
        which = {"ConsumerARN": self._consumer.arn} if self._consumer.arn else name
        answer = await self._service.ask("describe_stream_consumer", **which)
        found = self._service.given(answer, "ConsumerDescription", "Kinesis")
        if found.get("ConsumerStatus") in {"CREATING", "DELETING"}:
            doing = "making" if found["ConsumerStatus"] == "CREATING" else "removing"
            raise Missing(f"{self._service.target.server} is still {doing} consumer {self._consumer.name}")
        self._arn = str(self._service.given(found, "ConsumerARN", "Kinesis"))
        return self._arn

    async def listed(self) -> tuple[list[Shard], float]:
        """As for whoever polls."""
        return await self._polled.listed()

    async def iterator(self, shard: str, position: str) -> str:
        """SubscribeToShard: what comes from now on waits in the subscription."""
        await self.leave(shard)
        request = {"ConsumerARN": self._arn, "ShardId": shard, "StartingPosition": _starting(position)}
        try:
            answer = await self._subscribe(request)
        except SourceError as error:
            if "SequenceNumber" in request["StartingPosition"] and said(error) in UNKNOWN_NUMBER:
                raise TrimmedError(str(error)) from error
            raise await self._judged(error, shard) from error
        self._open[shard] = Subscription(self._service.given(answer, "EventStream", "Kinesis"))
        return self._arn

    async def _subscribe(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._service.ask("subscribe_to_shard", **request)
        except BaseException as error:
            for stream in _begun(error):
                await Subscription(stream).close()
            raise

    async def page(self, shard: str, _iterator: str, _limit: int) -> Page:
        """Wait for the next event. A subscription that has ended is an iterator that has run out."""
        subscription = self._open.get(shard)
        if subscription is None:
            raise ExpiredIteratorError(f"there is no subscription of {shard} any more")
        try:
            event = await self._service.within(subscription.next(), SILENCE)
        except SourceError as error:
            await self.leave(shard)
            raise await self._judged(error, shard) from error
        if event is None:
            await self.leave(shard)
            raise ExpiredIteratorError(f"{self._service.target.server} has ended the subscription of {shard}")
        page = self._page(shard, event.get("SubscribeToShardEvent", {}))
        if not page.iterator:
            await self.leave(shard)
        return page

    async def leave(self, shard: str) -> None:
        """Give up the subscription of a shard, if there is one. Not while ``page`` waits for it."""
        if subscription := self._open.pop(shard, None):
            await subscription.close()

    async def close(self) -> None:
        """Give up all of them."""
        for shard in list(self._open):
            await self.leave(shard)

    def _page(self, shard: str, event: Mapping[str, Any]) -> Page:
        """What an event has brought. Children are named with the last one only, which has nothing to be continued at."""
        found = event.get("Records", [])
        behind = str(event.get("ContinuationSequenceNumber") or "")
        last = str(found[-1]["SequenceNumber"]) if found else ""
        over = "Records" in event and (not behind or bool(event.get("ChildShards")))
        return Page(
            records=self._records.of(shard, found),
            cursor=behind if is_sequence_number(behind) else last,
            iterator="" if over else self._arn,
            behind=bool(event.get("MillisBehindLatest")),
        )

    async def _judged(self, error: SourceError, shard: str) -> SourceError:
        """What the engine is told of a subscription that failed."""
        name, server, code = self._consumer.name, self._service.target.server, said(error)
        if code == "ResourceInUseException":
            why = f"somebody else reads {shard} as consumer {name}, it seems, or did so less than five seconds ago"
            return Throttled(f"{error}: {why}", retry_after=TAKEOVER_SECONDS)
        if isinstance(error, Missing):
            return await self._missing(error)
        if code in UNKNOWN_VERB:
            return SourceError(f"{server} offers no enhanced fan-out ({code}): {REMEDY}")
        if isinstance(error.__cause__, ResponseParserError):
            return SourceError(f"{server} does not speak enhanced fan-out as documented ({error.__cause__}): {REMEDY}")
        if isinstance(error, Unreachable) and code:
            return Unreachable(
                f"subscribing to {shard} as consumer {name}: {error}; if it has no enhanced fan-out, {REMEDY}"
            )
        return error

    async def _missing(self, error: Missing) -> SourceError:
        """Tell a consumer that is gone from a shard that is."""
        try:
            await self._service.ask("describe_stream_consumer", ConsumerARN=self._arn)
        except Missing:
            return Unreachable(f"consumer {self._consumer.name} has gone: looking for it anew")
        return error


def _begun(error: BaseException | None) -> Iterator[EventStream]:
    """Answers whose beginning could not be read: the client has forgotten them, and nothing but the frames of its error has not."""
    while error is not None:
        for frame, _ in walk_tb(error.__traceback__):
            if isinstance(stream := frame.f_locals.get("event_stream"), EventStream):
                yield stream
        error = error.__cause__


def _starting(position: str) -> dict[str, Any]:
    """How SubscribeToShard says where to begin."""
    moment = moment_of(position)
    if moment is not None:
        return {"Type": AT_TIMESTAMP, "Timestamp": moment}
    if is_sequence_number(position):
        return {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position}
    number = middle_of(position)
    if number is not None:
        return {"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": number}
    return {"Type": position}
