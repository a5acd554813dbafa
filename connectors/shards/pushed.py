"""Reading shards that are pushed: somebody waits at each of them, and what came is handed out as it comes.

What holds for all walks holds here too: a shard of which something waits to be handed out, or which has no room, is not read. So its
connection fills up and its server has to wait; what waits here is one event a shard.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from connectors.contract import Reader, Record, Unreachable
from connectors.shards.reading import Pace, ShardReading, Shards
from connectors.shards.walk import ShardWalk

AT_ONCE = Pace(idle=0.0, busy=0.0)
"""The server sets the pace."""


class PushedShards(Shards, Protocol):
    """Shards with a connection each: ``iterator`` makes it, ``page`` waits until something comes."""

    async def leave(self, shard: str) -> None:
        """Give up the connection of a shard, if there is one."""
        ...

    async def close(self) -> None:
        """Give up all of them; never raises."""
        ...


class PushedWalk(ShardWalk):
    """One open stream, pushed to one reader."""

    def __init__(self, service: PushedShards, reader: Reader, largest_page: int) -> None:
        super().__init__(service, reader, AT_ONCE, largest_page)
        self._pushed = service
        self._waiting: dict[ShardReading, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Nobody waits any more."""
        await super().close()
        for task in self._waiting.values():
            task.cancel()
        await asyncio.gather(*self._waiting.values(), return_exceptions=True)
        self._waiting.clear()
        await self._pushed.close()

    async def _next(self, room: int) -> list[Record]:
        """See to it that somebody waits at each shard that has room; hand out what came."""
        if self._closed:
            raise Unreachable("the stream was closed")
        if room < 1:
            return []
        self._hear()
        for shard in self._due():
            self._waiting[shard] = task = asyncio.create_task(self._read_one(shard, room), name=f"shard {shard.id}")
            task.add_done_callback(lambda _: self._changed.set())
        await self._save({})  # of shards that have ended
        records = self._take(room)
        if not (records or self._waiting):
            self._complain()
        return records

    def _hear(self) -> None:
        """Raise what somebody who waited has met with."""
        for shard, task in list(self._waiting.items()):
            if task.done():
                del self._waiting[shard]
                task.result()

    def _free(self) -> list[ShardReading]:
        """Nobody waits at them yet."""
        return [shard for shard in super()._free() if shard not in self._waiting]

    async def _forget(self, shard: str) -> None:
        gone = self._reading.get(shard)
        await super()._forget(shard)
        if gone and (task := self._waiting.pop(gone, None)):
            task.cancel()
            await asyncio.wait({task})
        await self._pushed.leave(shard)
