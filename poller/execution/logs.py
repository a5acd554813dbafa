"""Output of an environment: one pipe for stdout and stderr, cut into lines, attributed to the invocation that runs.

Work a turn of the event loop is bounded; a function that prints faster than we read is slowed by its own full pipe. Platform lines (START,
END, REPORT) as the service writes them (Lambda DG, Viewing logs).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections import deque

from poller.execution.contract import Result, Status
from poller.observe.events import Emit, FunctionLogged

MAX_LINE = 256 * 1024
"""Bytes; a longer line is split (CloudWatch Logs quota for one event)."""
READ = 64 * 1024
DRAIN_AT_MOST = 16
"""Reads before END: what a pipe can hold at that moment, with something to spare."""
TAIL = 4096
"""Bytes of log that an answer may carry (Invoke, LogType=Tail)."""


class Capture:
    """The log of one environment. ``write_end`` goes to the process as its stdout and stderr."""

    def __init__(self, function: str, stream: str, emit: Emit) -> None:
        self._function = function
        self._stream = stream
        self._emit = emit
        self._partial = b""
        self._request_id = ""
        self._tail: deque[str] | None = None  # lines of the invocation that wants them
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        asyncio.get_running_loop().add_reader(self._read_end, self._read)

    def begin(self, request_id: str, version: str, *, tail: bool = False) -> None:
        """START of an invocation. tail: keep the end of its log."""
        self._request_id, self._tail = request_id, deque(maxlen=TAIL) if tail else None
        self.platform(f"START RequestId: {request_id} Version: {version}")

    def end(self, result: Result, memory_mb: int) -> bytes:
        """END and REPORT of an invocation, after all it has written. Returns the tail of its log if it was to be kept."""
        self.drain()
        self.platform(f"END RequestId: {result.request_id}")
        self.platform(report(result, memory_mb))
        tail, self._request_id, self._tail = self._tail, "", None
        return "".join(tail).encode()[-TAIL:] if tail else b""

    def platform(self, line: str) -> None:
        """A line of the platform's own."""
        self._line(line, platform=True)

    def drain(self) -> None:
        """Take what is in the pipe now."""
        for _ in range(DRAIN_AT_MOST):
            if not self._read():
                break
        self._flush()

    def close(self) -> None:
        """No more output. Idempotent."""
        if self._read_end >= 0:
            self.drain()
            asyncio.get_running_loop().remove_reader(self._read_end)
            os.close(self._read_end)
            os.close(self.write_end)
            self._read_end = -1

    def _read(self) -> bool:
        """One read; whether there may be more."""
        with contextlib.suppress(BlockingIOError):
            *lines, self._partial = (self._partial + os.read(self._read_end, READ)).split(b"\n")
            for line in lines:
                self._line(line.decode(errors="replace"))
            if len(self._partial) >= MAX_LINE:
                self._flush()
            return True
        return False

    def _flush(self) -> None:
        """A line without an end is a line all the same when it is too long, or its invocation is over."""
        if self._partial:
            self._line(self._partial.decode(errors="replace"))
            self._partial = b""

    def _line(self, line: str, *, platform: bool = False) -> None:
        if self._tail is not None:
            self._tail.append(f"{line[-TAIL:]}\n")
        self._emit(
            FunctionLogged(
                function=self._function,
                log_stream=self._stream,
                request_id=self._request_id,
                line=line,
                platform=platform,
            )
        )


def report(result: Result, memory_mb: int) -> str:
    """The REPORT line. Billed Duration: with the init, rounded up to whole milliseconds (since August 2025)."""
    billed = math.ceil(result.duration_ms + (result.init_ms or 0))
    parts = [
        f"REPORT RequestId: {result.request_id}",
        f"Duration: {result.duration_ms:.2f} ms",
        f"Billed Duration: {billed} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {result.max_memory_mb or 0} MB",
    ]
    if result.init_ms is not None:
        parts.append(f"Init Duration: {result.init_ms:.2f} ms")
    if result.status is Status.TIMEOUT:
        parts.append("Status: timeout")
    elif result.status is not Status.SUCCESS:
        parts += ["Status: error", f"Error Type: {result.error_type}"]
    return "\t".join(parts) + "\t"


def init_report(milliseconds: float, phase: str, status: str, error_type: str) -> str:
    """The line of an INIT that failed."""
    parts = [f"INIT_REPORT Init Duration: {milliseconds:.2f} ms", f"Phase: {phase}", f"Status: {status}"]
    return "\t".join([*parts, f"Error Type: {error_type}"] if error_type else parts)
