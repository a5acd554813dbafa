"""The conformance kit on real Kinesis servers: MiniStack, and kinesis-mock as a second opinion."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest

from connectors.testing import OutageContract, StreamContract
from tests.contract.kinesis_rig import KinesisRig, kinesis_rig
from tests.servers import Server

pytestmark = pytest.mark.server


class TestStreamOnMiniStack(StreamContract, OutageContract):
    settles_with_server = False

    @pytest.fixture(autouse=True)
    def use(self, ministack: Server) -> None:
        self.server = ministack

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[KinesisRig]:
        return kinesis_rig(self.server, tick_seconds=2.1)  # it tells arrivals in whole seconds


class TestStreamOnKinesisMock(StreamContract, OutageContract):
    settles_with_server = False

    @pytest.fixture(autouse=True)
    def use(self, kinesis_mock: Server) -> None:
        self.server = kinesis_mock

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[KinesisRig]:
        return kinesis_rig(self.server)
