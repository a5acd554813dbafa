"""The one thread of a daemon that writes the state file while it runs, and the line in front of it.

What holds here:

1. What is told while the thread writes gathers, and goes together in the next transaction, in the order it was told. Whoever told it waits
   for that transaction, so the more there is to write, the fewer transactions it takes, and the event loop waits for none of them.
2. What was written outlives the process from the moment the call returns: it is the kernel's then. Only a group in which somebody asks for
   it is forced onto the disk (synchronous = FULL); what a power failure takes back of the others is the newest, in order, never a part of
   one.
3. A transaction that fails has changed nothing, here or in the file. It is a ``StoreError``, to be told again.

One thread for all who write: SQLite lets in one writer at a time, and a second connection would find the door locked by chance. Who reads
has a thread and a connection beside it, so that a long look holds up nobody who writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from poller.control import store
from poller.control.store import StoreError
from poller.observe.events import Emit, StateWritten

PATIENCE = 5.0
"""Seconds to wait for another process that writes; then whoever told it waits and tells it again."""

T = TypeVar("T")
Step = Callable[[sqlite3.Connection], T]
"""What is done with the file, in the thread. Returns what is to be known of it."""


@dataclass(slots=True, eq=False)
class _Group:
    """What is written together. done: what the steps returned, or the StoreError of all. then: called once it is written."""

    done: asyncio.Future[list[Any]]
    steps: list[Step[Any]] = field(default_factory=list)
    then: list[Callable[[Any], object] | None] = field(default_factory=list)
    forced: bool = False


class _Thread:
    """A thread with a connection of its own, which is opened when first used and anew after a failure."""

    def __init__(self, state: Path, patience: float, name: str, opening: threading.Lock) -> None:
        self._state = state
        self._patience = patience
        self._opening = opening
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connection: sqlite3.Connection | None = None

    async def do(self, step: Step[T]) -> T:
        """What the step returned. Raises StoreError."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._do, step)

    async def close(self) -> None:
        """Idempotent."""
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._disconnect)
        self._executor.shutdown()

    def _do(self, step: Step[T]) -> T:
        try:
            with store.explained(self._state):
                if self._connection is None:
                    with self._opening:
                        self._connection = store.connect(self._state, self._patience)
                return step(self._connection)
        except StoreError:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


class Writer:
    """The line in front of the thread that writes; and a thread that reads beside it. patience: seconds, as above."""

    def __init__(self, state: Path, patience: float = PATIENCE, emit: Emit = lambda _: None) -> None:
        self._emit = emit
        opening = threading.Lock()  # two that lay out a new file would be in each other's way
        self._hand = _Thread(state, patience, "state", opening)
        self._eye = _Thread(state, patience, "state reader", opening)
        self._gathering: _Group | None = None
        self._writing: asyncio.Task[None] | None = None

    async def read(self, step: Step[T]) -> T:
        """Do what only reads, of what is written by then; nobody who writes waits for it. Raises StoreError."""
        return await self._eye.do(step)

    async def write(self, step: Step[T], then: Callable[[T], object] | None = None, *, forced: bool = False) -> T:
        """Return what the step returned when it is written and ``then`` was called, whatever becomes of the caller. Raises StoreError."""
        if self._gathering is None:
            done = asyncio.get_running_loop().create_future()
            done.add_done_callback(asyncio.Future.exception)  # looked at, though all who waited may be gone
            self._gathering = _Group(done)
        group = self._gathering
        place = len(group.steps)
        group.steps.append(step)
        group.then.append(then)
        group.forced |= forced
        self._start()
        returned: T = (await asyncio.shield(group.done))[place]
        return returned

    async def idle(self) -> None:
        """Return once all is written that was told."""
        while self._writing is not None:
            await asyncio.wait({self._writing})

    async def close(self) -> None:
        """Write what was told, and close the file. Idempotent."""
        await self.idle()
        await self._hand.close()
        await self._eye.close()

    def _start(self) -> None:
        if self._gathering is not None and self._writing is None:
            group, self._gathering = self._gathering, None
            self._writing = asyncio.create_task(self._commit(group), name="state file")
            self._writing.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._writing = None
        self._start()

    async def _commit(self, group: _Group) -> None:
        began = time.monotonic()
        failed = True
        try:
            returned = await self._hand.do(partial(_written, group=group))
            failed = False
        except Exception as error:  # noqa: BLE001  # StoreError, or a defect of ours: for whoever waits
            group.done.set_exception(error)
            return
        finally:
            took = time.monotonic() - began
            self._emit(StateWritten(count=len(group.steps), seconds=took, failed=failed))
        for then, value in zip(group.then, returned, strict=True):
            if then is not None:
                then(value)
        group.done.set_result(returned)


def _written(connection: sqlite3.Connection, group: _Group) -> list[Any]:
    connection.execute(f"PRAGMA synchronous = {'FULL' if group.forced else 'NORMAL'}")
    return transaction(connection, group.steps)


def transaction(connection: sqlite3.Connection, steps: list[Step[Any]]) -> list[Any]:
    """All of them or none; what each returned."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        returned = [step(connection) for step in steps]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself has rolled back what a full disk cut short
            connection.execute("ROLLBACK")
        raise
    return returned
