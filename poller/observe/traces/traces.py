"""Facts -> spans. What a task tells between BatchCut and BatchEnded is about that batch, so the batch is kept in the task's context.

    receive SOURCE          a fetch that brought records; the root
      process SOURCE        a batch, from its first record until nothing is left to do; links to its records' own traces
        wait                its batching window
        invoke FUNCTION     an attempt, or the invocation of a caller, below whose header it stands then
          init              of the environment that was started for it
        settle SOURCE       the source told
        send TYPE           a failure record to the destination
    send TYPE               a record of an asynchronous event to its destination, below the event's own trace

Names and attributes follow OpenTelemetry's semantic conventions for messaging and FaaS. Where a span has its end in a fact, its beginning
is the fact's duration before; nothing is kept open. Facts cost nothing more where nobody makes spans of them.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from poller.observe import events as e
from poller.observe.events import Fact
from poller.observe.traces.headers import Link, continued, new_span_id, new_trace_id, read

MOST_POLLS = 16
"""Of a mapping, that batches may still come from: several pollers receive at once."""
CLOSE = 0.005
"""Seconds by which a fetch may seem to have ended after the batch began that it brought."""
NANO = 1_000_000_000

Value = str | bool | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that took time. start, end: nanoseconds since 1970.

    kind: consumer, client, producer or internal. error: its type, or "".
    """

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    attributes: Mapping[str, Value]
    links: tuple[Link, ...] = ()
    error: str = ""


@dataclass(slots=True, eq=False)
class _Poll:
    """A fetch that brought records. told: its span was sent."""

    link: Link
    start: int
    end: int
    count: int
    told: bool = False


@dataclass(slots=True, eq=False)
class _Batch:
    """A batch under way."""

    link: Link
    parent: str
    start: int
    count: int
    links: tuple[Link, ...]
    error: str = ""


