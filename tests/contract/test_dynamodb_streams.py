"""The conformance kit on servers of DynamoDB Streams: MiniStack, moto, dynoxide."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest

from connectors.testing import OutageContract, StreamContract
from tests.contract.dynamodb_rig import DynamodbRig, dynamodb_rig
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.timeout(120, func_only=True)]  # a server may have to be built first


class TestStreamOnMiniStack(StreamContract, OutageContract):
    settles_with_server = False

    @pytest.fixture(autouse=True)
    def use(self, ministack: Server) -> None:
        self.server = ministack

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[DynamodbRig]:
        return dynamodb_rig(self.server)


class TestStreamOnMoto(StreamContract, OutageContract):
    settles_with_server = False

    @pytest.fixture(autouse=True)
    def use(self, moto: Server) -> None:
        self.server = moto

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[DynamodbRig]:
        return dynamodb_rig(self.server)


class TestStreamOnDynoxide(StreamContract, OutageContract):
    settles_with_server = False

    @pytest.fixture(autouse=True)
    def use(self, dynoxide: Server) -> None:
        self.server = dynoxide

    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[DynamodbRig]:
        return dynamodb_rig(self.server)
