"""Writes an invoice for an order. One that cannot be written fails, is tried again once, and then goes where failures go."""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Answer with the invoice: ``{"order": ..., "cents": ...}``."""
    cents = sum(line["cents"] * line["quantity"] for line in event["lines"])
    log.info("invoice for order %s: %d", event["order"], cents)
    return {"order": event["order"], "cents": cents}
