"""Counts clicks, in the order of the stream. At the first that cannot be read it stops, and says which: what came before is done with."""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import base64
import json
import logging
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Take the clicks of a Kinesis event; answer with the record from which on it is to come again."""
    for record in event["Records"]:
        number = record["kinesis"]["sequenceNumber"]
        try:
            click = json.loads(base64.b64decode(record["kinesis"]["data"]))
            log.info("%s looks at %s", click["visitor"], click["page"])
        except (ValueError, KeyError, TypeError):
            log.exception("record %s is no click", number)
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}
