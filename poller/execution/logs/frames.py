"""The channel that runtime clients keep for their logs: frames instead of lines, so that a record may have several lines. Pure.

A frame is a head, big-endian (u32 kind, u32 length, u64 microseconds since the epoch), then ``length`` bytes of message. The kind is
0xa55a00 and a byte: level << 2, 2 for the timestamp that the head has, 1 for text, 0 for JSON. An obsolete kind, 0xa55a0001, has no
timestamp. Sources: the runtime interface clients; runtime fact sheet, section 7.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from poller.execution.logs.lines import MAX_LINE, boundary

LOG_FD = 62
"""Number of the descriptor in the process, as on AWS; told in _LAMBDA_TELEMETRY_LOG_FD."""
LEVELS = ("", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

_MARK = b"\xa5\x5a\x00"
_KIND = len(_MARK)
_OBSOLETE = 1
_TIMESTAMP = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A record. level: "" where it is not told. at: seconds since the epoch, None where it is not told."""

    message: bytes
    level: str = ""
    at: float | None = None


class Frames:
    """Bytes -> records. What is no frame (somebody wrote into the channel by hand) becomes records by its lines, and nothing is lost.

    Keeps MAX_LINE bytes and a head at most between two calls; a longer message comes in pieces.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A new process writes: nothing that the last one began goes on."""
        self._waiting = b""
        self._left: int | None = (
            None  # bytes of the open frame's message that are not records yet; None: between frames
        )
        self._level = ""
        self._at: float | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The records that are whole now."""
        self._waiting += data
        while (taken := self._message() if self._left is not None else self._between()) is not None:
            yield from taken

    def rest(self) -> Iterator[Frame]:
        """What has come of an unfinished record: its invocation or its process is over. The rest of it, if it comes, is one more."""
        if self._left is not None and self._waiting:
            self._left -= len(self._waiting)
            yield self._taken(len(self._waiting))
        elif self._left is None and self._waiting and not _may_begin(self._waiting):
            yield self._junk(len(self._waiting))

    def _message(self) -> tuple[Frame, ...] | None:
        """The open frame's message or a piece of it; None: more must come first."""
        left = self._left or 0
        if len(self._waiting) >= left <= MAX_LINE:
            self._left = None
            return (self._taken(left),)
        if len(self._waiting) > MAX_LINE:
            cut = boundary(self._waiting, MAX_LINE)
            self._left = left - cut
            return (self._taken(cut),)
        return None

    def _between(self) -> tuple[Frame, ...] | None:
        """Open the next frame, or take what stands before it; None: more must come first."""
        waiting = self._waiting
        if not _may_begin(waiting):
            return self._before(1 if waiting.startswith(_MARK) else 0)
        obsolete = waiting[_KIND : _KIND + 1] == bytes([_OBSOLETE])
        head = 8 if obsolete else 16
        if len(waiting) < head:
            return None
        (self._left,) = struct.unpack_from(">I", waiting, 4)
        self._level = "" if obsolete else LEVELS[waiting[_KIND] >> 2]
        self._at = None if obsolete else struct.unpack_from(">Q", waiting, 8)[0] / 1e6
        self._waiting = waiting[head:]
        return ()

    def _before(self, start: int) -> tuple[Frame, ...] | None:
        """A line of what is no frame, up to where one may begin."""
        mark, end = self._waiting.find(_MARK, start), self._waiting.find(b"\n")
        if end >= 0 and (mark < 0 or end < mark):
            frame = self._junk(end)
            self._waiting = self._waiting[1:]
            return (frame,)
        if mark >= 0 or len(self._waiting) > MAX_LINE:
            return (self._junk(mark if 0 <= mark <= MAX_LINE else boundary(self._waiting, MAX_LINE)),)
        return None

    def _taken(self, count: int) -> Frame:
        message, self._waiting = self._waiting[:count], self._waiting[count:]
        return Frame(message.removesuffix(b"\n"), self._level, self._at)

    def _junk(self, count: int) -> Frame:
        message, self._waiting = self._waiting[:count], self._waiting[count:]
        return Frame(message)


def _may_begin(waiting: bytes) -> bool:
    """Whether it begins with a head, as far as one can tell yet."""
    if len(waiting) <= _KIND:
        return _MARK.startswith(waiting)
    kind = waiting[_KIND]
    known = kind == _OBSOLETE or (kind & _TIMESTAMP and kind >> 2 < len(LEVELS))
    return waiting.startswith(_MARK) and bool(known)
