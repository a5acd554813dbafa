"""Functions by calls of boto3 with real code: from a bucket, from an image, run by real environments."""

from __future__ import annotations

import asyncio
import json
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from poller.cli import configuration
from poller.execution.contract import Driver
from poller.observe.events import Emit
from poller.settings.load import load
from tests.aws_clients import client_of
from tests.images import file, layout, tar
from tests.integration.api.served import ROLE, Served, basic, served, zipped
from tests.servers import Server

RUNTIME = "python3.11"


def processes(folder: Path) -> Any:
    """The driver that the configuration of a test asks for."""

    def driver(emit: Emit) -> Driver:
        return partial(configuration.driver, load(folder / "pollerd.json"))(emit)

    return driver


async def answer(lambda_: Served, target: str, event: Any = None) -> Any:
    result = await lambda_.daemon.desired.fleet.invoker.invoke(target, json.dumps(event).encode())
    return json.loads(result.payload)


def package(text: str) -> bytes:
    return zipped({"app.py": f"import common\ndef handler(event, context): return [{text!r}, common.v]\n"})


async def test_the_code_that_came_is_the_code_that_runs(tmp_path: Path) -> None:
    async with served(tmp_path, driver=processes(tmp_path)) as lambda_:
        layer = zipped({"python/common.py": "v = 'from a layer'\n"})
        arn = await lambda_.ask("publish_layer_version", LayerName="common", Content={"ZipFile": layer})
        await lambda_.ask(
            "create_function",
            **basic(Code={"ZipFile": package("first")}, Layers=[arn["LayerVersionArn"]], Publish=True),
        )
        assert await answer(lambda_, "orders") == ["first", "from a layer"]
        await lambda_.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
        await lambda_.ask("update_function_code", FunctionName="orders", ZipFile=package("second"))
        assert await answer(lambda_, "orders") == ["second", "from a layer"]
        assert await answer(lambda_, "orders:live") == ["first", "from a layer"]
        await lambda_.ask("update_function_code", FunctionName="orders", ZipFile=package("third"), Publish=True)
        await lambda_.ask("update_alias", FunctionName="orders", Name="live", FunctionVersion="2")
        assert await answer(lambda_, "orders:live") == ["third", "from a layer"]
    async with served(tmp_path, driver=processes(tmp_path)) as lambda_:
        assert await answer(lambda_, "orders:live") == ["third", "from a layer"]
        assert await answer(lambda_, "orders:1") == ["first", "from a layer"]


async def test_what_this_host_cannot_start_is_refused_with_the_remedy(tmp_path: Path) -> None:
    async with served(tmp_path, driver=processes(tmp_path)) as lambda_:
        status, code, sentence = await lambda_.refused("create_function", **basic(Runtime="dotnet8"))
        assert (status, code) == (400, "InvalidParameterValueException")
        assert "dotnet8" in sentence
        assert (await lambda_.ask("list_functions"))["Functions"] == []


@pytest.mark.server
async def test_a_package_comes_from_a_bucket(tmp_path: Path, ministack: Server) -> None:
    bucket = f"packages-{uuid.uuid4().hex[:8]}"
    code = zipped({"app.py": "def handler(event, context): return 'bucket'\n"})
    async with client_of("s3", ministack.url) as s3:
        await s3.create_bucket(Bucket=bucket)
        await s3.put_object(Bucket=bucket, Key="orders.zip", Body=code)
    aws = {"region": "eu-central-1", "account_id": "123456789012", "endpoint_url": ministack.url}
    async with served(tmp_path, {"aws": aws}) as lambda_:
        made = await lambda_.ask("create_function", **basic(Code={"S3Bucket": bucket, "S3Key": "orders.zip"}))
        assert made["CodeSize"] == len(code)
        for given, said in (
            ({"S3Bucket": bucket, "S3Key": "nobody"}, "NoSuchKey"),
            ({"S3Bucket": f"{bucket}-gone", "S3Key": "k"}, "NoSuchBucket"),
        ):
            told = await lambda_.refused("update_function_code", FunctionName="orders", **given)
            assert told[:2] == (400, "InvalidParameterValueException")
            assert told[2].startswith(f"Error occurred while GetObject. S3 Error Code: {said}. S3 Error Message: ")


async def test_an_image_of_this_machine_is_a_functions_code(tmp_path: Path) -> None:
    first, second = (
        layout(
            tmp_path / name, tar(file("bootstrap", "#!/bin/sh\n", mode=0o755), file(name)), Entrypoint=["/bootstrap"]
        )
        for name in ("first", "second")
    )
    async with served(tmp_path) as lambda_:
        made = await lambda_.ask(
            "create_function",
            FunctionName="imaged",
            Role=ROLE,
            PackageType="Image",
            Code={"ImageUri": str(first)},
            ImageConfig={"Command": ["app.handler"]},
        )
        assert (made["PackageType"], made["CodeSize"], len(made["CodeSha256"])) == ("Image", 0, 64)
        assert not {"Runtime", "Handler"} & made.keys()
        assert made["ImageConfigResponse"] == {"ImageConfig": {"Command": ["app.handler"]}}
        found = (await lambda_.ask("get_function", FunctionName="imaged"))["Code"]
        assert found["RepositoryType"] == "ECR"
        assert found["ResolvedImageUri"] == f"{first}@sha256:{made['CodeSha256']}"
        other = await lambda_.ask("update_function_code", FunctionName="imaged", ImageUri=str(second))
        assert other["CodeSha256"] != made["CodeSha256"]
        none = await lambda_.ask("update_function_configuration", FunctionName="imaged", ImageConfig={})
        assert "ImageConfigResponse" not in none
        version = await lambda_.ask("publish_version", FunctionName="imaged")
        assert (version["Version"], version["CodeSha256"]) == ("1", other["CodeSha256"])
        code = zipped({"app.py": ""})
        for verb, name, given, sentence in (
            (
                "update_function_code",
                "imaged",
                {"ZipFile": code},
                "Please provide ImageUri when updating a function with packageType Image.",
            ),
            (
                "update_function_configuration",
                "imaged",
                {"Handler": "app.handler"},
                "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
            ),
        ):
            assert (await lambda_.refused(verb, FunctionName=name, **given))[2] == sentence
        await lambda_.ask("create_function", **basic())
        told = await lambda_.refused("update_function_code", FunctionName="orders", ImageUri=str(first))
        assert told[2] == "Please don't provide ImageUri when updating a function with packageType Zip."


async def test_one_call_at_a_time_changes_a_function(tmp_path: Path) -> None:
    async with served(tmp_path) as lambda_:
        await lambda_.ask("create_function", **basic())
        async with lambda_.daemon.desired.change():
            first = asyncio.create_task(lambda_.ask("update_function_configuration", FunctionName="orders", Timeout=9))
            while True:
                found = await lambda_.ask("get_function_configuration", FunctionName="orders")
                if found["LastUpdateStatus"] == "InProgress":
                    break
            told = await lambda_.refused("update_function_configuration", FunctionName="orders", Timeout=10)
            assert told == (
                409,
                "ResourceConflictException",
                (
                    "The operation cannot be performed at this time. An update is in progress for resource: "
                    "arn:aws:lambda:eu-central-1:123456789012:function:orders"
                ),
            )
        await first
        found = await lambda_.ask("get_function_configuration", FunctionName="orders")
        assert (found["Timeout"], found["LastUpdateStatus"]) == (9, "Successful")
