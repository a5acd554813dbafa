"""What a tar reader reads from when nobody vouches for the tar."""

from __future__ import annotations

import tarfile
from typing import IO

MOST_HEADER_BYTES = 1024 * 1024
"""Of one header with its extensions, which a reader takes into memory as a whole. Names and links have 4 KB, attributes 64 KB."""


class Bounded:
    """A seekable file that gives no more at once than a header may have."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        """Read exactly that much, if there is that much."""
        check_header(size)
        return self._file.read(size)


def check_header(size: int) -> None:
    """Refuse a header that would fill the memory, or lead backwards. Raises tarfile.ReadError."""
    if not 0 <= size <= MOST_HEADER_BYTES:
        raise tarfile.ReadError(f"a header of {size} bytes")
