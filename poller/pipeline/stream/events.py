"""What the function is sent: batches in the shape of the mapping's envelope. Nothing but ``opened`` may come before the source was open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.contract import UNDECODABLE, Identity, Record
from poller.dispatch.invoker import MAX_PAYLOAD
from poller.envelope import Envelope
from poller.envelope.contract import About, window_bytes
from poller.pipeline.batch import Limits
from poller.pipeline.stream.partition import Partition
from poller.pipeline.stream.plan import StreamPlan
from poller.pipeline.stream.retry import Work
from poller.pipeline.stream.tumbling import EVENT_BYTES


class Events:
    """Events of one mapping."""

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._envelope: Envelope
        self._arn = ""

    def opened(self, identity: Identity) -> None:
        """This is where the records come from."""
        self._envelope, self._arn = self._plan.envelope(identity), identity.arn

    @property
    def envelope(self) -> Envelope:
        """Their shape."""
        return self._envelope

    @property
    def limits(self) -> Limits:
        """Of a batch; in a tumbling window there must be room for its state."""
        plan, most = self._plan, self._envelope.max_records
        reserved = EVENT_BYTES if plan.tumbling_window else 0
        size = min(plan.batch_size, most or plan.batch_size)
        return Limits(size, plan.window, MAX_PAYLOAD - reserved, self._envelope.overhead)

    def parts(self, records: Sequence[Record]) -> list[bytes | None]:
        """Each record's share of an event, or None when no filter lets it through. Filters do not judge what could not be decoded."""
        criteria, envelope = self._plan.criteria, self._envelope
        if criteria is None:
            return [*map(envelope.encode, records)]
        return [
            envelope.encode(each) if UNDECODABLE in each.metadata or criteria.admits(envelope.shape(each)) else None
            for each in records
        ]

    def window(self, work: Work, partition: Partition) -> dict[str, Any] | None:
        """What the event says of its tumbling window; None without one."""
        window = partition.window
        return window.about(partition.name, self._arn, final=work.final) if window else None

    def event(self, work: Work, partition: Partition) -> bytes:
        """The event."""
        about = About(partition.name, self.window(work, partition))
        return self._envelope.assemble([item.part for item in work.items], about)

    def too_big(self, work: Work, partition: Partition) -> bool:
        """Whether it is past the limit and cannot be made smaller: batches of several records are cut to fit."""
        if len(work.items) > 1:
            return False
        size = self._envelope.overhead + sum(len(item.part) for item in work.items)
        return size + window_bytes(self.window(work, partition)) > MAX_PAYLOAD
