"""One look at a mapping: all that health and operators go by, at one moment. Reads; decides nothing, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from poller.aio.clock import Clock
from poller.control.running import Running
from poller.observe.courses import Course
from poller.pipeline.breaker import Breaker
from poller.pipeline.mapping import Mapping
from poller.pipeline.stream import StreamMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is seen. Moments are epoch seconds; None: it is not so.

    state: disabled, stopping, running, pausing, paused. not_ours: why another process runs it. source_trouble: what the source said last
    while it does not work. overdue_since: a call that the source has not answered in its time. busy_until: invocations under way must
    have ended by then. slot_since: something waits for a slot, and nothing of the mapping has one. in_hand: records fetched and not
    settled. breaker: closed, open or probing. lag: records that wait in the source; None: not known. held_up: why failure records cannot
    be stored.
    """

    now: float
    state: str = "running"
    function: str = ""
    not_ours: str = ""
    connected: bool = True
    source_trouble: str = ""
    source_failing_since: float | None = None
    retry_at: float | None = None
    overdue_since: float | None = None
    invoking: int = 0
    busy_until: float | None = None
    slot_since: float | None = None
    in_hand: int = 0
    lag: int | None = None
    breaker: str = "closed"
    breaker_cause: str = ""
    breaker_since: float | None = None
    breaker_until: float | None = None
    held_up: str = ""
    held_up_since: float | None = None
    course: Course = field(default_factory=Course)

    @property
    def busy(self) -> bool:
        """Whether an invocation is under way that may still end by itself."""
        return self.busy_until is not None and self.busy_until > self.now


def look(
    running: Running[Mapping | StreamMapping] | None, course: Course, clock: Clock, *, stopping: bool, lag: int | None
) -> Look:
    """At one mapping; None: it is disabled."""
    now = clock.epoch()
    if running is None or stopping:
        return Look(now=now, state="stopping" if running else "disabled", course=course)
    mapping = running.mapping
    if mapping is None or running.trouble:
        return Look(now=now, state=running.state, not_ours=running.trouble, connected=False, course=course)
    offset = now - clock.now()

    def moment(at: float | None) -> float | None:
        return None if at is None else at + offset

    discards = mapping.discards if isinstance(mapping, StreamMapping) else None
    link, invocations = mapping.link, mapping.invocations
    return Look(
        now=now,
        state=running.state,
        function=mapping.plan.function,
        connected=link.identity is not None,
        source_trouble=link.trouble,
        source_failing_since=moment(link.failing_since),
        retry_at=moment(link.resume_at) if link.trouble else None,
        overdue_since=moment(link.overdue_since),
        invoking=len(invocations),
        busy_until=moment(invocations.last),
        slot_since=None if invocations else moment(mapping.slot_waits.first),
        in_hand=mapping.in_hand,
        lag=lag,
        course=course,
        **_breaker(mapping.gate.breaker, offset),
        held_up=discards.trouble if discards else "",
        held_up_since=discards.failing_since if discards else None,
    )


def _breaker(breaker: Breaker | None, offset: float) -> dict[str, Any]:
    if breaker is None or breaker.state == "closed":
        return {}
    until = breaker.until + offset if breaker.state == "open" else None
    return {
        "breaker": breaker.state,
        "breaker_cause": breaker.cause,
        "breaker_since": breaker.opened_at + offset,
        "breaker_until": until,
    }
