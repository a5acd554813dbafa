"""Logs shipments from a topic."""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import base64
import json
import logging
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda passes it
    """Take the records of a Kafka event, partition by partition; a record without a value says that its key is gone."""
    for records in event["records"].values():
        for record in records:
            place = f"{record['topic']}-{record['partition']}:{record['offset']}"
            if record.get("value") is None:
                log.info("%s is gone", place)
            else:
                log.info("%s holds %s", place, json.loads(base64.b64decode(record["value"])))
