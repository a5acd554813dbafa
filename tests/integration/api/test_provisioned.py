"""Provisioned concurrency of versions and aliases by calls of boto3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.served import ARN, OTHER_CODE, Served, basic, served


@pytest.fixture
async def lambda_(tmp_path: Path) -> AsyncIterator[Served]:
    """A daemon with a function of two versions, and an alias for the first."""
    async with served(tmp_path, {"concurrency": 200}) as found:
        await found.ask("create_function", **basic(Publish=True))
        await found.ask("update_function_code", FunctionName="orders", ZipFile=OTHER_CODE, Publish=True)
        await found.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
        yield found


async def put(lambda_: Served, qualifier: str, wanted: int) -> dict[str, Any]:
    return await lambda_.ask(
        "put_provisioned_concurrency_config",
        FunctionName="orders",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=wanted,
    )


async def refused(lambda_: Served, qualifier: str, wanted: int) -> tuple[int, str]:
    told = await lambda_.refused(
        "put_provisioned_concurrency_config",
        FunctionName="orders",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=wanted,
    )
    return told[0], told[2]


async def ready(lambda_: Served, qualifier: str) -> dict[str, Any]:
    """Wait until it is, as scripts for AWS do."""
    async with asyncio.timeout(20):
        while True:
            found = await lambda_.ask("get_provisioned_concurrency_config", FunctionName="orders", Qualifier=qualifier)
            if found["Status"] == "READY":
                return found


def kept_ready(lambda_: Served) -> dict[str, int]:
    pools = lambda_.daemon.desired.fleet.pools
    return {target: pool.allocation.requested for target, pool in pools.items() if pool.allocation.requested}


async def test_environments_of_a_version_are_kept_ready(lambda_: Served) -> None:
    begun = await put(lambda_, "1", 3)
    assert (begun["RequestedProvisionedConcurrentExecutions"], begun["Status"]) == (3, "IN_PROGRESS")
    found = await ready(lambda_, "1")
    assert found.pop("LastModified").endswith("+0000")
    assert found == {
        "RequestedProvisionedConcurrentExecutions": 3,
        "AllocatedProvisionedConcurrentExecutions": 3,
        "AvailableProvisionedConcurrentExecutions": 3,
        "Status": "READY",
    }
    assert kept_ready(lambda_) == {"orders:1": 3}
    listed = await lambda_.ask("list_provisioned_concurrency_configs", FunctionName="orders")
    assert [each["FunctionArn"] for each in listed["ProvisionedConcurrencyConfigs"]] == [f"{ARN}orders:1"]
    told = await lambda_.refused("delete_function", FunctionName="orders", Qualifier="1")
    assert told[:2] == (409, "ResourceConflictException")
    await lambda_.ask("delete_provisioned_concurrency_config", FunctionName="orders", Qualifier="1")
    assert kept_ready(lambda_) == {}
    assert await lambda_.refused("get_provisioned_concurrency_config", FunctionName="orders", Qualifier="1") == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )


async def test_those_of_an_alias_go_where_it_points(lambda_: Served) -> None:
    await put(lambda_, "live", 4)
    assert kept_ready(lambda_) == {"orders:1": 4}
    weights = {"AdditionalVersionWeights": {"2": 0.25}}
    await lambda_.ask("update_alias", FunctionName="orders", Name="live", RoutingConfig=weights)
    assert kept_ready(lambda_) == {"orders:1": 3, "orders:2": 1}
    assert (await ready(lambda_, "live"))["AvailableProvisionedConcurrentExecutions"] == 4
    none: dict[str, Any] = {"AdditionalVersionWeights": {}}
    await lambda_.ask("update_alias", FunctionName="orders", Name="live", FunctionVersion="2", RoutingConfig=none)
    assert kept_ready(lambda_) == {"orders:2": 4}
    await lambda_.ask("delete_alias", FunctionName="orders", Name="live")
    assert kept_ready(lambda_) == {}


async def test_a_version_is_not_provisioned_twice(lambda_: Served) -> None:
    await put(lambda_, "live", 1)
    assert await refused(lambda_, "1", 1) == (409, "Version is pointed by a Provisioned Concurrency alias")
    await lambda_.ask("delete_provisioned_concurrency_config", FunctionName="orders", Qualifier="live")
    await put(lambda_, "1", 1)
    sentence = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    assert await refused(lambda_, "live", 1) == (409, sentence)


async def test_no_more_is_provisioned_than_there_is(lambda_: Served) -> None:
    too_much = "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [200]."
    assert await refused(lambda_, "1", 201) == (400, too_much)
    too_little_left = (
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
        "below its minimum value of [20]."
    )
    assert await refused(lambda_, "1", 190) == (400, too_little_left)
    await put(lambda_, "1", 2)
    told = await lambda_.refused("put_function_concurrency", FunctionName="orders", ReservedConcurrentExecutions=1)
    assert told[2] == (
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
    )
    await lambda_.ask("put_function_concurrency", FunctionName="orders", ReservedConcurrentExecutions=4)
    sentence = (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    )
    assert await refused(lambda_, "1", 5) == (400, sentence)
    assert kept_ready(lambda_) == {"orders:1": 2}


async def test_it_is_there_again_after_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path) as before:
        await before.ask("create_function", **basic(Publish=True))
        await put(before, "1", 2)
    async with served(tmp_path) as after:
        assert (await ready(after, "1"))["AvailableProvisionedConcurrentExecutions"] == 2
