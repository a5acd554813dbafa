"""What a service manager is told: datagrams to the socket that it names. Nothing is told where there is none.

Source: sd_notify(3) and sd_watchdog_enabled(3). Whoever started us is told, nobody else: the variables go with the first look, so that no
child speaks in our name. Telling never raises and never waits; a manager that does not read misses a line.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import MutableMapping

MICROSECONDS = 1_000_000
_MOST_STATUS = 400
"""Characters; a line of ``systemctl status``."""


class Notify:
    """address: of the manager's socket, an abstract one beginning with ``@``; "": there is none. watchdog_seconds: None: nobody watches."""

    def __init__(self, address: str = "", watchdog_seconds: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_seconds = watchdog_seconds
        """How long the manager waits for a sign of progress; None: it does not."""

    @classmethod
    def taken(cls, variables: MutableMapping[str, str], process: int) -> Notify:
        """As the variables say, which are removed from them. process: our number; a watchdog is for the one it names."""
        address = variables.pop("NOTIFY_SOCKET", "")
        microseconds = variables.pop("WATCHDOG_USEC", "")
        watched = variables.pop("WATCHDOG_PID", str(process)) == str(process)
        usable = address.startswith(("/", "@")) and len(address) > 1
        seconds = int(microseconds) / MICROSECONDS if watched and microseconds.isdecimal() else 0.0
        return cls(address if usable else "", seconds if usable and seconds else None)

    @property
    def heard(self) -> bool:
        """Whether there is somebody to tell."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """All is built and the port is open; after a reload: it is over, whatever came of it."""
        self._tell("READY=1", _status(status))

    def reloading(self) -> None:
        """A reload begins. The time is what the manager tells this one from an earlier one by."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str, seconds: float) -> None:
        """The stop has begun. seconds: what it may take from now on, whatever the manager would have given it."""
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={round(seconds * MICROSECONDS)}", _status(status))

    def status(self, line: str) -> None:
        """One line for people."""
        self._tell(_status(line))

    def progress(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door,
        ):
            door.setblocking(False)
            door.connect(self._address)
            door.send("\n".join(lines).encode())


def _status(line: str) -> str:
    return "STATUS=" + " ".join(line.split())[:_MOST_STATUS]
