"""CloudWatch Logs' operations on a log store, by boto3 over loopback: pages, tokens, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from aiohttp import web
from botocore.config import Config

from poller.control.api.front import Front
from poller.control.api.logs import REFUSED, Logs
from poller.observe.log_store import Bounds, LogStore
from poller.wire.aws.model import service
from tests.unit.observe.log_store.told import GROUP, PLENTY, at

ARN = "arn:aws:logs:us-east-1:000000000000"
Told = list[tuple[int, Any]]


async def asked(state: Path, told: Told, ask: Callable[[Any], Any], bounds: Bounds = PLENTY) -> Any:
    """Run ``ask`` with boto3's client, in a thread, against a store that holds what is told."""
    store = LogStore(state, bounds, lambda _: None)
    await store.change(lambda writer: writer.append(told))
    app = web.Application()
    app.add_routes(Front({}, logs=Logs(store, ARN).handlers()).routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = boto3.client(
        "logs",
        endpoint_url=f"http://127.0.0.1:{runner.addresses[0][1]}",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}, parameter_validation=False),
    )
    try:
        return await asyncio.to_thread(ask, client)
    finally:
        client.close()
        await runner.cleanup()
        await store.close()


async def test_groups_come_in_pages_by_name(tmp_path: Path) -> None:
    told = [at(n, "x", group=f"/aws/lambda/f{n:03}") for n in range(120)] + [at(120, "x", group="team")]

    def ask(client: Any) -> None:
        pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/lambda/")
        groups = [group for page in pages for group in page["logGroups"]]
        assert [group["logGroupName"] for group in groups] == [f"/aws/lambda/f{n:03}" for n in range(120)]
        assert groups[0]["arn"] == f"{ARN}:log-group:/aws/lambda/f000:*"
        assert groups[0]["storedBytes"] > 0
        [one] = client.describe_log_groups(logGroupNamePattern="eam")["logGroups"]
        assert one["logGroupName"] == "team"
        assert client.describe_log_groups(logGroupClass="INFREQUENT_ACCESS")["logGroups"] == []

    await asked(tmp_path, told, ask)


async def test_streams_come_in_pages_by_name_or_time_in_both_directions(tmp_path: Path) -> None:
    told = [at(n, "x", stream=f"2025/11/25/[$LATEST]{(n * 37) % 130:032x}") for n in range(130)]

    def ask(client: Any) -> None:
        def names(**options: Any) -> list[str]:
            pages = client.get_paginator("describe_log_streams").paginate(logGroupName=GROUP, **options)
            return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]

        by_name = names()
        assert by_name == sorted(by_name)
        assert len(by_name) == 130
        assert names(descending=True) == by_name[::-1]
        by_time = [fact.log_stream for _, fact in told]
        assert names(orderBy="LastEventTime") == by_time
        assert names(orderBy="LastEventTime", descending=True) == by_time[::-1]
        assert names(logStreamNamePrefix=by_name[7]) == [by_name[7]]
        by_arn = client.describe_log_streams(logGroupIdentifier=f"{ARN}:log-group:{GROUP}", limit=1)["logStreams"]
        assert [stream["logStreamName"] for stream in by_arn] == by_name[:1]
        assert by_arn[0]["arn"] == f"{ARN}:log-group:{GROUP}:log-stream:{by_name[0]}"

    await asked(tmp_path, told, ask)


async def test_who_reaches_an_end_of_a_stream_stays_there_and_may_turn_round(tmp_path: Path) -> None:
    told = [at(n, f"{n}") for n in range(5)]

    def ask(client: Any) -> None:
        def page(**options: Any) -> tuple[list[str], str, str]:
            got = client.get_log_events(logGroupName=GROUP, logStreamName="s", **options)
            messages = [event["message"].strip() for event in got["events"]]
            return messages, got["nextForwardToken"], got["nextBackwardToken"]

        messages, forward, backward = page(limit=2)
        assert messages == ["3", "4"]
        assert page(nextToken=forward)[:2] == ([], forward)
        _, _, turned = page(nextToken=forward)
        assert page(nextToken=turned, limit=2)[0] == ["3", "4"]
        messages, _, backward = page(nextToken=backward)
        assert messages == ["0", "1", "2"]
        messages, turned, again = page(nextToken=backward)
        assert (messages, again) == ([], backward)
        assert page(nextToken=turned, startFromHead=True)[0] == ["0", "1", "2", "3", "4"]
        start = told[2][0] // 1_000_000
        assert page(startTime=start, endTime=start + 2)[0] == ["2", "3"]
        assert page(startTime=start + 1000)[0] == []

    await asked(tmp_path, told, ask)


