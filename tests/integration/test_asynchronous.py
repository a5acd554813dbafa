"""A daemon in this process, functions in processes of their own: asynchronous invocations from acceptance to who is told of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from poller.aio.stop import Stop
from poller.cli import configuration
from poller.control import events as rows
from poller.control import store
from poller.daemon import Daemon
from poller.dispatch.backlog.event import Failure
from poller.observe.events import EventDropped, Fact, FunctionLogged, StopEnded
from poller.settings.load import load
from tests.queues import make_queue
from tests.servers import Server, free_port

CODE = """
import json, os, time
def handler(event, context):
    with open(os.environ["NOTES"], "a") as notes:
        client = context.client_context
        note = [event, context.aws_request_id, context.invoked_function_arn, os.environ["_X_AMZN_TRACE_ID"], str(client)]
        notes.write(json.dumps(note) + "\\n")
    if isinstance(event, dict) and event.get("seconds"): time.sleep(event["seconds"])
    if isinstance(event, dict) and event.get("fail"): raise ValueError(event["fail"])
    return {"version": os.environ["VERSION"], "event": event}
"""
ARN = "arn:aws:lambda:us-east-1:000000000000:function"


class Scene:
    """A folder with a configuration; functions note what they get."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: list[Fact] = []
        self.settings: dict[str, Any] = {
            "http": {"listen": "127.0.0.1:0"},
            "sandbox": "none",
            "asynchronous": {"retry_delays_seconds": [0.05, 0.1]},
            "functions": {},
        }
        (folder / "app.py").write_text(CODE)

    def function(self, name: str, version: str = "1", **keys: Any) -> None:
        variables = {"NOTES": str(self.folder / f"{name}.notes"), "VERSION": version}
        usual = {"code": ".", "runtime": "python3.11", "handler": "app.handler", "prefork": 0}
        self.settings["functions"][name] = usual | {"environment": variables} | keys

    def notes(self, name: str) -> list[list[Any]]:
        """Of each run: event, request id, ARN, trace, client context."""
        path = self.folder / f"{name}.notes"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def failures(self) -> list[Failure]:
        with contextlib.closing(store.connect(self.folder / "state")) as connection:
            return list(rows.failures(connection))

    @contextlib.asynccontextmanager
    async def daemon(self) -> AsyncIterator[Daemon]:
        (self.folder / "pollerd.json").write_text(json.dumps(self.settings))
        settings = load(self.folder / "pollerd.json")
        daemon = Daemon(settings, partial(configuration.driver, settings), self.facts.append)
        stop = Stop()
        running = asyncio.create_task(daemon.run(stop))
        try:
            yield daemon
        finally:
            stop.begin("over")
            await running

    async def until(self, true: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            said = [fact for fact in self.facts if not isinstance(fact, FunctionLogged)]
            assert time.monotonic() < end, f"{said[-10:]}"
            await asyncio.sleep(0.02)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_a_function_runs_what_was_accepted_with_its_id_and_its_trace(scene: Scene) -> None:
    scene.function("orders")
    async with scene.daemon() as daemon:
        request_id = await daemon.backlog.accept(
            "orders", b'{"order":  1}', trace_id="Root=1-5759e988-bd862e3fe1be46a994272793"
        )
        await scene.until(lambda: daemon.backlog.waiting() == {})
        page = daemon.metrics.page().text
    [(event, seen_id, arn, trace, client)] = scene.notes("orders")
    assert (event, seen_id, arn) == ({"order": 1}, request_id, f"{ARN}:orders")
    assert trace.startswith("Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=")
    assert client == "None"
    assert 'pollerd_async_events_received_total{function="orders"} 1.0' in page
    assert 'pollerd_async_event_age_seconds_count{function="orders"} 1.0' in page


async def test_failures_are_retried_and_told_to_a_folder_and_a_function(scene: Scene) -> None:
    told = {"on_failure": {"destination": "file:./told"}, "on_success": {"destination": f"{ARN}:audit"}}
    scene.function("orders", event_invoke_config={"destination_config": told})
    scene.function("audit")
    async with scene.daemon() as daemon:
        bad = await daemon.backlog.accept("orders", b'{"fail": "no stock"}')
        good = await daemon.backlog.accept("orders", b'{"order": 2}')
        await scene.until(lambda: any((scene.folder / "told").rglob("*.json")) and bool(scene.notes("audit")))
        await scene.until(lambda: daemon.backlog.waiting() == {})
    tries = [note for note in scene.notes("orders") if note[0].get("fail")]
    assert [note[1] for note in tries] == [bad] * 3
    assert len({note[3] for note in tries}) == 1
    [file] = (scene.folder / "told" / "orders").iterdir()
    record = json.loads(file.read_text())
    assert record["requestContext"] == {
        "requestId": bad,
        "functionArn": f"{ARN}:orders:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert (record["responsePayload"]["errorMessage"], record["responsePayload"]["errorType"]) == (
        "no stock",
        "ValueError",
    )
    [(success, *_)] = scene.notes("audit")
    assert success["requestContext"]["requestId"] == good
    assert success["requestPayload"] == {"order": 2}
    assert success["responsePayload"] == {"version": "1", "event": {"order": 2}}
    assert scene.failures() == []


@pytest.mark.server
async def test_a_queue_gets_the_record_and_another_the_dead_letter(scene: Scene, ministack: Server) -> None:
    from tests.aws_clients import client_of  # noqa: PLC0415 - loaded where a server is there

    scene.settings["aws"] = {"endpoint_url": ministack.url, "region": "us-east-1"}
    async with client_of("sqs", ministack.url) as client:
        failures, dead = await make_queue(client), await make_queue(client)
        config = {
            "maximum_retry_attempts": 0,
            "destination_config": {"on_failure": {"destination": await failures.arn()}},
        }
        target = {"target_arn": await dead.arn()}
        scene.function("orders", event_invoke_config=config, dead_letter_config=target)
        async with scene.daemon() as daemon:
            request_id = await daemon.backlog.accept("orders", b'{"fail":  "no"}')
            [message], [letter] = await _received(failures), await _received(dead)
        for queue in (failures, dead):
            await queue.delete()
    assert json.loads(message["Body"])["requestContext"]["requestId"] == request_id
    assert letter["Body"] == '{"fail":  "no"}'
    shown = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert shown == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "no"}
    assert scene.failures() == []


