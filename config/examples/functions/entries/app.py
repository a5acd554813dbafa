"""What a Redis stream or list holds, logged; records that are no JSON are named, so that only those come again."""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import json
import logging
from typing import Any

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Entry point."""
    failed = []
    for record in event["Records"]:
        stream = record.get("redis")
        name, text = (stream["sequenceNumber"], stream["data"]) if stream else (record["messageId"], record["body"])
        try:
            logger.info("%s %s: %s", record["eventSource"], name, json.loads(text))
        except ValueError:
            failed.append({"itemIdentifier": name})
    return {"batchItemFailures": failed}