async def test_a_group_is_read_from_both_ends(tmp_path: Path) -> None:
    told = [at(n, f"{n}", stream="ab"[n % 2]) for n in range(9)]

    def ask(client: Any) -> None:
        def messages(**options: Any) -> list[str]:
            found: list[str] = []
            token: dict[str, str] = {}
            while True:
                page = client.filter_log_events(logGroupName=GROUP, limit=2, **options, **token)
                found += [event["message"].strip() for event in page["events"]]
                if "nextToken" not in page:
                    return found
                token = {"nextToken": page["nextToken"]}

        numbers = [str(n) for n in range(9)]
        assert messages() == numbers
        assert messages(startFromHead=False) == numbers[::-1]
        assert messages(logStreamNames=["b"]) == numbers[1::2]
        assert messages(logStreamNamePrefix="a", interleaved=True) == numbers[::2]
        assert messages(filterPattern="?3 ?4") == ["3", "4"]

    await asked(tmp_path, told, ask)


@pytest.mark.parametrize(
    ("verb", "given", "said"),
    [
        ("describe_log_groups", {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"}, "mutually exclusive"),
        ("describe_log_groups", {"logGroupIdentifiers": ["a"]}, "not supported here"),
        ("describe_log_groups", {"limit": 51}, "Member must have value less than or equal to 50"),
        ("describe_log_streams", {}, "Exactly one of"),
        ("describe_log_streams", {"logGroupName": GROUP, "nextToken": "x"}, "nextToken is invalid"),
        (
            "describe_log_streams",
            {"logGroupName": GROUP, "orderBy": "LastEventTime", "logStreamNamePrefix": "a"},
            "Cannot order by LastEventTime with a logStreamNamePrefix",
        ),
        ("get_log_events", {"logGroupName": GROUP}, "logStreamName"),
        ("get_log_events", {"logGroupName": GROUP, "logStreamName": "s", "nextToken": f"a/{0:056}"}, "invalid"),
        ("filter_log_events", {"logGroupName": GROUP, "nextToken": f"f/{0:056}"}, "invalid"),
        ("filter_log_events", {"logGroupName": GROUP, "logStreamNames": ["a"], "logStreamNamePrefix": "b"}, "exclusive"),
        ("filter_log_events", {"logGroupName": GROUP, "filterPattern": "[a]"}, "Invalid filter pattern: space-delimited"),
        ("create_log_group", {"logGroupName": "a", "tags": {"b": "c"}}, "tags is not supported here"),
        ("create_log_group", {"logGroupName": "a", "logGroupClass": "DELIVERY"}, "STANDARD"),
        ("delete_log_stream", {"logGroupName": "a", "logStreamName": "b"}, "log group does not exist"),
        ("delete_log_stream", {"logGroupName": GROUP, "logStreamName": "b"}, "log stream does not exist"),
        ("delete_retention_policy", {"logGroupName": "a"}, "log group does not exist"),
        ("put_log_events", {"logGroupName": "a", "logStreamName": "b", "logEvents": [{"timestamp": 1, "message": "x"}]}, "by functions"),
        ("get_log_group_fields", {"logGroupName": "a"}, "no index of fields"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused(tmp_path: Path, verb: str, given: dict[str, Any], said: str) -> None:
    def ask(client: Any) -> None:
        with pytest.raises(client.exceptions.ClientError, match=said):
            getattr(client, verb)(**given)

    await asked(tmp_path, [at(0, "x")], ask)


async def test_groups_are_made_and_streams_deleted(tmp_path: Path) -> None:
    def ask(client: Any) -> None:
        client.create_log_group(logGroupName="/aws/lambda/new")
        assert client.filter_log_events(logGroupName="/aws/lambda/new")["events"] == []
        client.delete_log_stream(logGroupName=GROUP, logStreamName="s")
        assert client.describe_log_streams(logGroupName=GROUP)["logStreams"] == []

    await asked(tmp_path, [at(0, "x")], ask)


def test_what_is_refused_is_an_operation_of_the_service() -> None:
    assert set(REFUSED) | set(Logs(None, ARN).handlers()) <= set(service("logs").operations)
