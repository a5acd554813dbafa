"""All that hears the facts of one daemon: metrics, ages, what was done last, traces, the stores of logs, and its own log."""

from __future__ import annotations

import asyncio

from poller.aio.clock import Clock
from poller.control import assemble, tracing
from poller.dispatch import lineage
from poller.observe.ages import Ages
from poller.observe.courses import Courses
from poller.observe.events import Emit, Fact
from poller.observe.latest import Latest
from poller.observe.metrics import Metrics
from poller.observe.traces import Traces
from poller.settings.model import Settings


class Observers:
    """Of one configuration. log: the daemon's own."""

    def __init__(self, settings: Settings, log: Emit, clock: Clock) -> None:
        self.metrics = Metrics()
        self.ages = Ages()
        self.courses = Courses(clock.epoch)
        self.latest = Latest(clock.epoch)
        self._exporter = exporter = tracing.exporter(settings.tracing, self.emit)
        traces = Traces(settings.tracing.sampling_ratio, exporter) if settings.tracing and exporter else None
        self.onward = traces.onward if traces else None
        """Makes an invocation part of its batch's trace; None: nothing is traced."""
        self.beginning = traces.beginning if traces else lineage.new_trace
        """Makes the trace header of an invocation that no other led to."""
        self.log_store = assemble.log_store(settings, self.emit)
        shipping = assemble.log_shipping(settings, self.emit, clock)
        self._stores = [each for each in (self.log_store, shipping) if each is not None]
        self._told: list[Emit] = [self.metrics.emit, self.ages.emit, self.courses.emit, self.latest.emit]
        if traces is not None:
            self._told.append(traces.emit)
        self._told += [log, *self._stores]

    def emit(self, fact: Fact) -> None:
        """Tell all of them."""
        for told in self._told:
            told(fact)

    def listen(self, told: Emit) -> None:
        """Tell one more, and before the others."""
        self._told.insert(0, told)

    def start(self) -> None:
        """Send from now on what goes elsewhere; a loop runs."""
        if self._exporter is not None:
            self._exporter.start()

    async def close(self, seconds: float) -> None:
        """Write and send what is left. seconds: for what goes to a collector of traces."""
        await asyncio.gather(*(each.close() for each in self._stores))
        if self._exporter is not None:
            await self._exporter.close(seconds)
