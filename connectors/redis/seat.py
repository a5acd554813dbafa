"""A consumer's name that outlives its process, and that no two processes of a host have at once.

A consumer that is started anew takes back at once what it held when it was killed, so its name must be the same again; but two of the
same name would take each other's records. So a name is a seat: the first free one of ``host``, ``host.2``, ``host.3`` ... A seat is kept
by a socket bound to its name in the kernel's abstract namespace (unix(7)), which is free again the moment its process ends, however it
ends.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import socket


class Seat:
    """One name among those of this host. name: "" while none is taken."""

    def __init__(self, host: str, place: str) -> None:
        """host: what names begin with. place: what they must be unique in: server, stream and group."""
        self._host = host
        self._place = place
        self._guard: socket.socket | None = None
        self.name = ""

    def take(self) -> str:
        """The first free name; the same while it is kept."""
        if self._guard is None:
            for number in itertools.count(1):
                name = self._host if number == 1 else f"{self._host}.{number}"
                if (guard := self._bind(name)) is not None:
                    self._guard, self.name = guard, name
                    break
        return self.name

    def leave(self) -> None:
        """Idempotent."""
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _bind(self, name: str) -> socket.socket | None:
        digest = hashlib.sha256(f"{self._place}\0{name}".encode()).hexdigest()
        guard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            guard.bind(f"\0pollerd/{digest}")
        except OSError as error:
            guard.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise
        return guard
