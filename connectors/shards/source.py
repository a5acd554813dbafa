"""What sources made of shards have in common: who reads, and the verbs that the walk over the shards answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from connectors.aws.service import AwsService
from connectors.contract import Identity, Reader, Record, Settlement, Unreachable, Unsettled
from connectors.shards.reading import Pace, Shards
from connectors.shards.walk import ShardWalk


class ShardSource(ABC):
    """A stream of AWS. services: of the clients it needs, the one with the shards first."""

    def __init__(self, services: Sequence[AwsService], pace: Pace, largest_page: int) -> None:
        self._services = services
        self._pace = pace
        self._largest_page = largest_page
        self._reader: Reader | None = None
        self._held: Collection[str] = ()
        self._walk: ShardWalk | None = None

    def read_as(self, reader: Reader) -> None:
        """Remember who reads; its checkpoints are the only ones there are."""
        self._reader = reader

    def hold(self, partitions: Collection[str]) -> None:
        """Leave these shards alone."""
        self._held = partitions
        if self._walk is not None:
            self._walk.hold(partitions)

    async def open(self) -> Identity:
        """Find the stream, and where its shards are to be read from."""
        await self.close()
        try:
            for service in self._services:
                await service.open()
            async with self._services[0].opening():
                identity, found = await self._look_up()
                await self._begin(found)
        except BaseException:
            await self.close()
            raise
        return identity

    async def probe(self) -> Identity:
        """Find the stream; no place in it is looked for, and none is kept."""
        try:
            for service in self._services:
                await service.open()
            async with self._services[0].opening():
                identity, _ = await self._look_up()
        finally:
            await self.close()
        return identity

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """Records of all shards that may be read."""
        return await self._walking().fetch(room, wait_seconds)

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """Save how far each shard is done. No request to the server."""
        await self._walking().settle(settlements)
        return []

    async def close(self) -> None:
        """Give up this source's share of the clients."""
        walk, self._walk = self._walk, None
        if walk is not None:
            await walk.close()
        for service in self._services:
            await service.close()

    @abstractmethod
    async def _look_up(self) -> tuple[Identity, Shards]:
        """Find the stream: where it is, and how its shards are asked for. Raises ``SourceError``."""

    async def _begin(self, found: Shards) -> None:
        if self._reader is None:
            raise RuntimeError("read_as comes before open")
        self._walk = walk = self._walk_over(found, self._reader)
        walk.hold(self._held)
        await walk.begin()

    def _walk_over(self, found: Shards, reader: Reader) -> ShardWalk:
        """Of shards that are asked."""
        return ShardWalk(found, reader, self._pace, self._largest_page)

    def _walking(self) -> ShardWalk:
        if self._walk is None:
            raise Unreachable("the stream is not open")
        return self._walk
