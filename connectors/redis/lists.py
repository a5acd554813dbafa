"""``type: redis-list``: a Redis list as a reliable queue.

Producers push bodies, with LPUSH as a rule; nothing is asked of them. A record that is handed out is leased: it comes again when its
lease ends, goes to a dead-letter list when received too often, and is told apart from one of the same body. All of that is in custody.py;
kill -9 strands nothing.

``Record``: id = number of the record in custody; body = text, or bytes where it is no UTF-8; receive_count. metadata: a message as SQS's
ReceiveMessage returns it (MessageId, ReceiptHandle, Body, Attributes), so that the sqs and sns envelopes fit; no MD5 of a body that is
bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.contract import (
    Capabilities,
    Identity,
    Missing,
    OptionsError,
    Outcome,
    Record,
    Settlement,
    SourceError,
    Unsettled,
)
from connectors.redis.custody import Custody, Handle, Held
from connectors.redis.options import RedisOptions, resolve
from connectors.redis.server import Server

MAX_FETCH = 1000
"""Of one script, while which the server does nothing else: some milliseconds."""
LONGEST_WAIT = 5.0
"""Seconds between looks for records that came back: unlike new ones they wake nobody."""
GONE = frozenset({Outcome.DELIVERED, Outcome.FILTERED, Outcome.REJECTED})


@dataclass(frozen=True, kw_only=True)
class RedisListOptions(RedisOptions):
    """One list, and how it is read."""

    list: str = field(metadata={"example": "orders"})
    """Key of the list. On a cluster its name, or what stands in braces in it, decides on the node."""
    pop: Literal["right", "left"] = "right"
    """End that records are taken from. right: producers use LPUSH, as Celery, Sidekiq and the examples of Redis do; left: they use
    RPUSH."""
    lease_seconds: float = field(default=60, metadata={"minimum": 0.1})
    """Seconds until a record that was received and not settled comes again. Kept up while a handler runs; failed records wait for its
    end."""
    maximum_receives: int = field(default=0, metadata={"minimum": 0})
    """A record received so often moves to dead_letter_list instead of being received again. 0: never."""
    dead_letter_list: str = ""
    """Key of the list for records received too often."""


class RedisListSource:
    """A consumer of one list."""

    Options = RedisListOptions

    def __init__(self, options: RedisListOptions) -> None:
        target = resolve(options)
        if bool(options.maximum_receives) != bool(options.dead_letter_list):
            raise OptionsError("dead_letter_list", "dead_letter_list and maximum_receives go together")
        if options.dead_letter_list == options.list:
            raise OptionsError("dead_letter_list", "is the list itself: dead records would be received again")
        self._options = options
        self._server = Server(target, options.list, f"list {options.list}")
        self._custody = Custody(
            self._server,
            options.list,
            dead_letter=options.dead_letter_list,
            right=options.pop == "right",
            cluster=options.cluster,
        )
        self._gave_back = False

    @property
    def capabilities(self) -> Capabilities:
        """Those of a queue whose fetches bring hundreds at once."""
        return Capabilities(envelope="redis-list", parallel_fetches=4, max_fetch=MAX_FETCH)

    async def open(self) -> Identity:
        """Connect. A list that is empty does not exist: whether it ever will nobody can tell."""
        await self.close()
        await self._server.connect()
        try:
            kind = await self._server.ask("TYPE", self._options.list)
        except BaseException:
            await self.close()
            raise
        if kind not in {b"list", b"none"}:
            await self.close()
            raise Missing(f"{self._server.name} has no list {self._options.list}: the key holds a {kind.decode()}")
        return Identity(
            arn=f"arn:pollerd:redis:::list/{self._options.list}",
            region="",
            label=f"list {self._options.list}, {self._server.name}",
            lease_seconds=self._options.lease_seconds,
        )

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """Look; when there is nothing, wait for an element or the end of a lease, and look again."""
        limit = min(room, MAX_FETCH)
        records, soonest = await self._take(limit)
        if records or wait_seconds <= 0 or limit < 1:
            return records
        await self._custody.wait(min(wait_seconds, LONGEST_WAIT, *[] if soonest is None else [soonest]))
        return (await self._take(limit))[0]

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """Remove what is done with, give back what was never started, leave failed ones to the end of their lease."""
        freed = [s.record.handle for s in settlements if s.outcome is Outcome.RELEASED]
        lost = await self._custody.remove([s.record.handle for s in settlements if s.outcome in GONE])
        lost |= await self._custody.give_back(freed)
        self._gave_back = self._gave_back or bool(freed)
        reason = "the lease has run out, and somebody else was handed the record"
        return [Unsettled(each, reason, retry=False) for each in settlements if each.record.id in lost]

    async def extend(self, records: Sequence[Record], seconds: float) -> list[Record]:
        """Move the end of the leases."""
        lost = await self._custody.extend([record.handle for record in records], seconds)
        return [record for record in records if record.id in lost]

    async def backlog(self) -> int:
        """In the list, and come back to it."""
        return await self._custody.backlog()

    async def close(self) -> None:
        """Put what was given back untried into the list itself, where everybody sees it, and disconnect."""
        if self._gave_back:
            self._gave_back = False
            with suppress(SourceError):  # it stays in custody, from where any pollerd takes it
                await self._custody.restore()
        await self._server.close()

    async def _take(self, limit: int) -> tuple[list[Record], float | None]:
        options = self._options
        held, soonest = await self._custody.take(max(0, limit), options.lease_seconds, options.maximum_receives)
        return [_record(each) for each in held], soonest


def _record(held: Held) -> Record:
    try:
        body: str | bytes = held.body.decode()
    except UnicodeDecodeError:
        body = held.body
    handle = Handle(held.id, held.token)
    message: dict[str, Any] = {
        "MessageId": held.id,
        "ReceiptHandle": f"{held.id}:{held.token}",
        "MD5OfBody": hashlib.md5(held.body, usedforsecurity=False).hexdigest(),
        "Body": body,
        "Attributes": {
            "ApproximateReceiveCount": str(held.receives),
            "ApproximateFirstReceiveTimestamp": str(held.first),
        },
    }
    return Record(id=held.id, body=body, metadata=message, handle=handle, receive_count=held.receives)
