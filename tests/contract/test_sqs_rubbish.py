"""Servers that answer anything but SQS: every answer ends in an error of the contract, with a sentence."""

from __future__ import annotations

import pytest
from aiohttp import web

from connectors.contract import Refused, SourceError, Throttled, Unreachable
from connectors.sqs.source import SqsOptions, SqsSource
from tests.contract.rubbish import PROTOCOL, said, server


@pytest.mark.parametrize(
    ("status", "body", "kind", "error"),
    [
        (200, b"<html>welcome</html>", "text/html", SourceError),
        (200, b"{broken", PROTOCOL, SourceError),
        (200, b"{}", PROTOCOL, SourceError),
        (200, b"[]", PROTOCOL, SourceError),
        (200, b"", "text/plain", SourceError),
        (404, b"not here", "text/plain", SourceError),
        (400, said("UnsupportedOperation"), PROTOCOL, SourceError),
        (502, b"<html>bad gateway</html>", "text/html", Unreachable),
        (500, said("InternalError"), PROTOCOL, Unreachable),
        (503, b"", "text/plain", Throttled),
        (403, said("RequestThrottled"), PROTOCOL, Throttled),
        (400, said("SignatureDoesNotMatch"), PROTOCOL, Refused),
        (403, b"<Error><Code>InvalidClientTokenId</Code></Error>", "text/xml", Refused),
    ],
)
async def test_rubbish_is_an_error_of_the_contract(
    status: int, body: bytes, kind: str, error: type[SourceError]
) -> None:
    async with server(status, body, kind, []) as url:
        source = SqsSource(SqsOptions(queue="orders", endpoint_url=url))
        with pytest.raises(SourceError, match=url) as raised:
            await source.open()
        assert type(raised.value) is error


async def test_a_failing_server_is_asked_once() -> None:
    seen: list[web.Request] = []
    async with server(500, said("InternalError"), PROTOCOL, seen) as url:
        with pytest.raises(Unreachable):
            await SqsSource(SqsOptions(queue="orders", endpoint_url=url)).open()
    assert len(seen) == 1, "waiting and asking again is the engine's"


async def test_without_any_keys_a_local_server_gets_made_up_ones_and_never_an_unsigned_request() -> None:
    seen: list[web.Request] = []
    async with server(200, b"{}", PROTOCOL, seen) as url:
        with pytest.raises(SourceError):
            await SqsSource(SqsOptions(queue="orders", endpoint_url=url)).open()
    assert "Credential=test/" in seen[0].headers["Authorization"]
    assert seen[0].headers["User-Agent"].startswith("pollerd ")


async def test_nobody_listens() -> None:
    async with server(200, b"", "text/plain", []) as url:
        pass
    with pytest.raises(Unreachable, match=f"cannot reach {url}: connection refused"):
        await SqsSource(SqsOptions(queue="orders", endpoint_url=url)).open()
