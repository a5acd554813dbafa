"""Servers that answer anything but Kinesis or DynamoDB Streams: every answer ends in an error of the contract, with a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import web

from connectors.contract import Missing, Reader, Refused, Source, SourceError, Throttled, Unreachable
from connectors.dynamodb_streams import DynamodbStreamsOptions, DynamodbStreamsSource
from connectors.kinesis.source import KinesisOptions, KinesisSource
from connectors.testing import MemoryCheckpoints
from tests.contract.rubbish import PROTOCOL, said, server

STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-05-11T21:21:33.291"


async def _revoke(_partitions: object) -> None:
    raise AssertionError("nothing is revoked")


READER = Reader("reader", "TRIM_HORIZON", None, MemoryCheckpoints(), _revoke)


def kinesis(url: str) -> Source:
    source = KinesisSource(KinesisOptions(stream="clicks", endpoint_url=url))
    source.read_as(READER)
    return source


def table(url: str) -> Source:
    source = DynamodbStreamsSource(DynamodbStreamsOptions(table="orders", endpoint_url=url))
    source.read_as(READER)
    return source


def stream(url: str) -> Source:
    source = DynamodbStreamsSource(DynamodbStreamsOptions(stream=STREAM, endpoint_url=url))
    source.read_as(READER)
    return source


@pytest.mark.parametrize("make", [kinesis, table, stream])
@pytest.mark.parametrize(
    ("status", "body", "kind", "error"),
    [
        (200, b"<html>welcome</html>", "text/html", SourceError),
        (200, b"{}", PROTOCOL, SourceError),
        (200, b"[]", PROTOCOL, SourceError),
        (404, b"not here", "text/plain", SourceError),
        (502, b"<html>bad gateway</html>", "text/html", Unreachable),
        (500, said("InternalFailureException"), PROTOCOL, Unreachable),
        (503, b"", "text/plain", Throttled),
        (400, said("LimitExceededException"), PROTOCOL, Throttled),
        (400, said("ProvisionedThroughputExceededException"), PROTOCOL, Throttled),
        (400, said("ResourceNotFoundException"), PROTOCOL, Missing),
        (400, said("AccessDeniedException"), PROTOCOL, Refused),
        (400, said("UnrecognizedClientException"), PROTOCOL, Refused),
    ],
)
async def test_rubbish_is_an_error_of_the_contract(
    make: Callable[[str], Source], status: int, body: bytes, kind: str, error: type[SourceError]
) -> None:
    seen: list[web.Request] = []
    async with server(status, body, kind, seen) as url:
        source = make(url)
        with pytest.raises(SourceError, match=url) as raised:
            await source.open()
        assert type(raised.value) is error
    assert len(seen) == 1, "waiting and asking again is the engine's"


@pytest.mark.parametrize("make", [kinesis, table, stream])
async def test_nobody_listens(make: Callable[[str], Source]) -> None:
    async with server(200, b"", "text/plain", []) as url:
        pass
    with pytest.raises(Unreachable, match=f"cannot reach {url}: connection refused"):
        await make(url).open()
