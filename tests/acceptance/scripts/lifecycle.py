"""A deployment from first call to last, as scripts for AWS make it: layer, function, versions, alias, mappings, throttling, end.

Nothing in here knows where it runs: endpoints, region and keys come from the environment, as boto3 finds them.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::000000000000:role/lambda-role"
RUNTIME = "python3.11"
MARK = uuid.uuid4().hex[:8]
FUNCTION, LAYER, QUEUE, STREAM, RESULTS = (f"{name}-{MARK}" for name in ("orders", "words", "orders", "clicks", "done"))
PATIENCE = 60.0

CODE = """
import os, time
from words import GREETING

def handler(event, context):
    if "sleep" in event:
        print("handled sleep", context.aws_request_id)
        time.sleep(event["sleep"])
    if "fail" in event:
        raise ValueError(event["fail"])
    for record in event.get("Records", []):
        print("handled", record["eventSource"], record["eventID" if "kinesis" in record else "messageId"])
    failed = [record for record in event.get("Records", []) if record.get("body") == "refused"]
    if failed:
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}
    return {"greeting": GREETING, "release": "RELEASE", "stage": os.environ.get("STAGE")}
"""

lambda_ = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))  # throttling is to be seen
logs = boto3.client("logs")
sqs = boto3.client("sqs")
kinesis = boto3.client("kinesis")


def package(files: Mapping[str, str]) -> bytes:
    """A .zip."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def release(name: str) -> bytes:
    """The function's package, which says its release in each answer."""
    return package({"app.py": CODE.replace("RELEASE", name)})


def wait(what: str, condition: Callable[[], Any]) -> Any:
    """The condition's first true value."""
    limit = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > limit:
            raise TimeoutError(what)
        time.sleep(0.1)
    return value


def gone(ask: Callable[..., Any], **parameters: Any) -> bool:
    """Whether the resource that is asked for is not there, or no more."""
    try:
        ask(**parameters)
    except lambda_.exceptions.ResourceNotFoundException:
        return True
    return False


def refused(error: type[Exception], ask: Callable[..., Any], **parameters: Any) -> Any:
    """The response of a call that has to fail, with the exception that botocore makes of it."""
    try:
        ask(**parameters)
    except error as raised:
        return getattr(raised, "response")  # noqa: B009  # botocore's have one
    raise AssertionError(f"not refused: {parameters}")


def call(qualifier: str = "$LATEST", **event: Any) -> Any:
    """What the function answers."""
    answer = lambda_.invoke(FunctionName=FUNCTION, Qualifier=qualifier, Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())


def logged(source: str) -> set[str]:
    """What the function says it has handled of a source."""
    events = logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{FUNCTION}", filterPattern=f'"handled {source}"'
    )
    return {event["message"].split()[-1] for page in events for event in page["events"]}


def create() -> None:
    """The layer, and the function with it."""
    layer = lambda_.publish_layer_version(
        LayerName=LAYER,
        Content={"ZipFile": package({"python/words.py": "GREETING = 'hello'\n"})},
        CompatibleRuntimes=[RUNTIME],
    )
    assert layer["Version"] == 1
    made = lambda_.create_function(
        FunctionName=FUNCTION,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": release("one")},
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": {"STAGE": "test"}},
        Timeout=20,
        MemorySize=256,
        Tags={"team": "orders"},
    )
    assert (made["State"], made["Version"]) == ("Pending", "$LATEST")
    lambda_.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
    whole = lambda_.get_function(FunctionName=FUNCTION)
    assert whole["Configuration"]["State"] == "Active"
    assert whole["Tags"] == {"team": "orders"}
    again = {"Runtime": RUNTIME, "Role": ROLE, "Handler": "a.b", "Code": {"ZipFile": release("one")}}
    taken = lambda_.exceptions.ResourceConflictException
    told = refused(taken, lambda_.create_function, FunctionName=FUNCTION, **again)
    assert told["Error"]["Message"] == f"Function already exist: {FUNCTION}"


