"""Reload after reload while messages keep coming.

How many and how fast is a matter of patience: ``RELOADS=60 RATE=1000`` is the whole oracle.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tests.faults.daemon import Daemon
from tests.faults.scene import Producer, Scene
from tests.faults.until import until

RELOADS = int(os.environ.get("RELOADS", "5"))
RATE = int(os.environ.get("RATE", "300"))
"""Messages a second."""
SENDS = 10
"""A second."""


class Change(Protocol):
    """Makes the scene's configuration differ from what it was, for the n-th time."""

    def __call__(self, number: int) -> None: ...


@contextmanager
def sending(producer: Producer, rate: int = RATE) -> Iterator[None]:
    """Messages at that rate, or as fast as the server takes them, until the end."""
    over = threading.Event()

    def send() -> None:
        due = time.monotonic()
        while not over.is_set():
            producer.send(rate // SENDS)
            due = max(due + 1 / SENDS, time.monotonic() - 1)
            over.wait(max(0.0, due - time.monotonic()))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def reload(daemon: Daemon, scene: Scene) -> None:
    """Let the daemon read its configuration, and wait until it has."""
    before = len(daemon.logged("configuration reloaded"))
    scene.write(daemon)
    daemon.signal(signal.SIGHUP)
    until(lambda: len(daemon.logged("configuration reloaded")) > before, "the configuration was read again")


def reload_again_and_again(daemon: Daemon, scene: Scene, change: Change, reloads: int = RELOADS) -> None:
    """A reload a second at most; in each second something is handled."""
    for number in range(reloads):
        due = time.monotonic() + 1
        change(number)
        reload(daemon, scene)
        scene.wait_more(1)
        time.sleep(max(0.0, due - time.monotonic()))
