"""What stands in for a server: fetches wait for it to change, and it can be cut off."""

from __future__ import annotations

import asyncio


class MemoryServer:
    """What all sources of one name share."""

    def __init__(self) -> None:
        self.reachable = True
        self._watchers: set[asyncio.Future[None]] = set()

    def cut(self) -> None:
        """Begin an outage: every verb of every source fails. Records can still be sent and counted."""
        self.reachable = False
        self.wake()

    def mend(self) -> None:
        """End the outage."""
        self.reachable = True

    def wake(self) -> None:
        """Let every fetch that waits look again."""
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def changed(self, until: float) -> bool:
        """Wait until something changes, or until a loop time; whether something did."""
        watcher = asyncio.get_running_loop().create_future()
        self._watchers.add(watcher)
        try:
            async with asyncio.timeout_at(until):
                await watcher
        except TimeoutError:
            return False
        finally:
            self._watchers.discard(watcher)
        return True
