"""Writes SNS notifications to the log, with the severity that their message attribute names."""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)

LEVELS = {"critical": logging.CRITICAL, "warning": logging.WARNING}


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda passes it
    """Log each notification of an SNS event."""
    for record in event["Records"]:
        notification = record["Sns"]
        severity = notification["MessageAttributes"].get("severity", {}).get("Value", "")
        topic = notification["TopicArn"].rpartition(":")[2]
        log.log(
            LEVELS.get(severity, logging.INFO),
            "%s: %s: %s",
            topic,
            notification.get("Subject") or "(no subject)",
            notification["Message"],
        )
