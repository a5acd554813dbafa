"""Event invoke configs, resource policies, URLs and single settings of functions, by boto3."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from poller.settings.asynchronous import event_invoke
from tests.integration.api.served import ACCOUNT, ARN, REGION, Served, basic, served

NO_CONFIG = "doesn't have an EventInvokeConfig"
FAILURES = "arn:aws:sqs:eu-central-1:123456789012:failures"


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Served]:
    """With a function of a call, an alias of it, and a function of a file."""
    (tmp_path / "app.py").write_text("def handler(event, context): return event\n")
    filed = {"code": ".", "runtime": "python3.11", "handler": "app.handler"}
    aws = {"region": REGION, "account_id": ACCOUNT, "endpoint_url": "http://127.0.0.1:1"}
    document = {"functions": {"filed": filed}, "function_urls": {"listen": "127.0.0.1:0"}, "aws": aws}
    async with served(tmp_path, document) as found:
        await found.ask("create_function", **basic("orders", Publish=True))
        await found.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
        yield found


async def test_an_event_invoke_config_is_put_changed_and_deleted(daemon: Served) -> None:
    destinations = {"OnFailure": {"Destination": FAILURES}}
    put = await daemon.ask(
        "put_function_event_invoke_config",
        FunctionName="orders",
        MaximumRetryAttempts=1,
        MaximumEventAgeInSeconds=60,
        DestinationConfig=destinations,
    )
    modified = put.pop("LastModified")
    assert put == {
        "FunctionArn": f"{ARN}orders:$LATEST",
        "MaximumRetryAttempts": 1,
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {}, **destinations},
    }
    updated = await daemon.ask(
        "update_function_event_invoke_config",
        FunctionName="orders",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": f"{ARN}filed"}},
    )
    assert updated["LastModified"] >= modified
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)
    assert updated["DestinationConfig"] == {"OnSuccess": {"Destination": f"{ARN}filed"}, **destinations}
    of_alias = await daemon.ask(
        "put_function_event_invoke_config", FunctionName="orders", Qualifier="live", MaximumRetryAttempts=2
    )
    assert of_alias["FunctionArn"] == f"{ARN}orders:live"
    assert "MaximumEventAgeInSeconds" not in of_alias
    listed = await daemon.ask("list_function_event_invoke_configs", FunctionName="orders")
    arns = [each["FunctionArn"] for each in listed["FunctionEventInvokeConfigs"]]
    assert arns == [f"{ARN}orders:$LATEST", f"{ARN}orders:live"]
    config = daemon.daemon.desired.fleet.settings.functions["orders"].event_invoke_config
    assert config is not None
    assert config.maximum_retry_attempts == 0, "it is in force"
    put = await daemon.ask("put_function_event_invoke_config", FunctionName="orders", MaximumEventAgeInSeconds=90)
    assert "MaximumRetryAttempts" not in put, "it is replaced as a whole"
    await daemon.ask("delete_function_event_invoke_config", FunctionName="orders")
    status, code, sentence = await daemon.refused("get_function_event_invoke_config", FunctionName="orders")
    assert (status, code) == (404, "ResourceNotFoundException")
    assert sentence == f"The function {ARN}orders:$LATEST doesn't have an EventInvokeConfig"


async def test_a_version_has_a_config_of_its_own_which_goes_with_it(daemon: Served) -> None:
    of_version = {"FunctionName": "orders", "Qualifier": "1"}
    put = await daemon.ask("put_function_event_invoke_config", **of_version, MaximumRetryAttempts=0)
    assert (put["FunctionArn"], put["MaximumRetryAttempts"]) == (f"{ARN}orders:1", 0)
    settings = daemon.daemon.desired.fleet.settings.functions["orders"]
    counts = [event_invoke(settings, qualifier).maximum_retry_attempts for qualifier in ("1", "live", "")]
    assert counts == [0, None, None], "the alias that points to it, and the function, have theirs"
    updated = await daemon.ask("update_function_event_invoke_config", **of_version, MaximumEventAgeInSeconds=60)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)
    listed = await daemon.ask("list_function_event_invoke_configs", FunctionName="orders")
    assert [each["FunctionArn"] for each in listed["FunctionEventInvokeConfigs"]] == [f"{ARN}orders:1"]
    await daemon.ask("delete_function_event_invoke_config", **of_version)
    assert NO_CONFIG in (await daemon.refused("get_function_event_invoke_config", **of_version))[2]
    assert (await daemon.refused("put_function_event_invoke_config", FunctionName="orders", Qualifier="7"))[0] == 404
    await daemon.ask("put_function_event_invoke_config", **of_version, MaximumRetryAttempts=1)
    await daemon.ask("delete_alias", FunctionName="orders", Name="live")
    await daemon.ask("delete_function", **of_version)
    listed = await daemon.ask("list_function_event_invoke_configs", FunctionName="orders")
    assert listed["FunctionEventInvokeConfigs"] == []


@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        ({}, 400, "You must specify at least one of error handling or destination setting."),
        ({"FunctionName": "nobody", "MaximumRetryAttempts": 0}, 404, "The function doesn't exist."),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": f"{ARN}orders"}}},
            400,
            "You can't specify the function as a destination for itself.",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": f"{ARN}nobody"}}},
            400,
            f"The destination ARN {ARN}nobody is invalid.",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:kinesis:eu-central-1:123456789012:stream/s"}}},
            400,
            (
                "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="
                "arn:aws:kinesis:eu-central-1:123456789012:stream/s), onFailure=null) is invalid."
            ),
        ),
    ],
)
async def test_an_event_invoke_config_that_makes_no_sense(
    daemon: Served, given: dict[str, Any], status: int, sentence: str
) -> None:
    refused = await daemon.refused("put_function_event_invoke_config", **{"FunctionName": "orders", **given})
    assert (refused[0], refused[2]) == (status, sentence)


async def test_a_policy_is_kept_statement_by_statement(daemon: Served) -> None:
    add = partial(daemon.ask, "add_permission", FunctionName="orders", Action="lambda:InvokeFunction")
    for sid, principal, shown in (
        ("s1", "s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
        ("s2", "210987654321", {"AWS": "arn:aws:iam::210987654321:root"}),
        ("s3", "*", "*"),
    ):
        statement = json.loads((await add(StatementId=sid, Principal=principal))["Statement"])
        assert statement == {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": shown,
            "Action": "lambda:InvokeFunction",
            "Resource": f"{ARN}orders",
        }
    conditioned = await add(
        StatementId="s4", Principal="sns.amazonaws.com", SourceArn="arn:aws:sns:::t", SourceAccount="1" * 12
    )
    assert json.loads(conditioned["Statement"])["Condition"] == {
        "StringEquals": {"AWS:SourceAccount": "1" * 12},
        "ArnLike": {"AWS:SourceArn": "arn:aws:sns:::t"},
    }
    policy = await daemon.ask("get_policy", FunctionName="orders")
    assert [each["Sid"] for each in json.loads(policy["Policy"])["Statement"]] == ["s1", "s2", "s3", "s4"]
    again = await daemon.refused(
        "add_permission", FunctionName="orders", StatementId="s1", Action="lambda:*", Principal="*"
    )
    assert again[:2] == (409, "ResourceConflictException")
    outdated = await daemon.refused("remove_permission", FunctionName="orders", StatementId="s1", RevisionId="old")
    assert outdated[:2] == (412, "PreconditionFailedException")
    for sid in ("s1", "s2", "s3", "s4"):
        await daemon.ask("remove_permission", FunctionName="orders", StatementId=sid)
    assert (await daemon.refused("get_policy", FunctionName="orders"))[2] == (
        "No policy is associated with the given resource."
    )
    assert (await daemon.refused("get_policy", FunctionName="orders", Qualifier="$LATEST"))[2] == (
        "We currently do not support adding policies for $LATEST."
    )


async def test_a_url_is_open_when_the_call_that_makes_it_returns(daemon: Served) -> None:
    made = await daemon.ask(
        "create_function_url_config", FunctionName="orders", AuthType="NONE", Cors={"AllowOrigins": ["*"], "MaxAge": 5}
    )
    assert made["AuthType"] == "NONE"
    assert made["Cors"] == {"AllowOrigins": ["*"], "MaxAge": 5}

    def status(url: str) -> int:
        host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": host})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    assert await asyncio.to_thread(status, made["FunctionUrl"]) == 200
    conflict = await daemon.refused("create_function_url_config", FunctionName="orders", AuthType="NONE")
    assert conflict[1] == "ResourceConflictException"
    signed = await daemon.refused("update_function_url_config", FunctionName="orders", AuthType="AWS_IAM")
    assert signed[2] == "nobody could call it: there is no access key; http.keys has them"
    mode = {"InvokeMode": "RESPONSE_STREAM", "Cors": {}}
    updated = await daemon.ask("update_function_url_config", FunctionName="orders", **mode)
    assert (updated["InvokeMode"], updated["FunctionUrl"]) == ("RESPONSE_STREAM", made["FunctionUrl"])
    assert "Cors" not in updated
    of_alias = await daemon.ask(
        "create_function_url_config", FunctionName="orders", Qualifier="live", AuthType="NONE", InvokeMode="BUFFERED"
    )
    assert of_alias["FunctionArn"] == f"{ARN}orders:live"
    assert of_alias["FunctionUrl"] != made["FunctionUrl"]
    listed = await daemon.ask("list_function_url_configs", FunctionName="orders")
    assert len(listed["FunctionUrlConfigs"]) == 2
    await daemon.ask("delete_function_url_config", FunctionName="orders")
    assert (await daemon.refused("get_function_url_config", FunctionName="orders"))[0] == 404


async def test_settings_of_one_value(daemon: Served) -> None:
    assert (await daemon.ask("get_function_recursion_config", FunctionName="orders"))["RecursiveLoop"] == "Terminate"
    await daemon.ask("put_function_recursion_config", FunctionName="orders", RecursiveLoop="Allow")
    assert (await daemon.ask("get_function_recursion_config", FunctionName="orders"))["RecursiveLoop"] == "Allow"
    managed = await daemon.ask("get_runtime_management_config", FunctionName="orders")
    assert managed == {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}orders"}
    assert (await daemon.ask("get_function_code_signing_config", FunctionName="orders"))["FunctionName"] == "orders"
    for verb, given in (
        ("put_function_event_invoke_config", {"MaximumRetryAttempts": 0}),
        ("add_permission", {"StatementId": "s", "Action": "lambda:*", "Principal": "*"}),
        ("create_function_url_config", {"AuthType": "NONE"}),
        ("put_function_recursion_config", {"RecursiveLoop": "Allow"}),
    ):
        status, code, sentence = await daemon.refused(verb, FunctionName="filed", **given)
        assert (status, code) == (409, "ResourceConflictException"), verb
        assert sentence.startswith("the function filed stands in "), verb
