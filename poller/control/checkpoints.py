"""Checkpoints of stream mappings over the state file: what the engine and the sources of all mappings tell, written by one thread.

What holds here:

1. What is told while the thread writes gathers, and goes together in the next transaction. Whoever told it waits for that transaction, so
   the more there is to write, the fewer transactions it takes, and the event loop waits for none of them.
2. Positions and marks outlive the process from the moment the call returns: they are the kernel's then. They are not forced onto the disk
   (synchronous = NORMAL): what a power failure takes back is the newest positions, in order, never a part of one, so records come again and
   none is lost. A forced write takes milliseconds, thousands of times a minute, for a copy that is out of date at once. Jumps are forced:
   nobody repeats an operator's word.
3. A transaction that fails has changed nothing, here or in the file. It is a ``SourceError``, to be told again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from connectors.contract import SourceError
from poller.control import positions as rows
from poller.control import store, tenancy
from poller.control.positions import Held, Start, Statement
from poller.control.store import StoreError
from poller.control.tenancy import TakenError
from poller.observe.events import Emit, PositionMoved, PositionsSaved

PATIENCE = 5.0
"""Seconds to wait for another process that writes; then the engine waits and tells it again."""
DAEMON = "pollerd"
"""Who moved a position, in the log, when nobody did but the source's own circumstances."""


@dataclass(slots=True, eq=False)
class _Group:
    """What is written together. done: None, or the SourceError of all. then: what is true once it is written. forced: onto the disk."""

    done: asyncio.Future[None]
    statements: list[Statement] = field(default_factory=list)
    then: list[Callable[[], None]] = field(default_factory=list)
    forced: bool = False


class Writer:
    """The thread, its connection, and the line in front of it. Opens the file when first used and anew after a failure."""

    def __init__(self, state: Path, patience: float = PATIENCE) -> None:
        self._state = state
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="positions")
        self._connection: sqlite3.Connection | None = None
        self._gathering: _Group | None = None
        self._writing: asyncio.Task[None] | None = None

    async def read(self, mapping: str) -> Held:
        """What is known of a mapping. Raises SourceError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, mapping)

    async def write(self, statements: list[Statement], then: Callable[[], None], *, forced: bool = False) -> None:
        """Return when it is written and ``then`` was called, whatever becomes of the caller. Raises SourceError."""
        if self._gathering is None:
            done = asyncio.get_running_loop().create_future()
            done.add_done_callback(asyncio.Future.exception)  # looked at, though all who waited may be gone
            self._gathering = _Group(done)
        group = self._gathering
        group.statements += statements
        group.then.append(then)
        group.forced |= forced
        self._start()
        await asyncio.shield(group.done)

    async def idle(self) -> None:
        """Return once all is written that was told."""
        while self._writing is not None:
            await asyncio.wait({self._writing})

    async def close(self) -> None:
        """Write what was told, and close the file. Idempotent."""
        await self.idle()
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _start(self) -> None:
        if self._gathering is not None and self._writing is None:
            group, self._gathering = self._gathering, None
            self._writing = asyncio.create_task(self._commit(group), name="positions")
            self._writing.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._writing = None
        self._start()

    async def _commit(self, group: _Group) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, group.statements, group.forced)
        except Exception as error:  # noqa: BLE001  # SourceError, or a defect of ours: for whoever waits
            group.done.set_exception(error)
            return
        for step in group.then:
            step()
        group.done.set_result(None)

    def _read(self, mapping: str) -> Held:
        with self._connected() as connection:
            return rows.read(connection, mapping)

    def _write(self, statements: list[Statement], forced: bool) -> None:
        with self._connected() as connection:
            connection.execute(f"PRAGMA synchronous = {'FULL' if forced else 'NORMAL'}")
            rows.write(connection, statements)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with store.explained(self._state):
                self._connection = self._connection or store.connect(self._state, self._patience)
                yield self._connection
        except StoreError as error:
            self._disconnect()
            raise SourceError(f"positions cannot be kept: {error}") from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


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

        await self._writer.write(rows.saved(self._mapping, fixed), then)

    async def mark(self, marks: Mapping[str, Mapping[str, str]]) -> None:
        """The marks of these partitions from now on. Raises SourceError."""
        fixed = {partition: dict(lanes) for partition, lanes in marks.items()}

        def then() -> None:
            for partition, lanes in fixed.items():
                self._held.marks.pop(partition, None)
                if lanes:
                    self._held.marks[partition] = lanes

        await self._writer.write(rows.marked(self._mapping, fixed), then)

    async def move(self, partition: str, position: str | None, why: str) -> None:
        """Go on elsewhere than reading would have. Raises SourceError."""
        statements = rows.moved(self._mapping, [partition], position, who=DAEMON, why=why)
        await self._writer.write(statements, lambda: self._moved(partition, position, DAEMON, why), forced=True)

    async def send(self, partition: str, to: Start | str, *, who: str, why: str) -> None:
        """An operator's jump of one partition, to a start or a position. Raises SourceError.

        Only while nothing reads the mapping: what is being read would be told after it.
        """
        await self._writer.idle()
        position = to.word if isinstance(to, Start) else to
        statements = rows.moved(self._mapping, [partition], position, who=who, why=why, to=str(to))
        await self._writer.write(statements, lambda: self._moved(partition, position, who, why), forced=True)

    async def restart(self, start: Start, *, who: str, why: str) -> None:
        """An operator's jump of all partitions to a start. Raises SourceError. Only while nothing reads the mapping."""
        await self._writer.idle()  # whoever was cut may have told of a partition that is not known yet
        partitions = sorted({*self._held.positions, *self._held.marks}) or [rows.EVERY]

        def then() -> None:
            self._held.start = start
            for partition in partitions:
                self._moved(partition, None, who, why, str(start))

        await self._writer.write(rows.restarted(self._mapping, partitions, start, who=who, why=why), then, forced=True)

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
        await self._writer.write(statements, then, forced=True)

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
    """The checkpoints of all stream mappings that one process runs."""

    def __init__(self, state: Path, emit: Emit, patience: float = PATIENCE) -> None:
        self._state = state
        self._emit = emit
        self._writer = Writer(state, patience)

    @contextlib.asynccontextmanager
    async def taken(self, mapping: str) -> AsyncIterator[StoredCheckpoints]:
        """Be the one process that runs the mapping, until the end. Raises SourceError when another is, or the file cannot be read."""
        try:
            tenure = tenancy.take(self._state, mapping)
        except (TakenError, OSError) as error:
            raise SourceError(str(error)) from error
        try:
            yield StoredCheckpoints(mapping, await self._writer.read(mapping), self._writer, self._emit)
        finally:
            try:
                await self._writer.idle()  # what was told by whoever was cancelled must not come after another's
            finally:
                tenure.leave()

    async def close(self) -> None:
        """Close the file. Idempotent."""
        await self._writer.close()
