"""Reserved concurrency, what the account has, and tags, by calls of boto3."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.served import ARN, CODE, Served, basic, served


@pytest.fixture
async def lambda_(tmp_path: Path) -> AsyncIterator[Served]:
    """A daemon with a function, and a version and an alias of it."""
    async with served(tmp_path) as found:
        await found.ask("create_function", **basic(Publish=True))
        await found.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
        await found.ask("create_alias", FunctionName="orders", Name="newest", FunctionVersion="$LATEST")
        yield found


async def test_concurrency_is_reserved_and_given_back(lambda_: Served) -> None:
    assert await lambda_.ask("get_function_concurrency", FunctionName="orders") == {}
    put = await lambda_.ask("put_function_concurrency", FunctionName="orders", ReservedConcurrentExecutions=7)
    assert put == {"ReservedConcurrentExecutions": 7}
    assert await lambda_.ask("get_function_concurrency", FunctionName="orders") == put
    assert (await lambda_.ask("get_function", FunctionName="orders"))["Concurrency"] == put
    assert lambda_.daemon.desired.fleet.settings.functions["orders"].reserved_concurrency == 7
    await lambda_.ask("delete_function_concurrency", FunctionName="orders")
    assert await lambda_.ask("get_function_concurrency", FunctionName="orders") == {}


async def test_what_cannot_be_reserved_is_told(lambda_: Served) -> None:
    ask: dict[str, Any] = {"ReservedConcurrentExecutions": 901}
    assert await lambda_.refused("put_function_concurrency", FunctionName="orders", **ask) == (
        400,
        "InvalidParameterValueException",
        (
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            "below its minimum value of [100]."
        ),
    )
    assert (await lambda_.refused("put_function_concurrency", FunctionName="orders:1", **ask))[2] == (
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
        "Please specify either a function name or an unqualified function ARN."
    )
    assert (await lambda_.refused("put_function_concurrency", FunctionName="nobody", **ask))[2] == (
        f"Function not found: {ARN}nobody:$LATEST"
    )


async def test_the_account_is_told(lambda_: Served) -> None:
    await lambda_.ask("put_function_concurrency", FunctionName="orders", ReservedConcurrentExecutions=300)
    found = await lambda_.ask("get_account_settings")
    assert found["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert found["AccountLimit"]["UnreservedConcurrentExecutions"] == 700
    assert found["AccountUsage"] == {"TotalCodeSize": len(CODE), "FunctionCount": 1}


@pytest.mark.parametrize(
    ("of", "status", "sentence"),
    [
        (
            {"FunctionName": "orders", "Qualifier": "$LATEST"},
            400,
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        (
            {"FunctionName": "orders", "Qualifier": "newest"},
            400,
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        ({"FunctionName": "orders", "Qualifier": "nobody"}, 404, f"Cannot find alias arn: {ARN}orders:nobody"),
        ({"FunctionName": "orders", "Qualifier": "9"}, 404, f"Function not found: {ARN}orders:9"),
    ],
)
async def test_provisioned_concurrency_is_of_versions_and_aliases(
    lambda_: Served, of: dict[str, str], status: int, sentence: str
) -> None:
    told = await lambda_.refused("put_provisioned_concurrency_config", ProvisionedConcurrentExecutions=1, **of)
    assert (told[0], told[2]) == (status, sentence)


async def test_tags_of_a_function_are_kept(lambda_: Served) -> None:
    arn = f"{ARN}orders"
    assert (await lambda_.ask("list_tags", Resource=arn))["Tags"] == {}
    await lambda_.ask("tag_resource", Resource=arn, Tags={"a": "1", "b": "2"})
    await lambda_.ask("tag_resource", Resource=arn, Tags={"a": "3"})
    await lambda_.ask("untag_resource", Resource=arn, TagKeys=["b", "nobody"])
    assert (await lambda_.ask("list_tags", Resource=arn))["Tags"] == {"a": "3"}
    assert (await lambda_.ask("get_function", FunctionName="orders"))["Tags"] == {"a": "3"}
    for resource, tags, status, sentence in (
        (arn, {}, 400, "An error occurred and the request cannot be processed."),
        (
            f"{arn}:1",
            {"a": "b"},
            400,
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ),
        (f"{ARN}nobody", {"a": "b"}, 404, f"Function not found: {ARN}nobody"),
        (arn, {str(n): "x" for n in range(51)}, 400, "Number of tags exceeds resource tag limit."),
    ):
        told = await lambda_.refused("tag_resource", Resource=resource, Tags=tags)
        assert (told[0], told[2]) == (status, sentence)
