"""When each function was invoked last, and when each mapping got on: the newest of such facts, for people who look. Not for metrics."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from poller.observe.events import BatchJudged, Fact, InvocationEnded, RecordsDiscarded, RecordsFiltered

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True)
class Moment(Generic[F]):
    """A fact and when it was told: seconds since 1970."""

    fact: F
    at: float


class Latest:
    """Of each version of a function, and of each mapping. epoch: seconds since 1970."""

    def __init__(self, epoch: Callable[[], float]) -> None:
        self._epoch = epoch
        self._invocations: dict[tuple[str, str], Moment[InvocationEnded]] = {}
        self._batches: dict[str, Moment[BatchJudged]] = {}
        self._progress: dict[str, float] = {}
        self._on: dict[type[Fact], Callable[..., None]] = {
            InvocationEnded: self._ended,
            BatchJudged: self._judged,
            RecordsFiltered: self._done,
            RecordsDiscarded: self._done,
        }

    def emit(self, fact: Fact) -> None:
        """Note what is newest."""
        if on := self._on.get(type(fact)):
            on(fact)

    def invocation(self, function: str, version: str) -> Moment[InvocationEnded] | None:
        """The last one that ended; None before the first, as with all of these."""
        return self._invocations.get((function, version))

    def batch(self, mapping: str) -> Moment[BatchJudged] | None:
        """The last one that its function answered, for good or bad."""
        return self._batches.get(mapping)

    def progress(self, mapping: str) -> float | None:
        """When a record was last done with: delivered, filtered or given up. Seconds since 1970."""
        return self._progress.get(mapping)

    def keep(self, functions: Collection[str], mappings: Collection[str]) -> None:
        """Forget all others."""
        self._invocations = {key: moment for key, moment in self._invocations.items() if key[0] in functions}
        self._batches = {name: moment for name, moment in self._batches.items() if name in mappings}
        self._progress = {name: at for name, at in self._progress.items() if name in mappings}

    def _ended(self, fact: InvocationEnded) -> None:
        self._invocations[fact.function, fact.version] = Moment(fact, self._epoch())

    def _judged(self, fact: BatchJudged) -> None:
        self._batches[fact.mapping] = Moment(fact, self._epoch())
        if fact.delivered:
            self._done(fact)

    def _done(self, fact: BatchJudged | RecordsFiltered | RecordsDiscarded) -> None:
        self._progress[fact.mapping] = self._epoch()
