"""What functions log is found by the tools that look for it in CloudWatch Logs: boto3, the AWS CLI, and ``pollerd logs``."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from poller.observe.log_store import LogReader, Range
from tests.faults.daemon import PROGRAM
from tests.faults.scene import Scene
from tests.faults.until import until
from tests.servers import Server, free_port

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(300)]

CODE = """
import logging, os
log = logging.getLogger()
log.setLevel("INFO")
def handler(event, context):
    for number in range(event.get("lines", 0)):
        print("line", number)
    if "say" in event:
        log.error(event["say"])
    print("stream", os.environ["AWS_LAMBDA_LOG_STREAM_NAME"])
    if event.get("fail"):
        raise ValueError("on purpose")
"""
GROUP = "/aws/lambda/worker"
MANY = 10_000
PATIENCE = 120.0
SECRET = "sixteen-characters"


class Logged:
    """A daemon with a function that says what events ask for, and clients of its logs and of the function."""

    def __init__(self, scene: Scene, folder: Path, **settings: Any) -> None:
        code = folder / "code"
        code.mkdir()
        (code / "app.py").write_text(CODE)
        scene.function(code=str(code))
        scene.function("json", code=str(code), logging={"log_format": "JSON", "log_group": "/team/json"})
        self.daemon = scene.daemon(**settings)
        self._clients: list[Any] = []

    def start(self) -> None:
        self.daemon.start()
        self.close()
        self._clients = [client(service, self.url) for service in ("logs", "lambda")]

    @property
    def url(self) -> str:
        url: str = self.daemon.logged("port opened")[0]["url"]
        return url

    @property
    def client(self) -> Any:
        return self._clients[0]

    def invoke(self, function: str = "worker", kind: str = "RequestResponse", **event: Any) -> Any:
        """The answer, with the tail of the log."""
        log = {"LogType": "Tail"} if kind == "RequestResponse" else {}
        return self._clients[1].invoke(FunctionName=function, InvocationType=kind, Payload=json.dumps(event), **log)

    def messages(self) -> list[str]:
        pages = self.client.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
        return [event["message"] for page in pages for event in page["events"]]

    def close(self) -> None:
        for each in self._clients:
            each.close()


def client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key=SECRET,
        config=Config(retries={"max_attempts": 0}, read_timeout=PATIENCE),
    )


@pytest.fixture
def logged(scene: Scene, tmp_path: Path) -> Iterator[Logged]:
    found = Logged(scene, tmp_path)
    found.start()
    yield found
    found.close()


def read(client: Any, stream: str, token: str | None, **options: Any) -> tuple[list[dict[str, Any]], str, str]:
    """Pages of GetLogEvents until the token stays the same: events in the order of reading, the last token, the other one."""
    way = "nextForwardToken" if options.get("startFromHead") else "nextBackwardToken"
    found: list[dict[str, Any]] = []
    while True:
        more = {"nextToken": token} if token else {}
        page = client.get_log_events(logGroupName=GROUP, logStreamName=stream, **options, **more)
        found = found + page["events"] if options.get("startFromHead") else page["events"] + found
        if page[way] == token:
            assert page["events"] == []
            return found, page["nextForwardToken"], page["nextBackwardToken"]
        token = page[way]


def test_ten_thousand_events_are_what_the_function_wrote_page_by_page(logged: Logged) -> None:
    client = logged.client
    logged.invoke(lines=MANY)

    [group] = client.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
    assert (group["logGroupName"], group["logGroupArn"]) == (
        GROUP,
        f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}",
    )
    [stream] = client.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True)["logStreams"]
    name = stream["logStreamName"]

    events, forward, _ = read(client, name, None, startFromHead=True, limit=999)
    messages = [event["message"] for event in events]
    assert messages[0].startswith("INIT_START Runtime Version: ")
    assert messages[1].startswith("START RequestId: ")
    assert messages[2:-3] == [f"line {number}\n" for number in range(MANY)]
    assert messages[-3] == f"stream {name}\n"
    assert messages[-2].startswith("END RequestId: ")
    assert messages[-1].startswith("REPORT RequestId: ")
    assert all(message.endswith("\n") for message in messages)
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (times[0], times[-1])
    assert abs(time.time() * 1000 - times[-1]) < 120_000

    latest = client.get_log_events(logGroupName=GROUP, logStreamName=name, limit=2)
    assert [event["message"] for event in latest["events"]] == messages[-2:]
    assert read(client, name, None, limit=999)[0] == events
    assert read(client, name, latest["nextBackwardToken"], limit=5000)[0] == events[:-2]

    pages = list(
        client.get_paginator("filter_log_events").paginate(logGroupName=GROUP, PaginationConfig={"PageSize": 700})
    )
    filtered = [event for page in pages for event in page["events"]]
    assert [event["message"] for event in filtered] == messages
    assert len({event["eventId"] for event in filtered}) == len(messages)
    assert {event["logStreamName"] for event in filtered} == {name}

    logged.invoke(lines=1)
    later, *_ = read(client, name, forward, startFromHead=True)
    assert [event["message"] for event in later][1:2] == ["line 0\n"]


def test_patterns_times_and_what_is_not_there(logged: Logged) -> None:
    client = logged.client
    logged.invoke(lines=3, fail=True, say="first\nsecond")
    [said] = client.filter_log_events(logGroupName=GROUP, filterPattern='"first\nsecond" -nothing')["events"]
    assert said["message"].startswith("[ERROR]\t")
    assert said["message"].endswith("\tfirst\nsecond\n")
    [trace] = client.filter_log_events(logGroupName=GROUP, filterPattern="Traceback")["events"]
    assert "ValueError: on purpose" in trace["message"]
    at = said["timestamp"]
    within = client.filter_log_events(logGroupName=GROUP, startTime=at, endTime=at)["events"]
    assert said in within
    assert {event["timestamp"] for event in within} == {at}
    assert client.filter_log_events(logGroupName=GROUP, endTime=at - 600_000)["events"] == []

    refusals: list[tuple[Callable[[], Any], str]] = [
        (lambda: client.filter_log_events(logGroupName="/aws/lambda/nobody"), "ResourceNotFoundException"),
        (lambda: client.get_log_events(logGroupName=GROUP, logStreamName="none"), "ResourceNotFoundException"),
        (lambda: client.filter_log_events(logGroupName=GROUP, filterPattern="%a%"), "InvalidParameterException"),
        (lambda: client.filter_log_events(logGroupName=GROUP, nextToken="x"), "InvalidParameterException"),
        (lambda: client.put_retention_policy(logGroupName=GROUP, retentionInDays=2), "InvalidParameterException"),
        (lambda: client.create_log_group(logGroupName=GROUP), "ResourceAlreadyExistsException"),
        (lambda: client.start_query(logGroupName=GROUP, startTime=0, endTime=1, queryString="x"), "InvalidOperationException"),
    ]  # fmt: skip
    for ask, code in refusals:
        with pytest.raises(ClientError) as refused:
            ask()
        assert refused.value.response["Error"]["Code"] == code

    client.put_retention_policy(logGroupName=GROUP, retentionInDays=3)
    assert client.describe_log_groups()["logGroups"][0]["retentionInDays"] == 3
    client.delete_retention_policy(logGroupName=GROUP)
    assert "retentionInDays" not in client.describe_log_groups()["logGroups"][0]
    client.delete_log_group(logGroupName=GROUP)
    assert GROUP not in {group["logGroupName"] for group in client.describe_log_groups()["logGroups"]}


def test_a_log_in_json_is_found_by_its_members_under_the_group_it_names(logged: Logged) -> None:
    logged.invoke("json", say="no more paper")
    client = logged.client
    pattern = '{ $.level = "ERROR" && $.message = "*paper" }'
    [event] = client.filter_log_events(logGroupName="/team/json", filterPattern=pattern)["events"]
    assert json.loads(event["message"])["message"] == "no more paper"
    [start] = client.filter_log_events(logGroupName="/team/json", filterPattern='{ $.type = "platform.start" }')[
        "events"
    ]
    assert start["message"].endswith("}")


def test_the_cli_of_aws_and_our_own_show_it_while_the_daemon_runs_and_after(logged: Logged) -> None:
    logged.invoke(lines=2)
    messages = logged.messages()

    program = Path(sys.executable).parent / "aws"
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_PAGER": ""}
    command = [f"{program}", "--endpoint-url", logged.url, "--region", "us-east-1", "--output", "json"]
    command += [
        "logs",
        "filter-log-events",
        "--log-group-name",
        GROUP,
        "--page-size",
        "2",
        "--query",
        "events[].message",
    ]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == messages

    own = [f"{PROGRAM}", "logs", "worker", "--since", "1h", "--json", "--config", f"{logged.daemon.config}"]
    done = subprocess.run([*own, "--url", logged.url], check=True, capture_output=True, text=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["message"] for event in told] == messages
    logged.daemon.stop()
    done = subprocess.run(own, check=True, capture_output=True, text=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == told


def test_following_shows_what_comes_from_the_moment_on(logged: Logged) -> None:
    command = [
        f"{PROGRAM}",
        "logs",
        "worker",
        "-f",
        "--since",
        "1h",
        "--url",
        logged.url,
        "--config",
        f"{logged.daemon.config}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            for number in (1, 2):
                logged.invoke(lines=number)
                assert [line for line in _until_report(following.stdout) if line.startswith("line")] == [
                    f"line {n}" for n in range(number)
                ]
        finally:
            following.send_signal(signal.SIGINT)
        assert following.wait(PATIENCE) == 0


def _until_report(lines: Iterable[str]) -> Iterator[str]:
    """Messages, up to the end of an invocation."""
    for line in lines:
        _, _, message = line.strip().partition(" ")
        if message.startswith("REPORT"):
            return
        yield message


def test_who_invokes_finds_the_log_at_once_and_its_tail_in_the_answer(logged: Logged) -> None:
    for number in range(3):
        answer = logged.invoke(lines=3)
        request_id = answer["ResponseMetadata"]["RequestId"]
        found = logged.client.filter_log_events(logGroupName=GROUP, filterPattern=f'"{request_id}"')["events"]
        assert [event["message"].split()[0] for event in found] == ["START", "END", "REPORT"], number
        stream = found[0]["logStreamName"]
        all_ = logged.client.get_log_events(logGroupName=GROUP, logStreamName=stream, limit=7)["events"]
        assert "".join(event["message"] for event in all_) == base64.b64decode(answer["LogResult"]).decode()


def test_what_was_written_outlives_a_kill_and_a_restart(logged: Logged) -> None:
    logged.invoke(lines=5)
    before = logged.messages()
    logged.daemon.kill()
    logged.daemon.wait_gone()
    logged.start()
    assert logged.messages() == before
    logged.invoke(lines=1)
    assert logged.messages()[: len(before)] == before
    assert len(logged.client.describe_log_streams(logGroupName=GROUP)["logStreams"]) >= 2


def test_a_kill_in_the_middle_of_much_leaves_a_beginning_of_each_stream(logged: Logged) -> None:
    logged.invoke()
    for _ in range(4):
        logged.invoke(kind="Event", lines=MANY)
    until(lambda: "line 99\n" in logged.messages(), "some lines are stored", PATIENCE)
    logged.daemon.kill()
    logged.daemon.wait_gone()
    reader = LogReader(logged.daemon.config.parent / "state")
    for stream in reader.streams(GROUP):
        page = reader.stream_events(GROUP, stream.name, Range(), newest_first=False, limit=10**6)
        lines = [event.message for event in page.events if event.message.startswith("line")]
        expected = [f"line {number % MANY}\n" for number in range(len(lines))]
        assert lines == expected
    reader.close()


def test_where_none_are_kept_the_api_says_so(scene: Scene, tmp_path: Path) -> None:
    logged = Logged(scene, tmp_path, function_logs={"keep": False})
    logged.start()
    logged.invoke(lines=1)
    with pytest.raises(ClientError, match=r"function_logs\.keep is false"):
        logged.client.describe_log_groups()
    logged.close()
    assert not list((tmp_path / "state").glob("logs.sqlite3*"))


def test_where_requests_must_be_signed_our_own_command_signs(scene: Scene, tmp_path: Path) -> None:
    keys = {
        "one": {"secret_access_key": "another-secret-key", "functions": ["json"]},
        "reader": {"secret_access_key": "the-secret-of-a-reader", "read_only": True},
        "a": {"secret_access_key": SECRET},
    }
    logged = Logged(scene, tmp_path, http={"listen": f"127.0.0.1:{free_port()}", "keys": keys})
    logged.start()
    logged.invoke(lines=1)
    other = json.loads(logged.daemon.config.read_text()) | {
        "state": str(tmp_path / "other")
    }  # so that the folder does not help
    (tmp_path / "other.json").write_text(json.dumps(other))
    for name in ("worker", "/aws/lambda/worker"):
        own = [f"{PROGRAM}", "logs", name, "--config", f"{tmp_path}/other.json"]
        done = subprocess.run(own, check=True, capture_output=True, text=True)
        assert " line 0\n" in done.stdout
    logged.close()


def test_copies_arrive_at_another_server(scene: Scene, tmp_path: Path, ministack: Server) -> None:
    prefix = f"/{tmp_path.name}"
    logged = Logged(
        scene, tmp_path, function_logs={"ship": {"endpoint_url": ministack.url, "log_group_prefix": prefix}}
    )
    logged.start()
    there = boto3.client(
        "logs", endpoint_url=ministack.url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    logged.invoke(lines=2500)
    here = logged.messages()
    logged.daemon.stop()  # which sends what is left
    [stream] = there.describe_log_streams(logGroupName=f"{prefix}{GROUP}")["logStreams"]
    page = there.get_log_events(
        logGroupName=f"{prefix}{GROUP}", logStreamName=stream["logStreamName"], startFromHead=True, limit=10_000
    )
    assert [event["message"] for event in page["events"]] == here
    assert logged.daemon.logged("log events dropped") == []
    there.close()
    logged.close()
