"""Unit tests run in virtual time, and leave no task behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tests.fakes.virtual_time import VirtualLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop}