def invoke() -> None:
    """In every way there is."""
    assert call() == {"greeting": "hello", "release": "one", "stage": "test"}
    tail = lambda_.invoke(FunctionName=FUNCTION, LogType="Tail", Payload=b'{"fail": "on purpose"}')
    assert (tail["StatusCode"], tail["FunctionError"], tail["ExecutedVersion"]) == (200, "Unhandled", "$LATEST")
    assert json.loads(tail["Payload"].read())["errorMessage"] == "on purpose"
    text = base64.b64decode(tail["LogResult"]).decode()
    assert "START RequestId: " + tail["ResponseMetadata"]["RequestId"] in text
    assert "REPORT RequestId: " in text
    assert lambda_.invoke(FunctionName=FUNCTION, InvocationType="DryRun")["StatusCode"] == 204
    stream = lambda_.invoke_with_response_stream(FunctionName=FUNCTION, Payload=b"{}")
    events = list(stream["EventStream"])
    chunks = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
    assert json.loads(chunks)["greeting"] == "hello"
    assert "ErrorCode" not in events[-1]["InvokeComplete"]
    half = refused(
        lambda_.exceptions.InvalidRequestContentException, lambda_.invoke, FunctionName=FUNCTION, Payload=b"{"
    )
    assert half["ResponseMetadata"]["HTTPStatusCode"] == 400


