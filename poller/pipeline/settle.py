"""Outcomes -> the source: told in groups, tried until the source has answered, finished even when the caller is cancelled.

Settlements that come while the source is being told gather and go together, so that many small batches cost few calls.
Records stay leased until they are settled.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_random_exponential

from connectors.contract import Settlement, Unsettled
from poller.aio.clock import Clock
from poller.aio.tasks import finish
from poller.observe.events import Emit, RecordsSettled, RecordsUnsettledError
from poller.pipeline.lease import LeaseKeeper
from poller.pipeline.link import Link

ATTEMPTS = 5
"""For settlements the source refused one by one but would take later; a source that does not answer is asked for ever."""
AT_ONCE = 4
"""Calls to the source under way at once; what comes meanwhile gathers for the next."""
LAST_SECONDS = 5.0
"""What a cancelled caller still waits for the source."""


@dataclass(slots=True, eq=False)
class _Group:
    """Settlements that are told together. told: done when the source has answered for all of them."""

    told: asyncio.Future[None]
    settlements: list[Settlement] = field(default_factory=list)


class Settler:
    """Tells one mapping's source what has become of its records."""

    def __init__(self, mapping: str, link: Link, leases: LeaseKeeper, clock: Clock, emit: Emit) -> None:
        self._mapping = mapping
        self._link = link
        self._leases = leases
        self._clock = clock
        self._emit = emit
        self._gathering: _Group | None = None
        self._telling: set[asyncio.Task[None]] = set()

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Return when the source has taken each settlement or will never take it. Raises CancelledError only, at the end."""
        if not settlements:
            return
        group = self._gathering = self._gathering or _Group(asyncio.get_running_loop().create_future())
        group.settlements.extend(settlements)
        self._start()
        await finish(_wait(group.told), seconds=LAST_SECONDS, name=f"settle {self._mapping}")

    async def close(self) -> None:
        """Give up what the source has not answered yet; those records come again."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)

    def _start(self) -> None:
        if self._gathering and len(self._telling) < AT_ONCE:
            group, self._gathering = self._gathering, None
            task = asyncio.create_task(self._tell(group), name=f"tell {self._mapping}")
            self._telling.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._telling.discard(task)
        self._start()

    async def _tell(self, group: _Group) -> None:
        try:
            await self._tell_source(group.settlements)
        finally:
            if not group.told.done():
                group.told.set_result(
                    None
                )  # given up: those records come again, which is what the source does by itself

    async def _tell_source(self, settlements: list[Settlement]) -> None:
        self._leases.leave(settlement.record for settlement in settlements)
        refused = await self._until_taken(settlements)
        self._leases.drop(settlement.record for settlement in settlements)
        final = {unsettled.settlement for unsettled in refused}
        taken = Counter(settlement.outcome for settlement in settlements if settlement not in final)
        for outcome, count in taken.items():
            self._emit(RecordsSettled(mapping=self._mapping, outcome=outcome.value, count=count))
        for reason, count in Counter(unsettled.reason for unsettled in refused).items():
            self._emit(RecordsUnsettledError(mapping=self._mapping, count=count, reason=reason, final=True))

    async def _until_taken(self, settlements: list[Settlement]) -> list[Unsettled]:
        """Those that the source will never take."""
        final: list[Unsettled] = []

        async def once() -> list[Unsettled]:
            nonlocal settlements
            refused = await self._link.settle(settlements)
            final.extend(unsettled for unsettled in refused if not unsettled.retry)
            again = [unsettled for unsettled in refused if unsettled.retry]
            settlements = [unsettled.settlement for unsettled in again]
            if again:
                self._emit(
                    RecordsUnsettledError(mapping=self._mapping, count=len(again), reason=again[0].reason, final=False)
                )
            return again

        trying = AsyncRetrying(
            retry=retry_if_result(bool),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=2.0),
            sleep=self._clock.sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else [],
        )
        return final + await trying(once)


async def _wait(future: asyncio.Future[None]) -> None:
    await asyncio.shield(future)
