"""Sockets that a service manager hands over: by name, for us only, and where the configuration says."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from poller.aio.inherited import InheritedError, agreed, inherited

KNOWN = ("http", "urls")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _handed(server: socket.socket) -> int:
    """A descriptor as it is after an exec: inheritable, and nobody's object."""
    number = os.dup(server.fileno())
    os.set_inheritable(number, True)
    return number


def _variables(names: str, count: int = 1) -> dict[str, str]:
    return {"LISTEN_PID": "7", "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names, "HOME": "/"}


def test_a_socket_has_its_name_and_goes_to_no_child(listening: socket.socket) -> None:
    variables = _variables("http")

    given = inherited(variables, 7, KNOWN, first=_handed(listening))

    with given["http"] as http:
        assert http.getsockname() == listening.getsockname()
        assert not http.get_inheritable()
    assert variables == {"HOME": "/"}


def test_what_is_meant_for_another_process_is_left_alone() -> None:
    variables = _variables("http")

    assert inherited(variables, 8, KNOWN) == {}
    assert variables == {"HOME": "/"}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [("pollerd.socket", "a socket is named 'pollerd.socket'"), ("http:urls", "without names")],
)
def test_names_that_say_nothing_are_refused(listening: socket.socket, names: str, sentence: str) -> None:
    number = _handed(listening)

    with pytest.raises(InheritedError, match=sentence):
        inherited(_variables(names), 7, KNOWN, first=number)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_socket_of_another_kind_is_refused() -> None:
    with socket.socket(socket.AF_UNIX) as local, pytest.raises(InheritedError, match="no TCP socket"):
        inherited(_variables("http"), 7, KNOWN, first=_handed(local))


def test_the_socket_is_where_the_configuration_says(listening: socket.socket) -> None:
    port = listening.getsockname()[1]

    agreed(listening, "127.0.0.1", port, "http.listen")
    agreed(listening, "localhost", port, "http.listen")


@pytest.mark.parametrize(("host", "step"), [("127.0.0.1", 1), ("::1", 0), ("0.0.0.0", 0)])  # nothing listens
def test_a_socket_elsewhere_is_refused_with_both_addresses(listening: socket.socket, host: str, step: int) -> None:
    port = listening.getsockname()[1]

    with pytest.raises(
        InheritedError, match=f"on 127.0.0.1 port {port}, and http.listen says {host} port {port + step}"
    ):
        agreed(listening, host, port + step, "http.listen")
