"""Leases kept while work runs: fetched records stay ours while they wait, run and are settled, however long that takes.

Runs as a task of its own, apart from delivery: a slow handler, a full batch or a failing settle never lets a lease run out. A lease
is renewed when a third of it is gone, so two renewals may fail before it is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from connectors.contract import Record
from poller.aio.clock import Clock
from poller.observe.events import Emit, LeaseLostError
from poller.pipeline.link import Link

SHARE = 1 / 3
RECOMMENDED = 6
"""Function timeouts in a visibility timeout (Lambda DG, Configuring an Amazon SQS queue to use with Lambda)."""


def shortfall(lease_seconds: float | None, *, timeout: float, window: float) -> str:
    """What is wrong with a lease for batches that may take timeout + window seconds: a sentence for the operator, "" when nothing is.

    None: the source keeps what it handed out until we disconnect. AWS refuses a mapping whose visibility timeout is below the function
    timeout (CreateEventSourceMapping); here it works, since leases are extended, as long as the source answers in time.
    """
    if lease_seconds is None or lease_seconds >= timeout + window:
        return ""
    advice = f"AWS recommends {RECOMMENDED} x function timeout + window, {RECOMMENDED * timeout + window:g} s here"
    if not lease_seconds:
        return f"the lease (visibility timeout) is 0 s: a record can be handed out again at once, while it is being handled; {advice}"
    return (
        f"the lease (visibility timeout) of {lease_seconds:g} s is shorter than the {timeout + window:g} s that a batch may take "
        f"(function timeout {timeout:g} s + batching window {window:g} s); "
        f"records that cannot be extended meanwhile are handled twice; {advice}"
    )


class LeaseKeeper:
    """All records in hand of one mapping."""

    def __init__(self, mapping: str, link: Link, clock: Clock, emit: Emit) -> None:
        self._mapping = mapping
        self._link = link
        self._clock = clock
        self._emit = emit
        self._renewed: dict[Record, float] = {}  # when the lease was last known to begin
        self._leaving: set[Record] = set()  # the source is being told about these
        self._some = asyncio.Event()  # set while anything is held, so that an idle mapping never wakes

    def __len__(self) -> int:
        return len(self._renewed)

    def hold(self, records: Iterable[Record]) -> None:
        """These have just been fetched: keep them."""
        self._renewed |= dict.fromkeys(records, self._clock.now())
        if self._renewed:
            self._some.set()

    def leave(self, records: Iterable[Record]) -> None:
        """The source is about to be told what has become of these. They are kept until it has answered.

        That it knows nothing of one any more is no loss from now on: it may have deleted it already, and its answer will tell.
        """
        self._leaving.update(records)

    def drop(self, records: Iterable[Record]) -> None:
        """These are settled, or given up."""
        for record in records:
            self._renewed.pop(record, None)
            self._leaving.discard(record)
        if not self._renewed:
            self._some.clear()

    async def run(self, lease_seconds: float | None) -> None:
        """Renew until cancelled. lease_seconds: the source's own; None or 0: it has none, nothing to do."""
        if not lease_seconds:
            return
        while True:
            await self._some.wait()
            await self._clock.sleep(lease_seconds * SHARE / 4)
            due = self.due(self._clock.now(), lease_seconds)
            if due:
                await self._renew(due, lease_seconds)

    def due(self, now: float, lease_seconds: float) -> list[Record]:
        """Records of whose lease a third is gone, or soon will be: those that the next waking would find too late."""
        limit = now - lease_seconds * SHARE * 0.75
        return [record for record, since in self._renewed.items() if since <= limit]

    async def _renew(self, due: list[Record], lease_seconds: float) -> None:
        asked = self._clock.now()
        lost = await self._link.extend(due, lease_seconds)
        if lost is None:
            return  # the source failed, and said so; what is left of the lease is for trying again
        self._renewed |= {record: asked for record in due if record in self._renewed}
        lost = [record for record in lost if record in self._renewed and record not in self._leaving]
        if lost:
            self.drop(lost)
            self._emit(LeaseLostError(mapping=self._mapping, count=len(lost)))
