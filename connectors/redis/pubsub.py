"""``type: redis-pubsub``: channels and patterns of a Redis server, at most once.

The server keeps nothing: what is published while we are not connected, or not as fast as it comes, is gone, and so is what a function
failed on. Every node that subscribes gets every message. What cannot be kept for want of room is counted, and told as a failure of the
source.

``Record``: id = our own; body = text, or bytes where it is no UTF-8; arrived = when we got it. metadata: a message as SQS's
ReceiveMessage returns it, so that the sqs and sns envelopes fit, and ``Channel`` and ``Pattern`` (None unless it came by a pattern).
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Capabilities, Identity, OptionsError, Record, Settlement, SourceError, Unsettled
from connectors.redis.options import RedisOptions, resolve
from connectors.redis.server import ANSWER_SECONDS, Server

MAX_FETCH = 1000
OVERHEAD = 1024
"""Bytes that a message takes in memory beside its payload, about."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class RedisPubsubOptions(RedisOptions):
    """Some channels, and how much of them may wait."""

    channels: tuple[str, ...] = ()
    """Channels by name (SUBSCRIBE). On a cluster any node gets what is published at any other; sharded channels are not read."""
    patterns: tuple[str, ...] = ()
    """Channels by pattern (PSUBSCRIBE), as in news.*; a message that fits two of them comes twice."""
    buffer_mb: float = field(default=16, metadata={"minimum": 0.1})
    """Messages kept while the function is busy, in millions of bytes. Beyond it the oldest are dropped, counted and told."""


class RedisPubsubSource:
    """One subscriber."""

    Options = RedisPubsubOptions

    def __init__(self, options: RedisPubsubOptions) -> None:
        target = resolve(options)
        named = (*options.channels, *options.patterns)
        if not named:
            raise OptionsError("channels", "name a channel, or a pattern under patterns")
        self._options = options
        self._what = ", ".join(named)
        self._server = Server(target, named[0], f"channel {self._what}")
        self._waiting: deque[Record] = deque()
        self._bytes = 0
        self._dropped = 0
        self._news = asyncio.Event()
        self._connection: Any = None
        self._listening: asyncio.Task[None] | None = None
        self._failure: SourceError | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Nothing can be given back, so a batch has no items to report."""
        return Capabilities(envelope="redis-pubsub", max_fetch=MAX_FETCH, item_failures=False, redelivers=False)

    async def open(self) -> Identity:
        """Connect and subscribe: what is published from when this returns comes."""
        await self.close()
        await self._server.connect()
        try:
            self._connection = await self._server.connection()
            await self._subscribe()
        except BaseException:
            await self.close()
            raise
        self._listening = asyncio.create_task(self._listen(), name=f"redis-pubsub {self._what}")
        return Identity(
            arn=f"arn:pollerd:redis:::pubsub/{self._what}",
            region="",
            label=f"channel {self._what}, at most once, {self._server.name}",
        )

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """What has come. Raises ``SourceError`` once for messages that were dropped; those that were kept come next."""
        limit = min(room, MAX_FETCH)
        if limit > 0 and not self._waiting and not self._dropped and self._failure is None and wait_seconds > 0:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._news.wait()
        self._complain()
        records = [self._waiting.popleft() for _ in range(min(max(0, limit), len(self._waiting)))]
        self._bytes -= sum(map(_size, records))
        return records

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:  # noqa: ARG002  # whatever has become of them
        """The server has forgotten them long ago."""
        if self._listening is None:
            raise self._server.translated(ConnectionResetError())
        return []

    async def backlog(self) -> int:
        """Messages that wait here."""
        return len(self._waiting)

    async def close(self) -> None:
        """Unsubscribe by disconnecting. What waits here is still there when this is opened again."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.wait([listening])
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.disconnect(nowait=True)
        await self._server.close()
        self._failure = None
        self._news.set()

    def _complain(self) -> None:
        if self._listening is None:
            raise self._server.translated(ConnectionResetError())
        if self._failure is not None:
            raise self._failure
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            raise SourceError(
                f"{dropped} messages of channel {self._what} were dropped: "
                f"more than buffer_mb ({self._options.buffer_mb:g}) waited for the function",
                retry_after=0.0,
            )

    async def _subscribe(self) -> None:
        """Each channel and pattern is confirmed, or refused."""
        connection = self._connection
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                for command, names in (("SUBSCRIBE", self._options.channels), ("PSUBSCRIBE", self._options.patterns)):
                    if names:
                        await connection.send_command(command, *names)
                confirmed = 0
                while confirmed < len(self._options.channels) + len(self._options.patterns):
                    confirmed += not self._keep(await connection.read_response())
        except Exception as error:
            raise self._server.translated(error) from error

    async def _listen(self) -> None:
        """Keep what comes until the connection breaks."""
        try:
            while True:
                self._keep(await self._connection.read_response(timeout=math.inf))
        except Exception as error:  # noqa: BLE001  # the next fetch raises it
            self._failure = self._server.translated(error)
            self._failure.__cause__ = error
            self._news.set()

    def _keep(self, answer: Sequence[Any]) -> bool:
        """Whether the answer is a message."""
        kind, *names, payload = answer
        if kind not in {b"message", b"pmessage"}:
            return False
        record = _record(names[-1], names[0] if kind == b"pmessage" else None, payload)
        self._waiting.append(record)
        self._bytes += _size(record)
        while self._bytes > self._options.buffer_mb * MEGABYTE:
            self._bytes -= _size(self._waiting.popleft())
            self._dropped += 1
        self._news.set()
        return True


def _record(channel: bytes, pattern: bytes | None, payload: bytes) -> Record:
    try:
        body: str | bytes = payload.decode()
    except UnicodeDecodeError:
        body = payload
    now = time.time()
    id_ = str(uuid.uuid4())
    message = {
        "MessageId": id_,
        "ReceiptHandle": id_,
        "MD5OfBody": hashlib.md5(payload, usedforsecurity=False).hexdigest(),
        "Body": body,
        "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(now * 1000))},
        "Channel": channel.decode(errors="backslashreplace"),
        "Pattern": None if pattern is None else pattern.decode(errors="backslashreplace"),
    }
    return Record(id=id_, body=body, metadata=message, arrived=now)


def _size(record: Record) -> int:
    return len(record.body) + OVERHEAD
