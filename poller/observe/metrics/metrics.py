"""All metrics of one daemon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from poller.observe.events import Fact
from poller.observe.metrics import (
    asynchronous,
    batches,
    breakers,
    daemon,
    functions,
    http,
    logs,
    polling,
    settling,
    streams,
)
from poller.observe.metrics.page import PLAIN, Page, page
from poller.observe.metrics.plain import About, Made
from poller.observe.metrics.stage import On

STAGES: tuple[Callable[[Made], On], ...] = (
    polling.stage,
    batches.stage,
    streams.stage,
    settling.stage,
    breakers.stage,
    functions.stage,
    logs.stage,
    asynchronous.stage,
    http.stage,
    daemon.stage,
)


class Metrics:
    """Moved by facts, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._made = Made(self._registry)
        self._on: On = {}
        for stage in STAGES:
            moved = stage(self._made)
            if twice := self._on.keys() & moved.keys():
                raise ValueError(f"two stages go by {', '.join(sorted(kind.__name__ for kind in twice))}")
            self._on |= moved

    @property
    def abouts(self) -> Sequence[About]:
        """What each is, but those of every process (``process_``, ``python_``)."""
        return self._made.abouts

    def emit(self, fact: Fact) -> None:
        """Move the metrics that the fact moves."""
        if on := self._on.get(type(fact)):
            on(fact)

    def watch(
        self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]], *, aws: str = ""
    ) -> None:
        """A gauge that is read when the page is: label value -> number. label "": there is none, and the value is ""."""
        self._made.read(name, text, *([label] if label else []), of=read, aws=aws)

    def page(self, accept: str = PLAIN, encoding: str = "") -> Page:
        """The metrics page, as who asks accepts it. accept, encoding: of the headers Accept and Accept-Encoding."""
        return page(self._registry, accept, encoding)
