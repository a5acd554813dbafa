"""Versions and aliases by calls of boto3, and a script as it would be written for AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from poller.dispatch.invoker import UnknownFunctionError
from tests.integration.api.served import ARN, CODE, OTHER_CODE, Served, basic, served


@pytest.fixture
async def lambda_(tmp_path: Path) -> AsyncIterator[Served]:
    """A daemon with a function of two versions."""
    async with served(tmp_path) as found:
        await found.ask("create_function", **basic())
        await found.ask("publish_version", FunctionName="orders", Description="first")
        await found.ask("update_function_code", FunctionName="orders", ZipFile=OTHER_CODE)
        await found.ask("publish_version", FunctionName="orders")
        yield found


async def test_a_version_is_what_the_function_was(lambda_: Served) -> None:
    first = await lambda_.ask("get_function_configuration", FunctionName="orders", Qualifier="1")
    latest = await lambda_.ask("get_function_configuration", FunctionName="orders")
    assert (first["FunctionArn"], first["Version"], first["Description"]) == (f"{ARN}orders:1", "1", "first")
    assert (first["CodeSize"], latest["CodeSize"]) == (len(CODE), len(OTHER_CODE))
    assert (first["Role"], first["State"]) == (latest["Role"], "Active")
    assert first["RevisionId"] != latest["RevisionId"]
    await lambda_.ask("update_function_configuration", FunctionName="orders", Timeout=77)
    assert (await lambda_.ask("get_function_configuration", FunctionName="orders:2"))["Timeout"] == 3
    assert lambda_.daemon.desired.fleet.pools["orders:2"].spec.timeout_seconds == 3


async def test_publishing_what_has_not_changed_makes_no_version(lambda_: Served) -> None:
    before = await lambda_.ask("get_function_configuration", FunctionName="orders")
    again = await lambda_.ask("publish_version", FunctionName="orders", Description="another text")
    second = await lambda_.ask("get_function_configuration", FunctionName="orders", Qualifier="2")
    assert {**again, "State": 0} == {**second, "State": 0}
    assert (await lambda_.ask("get_function_configuration", FunctionName="orders")) == before
    await lambda_.ask("put_function_concurrency", FunctionName="orders", ReservedConcurrentExecutions=5)
    await lambda_.ask("tag_resource", Resource=f"{ARN}orders", Tags={"a": "b"})
    assert (await lambda_.ask("publish_version", FunctionName="orders"))["Version"] == "2"


@pytest.mark.parametrize(
    "change", [{"Description": "x"}, {"Role": "arn:aws:iam::123456789012:role/other"}, {"Timeout": 4}]
)
async def test_publishing_what_has_changed_makes_the_next(lambda_: Served, change: Mapping[str, Any]) -> None:
    await lambda_.ask("update_function_configuration", FunctionName="orders", **change)
    before = (await lambda_.ask("get_function_configuration", FunctionName="orders"))["RevisionId"]
    published = await lambda_.ask("publish_version", FunctionName="orders")
    assert published["Version"] == "3"
    assert {published[name] == value for name, value in change.items()} == {True}
    latest = await lambda_.ask("get_function_configuration", FunctionName="orders")
    assert len({before, published["RevisionId"], latest["RevisionId"]}) == 3


async def test_publishing_is_guarded_by_the_hash_of_the_code(lambda_: Served) -> None:
    mine = (await lambda_.ask("get_function_configuration", FunctionName="orders"))["CodeSha256"]
    told = await lambda_.refused("publish_version", FunctionName="orders", CodeSha256="other")
    assert told == (
        400,
        "InvalidParameterValueException",
        (
            f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({mine}). "
            "Please try again with the CodeSHA256 in $LATEST."
        ),
    )
    await lambda_.ask("publish_version", FunctionName="orders", CodeSha256=mine)


async def test_making_and_changing_may_publish_at_once(lambda_: Served) -> None:
    made = await lambda_.ask("create_function", **basic("other", Publish=True))
    assert (made["Version"], made["FunctionArn"], made["State"]) == ("1", f"{ARN}other", "Pending")
    updated = await lambda_.ask("update_function_code", FunctionName="other", ZipFile=OTHER_CODE, Publish=True)
    assert (updated["Version"], updated["FunctionArn"]) == ("2", f"{ARN}other:2")


async def test_versions_are_listed_and_deleted(lambda_: Served) -> None:
    found = await lambda_.ask("list_versions_by_function", FunctionName="orders")
    assert [each["FunctionArn"] for each in found["Versions"]] == [f"{ARN}orders:{n}" for n in ("$LATEST", 1, 2)]
    await lambda_.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
    told = await lambda_.refused("delete_function", FunctionName="orders", Qualifier="1")
    assert told[:2] == (409, "ResourceConflictException")
    assert "[live]" in told[2]
    await lambda_.ask("delete_function", FunctionName="orders", Qualifier="2")
    assert "orders:2" not in lambda_.daemon.desired.fleet.pools
    assert (await lambda_.refused("get_function", FunctionName="orders:2"))[2] == f"Function not found: {ARN}orders:2"


async def test_an_alias_leads_to_a_version(lambda_: Served) -> None:
    made = await lambda_.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1", Description="d")
    assert made.pop("RevisionId")
    assert made == {"AliasArn": f"{ARN}orders:live", "Name": "live", "FunctionVersion": "1", "Description": "d"}
    found = await lambda_.ask("get_function_configuration", FunctionName="orders:live")
    assert (found["FunctionArn"], found["Version"]) == (f"{ARN}orders:live", "1")


async def test_an_alias_splits_between_two_versions(lambda_: Served) -> None:
    before = (await lambda_.ask("get_function_configuration", FunctionName="orders"))["RevisionId"]
    routing = {"AdditionalVersionWeights": {"2": 0.25}}
    made = await lambda_.ask(
        "create_alias", FunctionName="orders", Name="live", FunctionVersion="1", RoutingConfig=routing
    )
    assert made["RoutingConfig"] == routing
    assert (await lambda_.ask("get_function_configuration", FunctionName="orders"))["RevisionId"] == before
    alias = lambda_.daemon.desired.fleet.settings.functions["orders"].aliases["live"]
    assert (alias.version, alias.weights) == ("1", {"2": 0.25})
    other = await lambda_.ask("update_alias", FunctionName="orders", Name="live", Description="new")
    assert (other["RoutingConfig"], other["FunctionVersion"], other["Description"]) == (routing, "1", "new")
    assert other["RevisionId"] != made["RevisionId"]
    none: dict[str, Any] = {"AdditionalVersionWeights": {}}
    all_of_it = await lambda_.ask(
        "update_alias", FunctionName="orders", Name="live", FunctionVersion="2", RoutingConfig=none
    )
    assert (all_of_it["FunctionVersion"], "RoutingConfig" in all_of_it) == ("2", False)
    told = await lambda_.refused("update_alias", FunctionName="orders", Name="live", RevisionId=made["RevisionId"])
    assert told[:2] == (412, "PreconditionFailedException")


@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        (
            {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            400,
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        (
            {"FunctionVersion": "$LATEST", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            400,
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.5, "3": 0.1}}},
            400,
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        ({"FunctionVersion": "9"}, 404, f"Function not found: {ARN}orders:9"),
        (
            {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"9": 0.5}}},
            404,
            f"Function not found: {ARN}orders:9",
        ),
    ],
)
async def test_an_alias_that_leads_nowhere_is_refused(
    lambda_: Served, given: dict[str, Any], status: int, sentence: str
) -> None:
    told = await lambda_.refused("create_alias", FunctionName="orders", Name="live", **given)
    assert (told[0], told[2]) == (status, sentence)
    assert (await lambda_.ask("list_aliases", FunctionName="orders"))["Aliases"] == []


async def test_aliases_have_one_name_each_and_are_deleted(lambda_: Served) -> None:
    await lambda_.ask("create_alias", FunctionName="orders", Name="a", FunctionVersion="1")
    await lambda_.ask("create_alias", FunctionName="orders", Name="b", FunctionVersion="2")
    assert await lambda_.refused("create_alias", FunctionName="orders", Name="a", FunctionVersion="1") == (
        409,
        "ResourceConflictException",
        f"Alias already exists: {ARN}orders:a",
    )
    found = await lambda_.ask("list_aliases", FunctionName="orders", FunctionVersion="2")
    assert [each["Name"] for each in found["Aliases"]] == ["b"]
    first = await lambda_.ask("list_aliases", FunctionName="orders", MaxItems=1)
    assert (await lambda_.ask("list_aliases", FunctionName="orders", Marker=first["NextMarker"]))["Aliases"] == found[
        "Aliases"
    ]
    await lambda_.ask("delete_alias", FunctionName="orders", Name="a")
    await lambda_.ask("delete_alias", FunctionName="orders", Name="a")
    assert await lambda_.refused("get_alias", FunctionName="orders", Name="a") == (
        404,
        "ResourceNotFoundException",
        f"Cannot find alias arn: {ARN}orders:a",
    )
    assert (await lambda_.refused("update_alias", FunctionName="orders", Name="a"))[2] == (
        f"Alias not found: {ARN}orders:a"
    )
    with pytest.raises(UnknownFunctionError):
        lambda_.daemon.desired.fleet.invoker.function("orders:a")


async def test_a_script_written_for_aws_works(lambda_: Served) -> None:
    def deploy(client: Any) -> list[str]:
        client.create_function(**basic("deployed"))
        client.get_waiter("function_active_v2").wait(FunctionName="deployed")
        first = client.publish_version(FunctionName="deployed")["Version"]
        client.get_waiter("published_version_active").wait(FunctionName="deployed", Qualifier=first)
        client.create_alias(FunctionName="deployed", Name="live", FunctionVersion=first)
        client.update_function_code(FunctionName="deployed", ZipFile=OTHER_CODE)
        client.get_waiter("function_updated_v2").wait(FunctionName="deployed")
        client.update_function_configuration(FunctionName="deployed", MemorySize=512)
        client.get_waiter("function_updated_v2").wait(FunctionName="deployed")
        second = client.publish_version(FunctionName="deployed")["Version"]
        client.update_alias(
            FunctionName="deployed", Name="live", RoutingConfig={"AdditionalVersionWeights": {second: 0.1}}
        )
        client.update_alias(
            FunctionName="deployed",
            Name="live",
            FunctionVersion=second,
            RoutingConfig={"AdditionalVersionWeights": {}},
        )
        found = client.get_alias(FunctionName="deployed", Name="live")["FunctionVersion"]
        client.delete_function(FunctionName="deployed", Qualifier=first)
        client.delete_alias(FunctionName="deployed", Name="live")
        client.delete_function(FunctionName="deployed")
        left = [each["FunctionName"] for each in client.list_functions()["Functions"]]
        return [first, second, found, *left]

    assert await lambda_.script(deploy) == ["1", "2", "2", "orders"]
