"""Clients of local servers that speak like AWS, for producers and operators of tests. Not what is tested."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiobotocore.session import AioSession
from botocore.loaders import Loader

_loader = Loader()  # reading the description of a service takes longer than most tests


@contextlib.asynccontextmanager
async def client_of(service: str, endpoint_url: str) -> AsyncIterator[Any]:
    """A plain client."""
    session = AioSession()
    session.register_component("data_loader", _loader)
    async with session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ) as client:
        yield client
