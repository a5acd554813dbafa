"""How old what mappings read last was, for people; the metrics page has the same numbers for machines."""

from __future__ import annotations

from poller.observe.events import Fact, IteratorAged


class Ages:
    """Of each mapping of a stream, after its last invocation."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def emit(self, fact: Fact) -> None:
        """Note what tells an age."""
        if isinstance(fact, IteratorAged):
            self._seconds[fact.mapping] = fact.seconds

    def of(self, mapping: str) -> float | None:
        """Seconds; None before the first invocation."""
        return self._seconds.get(mapping)
