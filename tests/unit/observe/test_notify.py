"""What a service manager hears, on a socket of its kind."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from poller.observe.notify import Notify


class Manager:
    def __init__(self, address: str) -> None:
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._door.bind(address)
        self._door.setblocking(False)

    def heard(self) -> list[str]:
        return self._door.recv(4096).decode().split("\n")

    def close(self) -> None:
        self._door.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.close()


@pytest.fixture
def notify(manager: Manager, tmp_path: Path) -> Notify:
    del manager
    return Notify(str(tmp_path / "notify"))


def test_ready_and_a_line_for_people_are_one_message(manager: Manager, notify: Notify) -> None:
    notify.ready("two\nlines")

    assert manager.heard() == ["READY=1", "STATUS=two lines"]


def test_a_reload_has_the_time_that_the_manager_compares(manager: Manager, notify: Notify) -> None:
    before = time.monotonic_ns() // 1000
    notify.reloading()

    first, second = manager.heard()
    name, microseconds = second.split("=")
    assert (first, name) == ("RELOADING=1", "MONOTONIC_USEC")
    assert before <= int(microseconds) <= time.monotonic_ns() // 1000


def test_a_stop_says_how_long_it_may_take(manager: Manager, notify: Notify) -> None:
    notify.stopping("stopping", 1.5)

    assert manager.heard() == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=1500000", "STATUS=stopping"]


def test_progress_and_status(manager: Manager, notify: Notify) -> None:
    notify.progress()
    notify.status("x" * 1000)

    assert manager.heard() == ["WATCHDOG=1"]
    assert manager.heard() == [f"STATUS={'x' * 400}"]


def test_an_abstract_socket_is_reached() -> None:
    name = f"pollerd-{uuid.uuid4()}"
    manager = Manager(f"\0{name}")
    Notify(f"@{name}").progress()

    assert manager.heard() == ["WATCHDOG=1"]
    manager.close()


def test_a_manager_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    Notify(str(tmp_path / "nobody")).ready("")
    Notify().ready("")

    assert not Notify().heard


def test_the_variables_are_taken_and_no_child_sees_them() -> None:
    variables = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7", "HOME": "/"}

    notify = Notify.taken(variables, 7)

    assert (notify.heard, notify.watchdog_seconds, variables) == (True, 3.0, {"HOME": "/"})


@pytest.mark.parametrize(
    "variables",
    [
        {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"},
        {"NOTIFY_SOCKET": "/run/notify"},
        {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "3000000"},
        {"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "3000000"},
    ],
)
def test_nobody_watches_this_process(variables: dict[str, str]) -> None:
    assert Notify.taken(variables, 7).watchdog_seconds is None
