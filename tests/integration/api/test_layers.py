"""Layers by calls of boto3, and functions that use them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.served import ACCOUNT, CODE, LAYER_ARN, REGION, Served, basic, served, zipped

FIRST, SECOND = zipped({"python/common.py": "v = 1\n"}), zipped({"python/common.py": "v = 2\n"})


@pytest.fixture
async def lambda_(tmp_path: Path) -> AsyncIterator[Served]:
    """A daemon with a layer of two versions."""
    async with served(tmp_path) as found:
        await found.ask(
            "publish_layer_version",
            LayerName="common",
            Description="first",
            LicenseInfo="MIT",
            CompatibleRuntimes=["python3.11"],
            CompatibleArchitectures=["x86_64"],
            Content={"ZipFile": FIRST},
        )
        await found.ask("publish_layer_version", LayerName="common", Content={"ZipFile": SECOND})
        yield found


async def test_a_version_of_a_layer_is_told(lambda_: Served) -> None:
    found = await lambda_.ask("get_layer_version", LayerName="common", VersionNumber=1)
    content = found.pop("Content")
    assert content["CodeSize"] == len(FIRST)
    assert content["Location"].startswith(lambda_.daemon.url)
    assert found.pop("CreatedDate").endswith("+0000")
    assert found == {
        "LayerArn": f"{LAYER_ARN}common",
        "LayerVersionArn": f"{LAYER_ARN}common:1",
        "Version": 1,
        "Description": "first",
        "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["python3.11"],
        "CompatibleArchitectures": ["x86_64"],
    }
    by_arn = await lambda_.ask("get_layer_version_by_arn", Arn=f"{LAYER_ARN}common:1")
    assert by_arn["LayerVersionArn"] == f"{LAYER_ARN}common:1"


async def test_layers_and_their_versions_are_listed(lambda_: Served) -> None:
    await lambda_.ask("publish_layer_version", LayerName="other", Content={"ZipFile": FIRST})
    found = await lambda_.ask("list_layers")
    assert [(each["LayerName"], each["LatestMatchingVersion"]["Version"]) for each in found["Layers"]] == [
        ("common", 2),
        ("other", 1),
    ]
    python = await lambda_.ask("list_layers", CompatibleRuntime="python3.11")
    assert [each["LatestMatchingVersion"]["Version"] for each in python["Layers"]] == [1]
    versions = await lambda_.ask("list_layer_versions", LayerName="common")
    assert [each["Version"] for each in versions["LayerVersions"]] == [2, 1]
    first = await lambda_.ask("list_layer_versions", LayerName="common", MaxItems=1)
    rest = await lambda_.ask("list_layer_versions", LayerName="common", Marker=first["NextMarker"])
    assert [each["Version"] for each in rest["LayerVersions"]] == [1]
    assert (await lambda_.ask("list_layer_versions", LayerName="nobody"))["LayerVersions"] == []


async def test_numbers_of_versions_are_not_given_twice(lambda_: Served) -> None:
    for number in (1, 2):
        await lambda_.ask("delete_layer_version", LayerName="common", VersionNumber=number)
    assert await lambda_.refused("get_layer_version", LayerName="common", VersionNumber=2) == (
        404,
        "ResourceNotFoundException",
        f"Layer version {LAYER_ARN}common:2 does not exist.",
    )
    assert (await lambda_.ask("list_layers"))["Layers"] == []
    published = await lambda_.ask("publish_layer_version", LayerName="common", Content={"ZipFile": FIRST})
    assert published["Version"] == 3


async def test_a_function_sees_its_layers_in_their_order(lambda_: Served) -> None:
    await lambda_.ask("publish_layer_version", LayerName="other", Content={"ZipFile": zipped({"python/other.py": ""})})
    arns = [f"{LAYER_ARN}common:1", f"{LAYER_ARN}other:1"]
    made = await lambda_.ask("create_function", **basic(Layers=arns))
    assert [layer["Arn"] for layer in made["Layers"]] == arns
    assert made["Layers"][0]["CodeSize"] == len(FIRST)
    root = Path(str(lambda_.daemon.desired.fleet.pools["orders"].spec.layers_root))
    assert (root / "python" / "common.py").read_text() == "v = 1\n"
    assert (root / "python" / "other.py").exists()
    await lambda_.ask("delete_layer_version", LayerName="common", VersionNumber=1)
    changed = await lambda_.ask("update_function_configuration", FunctionName="orders", Timeout=9)
    assert [layer["Arn"] for layer in changed["Layers"]] == arns
    none = await lambda_.ask("update_function_configuration", FunctionName="orders", Layers=[])
    assert "Layers" not in none
    assert lambda_.daemon.desired.fleet.pools["orders"].spec.layers_root is None


async def test_of_two_layers_with_one_content_the_last_counts(lambda_: Served) -> None:
    for name, content in (("a", FIRST), ("b", SECOND), ("c", FIRST)):
        await lambda_.ask("publish_layer_version", LayerName=name, Content={"ZipFile": content})
    await lambda_.ask("create_function", **basic(Layers=[f"{LAYER_ARN}{name}:1" for name in "abc"]))
    root = Path(str(lambda_.daemon.desired.fleet.pools["orders"].spec.layers_root))
    assert (root / "python" / "common.py").read_text() == "v = 1\n"


async def test_a_layer_is_named_once(lambda_: Served) -> None:
    both = [f"{LAYER_ARN}common:1", f"{LAYER_ARN}common:2"]
    assert (await lambda_.refused("create_function", **basic(Layers=both)))[2] == (
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{both[0]} and {both[1]} are versions of the same layer."
    )


async def test_unknown_runtimes_are_no_compatible_ones(lambda_: Served) -> None:
    told = await lambda_.refused(
        "publish_layer_version", LayerName="common", CompatibleRuntimes=["cobol"], Content={"ZipFile": FIRST}
    )
    assert told[:2] == (400, "ValidationException")
    assert "Member must satisfy enum value set" in told[2]


async def test_permissions_are_kept_and_told(lambda_: Served) -> None:
    of: dict[str, Any] = {"LayerName": "common", "VersionNumber": 1}
    none = await lambda_.refused("get_layer_version_policy", **of)
    assert none[1:] == ("ResourceNotFoundException", "No policy is associated with the given resource.")
    given = {
        "StatementId": "s1",
        "Action": "lambda:GetLayerVersion",
        "Principal": ACCOUNT,
        "OrganizationId": "o-abcdefghij",
    }
    added = await lambda_.ask("add_layer_version_permission", **of, **given)
    statement = json.loads(added["Statement"])
    assert statement == {
        "Sid": "s1",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "lambda:GetLayerVersion",
        "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:common:1",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}},
    }
    policy = await lambda_.ask("get_layer_version_policy", **of)
    assert json.loads(policy["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    assert policy["RevisionId"] == added["RevisionId"]
    twice = await lambda_.refused("add_layer_version_permission", **of, **given)
    assert twice == (
        409,
        "ResourceConflictException",
        "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing statement.",
    )
    outdated = await lambda_.refused("remove_layer_version_permission", **of, StatementId="s1", RevisionId="other")
    assert (outdated[0], "Call the GetLayerPolicy API" in outdated[2]) == (412, True)
    unknown = await lambda_.refused("remove_layer_version_permission", **of, StatementId="s2")
    assert unknown[2] == "Statement s2 is not found in resource policy."
    await lambda_.ask("remove_layer_version_permission", **of, StatementId="s1", RevisionId=policy["RevisionId"])
    assert (await lambda_.refused("get_layer_version_policy", **of))[0] == 404


async def test_packages_that_nobody_names_any_more_go_when_a_daemon_starts(tmp_path: Path) -> None:
    async with served(tmp_path) as lambda_:
        await lambda_.ask("create_function", **basic())
        await lambda_.ask("publish_layer_version", LayerName="common", Content={"ZipFile": FIRST})
        await lambda_.ask("publish_layer_version", LayerName="gone", Content={"ZipFile": SECOND})
        await lambda_.ask("delete_layer_version", LayerName="gone", VersionNumber=1)
    packages = sorted((tmp_path / "state" / "code").glob("*.zip"))
    assert len(packages) == 3
    for package in packages:
        os.utime(package, (0, 0))
    async with served(tmp_path) as lambda_:
        left = {path.read_bytes() for path in (tmp_path / "state" / "code").glob("*.zip")}
        assert left == {CODE, FIRST}
