"""A Lambda handler that notes each record it starts and each it has finished, and fails when a message asks for it.

Plain: it imports the standard library only and knows nothing of who runs it. A note is one line, written by one system call to a
file open for appending, so lines of several processes never mix, and a line that was written outlives a SIGKILL of its writer.

A message is a JSON object. n: its number. seconds: how long it takes. gate: a file to wait for. fail: how many of its receives fail, of a
stream's record how many of its attempts in each process; -1 for all. Variables: JOURNAL, the file for the notes; PARTIAL, anything:
failed records are named instead of raised.
"""

import base64
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

JOURNAL = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


TRIES: Counter[int] = Counter()
"""How often this process has begun with a record of a stream, which does not say how often it came."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    failed: list[str] = []
    for record in event["Records"]:
        name, order, run = _of_stream(record) if "kinesis" in record else _of_queue(record)
        if failed and order:
            failed.append(name)  # what follows a failed record must not overtake it
        elif not run():
            failed.append(name)
    if failed and "PARTIAL" not in os.environ:
        raise RuntimeError(f"{len(failed)} of {len(event['Records'])} records asked for it")
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def streamed(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The same for entries of a Redis stream."""
    entries = [record["redis"] for record in event["Records"]]
    attributes = {"ApproximateReceiveCount": "1"}
    records = [{"messageId": e["sequenceNumber"], "body": e["data"], "attributes": attributes} for e in entries]
    return handler({"Records": records}, context)


def _of_queue(record: dict[str, Any]) -> tuple[str, bool, Callable[[], bool]]:
    """Its name, whether order matters, and what to do with it."""
    attributes = record["attributes"]
    message, receives = json.loads(record["body"]), int(attributes["ApproximateReceiveCount"])
    group = attributes.get("MessageGroupId", "")
    return record["messageId"], "MessageGroupId" in attributes, lambda: _run(message, receives, group)


def _of_stream(record: dict[str, Any]) -> tuple[str, bool, Callable[[], bool]]:
    data = record["kinesis"]
    message = json.loads(base64.b64decode(data["data"]))

    def run() -> bool:
        TRIES[message["n"]] += 1
        return _run(message, TRIES[message["n"]], data["partitionKey"])

    return data["sequenceNumber"], True, run


def _run(message: dict[str, Any], receives: int, group: str) -> bool:
    _note("start", message["n"], receives, group)
    while "gate" in message and not Path(message["gate"]).exists():
        time.sleep(0.02)
    time.sleep(message.get("seconds", 0))
    failures = message.get("fail", 0)
    if failures == -1 or receives <= failures:
        return False
    _note("end", message["n"], receives, group)
    return True


def _note(what: str, number: int, receives: int, group: str) -> None:
    note = {"what": what, "n": number, "receives": receives, "group": group, "pid": os.getpid(), "at": time.time()}
    os.write(JOURNAL, (json.dumps(note) + "\n").encode())
