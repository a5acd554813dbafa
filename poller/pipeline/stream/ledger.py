"""What a partition has in hand, and what its source may be told: out-of-order completion over lanes -> the longest finished prefix. Pure.

The source's one position says that everything before it is done, so a record that finished early waits here for those before it (InOrder).
Sources that settle each record by itself have it easier (AnyOrder). Nothing here limits how much waits; room.py does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from connectors.contract import Outcome, Record, Settlement
from poller.pipeline.batch import Item


class Ledger(Protocol):
    """All records of one partition that the source has not been told of, in the order they were fetched."""

    @property
    def first(self) -> Record | None:
        """Where a restart would go on; None when that is behind all that was fetched, or when no single position says it."""
        ...

    def add(self, items: Sequence[Item]) -> None:
        """These were fetched; some may have their outcome already."""
        ...

    def finish(self, items: Iterable[Item], outcome: Outcome) -> None:
        """This has become of them."""
        ...

    @property
    def moved(self) -> bool:
        """Whether there is something to tell the source."""
        ...

    def ready(self) -> list[Settlement]:
        """What the source may be told now; each once, in order."""
        ...

    def told(self, settlements: list[Settlement]) -> None:
        """It was told these, all of what ``ready`` returned once. A restart goes on without them."""
        ...

    def records(self) -> list[Record]:
        """All that the source has not been told of, and would hand out again; in order."""
        ...


class InOrder(Ledger):
    """For sources with one position a partition."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._telling: deque[list[Settlement]] = deque()

    @property
    def first(self) -> Record | None:
        """The oldest."""
        if self._telling:
            return self._telling[0][0].record
        return self._items[0].record if self._items else None

    def add(self, items: Sequence[Item]) -> None:
        """Behind the others."""
        self._items.extend(items)

    def finish(self, items: Iterable[Item], outcome: Outcome) -> None:
        """They stay until all before them are finished."""
        for item in items:
            item.outcome = outcome

    @property
    def moved(self) -> bool:
        """Whether the first is finished."""
        return bool(self._items) and self._items[0].outcome is not None

    def ready(self) -> list[Settlement]:
        """The finished prefix."""
        items, settlements = self._items, []
        while items and (outcome := items[0].outcome) is not None:
            settlements.append(Settlement(items.popleft().record, outcome))
        if settlements:
            self._telling.append(settlements)
        return settlements

    def told(self, settlements: list[Settlement]) -> None:
        """In whatever order tasks hear of it: the source was told in the order they got ready."""
        self._telling.remove(settlements)

    def records(self) -> list[Record]:
        """Those being told, then the others."""
        telling = [settlement.record for settlements in self._telling for settlement in settlements]
        return telling + [item.record for item in self._items]


class AnyOrder(Ledger):
    """For sources that take each record by itself."""

    first = None

    def __init__(self) -> None:
        self._open: dict[Record, None] = {}
        self._ready: list[Settlement] = []

    def add(self, items: Sequence[Item]) -> None:
        """Behind the others."""
        self._open |= dict.fromkeys(item.record for item in items)
        self._ready += [Settlement(item.record, item.outcome) for item in items if item.outcome is not None]

    def finish(self, items: Iterable[Item], outcome: Outcome) -> None:
        """They are ready."""
        self._ready += [Settlement(item.record, outcome) for item in items]

    @property
    def moved(self) -> bool:
        """Whether any is finished."""
        return bool(self._ready)

    def ready(self) -> list[Settlement]:
        """Whatever is finished."""
        settlements, self._ready = self._ready, []
        return settlements

    def told(self, settlements: list[Settlement]) -> None:
        """In any order."""
        for settlement in settlements:
            del self._open[settlement.record]

    def records(self) -> list[Record]:
        """As they came."""
        return list(self._open)
