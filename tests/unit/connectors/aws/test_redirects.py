"""A server that redirects elsewhere: nobody goes there, with our signature least of all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from connectors.aws.client import acquire, release, resolve
from connectors.aws.options import AwsOptions

ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("sqs", "list_queues", {}),
    ("kinesis", "list_streams", {}),
    ("s3", "get_object", {"Bucket": "b", "Key": "k"}),
    ("logs", "describe_log_groups", {}),
]


@pytest.mark.parametrize(("service", "operation", "params"), ASKED)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_and_is_not_followed(
    service: str, operation: str, params: dict[str, Any], status: int
) -> None:
    async def ask() -> tuple[list[bytes], list[bytes]]:
        asked: list[bytes] = []
        elsewhere: list[bytes] = []

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            place = f"http://127.0.0.1:{_port(other)}/"
            writer.write(f"HTTP/1.1 {status} No\r\nLocation: {place}\r\nContent-Length: 0\r\n".encode())
            writer.write(b"Connection: close\r\n\r\n")
            writer.close()

        async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            elsewhere.append(await reader.readline())
            writer.close()

        async with (
            await asyncio.start_server(note, "127.0.0.1", 0) as other,
            await asyncio.start_server(redirect, "127.0.0.1", 0) as server,
        ):
            options = AwsOptions(endpoint_url=f"http://127.0.0.1:{_port(server)}", region="us-east-1")
            target = resolve(options, service)
            client = await acquire(target)
            try:
                with pytest.raises((ClientError, BotoCoreError)):
                    await getattr(client, operation)(**params)
            finally:
                await release(target)
        return asked, elsewhere

    asked, elsewhere = asyncio.run(ask())
    assert asked
    assert elsewhere == []


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