async def test_what_was_queued_before_new_code_runs_on_the_new_code(scene: Scene) -> None:
    told = {"on_success": {"destination": "file:./told"}}
    keys: dict[str, Any] = {"reserved_concurrency": 1, "timeout_seconds": 10}
    scene.function("orders", version="1", event_invoke_config={"destination_config": told}, **keys)
    async with scene.daemon() as daemon:
        await daemon.backlog.accept("orders", b'{"n": 1, "seconds": 0.5}')
        await daemon.backlog.accept("orders", b'{"n": 2}')
        await scene.until(lambda: len(scene.notes("orders")) == 1)
    scene.function("orders", version="2", event_invoke_config={"destination_config": told}, **keys)
    async with scene.daemon() as daemon:
        await scene.until(lambda: len(list((scene.folder / "told").rglob("*.json"))) == 2)
        await scene.until(lambda: daemon.backlog.untold() == {})
    answers = [json.loads(file.read_text())["responsePayload"] for file in (scene.folder / "told").rglob("*.json")]
    ran = sorted((answer["event"]["n"], answer["version"]) for answer in answers)
    assert ran == [(1, "1"), (2, "2")]


async def test_without_concurrency_an_event_is_kept_among_the_failures(scene: Scene) -> None:
    scene.function("orders", reserved_concurrency=0)
    async with scene.daemon() as daemon:
        request_id = await daemon.backlog.accept("orders", b'{"order": 1}')
        await scene.until(lambda: daemon.backlog.waiting() == {})
    [failure] = scene.failures()
    assert (failure.outcome.request_id, failure.outcome.payload) == (request_id, b'{"order": 1}')
    assert (failure.outcome.condition, failure.outcome.invoke_count) == ("ZeroReservedConcurrency", 0)
    assert scene.notes("orders") == []


