"""A MiniStack of our own, fresh for each measurement: queues, their filling, their emptiness, and its own event source mapping."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3

from bench.programs import Failed, Program, free_port, listens, running, until

REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
BODY = json.dumps({"order": "o-0000", "status": "paid", "pad": "x" * 56})
"""100 bytes, the same for everyone."""


class SqsServer:
    """One MiniStack process and a client of it."""

    def __init__(self, program: Program, url: str) -> None:
        self.program = program
        self.url = url
        self._sqs = self.client("sqs")

    def make_queues(self, names: Sequence[str]) -> list[str]:
        """New queues; returns their URLs in the order of the names."""
        return [self._sqs.create_queue(QueueName=name)["QueueUrl"] for name in names]

    def fill(self, url: str, count: int) -> None:
        """Put messages on a queue, ten a request."""
        entries = [{"Id": str(n), "MessageBody": BODY} for n in range(10)]

        def send(first: int) -> None:
            self._sqs.send_message_batch(QueueUrl=url, Entries=entries[: min(10, count - first)])

        with ThreadPoolExecutor(4) as senders:
            list(senders.map(send, range(0, count, 10)))

    def left(self, url: str) -> int:
        """Messages on the queue, those in flight included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def until_empty(self, url: str) -> float:
        """Wait until nothing is left; returns when, in seconds since the epoch."""
        return until(lambda: self.left(url) == 0, "emptying the queue", seconds=45, program=self.program)

    def queue_arn(self, url: str) -> str:
        """ARN of a queue."""
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn: str = answer["Attributes"]["QueueArn"]
        return arn

    def map_to_function(
        self, source: str, code: Path, environment: dict[str, str], batch_size: int, **mapping: Any
    ) -> None:
        """MiniStack's own Lambda, fed from a source (its ARN) by its own event source mapping. mapping: more of it, in the API's words."""
        self.make_function("work", code, environment)
        self.client("lambda").create_event_source_mapping(
            EventSourceArn=source, FunctionName="work", BatchSize=batch_size, **mapping
        )

    def make_function(self, name: str, code: Path, environment: dict[str, str]) -> None:
        """A function of MiniStack's own Lambda, active when this returns."""
        functions = self.client("lambda")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(code / "app.py", "app.py")
        functions.create_function(
            FunctionName=name,
            Runtime=f"python3.{sys.version_info.minor}",
            Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/bench",
            Code={"ZipFile": packed.getvalue()},
            Timeout=30,
            Environment={"Variables": environment},
        )
        self._until_active(functions, name)

    def _until_active(self, functions: Any, name: str) -> None:
        give_up = time.monotonic() + 20
        while functions.get_function(FunctionName=name)["Configuration"]["State"] != "Active":
            if time.monotonic() > give_up:
                raise Failed("MiniStack's function did not become active within 20 s")
            time.sleep(0.1)

    def client(self, service: str) -> Any:
        """One of boto3 for a service of this server."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )


@contextlib.contextmanager
def sqs_server(folder: Path) -> Iterator[SqsServer]:
    """A server with nothing in it, on a free port of 127.0.0.1. folder: for its log."""
    port = free_port()
    env = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR", "LAMBDA_EXECUTOR": "local"}
    command = [str(Path(sys.executable).with_name("ministack"))]
    with running(command, log=folder / "ministack.log", env=env) as program:
        until(lambda: listens(port), "MiniStack's start", seconds=30, program=program)
        yield SqsServer(program, f"http://127.0.0.1:{port}")
