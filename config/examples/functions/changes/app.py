"""Logs what has changed in a table."""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda passes it
    """Take the changes of a DynamoDB Streams event; an exception has the whole batch tried again."""
    for record in event["Records"]:
        change = record["dynamodb"]
        before, after = change.get("OldImage", {}), change.get("NewImage", {})
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        log.info("%s %s: %s", record["eventName"], change["Keys"], ", ".join(changed))
