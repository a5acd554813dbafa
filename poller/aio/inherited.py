"""Sockets that listen already when the program begins: a service manager has opened them, and keeps them open between two of its runs.

Source: sd_listen_fds_with_names(3). They are ours alone: no child inherits them, and none is told of them.
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping

FIRST = 3
"""Number of the first descriptor (SD_LISTEN_FDS_START)."""


class InheritedError(Exception):
    """What was handed over cannot be used. The message is a sentence for the operator."""


def inherited(
    variables: MutableMapping[str, str], process: int, known: tuple[str, ...], first: int = FIRST
) -> dict[str, socket.socket]:
    """The sockets by name, as the variables say, which are removed from them; none when they are meant for another process.

    process: our number. known: names that mean something. Raises InheritedError.
    """
    meant = variables.pop("LISTEN_PID", "")
    count = variables.pop("LISTEN_FDS", "")
    names = variables.pop("LISTEN_FDNAMES", "")
    if meant != str(process) or not count.isdecimal():
        return {}
    given = [socket.socket(fileno=number) for number in range(first, first + int(count))]
    for each in given:
        each.set_inheritable(False)
        each.setblocking(False)
    try:
        return _named(given, names.split(":"), known)
    except InheritedError:
        for each in given:
            each.close()
        raise


def _named(given: list[socket.socket], names: list[str], known: tuple[str, ...]) -> dict[str, socket.socket]:
    choice = " or ".join(known)
    if len(names) != len(given):
        raise InheritedError(
            f"the service manager handed over sockets without names: FileDescriptorName= says {choice}"
        )
    named: dict[str, socket.socket] = {}
    for name, each in zip(names, given, strict=True):
        if name not in known:
            raise InheritedError(f"a socket is named {name!r}: FileDescriptorName= of its unit says {choice}")
        if name in named:
            raise InheritedError(f"two sockets are named {name}: a unit has one ListenStream=")
        if each.family not in {socket.AF_INET, socket.AF_INET6} or each.type != socket.SOCK_STREAM:
            raise InheritedError(f"the socket {name} is no TCP socket: ListenStream= says address:port")
        named[name] = each
    return named


def agreed(given: socket.socket, host: str, port: int, key: str) -> None:
    """Raises InheritedError when the socket listens elsewhere than the configuration says. key: where it says so."""
    there, number, *_ = given.getsockname()
    hosts = {"127.0.0.1", "::1"} if host == "localhost" else {host}
    if there not in hosts or number != port:
        raise InheritedError(
            f"the socket of the service manager listens on {there} port {number}, and {key} says {host} port {port}: "
            "change ListenStream= of the unit, or the configuration, or disable the socket unit"
        )
