"""The metrics page: Prometheus's text format, or OpenMetrics for who asks for it, which has exemplars and when counters began."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest, gzip_accepted
from prometheus_client.registry import Collector

PLAIN = "text/plain"
LEVEL = 1
"""Of gzip: a tenth of the size for a third of the time of level 6 (measured on a page of 300 kB)."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page. headers: of the answer."""

    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """Of a page that is not compressed."""
        return self.body.decode()


class _WithoutBeginnings(Collector):
    """The text format has no room for when counters began but in metrics of their own, which would double the page."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """Called for each page."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


def page(registry: CollectorRegistry, accept: str, encoding: str) -> Page:
    """As who asks accepts it; gzip where it is accepted."""
    encode, kind = choose_encoder(accept)
    if kind.startswith(PLAIN):
        body, kind = generate_latest(_WithoutBeginnings(registry)), CONTENT_TYPE_PLAIN_0_0_4
    else:
        body = encode(registry)
    headers = {"Content-Type": kind, "Vary": "Accept, Accept-Encoding"}
    if gzip_accepted(encoding):
        return Page(gzip.compress(body, LEVEL), headers | {"Content-Encoding": "gzip"})
    return Page(body, headers)
