"""A runtime's process that was started ahead and waits, its client loaded, before anything of the function's own is.

It waits in a read from a pipe whose other end is here: a byte lets it go on, hanging up ends it.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

from poller.execution.sandbox.box import Box
from poller.execution.sandbox.processes import Command, Process


class Held:
    """One that waits, until ``release`` or ``close``."""

    def __init__(self, process: Process, gate: int) -> None:
        self._process = process
        self._gate = gate

    @classmethod
    async def start(cls, box: Box, command: Command, descriptor: int) -> Held:
        """descriptor: at which the command waits. Raises SpawnError."""
        wait, gate = os.pipe()
        try:
            process = await box.start(replace(command, descriptors={**command.descriptors, descriptor: wait}))
        except BaseException:
            os.close(gate)
            raise
        finally:
            os.close(wait)
        return cls(process, gate)

    @property
    def waits(self) -> bool:
        """Whether the process is there."""
        return self._process.running

    def release(self) -> Process | None:
        """Let it go on, once; None: it has ended."""
        gone = not self._process.running
        with contextlib.suppress(BrokenPipeError):
            os.write(self._gate, b"\n")
        self.close()
        return None if gone else self._process

    def close(self) -> None:
        """Let it end. Idempotent."""
        if self._gate >= 0:
            os.close(self._gate)
            self._gate = -1
