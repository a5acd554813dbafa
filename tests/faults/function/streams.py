"""The handler of app.py for events of streams, whichever it is: notes what it starts and has finished, fails when a record asks for it.

On top of app.py's keys ``exit`` has the process end in so many attempts. These, and those of ``fail``, are counted here, since a stream
tells none: each leaves a byte in a file beside the journal.
The answer names the first record that failed, and nothing behind it is run, as the service's guide asks for.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

from app import note, wait  # type: ignore[import-not-found]  # it lies beside this file, where a function runs

ATTEMPTS = Path(os.environ["JOURNAL"]).parent


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    for identifier, message in _records(event):
        if not _run(message):
            if "PARTIAL" not in os.environ:
                raise RuntimeError(f"record {message['n']} asked for it")
            return {"batchItemFailures": [{"itemIdentifier": identifier}]}
    return {"batchItemFailures": []}


def _records(event: dict[str, Any]) -> list[tuple[Any, dict[str, Any]]]:
    """What a partial batch response calls each record, and its message."""
    found = event["records"] if "bootstrapServers" in event else {"": event["Records"]}
    return [_record(partition, record) for partition, records in found.items() for record in records]


def _record(partition: str, record: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    if "offset" in record:
        identifier: Any = {"partition": partition, "offset": record["offset"]}
        return identifier, json.loads(base64.b64decode(record["value"]))
    if "kinesis" in record:
        return record["kinesis"]["sequenceNumber"], json.loads(base64.b64decode(record["kinesis"]["data"]))
    if "dynamodb" in record:
        return record["dynamodb"]["SequenceNumber"], json.loads(record["dynamodb"]["NewImage"]["message"]["S"])
    return record["redis"]["sequenceNumber"], json.loads(record["redis"]["data"])


def _run(message: dict[str, Any]) -> bool:
    group = str(message.get("group", ""))
    note("start", message["n"], 1, group)
    wait(message)
    failures, deaths = message.get("fail", 0), message.get("exit", 0)
    attempt = _attempt(message["n"]) if failures or deaths else 1
    if attempt <= deaths:
        os._exit(1)
    if failures == -1 or attempt <= failures:
        return False
    note("end", message["n"], 1, group)
    return True


def _attempt(number: int) -> int:
    os.umask(0)  # the next attempt may be another environment's, which is another user
    with (ATTEMPTS / f"attempts-{number}").open("ab") as file:
        file.write(b".")
        return file.tell()