def invoke_later() -> None:
    """Event, with destinations."""
    url = sqs.create_queue(QueueName=RESULTS)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    lambda_.put_function_event_invoke_config(
        FunctionName=FUNCTION,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": arn}, "OnFailure": {"Destination": arn}},
    )
    asked = {}
    for condition, event in (("Success", b"{}"), ("RetriesExhausted", b'{"fail": "later"}')):
        answer = lambda_.invoke(FunctionName=FUNCTION, InvocationType="Event", Payload=event)
        assert answer["StatusCode"] == 202
        asked[answer["ResponseMetadata"]["RequestId"]] = condition
    told: dict[str, str] = {}

    def arrived() -> bool:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            context = json.loads(message["Body"])["requestContext"]
            told[context["requestId"]] = context["condition"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return told.keys() == asked.keys()

    wait("both records come to the destination", arrived)
    assert told == asked
    lambda_.delete_function_event_invoke_config(FunctionName=FUNCTION)


def publish() -> None:
    """Two versions, and an alias that shares requests out between them."""
    first = lambda_.publish_version(FunctionName=FUNCTION, Description="the first")
    lambda_.get_waiter("published_version_active").wait(FunctionName=FUNCTION, Qualifier=first["Version"])
    changed = lambda_.update_function_code(FunctionName=FUNCTION, ZipFile=release("two"))
    assert changed["LastUpdateStatus"] == "InProgress"
    lambda_.get_waiter("function_updated_v2").wait(FunctionName=FUNCTION)
    second = lambda_.publish_version(FunctionName=FUNCTION)
    assert (first["Version"], second["Version"]) == ("1", "2")
    alias = lambda_.create_alias(
        FunctionName=FUNCTION,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )
    seen: Counter[str] = Counter()
    for _ in range(60):
        seen[call("live")["release"]] += 1
    assert seen.keys() == {"one", "two"}, seen
    outdated = {"Name": "live", "FunctionVersion": "2", "RevisionId": str(uuid.uuid4())}
    refused(lambda_.exceptions.PreconditionFailedException, lambda_.update_alias, FunctionName=FUNCTION, **outdated)
    lambda_.update_alias(
        FunctionName=FUNCTION,
        Name="live",
        FunctionVersion="2",
        RoutingConfig={"AdditionalVersionWeights": {}},
        RevisionId=alias["RevisionId"],
    )
    assert {call("live")["release"] for _ in range(10)} == {"two"}


def map_queue() -> str:
    """A queue leads to the alias; what is refused stays in it."""
    url = sqs.create_queue(QueueName=QUEUE, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = lambda_.create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=f"{FUNCTION}:live",
        BatchSize=5,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    own: str = mapping["UUID"]
    assert mapping["State"] == "Creating"
    wait("the mapping is enabled", lambda: lambda_.get_event_source_mapping(UUID=own)["State"] == "Enabled")
    bodies = [*map(str, range(19)), "refused"]
    sent = {sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"] for body in bodies}
    wait("the messages are handled", lambda: logged("aws:sqs") >= sent)

    def counts() -> list[str]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return [found[name] for name in names]

    wait("what was refused is left", lambda: counts() == ["0", "1"])
    lambda_.update_event_source_mapping(UUID=own, Enabled=False)
    wait("the mapping is off", lambda: lambda_.get_event_source_mapping(UUID=own)["State"] == "Disabled")
    return own


def map_stream() -> str:
    """A stream, from its beginning."""
    kinesis.create_stream(StreamName=STREAM, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
    arn = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
    entries = [{"Data": f"click {number}".encode(), "PartitionKey": str(number)} for number in range(30)]
    put = kinesis.put_records(StreamName=STREAM, Records=entries)["Records"]
    sent = {f"{record['ShardId']}:{record['SequenceNumber']}" for record in put}
    mapping = lambda_.create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=FUNCTION,
        StartingPosition="TRIM_HORIZON",
        BatchSize=10,
        ParallelizationFactor=2,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=3,
    )
    wait("the records are handled", lambda: logged("aws:kinesis") >= sent)
    found = lambda_.list_event_source_mappings(FunctionName=FUNCTION)["EventSourceMappings"]
    assert [each["UUID"] for each in found] == [mapping["UUID"]]
    assert (found[0]["ParallelizationFactor"], found[0]["BisectBatchOnFunctionError"]) == (2, True)
    own: str = mapping["UUID"]
    return own


def throttle() -> None:
    """With nothing reserved, and with one that is busy."""

    def throttled() -> None:
        told = refused(lambda_.exceptions.TooManyRequestsException, call)
        assert told["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert told["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"

    lambda_.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=0)
    throttled()
    lambda_.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=1)
    assert lambda_.get_function_concurrency(FunctionName=FUNCTION)["ReservedConcurrentExecutions"] == 1
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(call, sleep=3)
        wait("it runs", lambda: logged("sleep"))
        throttled()
        assert slow.result()["greeting"] == "hello"
    assert call()["release"] == "two"
    lambda_.delete_function_concurrency(FunctionName=FUNCTION)
    assert "ReservedConcurrentExecutions" not in lambda_.get_function_concurrency(FunctionName=FUNCTION)


def change_under_load() -> None:
    """Code and configuration, while others invoke without a pause: nobody meets an error, nobody meets a mixture."""
    seen: Counter[tuple[str, str]] = Counter()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answer = call()
            seen[answer["release"], answer["stage"]] += 1

    with ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(ask) for _ in range(4)]
        try:
            wait("there is load", lambda: seen["two", "test"] > 10)
            lambda_.update_function_code(FunctionName=FUNCTION, ZipFile=release("three"))
            lambda_.get_waiter("function_updated_v2").wait(FunctionName=FUNCTION)
            wait("the new code runs", lambda: seen["three", "test"] > 10)
            lambda_.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": {"STAGE": "next"}})
            lambda_.get_waiter("function_updated_v2").wait(FunctionName=FUNCTION)
            wait("the new configuration is in force", lambda: seen["three", "next"] > 10)
        finally:
            done.set()
        for asker in askers:
            asker.result()
    assert seen.keys() == {("two", "test"), ("three", "test"), ("three", "next")}, seen


def delete(mappings: list[str]) -> None:
    """In order: mappings, alias, a version, the function, the layer."""
    for own in mappings:
        assert lambda_.delete_event_source_mapping(UUID=own)["State"] == "Deleting"
    for own in mappings:
        wait("the mapping is gone", lambda own=own: gone(lambda_.get_event_source_mapping, UUID=own))  # type: ignore[misc]  # a lambda's default
    lambda_.delete_alias(FunctionName=FUNCTION, Name="live")
    assert gone(lambda_.get_alias, FunctionName=FUNCTION, Name="live")
    lambda_.delete_function(FunctionName=FUNCTION, Qualifier="1")
    assert gone(lambda_.get_function, FunctionName=FUNCTION, Qualifier="1")
    lambda_.delete_function(FunctionName=FUNCTION)
    assert gone(lambda_.get_function, FunctionName=FUNCTION)
    assert gone(lambda_.invoke, FunctionName=FUNCTION)
    lambda_.delete_layer_version(LayerName=LAYER, VersionNumber=1)
    assert gone(lambda_.get_layer_version, LayerName=LAYER, VersionNumber=1)


def main() -> None:
    """All of it."""
    create()
    invoke()
    invoke_later()
    publish()
    mappings = [map_queue(), map_stream()]
    throttle()
    change_under_load()
    delete(mappings)
    print("done")


if __name__ == "__main__":
    main()
