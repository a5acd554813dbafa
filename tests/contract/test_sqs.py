"""The conformance kit on real SQS servers: MiniStack, and ElasticMQ as a second opinion."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest

from connectors.testing import LaneContract, LeaseContract, OutageContract, QueueContract
from tests.contract.sqs_rig import SqsRig, sqs_rig
from tests.servers import Server

pytestmark = pytest.mark.server


class TestStandardQueueOnMiniStack(QueueContract, LeaseContract, OutageContract):
    @pytest.fixture(autouse=True)
    def use(self, ministack: Server) -> None:
        self.server = ministack

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[SqsRig]:
        return sqs_rig(self.server, lease_seconds, fifo=False)


class TestFifoQueueOnMiniStack(QueueContract, LaneContract, LeaseContract, OutageContract):
    @pytest.fixture(autouse=True)
    def use(self, ministack: Server) -> None:
        self.server = ministack

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[SqsRig]:
        return sqs_rig(self.server, lease_seconds, fifo=True)


class TestStandardQueueOnElasticMq(QueueContract, LeaseContract, OutageContract):
    reports_lost_leases = False  # ElasticMQ takes a handle for as long as its message exists

    @pytest.fixture(autouse=True)
    def use(self, elasticmq: Server) -> None:
        self.server = elasticmq

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[SqsRig]:
        return sqs_rig(self.server, lease_seconds, fifo=False)


class TestFifoQueueOnElasticMq(QueueContract, LaneContract, LeaseContract, OutageContract):
    reports_lost_leases = False

    @pytest.fixture(autouse=True)
    def use(self, elasticmq: Server) -> None:
        self.server = elasticmq

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[SqsRig]:
        return sqs_rig(self.server, lease_seconds, fifo=True)
