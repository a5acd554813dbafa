"""The conformance kit on real servers: Redis, and Valkey as a second opinion."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest

from connectors.testing import LeaseContract, OutageContract, QueueContract, StreamContract
from tests.contract.redis_rigs import ListRedis, StreamRedis, list_rig, stream_rig
from tests.servers import Server

pytestmark = pytest.mark.server


class TestStreamOnRedis(StreamContract, OutageContract):
    @pytest.fixture(autouse=True)
    def use(self, redis: Server) -> None:
        self.server = redis

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[StreamRedis]:
        return stream_rig(self.server)


class TestStreamOnValkey(StreamContract, OutageContract):
    @pytest.fixture(autouse=True)
    def use(self, valkey: Server) -> None:
        self.server = valkey

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[StreamRedis]:
        return stream_rig(self.server)


class TestListOnRedis(QueueContract, LeaseContract, OutageContract):
    @pytest.fixture(autouse=True)
    def use(self, redis: Server) -> None:
        self.server = redis

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[ListRedis]:
        return list_rig(self.server, lease_seconds)


class TestListOnValkey(QueueContract, LeaseContract, OutageContract):
    @pytest.fixture(autouse=True)
    def use(self, valkey: Server) -> None:
        self.server = valkey

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[ListRedis]:
        return list_rig(self.server, lease_seconds)
