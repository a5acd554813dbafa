"""The conformance kit's rig for servers of DynamoDB Streams: a table of its own, and a relay between it and the source."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from connectors.contract import Record
from connectors.dynamodb_streams import DynamodbStreamsOptions, DynamodbStreamsSource
from connectors.testing import Breakable, Message, Relay, StreamRig
from tests.aws_clients import client_of
from tests.servers import Server
from tests.streams import Table, make_table


class DynamodbRig(StreamRig, Breakable):
    partitions = 1  # no server but AWS's own has more

    def __init__(self, table: Table, relay: Relay) -> None:
        super().__init__()
        self.table = table
        self.relay = relay

    def stream(self) -> DynamodbStreamsSource:
        endpoint = f"http://127.0.0.1:{self.relay.port}"
        return DynamodbStreamsSource(DynamodbStreamsOptions(table=self.table.name, endpoint_url=endpoint))

    async def send(self, messages: Sequence[Message]) -> None:
        await self.table.put_each([(message.lane or "key", message.body) for message in messages])

    def text(self, record: Record) -> str:
        return str(record.metadata["dynamodb"]["NewImage"]["body"]["S"])

    async def cut(self) -> None:
        await self.relay.cut()

    async def mend(self) -> None:
        await self.relay.mend()


@contextlib.asynccontextmanager
async def dynamodb_rig(server: Server) -> AsyncIterator[DynamodbRig]:
    async with client_of("dynamodb", server.url) as client, Relay(server.port) as relay:
        table = await make_table(client)
        yield DynamodbRig(table, relay)
        await table.delete()