async def test_two_functions_that_tell_each_other_for_ever_are_ended(scene: Scene) -> None:
    for name, other in (("ping", "pong"), ("pong", "ping")):
        told = {"on_success": {"destination": f"{ARN}:{other}"}}
        scene.function(name, event_invoke_config={"destination_config": told})
    async with scene.daemon() as daemon:
        await daemon.backlog.accept("ping", b"{}")
        await scene.until(lambda: any(isinstance(fact, EventDropped) for fact in scene.facts))
        await scene.until(lambda: daemon.backlog.waiting() == {})
        page = daemon.metrics.page().text
    assert (len(scene.notes("ping")), len(scene.notes("pong"))) == (16, 16)
    dropped = 'pollerd_async_events_dropped_total{condition="RecursiveInvocationDetected",function="ping"} 1.0'
    assert dropped in page


async def test_one_daemon_of_a_state_folder_runs_what_another_accepts(scene: Scene) -> None:
    scene.function("orders")
    async with scene.daemon() as first, scene.daemon() as second:
        await first.backlog.accept("orders", b'{"n": 1}')
        await second.backlog.accept("orders", b'{"n": 2}')
        await scene.until(lambda: len(scene.notes("orders")) == 2)
        await scene.until(lambda: first.backlog.waiting() == {})
    assert sorted(note[0]["n"] for note in scene.notes("orders")) == [1, 2]


async def _received(queue: Any) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while True:
            answer = await queue.client.receive_message(
                QueueUrl=queue.url, WaitTimeSeconds=1, MessageAttributeNames=["All"]
            )
            if found := answer.get("Messages"):
                return list(found)


BY_BOTO3 = """
import json, os, boto3
def handler(event, context):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps([event]) + "\\n")
    client = boto3.client("lambda", endpoint_url=os.environ["DAEMON"])
    try:
        client.invoke(FunctionName=context.function_name, InvocationType=event["type"], Payload=json.dumps(event))
    except client.exceptions.RecursiveInvocationException as error:
        with open(os.environ["NOTES"] + ".refused", "a") as notes:
            notes.write(str(error) + "\\n")
"""


@pytest.mark.parametrize("kind", ["Event", "RequestResponse"])
async def test_a_function_that_invokes_itself_by_boto3_is_ended(scene: Scene, kind: str) -> None:
    port = free_port()
    scene.settings["http"] = {"listen": f"127.0.0.1:{port}"}
    scene.settings["aws"] = {"endpoint_url": "http://127.0.0.1:1", "region": "us-east-1"}
    (scene.folder / "app.py").write_text(BY_BOTO3)
    scene.function("loop", timeout_seconds=60)
    scene.settings["functions"]["loop"]["environment"]["DAEMON"] = f"http://127.0.0.1:{port}"
    async with scene.daemon() as daemon:
        await daemon.backlog.accept("loop", json.dumps({"type": kind}).encode())
        refused = scene.folder / "loop.notes.refused"
        await scene.until(
            lambda: refused.exists() or any(isinstance(fact, EventDropped) for fact in scene.facts), seconds=90
        )
        await scene.until(lambda: daemon.backlog.waiting() == {})
    assert len(scene.notes("loop")) == 16
    if kind == "Event":
        [failure] = scene.failures()
        assert failure.outcome.condition == "RecursiveInvocationDetected"
    else:
        assert "RecursiveInvocationException" in refused.read_text()


async def test_what_a_stop_cuts_is_told_and_runs_again(scene: Scene) -> None:
    scene.settings["stop_timeout_seconds"] = 1
    scene.function("orders", timeout_seconds=60)
    async with scene.daemon() as daemon:
        request_id = await daemon.backlog.accept("orders", b'{"seconds": 3}')
        await scene.until(lambda: len(scene.notes("orders")) == 1)
    [ended] = [fact for fact in scene.facts if isinstance(fact, StopEnded)]
    assert ended.unfinished == 1
    async with scene.daemon() as daemon:
        await scene.until(lambda: len(scene.notes("orders")) == 2)
        await scene.until(lambda: daemon.backlog.waiting() == {})
    assert [note[1] for note in scene.notes("orders")] == [request_id] * 2
