"""What the program's parts share: how a request ends, and work that is looked at until it is done."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

LARGEST = 1 << 20
"""Bytes of a message."""

Reply = tuple[dict[str, Any], list[int]]
"""What is said, and descriptors that go along."""


class Refused(Exception):
    """A request that cannot be met; the message is for the daemon. number: the kernel's, if it was the kernel. at: folder it was about."""

    def __init__(self, text: str, number: int = 0, at: str = "") -> None:
        super().__init__(text)
        self.number = number
        self.at = at


class Job(Protocol):
    """Work that takes a while."""

    request: Mapping[str, Any]
    wake: int
    """A descriptor that becomes readable when there is something to see; -1: look often."""

    def look(self) -> Reply | None:
        """The reply, when it is done. Raises Refused or OSError; either way it is over then."""
        ...

    def close(self) -> None:
        """It is over: close what is not needed any more."""
        ...


class Held(NamedTuple):
    """A sandbox. parent: the bubblewrap that has made its holder. block: our end of the pipe that the holder waits in.

    watch: the holder's pidfd, readable when all in the sandbox are gone. user: the namespace of its processes, below the holder's; -1:
    that of the daemon.
    """

    parent: int
    block: int
    watch: int
    user: int

    def kill(self) -> None:
        """The holder's end is everybody's. One that has ended already, and was not seen to yet, is no error."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.watch, signal.SIGKILL)

    def close(self) -> None:
        """It has ended."""
        os.close(self.block)
        os.close(self.watch)
        if self.user >= 0:
            os.close(self.user)


held: dict[int, Held] = {}
"""By holder."""
started: set[int] = set()
"""Processes that were started and have not ended."""


def receive(peer: socket.socket, most: int) -> tuple[bytes, list[int]]:
    """A message with its descriptors; empty when the peer is gone. Nobody we start inherits them by accident."""
    try:
        message, fds, _, _ = socket.recv_fds(peer, most, 16)
    except ConnectionResetError:
        return b"", []
    for fd in fds:
        os.set_inheritable(fd, False)
    return message, list(fds)
