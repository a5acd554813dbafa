"""What waits for a collector is bounded, and what is lost is counted; one that does not answer holds up no end."""

from __future__ import annotations

import socket
import time

from poller.observe.events import Fact, SpansDropped
from poller.observe.traces import Span, export
from poller.observe.traces.export import Exporter

SPAN = Span(
    name="receive m", kind="client", trace_id="1" * 32, span_id="2" * 16, parent_id="", start=1, end=2, attributes={}
)


def lost(facts: list[Fact]) -> list[tuple[str, int]]:
    return [(fact.reason, fact.count) for fact in facts if isinstance(fact, SpansDropped)]


async def test_a_collector_that_is_silent_holds_up_the_end_no_longer_than_it_may() -> None:
    facts: list[Fact] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = Exporter(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces", {}, "", facts.append)
        exporter(SPAN)
        began = time.monotonic()
        await exporter.close(0.05)
        assert time.monotonic() - began < export.PATIENCE
    assert lost(facts) == [("refused", 1)]


async def test_more_than_may_wait_is_lost_and_counted() -> None:
    facts: list[Fact] = []
    exporter = Exporter("http://127.0.0.1:9/v1/traces", {}, "", facts.append)
    for _ in range(export.MOST + 3):
        exporter(SPAN)
    await exporter.close(0)
    assert dict(lost(facts)) == {"full": 3, "refused": export.MOST}
