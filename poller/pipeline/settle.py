"""Outcomes -> the source: told in groups, tried until the source has answered, finished even when the caller is cancelled.

Settlements that come while the source is being told gather and go together, so that many small batches cost few calls.
Leased records stay so until they are settled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_random_exponential

from connectors.contract import Outcome, Settlement, Unsettled
from poller.aio.clock import Clock
from poller.aio.grouping import Grouped
from poller.observe.events import Emit, RecordsSettled, RecordsUnsettledError
from poller.pipeline.lease import LeaseKeeper
from poller.pipeline.link import Link

ATTEMPTS = 5
"""For settlements the source refused one by one but would take later; a source that does not answer is asked for ever."""
AT_ONCE = 4
"""Calls to the source under way at once; what comes meanwhile gathers for the next."""
LAST_SECONDS = 5.0
"""What a cancelled caller still waits for the source."""


class Settler:
    """Tells one mapping's source what has become of its records. leases: None where records have none.

    at_once: calls under way at the same time; with 1 the source is told in the order of ``settle``.
    """

    def __init__(
        self, mapping: str, link: Link, leases: LeaseKeeper | None, clock: Clock, emit: Emit, *, at_once: int = AT_ONCE
    ) -> None:
        self._mapping = mapping
        self._link = link
        self._leases = leases
        self._clock = clock
        self._emit = emit
        self._telling = Grouped(self._tell, at_once=at_once, name=f"tell {mapping}")

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Return when the source has taken each settlement or will never take it. Raises CancelledError only, at the end."""
        if settlements:
            await self._telling.add(settlements, last_seconds=LAST_SECONDS)

    async def close(self) -> None:
        """Give up what the source has not answered yet; those records come again."""
        await self._telling.close()

    async def _tell(self, settlements: list[Settlement]) -> None:
        if self._leases is None:
            refused = await self._until_taken(settlements)
        else:
            self._leases.leave(settlement.record for settlement in settlements)
            refused = await self._until_taken(settlements)
            self._leases.drop(settlement.record for settlement in settlements)
        told = [settlement.outcome for settlement in settlements]
        final = [unsettled.settlement.outcome for unsettled in refused]
        for outcome in Outcome:
            if count := told.count(outcome) - final.count(outcome):
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

        asked = [await once()]
        if not asked[0]:
            return final

        async def told_first() -> list[Unsettled]:
            return asked.pop() if asked else await once()

        trying = AsyncRetrying(
            retry=retry_if_result(bool),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=2.0),
            sleep=self._clock.sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else [],
        )
        return final + await trying(told_first)
