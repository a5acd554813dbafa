"""Checkpoints of stream mappings over the state file: what the engine and the sources of all mappings tell (writer.py).

Positions and marks outlive the process from the moment the call returns, and are not forced onto the disk: what a power failure takes back
is the newest positions, in order, never a part of one, so records come again and none is lost. A forced write takes milliseconds, thousands
of times a minute, for a copy that is out of date at once. Jumps are forced: nobody repeats an operator's word. What fails is a
``SourceError``, to be told again.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from connectors.contract import SourceError
from poller.control import positions as rows
from poller.control import tenancy
from poller.control.positions import Held, Start, Statement
from poller.control.store import StoreError
from poller.control.tenancy import TakenError
from poller.control.writer import PATIENCE, Writer
from poller.observe.events import Emit, PositionMoved, PositionsSaved

DAEMON = "pollerd"
"""Who moved a position, in the log, when nobody did but the source's own circumstances."""


class StoredCheckpoints:
    """Checkpoints of one mapping; a ``LaneCheckpoints`` of the engine."""

    def __init__(self, mapping: str, held: Held, writer: Writer, emit: Emit) -> None:
        self._mapping = mapping
        self._held = held
        self._writer = writer
        self._emit = emit

    @property
    def start(self) -> Start | None:
        """Where an operator has sent partitions without a position; None: nowhere, so the configuration says."""
        return self._held.start

    def positions(self) -> Mapping[str, str]:
        """Partition -> position."""
        return dict(self._held.positions)

    def marks(self) -> Mapping[str, Mapping[str, str]]:
        """Partition -> lane -> position."""
        return {partition: dict(lanes) for partition, lanes in self._held.marks.items()}

    async def save(self, positions: Mapping[str, str]) -> None:
        """Reading has come so far. Raises SourceError."""
        fixed = dict(positions)

        def then() -> None:
            self._held.positions.update(fixed)
            self._emit(PositionsSaved(mapping=self._mapping, count=len(fixed)))

        await self._write(rows.saved(self._mapping, fixed), then)

    async def mark(self, marks: Mapping[str, Mapping[str, str]]) -> None:
        """The marks of these partitions from now on. Raises SourceError."""
        fixed = {partition: dict(lanes) for partition, lanes in marks.items()}

        def then() -> None:
            for partition, lanes in fixed.items():
                self._held.marks.pop(partition, None)
                if lanes:
                    self._held.marks[partition] = lanes

        await self._write(rows.marked(self._mapping, fixed), then)

    async def move(self, partition: str, position: str | None, why: str) -> None:
        """Go on elsewhere than reading would have. Raises SourceError."""
        statements = rows.moved(self._mapping, [partition], position, who=DAEMON, why=why)
        await self._write(statements, lambda: self._moved(partition, position, DAEMON, why), forced=True)

    async def send(self, partition: str, to: Start | str, *, who: str, why: str) -> None:
        """An operator's jump of one partition, to a start or a position. Raises SourceError.

        Only while nothing reads the mapping: what is being read would be told after it.
        """
        await self._writer.idle()
        position = to.word if isinstance(to, Start) else to
        statements = rows.moved(self._mapping, [partition], position, who=who, why=why, to=str(to))
        await self._write(statements, lambda: self._moved(partition, position, who, why), forced=True)

    async def restart(self, start: Start, *, who: str, why: str) -> None:
        """An operator's jump of all partitions to a start. Raises SourceError. Only while nothing reads the mapping."""
        await self._writer.idle()  # whoever was cut may have told of a partition that is not known yet
        partitions = sorted({*self._held.positions, *self._held.marks}) or [rows.EVERY]

        def then() -> None:
            self._held.start = start
            for partition in partitions:
                self._moved(partition, None, who, why, str(start))

        await self._write(rows.restarted(self._mapping, partitions, start, who=who, why=why), then, forced=True)

    async def note(self, jumps: Mapping[str, str], *, everywhere: bool, who: str, why: str) -> None:
        """An operator's jump in a stream whose server keeps the positions: partition -> where reading goes on. Raises SourceError.

        everywhere: no partition goes on where it was. Marks are forgotten: they would have records passed over that are to come again.
        """
        await self._writer.idle()
        partitions = [name for name in self._held.marks if everywhere or name in jumps]

        def then() -> None:
            for partition in partitions:
                self._held.marks.pop(partition, None)
            for partition, after in jumps.items():
                self._told(partition, "", after, who, why)

        statements = rows.noted(self._mapping, jumps, partitions, who=who, why=why)
        await self._write(statements, then, forced=True)

    async def _write(self, statements: list[Statement], then: Callable[[], None], *, forced: bool = False) -> None:
        with _explained():
            await self._writer.write(partial(rows.write, statements=statements), lambda _: then(), forced=forced)

    def _moved(self, partition: str, position: str | None, who: str, why: str, to: str = "") -> None:
        before = self._held.positions.pop(partition, None)
        self._held.marks.pop(partition, None)
        if position is not None:
            self._held.positions[partition] = position
        self._told(partition, before or "", to or position or "", who, why)

    def _told(self, partition: str, before: str, after: str, who: str, why: str) -> None:
        fact = PositionMoved(mapping=self._mapping, partition=partition, before=before, after=after, who=who, why=why)
        self._emit(fact)


class CheckpointStore:
    """The checkpoints of all stream mappings that one process runs.

    writer: shared with others who write in this process, and closed with this; None: its own.
    """

    def __init__(self, state: Path, emit: Emit, patience: float = PATIENCE, writer: Writer | None = None) -> None:
        self._state = state
        self._emit = emit
        self._writer = writer or Writer(state, patience)

    @contextlib.asynccontextmanager
    async def taken(self, mapping: str) -> AsyncIterator[StoredCheckpoints]:
        """Be the one process that runs the mapping, until the end. Raises SourceError when another is, or the file cannot be read."""
        try:
            tenure = tenancy.take(self._state, mapping)
        except (TakenError, OSError) as error:
            raise SourceError(str(error)) from error
        try:
            with _explained():
                held = await self._writer.read(partial(rows.read, mapping=mapping))
            yield StoredCheckpoints(mapping, held, self._writer, self._emit)
        finally:
            try:
                await self._writer.idle()  # what was told by whoever was cancelled must not come after another's
            finally:
                tenure.leave()

    async def close(self) -> None:
        """Close the file. Idempotent."""
        await self._writer.close()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise SourceError(f"positions cannot be kept: {error}") from error
