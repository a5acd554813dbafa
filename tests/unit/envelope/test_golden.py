"""Every recorded and sample SQS and SNS event comes out of what ReceiveMessage would have returned for it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Identity, Record
from poller.envelope import Envelope, envelope
from poller.envelope.sqs import digest

GOLDEN = Path(__file__).parents[2] / "golden/events"
EVENTS = sorted(path for folder in ("sqs", "sqs-fifo") for path in (GOLDEN / folder).glob("*.json"))
EVENTS = [path for path in EVENTS if "response" not in path.name]
ORDER = ["messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfMessageAttributes", "md5OfBody"]
ORDER += ["eventSource", "eventSourceARN", "awsRegion"]


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def received(shown: dict[str, Any]) -> Record:
    """The message as ReceiveMessage returns it, put together again from the event."""
    attributes = {}
    for name, value in shown["messageAttributes"].items():
        attributes[name] = {"DataType": value["dataType"]}
        if "stringValue" in value:
            attributes[name]["StringValue"] = value["stringValue"]
        if "binaryValue" in value:
            attributes[name]["BinaryValue"] = base64.b64decode(value["binaryValue"])
    message = {
        "MessageId": shown["messageId"],
        "ReceiptHandle": shown["receiptHandle"],
        "MD5OfBody": shown["md5OfBody"],
        "Body": shown["body"],
        "Attributes": shown["attributes"] | {"SqsManagedSseEnabled": "true"},
    }
    if attributes:
        message |= {"MessageAttributes": attributes, "MD5OfMessageAttributes": shown["md5OfMessageAttributes"]}
    return Record(id=shown["messageId"], body=shown["body"], metadata=message)


def made(shape: Envelope, records: list[Record]) -> bytes:
    parts = [shape.encode(record) for record in records]
    event = shape.assemble(parts)
    assert len(event) == shape.overhead + sum(map(len, parts)) + len(parts) - 1
    return event


@pytest.mark.parametrize("path", EVENTS, ids=[path.stem for path in EVENTS])
def test_the_sqs_event_is_the_recorded_one(path: Path) -> None:
    shown = load(path)
    for record in shown["Records"]:
        for value in record["messageAttributes"].values():
            value |= {"stringListValues": [], "binaryListValues": []}  # a sample has some; SQS has no list values
    first = shown["Records"][0]
    identity = Identity(first["eventSourceARN"], first["awsRegion"], "")
    window = "md5OfMessageAttributes" in first and not first["messageAttributes"]
    event = json.loads(made(envelope("sqs", identity, window=window), [received(r) for r in shown["Records"]]))
    assert event == shown
    for record in event["Records"]:
        assert list(record) == [key for key in ORDER if key in record]


def test_the_digest_of_message_attributes_is_the_recorded_one() -> None:
    record = received(load(GOLDEN / "sqs/recorded-message-attributes.json")["Records"][0])
    assert digest(record.metadata["MessageAttributes"]) == "d25a6aea97eb8f585bfa92d314504a92"


def queued(sns: dict[str, Any], **more: Any) -> Record:
    """The SNS notification as a queue holds it: other spellings, nothing that is empty."""
    text = {key.replace("Url", "URL"): value for key, value in sns["Sns"].items() if value not in (None, {})} | more
    message = {
        "MessageId": "m",
        "ReceiptHandle": "h",
        "MD5OfBody": "",
        "Attributes": {"SentTimestamp": "1602166574656"},
    }
    return Record(id="m", body=json.dumps(text), metadata=message)


@pytest.mark.parametrize("name", ["notification", "recorded-null-subject", "attributes-string-binary"])
def test_the_sns_event_is_the_one_lambda_gets_from_sns(name: str) -> None:
    shown = load(GOLDEN / f"sns/{name}.json")
    sns = shown["Records"][0]
    link = sns["Sns"]["UnsubscribeUrl"].partition("&")[0] + f"&SubscriptionArn={sns['EventSubscriptionArn']}"
    sns["Sns"]["UnsubscribeUrl"] = link  # the samples shorten it
    event = made(envelope("sns", Identity("", "", ""), window=False), [queued(sns, SignatureVersion="2")])
    assert json.loads(event) == shown


def test_a_notification_as_sns_puts_it_into_a_queue_is_taken() -> None:
    text = load(GOLDEN / "sns-http/notification.json")
    record = queued({"Sns": text})
    sns = json.loads(made(envelope("sns", Identity("", "", ""), window=False), [record]))["Records"][0]["Sns"]
    assert sns["Message"] == text["Message"]
    assert sns["SigningCertUrl"] == text["SigningCertURL"]
    assert sns["MessageAttributes"] == {}
    assert sns["Subject"] is None


def test_a_fifo_topics_notification_has_no_signature() -> None:
    record = received(load(GOLDEN / "sqs-fifo/sns-fifo-delivery.json")["Records"][0])
    sns = json.loads(made(envelope("sns", Identity("", "", ""), window=False), [record]))["Records"][0]
    assert sns["Sns"]["Signature"] == ""
    assert json.loads(sns["Sns"]["Message"])["username"] == "lessa"
    assert sns["EventSubscriptionArn"].startswith("arn:aws:sns:eu-west-1:231436140809:Test.fifo:")


def test_a_raw_delivery_becomes_a_notification_too() -> None:
    record = received(load(GOLDEN / "sqs/recorded-message-attributes.json")["Records"][0])
    sns = json.loads(made(envelope("sns", Identity("", "", ""), window=False), [record]))["Records"][0]["Sns"]
    assert sns["Message"] == record.body
    assert sns["Timestamp"] == "2025-11-25T17:11:27.214Z"
    assert sns["MessageAttributes"]["WeeksOn"] == {"Type": "Number", "Value": "6"}


def test_a_raw_event_is_the_bodies() -> None:
    records = [received(load(GOLDEN / "sqs/recorded-no-attributes.json")["Records"][0]) for _ in range(2)]
    records[1].body = records[1].metadata["Body"] = "plain"  # type: ignore[index]  # the test's own dict
    event = made(envelope("raw", Identity("", "", ""), window=False), records)
    assert json.loads(event) == [{"foo": "bar"}, "plain"]
