"""The pipes that an environment's processes write into. A process that writes faster than we read is slowed by its own full pipe."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import sys
import termios
from collections.abc import Callable

READ = 16 * 1024
"""Bytes a turn of the event loop: a few hundred lines, so that one loud function does not keep the others waiting."""


class Pipes:
    """Reads each while the event loop runs, and at once when ``drain`` is called.

    Our copy of a write end stays open from one process to the next: a pipe is empty, never at its end.
    """

    def __init__(self) -> None:
        self._takers: dict[int, Callable[[bytes], None]] = {}
        self._write_ends: list[int] = []
        self._poll = select.poll()

    def open(self, take: Callable[[bytes], None]) -> int:
        """A further pipe; what is read goes to take. Returns the write end, for a process."""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self._takers[read_end] = take
        self._write_ends.append(write_end)
        self._poll.register(read_end, select.POLLIN)
        asyncio.get_running_loop().add_reader(read_end, self._read, read_end)
        return write_end

    def drain(self) -> None:
        """Take all that has been written until now, and no more: a process that goes on writing cannot keep us here."""
        for read_end, _ in self._poll.poll(0):
            waiting = int.from_bytes(fcntl.ioctl(read_end, termios.FIONREAD, bytes(4)), sys.byteorder)
            while waiting > 0 and (count := self._read(read_end)):
                waiting -= count

    def close(self) -> None:
        """No more. Idempotent."""
        for read_end in self._takers:
            self._poll.unregister(read_end)
            asyncio.get_running_loop().remove_reader(read_end)
            os.close(read_end)
        for write_end in self._write_ends:
            os.close(write_end)
        self._takers, self._write_ends = {}, []

    def _read(self, read_end: int) -> int:
        """One read. Returns how many bytes it was."""
        try:
            data = os.read(read_end, READ)
        except BlockingIOError:  # drained since the event loop looked
            return 0
        self._takers[read_end](data)
        return len(data)
