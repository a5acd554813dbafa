"""Bytes as a process writes them -> lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator

MAX_LINE = 256 * 1024
"""Bytes; a longer line is split (CloudWatch Logs quota for one event)."""


class Lines:
    """Keeps what has no end yet: MAX_LINE bytes at most between two calls."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are whole now, without their newlines."""
        *lines, last = (self._partial + data).split(b"\n")
        *whole, self._partial = pieces(last)
        for line in lines:
            yield from pieces(line) if len(line) > MAX_LINE else (line,)
        yield from whole

    def rest(self) -> bytes:
        """What has no end is a line all the same: its invocation or its process is over. b"" when there is none."""
        rest, self._partial = self._partial, b""
        return rest


def pieces(line: bytes) -> Iterator[bytes]:
    """The line in pieces of at most MAX_LINE bytes, at least one, cut between characters where it is UTF-8."""
    while len(line) > MAX_LINE:
        cut = boundary(line, MAX_LINE)
        yield line[:cut]
        line = line[cut:]
    yield line


def boundary(text: bytes, at: int) -> int:
    """Where to cut at the latest, so that no character of UTF-8 is cut in two. text: longer than at."""
    for cut in range(at, at - 4, -1):
        if text[cut] & 0xC0 != 0x80:  # noqa: PLR2004  # a byte that goes on with a character begins with the bits 10
            return cut
    return at
