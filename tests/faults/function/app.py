"""A Lambda handler that notes each record it starts and each it has finished, and fails when a message asks for it.

Plain: it imports the standard library only and knows nothing of who runs it. A note is one line, written by one system call to a
file open for appending, so lines of several processes never mix, and a line that was written outlives a SIGKILL of its writer.

A message is a JSON object. n: its number. seconds: how long it takes. gate: a file to wait for. fail: how many of its receives
fail, -1 for all. Variables: JOURNAL, the file for the notes; PARTIAL, anything: failed records are named instead of raised.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

JOURNAL = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    failed: list[str] = []
    for record in event["Records"]:
        if failed and "MessageGroupId" in record["attributes"]:
            failed.append(record["messageId"])  # what follows a failed record of a group must not overtake it
        elif not _run(record):
            failed.append(record["messageId"])
    if failed and "PARTIAL" not in os.environ:
        raise RuntimeError(f"{len(failed)} of {len(event['Records'])} records asked for it")
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _run(record: dict[str, Any]) -> bool:
    message = json.loads(record["body"])
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    group = record["attributes"].get("MessageGroupId", "")
    note("start", message["n"], receives, group)
    wait(message)
    failures = message.get("fail", 0)
    if failures == -1 or receives <= failures:
        return False
    note("end", message["n"], receives, group)
    return True


def wait(message: dict[str, Any]) -> None:
    """Until the gate is there, and so long as the message says."""
    while "gate" in message and not Path(message["gate"]).exists():
        time.sleep(0.02)
    time.sleep(message.get("seconds", 0))


def note(what: str, number: int, receives: int, group: str) -> None:
    line = {"what": what, "n": number, "receives": receives, "group": group, "pid": os.getpid(), "at": time.time()}
    os.write(JOURNAL, (json.dumps(line) + "\n").encode())
