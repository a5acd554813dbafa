"""Checkpoints in memory, for tests of streams whose server does not keep them."""

from __future__ import annotations

from collections.abc import Mapping


class MemoryCheckpoints:
    """One mapping's ``Checkpoints``, for as long as the object lives."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.saves: list[dict[str, str]] = []
        """Each call of ``save``, the oldest first."""
        self.moves: list[tuple[str, str | None, str]] = []
        """Each call of ``move``: partition, position, why."""

    def positions(self) -> Mapping[str, str]:
        """Partition -> position."""
        return dict(self.kept)

    async def save(self, positions: Mapping[str, str]) -> None:
        """Keep them."""
        self.kept.update(positions)
        self.saves.append(dict(positions))

    async def move(self, partition: str, position: str | None, why: str) -> None:
        """Keep it, or forget the partition."""
        self.moves.append((partition, position, why))
        if position is None:
            self.kept.pop(partition, None)
        else:
            self.kept[partition] = position
