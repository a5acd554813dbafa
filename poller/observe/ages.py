"""How old what mappings read last was, by partition: a mapping is as old as the oldest of its partitions. Read by people and by metrics."""

from __future__ import annotations

from poller.observe.events import Fact, IteratorAged, PartitionsRevoked, StreamCaughtUp


class Ages:
    """Of each mapping of a stream. A partition counts from its first invocation on until nothing more is to be read of it."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[str, float]] = {}

    def emit(self, fact: Fact) -> None:
        """Note what tells an age."""
        if isinstance(fact, IteratorAged):
            self._seconds.setdefault(fact.mapping, {})[fact.partition] = fact.seconds
        elif isinstance(fact, StreamCaughtUp):
            self._keep(fact.mapping, set(fact.behind))
        elif isinstance(fact, PartitionsRevoked):
            self._keep(fact.mapping, self._seconds.get(fact.mapping, {}).keys() - set(fact.partitions))

    def of(self, mapping: str) -> float | None:
        """Seconds, 0 when all that could be read is done; None before anything was."""
        return self.all().get(mapping)

    def all(self) -> dict[str, float]:
        """By mapping."""
        return {mapping: max(ages.values(), default=0.0) for mapping, ages in self._seconds.items()}

    def _keep(self, mapping: str, partitions: set[str]) -> None:
        known = self._seconds.get(mapping, {})
        self._seconds[mapping] = {partition: age for partition, age in known.items() if partition in partitions}
