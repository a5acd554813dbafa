"""How late the event loop is: what makes it late holds up polls, leases and answers alike."""

from __future__ import annotations

import asyncio
import time

from poller.observe.events import Emit, LoopLagged

SECONDS = 0.5
"""Between two looks; one costs the loop 20 µs."""


async def watch_loop(emit: Emit) -> None:
    """Look until cancelled."""
    due = time.monotonic() + SECONDS
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        emit(LoopLagged(seconds=max(0.0, now - due)))
        due = now + SECONDS
