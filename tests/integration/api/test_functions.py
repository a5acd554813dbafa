"""Functions by calls of boto3: made, read, changed, deleted; what is refused, and how it is said."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from poller.execution.runtimes.own import IDENTIFIER
from tests.integration.api.served import ACCOUNT, ARN, CODE, HANDLER, OTHER_CODE, REGION, Served, basic, served, zipped


@pytest.fixture
async def lambda_(tmp_path: Path) -> AsyncIterator[Served]:
    """A daemon without a function."""
    async with served(tmp_path) as found:
        yield found


RETIRED = (
    "The runtime parameter of python2.7 is no longer supported for creating or updating AWS Lambda functions. "
    "We recommend you use a supported runtime while creating or updating functions."
)
VARIABLES = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided"
)
RESERVED = (
    f"{VARIABLES} contains reserved keys that are currently not supported for modification. "
    "Reserved keys used in this request: AWS_REGION"
)
TOO_BIG = f'{VARIABLES} exceeded the 4KB limit. String measured: {{"BIG":"xxx'


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


async def test_a_function_is_made_as_the_service_makes_it(lambda_: Served) -> None:
    made = await lambda_.ask(
        "create_function",
        **basic(Runtime=IDENTIFIER, Description="all of them", Environment={"Variables": {"TABLE": "orders"}}),
    )
    assert made["RevisionId"]
    assert made["LastModified"].endswith("+0000")
    assert made["Architectures"] in (["x86_64"], ["arm64"])
    version = made.pop("RuntimeVersionConfig")
    assert re.fullmatch(f"arn:aws:lambda:{REGION}::runtime:[0-9a-f]{{64}}", version["RuntimeVersionArn"])
    for varying in ("RevisionId", "LastModified", "Architectures"):
        del made[varying]
    assert made == {
        "CodeSha256": sha256(CODE),
        "CodeSize": len(CODE),
        "Description": "all of them",
        "Environment": {"Variables": {"TABLE": "orders"}},
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": f"{ARN}orders",
        "FunctionName": "orders",
        "Handler": "app.handler",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/orders"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/worker",
        "Runtime": IDENTIFIER,
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
    }


async def test_a_function_that_was_made_is_active(lambda_: Served) -> None:
    made = await lambda_.ask("create_function", **basic())
    await lambda_.script(lambda client: client.get_waiter("function_active_v2").wait(FunctionName="orders"))
    await lambda_.script(lambda client: client.get_waiter("function_updated").wait(FunctionName="orders"))
    told = await lambda_.ask("get_function_configuration", FunctionName="orders")
    assert (told["State"], told["LastUpdateStatus"]) == ("Active", "Successful")
    assert told["RevisionId"] == made["RevisionId"]
    assert "orders" in lambda_.daemon.desired.fleet.settings.functions


async def test_one_function_is_told_with_its_runtime_version_and_a_list_is_not(lambda_: Served) -> None:
    made = await lambda_.ask("create_function", **basic(Runtime=IDENTIFIER, SnapStart={"ApplyOn": "PublishedVersions"}))
    published = await lambda_.ask("publish_version", FunctionName="orders")
    found = await lambda_.ask("get_function_configuration", FunctionName="orders:1")
    assert made["RuntimeVersionConfig"] == published["RuntimeVersionConfig"] == found["RuntimeVersionConfig"]
    assert found["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    [in_list] = (await lambda_.ask("list_functions"))["Functions"]
    versions = (await lambda_.ask("list_versions_by_function", FunctionName="orders"))["Versions"]
    assert not any("RuntimeVersionConfig" in each for each in [in_list, *versions])
    other = await lambda_.ask("update_function_configuration", FunctionName="orders", Runtime="provided.al2023")
    assert other["RuntimeVersionConfig"] != made["RuntimeVersionConfig"]


@pytest.mark.parametrize(
    "name", ["orders", f"{ARN}orders", f"{ACCOUNT}:function:orders", f"{ARN}orders:$LATEST", "orders:$LATEST"]
)
async def test_all_forms_of_the_name_lead_to_it(lambda_: Served, name: str) -> None:
    await lambda_.ask("create_function", **basic(name))
    found = await lambda_.ask("get_function_configuration", FunctionName=name)
    assert found["FunctionArn"] == f"{ARN}orders" + (":$LATEST" if name.endswith("LATEST") else "")


async def test_what_only_aws_acts_on_is_kept_and_told(tmp_path: Path) -> None:
    aws = {"region": REGION, "account_id": ACCOUNT, "endpoint_url": "http://127.0.0.1:9"}
    async with served(tmp_path, {"aws": aws}) as lambda_:
        await keep_and_clear(lambda_)


async def keep_and_clear(lambda_: Served) -> None:
    kept: dict[str, Any] = {
        "KMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
        "TracingConfig": {"Mode": "Active"},
        "DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"},
    }
    vpc = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    await lambda_.ask("create_function", **basic(VpcConfig=vpc, Tags={"team": "a"}, **kept))
    found = await lambda_.ask("get_function", FunctionName="orders")
    assert {name: found["Configuration"][name] for name in kept} == kept
    assert found["Configuration"]["VpcConfig"] == {"VpcId": "", **vpc}
    assert found["Tags"] == {"team": "a"}
    cleared = await lambda_.ask(
        "update_function_configuration",
        FunctionName="orders",
        KMSKeyArn="",
        DeadLetterConfig={"TargetArn": ""},
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
    )
    assert not {"KMSKeyArn", "DeadLetterConfig", "VpcConfig"} & cleared.keys()


async def test_the_package_is_fetched_from_its_location(lambda_: Served) -> None:
    await lambda_.ask("create_function", **basic())
    code = (await lambda_.ask("get_function", FunctionName="orders"))["Code"]
    assert code["RepositoryType"] == "S3"

    def fetch(_: Any) -> bytes:
        with urllib.request.urlopen(code["Location"]) as answer:
            content: bytes = answer.read()
            return content

    assert await lambda_.script(fetch) == CODE


async def test_a_location_is_where_the_caller_has_reached_the_port(lambda_: Served) -> None:
    await lambda_.ask("create_function", **basic())
    asked = urllib.request.Request(
        f"{lambda_.url}/2015-03-31/functions/orders", headers={"Host": "lambda.localhost:8443"}
    )

    def get(_: Any) -> Any:
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)

    location: str = (await lambda_.script(get))["Code"]["Location"]
    assert location.startswith("http://lambda.localhost:8443/_pollerd/code/")


@pytest.mark.parametrize(
    ("given", "status", "code", "sentence"),
    [
        ({"FunctionName": f"{ARN}orders".replace(ACCOUNT, "999999999999")}, 403, "AccessDeniedException", None),
        (
            {"FunctionName": f"{ARN}orders".replace(REGION, "us-west-2")},
            404,
            "ResourceNotFoundException",
            f"Functions from 'us-west-2' are not reachable in this region ('{REGION}')",
        ),
        (
            {"Runtime": "python2.7"},
            400,
            "InvalidParameterValueException",
            RETIRED,
        ),
        (
            {"Runtime": "python9.9"},
            400,
            "InvalidParameterValueException",
            "Value python9.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [",
        ),
        (
            {"Code": {"ZipFile": b"not a zip"}},
            400,
            "InvalidParameterValueException",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            400,
            "InvalidParameterValueException",
            RESERVED,
        ),
        (
            {"Environment": {"Variables": {"BIG": "x" * 4096}}},
            400,
            "InvalidParameterValueException",
            TOO_BIG,
        ),
        (
            {"PackageType": "Image"},
            400,
            "InvalidParameterValueException",
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
        ),
        (
            {"Tags": {str(number): "x" for number in range(51)}},
            400,
            "InvalidParameterValueException",
            "Number of tags exceeds resource tag limit.",
        ),
        ({"Timeout": 901}, 400, "ValidationException", "1 validation error detected: Value '901' at 'timeout'"),
        (
            {"Layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l:{n}" for n in range(6)]},
            400,
            "InvalidParameterValueException",
            "Cannot reference more than 5 layers.",
        ),
        (
            {"Layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l:1"]},
            400,
            "InvalidParameterValueException",
            f"Layer version arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l:1 does not exist.",
        ),
        (
            {"Layers": [f"arn:aws:lambda:us-west-2:{ACCOUNT}:layer:l:1"]},
            400,
            "InvalidParameterValueException",
            f"Layers are not in the same region as the function. Layers are expected to be in region {REGION}.",
        ),
        (
            {
                "FileSystemConfigs": [
                    {
                        "Arn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/fsap-0123456789abcdef0",
                        "LocalMountPath": "/mnt/a",
                    }
                ]
            },
            400,
            "InvalidParameterValueException",
            "FileSystemConfigs is not supported here; file_system_configs in a configuration file names folders",
        ),
        (
            {"Code": {"S3Bucket": "b-1", "S3Key": "k"}},
            400,
            "InvalidParameterValueException",
            "this is s3 of real AWS, which is not contacted unless told to",
        ),
        ({"Code": {}}, 400, "InvalidParameterValueException", "Please provide a source for function code."),
    ],
)
async def test_what_makes_no_sense_is_refused_in_the_services_words(
    lambda_: Served, given: dict[str, Any], status: int, code: str, sentence: str | None
) -> None:
    told = await lambda_.refused("create_function", **basic(**given))
    assert told[:2] == (status, code)
    assert told[2].startswith(sentence) if sentence else told[2] in {None, "", "None"}
    assert (await lambda_.ask("list_functions"))["Functions"] == []


async def test_a_name_is_given_once(lambda_: Served) -> None:
    await lambda_.ask("create_function", **basic())
    assert await lambda_.refused("create_function", **basic()) == (
        409,
        "ResourceConflictException",
        "Function already exist: orders",
    )


async def test_what_is_not_there_is_told_by_its_arn(lambda_: Served) -> None:
    await lambda_.ask("create_function", **basic())
    assert await lambda_.refused("get_function", FunctionName="nobody") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}nobody",
    )
    assert (await lambda_.refused("get_function", FunctionName="orders", Qualifier="7"))[2] == (
        f"Function not found: {ARN}orders:7"
    )
    assert await lambda_.refused("get_function", FunctionName="orders:1", Qualifier="2") == (
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )
    assert (await lambda_.refused("update_function_code", FunctionName="nobody", ZipFile=CODE))[:2] == (
        404,
        "ResourceNotFoundException",
    )


async def test_other_code_takes_the_place_of_what_was_there(lambda_: Served) -> None:
    made = await lambda_.ask("create_function", **basic())
    dry = await lambda_.ask("update_function_code", FunctionName="orders", ZipFile=OTHER_CODE, DryRun=True)
    assert dry["CodeSha256"] == sha256(OTHER_CODE)
    unchanged = await lambda_.ask("get_function_configuration", FunctionName="orders")
    assert (unchanged["CodeSha256"], unchanged["RevisionId"]) == (made["CodeSha256"], made["RevisionId"])
    updated = await lambda_.ask("update_function_code", FunctionName="orders", ZipFile=OTHER_CODE)
    assert (updated["CodeSha256"], updated["LastUpdateStatus"]) == (sha256(OTHER_CODE), "InProgress")
    await lambda_.script(lambda client: client.get_waiter("function_updated_v2").wait(FunctionName="orders"))
    root = Path(lambda_.daemon.desired.fleet.pools["orders"].spec.task_root)
    assert (root / "more.txt").read_text() == "more"


async def test_a_revision_that_is_not_the_newest_changes_nothing(lambda_: Served) -> None:
    first = (await lambda_.ask("create_function", **basic()))["RevisionId"]
    second = (await lambda_.ask("update_function_configuration", FunctionName="orders", RevisionId=first, Timeout=9))[
        "RevisionId"
    ]
    sentence = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    for verb, given in (
        ("update_function_configuration", {"Timeout": 10}),
        ("update_function_code", {"ZipFile": OTHER_CODE}),
        ("publish_version", {}),
    ):
        told = await lambda_.refused(verb, FunctionName="orders", RevisionId=first, **given)
        assert told == (412, "PreconditionFailedException", sentence)
    found = await lambda_.ask("get_function_configuration", FunctionName="orders")
    assert (found["RevisionId"], found["Timeout"]) == (second, 9)


async def test_a_configuration_changes_field_by_field(lambda_: Served) -> None:
    await lambda_.ask("create_function", **basic(Environment={"Variables": {"A1": "1", "B1": "2"}}))
    change = {
        "Timeout": 60,
        "MemorySize": 256,
        "Description": "other",
        "Environment": {"Variables": {"A1": "3"}},
        "EphemeralStorage": {"Size": 1024},
        "LoggingConfig": {"LogFormat": "JSON"},
    }
    await lambda_.ask("update_function_configuration", FunctionName="orders", **change)
    found = await lambda_.ask("get_function_configuration", FunctionName="orders")
    del change["LoggingConfig"]
    assert {name: found[name] for name in change} == change
    assert found["LoggingConfig"] == {
        "LogFormat": "JSON",
        "LogGroup": "/aws/lambda/orders",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
    }
    back = await lambda_.ask(
        "update_function_configuration",
        FunctionName="orders",
        LoggingConfig={"LogFormat": "Text", "LogGroup": "/shared"},
        Environment={"Variables": {}},
    )
    assert back["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/shared"}
    assert "Environment" not in back
    spec = lambda_.daemon.desired.fleet.pools["orders"].spec
    assert (spec.timeout_seconds, spec.memory_mb, spec.environment) == (60, 256, {})


async def test_code_may_come_before_the_handler_that_fits_it(lambda_: Served) -> None:
    await lambda_.ask("create_function", **basic())
    moved = zipped({"main.py": HANDLER})
    await lambda_.ask("update_function_code", FunctionName="orders", ZipFile=moved)
    await lambda_.ask("update_function_configuration", FunctionName="orders", Handler="main.handler")
    assert lambda_.daemon.desired.fleet.pools["orders"].spec.handler == "main.handler"


async def test_functions_are_listed_in_pages(lambda_: Served) -> None:
    for number in range(5):
        await lambda_.ask("create_function", **basic(f"f{number}"))
    first = await lambda_.ask("list_functions", MaxItems=2)
    assert [each["FunctionName"] for each in first["Functions"]] == ["f0", "f1"]
    assert not {"State", "LastUpdateStatus"} & first["Functions"][0].keys()
    names = await lambda_.script(
        lambda client: [
            each["FunctionName"]
            for page in client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
            for each in page["Functions"]
        ]
    )
    assert names == [f"f{number}" for number in range(5)]
    await lambda_.ask("publish_version", FunctionName="f1")
    every = await lambda_.ask("list_functions", FunctionVersion="ALL")
    assert [each["FunctionArn"] for each in every["Functions"]][1:3] == [f"{ARN}f1:$LATEST", f"{ARN}f1:1"]
    assert (await lambda_.refused("list_functions", Marker="?"))[1] == "InvalidParameterValueException"


async def test_a_deleted_function_leaves_nothing_but_its_numbers(lambda_: Served) -> None:
    await lambda_.ask("create_function", **basic(Publish=True))
    assert (await lambda_.refused("delete_function", FunctionName="orders", Qualifier="$LATEST"))[
        2
    ] == "$LATEST version cannot be deleted without deleting the function."
    await lambda_.ask("delete_function", FunctionName="orders")
    assert (await lambda_.refused("get_function", FunctionName="orders"))[0] == 404
    assert (await lambda_.refused("delete_function", FunctionName="orders"))[0] == 404
    assert "orders" not in lambda_.daemon.desired.fleet.pools
    await lambda_.ask("create_function", **basic())
    assert (await lambda_.ask("publish_version", FunctionName="orders"))["Version"] == "2"


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path) as before:
        await before.ask("create_function", **basic(Description="kept", Tags={"a": "b"}))
        await before.ask("publish_version", FunctionName="orders")
        await before.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
        layer = await before.ask("publish_layer_version", LayerName="common", Content={"ZipFile": OTHER_CODE})
        await before.ask("update_function_configuration", FunctionName="orders", Layers=[layer["LayerVersionArn"]])
        told = [
            await before.ask(verb, FunctionName="orders") for verb in ("get_function_configuration", "list_aliases")
        ]
    async with served(tmp_path) as after:
        assert told == [
            await after.ask(verb, FunctionName="orders") for verb in ("get_function_configuration", "list_aliases")
        ]
        assert (await after.ask("list_versions_by_function", FunctionName="orders"))["Versions"][1]["Version"] == "1"
        assert (await after.ask("list_tags", Resource=f"{ARN}orders"))["Tags"] == {"a": "b"}
        assert {"orders", "orders:1"} <= after.daemon.desired.fleet.pools.keys()


async def test_what_cannot_be_used_any_more_is_told_and_kept(tmp_path: Path) -> None:
    async with served(tmp_path) as before:
        await before.ask("create_function", **basic(Timeout=20))
    for package in (tmp_path / "state" / "code").glob("*.zip"):
        package.unlink()
    async with served(tmp_path) as after:
        found = await after.ask("get_function_configuration", FunctionName="orders")
        assert (found["State"], found["StateReasonCode"], found["Timeout"]) == ("Failed", "InvalidConfiguration", 20)
        assert ".zip" in found["StateReason"]
        assert (await after.refused("publish_version", FunctionName="orders"))[1] == "ResourceConflictException"
        await after.ask("update_function_code", FunctionName="orders", ZipFile=OTHER_CODE)
        assert (await after.ask("get_function_configuration", FunctionName="orders"))["State"] == "Active"


@pytest.fixture
def filed(tmp_path: Path) -> dict[str, Any]:
    """A configuration with a function, whose code is a folder."""
    (tmp_path / "app.py").write_text(HANDLER)
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text(HANDLER)
    return {"functions": {"filed": {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}}}


async def test_a_function_from_a_file_is_told_and_not_changed(tmp_path: Path, filed: dict[str, Any]) -> None:
    async with served(tmp_path, filed) as lambda_:
        found = await lambda_.ask("get_function", FunctionName="filed")
        assert found["Configuration"]["State"] == "Active"

        def fetch(_: Any) -> bytes:
            with urllib.request.urlopen(found["Code"]["Location"]) as answer:
                content: bytes = answer.read()
                return content

        package = await lambda_.script(fetch)
        assert found["Configuration"]["CodeSha256"] == sha256(package)
        assert found["Configuration"]["CodeSize"] == len(package)
        sentence = f"the function filed stands in {tmp_path / 'pollerd.json'}, and is changed there"
        for verb, given in (
            ("update_function_code", {"ZipFile": CODE}),
            ("update_function_configuration", {"Timeout": 5}),
            ("delete_function", {}),
            ("put_function_concurrency", {"ReservedConcurrentExecutions": 1}),
            ("create_alias", {"Name": "live", "FunctionVersion": "$LATEST"}),
        ):
            assert await lambda_.refused(verb, FunctionName="filed", **given) == (
                409,
                "ResourceConflictException",
                sentence,
            )
        assert (await lambda_.refused("create_function", **basic("filed")))[2] == "Function already exist: filed"
        version = await lambda_.ask("publish_version", FunctionName="filed", Description="first")
        assert (version["Version"], version["CodeSha256"]) == ("1", sha256(package))
        assert "filed:1" in lambda_.daemon.desired.fleet.pools
        again = await lambda_.ask("publish_version", FunctionName="filed")
        assert (again["Version"], again["RevisionId"]) == ("1", version["RevisionId"])


async def test_retired_runtimes_are_let_in_where_it_is_said(tmp_path: Path) -> None:
    async with served(tmp_path, {"allow_deprecated_runtimes": True}) as lambda_:
        made = await lambda_.ask("create_function", **basic(Runtime="provided"))
        assert made["Runtime"] == "provided"


async def test_settings_are_written_for_nobody_to_read(lambda_: Served, tmp_path: Path) -> None:
    await lambda_.ask("create_function", **basic(Environment={"Variables": {"SECRET": "s"}}))
    state = tmp_path / "state" / "pollerd.sqlite3"
    assert state.stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "pollerd.json").read_text()).get("functions") is None


async def test_an_alias_that_a_mapping_leads_to_stays(tmp_path: Path) -> None:
    aws = {"region": REGION, "account_id": ACCOUNT, "endpoint_url": "http://127.0.0.1:9"}
    async with served(tmp_path, {"aws": aws}) as lambda_:
        await lambda_.ask("create_function", **basic(Publish=True))
        await lambda_.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
        mapping = await lambda_.ask(
            "create_event_source_mapping", FunctionName="orders:live", EventSourceArn=queue, Enabled=False
        )
        status, code, sentence = await lambda_.refused("delete_alias", FunctionName="orders", Name="live")
        assert (status, code) == (409, "ResourceConflictException")
        assert mapping["UUID"] in sentence
        await lambda_.ask("delete_event_source_mapping", UUID=mapping["UUID"])
        await lambda_.ask("delete_alias", FunctionName="orders", Name="live")
        await lambda_.ask("delete_function", FunctionName="orders")


async def test_what_cannot_be_used_any_more_can_be_deleted(tmp_path: Path) -> None:
    async with served(tmp_path) as before:
        await before.ask("create_function", **basic())
    for package in (tmp_path / "state" / "code").glob("*.zip"):
        package.unlink()
    async with served(tmp_path) as after:
        assert [each["FunctionName"] for each in (await after.ask("list_functions"))["Functions"]] == ["orders"]
        await after.ask("delete_function", FunctionName="orders")
        assert (await after.ask("list_functions"))["Functions"] == []
