"""Takes orders from a queue. An order that cannot be read is reported as failed, and the others of the batch are done with."""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Accept every order of an SQS event; answer with the messages that are to come again."""
    failed = []
    for record in event["Records"]:
        try:
            order = json.loads(record["body"])
            total = sum(Decimal(str(line["price"])) * line["quantity"] for line in order["lines"])
            log.info("order %s accepted: %s in %d lines", order["id"], total, len(order["lines"]))
        except (ValueError, KeyError, TypeError, ArithmeticError):
            log.exception("message %s is no order", record["messageId"])
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}
