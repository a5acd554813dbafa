"""The front door, by requests of boto3 over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from aiohttp import web
from botocore.config import Config
from botocore.exceptions import ClientError

from poller.control.api.contract import ApiError, Call
from poller.control.api.front import Front


async def served(front: Front, ask: Callable[[Any], Any]) -> Any:
    """Run ``ask`` with boto3's client, in a thread, against the front."""
    app = web.Application()
    app.add_routes(front.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{runner.addresses[0][1]}",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}),
    )
    try:
        return await asyncio.to_thread(ask, client)
    finally:
        client.close()
        await runner.cleanup()


async def test_a_handler_gets_the_parameters_and_its_output_comes_back() -> None:
    calls = []

    async def get_alias(call: Call) -> Mapping[str, Any]:
        calls.append(call)
        return {"Name": "live", "FunctionVersion": "3", "Description": None}

    alias = await served(
        Front({"GetAlias": get_alias}),
        lambda client: client.get_alias(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:a", Name="live"),
    )
    assert (alias["Name"], alias["FunctionVersion"], "Description" in alias) == ("live", "3", False)
    assert calls[0].params == {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:a", "Name": "live"}
    assert alias["ResponseMetadata"]["RequestId"] == calls[0].request_id


async def test_what_a_handler_refuses_arrives_as_awss_error() -> None:
    async def get_alias(call: Call) -> Mapping[str, Any]:
        raise ApiError("ResourceNotFoundException", "Cannot find alias arn: x")

    with pytest.raises(ClientError) as raised:
        await served(Front({"GetAlias": get_alias}), lambda client: client.get_alias(FunctionName="a", Name="b"))
    assert raised.value.response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Cannot find alias arn: x",
    }
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert raised.value.response["Type"] == "User"
