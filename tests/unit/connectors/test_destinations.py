"""What can be a destination, and the one that needs no server: a folder."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import resource
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.aws.options import AwsOptions
from connectors.contract import Destination, Discard, OptionsError, Record, SourceError
from connectors.destinations import destination
from connectors.destinations.s3 import key
from tests.fakes import discards

LOCAL = AwsOptions(endpoint_url="http://127.0.0.1:4566")

REFUSED = {
    "failures": "'failures' is no destination: the ARN of an SQS queue, SNS topic or S3 bucket, or file:<folder>",
    "kafka://topic": "'kafka://topic' is no destination: the ARN of an SQS queue, SNS topic or S3 bucket, or file:<folder>",
    "arn:aws:lambda:us-east-1:000000000000:function:f": (
        "'arn:aws:lambda:us-east-1:000000000000:function:f' is the ARN of no destination: "
        "failures go to SQS queues, SNS topics and S3 buckets"
    ),
    "arn:aws:sqs:us-east-1:000000000000:q.fifo": "q.fifo is a FIFO queue; failure records go to standard ones only, as on AWS",
    "arn:aws:sns:us-east-1:000000000000:t.fifo": "t.fifo is a FIFO topic; failure records go to standard ones only, as on AWS",
    "arn:aws:sqs:::q": "'arn:aws:sqs:::q' is not the ARN of a queue: arn:aws:sqs:REGION:ACCOUNT:NAME",
    "arn:aws:sns:us-east-1:me:t": "'arn:aws:sns:us-east-1:me:t' is not the ARN of a topic: arn:aws:sns:REGION:ACCOUNT:NAME",
    "arn:aws:s3:::Bucket/folder": "'arn:aws:s3:::Bucket/folder' is not the ARN of a bucket: arn:aws:s3:::NAME",
    "file:": "file: names no folder of this host, as file:./failures does",
    "file://host/failures": "file://host/failures names no folder of this host, as file:./failures does",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_can_be_no_destination_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(OptionsError) as refused:
        destination(text, LOCAL)
    assert str(refused.value) == REFUSED[text]
    assert refused.value.field == "destination"


@pytest.mark.parametrize("service", ["sqs", "sns"])
def test_the_region_is_the_arns_whatever_is_configured(service: str) -> None:
    found = destination(f"arn:aws:{service}:eu-west-1:000000000000:x", replace(LOCAL, region="us-east-1"))
    assert found._connection.service.target.region == "eu-west-1"  # type: ignore[attr-defined]  # a part of its own


@pytest.mark.parametrize(
    "text", ["arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:sns:us-east-1:000000000000:t", "arn:aws:s3:::bucket"]
)
def test_real_aws_is_contacted_only_when_allowed(text: str) -> None:
    with pytest.raises(OptionsError, match="real AWS, which is not contacted unless told to"):
        destination(text, AwsOptions(region="us-east-1"))
    assert destination(text, AwsOptions(region="us-east-1", allow_aws=True))


def test_a_folder_needs_no_client_of_aws() -> None:
    program = """
import sys
sys.modules["aiobotocore"] = sys.modules["botocore"] = None
from connectors.aws.options import AwsOptions
from connectors.destinations import destination
destination("file:./failures", AwsOptions())
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_partition_of_any_name_makes_one_part_of_a_key() -> None:
    discard = replace(discards.discard("recorded-kinesis-s3"), partition="orders/ü")
    assert key(discard).startswith("aws/lambda/orders/orders%2F%C3%BC/2025/11/25/2025-11-25T16.35.32-")


def test_each_batch_has_an_object_of_its_own() -> None:
    one = discards.discard("recorded-kinesis-s3")
    other = [replace(one, moment=one.moment + 0.001), replace(one, mapping="m"), replace(one, records=[])]
    assert len({key(each) for each in [one, *other]}) == 4
    assert key(one) == key(replace(one))


async def delivered(found: Destination, *given: Discard) -> None:
    for each in given:
        await found.deliver(each)
    await found.close()


async def test_a_file_holds_the_failure_record_the_event_and_the_records(tmp_path: Path) -> None:
    given = discards.discard("recorded-kinesis-s3")
    await delivered(destination(f"file:{tmp_path}/new/failures", LOCAL), given, given)  # told twice: one file
    [file] = (tmp_path / "new/failures/orders").iterdir()
    assert re.fullmatch(r"2025-11-25T16\.35\.32-[0-9a-f-]{36}\.json", file.name)
    held = json.loads(file.read_text())
    [record] = held.pop("records")
    assert held == discards.load("recorded-kinesis-s3")
    [fetched] = given.records
    assert base64.b64decode(record["body"]["base64"]) == fetched.body
    assert (record["position"], record["key"], record["arrived"]) == (fetched.position, fetched.key, fetched.arrived)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent, file.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


async def test_whatever_is_in_a_record_can_be_written_down(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    metadata = {"headers": [("h\ud800", b"\xff")], "image": {"B": b"\x00"}, "at": moment, 5: object}
    record = Record(id="1", body="half \ud800", key=b"k", metadata=metadata)  # type: ignore[arg-type]  # a connector's slip
    given = replace(discards.discard("recorded-kinesis-s3"), records=[record])
    await delivered(destination(f"file:{tmp_path}", LOCAL), given)
    [file] = (tmp_path / "orders").iterdir()
    [held] = json.loads(file.read_text())["records"]
    assert held["body"] == "half \ud800"
    assert held["key"] == {"base64": "aw=="}
    assert held["metadata"]["headers"] == [["h\ud800", {"base64": "/w=="}]]
    assert held["metadata"]["image"] == {"B": {"base64": "AA=="}}


async def test_a_folder_that_takes_nothing_is_an_error_of_the_destination(tmp_path: Path) -> None:
    (tmp_path / "failures").write_text("a file")
    given = discards.discard("recorded-kinesis-s3")
    with pytest.raises(SourceError, match="failures/orders cannot be written to: File exists"):
        await destination(f"file:{tmp_path}/failures", LOCAL).deliver(given)


async def test_half_a_file_is_none(tmp_path: Path) -> None:
    """The disk is full, or so it seems: nothing under the file's name, and the next attempt is complete."""
    given = discards.discard("recorded-kinesis-s3")
    found = destination(f"file:{tmp_path}", LOCAL)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(SourceError, match="cannot be written to: File too large"):
            await found.deliver(given)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list((tmp_path / "orders").iterdir())
    await asyncio.gather(*(found.deliver(given) for _ in range(3)))
    [file] = (tmp_path / "orders").iterdir()
    assert json.loads(file.read_text())["payload"]


def test_relative_folders_are_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asyncio.run(delivered(destination("file:./failures", LOCAL), discards.discard("recorded-kinesis-s3")))
    assert os.listdir(tmp_path / "failures") == ["orders"]
