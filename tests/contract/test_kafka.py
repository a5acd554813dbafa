"""The conformance kit on Apache Kafka."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest

from connectors.testing import OutageContract, StreamContract
from tests.contract.kafka_rig import KafkaRig, kafka_rig
from tests.kafka_server import Cluster

pytestmark = pytest.mark.server


class TestTopicOnApacheKafka(StreamContract, OutageContract):
    has_arn = False  # a cluster of one's own

    @pytest.fixture(autouse=True)
    def use(self, kafka: Cluster) -> None:
        self.broker = kafka.brokers[0]

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[KafkaRig]:
        return kafka_rig(self.broker)
