"""The conformance kit on real Kinesis servers: MiniStack, kinesis-mock, ferrokinesis.

Polled on each of them; pushed on ferrokinesis, the only one that speaks enhanced fan-out as documented (test_kinesis_fanout.py).
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest

from connectors.testing import OutageContract, StreamContract
from tests.contract.kinesis_rig import FanoutRig, KinesisRig, fanout_rig, kinesis_rig
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.timeout(120, func_only=True)]  # a server may have to be built first


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


class TestStreamOnFerrokinesis(StreamContract, OutageContract):
    settles_with_server = False

    @pytest.fixture(autouse=True)
    def use(self, ferrokinesis: Server) -> None:
        self.server = ferrokinesis

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[KinesisRig]:
        return kinesis_rig(self.server, tick_seconds=2.1)  # it tells arrivals in whole seconds


class TestConsumerOnFerrokinesis(StreamContract, OutageContract):
    settles_with_server = False

    @pytest.fixture(autouse=True)
    def use(self, ferrokinesis: Server) -> None:
        self.server = ferrokinesis

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[FanoutRig]:
        return fanout_rig(self.server, tick_seconds=2.1)
