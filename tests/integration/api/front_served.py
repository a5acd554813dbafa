"""The front door on a port of its own, in a thread of its own, so that boto3 can wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from poller.control.api.front import Front
from poller.control.guard import Guard
from poller.control.port import Port
from poller.observe.metrics import Metrics
from poller.settings.model import HttpSettings

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@contextmanager
def served(front: Front, state: Path, http: HttpSettings | None = None) -> Iterator[str]:
    """The URL of a daemon's port with this front behind it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="served")
    thread.start()
    http = http or HttpSettings(listen="127.0.0.1:0")
    port = Port(Metrics(), dict, dict, front.routes(), guard=Guard(http, state))
    try:
        yield asyncio.run_coroutine_threadsafe(port.open(http), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(_ended(port), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended(port: Port) -> None:
    """aiohttp goes on reading, for seconds, what a client that is gone was sending: those tasks end with the loop."""
    await port.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


@contextmanager
def client(service: str, url: str, key: str = KEY, secret: str = SECRET, **more: Any) -> Iterator[Any]:
    """boto3's, which asks once."""
    made = boto3.client(
        service,
        endpoint_url=url,
        region_name=more.pop("region", "us-east-1"),
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False, read_timeout=30),
        **more,
    )
    try:
        yield made
    finally:
        made.close()
