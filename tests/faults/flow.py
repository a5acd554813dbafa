"""Messages that keep coming while faults happen, and the seed of what is random about the faults."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Iterator
from typing import Any

from tests.faults.scene import Producer

INTERVAL = 0.2
"""Seconds between two sends of ten messages."""


@contextlib.contextmanager
def flowing(queue: Producer, **message: Any) -> Iterator[None]:
    """Send about fifty messages a second to the queue until the block ends. A send that fails fails the block."""
    stop = threading.Event()
    failures: list[Exception] = []

    def send() -> None:
        try:
            while not stop.wait(INTERVAL):
                queue.send(10, **message)
        except Exception as error:  # noqa: BLE001  # raised anew in the test's own thread
            failures.append(error)

    thread = threading.Thread(target=send, name=f"producer of {queue}")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        if failures:
            raise failures[0]


def seeded() -> tuple[random.Random, int]:
    """A generator and its seed: a new one for every run, or FAULT_SEED of the environment to repeat a run."""
    seed = int(os.environ.get("FAULT_SEED") or random.randrange(10**6))
    print(f"FAULT_SEED={seed}")
    return random.Random(seed), seed
