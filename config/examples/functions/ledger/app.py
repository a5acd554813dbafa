"""Passes bookings on to a ledger, in the order they come.

A message that is delivered twice is booked once: its id goes along as the key by which the ledger knows a repetition.
"""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import json
import logging
import os
import urllib.request
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)

LEDGER_URL = os.environ["LEDGER_URL"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Book the messages of an SQS FIFO event. From the first failure of an account on, all of that account come again."""
    failed: list[str] = []
    stopped: set[str] = set()
    for record in event["Records"]:
        account, message = record["attributes"]["MessageGroupId"], record["messageId"]
        if account not in stopped:
            try:
                book(message, account, json.loads(record["body"]))
            except (OSError, ValueError, KeyError, TypeError):  # URLError is an OSError
                log.exception("account %s stops at message %s", account, message)
                stopped.add(account)
        if account in stopped:
            failed.append(message)
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


def book(message: str, account: str, booking: dict[str, Any]) -> None:
    """Hand one booking to the ledger. Raises OSError when it does not take it."""
    body = json.dumps({"account": account, "cents": int(booking["cents"])}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": message}
    request = urllib.request.Request(LEDGER_URL, body, headers)  # noqa: S310 - the URL is the operator's
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - the URL is the operator's
        log.info("booked %s cents on account %s", booking["cents"], account)