class Traces:
    """All traces of one daemon. ratio: of those that begin here, that are sampled. send: takes spans; neither waits nor raises."""

    def __init__(self, ratio: float, send: Callable[[Span], None], now: Callable[[], int] = time.time_ns) -> None:
        self._ratio = ratio
        self._send = send
        self._now = now
        self._polls: dict[str, deque[_Poll]] = {}
        self._inits: dict[str, tuple[int, int]] = {}
        self._batch: ContextVar[_Batch | None] = ContextVar("batch", default=None)
        self._on: dict[type[Fact], Callable[..., object]] = {
            e.RecordsPolled: self._polled,
            e.BatchCut: self._cut,
            e.BatchJudged: self._judged,
            e.BatchSettled: self._settled,
            e.BatchEnded: self._ended,
            e.RecordsDiscarded: self._discarded,
            e.EnvironmentStarted: self._started,
            e.EnvironmentStopped: lambda fact: self._inits.pop(fact.environment, None),
            e.InvocationEnded: self._invoked,
            e.RecordDelivered: self._delivered,
        }

    def emit(self, fact: Fact) -> None:
        """Make the spans that the fact ends."""
        if on := self._on.get(type(fact)):
            on(fact)

    def onward(self, came: str) -> str:
        """X-Amzn-Trace-Id as it came, "" for none -> as the function is to see it, this invocation its parent. Never raises."""
        link, batch = read(came), self._batch.get()
        if link is None and batch is not None:
            link = batch.link
        if link is None:
            link = self._fresh()
        sampled = self._draw() if link.sampled is None else link.sampled
        return continued(came, Link(link.trace_id, new_span_id(), sampled))

    def beginning(self, moment: float) -> str:
        """X-Amzn-Trace-Id of a call that came without one. moment: seconds since 1970."""
        trace_id = new_trace_id(moment)
        return f"Root=1-{trace_id[:8]}-{trace_id[8:]};Sampled={int(self._draw())}"

    def _draw(self) -> bool:
        return random.random() < self._ratio  # noqa: S311  # no secret

    def _fresh(self) -> Link:
        return Link(new_trace_id(self._now() / NANO), new_span_id(), self._draw())

    def _polled(self, fact: e.RecordsPolled) -> None:
        if fact.count:
            now = self._now()
            polls = self._polls.setdefault(fact.mapping, deque(maxlen=MOST_POLLS))
            polls.append(_Poll(self._fresh(), now - int(fact.seconds * NANO), now, fact.count))

    def _cut(self, fact: e.BatchCut) -> None:
        now = self._now()
        start = now - int(fact.waited * NANO)
        poll = self._poll(fact.mapping, start)
        above = poll.link if poll else self._fresh()
        links = tuple(link for header in fact.traces if (link := read(header)))
        here = Link(above.trace_id, new_span_id(), above.sampled)
        batch = _Batch(here, above.span_id if poll else "", start, fact.count, links)
        self._batch.set(batch)
        if not here.sampled:
            return
        if poll and not poll.told:
            poll.told = True
            own = _messaging("receive", fact.mapping, poll.count)
            self._tell(f"receive {fact.mapping}", "client", poll.link, "", (poll.start, poll.end), own=own)
        self._tell(
            "wait", "internal", self._below(here), here.span_id, (start, now), own={"pollerd.batch.reason": fact.reason}
        )

    def _poll(self, mapping: str, start: int) -> _Poll | None:
        """The fetch that brought the first record of a batch that began then."""
        polls = self._polls.get(mapping, ())
        before = [poll for poll in polls if poll.end <= start + int(CLOSE * NANO)]
        return before[-1] if before else next(iter(polls), None)

    def _judged(self, fact: e.BatchJudged) -> None:
        if batch := self._batch.get():
            batch.error = "" if fact.verdict == "delivered" else fact.verdict

    def _settled(self, fact: e.BatchSettled) -> None:
        batch = self._batch.get()
        if batch and batch.link.sampled:
            own = _messaging("settle", fact.mapping, fact.count)
            self._tell_below(batch, f"settle {fact.mapping}", "client", fact.seconds, own)

    def _discarded(self, fact: e.RecordsDiscarded) -> None:
        batch = self._batch.get()
        if batch and batch.link.sampled and fact.stored:
            own = {"pollerd.mapping": fact.mapping, "pollerd.condition": fact.condition}
            self._tell_below(batch, "send destination", "producer", fact.seconds, own)

    def _ended(self, fact: e.BatchEnded) -> None:
        batch = self._batch.get()
        self._batch.set(None)
        if batch and batch.link.sampled:
            own = _messaging("process", fact.mapping, batch.count)
            span = (batch.start, self._now())
            name = f"process {fact.mapping}"
            self._tell(name, "consumer", batch.link, batch.parent, span, own=own, links=batch.links, error=batch.error)

    def _started(self, fact: e.EnvironmentStarted) -> None:
        now = self._now()
        self._inits[fact.environment] = (now - int(fact.init_seconds * NANO), now)

    def _invoked(self, fact: e.InvocationEnded) -> None:
        init = self._inits.pop(fact.environment, None)
        here = read(fact.trace_id)
        if here is None or not here.sampled:
            return
        came, batch = read(fact.came), self._batch.get()
        parent = came.span_id if came else batch.link.span_id if batch else ""
        end = self._now()
        own: dict[str, Value] = {
            "faas.invoked_name": fact.function,
            "faas.invoked_provider": "pollerd",
            "faas.invocation_id": fact.request_id,
            "faas.version": fact.version,
            "faas.coldstart": fact.cold,
            "faas.instance": fact.environment,
            "faas.trigger": "pubsub" if batch else "other",
        }
        span = (end - int(fact.seconds * NANO), end)
        error = "" if fact.status == "success" else fact.error_type or fact.status
        self._tell(f"invoke {fact.function}", "client", here, parent, span, own=own, error=error)
        if init and fact.cold:
            self._tell(
                "init", "internal", self._below(here), here.span_id, init, own={"faas.instance": fact.environment}
            )

    def _delivered(self, fact: e.RecordDelivered) -> None:
        above = read(fact.trace_id)
        if above and above.sampled:
            end = self._now()
            span = (end - int(fact.seconds * NANO), end)
            own = {"faas.invoked_name": fact.function, "messaging.system": fact.kind}
            self._tell(f"send {fact.kind}", "producer", self._below(above), above.span_id, span, own=own)

    def _tell_below(self, batch: _Batch, name: str, kind: str, seconds: float, own: Mapping[str, Value]) -> None:
        end = self._now()
        self._tell(name, kind, self._below(batch.link), batch.link.span_id, (end - int(seconds * NANO), end), own=own)

    def _tell(
        self,
        name: str,
        kind: str,
        here: Link,
        parent: str,
        span: tuple[int, int],
        *,
        own: Mapping[str, Value],
        links: tuple[Link, ...] = (),
        error: str = "",
    ) -> None:
        start, end = span
        self._send(
            Span(
                name=name,
                kind=kind,
                trace_id=here.trace_id,
                span_id=here.span_id,
                parent_id=parent,
                start=start,
                end=max(start, end),
                attributes=own,
                links=links,
                error=error,
            )
        )

    def _below(self, link: Link) -> Link:
        return Link(link.trace_id, new_span_id(), link.sampled)


def _messaging(operation: str, mapping: str, count: int) -> dict[str, Value]:
    """Semantic conventions, messaging: attributes of an operation on a batch."""
    return {
        "messaging.system": "pollerd",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": mapping,
        "messaging.batch.message_count": count,
    }
